/*
 * ngx_meshkit_answer: what the client is told.
 *
 * Headers that keep a shared file from acting on anything else of this
 * origin, and problem documents (RFC 9457).
 */

#include "ngx_meshkit_guard.h"


/* RFC 6750, 3: a parameter is needed, and no error where no token came */
#define NGX_MESHKIT_CHALLENGE    "Bearer realm=\"meshkit\""

/* seconds: long enough for some opens to end, short enough to wait for */
#define NGX_MESHKIT_RETRY_AFTER  "5"

#define NGX_MESHKIT_PROBLEM_MAX  1024


/* Headers that keep a shared file from acting on anything else here. */
static ngx_int_t
ngx_meshkit_answer_safe(ngx_meshkit_open_t *open, const char *csp)
{
    static const char  *headers[][2] = {
        { "Cache-Control", "private, no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
    };

    ngx_uint_t  i;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (ngx_meshkit_guard_add(open, headers[i][0], headers[i][1],
                                  ngx_strlen(headers[i][1]))
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    return ngx_meshkit_guard_add(open, "Content-Security-Policy", csp,
                                 ngx_strlen(csp)) == NULL
           ? NGX_ERROR : NGX_OK;
}


/* RFC 8187, 3.2.1: attr-char */
static ngx_uint_t
ngx_meshkit_answer_is_attr_char(u_char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
           || (ch >= '0' && ch <= '9')
           || (ch != '\0' && ngx_strchr("!#$&+-.^_`|~", ch) != NULL);
}


/*
 * RFC 6266: the name in ASCII for old clients, and as it is.  A name is not
 * a path: separators become '_'.
 */
static u_char *
ngx_meshkit_answer_file_name(u_char *p, mk_bytes_t name)
{
    static const u_char  hex[] = "0123456789ABCDEF";

    u_char  ch;
    size_t  i;

    p = ngx_cpymem(p, "; filename=\"", sizeof("; filename=\"") - 1);

    for (i = 0; i < name.len; i++) {
        ch = name.data[i];

        /* one '_' for each character that is not plain ASCII */

        if (ch < 0x80 || ch >= 0xc0) {
            *p++ = ch >= 0x80 || ngx_strchr("\"\\/%", ch) != NULL ? '_' : ch;
        }
    }

    p = ngx_cpymem(p, "\"; filename*=UTF-8''",
                   sizeof("\"; filename*=UTF-8''") - 1);

    for (i = 0; i < name.len; i++) {
        ch = name.data[i];

        if (ch == '/' || ch == '\\') {
            *p++ = '_';

        } else if (ngx_meshkit_answer_is_attr_char(ch)) {
            *p++ = ch;

        } else {
            *p++ = '%';
            *p++ = hex[ch >> 4];
            *p++ = hex[ch & 0x0f];
        }
    }

    return p;
}


static ngx_int_t
ngx_meshkit_answer_disposition(ngx_meshkit_open_t *open)
{
    size_t       size;
    u_char      *p, *value;
    mk_bytes_t   name;
    const char  *kind;

    name = open->capsule->name;
    kind = open->action == MK_ACTION_DOWNLOAD ? "attachment" : "inline";

    size = sizeof("attachment; filename=\"\"; filename*=UTF-8''")
           + name.len * 4;

    value = ngx_pnalloc(open->request->pool, size);
    if (value == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value, kind, ngx_strlen(kind));

    if (name.len > 0) {
        p = ngx_meshkit_answer_file_name(p, name);
    }

    return ngx_meshkit_guard_add(open, "Content-Disposition", (char *) value,
                                 p - value) == NULL
           ? NGX_ERROR : NGX_OK;
}


/*
 * No filter may change a length that the client can tell an abort by.  Those
 * that compress, or change the charset, leave alone what has a coding: here is
 * one in name, in no list, so that no client is told of it.
 */
static ngx_int_t
ngx_meshkit_answer_keep_length(ngx_http_request_t *r, off_t length)
{
    ngx_table_elt_t  *h;

    h = ngx_pcalloc(r->pool, sizeof(ngx_table_elt_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&h->key, "Content-Encoding");
    ngx_str_set(&h->value, "identity");

    r->headers_out.content_encoding = h;

    r->headers_out.content_length_n = length;
    r->disable_not_modified = 1;

    /* ranges are served here, of plaintext; not by nginx's own filter */

    r->allow_ranges = 0;

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_answer_etag(ngx_meshkit_open_t *open)
{
    ngx_str_t         etag;
    ngx_table_elt_t  *h;

    if (ngx_meshkit_condition_etag(open, &etag) != NGX_OK) {
        return NGX_ERROR;
    }

    h = ngx_meshkit_guard_add(open, "ETag", (char *) etag.data, etag.len);
    if (h == NULL) {
        return NGX_ERROR;
    }

    open->request->headers_out.etag = h;

    return NGX_OK;
}


/* RFC 9110, 14.4: "bytes 0-9/100", or for a 416 "bytes * /100", unspaced */
static ngx_int_t
ngx_meshkit_answer_content_range(ngx_meshkit_open_t *open)
{
    u_char  *p, *value;

    value = ngx_pnalloc(open->request->pool,
                        sizeof("bytes -/") + 3 * NGX_INT64_LEN);
    if (value == NULL) {
        return NGX_ERROR;
    }

    if (open->outcome == MK_RANGE_NOT_SATISFIABLE && open->decided) {
        p = ngx_sprintf(value, "bytes */%uL", open->capsule->size);

    } else {
        p = ngx_sprintf(value, "bytes %uL-%uL/%uL", open->first,
                        open->first + open->len - 1, open->capsule->size);
    }

    return ngx_meshkit_guard_add(open, "Content-Range", (char *) value,
                                 p - value)
           == NULL ? NGX_ERROR : NGX_OK;
}


/*
 * RFC 9110, 13.1: what the client has is the file (304), or is not what it is
 * to be (412).  The validator, and no content.
 */
static ngx_int_t
ngx_meshkit_answer_condition(ngx_meshkit_open_t *open)
{
    off_t                length;
    ngx_http_request_t  *r;

    r = open->request;
    length = open->condition == NGX_HTTP_NOT_MODIFIED ? -1 : 0;

    r->headers_out.status = open->condition;
    r->header_only = 1;

    ngx_str_null(&r->headers_out.content_type);
    ngx_http_clear_content_length(r);

    if (ngx_meshkit_answer_keep_length(r, length) != NGX_OK
        || ngx_meshkit_answer_safe(open, NGX_MESHKIT_CSP) != NGX_OK
        || ngx_meshkit_answer_etag(open) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The type goes out as it is, but no filter that picks its work by media type
 * (ssi, sub_filter, charset, addition) finds it: a shared file is not to be
 * run, nor changed in length.
 */
static ngx_int_t
ngx_meshkit_answer_type(ngx_http_request_t *r, mk_bytes_t type)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, type.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, type.data, type.len);

    r->headers_out.content_type.data = p;
    r->headers_out.content_type.len = type.len;
    r->headers_out.content_type_len = 0;
    r->headers_out.content_type_lowcase = (u_char *) "";

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_answer_file(ngx_meshkit_open_t *open)
{
    mk_bytes_t           type;
    const char          *csp;
    ngx_http_request_t  *r;

    r = open->request;
    type = open->capsule->type;
    open->response->file = 1;

    if (type.len == 0) {
        type = ngx_meshkit_bytes_of((u_char *) "application/octet-stream",
                                    sizeof("application/octet-stream") - 1);
    }

    r->headers_out.status = open->partial ? NGX_HTTP_PARTIAL_CONTENT
                                          : NGX_HTTP_OK;

    csp = ngx_meshkit_csp_file(r, type);

    if (csp == NULL
        || ngx_meshkit_answer_keep_length(r, (off_t) open->len) != NGX_OK
        || ngx_meshkit_answer_type(r, type) != NGX_OK
        || ngx_meshkit_answer_safe(open, csp) != NGX_OK
        || ngx_meshkit_answer_disposition(open) != NGX_OK
        || ngx_meshkit_answer_etag(open) != NGX_OK
        || (ngx_meshkit_condition_has_ranges(r)
            && ngx_meshkit_guard_add(open, "Accept-Ranges", "bytes",
                                     sizeof("bytes") - 1)
               == NULL))
    {
        return NGX_ERROR;
    }

    return open->partial ? ngx_meshkit_answer_content_range(open) : NGX_OK;
}


/* Sends the header of an open: 200 or 206 with its own length, 304 or 412. */
ngx_int_t
ngx_meshkit_answer_header(ngx_meshkit_open_t *open)
{
    ngx_int_t  rc;

    if (ngx_meshkit_guard_create(open) == NULL) {
        return NGX_ERROR;
    }

    rc = open->condition != 0 ? ngx_meshkit_answer_condition(open)
                              : ngx_meshkit_answer_file(open);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (open->deadline.timer_set) {
        ngx_del_timer(&open->deadline);
    }

    open->begun = 1;

    rc = ngx_meshkit_guard_send_header(open);

    return rc == NGX_ERROR || rc > NGX_OK ? NGX_ERROR : NGX_OK;
}


/* What the reader can do next. */
const char *
ngx_meshkit_answer_suggestion(const ngx_meshkit_open_t *open)
{
    if (open->opener != NULL && mk_opener_saw_legacy_blob(open->opener)) {
        return "The file was sealed with a password by an older program. "
               "Ask the sender to share it again.";
    }

    return mk_status_suggestion(open->outcome);
}


/* RFC 9457; every text is ours, so nothing needs to be escaped. */
static ngx_int_t
ngx_meshkit_answer_problem_body(ngx_meshkit_open_t *open, ngx_str_t *body)
{
    u_char       *p;
    mk_status_t   outcome;

    outcome = open->outcome;

    body->data = ngx_pnalloc(open->request->pool, NGX_MESHKIT_PROBLEM_MAX);
    if (body->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_snprintf(body->data, NGX_MESHKIT_PROBLEM_MAX,
                     "{\"type\":\"about:blank\",\"code\":\"%s\","
                     "\"title\":\"%s\",\"status\":%d,\"suggestion\":\"%s\","
                     "\"requestId\":\"%V\"}" CRLF,
                     mk_status_name(outcome), mk_status_title(outcome),
                     mk_status_http(outcome),
                     ngx_meshkit_answer_suggestion(open),
                     &open->request_id);

    body->len = p - body->data;

    return NGX_OK;
}


static ngx_uint_t
ngx_meshkit_answer_has_error_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->error_pages == NULL || r->error_page) {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return 1;
        }
    }

    return 0;
}


/* RFC 9110, 11.6.1: a 401 says how to do better */
static ngx_int_t
ngx_meshkit_answer_challenge(ngx_meshkit_open_t *open)
{
    ngx_table_elt_t  *h;

    h = ngx_meshkit_guard_add(open, "WWW-Authenticate",
                              NGX_MESHKIT_CHALLENGE,
                              sizeof(NGX_MESHKIT_CHALLENGE) - 1);
    if (h == NULL) {
        return NGX_ERROR;
    }

    open->request->headers_out.www_authenticate = h;

    return NGX_OK;
}


/*
 * What a client is to do next, in a header: it is sent also where an
 * error_page takes the document's place.
 */
static ngx_int_t
ngx_meshkit_answer_remedy(ngx_meshkit_open_t *open)
{
    if (mk_status_http(open->outcome) == NGX_HTTP_UNAUTHORIZED) {
        return ngx_meshkit_answer_challenge(open);
    }

    if (open->outcome != MK_GATEWAY_OVERLOADED) {
        return NGX_OK;
    }

    /* RFC 9110, 10.2.3 */

    return ngx_meshkit_guard_add(open, "Retry-After", NGX_MESHKIT_RETRY_AFTER,
                                 sizeof(NGX_MESHKIT_RETRY_AFTER) - 1)
           == NULL ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_meshkit_answer_problem_header(ngx_meshkit_open_t *open, off_t length)
{
    ngx_http_request_t  *r;

    r = open->request;

    if (ngx_meshkit_answer_safe(open, NGX_MESHKIT_CSP) != NGX_OK
        || ngx_meshkit_answer_keep_length(r, length) != NGX_OK
        || (open->outcome == MK_RANGE_NOT_SATISFIABLE
            && ngx_meshkit_answer_content_range(open) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = mk_status_http(open->outcome);
    ngx_str_set(&r->headers_out.content_type, "application/problem+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    return ngx_meshkit_guard_send_header(open);
}


/*
 * Answers with a refusal; returns what the request is to be finalized with.
 * An operator's error_page for the status takes the document's place.
 */
ngx_int_t
ngx_meshkit_answer_problem(ngx_meshkit_open_t *open)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_str_t            body;
    ngx_uint_t           status;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = open->request;
    status = mk_status_http(open->outcome);

    if (ngx_meshkit_guard_create(open) == NULL
        || ngx_meshkit_answer_remedy(open) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_meshkit_answer_has_error_page(r, status)) {
        return status;
    }

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || ngx_meshkit_answer_problem_body(open, &body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_meshkit_answer_problem_header(open, body.len);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = body.data;
    b->last = body.data + body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
