/*
 * mk_time: a moment in text.
 */

#ifndef MK_TIME_H
#define MK_TIME_H

#include <stdint.h>


/* 9999-12-31T23:59:59Z: RFC 3339 has no later year */
#define MK_TIME_MAX   INT64_C(253402300799)

/* "9999-12-31T23:59:59" and its NUL */
#define MK_TIME_TEXT  20


/*
 * Writes seconds since the epoch as date and time in UTC (RFC 3339, section
 * 5.6), without what may follow: a fraction, and the "Z".  Returns 1, or 0
 * and an empty text below 0 and above MK_TIME_MAX.
 */
int mk_time_print(int64_t seconds, char out[MK_TIME_TEXT]);


#endif /* MK_TIME_H */
