/*
 * mk_redact_names: the names of arguments and headers, for mk_redact.
 */

#ifndef MK_REDACT_NAMES_H
#define MK_REDACT_NAMES_H

#include "mk_bytes.h"


/* a longer name is never found (bytes) */
#define MK_REDACT_NAME_MAX  64


/* 1 if such a character may stand in a name: [A-Za-z0-9_-.~] */
int mk_redact_names_may(uint8_t c);

/* Sorts names in place, as mk_redact_names_has wants them. */
void mk_redact_names_sort(mk_bytes_t *names, size_t n);

/*
 * 1 if that name is one of them, in any case of letters; where dashes is 1,
 * "-" and "_" are the same.  Takes as many comparisons as a binary search.
 */
int mk_redact_names_has(const mk_bytes_t *names, size_t n, mk_bytes_t name,
    int dashes);


#endif /* MK_REDACT_NAMES_H */
