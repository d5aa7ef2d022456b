/*
 * mk_token_ref: what a log calls a token.
 *
 * The first hex digits of an HMAC-SHA-256 (RFC 2104) of the token under a
 * key that is made at start and kept nowhere: the same token is the same
 * reference in all lines of one server, and nobody who has the lines can try
 * tokens against it, as with a plain hash.
 */

#ifndef MK_TOKEN_REF_H
#define MK_TOKEN_REF_H

#include "mk_secret.h"
#include "mk_status.h"


#define MK_TOKEN_REF      8         /* digits */
#define MK_TOKEN_REF_KEY  32        /* bytes of the key */


/* A new key from OpenSSL's generator; NULL if there is none.  Owned. */
mk_secret_t *mk_token_ref_key(void);

/*
 * Writes the reference, NUL closed.  MK_OK, or MK_INTERNAL_ERROR with ref
 * empty.
 */
mk_status_t mk_token_ref_print(const mk_secret_t *key, mk_bytes_t token,
    char ref[MK_TOKEN_REF + 1]);


#endif /* MK_TOKEN_REF_H */
