/*
 * mk_dh: Diffie-Hellman of both KEMs.
 */

#include "mk_dh.h"

#include "mk_pkey.h"
#include "mk_secret.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <string.h>


/* All that one multiplication needs; whatever is secret is wiped. */
typedef struct {
    EC_GROUP  *group;
    BN_CTX    *ctx;
    BIGNUM    *d;
    BIGNUM    *r;
    BIGNUM    *sum;
    BIGNUM    *x;
    EC_POINT  *q;
    EC_POINT  *a;
    EC_POINT  *b;
} mk_dh_work_t;


static int
mk_dh_work_create(mk_dh_work_t *w)
{
    w->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    w->ctx = BN_CTX_secure_new();
    w->d = BN_secure_new();
    w->r = BN_secure_new();
    w->sum = BN_secure_new();
    w->x = BN_secure_new();

    if (w->group == NULL) {
        return 0;
    }

    w->q = EC_POINT_new(w->group);
    w->a = EC_POINT_new(w->group);
    w->b = EC_POINT_new(w->group);

    return w->ctx != NULL && w->d != NULL && w->r != NULL && w->sum != NULL
           && w->x != NULL && w->q != NULL && w->a != NULL && w->b != NULL;
}


static void
mk_dh_work_free(mk_dh_work_t *w)
{
    EC_POINT_clear_free(w->b);
    EC_POINT_clear_free(w->a);
    EC_POINT_free(w->q);
    BN_clear_free(w->x);
    BN_clear_free(w->sum);
    BN_clear_free(w->r);
    BN_clear_free(w->d);
    BN_CTX_free(w->ctx);
    EC_GROUP_free(w->group);
}


/* the private number, by way of the secure heap only */
static int
mk_dh_number(const mk_key_t *key, BIGNUM *d)
{
    int           done;
    OSSL_PARAM    params[2];
    mk_secret_t  *native;

    native = mk_secret_create(MK_PKEY_PRIVATE);
    if (native == NULL) {
        return 0;
    }

    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY,
                                        mk_secret_bytes(native),
                                        MK_PKEY_PRIVATE);
    params[1] = OSSL_PARAM_construct_end();

    done = EVP_PKEY_get_params(mk_key_pkey(key), params) == 1
           && OSSL_PARAM_modified(&params[0])
           && params[0].return_size <= MK_PKEY_PRIVATE
           && BN_native2bn(mk_secret_bytes(native),
                           (int) params[0].return_size, d)
              != NULL;

    mk_secret_free(native);

    return done;
}


/*
 * d * Q as (d + r) * Q - r * Q, for a random r: OpenSSL writes the number it
 * multiplies by into memory that it frees and does not wipe (ecp_nistz256.c,
 * p_str), and neither of these two is the key.  Both are left there, and
 * their difference is: whoever reads all of the freed memory before it is
 * used again has the key, who finds one of them has nothing.
 */
static mk_status_t
mk_dh_multiply(mk_dh_work_t *w)
{
    const BIGNUM  *n;

    n = EC_GROUP_get0_order(w->group);

    if (BN_priv_rand_range(w->r, n) != 1
        || BN_mod_add_quick(w->sum, w->d, w->r, n) != 1
        || EC_POINT_mul(w->group, w->a, NULL, w->q, w->sum, w->ctx) != 1
        || EC_POINT_mul(w->group, w->b, NULL, w->q, w->r, w->ctx) != 1
        || EC_POINT_invert(w->group, w->b, w->ctx) != 1
        || EC_POINT_add(w->group, w->a, w->a, w->b, w->ctx) != 1)
    {
        return MK_INTERNAL_ERROR;
    }

    if (EC_POINT_is_at_infinity(w->group, w->a)) {
        return MK_KEY_UNWRAP_FAILED;
    }

    if (EC_POINT_get_affine_coordinates(w->group, w->a, w->x, NULL, w->ctx)
        != 1)
    {
        return MK_INTERNAL_ERROR;
    }

    return MK_OK;
}


static mk_status_t
mk_dh_p256(const mk_key_t *key, const EVP_PKEY *peer,
    uint8_t out[MK_DH_SECRET])
{
    size_t         len;
    uint8_t        point[MK_PKEY_PUBLIC_MAX];
    mk_status_t    status;
    mk_dh_work_t   w;

    memset(&w, 0, sizeof(mk_dh_work_t));
    status = MK_INTERNAL_ERROR;

    if (mk_dh_work_create(&w)
        && mk_pkey_public(peer, point, &len)
        && EC_POINT_oct2point(w.group, w.q, point, len, w.ctx) == 1
        && mk_dh_number(key, w.d))
    {
        status = mk_dh_multiply(&w);
    }

    if (status == MK_OK
        && BN_bn2binpad(w.x, out, MK_DH_SECRET) != MK_DH_SECRET)
    {
        status = MK_INTERNAL_ERROR;
    }

    mk_dh_work_free(&w);

    return status;
}


static mk_status_t
mk_dh_derive(EVP_PKEY_CTX *ctx, EVP_PKEY *peer, uint8_t out[MK_DH_SECRET])
{
    size_t  len;

    len = MK_DH_SECRET;

    /* mk_pkey checked the peer's key already */
    if (EVP_PKEY_derive_init(ctx) != 1
        || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1)
    {
        return MK_INTERNAL_ERROR;
    }

    if (EVP_PKEY_derive(ctx, out, &len) != 1 || len != MK_DH_SECRET) {
        return MK_KEY_UNWRAP_FAILED;
    }

    return MK_OK;
}


/* RFC 9180 section 7.1.4: a point of small order gives the secret away */
static mk_status_t
mk_dh_x25519(const mk_key_t *key, EVP_PKEY *peer, uint8_t out[MK_DH_SECRET])
{
    mk_status_t    status;
    EVP_PKEY_CTX  *ctx;

    static const uint8_t  zero[MK_DH_SECRET];

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mk_key_pkey(key), NULL);
    if (ctx == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = mk_dh_derive(ctx, peer, out);
    EVP_PKEY_CTX_free(ctx);

    /* OpenSSL refuses it as well; this does not depend on that */
    if (status == MK_OK && CRYPTO_memcmp(out, zero, sizeof(zero)) == 0) {
        return MK_KEY_UNWRAP_FAILED;
    }

    return status;
}


mk_status_t
mk_dh_secret(const mk_key_t *key, EVP_PKEY *peer, uint8_t out[MK_DH_SECRET])
{
    mk_status_t  status;

    ERR_set_mark();

    switch (mk_key_type(key)) {

    case MK_KEY_P256:
        status = mk_dh_p256(key, peer, out);
        break;

    case MK_KEY_X25519:
        status = mk_dh_x25519(key, peer, out);
        break;

    default:
        status = MK_INTERNAL_ERROR;
        break;
    }

    ERR_pop_to_mark();

    if (status != MK_OK) {
        OPENSSL_cleanse(out, MK_DH_SECRET);
    }

    return status;
}
