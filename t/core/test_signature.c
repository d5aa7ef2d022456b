/*
 * Signatures over bytes: Project Wycheproof's attacks, and our own keys.
 */

#include "mk_base.h"
#include "mk_json.h"
#include "mk_signature.h"
#include "tap.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>


#define TEST_WYCHEPROOF  "../shared/vectors/wycheproof/"


static void
test_own_key(mk_key_type_t type, const char *name)
{
    uint8_t           signature[MK_SIGNATURE_LEN];
    unsigned          i, refused;
    mk_key_t         *key, *other;
    const mk_bytes_t  data = { (const uint8_t *) "text", 4 };
    const mk_bytes_t  none = { NULL, 0 };

    key = mk_key_generate(type);
    other = mk_key_generate(type);

    is_status(mk_signature_sign(key, data, signature), MK_OK, "%s signs",
              name);
    is_status(mk_signature_verify(key, data, signature, MK_LINK_INVALID),
              MK_OK, "%s verifies", name);
    is_status(mk_signature_verify(other, data, signature, MK_LINK_INVALID),
              MK_LINK_INVALID, "%s: another key", name);
    is_status(mk_signature_verify(key, none, signature, MK_LINK_INVALID),
              MK_LINK_INVALID, "%s: other bytes", name);

    refused = 0;

    for (i = 0; i < 8 * sizeof(signature); i++) {
        signature[i / 8] ^= (uint8_t) (1 << i % 8);

        if (mk_signature_verify(key, data, signature, MK_LINK_INVALID)
            == MK_LINK_INVALID)
        {
            refused++;
        }

        signature[i / 8] ^= (uint8_t) (1 << i % 8);
    }

    is_int(refused, 8 * sizeof(signature), "%s: any bit flipped", name);
    is_int(ERR_peek_error(), 0, "%s: nothing is left in OpenSSL's queue",
           name);

    is_status(mk_signature_sign(key, none, signature), MK_OK,
              "%s signs nothing", name);
    is_status(mk_signature_verify(key, none, signature, MK_LINK_INVALID),
              MK_OK, "%s verifies nothing", name);

    mk_key_free(other);
    mk_key_free(key);
}


static void
test_wrong_keys(void)
{
    char             *jwk;
    size_t            len;
    uint8_t           signature[MK_SIGNATURE_LEN];
    mk_key_t         *agreement, *private, *public;
    const char       *why;
    const mk_bytes_t  data = { (const uint8_t *) "text", 4 };

    memset(signature, 1, sizeof(signature));

    agreement = mk_key_generate(MK_KEY_X25519);
    is_status(mk_signature_sign(agreement, data, signature),
              MK_INTERNAL_ERROR, "X25519 does not sign");
    is_int(signature[0] | signature[63], 0, "and leaves no signature");
    is_status(mk_signature_verify(agreement, data, signature,
                                  MK_LINK_INVALID),
              MK_LINK_INVALID, "X25519 verifies nothing");

    private = mk_key_generate(MK_KEY_ED25519);
    mk_key_to_jwk(private, NULL, &jwk, &len);
    public = mk_key_from_jwk(jwk, len, &why);
    is_status(mk_signature_sign(public, data, signature), MK_INTERNAL_ERROR,
              "a public key does not sign");

    mk_key_wipe(jwk, len);
    mk_key_free(public);
    mk_key_free(private);
    mk_key_free(agreement);
}


static void
test_hmac(void)
{
    uint8_t           tag[MK_SIGNATURE_HMAC];
    mk_secret_t      *key, *other, *small;
    const mk_bytes_t  data = { (const uint8_t *) "text", 4 };

    key = mk_secret_create(32);
    other = mk_secret_create(32);
    small = mk_secret_create(31);
    mk_secret_bytes(other)[31] = 1;

    is_status(mk_signature_hmac_sign(key, data, tag), MK_OK, "a tag");
    is_status(mk_signature_hmac_verify(key, data, tag, MK_LINK_INVALID),
              MK_OK, "is right");
    is_status(mk_signature_hmac_verify(other, data, tag, MK_LINK_INVALID),
              MK_LINK_INVALID, "and wrong for another key");

    tag[31] ^= 1;
    is_status(mk_signature_hmac_verify(key, data, tag, MK_LINK_INVALID),
              MK_LINK_INVALID, "or with a bit flipped");

    is_status(mk_signature_hmac_verify(small, data, tag, MK_LINK_INVALID),
              MK_LINK_INVALID, "a key of 31 bytes verifies nothing");
    is_status(mk_signature_hmac_sign(small, data, tag), MK_INTERNAL_ERROR,
              "and makes nothing");

    mk_secret_free(small);
    mk_secret_free(other);
    mk_secret_free(key);
}


/* one test of Wycheproof; 1 if our answer is the one that it wants */
static int
test_vector(const mk_key_t *key, const json_t *test)
{
    int          valid;
    size_t       len, sig_len;
    uint8_t     *msg, *sig;
    mk_bytes_t   data;
    mk_status_t  status;

    msg = tap_unhex(json_string_value(json_object_get(test, "msg")), &len);
    sig = tap_unhex(json_string_value(json_object_get(test, "sig")),
                    &sig_len);
    valid = mk_json_is(test, "result", "valid");

    data.data = msg;
    data.len = len;

    /* the length is what mk_jws looks at before */
    status = MK_LINK_INVALID;

    if (sig_len == MK_SIGNATURE_LEN) {
        status = mk_signature_verify(key, data, sig, MK_LINK_INVALID);
    }

    free(sig);
    free(msg);

    return status == (valid ? MK_OK : MK_LINK_INVALID);
}


/* some groups of P-256 have the point only; NULL if the key is refused */
static mk_key_t *
test_key(const json_t *group)
{
    char        *text, x[44], y[44];
    size_t       len;
    json_t      *jwk, *point;
    uint8_t     *bytes;
    mk_key_t    *key;
    const char  *why;

    jwk = json_deep_copy(json_object_get(group, "publicKeyJwk"));

    if (jwk == NULL) {
        point = json_object_get(json_object_get(group, "publicKey"),
                                "uncompressed");
        bytes = tap_unhex(json_string_value(point), &len);

        if (bytes == NULL || len != 65) {
            free(bytes);
            return NULL;
        }

        mk_base64url_encode(bytes + 1, 32, x, sizeof(x));
        mk_base64url_encode(bytes + 33, 32, y, sizeof(y));
        free(bytes);

        jwk = json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256",
                        "x", x, "y", y);
    }

    text = json_dumps(jwk, JSON_COMPACT);
    key = mk_key_from_jwk(text, strlen(text), &why);

    free(text);
    json_decref(jwk);

    return key;
}


static void
test_group(const json_t *group, size_t *right, size_t *wrong, size_t *skipped)
{
    size_t         i;
    json_t        *tests;
    mk_key_t      *key;
    const json_t  *test;

    tests = json_object_get(group, "tests");
    key = test_key(group);

    if (key == NULL) {
        *skipped += json_array_size(tests);
        return;
    }

    for (i = 0; i < json_array_size(tests); i++) {
        test = json_array_get(tests, i);

        if (test_vector(key, test)) {
            (*right)++;

        } else {
            (*wrong)++;
            tap_diag("tcId %lld: %s",
                     json_integer_value(json_object_get(test, "tcId")),
                     json_string_value(json_object_get(test, "comment")));
        }
    }

    mk_key_free(key);
}


static void
test_wycheproof(const char *path)
{
    char    *text;
    size_t   i, len, right, wrong, skipped;
    json_t  *json, *groups;

    text = tap_slurp(path, &len);

    if (text == NULL) {
        ok(1, "# SKIP %s is not there", path);
        return;
    }

    json = json_loadb(text, len, 0, NULL);
    groups = json_object_get(json, "testGroups");
    right = 0;
    wrong = 0;
    skipped = 0;

    for (i = 0; i < json_array_size(groups); i++) {
        test_group(json_array_get(groups, i), &right, &wrong, &skipped);
    }

    tap_diag("%s: %zu right, %zu skipped (the key is refused)", path, right,
             skipped);
    ok(right > 0, "%s has vectors for us", path);
    is_int(wrong, 0, "%s: none is taken wrongly", path);
    is_int(ERR_peek_error(), 0, "%s: nothing is left in OpenSSL's queue",
           path);

    json_decref(json);
    free(text);
}


int
main(void)
{
    test_own_key(MK_KEY_ED25519, "Ed25519");
    test_own_key(MK_KEY_P256, "ES256");
    test_wrong_keys();
    test_hmac();

    test_wycheproof(TEST_WYCHEPROOF "ed25519_test.json");
    test_wycheproof(TEST_WYCHEPROOF "ecdsa_secp256r1_sha256_p1363_test.json");

    return tap_done();
}
