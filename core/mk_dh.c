/*
 * mk_dh: Diffie-Hellman of both KEMs.
 */

#include "mk_dh.h"

#include "mk_key_internal.h"
#include "mk_pkey.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <string.h>


/* All that one multiplication needs; whatever is secret is wiped. */
typedef struct {
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
mk_dh_work_create(mk_dh_work_t *w, const EC_GROUP *group)
{
    /*
     * Not BN_secure_new(): OpenSSL's secure heap is somebody else's, and may
     * be full.  What is secret of these is wiped when it is freed, and when
     * it grows.
     */

    w->ctx = BN_CTX_new();
    w->d = BN_new();
    w->r = BN_new();
    w->sum = BN_new();
    w->x = BN_new();
    w->q = EC_POINT_new(group);
    w->a = EC_POINT_new(group);
    w->b = EC_POINT_new(group);

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
}


/*
 * d * Q as (d + r) * Q - r * Q, for a random r: OpenSSL writes the number it
 * multiplies by into memory that it frees and does not wipe (ecp_nistz256.c,
 * p_str), and neither of these two is the key.  Both are left there, and
 * their difference is: whoever reads all of the freed memory before it is
 * used again has the key, who finds one of them has nothing.  So these are
 * two calls: EC_POINTs_mul() would take both numbers at once, in two thirds
 * of the time, and leave them side by side in one block.
 */
static mk_status_t
mk_dh_multiply(const EC_GROUP *group, mk_dh_work_t *w)
{
    const BIGNUM  *n;

    n = EC_GROUP_get0_order(group);

    if (BN_priv_rand_range(w->r, n) != 1
        || BN_mod_add_quick(w->sum, w->d, w->r, n) != 1
        || EC_POINT_mul(group, w->a, NULL, w->q, w->sum, w->ctx) != 1
        || EC_POINT_mul(group, w->b, NULL, w->q, w->r, w->ctx) != 1
        || EC_POINT_invert(group, w->b, w->ctx) != 1
        || EC_POINT_add(group, w->a, w->a, w->b, w->ctx) != 1)
    {
        return MK_INTERNAL_ERROR;
    }

    if (EC_POINT_is_at_infinity(group, w->a)) {
        return MK_KEY_UNWRAP_FAILED;
    }

    if (EC_POINT_get_affine_coordinates(group, w->a, w->x, NULL, w->ctx)
        != 1)
    {
        return MK_INTERNAL_ERROR;
    }

    return MK_OK;
}


/* the encoded point has to be on the curve, and cannot be its infinity */
static int
mk_dh_point(const EC_GROUP *group, mk_dh_work_t *w, mk_bytes_t peer)
{
    return peer.len == MK_PKEY_POINT && peer.data[0] == MK_PKEY_UNCOMPRESSED
           && EC_POINT_oct2point(group, w->q, peer.data, peer.len, w->ctx)
              == 1;
}


static int
mk_dh_number(const mk_secret_t *number, BIGNUM *d)
{
    mk_bytes_t  view;

    view = mk_secret_view(number);

    return BN_native2bn(view.data, (int) view.len, d) != NULL;
}


static mk_status_t
mk_dh_p256(const mk_key_t *key, mk_bytes_t peer, uint8_t out[MK_DH_SECRET])
{
    mk_status_t      status;
    mk_dh_work_t     w;
    const EC_GROUP  *group;

    group = mk_key_group(key);
    if (group == NULL) {
        return MK_INTERNAL_ERROR;
    }

    memset(&w, 0, sizeof(mk_dh_work_t));

    if (!mk_dh_work_create(&w, group)
        || !mk_dh_number(mk_key_number(key), w.d))
    {
        status = MK_INTERNAL_ERROR;

    } else if (!mk_dh_point(group, &w, peer)) {
        status = MK_KEY_UNWRAP_FAILED;

    } else {
        status = mk_dh_multiply(group, &w);
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

    /* nothing of a public key of X25519 can be checked */
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
mk_dh_x25519(const mk_key_t *key, mk_bytes_t peer, uint8_t out[MK_DH_SECRET])
{
    EVP_PKEY      *pkey, *pair;
    mk_status_t    status;
    EVP_PKEY_CTX  *ctx;

    static const uint8_t  zero[MK_DH_SECRET];

    if (peer.len != MK_PKEY_OKP) {
        return MK_KEY_UNWRAP_FAILED;
    }

    status = MK_INTERNAL_ERROR;
    pkey = EVP_PKEY_new_raw_public_key_ex(NULL, SN_X25519, NULL, peer.data,
                                          peer.len);
    pair = mk_key_pair(key);
    ctx = pair == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);

    if (pkey != NULL && ctx != NULL) {
        status = mk_dh_derive(ctx, pkey, out);
    }

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pair);
    EVP_PKEY_free(pkey);

    /* OpenSSL refuses it as well; this does not depend on that */
    if (status == MK_OK && CRYPTO_memcmp(out, zero, sizeof(zero)) == 0) {
        return MK_KEY_UNWRAP_FAILED;
    }

    return status;
}


mk_status_t
mk_dh_secret(const mk_key_t *key, mk_bytes_t peer, uint8_t out[MK_DH_SECRET])
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
