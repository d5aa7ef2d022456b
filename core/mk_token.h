/*
 * mk_token: capability and link tokens (docs/FORMAT.md).
 */

#ifndef MK_TOKEN_H
#define MK_TOKEN_H

#include "mk_capsule.h"
#include "mk_jwks.h"


#define MK_TOKEN_CAPABILITY_TYP  "meshkit-capability+jwt"
#define MK_TOKEN_LINK_TYP        "meshkit-link+jwt"


/* What a capability token is held against.  Borrowed. */
typedef struct {
    const mk_capsule_t  *capsule;
    const mk_jwks_t     *issuers;       /* NULL: none are trusted */
    mk_bytes_t           identity;      /* who opens: "sub" */
    mk_bytes_t           audience;      /* this gateway; empty: none is set */
    mk_action_t          action;
    int64_t              now;           /* seconds since the epoch */
    int64_t              skew;          /* seconds of leeway for exp, nbf */
} mk_token_facts_t;


/* An accepted capability token.  Owned texts. */
typedef struct {
    char      jti[MK_NAME_MAX + 1];
    int64_t   exp;
    unsigned  may_open:1;
    unsigned  may_download:1;
} mk_capability_t;


/*
 * MK_OK and *capability; MK_CAPABILITY_DENIED with *why a static phrase for
 * the log; MK_INTERNAL_ERROR.
 */
mk_status_t mk_token_capability(mk_bytes_t token,
    const mk_token_facts_t *facts, mk_capability_t *capability,
    const char **why);


/* The keys that link tokens are verified with: either kind, or both. */
typedef struct {
    mk_secret_t *const  *hmac;          /* the first one signs */
    size_t               nhmac;
    const mk_jwks_t     *jwks;          /* NULL: none */
} mk_link_keys_t;


/* An accepted link token.  NUL closed, owned texts. */
typedef struct {
    char         capsule[MK_NAME_MAX + 1];
    char         identity[MK_NAME_MAX + 1];
    char         jti[MK_NAME_MAX + 1];
    char         subject[MK_CAPSULE_TEXT_MAX + 1];  /* "": none */
    int64_t      exp;
    int64_t      max;                   /* 0: no limit */
    mk_action_t  action;
} mk_link_t;


/*
 * MK_OK and *link; MK_LINK_INVALID, MK_LINK_EXPIRED with *why for the log;
 * MK_INTERNAL_ERROR.
 */
mk_status_t mk_token_link(mk_bytes_t token, const mk_link_keys_t *keys,
    int64_t now, int64_t skew, mk_link_t *link, const char **why);


#endif /* MK_TOKEN_H */
