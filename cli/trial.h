/*
 * trial: whether a service honours preconditions, found out without harm.
 *
 * Two of its requests are such that a service which ignores their
 * precondition leaves nothing that opens: the one writes a revoked record
 * under an id that nobody knows, the other revokes what has just been made.
 */

#ifndef TRIAL_H
#define TRIAL_H

#include "recordurl.h"


/*
 * If-Match, before a record is written: puts a trial under a random id with
 * an If-Match that cannot fit; 412 is what a service has to say.  It may say
 * that only because nothing is there, or refuse the trial since it looks into
 * records; so a record that is to be revoked is then put itself, at url.
 * REPORT_OK, remembered in store, or another report_exit_t after a message.
 */
int trial_before(recordurl_t *store, const change_t *change,
    const change_made_t *made, const char *url);

/*
 * Both preconditions, after a record was made at url: puts it again as a
 * revoked one.  As above.
 */
int trial_after(recordurl_t *store, const change_made_t *made,
    const char *url);

/* Revokes what was made at url, as far as that is possible. */
void trial_take_back(recordurl_t *store, const change_made_t *made,
    const char *url);

/* the next step, where a service was refused */
void trial_print_hint(void);


#endif /* TRIAL_H */
