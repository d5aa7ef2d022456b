/*
 * ngx_meshkit_guard: the last look at a response before it leaves.
 *
 * Other modules' filters run between the module's and the client.  What the
 * module set is recorded here, and a second nginx module, whose filters run
 * behind all of those, holds what comes out against it.
 */

#ifndef NGX_MESHKIT_GUARD_H
#define NGX_MESHKIT_GUARD_H

#include "ngx_meshkit_module.h"


/* header fields of one response */
#define NGX_MESHKIT_HEADERS_MAX  12

/* for the log, where a response is not what was sent */
#define NGX_MESHKIT_CHANGED      "another filter changes what is opened"


/* What is being sent to the client. */
struct ngx_meshkit_response_s {
    ngx_uint_t        status;
    ngx_str_t         type;         /* media type; empty: none */
    off_t             length;       /* of the body; -1: none is announced */

    ngx_table_elt_t   headers[NGX_MESHKIT_HEADERS_MAX];
    ngx_uint_t        nheaders;

    ngx_str_t         pieces[NGX_MESHKIT_PIECES];   /* on their way */
    ngx_uint_t        npieces;
    off_t             passed;       /* bytes of the body that left */

    unsigned          file:1;       /* the body is what was opened */
    unsigned          active:1;     /* the header was given to the filters */
    unsigned          left:1;       /* ... and came out of them */
    unsigned          changed:1;    /* not as it was: nothing more leaves */
};


/* NULL without memory */
ngx_meshkit_response_t *ngx_meshkit_guard_create(ngx_meshkit_open_t *open);

/*
 * A header field that is to leave as it is, once; name is a C string, name
 * and value live as long as the request.  It is also put into headers_out,
 * for other modules to see.  NULL without memory.
 */
ngx_table_elt_t *ngx_meshkit_guard_add(ngx_meshkit_open_t *open,
    const char *name, const char *value, size_t len);

/* ngx_http_send_header, from here on guarded; r->headers_out is set */
ngx_int_t ngx_meshkit_guard_send_header(ngx_meshkit_open_t *open);

/*
 * The next piece of the body, before it is given to the filters; NGX_ERROR
 * where one of them keeps back those before it.
 */
ngx_int_t ngx_meshkit_guard_expect(ngx_meshkit_open_t *open,
    const ngx_buf_t *b);

/*
 * After a filter failed: why, for the log.  One that answered in the place of
 * the module has cleared its context; the open has it again then, to end.
 */
const char *ngx_meshkit_guard_reason(ngx_meshkit_open_t *open);


#endif /* NGX_MESHKIT_GUARD_H */
