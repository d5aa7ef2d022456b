/*
 * ngx_meshkit_subrequest: asks a service, in a background subrequest.
 */

#include "ngx_meshkit_local.h"
#include "ngx_meshkit_redact.h"
#include "ngx_meshkit_subrequest.h"


#define NGX_MESHKIT_POOL_SIZE  4096


static ngx_int_t ngx_meshkit_subrequest_done(ngx_http_request_t *sr,
    void *data, ngx_int_t rc);


/* nginx's proxy writes a request, and our token with it, into a buffer. */
static void
ngx_meshkit_subrequest_wipe_request(ngx_http_request_t *sr)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (sr == NULL || sr->upstream == NULL) {
        return;
    }

    for (cl = sr->upstream->request_bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (b->temporary && b->start != NULL) {
            ngx_explicit_memzero(b->start, b->end - b->start);
        }
    }
}


void
ngx_meshkit_subrequest_forget(ngx_meshkit_subrequest_t *s)
{
    if (s->body != NULL) {

        /* only as much as there is: it may be a block of 2 MiB */

        ngx_explicit_memzero(s->body, s->len);
        mk_pages_free(s->body, s->room);
        s->body = NULL;
    }
}


/*
 * Also how a pool of ours is known: an internal redirect (X-Accel-Redirect)
 * zeroes the subrequest's module contexts, but its pool stays.
 */
static void
ngx_meshkit_subrequest_wipe(void *data)
{
    ngx_meshkit_subrequest_t  *s = data;

    ngx_meshkit_subrequest_wipe_request(s->request);

    ngx_meshkit_subrequest_forget(s);

    if (s->authorization.data != NULL) {
        ngx_explicit_memzero(s->authorization.data, s->authorization.len);
    }
}


ngx_meshkit_subrequest_t *
ngx_meshkit_subrequest_get(ngx_http_request_t *sr)
{
    ngx_pool_cleanup_t        *cln;
    ngx_meshkit_subrequest_t  *s;

    if (sr == sr->main) {
        return NULL;
    }

    s = ngx_http_get_module_ctx(sr, ngx_meshkit_module);
    if (s != NULL) {
        return s;
    }

    for (cln = sr->pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler == ngx_meshkit_subrequest_wipe) {
            s = cln->data;

            if (sr == s->request) {
                s->redirected = 1;
            }

            ngx_http_set_ctx(sr, s, ngx_meshkit_module);

            return s;
        }
    }

    return NULL;
}


/* The subrequest's own pool, and its record in it. */
static ngx_meshkit_subrequest_t *
ngx_meshkit_subrequest_alloc(ngx_meshkit_open_t *open,
    const ngx_meshkit_question_t *q)
{
    u_char                    *p;
    ngx_pool_t                *pool;
    ngx_pool_cleanup_t        *cln;
    ngx_meshkit_subrequest_t  *s;

    pool = ngx_create_pool(NGX_MESHKIT_POOL_SIZE,
                           open->request->connection->log);
    if (pool == NULL) {
        return NULL;
    }

    s = ngx_pcalloc(pool, sizeof(ngx_meshkit_subrequest_t));
    p = ngx_pnalloc(pool, q->uri.len + q->args.len);
    cln = ngx_pool_cleanup_add(pool, 0);

    if (s == NULL || p == NULL || cln == NULL
        || ngx_meshkit_redact_known_lend(open->request, pool) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    s->uri.data = p;
    s->uri.len = q->uri.len;
    p = ngx_cpymem(p, q->uri.data, q->uri.len);

    s->args.data = p;
    s->args.len = q->args.len;
    ngx_memcpy(p, q->args.data, q->args.len);

    s->pool = pool;
    s->open = open;
    s->stream = q->stream;
    s->data = q->data;
    s->tally = q->tally;
    s->limit = q->limit;
    s->media_type = q->media_type;
    s->fresh = q->fresh != 0;
    s->past = open->past;

    if (q->hash != NULL) {
        s->hash = *q->hash;
    }

    s->length = -1;
    s->post.handler = ngx_meshkit_subrequest_done;
    s->post.data = s;

    cln->handler = ngx_meshkit_subrequest_wipe;
    cln->data = s;

    ngx_queue_insert_tail(&open->subrequests, &s->queue);

    return s;
}


ngx_int_t
ngx_meshkit_subrequest_create(ngx_meshkit_open_t *open,
    const ngx_meshkit_question_t *q, ngx_meshkit_subrequest_t **out)
{
    ngx_int_t                  rc;
    ngx_uint_t                 count;
    ngx_pool_t                *pool;
    ngx_http_request_t        *r, *sr;
    ngx_meshkit_subrequest_t  *s;

    r = open->request;

    *out = NULL;

    s = ngx_meshkit_subrequest_alloc(open, q);
    if (s == NULL) {
        return NGX_ERROR;
    }

    /*
     * ngx_http_subrequest() allocates from the parent's pool, which lives as
     * long as the response: with a block each that would be a leak.
     */

    pool = r->pool;
    count = r->main->count;
    r->pool = s->pool;

    rc = ngx_http_subrequest(r, &s->uri, &s->args, &sr, &s->post,
                             NGX_HTTP_SUBREQUEST_BACKGROUND);
    r->pool = pool;

    if (rc != NGX_OK) {

        /* it may have counted itself before its memory ran out */

        r->main->count = count;
        s->finished = 1;
        return NGX_ERROR;
    }

    s->request = sr;
    s->counted = 1;

    ngx_http_set_ctx(sr, s, ngx_meshkit_module);
    sr->filter_need_in_memory = 1;
    sr->discard_body = 0;

    if (ngx_meshkit_question_put(s, q) != NGX_OK) {
        ngx_meshkit_subrequest_cancel(s);
        return NGX_ERROR;
    }

    *out = s;

    return NGX_OK;
}


/* By X-Accel-Redirect, also to where nginx finds no location. */
static ngx_uint_t
ngx_meshkit_subrequest_is_redirected(const ngx_meshkit_subrequest_t *s)
{
    const ngx_http_upstream_t  *u;

    u = s->request->upstream;

    return s->redirected
           || (!s->header && u != NULL && u->headers_in.x_accel_redirect != NULL
               && !(u->conf->ignore_headers
                    & NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT));
}


/*
 * Called by nginx as the subrequest is finalized; twice if its last bytes
 * had to wait.  What it returns replaces rc: NGX_OK, so that no error page
 * is made, unless it is the client's connection that failed.
 */
static ngx_int_t
ngx_meshkit_subrequest_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_connection_t          *c;
    ngx_meshkit_subrequest_t  *s = data;

    c = sr->connection;

    if (!sr->buffered) {
        ngx_meshkit_subrequest_let_go(s);
    }

    if (c->error || c->timedout) {
        /* nginx ends the whole request by any of these */
        return rc == NGX_HTTP_CLIENT_CLOSED_REQUEST ? rc : NGX_ERROR;
    }

    ngx_meshkit_local_note(s, rc);

    if (s->finished || sr->buffered) {

        /* nginx alone has it now, and waits until its bytes are taken */

        s->written = 1;
        return NGX_OK;
    }

    s->redirected = ngx_meshkit_subrequest_is_redirected(s);

    if (!s->header && rc >= NGX_HTTP_SPECIAL_RESPONSE) {

        /*
         * a local handler's refusal is that server's answer, and so is one
         * that proxy_intercept_errors stopped; nginx's own 502 and 504 stand
         * for a service that gave none
         */

        s->status = sr->upstream == NULL
                    || sr->upstream->headers_in.status_n == (ngx_uint_t) rc
                    ? (ngx_uint_t) rc : 0;

        s->late = s->status == 0 && rc == NGX_HTTP_GATEWAY_TIME_OUT;
    }

    ngx_meshkit_served_look(s, rc);

    s->finished = 1;
    s->counted = 0;

    ngx_meshkit_open_post(s->open);

    return NGX_OK;
}


ngx_uint_t
ngx_meshkit_subrequest_is_over(const ngx_meshkit_subrequest_t *s)
{
    return s->finished || s->hopeless;
}


ngx_uint_t
ngx_meshkit_subrequest_is_good(const ngx_meshkit_subrequest_t *s)
{
    return s->header && s->status == NGX_HTTP_OK && s->complete
           && !s->overflow && !s->mistyped && !s->encoded && !s->redirected
           && !s->unserved && !s->stale && !s->mismatch && !s->lost;
}


ngx_uint_t
ngx_meshkit_subrequest_is_missing(const ngx_meshkit_subrequest_t *s)
{
    return s->status == NGX_HTTP_NOT_FOUND && !s->redirected && !s->unserved;
}


const char *
ngx_meshkit_subrequest_fault(const ngx_meshkit_subrequest_t *s)
{
    return s->barred ? "the server responded before any location"
           : s->unserved ? "no internal location serves it"
           : s->redirected ? "the answer redirects inside this server"
           : s->local != 0 ? ngx_meshkit_local_why(s->local)
           : s->status == 0 ? "no answer"
           : s->status != NGX_HTTP_OK && !s->reached
             ? "nginx itself responded, before the service"
           : s->status != NGX_HTTP_OK ? "the HTTP status is not 200"
           : s->stale && s->request->upstream == NULL
             ? "the file may be an old one: open_file_cache off there"
           : s->stale ? "the answer comes from a cache: proxy_cache off there"
           : s->overflow ? "the answer is too large"
           : s->lost ? "no memory for the answer"
           : "the answer is cut short or encoded";
}


/*
 * nginx's own path for a failed upstream: whatever is still to come is not
 * read, the connection is not reused and nothing is cached, not even where
 * the whole answer is there already.
 */
void
ngx_meshkit_subrequest_stop(ngx_meshkit_subrequest_t *s)
{
    ngx_http_upstream_t  *u;

    u = s->request->upstream;

    s->stopped = 1;

    if (u == NULL) {
        return;
    }

    u->error = 1;
    u->cacheable = 0;

    if (u->pipe != NULL) {
        u->pipe->upstream_error = 1;
    }
}


/*
 * Once is enough: what is posted again before it was run would follow itself,
 * in an nginx that does not look for that (before 1.30.4, and Debian's older
 * revisions), and the worker would run it for ever.
 */
void
ngx_meshkit_post_request(ngx_http_request_t *r, ngx_http_posted_request_t *pr)
{
    ngx_http_posted_request_t  *p;

    for (p = r->main->posted_requests; p != NULL; p = p->next) {
        if (p == pr) {
            return;
        }
    }

    (void) ngx_http_post_request(r, pr);
}


void
ngx_meshkit_subrequest_wake(ngx_meshkit_subrequest_t *s)
{
    if (!s->finished) {
        ngx_meshkit_post_request(s->request, &s->posted);
    }
}
