/*
 * records: where the metadata service's records are: a directory that a web
 * server serves, or a service that takes PUT.
 */

#ifndef RECORDS_H
#define RECORDS_H

#include "change.h"
#include "recordurl.h"


typedef struct {
    char        *where;     /* a directory, or a URL; owned */
    http_t      *http;      /* owned; NULL: it is a directory */
    recordurl_t  store;     /* else */
} records_t;


/* What an operator gave for a place.  Borrowed. */
typedef struct {
    const char  *dir;           /* --metadata */
    const char  *url;           /* --metadata-url */
    const char  *token_file;    /* for the URL */
    const char  *token_env;
    int          unsafe;        /* --unsafe-store, for the URL */
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
 * Reads a record, changes and writes it, so that no other writer's change is
 * lost: the only way in which a command writes one.  REPORT_OK if that is
 * what can be read there now, or another report_exit_t after a message.
 */
int records_change(records_t *records, const change_t *change);


#endif /* RECORDS_H */
