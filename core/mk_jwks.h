/*
 * mk_jwks: trusted public keys, each with the identities it may speak for
 * (RFC 7517 section 5, and the member "identity" of docs/FORMAT.md).
 */

#ifndef MK_JWKS_H
#define MK_JWKS_H

#include "mk_key.h"


/* keys in one set, and identities of one key */
#define MK_JWKS_MAX        256
#define MK_JWKS_NAMES_MAX  64

/* keys of one kid for one identity: a signature is held against all of them */
#define MK_JWKS_KID_MAX    4

typedef struct mk_jwks_s  mk_jwks_t;


/*
 * Reads a JWKS (RFC 7517 section 5).  Keys that cannot verify (X25519,
 * RSA, symmetric, "use" other than "sig") and keys without the member
 * "identity" (a string or an array of strings) are left out; *left_out says
 * how many.  NULL with *why set if it is not a JWKS, if no key is left, or if
 * more than MK_JWKS_KID_MAX keys share a kid and an identity.
 */
mk_jwks_t *mk_jwks_parse(const char *json, size_t len, size_t *left_out,
    const char **why);

void mk_jwks_free(mk_jwks_t *jwks);

/* how many keys are used */
size_t mk_jwks_count(const mk_jwks_t *jwks);

/*
 * The n-th key whose kid is kid and that may speak for identity, counted
 * from 0; NULL if there are no more, of at most MK_JWKS_KID_MAX.  A key that
 * stands in the set more than once is given once.  Borrowed while jwks lives.
 */
const mk_key_t *mk_jwks_find(const mk_jwks_t *jwks, mk_bytes_t kid,
    mk_bytes_t identity, size_t n);


#endif /* MK_JWKS_H */
