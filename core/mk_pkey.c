#include "mk_pkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <string.h>


/* group, point, number and the end */
#define MK_PKEY_PARAMS  4


EVP_PKEY *
mk_pkey_generate(mk_key_type_t type)
{
    EVP_PKEY  *pkey;

    ERR_set_mark();

    switch (type) {

    case MK_KEY_P256:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", SN_X9_62_prime256v1);
        break;

    case MK_KEY_X25519:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, SN_X25519);
        break;

    case MK_KEY_ED25519:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, SN_ED25519);
        break;

    default:
        pkey = NULL;
        break;
    }

    ERR_pop_to_mark();

    return pkey;
}


static int
mk_pkey_is_p256(const EVP_PKEY *pkey)
{
    int     spelled_out;
    char    group[sizeof(SN_X9_62_prime256v1)];
    size_t  len;

    return EVP_PKEY_is_a(pkey, "EC")
           && EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1
           && strcmp(group, SN_X9_62_prime256v1) == 0
           && EVP_PKEY_get_int_param(pkey,
                              OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                              &spelled_out)
              == 1
           && !spelled_out;
}


mk_key_type_t
mk_pkey_type(const EVP_PKEY *pkey)
{
    mk_key_type_t  type;

    ERR_set_mark();

    if (mk_pkey_is_p256(pkey)) {
        type = MK_KEY_P256;

    } else if (EVP_PKEY_is_a(pkey, SN_X25519)) {
        type = MK_KEY_X25519;

    } else if (EVP_PKEY_is_a(pkey, SN_ED25519)) {
        type = MK_KEY_ED25519;

    } else {
        type = MK_KEY_NONE;
    }

    ERR_pop_to_mark();

    return type;
}


/* one coordinate, whatever form of point the key prefers to show */
static int
mk_pkey_coordinate(const EVP_PKEY *pkey, const char *name,
    uint8_t out[MK_PKEY_COORDINATE])
{
    int      done;
    BIGNUM  *bn;

    bn = NULL;
    done = EVP_PKEY_get_bn_param(pkey, name, &bn) == 1
           && BN_bn2binpad(bn, out, MK_PKEY_COORDINATE) == MK_PKEY_COORDINATE;
    BN_free(bn);

    return done;
}


int
mk_pkey_public(const EVP_PKEY *pkey, uint8_t out[MK_PKEY_PUBLIC_MAX],
    size_t *len)
{
    int  done;

    memset(out, 0, MK_PKEY_PUBLIC_MAX);
    ERR_set_mark();

    if (EVP_PKEY_is_a(pkey, "EC")) {
        *len = MK_PKEY_POINT;
        out[0] = MK_PKEY_UNCOMPRESSED;
        done = mk_pkey_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, out + 1)
               && mk_pkey_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y,
                                     out + 1 + MK_PKEY_COORDINATE);

    } else {
        *len = MK_PKEY_OKP;
        done = EVP_PKEY_get_raw_public_key(pkey, out, len) == 1
               && *len == MK_PKEY_OKP;
    }

    ERR_pop_to_mark();

    if (!done) {
        memset(out, 0, MK_PKEY_PUBLIC_MAX);
        *len = 0;
    }

    return done;
}


/* a short number is padded to that length */
static int
mk_pkey_get_number(const EVP_PKEY *pkey, uint8_t out[MK_PKEY_PRIVATE])
{
    OSSL_PARAM  params[2];

    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, out,
                                        MK_PKEY_PRIVATE);
    params[1] = OSSL_PARAM_construct_end();

    return EVP_PKEY_get_params(pkey, params) == 1
           && OSSL_PARAM_modified(&params[0])
           && params[0].return_size == MK_PKEY_PRIVATE;
}


mk_secret_t *
mk_pkey_number(const EVP_PKEY *pkey)
{
    int           done;
    size_t        len;
    mk_secret_t  *number;

    number = mk_secret_create(MK_PKEY_PRIVATE);
    if (number == NULL) {
        return NULL;
    }

    ERR_set_mark();

    if (EVP_PKEY_is_a(pkey, "EC")) {
        done = mk_pkey_get_number(pkey, mk_secret_bytes(number));

    } else {

        /* EVP_PKEY_get_raw_private_key() leaves a copy in freed memory */

        done = EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY,
                                               mk_secret_bytes(number),
                                               MK_PKEY_PRIVATE, &len)
               == 1
               && len == MK_PKEY_PRIVATE;
    }

    ERR_pop_to_mark();

    if (!done) {
        mk_secret_free(number);
        return NULL;
    }

    return number;
}


static EVP_PKEY *
mk_pkey_from_point(mk_bytes_t bytes)
{
    char           group[] = SN_X9_62_prime256v1;
    uint8_t        point[MK_PKEY_POINT];
    EVP_PKEY      *pkey;
    OSSL_PARAM     params[MK_PKEY_PARAMS];
    EVP_PKEY_CTX  *ctx;

    if (bytes.len != MK_PKEY_POINT || bytes.data[0] != MK_PKEY_UNCOMPRESSED) {
        return NULL;
    }

    ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL) {
        return NULL;
    }

    /* OSSL_PARAM has no const */
    memcpy(point, bytes.data, sizeof(point));

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  point, sizeof(point));
    params[2] = OSSL_PARAM_construct_end();

    pkey = NULL;

    if (EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


/* in range, on the curve, of the right order */
static int
mk_pkey_check_public(EVP_PKEY *pkey)
{
    int            valid;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (ctx == NULL) {
        return 0;
    }

    valid = EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);

    return valid;
}


EVP_PKEY *
mk_pkey_from_public(mk_key_type_t type, mk_bytes_t bytes)
{
    EVP_PKEY  *pkey;

    pkey = NULL;
    ERR_set_mark();

    switch (type) {

    case MK_KEY_P256:
        pkey = mk_pkey_from_point(bytes);
        break;

    case MK_KEY_X25519:
    case MK_KEY_ED25519:
        if (bytes.len == MK_PKEY_OKP) {
            pkey = EVP_PKEY_new_raw_public_key_ex(NULL,
                                  type == MK_KEY_X25519 ? SN_X25519
                                                        : SN_ED25519,
                                  NULL, bytes.data, bytes.len);
        }

        break;

    default:
        break;
    }

    if (pkey != NULL && !mk_pkey_check_public(pkey)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }

    ERR_pop_to_mark();

    return pkey;
}


/* d * G, uncompressed */
static int
mk_pkey_compute_point(const EC_GROUP *group, const BIGNUM *d,
    uint8_t point[MK_PKEY_POINT])
{
    int        done;
    EC_POINT  *q;

    q = EC_POINT_new(group);

    done = q != NULL
           && EC_POINT_mul(group, q, d, NULL, NULL, NULL) == 1
           && EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED,
                                 point, MK_PKEY_POINT, NULL)
              == MK_PKEY_POINT;

    EC_POINT_free(q);

    return done;
}


/* The number as OSSL_PARAM wants it, and the point if it is not known. */
static int
mk_pkey_private_parts(mk_bytes_t bytes, uint8_t native[MK_PKEY_PRIVATE],
    mk_bytes_t *public, uint8_t point[MK_PKEY_POINT])
{
    int        done;
    BIGNUM    *d;
    EC_GROUP  *group;

    done = 0;
    d = BN_secure_new();
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);

    if (d == NULL || group == NULL) {
        goto done;
    }

    BN_set_flags(d, BN_FLG_CONSTTIME);

    if (BN_bin2bn(bytes.data, MK_PKEY_PRIVATE, d) == NULL
        || BN_bn2nativepad(d, native, MK_PKEY_PRIVATE) != MK_PKEY_PRIVATE)
    {
        goto done;
    }

    done = 1;

    if (public->len == 0) {
        done = mk_pkey_compute_point(group, d, point);
        public->data = point;
        public->len = MK_PKEY_POINT;

    } else {
        memcpy(point, public->data, public->len);
    }

done:

    EC_GROUP_free(group);
    BN_clear_free(d);

    return done;
}


/* OSSL_PARAM has no const; nothing is written by way of these */
static EVP_PKEY *
mk_pkey_from_parts(const char *name, OSSL_PARAM params[MK_PKEY_PARAMS])
{
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
    if (ctx == NULL) {
        return NULL;
    }

    pkey = NULL;

    if (EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


static EVP_PKEY *
mk_pkey_pair_p256(mk_secret_t *number, uint8_t *public, size_t len)
{
    char        group[] = SN_X9_62_prime256v1;
    OSSL_PARAM  params[MK_PKEY_PARAMS];

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                 group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  public, len);
    params[2] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY,
                                        mk_secret_bytes(number),
                                        MK_PKEY_PRIVATE);
    params[3] = OSSL_PARAM_construct_end();

    return mk_pkey_from_parts("EC", params);
}


static EVP_PKEY *
mk_pkey_pair_okp(const char *name, mk_secret_t *number, uint8_t *public,
    size_t len)
{
    OSSL_PARAM  params[MK_PKEY_PARAMS];

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  public, len);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
                                                  mk_secret_bytes(number),
                                                  MK_PKEY_PRIVATE);
    params[2] = OSSL_PARAM_construct_end();

    return mk_pkey_from_parts(name, params);
}


EVP_PKEY *
mk_pkey_pair(mk_key_type_t type, mk_secret_t *number, mk_bytes_t public)
{
    uint8_t    bytes[MK_PKEY_PUBLIC_MAX];
    EVP_PKEY  *pkey;

    if (public.len > sizeof(bytes)) {
        return NULL;
    }

    memcpy(bytes, public.data, public.len);
    ERR_set_mark();

    switch (type) {

    case MK_KEY_P256:
        pkey = mk_pkey_pair_p256(number, bytes, public.len);
        break;

    case MK_KEY_X25519:
        pkey = mk_pkey_pair_okp(SN_X25519, number, bytes, public.len);
        break;

    case MK_KEY_ED25519:
        pkey = mk_pkey_pair_okp(SN_ED25519, number, bytes, public.len);
        break;

    default:
        pkey = NULL;
        break;
    }

    ERR_pop_to_mark();

    return pkey;
}


static EVP_PKEY *
mk_pkey_from_number(mk_bytes_t bytes, mk_bytes_t public)
{
    uint8_t       point[MK_PKEY_POINT];
    EVP_PKEY     *pkey;
    mk_secret_t  *native;

    if (public.len > MK_PKEY_POINT) {
        return NULL;
    }

    pkey = NULL;
    native = mk_secret_create(MK_PKEY_PRIVATE);

    if (native != NULL
        && mk_pkey_private_parts(bytes, mk_secret_bytes(native), &public,
                                 point))
    {
        pkey = mk_pkey_pair(MK_KEY_P256, native, public);
    }

    mk_secret_free(native);

    return pkey;
}


static EVP_PKEY *
mk_pkey_from_okp(const char *name, mk_bytes_t bytes)
{
    return EVP_PKEY_new_raw_private_key_ex(NULL, name, NULL, bytes.data,
                                           bytes.len);
}


/* in range, and the public part belongs to the private one */
static int
mk_pkey_check_pair(EVP_PKEY *pkey)
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


EVP_PKEY *
mk_pkey_from_private(mk_key_type_t type, mk_bytes_t bytes, mk_bytes_t public)
{
    EVP_PKEY  *pkey;

    if (bytes.len != MK_PKEY_PRIVATE) {
        return NULL;
    }

    pkey = NULL;
    ERR_set_mark();

    switch (type) {

    case MK_KEY_P256:
        pkey = mk_pkey_from_number(bytes, public);
        break;

    case MK_KEY_X25519:
        pkey = mk_pkey_from_okp(SN_X25519, bytes);
        break;

    case MK_KEY_ED25519:
        pkey = mk_pkey_from_okp(SN_ED25519, bytes);
        break;

    default:
        break;
    }

    if (pkey != NULL && !mk_pkey_check_pair(pkey)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }

    ERR_pop_to_mark();

    return pkey;
}
