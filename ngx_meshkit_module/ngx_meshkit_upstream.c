/*
 * ngx_meshkit_upstream: changes what nginx asks a service by, before it does.
 *
 * By TLS, nginx collects what it sends in a buffer of the connection, our
 * token too, where it would stay as long as the connection is kept, and
 * behind that in freed memory.  Without that buffer it sends from where the
 * request was made, which is wiped.
 */

#include "ngx_meshkit_subrequest.h"


/* Each piece of a request on its way to a server, the next one's too. */
static ngx_int_t
ngx_meshkit_upstream_output(void *data, ngx_chain_t *in)
{
    ngx_meshkit_subrequest_t  *s = data;

#if (NGX_SSL)

    ngx_connection_t  *c;

    c = s->request->upstream->peer.connection;

    if (c != NULL && c->ssl != NULL) {
        c->ssl->buffer = 0;
    }

#endif

    return s->output_filter(s->output_ctx, in);
}


/* The request's own output, which most handlers leave to nginx. */
static ngx_int_t
ngx_meshkit_upstream_create_request(ngx_http_request_t *sr)
{
    ngx_int_t                  rc;
    ngx_http_upstream_t       *u;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);
    u = sr->upstream;

    rc = s->create_request(sr);

    if (u->output.output_filter == NULL) {
        u->output.output_filter = ngx_chain_writer;
        u->output.filter_ctx = &u->writer;
    }

    s->output_filter = u->output.output_filter;
    s->output_ctx = u->output.filter_ctx;

    u->output.output_filter = ngx_meshkit_upstream_output;
    u->output.filter_ctx = s;

    return rc;
}


/*
 * The location's own handler, proxy_pass mostly: it makes the upstream.  That
 * would ask at once, by a connection that is kept, and read what is there; but
 * nginx asks nobody while a thread is said to be at work on the request.
 */
static ngx_int_t
ngx_meshkit_upstream_content_handler(ngx_http_request_t *sr)
{
    ngx_int_t                  rc;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    sr->content_handler = s->content_handler;

    sr->aio = 1;
    rc = sr->content_handler(sr);
    sr->aio = 0;

    if (rc == NGX_DONE && sr->upstream != NULL && !s->finished) {
        s->create_request = sr->upstream->create_request;
        sr->upstream->create_request = ngx_meshkit_upstream_create_request;

        ngx_meshkit_hints_wrap(s);
        ngx_http_upstream_init(sr);
    }

    return rc;
}


/* In the last phase before the location's handler that subrequests have. */
static ngx_int_t
ngx_meshkit_upstream_handler(ngx_http_request_t *sr)
{
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    if (s != NULL && sr == s->request && sr->content_handler != NULL
        && sr->content_handler != ngx_meshkit_upstream_content_handler)
    {
        s->content_handler = sr->content_handler;
        sr->content_handler = ngx_meshkit_upstream_content_handler;
    }

    return NGX_DECLINED;
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


ngx_int_t
ngx_meshkit_upstream_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_meshkit_upstream_handler;

    return NGX_OK;
}
