#include "mk_secret.h"

#include "mk_heap.h"

#include <openssl/crypto.h>

#include <string.h>


/* length and bytes in one allocation, so that one call wipes both */
struct mk_secret_s {
    size_t   len;
    uint8_t  bytes[];
};

_Static_assert(sizeof(mk_secret_t) + MK_SECRET_SHORT == MK_HEAP_UNIT,
               "a short secret is one unit");
_Static_assert(sizeof(mk_secret_t) + MK_SECRET_MAX <= MK_HEAP_MAX,
               "a long one is not too long");


mk_secret_t *
mk_secret_create(size_t len)
{
    mk_secret_t  *secret;

    if (len == 0 || len > MK_SECRET_MAX) {
        return NULL;
    }

    /* a heap that is full is a failure, never a reason to use another */

    if (mk_heap_is_set_up()) {
        secret = mk_heap_alloc(sizeof(mk_secret_t) + len);

    } else {
        secret = OPENSSL_secure_zalloc(sizeof(mk_secret_t) + len);
    }

    if (secret == NULL) {
        return NULL;
    }

    secret->len = len;

    return secret;
}


mk_secret_t *
mk_secret_copy(const uint8_t *data, size_t len)
{
    mk_secret_t  *secret;

    secret = mk_secret_create(len);
    if (secret == NULL) {
        return NULL;
    }

    memcpy(secret->bytes, data, len);

    return secret;
}


void
mk_secret_free(mk_secret_t *secret)
{
    if (secret == NULL) {
        return;
    }

    /* it may be older than the heap */

    if (mk_heap_holds(secret)) {
        mk_heap_free(secret, sizeof(mk_secret_t) + secret->len);
        return;
    }

    OPENSSL_secure_clear_free(secret, sizeof(mk_secret_t) + secret->len);
}


uint8_t *
mk_secret_bytes(mk_secret_t *secret)
{
    return secret->bytes;
}


mk_bytes_t
mk_secret_view(const mk_secret_t *secret)
{
    mk_bytes_t  view;

    view.data = secret->bytes;
    view.len = secret->len;

    return view;
}


int
mk_secret_equal(const mk_secret_t *a, const mk_secret_t *b)
{
    return a->len == b->len && CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}
