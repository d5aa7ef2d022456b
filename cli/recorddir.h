/*
 * recorddir: a directory of records, one file each, named by its id, which a
 * web server serves.  Readers need no lock: a file is replaced as a whole.
 */

#ifndef RECORDDIR_H
#define RECORDDIR_H

#include "change.h"


/*
 * The text of a record, owned, freed by free().  MK_OK;
 * MK_CAPSULE_NOT_FOUND; MK_METADATA_PROVIDER_ERROR after a message.
 */
mk_status_t recorddir_read(const char *dir, const char *id, char **text,
    size_t *len);

/*
 * Reads, changes and writes a record under the directory's lock.  REPORT_OK
 * if what was made is what can be read there, or another report_exit_t after
 * a message.
 */
int recorddir_change(const char *dir, const change_t *change);


#endif /* RECORDDIR_H */
