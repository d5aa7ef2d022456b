#include "mk_secret.h"

#include <openssl/crypto.h>

#include <string.h>


/* the smallest page there is; the secure heap begins with one */
#define MK_SECRET_STEP  4096


/* length and bytes in one allocation, so that one call wipes both */
struct mk_secret_s {
    size_t   len;
    uint8_t  bytes[];
};


mk_secret_t *
mk_secret_create(size_t len)
{
    mk_secret_t  *secret;

    if (len == 0 || len > MK_SECRET_MAX) {
        return NULL;
    }

    /*
     * Ordinary memory if no secure heap was set up; but a secure heap that
     * is full is a failure, never a reason to use ordinary memory.
     */
    secret = OPENSSL_secure_zalloc(sizeof(mk_secret_t) + len);
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


void *
mk_secret_heap(size_t *len)
{
    char  *inside, *first, *end;

    *len = 0;

    inside = OPENSSL_secure_malloc(1);

    if (inside == NULL || !CRYPTO_secure_allocated(inside)) {
        OPENSSL_secure_free(inside);
        return NULL;
    }

    /* it is asked about addresses only; guard pages stand on both sides */

    first = inside - (uintptr_t) inside % MK_SECRET_STEP;
    end = first + MK_SECRET_STEP;

    while (CRYPTO_secure_allocated(first - MK_SECRET_STEP)) {
        first -= MK_SECRET_STEP;
    }

    while (CRYPTO_secure_allocated(end)) {
        end += MK_SECRET_STEP;
    }

    OPENSSL_secure_free(inside);

    *len = (size_t) (end - first);

    return first;
}


int
mk_secret_equal(const mk_secret_t *a, const mk_secret_t *b)
{
    return a->len == b->len && CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}
