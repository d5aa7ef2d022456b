/*
 * ngx_meshkit_guard: the last look at a response before it leaves.
 *
 * An nginx module of its own, in the same file: its filters stand directly
 * before the range header filter in nginx's list, so they run behind those of
 * other modules, and only nginx's own that write HTTP run later ("config").
 */

#include "ngx_meshkit_guard.h"


static ngx_http_output_header_filter_pt  ngx_meshkit_guard_next_header;
static ngx_http_output_body_filter_pt    ngx_meshkit_guard_next_body;


/*
 * What the module alone says, or nobody: another value, or a second one,
 * would frame the body anew, let it be cached or let a browser run it.
 */
static const ngx_str_t  ngx_meshkit_guard_names[] = {
    ngx_string("Accept-Ranges"),
    ngx_string("Content-Disposition"),
    ngx_string("Content-Encoding"),
    ngx_string("Content-Length"),
    ngx_string("Content-Range"),
    ngx_string("Content-Security-Policy"),
    ngx_string("Content-Type"),
    ngx_string("Cross-Origin-Resource-Policy"),
    ngx_string("ETag"),
    ngx_string("Expires"),
    ngx_string("Last-Modified"),
    ngx_string("Pragma"),
    ngx_string("Referrer-Policy"),
    ngx_string("Surrogate-Control"),
    ngx_string("Trailer"),
    ngx_string("Transfer-Encoding"),
    ngx_string("X-Accel-Expires"),
    ngx_string("X-Content-Type-Options"),
};


/* RFC 9213, 2.1: caches of one kind have fields of that name's ending */
static const ngx_str_t  ngx_meshkit_guard_cache = ngx_string("Cache-Control");


/* --- what is to leave ----------------------------------------------------- */


ngx_meshkit_response_t *
ngx_meshkit_guard_create(ngx_meshkit_open_t *open)
{
    open->response = ngx_pcalloc(open->request->pool,
                                 sizeof(ngx_meshkit_response_t));

    return open->response;
}


ngx_table_elt_t *
ngx_meshkit_guard_add(ngx_meshkit_open_t *open, const char *name,
    const char *value, size_t len)
{
    ngx_table_elt_t         *h;
    ngx_meshkit_response_t  *response;

    response = open->response;

    if (response->nheaders == NGX_MESHKIT_HEADERS_MAX) {
        return NULL;
    }

    h = ngx_list_push(&open->request->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = len;

    response->headers[response->nheaders++] = *h;

    return h;
}


ngx_int_t
ngx_meshkit_guard_send_header(ngx_meshkit_open_t *open)
{
    ngx_int_t                rc;
    ngx_http_request_t      *r;
    ngx_meshkit_response_t  *response;

    r = open->request;
    response = open->response;

    response->status = r->headers_out.status;
    response->type = r->headers_out.content_type;
    response->length = r->headers_out.content_length_n;
    response->active = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {

        /* nginx may send a page of its own in a problem document's place */

        response->active = response->file;
        return rc;
    }

    if (r->header_only && !response->left) {

        /* a filter waits for a body, and there is none */

        return NGX_ERROR;
    }

    return rc;
}


ngx_int_t
ngx_meshkit_guard_expect(ngx_meshkit_open_t *open, const ngx_buf_t *b)
{
    ngx_str_t               *piece;
    ngx_meshkit_response_t  *response;

    response = open->response;

    if (response->npieces == NGX_MESHKIT_PIECES) {

        /* the buffers came back, but what was in them did not leave */

        response->changed = 1;

        ngx_log_error(NGX_LOG_ERR, open->request->connection->log, 0,
                      "meshkit: " NGX_MESHKIT_CHANGED ", "
                      "switch it off in this location");
        return NGX_ERROR;
    }

    piece = &response->pieces[response->npieces++];

    piece->data = b->pos;
    piece->len = b->last - b->pos;

    return NGX_OK;
}


const char *
ngx_meshkit_guard_reason(ngx_meshkit_open_t *open)
{
    ngx_http_request_t  *r;

    r = open->request;

    if (open->response == NULL || !open->response->active) {
        return "no memory";
    }

    if (ngx_http_get_module_ctx(r, ngx_meshkit_module) != open) {
        open->response->changed = 1;
        ngx_http_set_ctx(r, open, ngx_meshkit_module);
        r->write_event_handler = ngx_meshkit_open_resume;

        return "another filter answers in its place";
    }

    return open->response->changed ? NGX_MESHKIT_CHANGED
                                   : "another filter fails";
}


/* --- what leaves ---------------------------------------------------------- */


/* The response of the module that this request has, if it has begun. */
static ngx_meshkit_response_t *
ngx_meshkit_guard_get(ngx_http_request_t *r)
{
    ngx_meshkit_open_t  *open;

    if (r != r->main) {
        return NULL;
    }

    open = ngx_http_get_module_ctx(r, ngx_meshkit_module);

    return open == NULL || open->response == NULL || !open->response->active
           ? NULL : open->response;
}


static ngx_uint_t
ngx_meshkit_guard_is(const ngx_str_t *name, const ngx_str_t *want)
{
    return name->len == want->len
           && ngx_strncasecmp(name->data, want->data, want->len) == 0;
}


/* Whether only the module may say this. */
static ngx_uint_t
ngx_meshkit_guard_owns(const ngx_meshkit_response_t *response,
    const ngx_str_t *name)
{
    ngx_str_t   end;
    ngx_uint_t  i;

    end = ngx_meshkit_guard_cache;

    if (name->len >= end.len
        && ngx_strncasecmp(name->data + name->len - end.len, end.data, end.len)
           == 0)
    {
        return 1;
    }

    for (i = 0; i < sizeof(ngx_meshkit_guard_names) / sizeof(ngx_str_t); i++) {
        if (ngx_meshkit_guard_is(name, &ngx_meshkit_guard_names[i])) {
            return 1;
        }
    }

    /* what is not ours in every response: WWW-Authenticate */

    for (i = 0; i < response->nheaders; i++) {
        if (ngx_meshkit_guard_is(name, &response->headers[i].key)) {
            return 1;
        }
    }

    return 0;
}


/* Takes out of the list what only the module may say, its own fields too. */
static void
ngx_meshkit_guard_drop(ngx_http_request_t *r,
    const ngx_meshkit_response_t *response)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash != 0 && ngx_meshkit_guard_owns(response, &h[i].key)) {
            h[i].hash = 0;
        }
    }
}


/*
 * Each field of ours once, with our value: another module may have added one
 * of the same name, or have put its own value into ours.
 */
static ngx_int_t
ngx_meshkit_guard_set_list(ngx_http_request_t *r,
    const ngx_meshkit_response_t *response)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    ngx_meshkit_guard_drop(r, response);

    for (i = 0; i < response->nheaders; i++) {

        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = response->headers[i];
    }

    return NGX_OK;
}


/* What nginx keeps beside the list, and prints of it. */
static void
ngx_meshkit_guard_set_out(ngx_http_request_t *r,
    const ngx_meshkit_response_t *response)
{
    ngx_http_headers_out_t  *out;

    out = &r->headers_out;

    /* an error_page's status goes before */

    out->status = r->err_status != 0 ? r->err_status : response->status;
    ngx_str_null(&out->status_line);

    out->content_type = response->type;
    ngx_str_null(&out->charset);

    out->content_length = NULL;
    out->content_encoding = NULL;
    out->content_range = NULL;
    out->accept_ranges = NULL;
    out->etag = NULL;
    out->expires = NULL;
    out->last_modified = NULL;
    out->last_modified_time = -1;

#if (nginx_version >= 1023000)
    out->cache_control = NULL;
#else
    out->cache_control.nelts = 0;
#endif

    if (r->header_only) {
        out->content_length_n = response->length;

    } else if (out->content_length_n != response->length) {

        /* a filter wrote into a problem document: its end is told by HTTP */

        out->content_length_n = -1;
    }

    /* trailers would take the place of the length */

    r->expect_trailers = 0;
}


static ngx_int_t
ngx_meshkit_guard_header(ngx_http_request_t *r)
{
    ngx_meshkit_response_t  *response;

    response = ngx_meshkit_guard_get(r);
    if (response == NULL) {
        return ngx_meshkit_guard_next_header(r);
    }

    if (response->changed) {
        return NGX_ERROR;
    }

    if (response->file
        && r->headers_out.content_length_n != response->length)
    {
        response->changed = 1;

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "meshkit: another filter changes the length of what is "
                      "opened, switch it off in this location");
        return NGX_ERROR;
    }

    if (ngx_meshkit_guard_set_list(r, response) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_meshkit_guard_set_out(r, response);

    response->left = 1;

    return ngx_meshkit_guard_next_header(r);
}


/* Whether b has what comes next, in the memory of the module's own pieces. */
static ngx_uint_t
ngx_meshkit_guard_is_next(ngx_meshkit_response_t *response, const ngx_buf_t *b)
{
    size_t      size;
    ngx_str_t  *piece;

    if (ngx_buf_size(b) != 0) {

        piece = &response->pieces[0];

        if (response->npieces == 0 || !ngx_buf_in_memory(b)
            || b->pos != piece->data)
        {
            return 0;
        }

        size = b->last - b->pos;

        if (size > piece->len) {
            return 0;
        }

        piece->data += size;
        piece->len -= size;
        response->passed += size;

        if (piece->len == 0) {
            response->npieces--;
            ngx_memmove(piece, piece + 1,
                        response->npieces * sizeof(ngx_str_t));
        }
    }

    return !b->last_buf || response->passed == response->length;
}


static ngx_int_t
ngx_meshkit_guard_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t             *cl;
    ngx_meshkit_response_t  *response;

    response = ngx_meshkit_guard_get(r);
    if (response == NULL || !response->file || r->header_only) {
        return ngx_meshkit_guard_next_body(r, in);
    }

    for (cl = in; cl != NULL && !response->changed; cl = cl->next) {

        if (response->left && ngx_meshkit_guard_is_next(response, cl->buf)) {
            continue;
        }

        response->changed = 1;

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "meshkit: " NGX_MESHKIT_CHANGED ", "
                      "switch it off in this location");
    }

    return response->changed ? NGX_ERROR : ngx_meshkit_guard_next_body(r, in);
}


static ngx_int_t
ngx_meshkit_guard_init(ngx_conf_t *cf)
{
    ngx_meshkit_guard_next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_meshkit_guard_header;

    ngx_meshkit_guard_next_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_meshkit_guard_body;

    return NGX_OK;
}


static ngx_http_module_t  ngx_meshkit_guard_module_ctx = {
    NULL,                                   /* preconfiguration */
    ngx_meshkit_guard_init,                 /* postconfiguration */

    NULL,                                   /* create main configuration */
    NULL,                                   /* init main configuration */

    NULL,                                   /* create server configuration */
    NULL,                                   /* merge server configuration */

    NULL,                                   /* create location configuration */
    NULL                                    /* merge location configuration */
};


ngx_module_t  ngx_meshkit_guard_module = {
    NGX_MODULE_V1,
    &ngx_meshkit_guard_module_ctx,          /* module context */
    NULL,                                   /* module directives */
    NGX_HTTP_MODULE,                        /* module type */
    NULL,                                   /* init master */
    NULL,                                   /* init module */
    NULL,                                   /* init process */
    NULL,                                   /* init thread */
    NULL,                                   /* exit thread */
    NULL,                                   /* exit process */
    NULL,                                   /* exit master */
    NGX_MODULE_V1_PADDING
};
