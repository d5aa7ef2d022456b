#include "mk_pkcs8.h"

#include "mk_key.h"
#include "mk_pkey.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <stdlib.h>
#include <string.h>


#define MK_PKCS8_BEGIN      "-----BEGIN "
#define MK_PKCS8_STRUCTURE  "PrivateKeyInfo"


/* One PEM block, in the secure heap where there is one. */
typedef struct {
    char     *name;
    char     *header;
    uint8_t  *der;
    long      len;
} mk_pkcs8_block_t;


static void
mk_pkcs8_block_clear(mk_pkcs8_block_t *block)
{
    OPENSSL_secure_free(block->name);
    OPENSSL_secure_free(block->header);
    OPENSSL_secure_clear_free(block->der, (size_t) block->len);
}


/* a second block would be a key that nobody sees */
static size_t
mk_pkcs8_blocks(mk_bytes_t pem)
{
    size_t  i, n, len;

    n = 0;
    len = sizeof(MK_PKCS8_BEGIN) - 1;

    for (i = 0; i + len <= pem.len; i++) {
        n += memcmp(pem.data + i, MK_PKCS8_BEGIN, len) == 0;
    }

    return n;
}


static int
mk_pkcs8_read_block(mk_bytes_t pem, mk_pkcs8_block_t *block)
{
    int   done;
    BIO  *bio;

    memset(block, 0, sizeof(mk_pkcs8_block_t));

    bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    if (bio == NULL) {
        return 0;
    }

    done = PEM_read_bio_ex(bio, &block->name, &block->header, &block->der,
                           &block->len, PEM_FLAG_SECURE)
           == 1;
    BIO_free(bio);

    if (!done) {
        memset(block, 0, sizeof(mk_pkcs8_block_t));
    }

    return done;
}


/* what is asked for a passphrase has none: no prompt on a terminal, ever */
static int
mk_pkcs8_no_passphrase(char *out, size_t size, size_t *len,
    const OSSL_PARAM params[], void *data)
{
    (void) out;
    (void) size;
    (void) params;
    (void) data;

    *len = 0;

    return 0;
}


static EVP_PKEY *
mk_pkcs8_decode(const mk_pkcs8_block_t *block)
{
    size_t             left;
    EVP_PKEY          *pkey;
    OSSL_DECODER_CTX  *ctx;
    const uint8_t     *der;

    pkey = NULL;
    der = block->der;
    left = (size_t) block->len;

    ctx = OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", MK_PKCS8_STRUCTURE,
                                        NULL, EVP_PKEY_KEYPAIR, NULL, NULL);
    if (ctx == NULL) {
        return NULL;
    }

    if (OSSL_DECODER_CTX_set_passphrase_cb(ctx, mk_pkcs8_no_passphrase, NULL)
        != 1
        || OSSL_DECODER_from_data(ctx, &der, &left) != 1
        || left != 0)
    {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }

    OSSL_DECODER_CTX_free(ctx);

    return pkey;
}


/* in range, and the public part belongs to the private one */
static int
mk_pkcs8_check(EVP_PKEY *pkey)
{
    int            valid;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (ctx == NULL) {
        return 0;
    }

    valid = EVP_PKEY_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);

    return valid;
}


static EVP_PKEY *
mk_pkcs8_read_pkey(const mk_pkcs8_block_t *block, const char **why)
{
    EVP_PKEY  *pkey;

    if (strcmp(block->name, "ENCRYPTED PRIVATE KEY") == 0
        || block->header[0] != '\0')
    {
        *why = "is encrypted; a key without a passphrase is needed";
        return NULL;
    }

    if (strcmp(block->name, "PRIVATE KEY") != 0) {
        *why = "is not a PKCS#8 \"PRIVATE KEY\"";
        return NULL;
    }

    pkey = mk_pkcs8_decode(block);
    if (pkey == NULL) {
        *why = "is not a valid PKCS#8 private key";
        return NULL;
    }

    if (mk_pkey_type(pkey) == MK_KEY_NONE) {
        *why = "is not a P-256, X25519 or Ed25519 key";

    } else if (!mk_pkcs8_check(pkey)) {
        *why = "has parts that do not belong together";

    } else {
        return pkey;
    }

    EVP_PKEY_free(pkey);

    return NULL;
}


EVP_PKEY *
mk_pkcs8_read(mk_bytes_t pem, const char **why)
{
    size_t             n;
    EVP_PKEY          *pkey;
    mk_pkcs8_block_t   block;

    if (pem.len > MK_KEY_TEXT_MAX) {
        *why = "is too long for a key";
        return NULL;
    }

    n = mk_pkcs8_blocks(pem);

    if (n != 1) {
        *why = n == 0 ? "is not a PEM private key"
                      : "holds more than one PEM block";
        return NULL;
    }

    pkey = NULL;
    *why = "is not a PEM private key";
    ERR_set_mark();

    if (mk_pkcs8_read_block(pem, &block)) {
        pkey = mk_pkcs8_read_pkey(&block, why);
        mk_pkcs8_block_clear(&block);
    }

    ERR_pop_to_mark();

    if (pkey != NULL) {
        *why = NULL;
    }

    return pkey;
}


static int
mk_pkcs8_encode(const EVP_PKEY *pkey, BIO *bio)
{
    int                done;
    OSSL_ENCODER_CTX  *ctx;

    ctx = OSSL_ENCODER_CTX_new_for_pkey(pkey, EVP_PKEY_KEYPAIR, "PEM",
                                        MK_PKCS8_STRUCTURE, NULL);
    if (ctx == NULL) {
        return 0;
    }

    done = OSSL_ENCODER_to_bio(ctx, bio) == 1;
    OSSL_ENCODER_CTX_free(ctx);

    return done;
}


int
mk_pkcs8_write(const EVP_PKEY *pkey, char **out, size_t *len)
{
    BIO   *bio;
    char  *text;
    long   n;

    *out = NULL;
    *len = 0;

    ERR_set_mark();

    /* its buffer is wiped when it is freed, and when it grows */
    bio = BIO_new(BIO_s_secmem());

    if (bio != NULL && mk_pkcs8_encode(pkey, bio)) {
        n = BIO_get_mem_data(bio, &text);
        *out = n > 0 ? malloc((size_t) n + 1) : NULL;

        if (*out != NULL) {
            memcpy(*out, text, (size_t) n);
            (*out)[n] = '\0';
            *len = (size_t) n;
        }
    }

    BIO_free(bio);
    ERR_pop_to_mark();

    return *out != NULL;
}
