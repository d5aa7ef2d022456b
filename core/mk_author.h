/*
 * mk_author: writes capsules and records (docs/FORMAT.md, "Capsule").
 */

#ifndef MK_AUTHOR_H
#define MK_AUTHOR_H

#include "mk_capsule.h"


/* What a new capsule says.  Borrowed; strings are NUL closed, NULL: absent. */
typedef struct {
    const char        *id;
    const mk_cid_t    *cid;
    const char        *owner;
    int64_t            iat;
    int64_t            exp;             /* 0: none */
    int64_t            nbf;             /* 0: none */
    const char        *policy_id;
    const char        *vault_id;
    const char        *capability_issuer;
    unsigned           capability_open:1;
    unsigned           capability_download:1;
    unsigned           deny_download:1;
    const char        *payload_id;
    const uint8_t     *header;          /* MK_FLOE_HEADER bytes */
    uint64_t           size;
    const char        *name;
    const char        *type;
} mk_author_facts_t;


typedef struct {
    const char        *identity;
    const mk_key_t    *key;             /* public or private, P-256 or X25519 */
} mk_author_recipient_t;


/*
 * Signs facts with owner_key and wraps data_key for each recipient.
 * MK_OK: *capsule is a JSON object that the caller owns.  MK_INVALID_REQUEST:
 * a fact that a reader would refuse; *why is a static phrase.
 * MK_INTERNAL_ERROR.
 */
mk_status_t mk_author_capsule(const mk_author_facts_t *facts,
    const mk_key_t *owner_key, const mk_secret_t *data_key,
    const mk_author_recipient_t *recipients, size_t nrecipients,
    json_t **capsule, const char **why);

/*
 * Adds a wrap to an existing capsule under the same payload (a new recipient
 * needs no new signature).  A wrap of the same recipient and kid is
 * replaced.  As above.
 */
mk_status_t mk_author_add_wrap(json_t *capsule, const mk_secret_t *data_key,
    const mk_author_recipient_t *recipient, const char **why);

/*
 * The metadata service's answer for a capsule: {"capsule", "status"}.
 * revoked_at 0: active.  Takes no reference away from capsule.  NULL if there
 * is no memory.
 */
json_t *mk_author_record(json_t *capsule, int64_t revoked_at);


#endif /* MK_AUTHOR_H */
