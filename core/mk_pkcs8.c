#include "mk_pkcs8.h"

#include "mk_der.h"
#include "mk_key.h"
#include "mk_pkey.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <stdlib.h>
#include <string.h>


#define MK_PKCS8_BEGIN      "-----BEGIN "
#define MK_PKCS8_STRUCTURE  "PrivateKeyInfo"


/* the OID of P-256, as an element (RFC 5480 section 2.1.1.1) */
static const uint8_t  mk_pkcs8_p256_text[] = {
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
};

static const mk_bytes_t  mk_pkcs8_p256 = {
    mk_pkcs8_p256_text, sizeof(mk_pkcs8_p256_text)
};


/* id-ecPublicKey (RFC 5480 section 2.1.1), RFC 8410 section 3 */
static const uint8_t  mk_pkcs8_ec[] = {
    0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01
};
static const uint8_t  mk_pkcs8_x25519[] = { 0x2b, 0x65, 0x6e };
static const uint8_t  mk_pkcs8_ed25519[] = { 0x2b, 0x65, 0x70 };


static const struct {
    mk_key_type_t  type;
    mk_bytes_t     oid;
    mk_bytes_t     parameters;
} mk_pkcs8_algorithms[] = {
    { MK_KEY_P256, { mk_pkcs8_ec, sizeof(mk_pkcs8_ec) },
      { mk_pkcs8_p256_text, sizeof(mk_pkcs8_p256_text) } },
    { MK_KEY_X25519, { mk_pkcs8_x25519, sizeof(mk_pkcs8_x25519) },
      { NULL, 0 } },
    { MK_KEY_ED25519, { mk_pkcs8_ed25519, sizeof(mk_pkcs8_ed25519) },
      { NULL, 0 } },
};


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


/* RFC 5208 section 5, AlgorithmIdentifier; *type is NONE for any other */
static int
mk_pkcs8_algorithm(mk_bytes_t in, mk_key_type_t *type)
{
    size_t      i;
    mk_bytes_t  oid;

    *type = MK_KEY_NONE;

    if (!mk_der_take(&in, MK_DER_OID, &oid)) {
        return 0;
    }

    for (i = 0; i < sizeof(mk_pkcs8_algorithms)
                    / sizeof(mk_pkcs8_algorithms[0]); i++)
    {
        if (mk_bytes_equal(oid, mk_pkcs8_algorithms[i].oid)
            && mk_bytes_equal(in, mk_pkcs8_algorithms[i].parameters))
        {
            *type = mk_pkcs8_algorithms[i].type;
        }
    }

    return 1;
}


/* ECPrivateKey (RFC 5915 section 3): the number, and perhaps the point */
static int
mk_pkcs8_ec_key(mk_bytes_t in, mk_bytes_t *private, mk_bytes_t *public)
{
    mk_bytes_t  key, text;

    if (!mk_der_take(&in, MK_DER_SEQUENCE, &key) || in.len != 0
        || !mk_der_take_number(&key, 1)
        || !mk_der_take(&key, MK_DER_OCTET_STRING, private))
    {
        return 0;
    }

    if (mk_der_is(key, MK_DER_CONTEXT(0))
        && (!mk_der_take(&key, MK_DER_CONTEXT(0), &text)
            || !mk_bytes_equal(text, mk_pkcs8_p256)))
    {
        return 0;
    }

    if (key.len == 0) {
        return 1;
    }

    /* a bit string begins with the number of bits that it has too many */
    if (!mk_der_take(&key, MK_DER_CONTEXT(1), &text) || key.len != 0
        || !mk_der_take(&text, MK_DER_BIT_STRING, public) || text.len != 0
        || public->len < 2 || public->data[0] != 0)
    {
        return 0;
    }

    public->data++;
    public->len--;

    return 1;
}


/* CurvePrivateKey (RFC 8410 section 7), or the above */
static int
mk_pkcs8_key(mk_bytes_t in, mk_key_type_t type, mk_bytes_t *private,
    mk_bytes_t *public)
{
    memset(public, 0, sizeof(mk_bytes_t));

    if (type == MK_KEY_P256) {
        return mk_pkcs8_ec_key(in, private, public)
               && private->len == MK_PKEY_PRIVATE;
    }

    return mk_der_take(&in, MK_DER_OCTET_STRING, private) && in.len == 0
           && private->len == MK_PKEY_PRIVATE;
}


/* PrivateKeyInfo (RFC 5208 section 5); attributes are not looked at */
static EVP_PKEY *
mk_pkcs8_decode(const mk_pkcs8_block_t *block, const char **why)
{
    EVP_PKEY       *pkey;
    mk_bytes_t      in, info, algorithm, key, attributes, private, public;
    mk_key_type_t   type;

    in.data = block->der;
    in.len = (size_t) block->len;

    *why = "is not a valid PKCS#8 private key";

    if (!mk_der_take(&in, MK_DER_SEQUENCE, &info) || in.len != 0
        || !mk_der_take_number(&info, 0)
        || !mk_der_take(&info, MK_DER_SEQUENCE, &algorithm)
        || !mk_der_take(&info, MK_DER_OCTET_STRING, &key)
        || (info.len > 0
            && (!mk_der_take(&info, MK_DER_CONTEXT(0), &attributes)
                || info.len != 0))
        || !mk_pkcs8_algorithm(algorithm, &type))
    {
        return NULL;
    }

    if (type == MK_KEY_NONE) {
        *why = "is not a P-256, X25519 or Ed25519 key";
        return NULL;
    }

    if (!mk_pkcs8_key(key, type, &private, &public)) {
        return NULL;
    }

    pkey = mk_pkey_from_private(type, private, public);
    if (pkey == NULL) {
        *why = "has parts that do not belong together";
    }

    return pkey;
}


static EVP_PKEY *
mk_pkcs8_read_pkey(const mk_pkcs8_block_t *block, const char **why)
{
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

    return mk_pkcs8_decode(block, why);
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
