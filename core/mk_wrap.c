/*
 * mk_wrap: opening and making wraps.
 */

#include "mk_wrap.h"

#include "mk_base.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>


#define MK_WRAP_DIGEST  32      /* SHA-256 */


static const mk_bytes_t  mk_wrap_info = {
    (const uint8_t *) MK_PROFILE_WRAP_INFO, sizeof(MK_PROFILE_WRAP_INFO) - 1
};


/* the algorithm follows from the key; NULL if it opens no wraps */
static const char *
mk_wrap_alg(const mk_key_t *key)
{
    switch (mk_key_type(key)) {

    case MK_KEY_P256:
        return MK_PROFILE_WRAP_P256;

    case MK_KEY_X25519:
        return MK_PROFILE_WRAP_X25519;

    default:
        return NULL;
    }
}


static int
mk_wrap_digest(mk_bytes_t payload_text, uint8_t digest[MK_WRAP_DIGEST])
{
    return EVP_Digest(payload_text.data, payload_text.len, digest, NULL,
                      EVP_sha256(), NULL)
           == 1;
}


/*
 * Text of any length, so that base64url of a wrong length (a wrap that does
 * not open) is told from text that is none (a capsule that is wrong).
 */
static mk_status_t
mk_wrap_decode(mk_bytes_t text, uint8_t **out, mk_bytes_t *bytes)
{
    size_t  room;

    room = text.len / 4 * 3 + 3;

    *out = malloc(room);
    if (*out == NULL) {
        return MK_INTERNAL_ERROR;
    }

    bytes->data = *out;

    if (!mk_base64url_decode((const char *) text.data, text.len, *out, room,
                             &bytes->len))
    {
        return MK_INVALID_CAPSULE;
    }

    return MK_OK;
}


static mk_status_t
mk_wrap_open_bytes(const mk_key_t *key, mk_bytes_t payload_text,
    mk_bytes_t enc, mk_bytes_t ct, mk_secret_t **data_key)
{
    uint8_t      digest[MK_WRAP_DIGEST];
    mk_bytes_t   aad;
    mk_status_t  status;

    /* how long the data key is, is known before anything is opened */
    if (ct.len != MK_CAPSULE_WRAP_CT) {
        return MK_KEY_UNWRAP_FAILED;
    }

    if (!mk_wrap_digest(payload_text, digest)) {
        return MK_INTERNAL_ERROR;
    }

    aad.data = digest;
    aad.len = sizeof(digest);

    status = mk_hpke_open(key, enc, mk_wrap_info, aad, ct, data_key);
    if (status != MK_OK) {
        return status;
    }

    if (mk_secret_view(*data_key).len != MK_FLOE_KEY) {
        mk_secret_free(*data_key);
        *data_key = NULL;
        return MK_KEY_UNWRAP_FAILED;
    }

    return MK_OK;
}


mk_status_t
mk_wrap_open(const mk_wrap_t *wrap, mk_bytes_t payload_text,
    const mk_key_t *key, mk_secret_t **data_key)
{
    uint8_t      *enc_bytes, *ct_bytes;
    mk_bytes_t    enc, ct;
    const char   *alg;
    mk_status_t   status;

    *data_key = NULL;
    enc_bytes = NULL;
    ct_bytes = NULL;

    alg = mk_wrap_alg(key);

    if (alg == NULL || wrap->alg.len != strlen(alg)
        || memcmp(wrap->alg.data, alg, wrap->alg.len) != 0)
    {
        return MK_INVALID_CAPSULE;
    }

    status = mk_wrap_decode(wrap->enc_text, &enc_bytes, &enc);

    if (status == MK_OK) {
        status = mk_wrap_decode(wrap->ct_text, &ct_bytes, &ct);
    }

    if (status == MK_OK) {
        status = mk_wrap_open_bytes(key, payload_text, enc, ct, data_key);
    }

    free(ct_bytes);
    free(enc_bytes);

    return status;
}


static json_t *
mk_wrap_json(const char *identity, const mk_key_t *key, mk_bytes_t enc,
    mk_bytes_t ct)
{
    char  enc_text[MK_BASE64URL_LEN(MK_HPKE_ENC_MAX) + 1];
    char  ct_text[MK_BASE64URL_LEN(MK_CAPSULE_WRAP_CT) + 1];

    mk_base64url_encode(enc.data, enc.len, enc_text, sizeof(enc_text));
    mk_base64url_encode(ct.data, ct.len, ct_text, sizeof(ct_text));

    return json_pack("{s:s, s:s, s:s, s:s, s:s}",
                     "recipient", identity,
                     "kid", mk_key_thumbprint(key),
                     "alg", mk_wrap_alg(key),
                     "enc", enc_text,
                     "ct", ct_text);
}


mk_status_t
mk_wrap_seal(const char *identity, const mk_key_t *key,
    mk_bytes_t payload_text, const mk_secret_t *data_key, json_t **wrap,
    const char **why)
{
    uint8_t      digest[MK_WRAP_DIGEST], enc_bytes[MK_HPKE_ENC_MAX],
                 ct_bytes[MK_CAPSULE_WRAP_CT];
    mk_bytes_t   name, aad, enc, ct;
    mk_status_t  status;

    *wrap = NULL;
    *why = NULL;

    name.data = (const uint8_t *) identity;
    name.len = strlen(identity);

    if (!mk_name_is_identity(name)) {
        *why = "a recipient is not an identity";
        return MK_INVALID_REQUEST;
    }

    if (mk_wrap_alg(key) == NULL) {
        *why = "a recipient's key is neither P-256 nor X25519";
        return MK_INVALID_REQUEST;
    }

    if (mk_secret_view(data_key).len != MK_FLOE_KEY) {
        *why = "the data key is not 32 bytes";
        return MK_INVALID_REQUEST;
    }

    if (!mk_wrap_digest(payload_text, digest)) {
        return MK_INTERNAL_ERROR;
    }

    aad.data = digest;
    aad.len = sizeof(digest);

    status = mk_hpke_seal(key, mk_wrap_info, aad, mk_secret_view(data_key),
                          enc_bytes, &enc.len, ct_bytes, &ct.len);
    if (status != MK_OK) {
        return status;
    }

    enc.data = enc_bytes;
    ct.data = ct_bytes;

    *wrap = mk_wrap_json(identity, key, enc, ct);

    return *wrap == NULL ? MK_INTERNAL_ERROR : MK_OK;
}
