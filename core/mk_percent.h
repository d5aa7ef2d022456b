/*
 * mk_percent: one character of a text that may be percent-encoded (RFC 3986,
 * section 2.1), also more than once.
 */

#ifndef MK_PERCENT_H
#define MK_PERCENT_H

#include "mk_bytes.h"


/* "%25253D" is "=" three levels deep; a deeper one is not decoded */
#define MK_PERCENT_LEVELS  3


/* One character as a URL's reader sees it. */
typedef struct {
    uint8_t  c;
    size_t   len;       /* bytes that it takes */
    size_t   level;     /* 0: stands for itself */
} mk_percent_t;


/* pos is inside of the text */
mk_percent_t mk_percent_read(mk_bytes_t text, size_t pos);

/* decodes no deeper than so many levels */
mk_percent_t mk_percent_read_level(mk_bytes_t text, size_t pos, size_t levels);


#endif /* MK_PERCENT_H */
