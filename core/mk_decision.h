/*
 * mk_decision: what a policy service is asked, and what counts as a yes.
 *
 * OpenID AuthZEN Authorization API 1.0 (one evaluation), and the flat form
 * that MeshKit's documents describe ("lit").  docs/FORMAT.md, "Decisions".
 */

#ifndef MK_DECISION_H
#define MK_DECISION_H

#include "mk_capsule.h"


typedef enum {
    MK_DECISION_AUTHZEN = 0,
    MK_DECISION_LIT
} mk_decision_format_t;


/* What is told.  Borrowed; empty bytes: left out. */
typedef struct {
    const mk_capsule_t  *capsule;
    mk_bytes_t           subject;       /* empty: the identity is the subject */
    mk_bytes_t           identity;
    mk_action_t          action;
    mk_bytes_t           request_id;
    mk_bytes_t           ip;
    int64_t              now;
    const char          *capability_jti;    /* NULL: none */
    unsigned             capability_open:1;
    unsigned             capability_download:1;
} mk_decision_facts_t;


/*
 * The request body.  MK_OK: *body is owned, freed by free(), *len long.
 * MK_POLICY_PROVIDER_ERROR: a fact cannot be said (text that is not UTF-8, a
 * time outside 1970 to 9999).
 * MK_INTERNAL_ERROR.
 */
mk_status_t mk_decision_request(mk_decision_format_t format,
    const mk_decision_facts_t *facts, char **body, size_t *len);

/* What came back.  Borrowed. */
typedef struct {
    int         http;                   /* status */
    unsigned    complete:1;             /* the whole body arrived */
    mk_bytes_t  media_type;             /* value of Content-Type */
    mk_bytes_t  body;
    mk_bytes_t  request_id;             /* X-Request-ID; empty: none */
    mk_bytes_t  request_id_sent;
} mk_decision_answer_t;


/*
 * MK_OK: permit, *why is NULL.  MK_POLICY_DENIED: a valid answer that says
 * no.  MK_POLICY_PROVIDER_ERROR: everything else.  MK_INTERNAL_ERROR: no
 * memory.  *why is a static phrase.
 */
mk_status_t mk_decision_read(mk_decision_format_t format,
    const mk_decision_answer_t *answer, const char **why);


#endif /* MK_DECISION_H */
