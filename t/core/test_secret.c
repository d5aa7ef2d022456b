/*
 * A secret is bounded, compared whole, and gone from memory when it is freed:
 * from ordinary memory, seen by an allocator that looks at what it gets
 * back, and from the secure heap, seen in the heap itself.
 */

#include "mk_secret.h"
#include "tap.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>


#define PATTERN  0xa5


/* what stands before each block of the watched allocator */
typedef union {
    size_t       len;
    max_align_t  align;
} watched_t;


static int     watching;
static int     failing;
static size_t  given;
static size_t  taken_back;
static size_t  dirty;


static void *
watched_malloc(size_t len, const char *file, int line)
{
    watched_t  *block;

    (void) file;
    (void) line;

    if (failing) {
        return NULL;
    }

    block = malloc(sizeof(watched_t) + len);
    if (block == NULL) {
        return NULL;
    }

    block->len = len;
    given += watching;

    return block + 1;
}


static void
watched_free(void *p, const char *file, int line)
{
    size_t      i;
    uint8_t    *bytes = p;
    watched_t  *block;

    (void) file;
    (void) line;

    if (p == NULL) {
        return;
    }

    block = (watched_t *) p - 1;

    if (watching) {
        taken_back++;

        for (i = 0; i < block->len; i++) {
            dirty += bytes[i] != 0;
        }
    }

    free(block);
}


static void *
watched_realloc(void *p, size_t len, const char *file, int line)
{
    void  *moved;

    moved = watched_malloc(len, file, line);

    if (moved != NULL && p != NULL) {
        watched_t  *old = (watched_t *) p - 1;

        memcpy(moved, p, old->len < len ? old->len : len);
        watched_free(p, file, line);
    }

    return moved;
}


static void
test_bounds(void)
{
    uint8_t       zero[MK_SECRET_MAX];
    mk_bytes_t    view;
    mk_secret_t  *secret;

    memset(zero, 0, sizeof(zero));

    ok(mk_secret_create(0) == NULL, "no secret of no bytes");
    ok(mk_secret_copy(zero, 0) == NULL, "no copy of no bytes");
    ok(mk_secret_create(MK_SECRET_MAX + 1) == NULL,
       "no secret above the limit");
    ok(mk_secret_create(SIZE_MAX) == NULL, "no secret of SIZE_MAX bytes");

    secret = mk_secret_create(MK_SECRET_MAX);
    ok(secret != NULL, "a secret at the limit");
    view = mk_secret_view(secret);
    is_mem(view.data, view.len, zero, sizeof(zero), "a new secret is zero");
    ok(view.data == mk_secret_bytes(secret),
       "reading and writing see the same bytes");
    mk_secret_free(secret);

    mk_secret_free(NULL);
    ok(1, "freeing nothing is fine");
}


static void
test_equal(void)
{
    size_t        i, differing;
    uint8_t       bytes[32];
    mk_secret_t  *a, *b, *shorter;

    memset(bytes, PATTERN, sizeof(bytes));

    a = mk_secret_copy(bytes, 32);
    b = mk_secret_copy(bytes, 32);
    shorter = mk_secret_copy(bytes, 31);

    ok(mk_secret_equal(a, b), "the same bytes are equal");
    ok(mk_secret_equal(a, a), "a secret equals itself");
    ok(!mk_secret_equal(a, shorter) && !mk_secret_equal(shorter, a),
       "a prefix is not equal");

    differing = 0;

    for (i = 0; i < 8 * sizeof(bytes); i++) {
        mk_secret_bytes(b)[i / 8] ^= (uint8_t) (1 << (i % 8));
        differing += !mk_secret_equal(a, b);
        mk_secret_bytes(b)[i / 8] ^= (uint8_t) (1 << (i % 8));
    }

    is_int(differing, 8 * sizeof(bytes), "each single bit makes a difference");

    mk_secret_free(a);
    mk_secret_free(b);
    mk_secret_free(shorter);
}


static void
test_wiped_in_ordinary_memory(void)
{
    uint8_t       bytes[64];
    mk_secret_t  *secret;

    memset(bytes, PATTERN, sizeof(bytes));

    watching = 1;
    secret = mk_secret_copy(bytes, sizeof(bytes));
    ok(!CRYPTO_secure_allocated(mk_secret_bytes(secret)),
       "without a secure heap it is in ordinary memory");
    mk_secret_free(secret);
    watching = 0;

    is_int(given, 1, "a secret is one allocation");
    is_int(taken_back, 1, "which is given back");
    is_int(dirty, 0, "with every byte wiped");

    failing = 1;
    ok(mk_secret_create(32) == NULL, "no memory is no secret");
    failing = 0;
}


static void
test_secure_heap(void)
{
    size_t                   i, left;
    uint8_t                  bytes[64];
    mk_secret_t             *secret, *full[64];
    const volatile uint8_t  *place;

    if (CRYPTO_secure_malloc_init(4096, 32) == 0) {
        ok(1, "wiped in the secure heap # SKIP it cannot be locked here");
        return;
    }

    memset(bytes, PATTERN, sizeof(bytes));

    secret = mk_secret_copy(bytes, sizeof(bytes));
    place = mk_secret_bytes(secret);
    ok(CRYPTO_secure_allocated(mk_secret_bytes(secret)),
       "with a secure heap it is there");
    ok(place[0] == PATTERN && place[63] == PATTERN, "and holds its bytes");
    mk_secret_free(secret);

    left = 0;

    /* the heap stays mapped: what is left of the secret can be looked for */
    for (i = 0; i < sizeof(bytes); i++) {
        left += place[i] == PATTERN;
    }

    is_int(left, 0, "nothing is left in the secure heap");
    is_int(CRYPTO_secure_used(), 0, "and its room is given back");

    for (i = 0; i < 64; i++) {
        full[i] = mk_secret_create(256);

        if (full[i] == NULL) {
            break;
        }
    }

    ok(i > 0 && i < 64, "a full secure heap refuses");

    while (i-- > 0) {
        mk_secret_free(full[i]);
    }

    is_int(CRYPTO_secure_malloc_done(), 1, "the secure heap can be closed");
}


int
main(void)
{
    if (CRYPTO_set_mem_functions(watched_malloc, watched_realloc,
                                 watched_free)
        == 0)
    {
        tap_skip_all("the allocator of OpenSSL cannot be replaced");
    }

    test_bounds();
    test_equal();
    test_wiped_in_ordinary_memory();
    test_secure_heap();

    return tap_done();
}
