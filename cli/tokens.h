/*
 * tokens: a service's bearer token, from a file or from the environment.
 */

#ifndef TOKENS_H
#define TOKENS_H

#include "mk_secret.h"


/*
 * The first line of a file that is neither empty nor begins with '#', or the
 * value of the variable "env"; both NULL: no token.  REPORT_OK and *token
 * (owned, its bytes end in a NUL; NULL: none was asked for), or another
 * report_exit_t after a message.
 */
int tokens_read(const char *file, const char *env, mk_secret_t **token);


#endif /* TOKENS_H */
