/*
 * mk_secret: the only type that holds a key.
 *
 * The bytes live in mk_heap where that was set up, else in OpenSSL's secure
 * heap, else in ordinary memory; either way they are wiped when the secret is
 * freed.  Wiping cannot reach copies that a library or
 * the compiler made in registers or on the stack; code here keeps such
 * copies few and wipes those it makes.
 */

#ifndef MK_SECRET_H
#define MK_SECRET_H

#include "mk_bytes.h"


/* the longest secret: a service's bearer token, an HMAC key */
#define MK_SECRET_MAX    4096

/* the longest that takes one unit of mk_heap, which can be reserved */
#define MK_SECRET_SHORT  (64 - sizeof(size_t))

typedef struct mk_secret_s  mk_secret_t;


/*
 * A secret of len bytes, all zero.  NULL if len is 0 or above MK_SECRET_MAX,
 * or if there is no memory.  The caller owns it.
 */
mk_secret_t *mk_secret_create(size_t len);

/* as above, holding a copy of data; the caller wipes the original */
mk_secret_t *mk_secret_copy(const uint8_t *data, size_t len);

/* wipes and frees */
void mk_secret_free(mk_secret_t *secret);

/* the bytes, for writing and for reading, borrowed while the secret lives */
uint8_t *mk_secret_bytes(mk_secret_t *secret);
mk_bytes_t mk_secret_view(const mk_secret_t *secret);

/* 1 if equal, in time that depends on the lengths only */
int mk_secret_equal(const mk_secret_t *a, const mk_secret_t *b);


#endif /* MK_SECRET_H */
