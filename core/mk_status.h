/*
 * mk_status: every outcome of an open, once.
 *
 * An outcome has a number (here), a name (the code that stands in logs,
 * variables, problem documents and tests), an HTTP status, a title for
 * people and a suggestion of what to do next.  docs/FORMAT.md, "Outcomes".
 */

#ifndef MK_STATUS_H
#define MK_STATUS_H


typedef enum {
    MK_OK = 0,
    MK_INVALID_REQUEST,
    MK_CAPSULE_NOT_FOUND,
    MK_INVALID_CAPSULE,
    MK_SHARE_NOT_YET_VALID,
    MK_SHARE_EXPIRED,
    MK_SHARE_REVOKED,
    MK_IDENTITY_NOT_FOUND,
    MK_RECIPIENT_NOT_AUTHORIZED,
    MK_KEY_UNWRAP_FAILED,
    MK_VAULT_DENIED,
    MK_VAULT_PROVIDER_ERROR,
    MK_CAPABILITY_REQUIRED,
    MK_CAPABILITY_DENIED,
    MK_POLICY_PROVIDER_REQUIRED,
    MK_POLICY_PROVIDER_ERROR,
    MK_POLICY_DENIED,
    MK_DOWNLOAD_NOT_ALLOWED,
    MK_METADATA_PROVIDER_ERROR,
    MK_PROVIDER_HTTP_ERROR,
    MK_PROVIDER_REQUEST_FAILED,
    MK_CID_MISMATCH,
    MK_INVALID_ENVELOPE,
    MK_LINK_INVALID,
    MK_LINK_EXPIRED,
    MK_LINK_USED_UP,
    MK_RANGE_NOT_SATISFIABLE,
    MK_INPUT_TOO_LARGE,
    MK_GATEWAY_OVERLOADED,
    MK_INTERNAL_ERROR,
    MK_STATUS_COUNT
} mk_status_t;


/*
 * All four return static text or a number, for every value: one outside
 * the list is treated as MK_INTERNAL_ERROR, so that a stray value can never
 * read as success.
 */

/* "ok", "share_expired", ...: lower case, [a-z_] */
const char *mk_status_name(mk_status_t status);

/* 200 for MK_OK, else 4xx or 5xx */
int mk_status_http(mk_status_t status);

/* one short phrase, no full stop (RFC 9457 "title") */
const char *mk_status_title(mk_status_t status);

/* what the reader can do next, one sentence; names no secret, no reason */
const char *mk_status_suggestion(mk_status_t status);

/* the value whose name is "name"; MK_STATUS_COUNT if there is none */
mk_status_t mk_status_from_name(const char *name);


#endif /* MK_STATUS_H */
