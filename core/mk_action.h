/*
 * mk_action: what somebody wants to do with a share.
 */

#ifndef MK_ACTION_H
#define MK_ACTION_H

#include "mk_bytes.h"


typedef enum {
    MK_ACTION_OPEN = 0,
    MK_ACTION_DOWNLOAD
} mk_action_t;


/* 1 and *action for "open" or "download", else 0 and MK_ACTION_OPEN */
int mk_action_parse(mk_bytes_t text, mk_action_t *action);

/* "open" or "download" */
const char *mk_action_name(mk_action_t action);


#endif /* MK_ACTION_H */
