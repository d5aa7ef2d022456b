/*
 * ngx_meshkit_subrequest: asks a service, in a background subrequest.
 */

#include "ngx_meshkit_redact.h"
#include "ngx_meshkit_subrequest.h"

#include <malloc.h>


#define NGX_MESHKIT_POOL_SIZE  4096


static ngx_int_t ngx_meshkit_subrequest_done(ngx_http_request_t *sr,
    void *data, ngx_int_t rc);
static void ngx_meshkit_subrequest_skip(ngx_http_request_t *sr);


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
        ngx_pfree(s->pool, s->body);
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


/*
 * Called by nginx as the subrequest is finalized; twice if its last bytes
 * had to wait.  What it returns replaces rc: NGX_OK, so that no error page
 * is made, unless it is the client's connection that failed.
 */
static ngx_int_t
ngx_meshkit_subrequest_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_meshkit_subrequest_t  *s = data;

    c = sr->connection;

    if (s->active && !sr->buffered) {
        s->active = 0;
        c->data = sr->parent;
    }

    if (c->error || c->timedout) {

        /* nginx ends the whole request by any of these */

        return rc == NGX_HTTP_CLIENT_CLOSED_REQUEST ? rc : NGX_ERROR;
    }

    if (s->finished || sr->buffered) {
        return NGX_OK;
    }

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

    clcf = ngx_http_get_module_loc_conf(sr, ngx_http_core_module);

    if (sr->upstream == NULL && !clcf->internal && !s->redirected) {

        /* the server's own "return", in front of all locations */

        s->unserved = 1;
    }

    if (s->unserved) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "meshkit: no internal location serves \"%V\"", &s->uri);
        s->status = 0;
    }

    s->finished = 1;

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
    return s->unserved ? "no internal location serves it"
           : s->redirected ? "the answer redirects inside this server"
           : s->status == 0 ? "no answer"
           : s->status != NGX_HTTP_OK ? "the HTTP status is not 200"
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


/* Takes the place of a subrequest that was cancelled before it began. */
static void
ngx_meshkit_subrequest_skip(ngx_http_request_t *sr)
{
    sr->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(sr, NGX_DONE);
}


void
ngx_meshkit_subrequest_cancel(ngx_meshkit_subrequest_t *s)
{
    ngx_http_request_t   *sr;
    ngx_http_upstream_t  *u;

    if (s->finished) {
        return;
    }

    if (s->reading) {

        /* nginx is at work on it, further up the stack */

        ngx_meshkit_subrequest_stop(s);
        return;
    }

    sr = s->request;
    u = sr->upstream;

    if (sr->aio) {

        /* a thread is at work on it: it ends by itself, and says nothing */

        s->stopped = 1;
        return;
    }

    ngx_meshkit_cache_unblock(sr);

    s->finished = 1;
    s->stopped = 1;
    s->cancelled = 1;
    sr->post_subrequest = NULL;

    /* it may be posted, and nginx's own handler would go on with it */

    sr->write_event_handler = ngx_http_request_empty_handler;

    if (s->active) {
        s->active = 0;
        sr->connection->data = sr->parent;
    }

    if (u != NULL && u->cleanup != NULL) {

        /* finalizes the upstream and gives back the reference to the parent */

        (*u->cleanup)(sr);

    } else {
        sr->write_event_handler = ngx_meshkit_subrequest_skip;
        ngx_meshkit_post_request(sr, &s->posted);
    }

    ngx_meshkit_subrequest_forget(s);
    s->len = 0;
    s->room = 0;
}


void
ngx_meshkit_subrequest_wake(ngx_meshkit_subrequest_t *s)
{
    if (!s->finished) {
        ngx_meshkit_post_request(s->request, &s->posted);
    }
}


/*
 * As ngx_destroy_pool, but what was allocated is wiped: questions, answers,
 * copies of the token that modules made, in the pool's own blocks and beside
 * them.  How long those are only the allocator knows.
 */
static void
ngx_meshkit_subrequest_wipe_pool(ngx_pool_t *pool)
{
    u_char              *start;
    ngx_pool_t          *p;
    ngx_pool_large_t    *l;
    ngx_pool_cleanup_t  *cln;

    for (cln = pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler != NULL) {
            cln->handler(cln->data);
        }
    }

    pool->cleanup = NULL;

    for (l = pool->large; l != NULL; l = l->next) {
        if (l->alloc != NULL) {
            ngx_explicit_memzero(l->alloc, malloc_usable_size(l->alloc));
            ngx_free(l->alloc);
        }
    }

    pool->large = NULL;

    for (p = pool; p != NULL; p = p->d.next) {
        start = (u_char *) p + (p == pool ? sizeof(ngx_pool_t)
                                          : sizeof(ngx_pool_data_t));

        ngx_explicit_memzero(start, p->d.last - start);
    }

    ngx_destroy_pool(pool);
}


static void
ngx_meshkit_subrequest_destroy(ngx_meshkit_subrequest_t *s)
{
    ngx_queue_remove(&s->queue);
    ngx_meshkit_subrequest_wipe_pool(s->pool);
}


/*
 * Whether nginx may still come back to it: it is posted, a thread is at work
 * on it, or a subrequest of its own (auth_request) lives in its pool.
 */
static ngx_uint_t
ngx_meshkit_subrequest_is_held(const ngx_meshkit_subrequest_t *s)
{
    ngx_http_request_t         *sr;
    ngx_http_posted_request_t  *pr;

    sr = s->request;

    if (sr->aio || sr->postponed != NULL || s->shared
        || sr->connection->data == sr)
    {
        return 1;
    }

    for (pr = sr->main->posted_requests; pr != NULL; pr = pr->next) {
        if (pr->request == sr) {
            return 1;
        }
    }

    return 0;
}


void
ngx_meshkit_subrequest_release(ngx_meshkit_subrequest_t *s)
{
    s->released = 1;

    if (s->finished && !s->cancelled && !ngx_meshkit_subrequest_is_held(s)) {
        ngx_meshkit_subrequest_destroy(s);
    }
}


void
ngx_meshkit_subrequest_sweep(ngx_meshkit_open_t *open)
{
    ngx_queue_t               *q, *next;
    ngx_meshkit_subrequest_t  *s;

    for (q = ngx_queue_head(&open->subrequests);
         q != ngx_queue_sentinel(&open->subrequests);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_meshkit_subrequest_t, queue);

        if (s->released && s->finished && !ngx_meshkit_subrequest_is_held(s)) {
            ngx_meshkit_subrequest_destroy(s);
        }
    }
}


/*
 * nginx's own cleanups came before, and have finalized the upstreams.  One
 * that waits for the cache's lock has none, and would hold the request back.
 */
void
ngx_meshkit_subrequest_end_all(ngx_meshkit_open_t *open)
{
    ngx_queue_t               *q;
    ngx_meshkit_subrequest_t  *s;

    for (q = ngx_queue_head(&open->subrequests);
         q != ngx_queue_sentinel(&open->subrequests);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_meshkit_subrequest_t, queue);

        if (s->finished) {
            continue;
        }

        s->finished = 1;
        s->stopped = 1;

        if (s->request != NULL) {
            ngx_meshkit_cache_unblock(s->request);
        }
    }
}


void
ngx_meshkit_subrequest_cancel_all(ngx_meshkit_open_t *open)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&open->subrequests);
         q != ngx_queue_sentinel(&open->subrequests);
         q = ngx_queue_next(q))
    {
        ngx_meshkit_subrequest_cancel(ngx_queue_data(q,
                                          ngx_meshkit_subrequest_t, queue));
    }
}


void
ngx_meshkit_subrequest_release_all(ngx_meshkit_open_t *open)
{
    while (!ngx_queue_empty(&open->subrequests)) {
        ngx_meshkit_subrequest_destroy(
            ngx_queue_data(ngx_queue_head(&open->subrequests),
                           ngx_meshkit_subrequest_t, queue));
    }
}
