/* Moments in text: the calendar's corners, and what is outside it. */

#include "mk_time.h"
#include "tap.h"

#include <string.h>
#include <time.h>


/* the C library, asked in UTC, has the last word */
static void
walk(void)
{
    char        text[MK_TIME_TEXT], want[64];
    int         wrong;
    time_t      t;
    int64_t     s;
    struct tm  *tm;

    wrong = 0;

    for (s = 0; s < MK_TIME_MAX - 86400 * 366; s += 86400 * 27 + 4321) {
        t = (time_t) s;
        tm = gmtime(&t);

        if (!mk_time_print(s, text)
            || tm == NULL
            || strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", tm) == 0
            || strcmp(text, want) != 0)
        {
            wrong++;
        }
    }

    is_int(wrong, 0, "a walk through eight thousand years");
}


int
main(void)
{
    size_t  i;
    char    text[MK_TIME_TEXT];

    static const struct {
        int64_t      seconds;
        const char  *text;
    } moments[] = {
        { 0, "1970-01-01T00:00:00" },
        { 59, "1970-01-01T00:00:59" },
        { 951782400, "2000-02-29T00:00:00" },
        { 951868799, "2000-02-29T23:59:59" },
        { INT64_C(4107542399), "2100-02-28T23:59:59" },
        { INT64_C(4107542400), "2100-03-01T00:00:00" },
        { MK_TIME_MAX, "9999-12-31T23:59:59" },
    };

    for (i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        ok(mk_time_print(moments[i].seconds, text), "%s is a moment",
           moments[i].text);
        is_str(text, moments[i].text, "and reads so");
    }

    walk();

    ok(!mk_time_print(-1, text) && text[0] == '\0', "before 1970: none");
    ok(!mk_time_print(MK_TIME_MAX + 1, text) && text[0] == '\0',
       "after 9999: none");
    ok(!mk_time_print(INT64_MIN, text) && !mk_time_print(INT64_MAX, text),
       "nor anything else");

    return tap_done();
}
