/*
 * times: moments as an operator writes and reads them.
 */

#ifndef TIMES_H
#define TIMES_H

#include <stddef.h>
#include <stdint.h>


/* "9999-12-31T23:59:59Z" and its NUL, and room for what cannot be */
#define TIMES_TEXT  32


/*
 * Reads a moment: "+7d" from now (units s, m, h, d, w), a NumericDate
 * (seconds since the epoch), or RFC 3339 ("2027-01-31T12:00:00Z").  Returns
 * 1, or 0 with *moment 0 if it is none of them or is beyond the year 9999.
 */
int times_parse(const char *text, int64_t now, int64_t *moment);

/* Writes a moment as RFC 3339 in UTC; returns out. */
const char *times_print(int64_t moment, char out[TIMES_TEXT]);

/* seconds since the epoch */
int64_t times_now(void);


#endif /* TIMES_H */
