/*
 * auditlog: the lines of an audit log (mk_audit), one by one.
 */

#ifndef AUDITLOG_H
#define AUDITLOG_H

#include <jansson.h>
#include <stdio.h>

#include "mk_audit.h"


/* a line, and what syslog writes before it */
#define AUDITLOG_LINE_MAX  (MK_AUDIT_LINE_MAX + 1024)


typedef enum {
    AUDITLOG_ALLOWED = 0,
    AUDITLOG_DENIED,
    AUDITLOG_COMPLETE,
    AUDITLOG_ABORTED,
    AUDITLOG_CLIENT_GONE,
    AUDITLOG_SHUTDOWN,
    AUDITLOG_EVENTS
} auditlog_event_t;


/* A line that was read. */
typedef struct {
    json_t            *object;      /* owned, freed by json_decref */
    auditlog_event_t   event;
    int64_t            seconds;     /* of @timestamp */
} auditlog_record_t;


/* "allowed", "denied", "complete", "aborted", "client_gone", "shutdown" */
const char *auditlog_word(auditlog_event_t event);

/*
 * Reads a line without its end; 0 at the end of the file.  Of one that is
 * longer than line, *len is more than AUDITLOG_LINE_MAX, and the rest is
 * passed over.
 */
int auditlog_read(FILE *in, char line[AUDITLOG_LINE_MAX], size_t *len);

/*
 * 1 and a record, or 0 and an object of NULL for what is none.  What stands
 * before the object is syslog's and is passed over.
 */
int auditlog_parse(const char *line, size_t len, auditlog_record_t *record);


#endif /* AUDITLOG_H */
