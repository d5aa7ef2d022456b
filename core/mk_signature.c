/*
 * mk_signature: EVP's signatures, and ECDSA's two encodings.
 */

#include "mk_signature.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string.h>


#define MK_SIGNATURE_SCALAR  (MK_SIGNATURE_LEN / 2)

/* ECDSA-Sig-Value of P-256 in DER: a header and a sign byte each */
#define MK_SIGNATURE_DER     (2 + 2 * (2 + 1 + MK_SIGNATURE_SCALAR))


/* r || s to the DER that EVP wants; its length, 0 if there is no memory */
static size_t
mk_signature_to_der(const uint8_t raw[MK_SIGNATURE_LEN],
    uint8_t der[MK_SIGNATURE_DER])
{
    int         len;
    BIGNUM     *r, *s;
    uint8_t    *end;
    ECDSA_SIG  *sig;

    sig = ECDSA_SIG_new();
    r = BN_bin2bn(raw, MK_SIGNATURE_SCALAR, NULL);
    s = BN_bin2bn(raw + MK_SIGNATURE_SCALAR, MK_SIGNATURE_SCALAR, NULL);

    if (sig == NULL || r == NULL || s == NULL
        || ECDSA_SIG_set0(sig, r, s) != 1)
    {
        BN_free(s);
        BN_free(r);
        ECDSA_SIG_free(sig);
        return 0;
    }

    end = der;
    len = i2d_ECDSA_SIG(sig, &end);

    ECDSA_SIG_free(sig);

    return len > 0 ? (size_t) len : 0;
}


static int
mk_signature_from_der(const uint8_t *der, size_t len,
    uint8_t raw[MK_SIGNATURE_LEN])
{
    int             done;
    ECDSA_SIG      *sig;
    const uint8_t  *in;

    in = der;

    sig = d2i_ECDSA_SIG(NULL, &in, (long) len);
    if (sig == NULL) {
        return 0;
    }

    done = BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, MK_SIGNATURE_SCALAR) > 0
           && BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + MK_SIGNATURE_SCALAR,
                           MK_SIGNATURE_SCALAR) > 0;

    ECDSA_SIG_free(sig);

    return done;
}


static mk_status_t
mk_signature_evp_verify(EVP_PKEY *pkey, const EVP_MD *md, mk_bytes_t data,
    mk_bytes_t signature, mk_status_t refused)
{
    mk_status_t   status;
    EVP_MD_CTX   *ctx;

    ctx = EVP_MD_CTX_new();

    if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, md, NULL, pkey) != 1) {
        status = MK_INTERNAL_ERROR;

    } else if (EVP_DigestVerify(ctx, signature.data, signature.len,
                                data.data, data.len)
               == 1)
    {
        status = MK_OK;

    } else {
        status = refused;
    }

    EVP_MD_CTX_free(ctx);

    return status;
}


mk_status_t
mk_signature_verify(const mk_key_t *key, mk_bytes_t data,
    const uint8_t signature[MK_SIGNATURE_LEN], mk_status_t refused)
{
    uint8_t        der[MK_SIGNATURE_DER];
    mk_bytes_t     bytes;
    mk_status_t    status;
    const EVP_MD  *md;

    /* what stays in OpenSSL's queue nginx reports as an error of its own */
    ERR_set_mark();

    switch (mk_key_type(key)) {

    case MK_KEY_ED25519:
        md = NULL;
        bytes.data = signature;
        bytes.len = MK_SIGNATURE_LEN;
        break;

    case MK_KEY_P256:
        md = EVP_sha256();
        bytes.data = der;
        bytes.len = mk_signature_to_der(signature, der);
        break;

    default:
        ERR_pop_to_mark();
        return refused;
    }

    if (bytes.len == 0) {
        status = MK_INTERNAL_ERROR;

    } else {
        status = mk_signature_evp_verify(mk_key_pkey(key), md, data, bytes,
                                         refused);
    }

    ERR_pop_to_mark();

    return status;
}


static int
mk_signature_evp_sign(EVP_PKEY *pkey, const EVP_MD *md, mk_bytes_t data,
    uint8_t out[MK_SIGNATURE_DER], size_t *len)
{
    int          done;
    EVP_MD_CTX  *ctx;

    *len = MK_SIGNATURE_DER;

    ctx = EVP_MD_CTX_new();

    done = ctx != NULL
           && EVP_DigestSignInit(ctx, NULL, md, NULL, pkey) == 1
           && EVP_DigestSign(ctx, out, len, data.data, data.len) == 1;

    EVP_MD_CTX_free(ctx);

    return done;
}


static int
mk_signature_by_type(mk_key_type_t type, EVP_PKEY *pair, mk_bytes_t data,
    uint8_t signature[MK_SIGNATURE_LEN])
{
    size_t   len;
    uint8_t  out[MK_SIGNATURE_DER];

    switch (type) {

    case MK_KEY_ED25519:
        if (!mk_signature_evp_sign(pair, NULL, data, out, &len)
            || len != MK_SIGNATURE_LEN)
        {
            return 0;
        }

        memcpy(signature, out, MK_SIGNATURE_LEN);
        return 1;

    case MK_KEY_P256:
        return mk_signature_evp_sign(pair, EVP_sha256(), data, out, &len)
               && mk_signature_from_der(out, len, signature);

    default:
        return 0;
    }
}


mk_status_t
mk_signature_sign(const mk_key_t *key, mk_bytes_t data,
    uint8_t signature[MK_SIGNATURE_LEN])
{
    int        done;
    EVP_PKEY  *pair;

    ERR_set_mark();
    pair = mk_key_pair(key);
    done = pair != NULL
           && mk_signature_by_type(mk_key_type(key), pair, data, signature);
    EVP_PKEY_free(pair);
    ERR_pop_to_mark();

    if (!done) {
        memset(signature, 0, MK_SIGNATURE_LEN);
        return MK_INTERNAL_ERROR;
    }

    return MK_OK;
}


mk_status_t
mk_signature_hmac_sign(const mk_secret_t *key, mk_bytes_t data,
    uint8_t tag[MK_SIGNATURE_HMAC])
{
    int         done;
    mk_bytes_t  bytes;

    bytes = mk_secret_view(key);

    ERR_set_mark();
    done = bytes.len >= MK_SIGNATURE_KEY_MIN
           && HMAC(EVP_sha256(), bytes.data, (int) bytes.len, data.data,
                   data.len, tag, NULL) != NULL;
    ERR_pop_to_mark();

    if (!done) {
        memset(tag, 0, MK_SIGNATURE_HMAC);
        return MK_INTERNAL_ERROR;
    }

    return MK_OK;
}


mk_status_t
mk_signature_hmac_verify(const mk_secret_t *key, mk_bytes_t data,
    const uint8_t tag[MK_SIGNATURE_HMAC], mk_status_t refused)
{
    int          equal;
    uint8_t      wanted[MK_SIGNATURE_HMAC];
    mk_status_t  status;

    if (mk_secret_view(key).len < MK_SIGNATURE_KEY_MIN) {
        return refused;
    }

    status = mk_signature_hmac_sign(key, data, wanted);
    if (status != MK_OK) {
        return status;
    }

    equal = CRYPTO_memcmp(wanted, tag, sizeof(wanted)) == 0;

    /* the right tag of a text that somebody else chose is worth stealing */
    OPENSSL_cleanse(wanted, sizeof(wanted));

    return equal ? MK_OK : refused;
}
