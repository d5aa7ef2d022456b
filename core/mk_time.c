/*
 * mk_time: a moment in text.
 */

#include "mk_time.h"


#define MK_TIME_DAY  86400


static unsigned
mk_time_days_of_year(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
}


/*
 * The date that is so many days after 1970-01-01.  Counting is enough: the
 * C library's calendar knows time zones, which have no place here.
 */
static void
mk_time_date(unsigned days, unsigned *year, unsigned *month, unsigned *day)
{
    unsigned  len;

    static const unsigned char  lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    *year = 1970;

    while (days >= mk_time_days_of_year(*year)) {
        days -= mk_time_days_of_year(*year);
        (*year)++;
    }

    for (*month = 1; /* void */ ; (*month)++) {
        len = lengths[*month - 1];

        if (*month == 2) {
            len += mk_time_days_of_year(*year) - 365;
        }

        if (days < len) {
            break;
        }

        days -= len;
    }

    *day = days + 1;
}


/* Writes so many digits and what stands behind them; returns where it ends. */
static char *
mk_time_digits(char *p, int digits, unsigned value, char behind)
{
    int  i;

    for (i = digits - 1; i >= 0; i--) {
        p[i] = (char) ('0' + value % 10);
        value /= 10;
    }

    p[digits] = behind;

    return p + digits + 1;
}


int
mk_time_print(int64_t seconds, char out[MK_TIME_TEXT])
{
    char      *p;
    unsigned   year, month, day, rest;

    if (seconds < 0 || seconds > MK_TIME_MAX) {
        out[0] = '\0';
        return 0;
    }

    mk_time_date((unsigned) (seconds / MK_TIME_DAY), &year, &month, &day);
    rest = (unsigned) (seconds % MK_TIME_DAY);

    p = mk_time_digits(out, 4, year, '-');
    p = mk_time_digits(p, 2, month, '-');
    p = mk_time_digits(p, 2, day, 'T');
    p = mk_time_digits(p, 2, rest / 3600, ':');
    p = mk_time_digits(p, 2, rest / 60 % 60, ':');
    (void) mk_time_digits(p, 2, rest % 60, '\0');

    return 1;
}
