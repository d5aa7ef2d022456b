#include "mk_pkcs8.h"

#include "mk_der.h"
#include "mk_key.h"
#include "mk_pkey.h"
#include "mk_secret.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>


#define MK_PKCS8_DASHES     "-----"
#define MK_PKCS8_BEGIN      "-----BEGIN "
#define MK_PKCS8_END        "-----END "
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


/* One PEM block, borrowed from the text. */
typedef struct {
    mk_bytes_t  label;
    mk_bytes_t  body;
} mk_pkcs8_block_t;


/* where the text begins in "in", or in.len */
static size_t
mk_pkcs8_find(mk_bytes_t in, const char *text)
{
    size_t  i, len;

    len = strlen(text);

    for (i = 0; i + len <= in.len; i++) {
        if (memcmp(in.data + i, text, len) == 0) {
            return i;
        }
    }

    return in.len;
}


/* a second block would be a key that nobody sees */
static size_t
mk_pkcs8_blocks(mk_bytes_t pem)
{
    size_t      n;
    mk_bytes_t  before;

    n = 0;

    while (mk_bytes_take(&pem, mk_pkcs8_find(pem, MK_PKCS8_BEGIN), &before)
           && pem.len > 0)
    {
        n++;
        mk_bytes_take(&pem, sizeof(MK_PKCS8_BEGIN) - 1, &before);
    }

    return n;
}


/* takes what stands before "text", and that too; 0 if it is not there */
static int
mk_pkcs8_take_to(mk_bytes_t *in, const char *text, mk_bytes_t *before)
{
    mk_bytes_t  gone;

    return mk_bytes_take(in, mk_pkcs8_find(*in, text), before)
           && mk_bytes_take(in, strlen(text), &gone);
}


/* RFC 7468 section 3 */
static int
mk_pkcs8_read_block(mk_bytes_t pem, mk_pkcs8_block_t *block)
{
    mk_bytes_t  before, end;

    return mk_pkcs8_take_to(&pem, MK_PKCS8_BEGIN, &before)
           && mk_pkcs8_take_to(&pem, MK_PKCS8_DASHES, &block->label)
           && memchr(block->label.data, '\n', block->label.len) == NULL
           && mk_pkcs8_take_to(&pem, MK_PKCS8_END, &block->body)
           && mk_pkcs8_take_to(&pem, MK_PKCS8_DASHES, &end)
           && mk_bytes_equal(end, block->label);
}


/* the body without its line ends; 0 if it is no base64 */
static size_t
mk_pkcs8_base64(mk_bytes_t body, uint8_t *out, size_t *padding)
{
    size_t   i, n;
    uint8_t  c;

    n = 0;
    *padding = 0;

    for (i = 0; i < body.len; i++) {
        c = body.data[i];

        if (c == '\n' || c == '\r' || c == ' ' || c == '\t') {
            continue;
        }

        if (c == '=') {
            *padding += 1;

        } else if (*padding > 0
                   || !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                        || (c >= '0' && c <= '9') || c == '+' || c == '/'))
        {
            return 0;
        }

        out[n++] = c;
    }

    return n % 4 == 0 && *padding <= 2 ? n : 0;
}


/*
 * The body's bytes, in a secret.  By hand, since OpenSSL's PEM reader leaves
 * a line of base64 in memory that it frees.
 */
static mk_secret_t *
mk_pkcs8_body(mk_bytes_t body, size_t *len)
{
    size_t        n, padding;
    mk_secret_t  *text, *der;

    text = mk_secret_create(body.len);
    if (text == NULL) {
        return NULL;
    }

    der = NULL;
    n = mk_pkcs8_base64(body, mk_secret_bytes(text), &padding);

    if (n > 0) {
        der = mk_secret_create(n / 4 * 3);
    }

    if (der != NULL
        && EVP_DecodeBlock(mk_secret_bytes(der), mk_secret_bytes(text),
                           (int) n)
           < 0)
    {
        mk_secret_free(der);
        der = NULL;
    }

    mk_secret_free(text);
    *len = der == NULL ? 0 : n / 4 * 3 - padding;

    return der;
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
mk_pkcs8_decode(mk_bytes_t in, const char **why)
{
    EVP_PKEY       *pkey;
    mk_bytes_t      info, algorithm, key, attributes, private, public;
    mk_key_type_t   type;

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


static int
mk_pkcs8_is(mk_bytes_t label, const char *text)
{
    return label.len == strlen(text)
           && memcmp(label.data, text, label.len) == 0;
}


static EVP_PKEY *
mk_pkcs8_read_pkey(const mk_pkcs8_block_t *block, const char **why)
{
    EVP_PKEY     *pkey;
    mk_bytes_t    in;
    mk_secret_t  *der;

    /* header lines are of keys under a passphrase (RFC 1421 section 4.6) */

    if (mk_pkcs8_is(block->label, "ENCRYPTED PRIVATE KEY")
        || memchr(block->body.data, ':', block->body.len) != NULL)
    {
        *why = "is encrypted; a key without a passphrase is needed";
        return NULL;
    }

    if (!mk_pkcs8_is(block->label, "PRIVATE KEY")) {
        *why = "is not a PKCS#8 \"PRIVATE KEY\"";
        return NULL;
    }

    if (block->body.len > MK_SECRET_MAX) {
        *why = "is too long for a key";
        return NULL;
    }

    der = mk_pkcs8_body(block->body, &in.len);
    if (der == NULL) {
        *why = "is not a PEM private key";
        return NULL;
    }

    in.data = mk_secret_view(der).data;
    pkey = mk_pkcs8_decode(in, why);
    mk_secret_free(der);

    return pkey;
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

    if (!mk_pkcs8_read_block(pem, &block)) {
        *why = "is not a PEM private key";
        return NULL;
    }

    pkey = mk_pkcs8_read_pkey(&block, why);

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
