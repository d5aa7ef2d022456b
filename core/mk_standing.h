/*
 * mk_standing: whether a thing still counts, as the metadata service says.
 *
 * A record and a capability are active or revoked; an identity is a member
 * of a vault or is not (docs/FORMAT.md, "Interfaces").  Only the literal
 * words count.  What is neither yes nor no is no answer.
 */

#ifndef MK_STANDING_H
#define MK_STANDING_H

#include "mk_json.h"


/*
 * The member "status" of an answer: { "state": "active" | "revoked",
 * "revokedAt"?: time }.  MK_OK and *active 1 or 0; "refused" for anything
 * else, *active is then 0.
 */
mk_status_t mk_standing_read_state(const json_t *answer, mk_status_t refused,
    int *active);

/*
 * The answer about a capability, { "status": ... }.  MK_OK: it is active.
 * MK_CAPABILITY_DENIED: it is revoked.  MK_METADATA_PROVIDER_ERROR: anything
 * else.  MK_INTERNAL_ERROR: no memory.
 */
mk_status_t mk_standing_capability(mk_bytes_t text);

/*
 * The answer about a member of a vault, { "member": true | false }.  MK_OK:
 * true.  MK_VAULT_DENIED: false.  MK_VAULT_PROVIDER_ERROR: anything else.
 * MK_INTERNAL_ERROR: no memory.
 */
mk_status_t mk_standing_member(mk_bytes_t text);


#endif /* MK_STANDING_H */
