/*
 * times: "+7d", NumericDate and RFC 3339.
 */

#include "times.h"

#include <stdio.h>
#include <string.h>
#include <time.h>


/* 9999-12-31T23:59:59Z */
#define TIMES_MAX  INT64_C(253402300799)

/* decimal digits that are read: TIMES_MAX has 12 */
#define TIMES_DIGITS  12


/* Reads 1 to TIMES_DIGITS digits off the front; 0 if there are none. */
static int
times_number(const char **text, int64_t *value)
{
    int  i;

    *value = 0;

    for (i = 0; **text >= '0' && **text <= '9'; i++, (*text)++) {
        if (i == TIMES_DIGITS) {
            return 0;
        }

        *value = *value * 10 + (**text - '0');
    }

    return i > 0;
}


static int64_t
times_unit(char unit)
{
    switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 60 * 60;
    case 'd': return 24 * 60 * 60;
    case 'w': return 7 * 24 * 60 * 60;
    default:  return 0;
    }
}


static int
times_relative(const char *text, int64_t now, int64_t *moment)
{
    int64_t  count, unit;

    if (!times_number(&text, &count)) {
        return 0;
    }

    unit = times_unit(*text);

    if (unit == 0 || text[1] != '\0' || count > TIMES_MAX / unit) {
        return 0;
    }

    *moment = now + count * unit;

    return 1;
}


/* Exactly "digits" digits within bounds, then the character "end". */
static int
times_field(const char **text, int digits, int low, int high, char end,
    int *value)
{
    int  i;

    *value = 0;

    for (i = 0; i < digits; i++, (*text)++) {
        if (**text < '0' || **text > '9') {
            return 0;
        }

        *value = *value * 10 + (**text - '0');
    }

    if (*value < low || *value > high) {
        return 0;
    }

    if (end == '\0') {
        return 1;
    }

    return *(*text)++ == end;
}


/* "Z", "+01:00" or "-01:00" up to the end of the text */
static int
times_offset(const char *text, int64_t *seconds)
{
    int  hours, minutes, sign;

    *seconds = 0;

    if (strcmp(text, "Z") == 0) {
        return 1;
    }

    if (*text != '+' && *text != '-') {
        return 0;
    }

    sign = (*text++ == '-') ? -1 : 1;

    if (!times_field(&text, 2, 0, 23, ':', &hours)
        || !times_field(&text, 2, 0, 59, '\0', &minutes))
    {
        return 0;
    }

    *seconds = sign * (hours * 3600 + minutes * 60);

    return *text == '\0';
}


static int
times_rfc3339(const char *text, int64_t *moment)
{
    int        day;
    int64_t    offset;
    struct tm  tm;

    memset(&tm, 0, sizeof(tm));

    if (!times_field(&text, 4, 1970, 9999, '-', &tm.tm_year)
        || !times_field(&text, 2, 1, 12, '-', &tm.tm_mon)
        || !times_field(&text, 2, 1, 31, 'T', &tm.tm_mday)
        || !times_field(&text, 2, 0, 23, ':', &tm.tm_hour)
        || !times_field(&text, 2, 0, 59, ':', &tm.tm_min)
        || !times_field(&text, 2, 0, 59, '\0', &tm.tm_sec)
        || !times_offset(text, &offset))
    {
        return 0;
    }

    day = tm.tm_mday;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;

    *moment = (int64_t) timegm(&tm) - offset;

    /* timegm makes the 2nd of March of the 30th of February */
    return tm.tm_mday == day;
}


int
times_parse(const char *text, int64_t now, int64_t *moment)
{
    int          ok;
    const char  *digits;

    *moment = 0;

    if (*text == '+') {
        ok = times_relative(text + 1, now, moment);

    } else {
        digits = text;
        ok = times_number(&digits, moment) && *digits == '\0';

        if (!ok) {
            ok = times_rfc3339(text, moment);
        }
    }

    if (!ok || *moment <= 0 || *moment > TIMES_MAX) {
        *moment = 0;
        return 0;
    }

    return 1;
}


const char *
times_print(int64_t moment, char out[TIMES_TEXT])
{
    time_t     seconds;
    struct tm  tm;

    seconds = (time_t) moment;

    if (moment < 0 || moment > TIMES_MAX
        || gmtime_r(&seconds, &tm) == NULL
        || strftime(out, TIMES_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        (void) snprintf(out, TIMES_TEXT, "%lld", (long long) moment);
    }

    return out;
}


int64_t
times_now(void)
{
    return (int64_t) time(NULL);
}
