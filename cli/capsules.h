/*
 * capsules: a capsule, or a record that holds one, from a file.
 */

#ifndef CAPSULES_H
#define CAPSULES_H

#include "mk_capsule.h"
#include "mk_checks.h"
#include "mk_jwks.h"


typedef struct {
    mk_capsule_t  *capsule;         /* owned */
    json_t        *json;            /* owned: the capsule's own object */
    int64_t        revoked_at;      /* as its status says; 0: it does not */
    unsigned       is_record:1;     /* the file had a status as well */
} capsules_t;


/*
 * Reads text, told apart by the member "capsule".  MK_OK, or the outcome
 * with *out zeroed.
 */
mk_status_t capsules_read(mk_bytes_t text, capsules_t *out);

/*
 * The same from a file.  REPORT_OK, or another report_exit_t after a
 * message.
 */
int capsules_read_file(const char *path, capsules_t *out);

void capsules_clear(capsules_t *capsule);

/*
 * Whether a trusted owner signed it as a capsule: MK_OK or
 * MK_INVALID_CAPSULE.  Nothing else is looked at.
 */
mk_status_t capsules_verify(const mk_capsule_t *capsule,
    const mk_jwks_t *owners);


#endif /* CAPSULES_H */
