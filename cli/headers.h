/*
 * headers: what of a response's header lines counts here, its content coding
 * and its entity tag (RFC 9110, 8.8.3).
 */

#ifndef HEADERS_H
#define HEADERS_H

#include <stddef.h>


/* the longest entity tag, with its quotes */
#define HEADERS_ETAG_MAX  512


typedef enum {
    HEADERS_ETAG_NONE = 0,
    HEADERS_ETAG_STRONG,
    HEADERS_ETAG_WEAK,      /* never equal for If-Match (RFC 9110, 8.8.3.2) */
    HEADERS_ETAG_BAD        /* no entity tag, too long, or there were two */
} headers_etag_t;


/* Zeroed before the first line. */
typedef struct {
    headers_etag_t  etag;
    char            tag[HEADERS_ETAG_MAX + 1];  /* a strong one, NUL closed */
    unsigned        coded:1;        /* a content coding was applied */
    unsigned        ended:1;        /* the empty line was there */
    unsigned        in_etag:1;      /* the line before was ETag */
} headers_t;


/*
 * Takes a line as it came.  A status line begins a response: what an interim
 * one said is forgotten.  Trailers say nothing.
 */
void headers_add(headers_t *headers, const char *line, size_t len);


#endif /* HEADERS_H */
