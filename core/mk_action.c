/*
 * mk_action: the names of actions.
 */

#include "mk_action.h"

#include <string.h>


static const char *const  mk_action_names[] = {
    [MK_ACTION_OPEN]     = "open",
    [MK_ACTION_DOWNLOAD] = "download",
};

#define MK_ACTIONS  (sizeof(mk_action_names) / sizeof(mk_action_names[0]))


int
mk_action_parse(mk_bytes_t text, mk_action_t *action)
{
    size_t       i;
    const char  *name;

    for (i = 0; i < MK_ACTIONS; i++) {
        name = mk_action_names[i];

        if (text.len == strlen(name)
            && memcmp(text.data, name, text.len) == 0)
        {
            *action = (mk_action_t) i;
            return 1;
        }
    }

    *action = MK_ACTION_OPEN;

    return 0;
}


const char *
mk_action_name(mk_action_t action)
{
    return mk_action_names[action == MK_ACTION_DOWNLOAD ? MK_ACTION_DOWNLOAD
                                                        : MK_ACTION_OPEN];
}
