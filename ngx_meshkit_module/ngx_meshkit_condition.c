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


/* max_ranges 0 switches ranges off, as everywhere in nginx. */
ngx_uint_t
ngx_meshkit_condition_has_ranges(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return clcf->max_ranges != 0;
}


/* Behind the quote that ends what begins at p; NULL if there is none. */
static u_char *
ngx_meshkit_condition_quoted(u_char *p, u_char *end)
{
    p = ngx_strlchr(p + 1, end, '"');

    return p == NULL ? NULL : p + 1;
}


/*
 * The next member of a list of entity tags (RFC 9110, 5.6.1 and 8.8.3), and
 * p behind it.  One that is no tag is empty.  NGX_DONE at the end.
 */
static ngx_int_t
ngx_meshkit_condition_next(u_char **p, u_char *end, ngx_str_t *tag)
{
    u_char  *pos, *start;

    pos = *p;

    while (pos < end && (*pos == ',' || *pos == ' ' || *pos == '\t')) {
        pos++;
    }

    if (pos == end) {
        return NGX_DONE;
    }

    start = pos;

    if (end - pos > 2 && pos[0] == 'W' && pos[1] == '/' && pos[2] == '"') {
        pos += 2;
    }

    ngx_str_null(tag);

    if (*pos == '"') {

        pos = ngx_meshkit_condition_quoted(pos, end);
        if (pos == NULL) {
            return NGX_DONE;
        }

        tag->data = start;
        tag->len = pos - start;
    }

    /* what stands between a tag and the comma makes it none */

    for ( /* void */ ; pos < end && *pos != ','; pos++) {

        if (*pos == ' ' || *pos == '\t') {
            continue;
        }

        ngx_str_null(tag);

        if (*pos == '"') {

            pos = ngx_meshkit_condition_quoted(pos, end);
            if (pos == NULL) {
                return NGX_DONE;
            }

            pos--;
        }
    }

    *p = pos;

    return NGX_OK;
}


/*
 * RFC 9110, 8.8.3.2: our tag is strong, so a weak one is like it in the weak
 * comparison only.
 */
static ngx_uint_t
ngx_meshkit_condition_is(const ngx_str_t *tag, const ngx_str_t *etag,
    ngx_uint_t weak)
{
    size_t  skip;

    skip = weak && tag->len > 2 && tag->data[0] == 'W' ? 2 : 0;

    return tag->len == etag->len + skip
           && ngx_memcmp(tag->data + skip, etag->data, etag->len) == 0;
}


/*
 * If-Match (strong comparison) or If-None-Match (weak): "*" or a list, of
 * which several header fields are parts.
 */
static ngx_uint_t
ngx_meshkit_condition_has(const ngx_table_elt_t *header, const ngx_str_t *etag,
    ngx_uint_t weak)
{
    u_char     *p, *end;
    ngx_str_t   tag;

    while (header != NULL) {

        p = header->value.data;
        end = p + header->value.len;

        if (header->value.len == 1 && *p == '*') {
            return 1;
        }

        while (ngx_meshkit_condition_next(&p, end, &tag) == NGX_OK) {
            if (ngx_meshkit_condition_is(&tag, etag, weak)) {
                return 1;
            }
        }

#if (nginx_version >= 1023000)
        header = header->next;
#else
        header = NULL;
#endif
    }

    return 0;
}


/*
 * RFC 9110, 13.2.2, without the steps for a date: a file has none here, and
 * If-Unmodified-Since and If-Modified-Since say nothing about it then.
 */
static ngx_uint_t
ngx_meshkit_condition_status(ngx_http_request_t *r, const ngx_str_t *etag)
{
    if (r->headers_in.if_match != NULL
        && !ngx_meshkit_condition_has(r->headers_in.if_match, etag, 0))
    {
        return NGX_HTTP_PRECONDITION_FAILED;
    }

    if (r->headers_in.if_none_match != NULL
        && ngx_meshkit_condition_has(r->headers_in.if_none_match, etag, 1))
    {
        return NGX_HTTP_NOT_MODIFIED;
    }

    return 0;
}


/*
 * The value of Range, if a part is to be sent; NULL if it is not there, stands
 * twice, or is for another file than this (RFC 9110, 13.1.5 and 14.2).
 */
static const ngx_str_t *
ngx_meshkit_condition_range(ngx_http_request_t *r, const ngx_str_t *etag)
{
    ngx_table_elt_t  *range, *if_range;

    range = r->headers_in.range;
    if_range = r->headers_in.if_range;

    if (range == NULL || r->method != NGX_HTTP_GET
        || !ngx_meshkit_condition_has_ranges(r))
    {
        return NULL;
    }

#if (nginx_version >= 1023000)

    if (range->next != NULL) {
        return NULL;
    }

#endif

    if (if_range != NULL
        && !ngx_meshkit_condition_is(&if_range->value, etag, 0))
    {
        return NULL;
    }

    return &range->value;
}


/*
 * Sets what part is sent, or what in its place.  MK_OK,
 * MK_RANGE_NOT_SATISFIABLE, or MK_INTERNAL_ERROR.
 */
mk_status_t
ngx_meshkit_condition_read(ngx_meshkit_open_t *open)
{
    int                   partial;
    ngx_str_t             etag;
    mk_status_t           status;
    const ngx_str_t      *range;
    ngx_http_request_t   *r;

    r = open->request;

    open->first = 0;
    open->len = open->capsule->size;

    if (r->err_status != 0) {

        /* an error_page's status goes out in the place of 206, 304 and 412 */

        return MK_OK;
    }

    if (ngx_meshkit_condition_etag(open, &etag) != NGX_OK) {
        return MK_INTERNAL_ERROR;
    }

    open->condition = ngx_meshkit_condition_status(r, &etag);

    if (open->condition != 0) {
        return MK_OK;
    }

    range = ngx_meshkit_condition_range(r, &etag);

    if (range == NULL) {
        return MK_OK;
    }

    status = mk_range_read(ngx_meshkit_bytes(range), open->capsule->size,
                           &partial, &open->first, &open->len);

    open->partial = partial != 0;

    return status;
}
