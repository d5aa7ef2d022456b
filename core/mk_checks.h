/*
 * mk_checks: facts in, one verdict out.
 *
 * The checks that need no other service, in the order of docs/DESIGN.md,
 * "The order of an open".  The first refusal is the verdict.
 */

#ifndef MK_CHECKS_H
#define MK_CHECKS_H

#include "mk_capsule.h"
#include "mk_jwks.h"
#include "mk_keyring.h"


/* What is known before anybody else is asked.  Borrowed. */
typedef struct {
    const mk_capsule_t  *capsule;
    mk_bytes_t           id;            /* the id that was asked for */
    mk_bytes_t           identity;      /* to open as */
    mk_action_t          action;
    const mk_jwks_t     *owners;        /* trusted owners */
    unsigned             insecure_any_owner:1;  /* then owners is NULL */
    const mk_keyring_t  *keyring;
    int64_t              now;           /* seconds since the epoch */
    int64_t              skew;          /* seconds of leeway for exp, nbf */
    uint64_t             max_size;      /* of the plaintext; 0: no limit */
} mk_checks_facts_t;


/* What the checks found on the way: the key and the wrap that fits it. */
typedef struct {
    const mk_key_t   *key;
    const mk_wrap_t  *wrap;
} mk_checks_found_t;


/*
 * id, signature; nbf, exp; revoked; identity, wrap; action; size.  MK_OK and
 * *found, or the first refusal with *found zeroed and *why a static phrase
 * for the log.  An owners of NULL without insecure_any_owner refuses.
 */
mk_status_t mk_checks_local(const mk_checks_facts_t *facts,
    mk_checks_found_t *found, const char **why);

/*
 * That a signature is meant as a capsule's: the protected header has a kid
 * and the profile's typ.  MK_OK, or MK_INVALID_CAPSULE with *why set.  For
 * whoever verifies the signature by itself.
 */
mk_status_t mk_checks_header(const mk_capsule_t *capsule, const char **why);


#endif /* MK_CHECKS_H */
