#include "mk_gcm.h"

#include "mk_secret.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>


struct mk_gcm_s {
    EVP_CIPHER_CTX  *ctx;       /* holds the key while a message is worked on */
    mk_secret_t     *key;
    unsigned         keyed:1;
};


mk_gcm_t *
mk_gcm_create(void)
{
    mk_gcm_t  *gcm;

    gcm = calloc(1, sizeof(mk_gcm_t));
    if (gcm == NULL) {
        return NULL;
    }

    gcm->ctx = EVP_CIPHER_CTX_new();
    gcm->key = mk_secret_create(MK_GCM_KEY);

    if (gcm->ctx == NULL || gcm->key == NULL) {
        mk_gcm_free(gcm);
        return NULL;
    }

    return gcm;
}


void
mk_gcm_free(mk_gcm_t *gcm)
{
    if (gcm == NULL) {
        return;
    }

    EVP_CIPHER_CTX_free(gcm->ctx);
    mk_secret_free(gcm->key);
    free(gcm);
}


void
mk_gcm_set_key(mk_gcm_t *gcm, const uint8_t key[MK_GCM_KEY])
{
    memcpy(mk_secret_bytes(gcm->key), key, MK_GCM_KEY);
    gcm->keyed = 1;
}


/*
 * The key's schedule, whose first round keys are the key itself, is in
 * ordinary memory: it lasts as long as one message, and OpenSSL wipes it.
 */
static void
mk_gcm_done(mk_gcm_t *gcm)
{
    (void) EVP_CIPHER_CTX_reset(gcm->ctx);
}


/* the IV, then the aad, then the text up to where the tag comes into it */
static int
mk_gcm_run(mk_gcm_t *gcm, int seal, const uint8_t *iv, mk_bytes_t aad,
    mk_bytes_t in, uint8_t *out)
{
    int  n;

    if (!gcm->keyed || aad.len > MK_GCM_AAD_MAX || in.len > MK_GCM_TEXT_MAX) {
        return 0;
    }

    if (EVP_CipherInit_ex(gcm->ctx, EVP_aes_256_gcm(), NULL,
                          mk_secret_view(gcm->key).data, iv, seal)
        != 1)
    {
        return 0;
    }

    /* an update of nothing is no update to OpenSSL, but the end of one */
    if (aad.len > 0
        && EVP_CipherUpdate(gcm->ctx, NULL, &n, aad.data, (int) aad.len) != 1)
    {
        return 0;
    }

    if (in.len > 0
        && (EVP_CipherUpdate(gcm->ctx, out, &n, in.data, (int) in.len) != 1
            || (size_t) n != in.len))
    {
        return 0;
    }

    return 1;
}


mk_status_t
mk_gcm_seal(mk_gcm_t *gcm, const uint8_t iv[MK_GCM_IV], mk_bytes_t aad,
    mk_bytes_t pt, uint8_t *out)
{
    int  n, done;

    ERR_set_mark();

    done = mk_gcm_run(gcm, 1, iv, aad, pt, out)
           && EVP_EncryptFinal_ex(gcm->ctx, out + pt.len, &n) == 1
           && EVP_CIPHER_CTX_ctrl(gcm->ctx, EVP_CTRL_AEAD_GET_TAG,
                                  MK_GCM_TAG, out + pt.len)
              == 1;

    mk_gcm_done(gcm);
    ERR_pop_to_mark();

    if (!done) {
        OPENSSL_cleanse(out, pt.len + MK_GCM_TAG);
        return MK_INTERNAL_ERROR;
    }

    return MK_OK;
}


mk_status_t
mk_gcm_open(mk_gcm_t *gcm, const uint8_t iv[MK_GCM_IV], mk_bytes_t aad,
    mk_bytes_t ct, mk_status_t refused, uint8_t *out)
{
    int          n;
    uint8_t      tag[MK_GCM_TAG], end[1];
    mk_status_t  status;

    if (ct.len < MK_GCM_TAG) {
        return refused;
    }

    ct.len -= MK_GCM_TAG;
    memcpy(tag, ct.data + ct.len, MK_GCM_TAG);

    ERR_set_mark();

    if (!mk_gcm_run(gcm, 0, iv, aad, ct, out)
        || EVP_CIPHER_CTX_ctrl(gcm->ctx, EVP_CTRL_AEAD_SET_TAG, MK_GCM_TAG,
                               tag)
           != 1)
    {
        status = MK_INTERNAL_ERROR;

    } else if (EVP_DecryptFinal_ex(gcm->ctx, end, &n) != 1) {
        status = refused;

    } else {
        status = MK_OK;
    }

    mk_gcm_done(gcm);
    ERR_pop_to_mark();

    if (status != MK_OK) {
        OPENSSL_cleanse(out, ct.len);
    }

    return status;
}
