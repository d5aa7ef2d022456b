/*
 * recipients: who a file is shared with, from --to ID=KEY.
 */

#ifndef RECIPIENTS_H
#define RECIPIENTS_H

#include "mk_author.h"
#include "options.h"


typedef struct {
    size_t                  count;
    mk_author_recipient_t  *list;       /* identities and keys are owned */
} recipients_t;


/*
 * Reads all keys.  REPORT_OK, or another report_exit_t after a message;
 * recipients_clear follows in any case.
 */
int recipients_read(const options_list_t *to, recipients_t *recipients);

void recipients_clear(recipients_t *recipients);


#endif /* RECIPIENTS_H */
