/*
 * ngx_meshkit_condition: ranges and conditional requests.
 *
 * They are looked at behind all checks: a client that holds an old copy, or
 * guesses at sizes, learns nothing that it may not see.
 */

#include "ngx_meshkit_module.h"


/* bytes of the FLOE IV in an entity tag */
#define NGX_MESHKIT_ETAG      16

/* where the IV stands in a FLOE header */
#define NGX_MESHKIT_FLOE_IV   10


/*
 * A strong validator (RFC 9110, 8.8.3): the FLOE IV is drawn anew for each
 * sealed object, and everything below it is authenticated.
 */
ngx_int_t
ngx_meshkit_condition_etag(ngx_meshkit_open_t *open, ngx_str_t *etag)
{
    u_char  *p;

    etag->len = NGX_MESHKIT_ETAG * 2 + 2;

    etag->data = ngx_pnalloc(open->request->pool, etag->len);
    if (etag->data == NULL) {
        return NGX_ERROR;
    }

    p = etag->data;

    *p++ = '"';
    p = ngx_hex_dump(p, open->capsule->header + NGX_MESHKIT_FLOE_IV,
                     NGX_MESHKIT_ETAG);
    *p = '"';

    return NGX_OK;
}


/* RFC 9110, 13.1.2: "*" or a list; weak comparison */
static ngx_uint_t
ngx_meshkit_condition_has(const ngx_str_t *list, const ngx_str_t *etag)
{
    u_char  *p, *end;

    p = list->data;
    end = p + list->len;

    if (list->len == 1 && *p == '*') {
        return 1;
    }

    while (p < end) {

        if (end - p > 2 && p[0] == 'W' && p[1] == '/') {
            p += 2;
        }

        if ((size_t) (end - p) >= etag->len
            && ngx_memcmp(p, etag->data, etag->len) == 0)
        {
            return 1;
        }

        while (p < end && *p != ',') {
            p++;
        }

        while (p < end && (*p == ',' || *p == ' ' || *p == '\t')) {
            p++;
        }
    }

    return 0;
}


/* The value of a request header; NULL if it is not there or stands twice. */
static const ngx_str_t *
ngx_meshkit_condition_header(ngx_table_elt_t *header)
{
#if (nginx_version >= 1023000)

    if (header != NULL && header->next != NULL) {
        return NULL;
    }

#endif

    return header == NULL ? NULL : &header->value;
}


/*
 * Sets what part is sent.  MK_OK, MK_RANGE_NOT_SATISFIABLE, or
 * MK_INTERNAL_ERROR.
 */
mk_status_t
ngx_meshkit_condition_read(ngx_meshkit_open_t *open)
{
    int                   partial;
    ngx_str_t             etag;
    mk_status_t           status;
    const ngx_str_t      *value;
    ngx_http_request_t   *r;

    r = open->request;

    open->first = 0;
    open->len = open->capsule->size;

    if (r->err_status != 0) {

        /* an error_page's status goes out in the place of 206 and 304 */

        return MK_OK;
    }

    if (ngx_meshkit_condition_etag(open, &etag) != NGX_OK) {
        return MK_INTERNAL_ERROR;
    }

    value = ngx_meshkit_condition_header(r->headers_in.if_none_match);

    if (value != NULL && ngx_meshkit_condition_has(value, &etag)) {
        open->unchanged = 1;
        return MK_OK;
    }

    value = ngx_meshkit_condition_header(r->headers_in.range);

    if (value == NULL || r->method != NGX_HTTP_GET) {
        return MK_OK;
    }

    if (r->headers_in.if_match != NULL
        && !ngx_meshkit_condition_has(&r->headers_in.if_match->value, &etag))
    {
        /* it goes on with another file: it gets the whole of this one */

        return MK_OK;
    }

    if (r->headers_in.if_range != NULL
        && (r->headers_in.if_range->value.len != etag.len
            || ngx_memcmp(r->headers_in.if_range->value.data, etag.data,
                          etag.len)
               != 0))
    {
        /* so does this one */

        return MK_OK;
    }

    status = mk_range_read(ngx_meshkit_bytes(value), open->capsule->size,
                           &partial, &open->first, &open->len);

    open->partial = partial != 0;

    return status;
}
