#include "mk_key.h"

#include "mk_base.h"
#include "mk_json.h"
#include "mk_key_internal.h"
#include "mk_name.h"
#include "mk_pkcs8.h"
#include "mk_pkey.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* base64url of a coordinate or of an X25519 or Ed25519 key, with its NUL */
#define MK_KEY_TEXT        (MK_BASE64URL_LEN(MK_PKEY_COORDINATE) + 1)

/* the text that is hashed for a thumbprint */
#define MK_KEY_CANONICAL   256

#define MK_KEY_DIGEST      32


struct mk_key_s {
    EVP_PKEY       *pkey;               /* the public part */
    mk_secret_t    *number;             /* the private part, or NULL */
    mk_key_type_t   type;
    EC_GROUP       *group;              /* of a private P-256 key */
    size_t          public_len;
    uint8_t         public[MK_PKEY_PUBLIC_MAX];
    char            x[MK_KEY_TEXT];
    char            y[MK_KEY_TEXT];     /* empty but for P-256 */
    char            thumbprint[MK_KEY_THUMBPRINT + 1];
    char            kid[MK_KEY_KID_MAX + 1];
};


/* how RFC 7518 section 6.2 and RFC 8037 section 2 name the types */
static const struct {
    const char  *kty;
    const char  *crv;
} mk_key_names[] = {
    [MK_KEY_NONE]    = { "", "" },
    [MK_KEY_P256]    = { "EC", "P-256" },
    [MK_KEY_X25519]  = { "OKP", "X25519" },
    [MK_KEY_ED25519] = { "OKP", "Ed25519" },
};


static int
mk_key_set_coordinates(mk_key_t *key)
{
    const uint8_t  *x;

    if (!mk_pkey_public(key->pkey, key->public, &key->public_len)) {
        return 0;
    }

    x = key->public;

    if (key->type == MK_KEY_P256) {
        x++;
        mk_base64url_encode(x + MK_PKEY_COORDINATE, MK_PKEY_COORDINATE,
                            key->y, sizeof(key->y));
    }

    return mk_base64url_encode(x, MK_PKEY_COORDINATE, key->x, sizeof(key->x))
           != 0;
}


/* RFC 7638 section 3: required members, in lexicographic order, no space */
static int
mk_key_set_thumbprint(mk_key_t *key)
{
    int          len, done;
    char         text[MK_KEY_CANONICAL];
    uint8_t      digest[MK_KEY_DIGEST];
    const char  *kty, *crv;

    kty = mk_key_names[key->type].kty;
    crv = mk_key_names[key->type].crv;

    if (key->type == MK_KEY_P256) {
        len = snprintf(text, sizeof(text),
                       "{\"crv\":\"%s\",\"kty\":\"%s\",\"x\":\"%s\","
                       "\"y\":\"%s\"}", crv, kty, key->x, key->y);

    } else {
        len = snprintf(text, sizeof(text),
                       "{\"crv\":\"%s\",\"kty\":\"%s\",\"x\":\"%s\"}", crv,
                       kty, key->x);
    }

    if (len < 0 || (size_t) len >= sizeof(text)) {
        return 0;
    }

    ERR_set_mark();
    done = EVP_Digest(text, (size_t) len, digest, NULL, EVP_sha256(), NULL)
           == 1;
    ERR_pop_to_mark();

    return done
           && mk_base64url_encode(digest, sizeof(digest), key->thumbprint,
                                  sizeof(key->thumbprint))
              == MK_KEY_THUMBPRINT;
}


static int
mk_key_set_group(mk_key_t *key)
{
    if (key->number == NULL || key->type != MK_KEY_P256) {
        return 1;
    }

    ERR_set_mark();
    key->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    ERR_pop_to_mark();

    return key->group != NULL;
}


/* a public key; takes pkey over, also on failure */
static mk_key_t *
mk_key_create(EVP_PKEY *pkey)
{
    mk_key_t  *key;

    key = calloc(1, sizeof(mk_key_t));
    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return NULL;
    }

    key->pkey = pkey;
    key->type = mk_pkey_type(pkey);

    if (key->type == MK_KEY_NONE || !mk_key_set_coordinates(key)
        || !mk_key_set_thumbprint(key))
    {
        mk_key_free(key);
        return NULL;
    }

    memcpy(key->kid, key->thumbprint, sizeof(key->thumbprint));

    return key;
}


/*
 * As above, but a private one: what OpenSSL has of the private part does not
 * outlive this call.
 */
static mk_key_t *
mk_key_create_private(EVP_PKEY *pkey)
{
    mk_key_t     *key;
    EVP_PKEY     *public;
    mk_secret_t  *number;

    number = mk_pkey_number(pkey);

    key = mk_key_create(pkey);
    if (key == NULL) {
        mk_secret_free(number);
        return NULL;
    }

    key->number = number;

    public = mk_pkey_from_public(key->type, mk_key_public(key));

    if (number == NULL || public == NULL || !mk_key_set_group(key)) {
        EVP_PKEY_free(public);
        mk_key_free(key);
        return NULL;
    }

    EVP_PKEY_free(key->pkey);
    key->pkey = public;

    return key;
}


mk_key_t *
mk_key_generate(mk_key_type_t type)
{
    EVP_PKEY  *pkey;

    pkey = mk_pkey_generate(type);
    if (pkey == NULL) {
        return NULL;
    }

    return mk_key_create_private(pkey);
}


mk_key_t *
mk_key_from_pem(const char *pem, size_t len, const char **why)
{
    mk_key_t    *key;
    EVP_PKEY    *pkey;
    mk_bytes_t   text;

    text.data = (const uint8_t *) pem;
    text.len = len;

    pkey = mk_pkcs8_read(text, why);
    if (pkey == NULL) {
        return NULL;
    }

    key = mk_key_create_private(pkey);
    if (key == NULL) {
        *why = "could not be loaded";
    }

    return key;
}


static mk_key_type_t
mk_key_jwk_type(const json_t *jwk)
{
    mk_bytes_t     kty, crv;
    mk_key_type_t  type;

    if (mk_json_string(jwk, "kty", &kty) != 1
        || mk_json_string(jwk, "crv", &crv) != 1)
    {
        return MK_KEY_NONE;
    }

    for (type = MK_KEY_P256; type <= MK_KEY_ED25519; type++) {
        if (strcmp((const char *) kty.data, mk_key_names[type].kty) == 0
            && strcmp((const char *) crv.data, mk_key_names[type].crv) == 0)
        {
            return type;
        }
    }

    return MK_KEY_NONE;
}


/* x, or 04 || x || y, each coordinate of its full length (RFC 7518 6.2.1) */
static EVP_PKEY *
mk_key_jwk_pkey(const json_t *jwk, mk_key_type_t type)
{
    size_t      len;
    uint8_t     point[MK_PKEY_POINT], *x, *y;
    mk_bytes_t  bytes;

    point[0] = MK_PKEY_UNCOMPRESSED;
    x = point + 1;
    y = x + MK_PKEY_COORDINATE;

    if (mk_json_base64url(jwk, "x", x, MK_PKEY_COORDINATE, &len) != 1
        || len != MK_PKEY_COORDINATE)
    {
        return NULL;
    }

    bytes.data = x;
    bytes.len = MK_PKEY_OKP;

    if (type == MK_KEY_P256) {
        if (mk_json_base64url(jwk, "y", y, MK_PKEY_COORDINATE, &len) != 1
            || len != MK_PKEY_COORDINATE)
        {
            return NULL;
        }

        bytes.data = point;
        bytes.len = MK_PKEY_POINT;
    }

    return mk_pkey_from_public(type, bytes);
}


mk_key_t *
mk_key_from_object(const json_t *jwk, const char **why)
{
    int             has_kid;
    mk_key_t       *key;
    EVP_PKEY       *pkey;
    mk_bytes_t      kid;
    mk_key_type_t   type;

    if (json_object_get(jwk, "d") != NULL) {
        *why = "is a private key where a public one belongs";
        return NULL;
    }

    type = mk_key_jwk_type(jwk);

    if (type == MK_KEY_NONE) {
        *why = "is not a P-256, X25519 or Ed25519 key";
        return NULL;
    }

    has_kid = mk_json_string(jwk, "kid", &kid);

    if (has_kid == -1
        || (has_kid && (kid.len == 0
                        || !mk_name_is_text(kid, MK_KEY_KID_MAX))))
    {
        *why = "has a \"kid\" that is not a short text";
        return NULL;
    }

    pkey = mk_key_jwk_pkey(jwk, type);
    if (pkey == NULL) {
        *why = "has coordinates that are no public key";
        return NULL;
    }

    key = mk_key_create(pkey);
    if (key == NULL) {
        *why = "could not be loaded";
        return NULL;
    }

    if (has_kid) {
        memset(key->kid, 0, sizeof(key->kid));
        memcpy(key->kid, kid.data, kid.len);
    }

    *why = NULL;

    return key;
}


mk_key_t *
mk_key_from_jwk(const char *json, size_t len, const char **why)
{
    json_t      *jwk;
    mk_key_t    *key;
    mk_bytes_t   text;

    text.data = (const uint8_t *) json;
    text.len = len;

    if (mk_json_parse(text, MK_INVALID_REQUEST, &jwk) != MK_OK) {
        *why = "is not a JSON object";
        return NULL;
    }

    key = mk_key_from_object(jwk, why);
    json_decref(jwk);

    return key;
}


void
mk_key_free(mk_key_t *key)
{
    if (key == NULL) {
        return;
    }

    EVP_PKEY_free(key->pkey);
    EC_GROUP_free(key->group);
    mk_secret_free(key->number);
    free(key);
}


mk_key_type_t
mk_key_type(const mk_key_t *key)
{
    return key->type;
}


int
mk_key_is_private(const mk_key_t *key)
{
    return key->number != NULL;
}


const char *
mk_key_thumbprint(const mk_key_t *key)
{
    return key->thumbprint;
}


const char *
mk_key_kid(const mk_key_t *key)
{
    return key->kid;
}


mk_bytes_t
mk_key_public(const mk_key_t *key)
{
    mk_bytes_t  public;

    public.data = key->public;
    public.len = key->public_len;

    return public;
}


const EC_GROUP *
mk_key_group(const mk_key_t *key)
{
    return key->group;
}


const mk_secret_t *
mk_key_number(const mk_key_t *key)
{
    return key->number;
}


EVP_PKEY *
mk_key_pkey(const mk_key_t *key)
{
    return key->pkey;
}


EVP_PKEY *
mk_key_pair(const mk_key_t *key)
{
    return key->number == NULL ? NULL
                               : mk_pkey_pair(key->type, key->number,
                                              mk_key_public(key));
}


int
mk_key_to_pem(const mk_key_t *key, char **out, size_t *len)
{
    int        done;
    EVP_PKEY  *pair;

    *out = NULL;
    *len = 0;

    pair = mk_key_pair(key);
    if (pair == NULL) {
        return 0;
    }

    done = mk_pkcs8_write(pair, out, len);
    EVP_PKEY_free(pair);

    return done;
}


int
mk_key_to_jwk(const mk_key_t *key, const char *identity, char **out,
    size_t *len)
{
    int          failed;
    json_t      *jwk;
    mk_bytes_t   text;

    *out = NULL;
    *len = 0;

    if (identity != NULL) {
        text.data = (const uint8_t *) identity;
        text.len = strlen(identity);

        if (!mk_name_is_identity(text)) {
            return 0;
        }
    }

    failed = 0;
    jwk = json_object();

    mk_json_set(jwk, "kty", json_string(mk_key_names[key->type].kty), &failed);
    mk_json_set(jwk, "crv", json_string(mk_key_names[key->type].crv), &failed);
    mk_json_set(jwk, "x", json_string(key->x), &failed);

    if (key->type == MK_KEY_P256) {
        mk_json_set(jwk, "y", json_string(key->y), &failed);
    }

    mk_json_set(jwk, "kid", json_string(key->kid), &failed);

    if (identity != NULL) {
        mk_json_set(jwk, "identity", json_string(identity), &failed);
    }

    if (!failed) {
        *out = mk_json_print(jwk, len);
    }

    json_decref(jwk);

    return *out != NULL;
}


void
mk_key_wipe(char *text, size_t len)
{
    if (text == NULL) {
        return;
    }

    OPENSSL_cleanse(text, len);
    free(text);
}
