/*
 * recordurl: a service of records, by HTTP.
 *
 * Two writers are kept apart by preconditions (RFC 9110, 13): a new record is
 * put with If-None-Match, a changed one with If-Match and the entity tag that
 * was read.  A service that does not honour them loses one writer's change,
 * and says 204.  So it is tried before anything is written: a record under a
 * random id, which nobody asks for, is put with an If-Match that fits
 * nothing; who takes it honours no If-Match.  docs/DESIGN.md, "Two writers",
 * says why it is done in this way.
 */

#ifndef RECORDURL_H
#define RECORDURL_H

#include "change.h"
#include "http.h"


typedef struct {
    http_t      *http;          /* borrowed */
    const char  *base;          /* of the records' URLs, borrowed */
    int          unsafe;        /* --unsafe-store: no trial, no demands */
    int          tried;         /* it was tried, and honours If-Match */
} recordurl_t;


/*
 * The text of a record, owned, freed by free().  MK_OK;
 * MK_CAPSULE_NOT_FOUND; MK_METADATA_PROVIDER_ERROR after a message.
 */
mk_status_t recordurl_read(recordurl_t *store, const char *id, char **text,
    size_t *len);

/* where a record is; owned, NULL: no memory */
char *recordurl_join(const recordurl_t *store, const char *id);

/*
 * Reads, changes and writes a record, and again if others did so meanwhile.
 * REPORT_OK if what was made was read back, or another report_exit_t after a
 * message.
 */
int recordurl_change(recordurl_t *store, const change_t *change);


#endif /* RECORDURL_H */
