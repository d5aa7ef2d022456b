/*
 * names: ids that are drawn, and identifiers that an operator gave.
 */

#ifndef NAMES_H
#define NAMES_H

#include "mk_bytes.h"


/* 16 random bytes in base64url, and a NUL */
#define NAMES_ID  23


/*
 * Draws an id.  It never begins with "-", so that it can stand on a command
 * line.  Returns 1, or 0 if OpenSSL has no randomness.
 */
int names_draw(char out[NAMES_ID]);

/* A C string as bytes; NULL is empty. */
mk_bytes_t names_bytes(const char *text);

/*
 * Check what was given for an option (text NULL: nothing was).  REPORT_OK,
 * or REPORT_USAGE after a message.
 */
int names_check_id(const char *option, const char *text);
int names_check_identity(const char *option, const char *text);


#endif /* NAMES_H */
