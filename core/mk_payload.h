/*
 * mk_payload: the signed part of a capsule, its core JSON (docs/FORMAT.md).
 */

#ifndef MK_PAYLOAD_H
#define MK_PAYLOAD_H

#include "mk_capsule.h"


/*
 * Reads the core JSON into *capsule, whose members of the same names are
 * zeroed before.  MK_OK: the texts belong to the capsule, by what
 * mk_capsule_free releases.  MK_INVALID_CAPSULE: *why is a static phrase
 * that says what is wrong.  MK_INTERNAL_ERROR: no memory.  After a failure
 * the capsule is good for mk_capsule_free only.
 */
mk_status_t mk_payload_read(mk_bytes_t text, mk_capsule_t *capsule,
    const char **why);


#endif /* MK_PAYLOAD_H */
