/*
 * fuzz_jws: texts that claim to be signed, and some that are.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>


static mk_secret_t  *secret;


static mk_jws_alg_t
alg_of(const mk_key_t *key)
{
    return key == NULL ? MK_JWS_ALG_HS256
           : mk_key_type(key) == MK_KEY_P256 ? MK_JWS_ALG_ES256
           : MK_JWS_ALG_ED25519;
}


static mk_status_t
verify(const mk_jws_t *jws, const mk_key_t *key)
{
    return key == NULL ? mk_jws_verify_hmac(jws, secret, MK_LINK_INVALID)
                       : mk_jws_verify(jws, key, MK_LINK_INVALID);
}


/* what was taken apart is the text, and nothing else */
static void
check_parts(const mk_jws_t *jws)
{
    char  *text;

    FUZZ_HOLDS(jws->alg > MK_JWS_ALG_NONE && jws->alg <= MK_JWS_ALG_HS256);
    FUZZ_HOLDS(jws->signature_len == (jws->alg == MK_JWS_ALG_HS256
                                      ? MK_SIGNATURE_HMAC
                                      : MK_SIGNATURE_LEN));
    FUZZ_HOLDS(json_is_object(jws->header));
    FUZZ_HOLDS(json_object_get(jws->header, "crit") == NULL);
    FUZZ_HOLDS(jws->payload_len <= MK_JSON_MAX);

    text = fuzz_base64url(fuzz_bytes(jws->payload, jws->payload_len));
    FUZZ_HOLDS(mk_bytes_equal(fuzz_text(text), jws->payload_text));
    free(text);
}


/* reads it; what is refused leaves nothing behind */
static mk_status_t
read_compact(mk_bytes_t text, mk_jws_t *jws)
{
    const char  *why;
    mk_status_t  status;

    status = mk_jws_read_compact(text, MK_LINK_INVALID, jws, &why);

    if (status == MK_OK) {
        check_parts(jws);

    } else {
        FUZZ_HOLDS(status == MK_LINK_INVALID);
        FUZZ_HOLDS(fuzz_is_zero(jws, sizeof(*jws)));
        FUZZ_HOLDS(why != NULL);
    }

    return status;
}


static void
any_text(mk_bytes_t in)
{
    uint8_t   *copy;
    mk_jws_t   jws;

    copy = fuzz_copy(in);

    if (read_compact(fuzz_bytes(copy, in.len), &jws) == MK_OK) {

        /* nobody knows these keys' signatures by chance */

        verify(&jws, NULL);
        mk_jws_verify_by(&jws, fuzz_owners(), fuzz_text("owner"),
                         MK_LINK_INVALID);
    }

    mk_jws_clear(&jws);
    FUZZ_HOLDS(fuzz_is_zero(&jws, sizeof(jws)));
    free(copy);
}


static void
any_parts(mk_bytes_t in)
{
    mk_jws_t     jws;
    mk_bytes_t   header, payload;
    const char  *why;
    mk_status_t  status;

    header = fuzz_part(&in);
    payload = fuzz_part(&in);
    status = mk_jws_read(header, payload, in, MK_INVALID_CAPSULE, &jws, &why);

    if (status == MK_OK) {
        check_parts(&jws);

    } else {
        FUZZ_HOLDS(status == MK_INVALID_CAPSULE);
        FUZZ_HOLDS(fuzz_is_zero(&jws, sizeof(jws)));
    }

    mk_jws_clear(&jws);
}


/* one bit of the text is another: it is not signed any more */
static void
check_damaged(const char *text, size_t bit, const mk_key_t *key)
{
    char      *copy;
    size_t     len;
    mk_jws_t   jws;

    len = strlen(text);
    copy = (char *) fuzz_copy(fuzz_text(text));
    copy[bit / 8 % len] = (char) (copy[bit / 8 % len] ^ (1 << bit % 8));

    if (read_compact(fuzz_bytes(copy, len), &jws) == MK_OK) {
        FUZZ_HOLDS(verify(&jws, key) == MK_LINK_INVALID);
    }

    mk_jws_clear(&jws);
    free(copy);
}


/* any header and payload, well signed: the key has the say about "alg" */
static void
signed_text(mk_bytes_t in)
{
    int              good;
    char            *text;
    size_t           bit;
    mk_jws_t         jws;
    mk_bytes_t       header;
    mk_status_t      by;
    const mk_key_t  *key, *other;

    static const char *const  names[] = { "owner-ed25519", "owner-es256" };

    bit = fuzz_number(&in, 65536);
    key = bit % 3 == 2 ? NULL : fuzz_key(names[bit % 3]);
    other = fuzz_key("mallory-ed25519");
    header = fuzz_part(&in);
    text = fuzz_compact(header, in, key, secret);

    if (read_compact(fuzz_text(text), &jws) == MK_OK) {
        good = jws.alg == alg_of(key);
        FUZZ_HOLDS(verify(&jws, key) == (good ? MK_OK : MK_LINK_INVALID));
        FUZZ_HOLDS(verify(&jws, other) == MK_LINK_INVALID);
        FUZZ_HOLDS(jws.payload_len == in.len);

        by = mk_jws_verify_by(&jws, fuzz_owners(), fuzz_text("owner"),
                              MK_LINK_INVALID);
        FUZZ_HOLDS(by == MK_LINK_INVALID || (good && jws.kid.len > 0));
        FUZZ_HOLDS(mk_jws_verify_by(&jws, fuzz_owners(), fuzz_text("nobody"),
                                    MK_LINK_INVALID)
                   == MK_LINK_INVALID);
    }

    mk_jws_clear(&jws);
    check_damaged(text, bit, key);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mk_bytes_t  in;

    if (secret == NULL) {
        secret = mk_secret_create(MK_SIGNATURE_KEY_MIN);
    }

    in = fuzz_bytes(data, size);

    switch (fuzz_byte(&in) % 4) {

    case 0:
        any_text(in);
        break;

    case 1:
        any_parts(in);
        break;

    default:
        signed_text(in);
        break;
    }

    return 0;
}
