/*
 * mk_checks: facts in, one verdict out.
 *
 * The checks that need no other service, in the order of docs/DESIGN.md,
 * "The order of an open".  The first refusal is the verdict.
 */

#ifndef MK_CHECKS_H
#define MK_CHECKS_H

#include "mk_capsule.h"
#include "mk_denylist.h"
#include "mk_jwks.h"
#include "mk_keyring.h"


/*
 * Every check of an open, in its order.  An open stands at one of them: those
 * before it passed or did not apply, those behind it were not looked at.
 */
typedef enum {
    MK_CHECK_REQUEST = 0,       /* address, identity, action, as asked */
    MK_CHECK_DENYLIST,
    MK_CHECK_RECORD,            /* the metadata service's answer */
    MK_CHECK_SIGNATURE,         /* id, profile, the owner's signature */
    MK_CHECK_TIME,              /* nbf, exp */
    MK_CHECK_STATUS,            /* revoked */
    MK_CHECK_RECIPIENT,         /* the identity's key, its wrap */
    MK_CHECK_ACTION,            /* allowDownload, the operator's limit */
    MK_CHECK_VAULT,
    MK_CHECK_CAPABILITY,
    MK_CHECK_POLICY,
    MK_CHECK_KEY,               /* the wrap opens, the FLOE header fits */
    MK_CHECK_RANGE,             /* what of it was asked for */
    MK_CHECK_CONTENT,           /* CID, size, tags: to the last byte */
    MK_CHECK_NUMBER
} mk_check_t;


/* a check's word, as audit lines and documents have it */
const char *mk_checks_name(mk_check_t check);


/* What is known before anybody else is asked.  Borrowed. */
typedef struct {
    const mk_capsule_t  *capsule;
    mk_bytes_t           id;            /* the id that was asked for */
    mk_bytes_t           identity;      /* to open as */
    mk_action_t          action;
    const mk_jwks_t     *owners;        /* trusted owners */
    unsigned             insecure_any_owner:1;  /* then owners is NULL */
    const mk_denylist_t *denylist;      /* NULL: none */
    const mk_keyring_t  *keyring;
    int64_t              now;           /* seconds since the epoch */
    int64_t              skew;          /* seconds of leeway for exp, nbf */
    uint64_t             max_size;      /* of the plaintext; 0: no limit */
} mk_checks_facts_t;


/* What the checks found on the way: the key and the wrap that fits it. */
typedef struct {
    mk_check_t        check;    /* that refused; if none did, the last one */
    const mk_key_t   *key;
    const mk_wrap_t  *wrap;
} mk_checks_found_t;


/*
 * id, signature; CID, owner on the denylist; nbf, exp; revoked; identity,
 * wrap; action; size.  MK_OK and *found, or the first refusal with
 * found->check set, the rest of *found zeroed and *why a static phrase for
 * the log.  An owners of NULL without insecure_any_owner refuses.
 */
mk_status_t mk_checks_local(const mk_checks_facts_t *facts,
    mk_checks_found_t *found, const char **why);

/*
 * Once more, when services took their time to answer: what may have changed
 * by itself since then, the denylist and the time.  Outcomes and *why as
 * above; *check is the one that refused, or the last one.
 */
mk_status_t mk_checks_again(const mk_checks_facts_t *facts,
    mk_check_t *check, const char **why);

/*
 * That a signature is meant as a capsule's: the protected header has a kid
 * and the profile's typ.  MK_OK, or MK_INVALID_CAPSULE with *why set.  For
 * whoever verifies the signature by itself.
 */
mk_status_t mk_checks_header(const mk_capsule_t *capsule, const char **why);


#endif /* MK_CHECKS_H */
