/*
 * ngx_meshkit_subrequest_end: how a subrequest is cancelled, and when its
 * memory is given back.
 */

#include "ngx_meshkit_memory.h"
#include "ngx_meshkit_pool.h"
#include "ngx_meshkit_stranger.h"


/*
 * Modules such as Lua give the connection's events to a subrequest of their own
 * as it ends, and nginx then to its parent, which is ours.
 */
void
ngx_meshkit_subrequest_let_go(ngx_meshkit_subrequest_t *s)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *active;

    s->active = 0;

    c = s->request->connection;
    active = c->data;

    if (active->pool == s->pool) {
        c->data = s->request->main;
    }
}


/* Takes the place of a subrequest that was cancelled while nothing ran. */
static void
ngx_meshkit_subrequest_skip(ngx_http_request_t *sr)
{
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    sr->write_event_handler = ngx_http_request_empty_handler;
    s->counted = 0;

    ngx_http_finalize_request(sr, NGX_DONE);
}


/*
 * Whether somebody would come back to it who cannot be told not to: a thread,
 * or a request that a module made on its way to the content (auth_request,
 * Lua).  An upstream can be told, and what merely waits.
 */
static ngx_uint_t
ngx_meshkit_subrequest_is_busy(const ngx_meshkit_subrequest_t *s)
{
    ngx_http_request_t  *sr;

    sr = s->request;

    if (sr->aio) {
        return 1;
    }

#if (NGX_HTTP_CACHE)

    if (sr->cache != NULL && sr->cache->waiting) {
        return 0;
    }

#endif

    return sr->write_event_handler != ngx_http_handler && !s->written
           && (sr->upstream == NULL || sr->upstream->cleanup == NULL)
           && ngx_meshkit_stranger_is_in(s);
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

    if (ngx_meshkit_subrequest_is_busy(s)) {

        /* it ends by itself, and says nothing */

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

    ngx_meshkit_subrequest_let_go(s);

    if (u != NULL && u->cleanup != NULL) {

        /* finalizes the upstream and gives back the reference to the parent */

        s->counted = 0;
        (*u->cleanup)(sr);

    } else {

        /* timers and coroutines of others end here, before time goes on */

        ngx_meshkit_pool_clean_up(sr->main, s->pool);

        sr->write_event_handler = ngx_meshkit_subrequest_skip;
        ngx_meshkit_post_request(sr, &s->posted);
        ngx_meshkit_open_post(s->open);
    }

    ngx_meshkit_subrequest_forget(s);
    s->len = 0;
    s->room = 0;
}


/*
 * What others registered for it at the main request would be run later, when
 * its memory is gone; and so would be the line of a log.
 */
static void
ngx_meshkit_subrequest_destroy(ngx_meshkit_subrequest_t *s)
{
    ngx_http_request_t  *r;

    r = s->open->request;

    ngx_queue_remove(&s->queue);
    ngx_meshkit_memory_free(s);

    ngx_meshkit_pool_clean_up(r, s->pool);
    ngx_http_set_log_request(r->connection->log, r);

    ngx_meshkit_pool_destroy(s->pool);
}


/* Whether nginx, or another module, may still come back to it. */
static ngx_uint_t
ngx_meshkit_subrequest_is_held(const ngx_meshkit_subrequest_t *s)
{
    return s->counted || s->request->aio
           || ngx_meshkit_pool_is_awaited(s->open->request, s->pool)
           || ngx_meshkit_stranger_is_in(s);
}


void
ngx_meshkit_subrequest_release(ngx_meshkit_subrequest_t *s)
{
    s->released = 1;

    if (s->finished && !s->cancelled && !ngx_meshkit_subrequest_is_held(s)) {
        ngx_meshkit_subrequest_destroy(s);
    }
}


/*
 * Modules that make a request wait (limit_req, Perl's sleep) set the timer of
 * the client's connection, and nginx then runs the request that has its
 * events: the main one.
 */
static void
ngx_meshkit_subrequest_wake_delayed(ngx_meshkit_subrequest_t *s)
{
    ngx_http_request_t  *sr;

    sr = s->request;

    if (!s->finished && !s->written && sr->upstream == NULL && !sr->aio
        && !sr->connection->write->delayed
        && sr->write_event_handler != ngx_http_handler
        && sr->write_event_handler != ngx_http_core_run_phases
        && sr->write_event_handler != ngx_http_request_empty_handler)
    {
        ngx_meshkit_post_request(sr, &s->posted);
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

        if (s->request == NULL) {
            continue;
        }

        if (!s->active) {
            ngx_meshkit_subrequest_let_go(s);
        }

        ngx_meshkit_subrequest_wake_delayed(s);

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
