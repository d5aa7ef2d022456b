/*
 * mk_dh: what stands in the place of a public key, and what OpenSSL leaves
 * of the two numbers that a private one is split into.
 */

#include "mk_dh.h"
#include "tap.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>


#define HEAP    (1024 * 1024)
#define NUMBER  32

#define PEM                                                              \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWSD0UGJp9PtP4jSd\n" \
    "LQt6qg0mD+QTLYnuk00hW76J6TehRANCAAR8KxDmIM0SgSQzWm1SEEc1H6N00D7Y\n" \
    "B4Z4GciLituadjmV55pfCFEdUF7kJei1n78IucAI10+k53KUz54BQJEC\n"         \
    "-----END PRIVATE KEY-----\n"

#define PRIVATE                                                          \
    "5920f4506269f4fb4fe2349d2d0b7aaa0d260fe4132d89ee934d215bbe89e937"

/* the order and the prime of P-256 (SP 800-186 section 3.2.1.3) */
#define ORDER                                                            \
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define PRIME                                                            \
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"

#define ZERO                                                             \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define FIVE                                                             \
    "0000000000000000000000000000000000000000000000000000000000000005"

/* the generator (likewise) */
#define GX                                                               \
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define GY                                                               \
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"


/* what stands before each block of the watched allocator */
typedef union {
    size_t       len;
    max_align_t  align;
} block_t;


static uint8_t  private[NUMBER];
static uint8_t  order[NUMBER];
static int      watching;
static size_t   searched;
static size_t   pairs;


/* a + b modulo 2^256, and the carry; both big-endian */
static unsigned
add(uint8_t sum[NUMBER], const uint8_t a[NUMBER], const uint8_t b[NUMBER])
{
    int       i;
    unsigned  carry;

    carry = 0;

    for (i = NUMBER - 1; i >= 0; i--) {
        carry += (unsigned) a[i] + b[i];
        sum[i] = (uint8_t) carry;
        carry >>= 8;
    }

    return carry;
}


/* 1 if a is b + private, modulo the order */
static int
differ_by_key(const uint8_t a[NUMBER], const uint8_t b[NUMBER])
{
    uint8_t  sum[NUMBER], wrapped[NUMBER];

    add(sum, b, private);
    add(wrapped, a, order);

    return memcmp(sum, a, NUMBER) == 0 || memcmp(sum, wrapped, NUMBER) == 0;
}


static void
turn(uint8_t to[NUMBER], const uint8_t *from)
{
    size_t  i;

    for (i = 0; i < NUMBER; i++) {
        to[i] = from[NUMBER - 1 - i];
    }
}


/* two numbers in one block, of either byte order, whose difference it is */
static size_t
search(const uint8_t *bytes, size_t len)
{
    size_t   i, k, n;
    uint8_t  a[NUMBER], b[NUMBER];

    n = 0;

    for (i = 0; i + NUMBER <= len; i++) {
        for (k = 0; k + NUMBER <= len; k++) {
            turn(a, bytes + i);
            turn(b, bytes + k);

            n += (size_t) differ_by_key(bytes + i, bytes + k);
            n += (size_t) differ_by_key(a, b);
        }
    }

    return n;
}


static void *
watched_malloc(size_t len, const char *file, int line)
{
    block_t  *block;

    (void) file;
    (void) line;

    block = calloc(1, sizeof(block_t) + len);
    if (block == NULL) {
        return NULL;
    }

    block->len = len;

    return block + 1;
}


static void
watched_free(void *p, const char *file, int line)
{
    block_t  *block;

    (void) file;
    (void) line;

    if (p == NULL) {
        return;
    }

    block = (block_t *) p - 1;

    /* a number and what it begins or ends with, and some more */
    if (watching && block->len >= NUMBER && block->len <= 8 * NUMBER) {
        searched++;
        pairs += search(p, block->len);
    }

    free(block);
}


static void *
watched_realloc(void *p, size_t len, const char *file, int line)
{
    void     *moved;
    block_t  *old;

    moved = watched_malloc(len, file, line);

    if (moved != NULL && p != NULL) {
        old = (block_t *) p - 1;
        memcpy(moved, p, old->len < len ? old->len : len);
        watched_free(p, file, line);
    }

    return moved;
}


static mk_status_t
secret_of(const mk_key_t *key, const char *peer, uint8_t out[MK_DH_SECRET])
{
    size_t       len;
    uint8_t     *bytes;
    mk_bytes_t   view;
    mk_status_t  status;

    bytes = tap_unhex(peer, &len);
    view.data = bytes;
    view.len = len;

    memset(out, 0x5a, MK_DH_SECRET);
    status = mk_dh_secret(key, view, out);
    free(bytes);

    return status;
}


static void
refuses(const mk_key_t *key, const char *peer, const char *name)
{
    uint8_t  out[MK_DH_SECRET], zero[MK_DH_SECRET] = { 0 };

    is_status(secret_of(key, peer, out), MK_KEY_UNWRAP_FAILED, "%s", name);
    is_mem(out, sizeof(out), zero, sizeof(zero), "%s: no secret", name);
}


static void
test_points(const mk_key_t *key)
{
    uint8_t     out[MK_DH_SECRET];
    mk_bytes_t  public;

    /* d * G is the key's own public part */
    public = mk_key_public(key);
    is_status(secret_of(key, "04" GX GY, out), MK_OK, "the generator");
    is_mem(out, sizeof(out), public.data + 1, MK_DH_SECRET,
           "gives the x-coordinate of the public key");

    refuses(key, "", "nothing");
    refuses(key, "00", "the point at infinity");
    refuses(key, "00" ZERO ZERO, "infinity, of the right length");
    refuses(key, "03" GX, "a compressed point");
    refuses(key, "06" GX GY, "a hybrid point of the wrong parity");
    refuses(key, "07" GX GY, "a hybrid point");
    refuses(key, "04" GX, "half a point");
    refuses(key, "04" GX GY "00", "a byte too many");
    refuses(key, "04" GX GX, "a point beside the curve");
    refuses(key, "04" ZERO ZERO, "zeros");
    refuses(key, "04" FIVE FIVE, "a point of another curve");
    refuses(key, "04" PRIME GY, "an x that is the prime");
    refuses(key, "04" GX PRIME, "a y that is the prime");
}


static void
test_other_keys(const mk_key_t *p256)
{
    char        *jwk;
    size_t       len;
    uint8_t      out[MK_DH_SECRET];
    mk_key_t    *key;
    const char  *why;

    mk_key_to_jwk(p256, NULL, &jwk, &len);
    key = mk_key_from_jwk(jwk, len, &why);
    is_status(secret_of(key, "04" GX GY, out), MK_INTERNAL_ERROR,
              "a public P-256 key multiplies nothing");
    mk_key_free(key);
    free(jwk);

    key = mk_key_generate(MK_KEY_ED25519);
    is_status(secret_of(key, ZERO, out), MK_INTERNAL_ERROR, "nor does Ed25519");
    mk_key_free(key);

    key = mk_key_generate(MK_KEY_X25519);
    refuses(key, ZERO, "X25519: a point of small order");
    refuses(key, "04" GX GY, "X25519: a point of P-256");
    refuses(key, "", "X25519: nothing");
    is_status(secret_of(key, FIVE, out), MK_OK, "X25519: any other number");

    mk_key_to_jwk(key, NULL, &jwk, &len);
    mk_key_free(key);
    key = mk_key_from_jwk(jwk, len, &why);
    is_status(secret_of(key, FIVE, out), MK_INTERNAL_ERROR,
              "a public X25519 key multiplies nothing");
    mk_key_free(key);
    free(jwk);
}


/* OpenSSL's own numbers, side by side: a search that finds nothing is none */
static void
test_search(void)
{
    uint8_t   r[NUMBER], *p;

    memset(r, 0xe7, sizeof(r));
    watching = 1;
    pairs = 0;

    p = OPENSSL_zalloc(2 * NUMBER + 2);
    memcpy(p, r, NUMBER);
    add(p + NUMBER + 1, r, private);
    OPENSSL_free(p);
    ok(pairs > 0, "two numbers of one block are seen");

    watching = 0;
}


static void
test_numbers(const mk_key_t *key)
{
    int      i, failed;
    uint8_t  out[MK_DH_SECRET];

    watching = 1;
    searched = 0;
    pairs = 0;
    failed = 0;

    /* the random one is larger than the order less the private one, or not */
    for (i = 0; i < 16; i++) {
        failed += secret_of(key, "04" GX GY, out) != MK_OK;
    }

    watching = 0;

    is_int(failed, 0, "16 secrets");
    is_int(pairs, 0, "no block that is freed has both numbers");
    ok(searched > 16, "%zu blocks were searched", searched);
}


int
main(void)
{
    size_t       len;
    uint8_t     *raw;
    mk_key_t    *key;
    const char  *why;

    if (CRYPTO_set_mem_functions(watched_malloc, watched_realloc,
                                 watched_free)
        == 0)
    {
        tap_skip_all("the allocator of OpenSSL cannot be replaced");
    }

    if (CRYPTO_secure_malloc_init(HEAP, 16) == 0) {
        tap_skip_all("no secure heap can be had here");
    }

    raw = tap_unhex(PRIVATE, &len);
    memcpy(private, raw, NUMBER);
    free(raw);
    raw = tap_unhex(ORDER, &len);
    memcpy(order, raw, NUMBER);
    free(raw);

    key = mk_key_from_pem(PEM, strlen(PEM), &why);
    ok(key != NULL, "a key");

    test_points(key);
    test_other_keys(key);
    test_search();
    test_numbers(key);

    mk_key_free(key);
    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    return tap_done();
}
