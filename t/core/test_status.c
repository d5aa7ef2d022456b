/*
 * The table of outcomes: complete, unique, and safe for a stray value.
 */

#include "mk_status.h"
#include "tap.h"

#include <string.h>


int
main(void)
{
    int          i, j, unique;
    mk_status_t  stray;

    is_int(MK_OK, 0, "success is zero");
    is_int(mk_status_http(MK_OK), 200, "success is 200");

    for (i = 0; i < MK_STATUS_COUNT; i++) {
        const char  *name = mk_status_name(i);

        unique = 1;

        for (j = 0; j < i; j++) {
            unique = unique && strcmp(name, mk_status_name(j)) != 0;
        }

        ok(unique, "%s stands once", name);
        is_int(mk_status_from_name(name), i, "%s is found by its name", name);
        ok(strlen(mk_status_title(i)) > 0, "%s has a title", name);
        ok(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name),
           "%s is lower case and underscores", name);

        if (i != MK_OK) {
            ok(mk_status_http(i) >= 400 && mk_status_http(i) < 600,
               "%s is a refusal on the wire", name);
            ok(strlen(mk_status_suggestion(i)) > 0,
               "%s says what to do next", name);
        }
    }

    is_int(mk_status_from_name("nonsense"), MK_STATUS_COUNT,
           "an unknown name is none of them");

    stray = (mk_status_t) 4711;
    is_str(mk_status_name(stray), "internal_error",
           "a stray value is a failure");
    is_int(mk_status_http(stray), 500, "a stray value is 500");

    return tap_done();
}
