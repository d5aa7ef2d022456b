/*
 * ngx_meshkit_stranger: whose memory subrequests of others are in.
 */

#include "ngx_meshkit_stranger.h"


struct ngx_meshkit_stranger_s {
    ngx_meshkit_stranger_t      *next;
    ngx_http_request_t          *request;
    ngx_http_post_subrequest_t   post;
};


/* Those that were seen and are not at their end. */
static ngx_uint_t
ngx_meshkit_stranger_count(const ngx_meshkit_stranger_t *stranger)
{
    ngx_uint_t  n;

    n = 0;

    for ( /* void */ ; stranger != NULL; stranger = stranger->next) {
        n += !stranger->request->done;
    }

    return n;
}


/* Whether there are some that were not seen: they may be anywhere. */
static ngx_uint_t
ngx_meshkit_stranger_is_unseen(const ngx_meshkit_open_t *open)
{
    ngx_uint_t                       known;
    ngx_queue_t                     *q;
    ngx_http_request_t              *r;
    const ngx_meshkit_subrequest_t  *s;

    r = open->request;
    known = 1 + r->discard_body + ngx_meshkit_stranger_count(open->strangers);

    for (q = ngx_queue_head(&open->subrequests);
         q != ngx_queue_sentinel(&open->subrequests);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_meshkit_subrequest_t, queue);
        known += s->counted + ngx_meshkit_stranger_count(s->strangers);
    }

    return r->count > known;
}


ngx_uint_t
ngx_meshkit_stranger_is_in(const ngx_meshkit_subrequest_t *s)
{
    return ngx_meshkit_stranger_count(s->strangers) > 0
           || ngx_meshkit_stranger_is_unseen(s->open);
}


/*
 * nginx ends a subrequest when it has the connection's events, and none of
 * those below one in the background would ever have them.  One that a module
 * waits for has that module's handler, which may be how it is known: it gets
 * the events with its last bytes.
 */
void
ngx_meshkit_stranger_sent(ngx_http_request_t *sr, const ngx_chain_t *in)
{
    for ( /* void */ ; in != NULL && !sr->background; in = in->next) {
        if (in->buf->last_buf || in->buf->last_in_chain) {
            sr->connection->data = sr;
        }
    }
}


/* One that no module waits for gets them when nginx ends it. */
static ngx_int_t
ngx_meshkit_stranger_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    sr->connection->data = sr;

    return rc;
}


/* In the first phases that a subrequest comes to; it may come to both. */
static ngx_int_t
ngx_meshkit_stranger_handler(ngx_http_request_t *sr)
{
    ngx_pool_t                *pool;
    ngx_meshkit_open_t        *open;
    ngx_meshkit_stranger_t    *stranger, **list;
    ngx_meshkit_subrequest_t  *s;

    open = sr == sr->main ? NULL : ngx_meshkit_handler_get(sr);

    if (open == NULL || open->over) {
        return NGX_DECLINED;
    }

    s = ngx_meshkit_subrequest_get(sr);
    list = s != NULL ? &s->strangers : &open->strangers;
    pool = s != NULL ? s->pool : open->request->pool;

    if ((s != NULL && sr == s->request) || sr->pool != pool) {
        return NGX_DECLINED;
    }

    for (stranger = *list; stranger != NULL; stranger = stranger->next) {
        if (stranger->request == sr) {
            return NGX_DECLINED;
        }
    }

    stranger = ngx_pcalloc(pool, sizeof(ngx_meshkit_stranger_t));
    if (stranger == NULL) {

        /* it was not seen, then */

        return NGX_DECLINED;
    }

    stranger->request = sr;
    stranger->next = *list;
    *list = stranger;

    if (s != NULL && !sr->background && sr->post_subrequest == NULL) {
        stranger->post.handler = ngx_meshkit_stranger_done;
        sr->post_subrequest = &stranger->post;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_meshkit_stranger_init(ngx_conf_t *cf)
{
    if (ngx_meshkit_module_add_handler(cf, NGX_HTTP_SERVER_REWRITE_PHASE,
                                       ngx_meshkit_stranger_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_meshkit_module_add_handler(cf, NGX_HTTP_REWRITE_PHASE,
                                          ngx_meshkit_stranger_handler);
}
