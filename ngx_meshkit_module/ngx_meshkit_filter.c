/*
 * ngx_meshkit_filter: keeps the services' answers inside.
 *
 * The header and body filters stand before all others.  What belongs to a
 * subrequest of ours is read here and goes no further.
 */

#include "ngx_meshkit_local.h"
#include "ngx_meshkit_memory.h"
#include "ngx_meshkit_stranger.h"


/* a bit of r->buffered that no filter of a proxied answer uses */
#define NGX_MESHKIT_BUFFERED  0x08


static ngx_http_output_header_filter_pt  ngx_meshkit_next_header_filter;
ngx_http_output_body_filter_pt           ngx_meshkit_next_body_filter;


static ngx_uint_t
ngx_meshkit_filter_is(const ngx_str_t *text, const char *want)
{
    size_t  len;

    len = ngx_strlen(want);

    return text->len == len
           && ngx_strncasecmp(text->data, (u_char *) want, len) == 0;
}


/* The media type, whatever its parameters are. */
ngx_uint_t
ngx_meshkit_filter_is_type(const ngx_str_t *type, const char *want)
{
    size_t  len;

    len = ngx_strlen(want);

    return type->len >= len
           && ngx_strncasecmp(type->data, (u_char *) want, len) == 0
           && (type->len == len || type->data[len] == ';'
               || type->data[len] == ' ');
}


static void
ngx_meshkit_filter_read_headers(ngx_meshkit_subrequest_t *s)
{
    ngx_int_t         n;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &s->request->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash == 0) {
            continue;
        }

        if (ngx_meshkit_filter_is(&h[i].key, "X-Request-ID")) {

            if (s->request_id.data != NULL || h[i].value.len == 0) {
                s->two_ids = 1;
            }

            s->request_id = h[i].value;
        }

        if (ngx_meshkit_filter_is(&h[i].key, "Retry-After")) {
            n = ngx_atoi(h[i].value.data, h[i].value.len);
            s->retry_after = n == NGX_ERROR ? 0 : (ngx_uint_t) n;
        }

        if (ngx_meshkit_filter_is(&h[i].key, "Content-Encoding")
            && !ngx_meshkit_filter_is(&h[i].value, "identity"))
        {
            s->encoded = 1;
        }
    }
}


/* What the header alone shows to be of no use. */
static ngx_uint_t
ngx_meshkit_filter_is_bad(const ngx_meshkit_subrequest_t *s)
{
    return s->redirected || s->encoded || s->mistyped || s->overflow
           || s->stale || s->status != NGX_HTTP_OK;
}


/*
 * A file is opened anew for each request, unless the location keeps it open:
 * then it may be one that was replaced or removed.  What no handler of the
 * location sent and has a time is a file.
 */
static ngx_uint_t
ngx_meshkit_filter_is_kept_file(ngx_http_request_t *sr)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(sr, ngx_http_core_module);

    return clcf->open_file_cache != NULL && sr->content_handler == NULL
           && sr->headers_out.last_modified_time != -1;
}


/*
 * How nginx is to treat the answer.  Unbuffered, else it would pull a whole
 * file into a temporary one; but what goes into a cache must be buffered, and
 * then it is given out while it comes only to the request that has the
 * connection's events.  What has to be fresh goes into no cache.
 */
static void
ngx_meshkit_filter_set_buffering(ngx_meshkit_subrequest_t *s)
{
    ngx_http_request_t  *sr;

    sr = s->request;

    if (sr->upstream == NULL) {
        s->stale = s->fresh && ngx_meshkit_filter_is_kept_file(sr);
        return;
    }

    if (s->hash.code != 0 && s->length == -1) {

        /* where a block ends is not known before it would be cached */

        sr->upstream->cacheable = 0;
    }

    if (ngx_meshkit_filter_is_bad(s) || s->length == 0) {

        /* neither a block nor a CAR: it would be asked for in vain later */

        sr->upstream->cacheable = 0;
    }

    if (s->fresh) {
        sr->upstream->cacheable = 0;

#if (NGX_HTTP_CACHE)
        s->stale = sr->cached;
#endif
    }

    if (!sr->upstream->buffering && !s->cached) {

        /* by "proxy_buffering off", or X-Accel-Buffering: nginx keeps none */

        sr->upstream->cacheable = 0;
    }

    if (!sr->upstream->cacheable) {
        sr->upstream->buffering = 0;
        return;
    }

    ngx_meshkit_local_watch(s);

    if (s->stream != NULL) {
        s->active = 1;
        sr->connection->data = sr;
    }
}


static ngx_int_t
ngx_meshkit_filter_header(ngx_http_request_t *sr)
{
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);
    if (s == NULL) {
        return ngx_meshkit_next_header_filter(sr);
    }

    if (sr != s->request) {
        return NGX_OK;
    }

    s->header = 1;
    s->status = sr->headers_out.status;
    s->length = sr->headers_out.content_length_n;
    s->content_type = sr->headers_out.content_type;

    ngx_meshkit_filter_read_headers(s);

    if (s->media_type != NULL
        && !ngx_meshkit_filter_is_type(&s->content_type, s->media_type))
    {
        s->mistyped = 1;
    }

    if (s->stream == NULL && s->length > (off_t) s->limit) {
        s->overflow = 1;
    }

#if (NGX_HTTP_CACHE)
    s->cached = sr->cached;
#endif

    ngx_meshkit_filter_set_buffering(s);
    ngx_meshkit_memory_buffers(s);

    if (ngx_meshkit_filter_is_bad(s) && sr->upstream != NULL
        && s->length != 0)
    {
        /* a body that it announces may never come */

        s->hopeless = 1;
        ngx_meshkit_open_post(s->open);
    }

    return NGX_OK;
}


static void
ngx_meshkit_filter_drop(ngx_chain_t *in)
{
    for ( /* void */ ; in != NULL; in = in->next) {
        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
    }
}


/* Room for n more bytes of an answer that is kept whole. */
static ngx_int_t
ngx_meshkit_filter_grow(ngx_meshkit_subrequest_t *s, size_t n)
{
    size_t   room, bound;
    u_char  *p;

    if (n > s->limit - s->len) {
        s->overflow = 1;
        return NGX_DECLINED;
    }

    if (n <= s->room - s->len) {
        return NGX_OK;
    }

    room = s->length > 0 && (uint64_t) s->length <= s->limit
           ? (size_t) s->length : s->room * 2;

    room = ngx_max(room, s->len + n);
    room = ngx_min(room, s->limit);

    if (s->hash.code != 0) {

        /* of a block, it is known how long it can be */

        bound = ngx_meshkit_memory_bound(s->open);

        if (s->len + n <= bound) {
            room = ngx_min(room, bound);
        }
    }

    if (s->hash.code != 0
        && !ngx_meshkit_memory_grow(s->open, s->room, room))
    {
        s->overflow = 1;
        s->outgrown = 1;
        return NGX_DECLINED;
    }

    p = mk_pages_alloc(room);
    if (p == NULL) {
        s->lost = 1;
        return NGX_ERROR;
    }

    if (s->body != NULL) {
        ngx_memcpy(p, s->body, s->len);
        ngx_meshkit_subrequest_forget(s);
    }

    s->body = p;
    s->room = room;

    return NGX_OK;
}


static void
ngx_meshkit_filter_keep(ngx_meshkit_subrequest_t *s, ngx_chain_t *in)
{
    size_t      n;
    ngx_buf_t  *b;

    for ( /* void */ ; in != NULL; in = in->next) {
        b = in->buf;
        n = ngx_buf_in_memory(b) ? (size_t) (b->last - b->pos) : 0;

        if (n > 0) {
            if (ngx_meshkit_filter_grow(s, n) != NGX_OK) {
                ngx_meshkit_subrequest_stop(s);
                return;
            }

            ngx_memcpy(s->body + s->len, b->pos, n);
            s->len += n;
            b->pos = b->last;
        }
    }
}


/*
 * A block that nginx is about to put into its cache is looked at before that;
 * any other is verified once, by the opener.
 */
static void
ngx_meshkit_filter_verify(ngx_meshkit_subrequest_t *s)
{
    ngx_http_upstream_t  *u;

    u = s->request->upstream;

    if (s->hash.code == 0 || s->cached || u == NULL || !u->cacheable
        || s->length != (off_t) s->len)
    {
        return;
    }

    if (mk_multihash_verify(&s->hash, s->body, s->len) != MK_OK) {
        s->mismatch = 1;
        ngx_meshkit_subrequest_stop(s);
    }

    s->hash.code = 0;
}


/* Counts what came; 1 if it is the end. */
static ngx_uint_t
ngx_meshkit_filter_saw_end(ngx_meshkit_subrequest_t *s, ngx_chain_t *in)
{
    for ( /* void */ ; in != NULL; in = in->next) {

        s->received += ngx_buf_size(in->buf);

        if (s->tally != NULL) {
            *s->tally += ngx_buf_size(in->buf);
        }

        if (in->buf->last_buf || in->buf->last_in_chain) {
            return 1;
        }
    }

    return 0;
}


/* A stream's bytes: what its handler leaves waits here, and nginx with it. */
static ngx_int_t
ngx_meshkit_filter_offer(ngx_meshkit_subrequest_t *s, ngx_chain_t *in)
{
    ngx_chain_t         *cl;
    ngx_http_request_t  *sr;

    sr = s->request;

    if (in != NULL && ngx_chain_add_copy(s->pool, &s->in, in) != NGX_OK) {
        ngx_meshkit_subrequest_stop(s);
        ngx_meshkit_filter_drop(in);
        return NGX_OK;
    }

    s->reading = 1;
    s->stream(s);
    s->reading = 0;

    if (s->stopped) {

        /* nginx sees that only when nothing of the answer is left */

        ngx_meshkit_filter_drop(s->in);
        s->in = NULL;
    }

    while (s->in != NULL && ngx_buf_size(s->in->buf) == 0) {
        cl = s->in;
        s->in = cl->next;
        ngx_free_chain(s->pool, cl);
    }

    if (s->in != NULL) {
        sr->buffered |= NGX_MESHKIT_BUFFERED;
        return NGX_AGAIN;
    }

    sr->buffered &= ~NGX_MESHKIT_BUFFERED;

    return NGX_OK;
}


/*
 * NGX_ERROR is never returned: nginx would take it for a failure of the
 * client's connection and close that, and no other gateway could be asked.
 */
static ngx_int_t
ngx_meshkit_filter_body(ngx_http_request_t *sr, ngx_chain_t *in)
{
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);
    if (s == NULL) {
        return ngx_meshkit_next_body_filter(sr, in);
    }

    if (sr != s->request) {
        ngx_meshkit_stranger_sent(sr, in);
        ngx_meshkit_filter_drop(in);
        return NGX_OK;
    }

    if (s->finished) {
        ngx_meshkit_filter_drop(in);
        return NGX_OK;
    }

    if (ngx_meshkit_filter_saw_end(s, in)) {
        s->complete = 1;
    }

    if (ngx_meshkit_filter_is_bad(s)) {
        ngx_meshkit_subrequest_stop(s);
    }

    if (!s->stopped && s->stream == NULL) {
        ngx_meshkit_filter_keep(s, in);
        ngx_meshkit_filter_verify(s);
    }

    if (s->stopped) {
        ngx_meshkit_filter_drop(in);
        ngx_meshkit_filter_drop(s->in);
        s->in = NULL;
        sr->buffered &= ~NGX_MESHKIT_BUFFERED;
        return NGX_OK;
    }

    return s->stream == NULL ? NGX_OK : ngx_meshkit_filter_offer(s, in);
}


ngx_int_t
ngx_meshkit_filter_init(ngx_conf_t *cf)
{
    ngx_meshkit_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_meshkit_filter_header;

    ngx_meshkit_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_meshkit_filter_body;

    return NGX_OK;
}
