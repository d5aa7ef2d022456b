#include "mk_hkdf.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>


/* mode, digest, two byte strings and the end */
#define MK_HKDF_PARAMS  5


static const struct {
    char    name[sizeof("SHA2-256")];
    size_t  len;
} mk_hkdf_hashes[] = {
    [MK_HKDF_SHA256] = { "SHA2-256", MK_HKDF_SHA256_LEN },
    [MK_HKDF_SHA384] = { "SHA2-384", MK_HKDF_SHA384_LEN },
};


/* OSSL_PARAM has no const, though what it is given here is only read */
static OSSL_PARAM
mk_hkdf_octets(const char *name, mk_bytes_t bytes)
{
    union {
        const uint8_t  *in;
        void           *out;
    } data;

    data.in = bytes.data;

    return OSSL_PARAM_construct_octet_string(name, data.out, bytes.len);
}


/* key and extra: ikm and salt, or prk and info */
static int
mk_hkdf_derive(mk_hkdf_hash_t hash, int mode, mk_bytes_t key,
    const char *extra_name, mk_bytes_t extra, uint8_t *out, size_t len)
{
    int           done;
    char          digest[sizeof(mk_hkdf_hashes[0].name)];
    size_t        n;
    EVP_KDF      *kdf;
    EVP_KDF_CTX  *ctx;
    OSSL_PARAM    params[MK_HKDF_PARAMS];

    done = 0;
    ctx = NULL;
    ERR_set_mark();

    kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    if (kdf == NULL) {
        goto done;
    }

    ctx = EVP_KDF_CTX_new(kdf);
    if (ctx == NULL) {
        goto done;
    }

    OPENSSL_strlcpy(digest, mk_hkdf_hashes[hash].name, sizeof(digest));

    n = 0;
    params[n++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                   digest, 0);
    params[n++] = mk_hkdf_octets(OSSL_KDF_PARAM_KEY, key);

    if (extra.len > 0) {
        params[n++] = mk_hkdf_octets(extra_name, extra);
    }

    params[n] = OSSL_PARAM_construct_end();

    done = EVP_KDF_derive(ctx, out, len, params) == 1;

done:

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_pop_to_mark();

    if (!done) {
        OPENSSL_cleanse(out, len);
    }

    return done;
}


int
mk_hkdf_extract(mk_hkdf_hash_t hash, mk_bytes_t salt, mk_bytes_t ikm,
    uint8_t *prk)
{
    return mk_hkdf_derive(hash, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, ikm,
                          OSSL_KDF_PARAM_SALT, salt, prk,
                          mk_hkdf_hashes[hash].len);
}


int
mk_hkdf_expand(mk_hkdf_hash_t hash, mk_bytes_t prk, mk_bytes_t info,
    uint8_t *okm, size_t len)
{
    return mk_hkdf_derive(hash, EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk,
                          OSSL_KDF_PARAM_INFO, info, okm, len);
}
