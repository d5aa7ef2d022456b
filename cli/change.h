/*
 * change: what a command makes of a record, wherever the record is.
 *
 * A command says it once, as a function of what is published.  The place,
 * a directory or a service, calls that function as often as other writers
 * make it necessary: each time on what it has just read.  What holds for
 * every command is here: a record is that of its id, it is what a gateway
 * would read, and what is revoked never becomes active.
 */

#ifndef CHANGE_H
#define CHANGE_H

#include "capsules.h"
#include "mk_author.h"


typedef struct {
    const char  *id;        /* of the record, borrowed */
    int          fresh;     /* there must be no record of this id */
    int          creates;   /* where there is none, one is made */

    /*
     * Makes the record, owned by the caller, of what is published (NULL:
     * nothing is).  *record NULL: it stays as it is.  REPORT_OK, or another
     * report_exit_t after a message.
     */
    int        (*make)(void *data, const capsules_t *published,
                       json_t **record);

    /*
     * A record under another id, for a trial (see recordurl.h), which a service
     * takes that looks into records.  NULL: there is no key to sign one.
     */
    int        (*make_trial)(void *data, const char *id, json_t **record);

    void        *data;
} change_t;


/* What came of it.  Freed by change_clear. */
typedef struct {
    json_t  *record;        /* NULL: nothing is to be written */
    char    *text;          /* the same */
    int      revoked;
    int64_t  revoked_at;
} change_made_t;


typedef enum {
    CHANGE_OTHER = 0,       /* another record, or what is none */
    CHANGE_HOLDS,           /* it is there, and others may have added to it */
    CHANGE_REVOKED          /* it is there, and was revoked since */
} change_seen_t;


/*
 * Calls change->make for the text of a record (NULL: there is none).  taken
 * is what a fresh record that is there already returns.  REPORT_OK, or
 * another report_exit_t after a message; *made is zeroed then.
 */
int change_make(const change_t *change, const char *text, size_t len,
    int taken, change_made_t *made);

/* The same for change->make_trial. */
int change_make_trial(const change_t *change, const char *id,
    change_made_t *made);

/* Whether the text of a record is what was made. */
change_seen_t change_seen(const change_made_t *made, const char *text,
    size_t len);

/* The record as it is, but revoked; owned, freed by free(). */
char *change_revoked_text(const change_made_t *made);

void change_clear(change_made_t *made);


#endif /* CHANGE_H */
