/*
 * mk_range: one byte range of a Range header (RFC 9110 section 14).
 */

#ifndef MK_RANGE_H
#define MK_RANGE_H

#include "mk_bytes.h"
#include "mk_status.h"


/* the longest Range value that is read; a longer one is ignored */
#define MK_RANGE_TEXT_MAX  256


/*
 * Reads the value of a Range header for a representation of size bytes.
 * MK_OK with *partial 1: the bytes *first .. *first + *len - 1 (len > 0).
 * MK_OK with *partial 0: the header is to be ignored (another unit, malformed,
 * or several ranges, which a server may answer with the whole); *first is 0
 * and *len is size.  MK_RANGE_NOT_SATISFIABLE: well-formed, none of it exists.
 */
mk_status_t mk_range_read(mk_bytes_t value, uint64_t size, int *partial,
    uint64_t *first, uint64_t *len);


#endif /* MK_RANGE_H */
