/*
 * records: where the metadata service's records are: a directory that a web
 * server serves, or a service that takes PUT.
 */

#ifndef RECORDS_H
#define RECORDS_H

#include "http.h"
#include "mk_author.h"


typedef struct {
    const char  *dir;       /* borrowed; NULL: it is a service */
    const char  *url;       /* borrowed */
    http_t      *http;      /* owned */
} records_t;


/* What an operator gave for a place.  Borrowed. */
typedef struct {
    const char  *dir;           /* --metadata */
    const char  *url;           /* --metadata-url */
    const char  *token_file;    /* for the URL */
    const char  *token_env;
} records_place_t;


/*
 * Checks a place and opens it.  REPORT_OK, or another report_exit_t after a
 * message; records_close follows in any case.
 */
int records_open(const records_place_t *place, records_t *records);

void records_close(records_t *records);

/*
 * The text of a record, owned, freed by free().  MK_OK;
 * MK_CAPSULE_NOT_FOUND; MK_METADATA_PROVIDER_ERROR after a message.
 */
mk_status_t records_read(records_t *records, const char *id, char **text,
    size_t *len);

/*
 * Writes a record, after reading it as a gateway would.  fresh: only where
 * there is none.  REPORT_OK, or another report_exit_t after a message.
 */
int records_write(records_t *records, const char *id, const json_t *record,
    int fresh);


#endif /* RECORDS_H */
