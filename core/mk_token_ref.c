/*
 * mk_token_ref: what a log calls a token.
 */

#include "mk_token_ref.h"
#include "mk_signature.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>


mk_secret_t *
mk_token_ref_key(void)
{
    mk_secret_t  *key;

    key = mk_secret_create(MK_TOKEN_REF_KEY);

    if (key != NULL
        && RAND_priv_bytes(mk_secret_bytes(key), MK_TOKEN_REF_KEY) != 1)
    {
        mk_secret_free(key);
        key = NULL;
    }

    return key;
}


mk_status_t
mk_token_ref_print(const mk_secret_t *key, mk_bytes_t token,
    char ref[MK_TOKEN_REF + 1])
{
    static const char  hex[] = "0123456789abcdef";

    size_t       i;
    uint8_t      tag[MK_SIGNATURE_HMAC];
    mk_status_t  status;

    memset(ref, 0, MK_TOKEN_REF + 1);

    status = mk_signature_hmac_sign(key, token, tag);
    if (status != MK_OK) {
        return status;
    }

    for (i = 0; i < MK_TOKEN_REF / 2; i++) {
        ref[2 * i] = hex[tag[i] >> 4];
        ref[2 * i + 1] = hex[tag[i] & 0x0f];
    }

    OPENSSL_cleanse(tag, sizeof(tag));

    return MK_OK;
}
