/*
 * ngx_meshkit_hints: how many "103 Early Hints" a service may send.
 *
 * From 1.29.0 on, nginx reads such responses in front of the real one.  Each
 * costs it more memory than it has bytes, their number is not limited, and
 * while they keep coming no timer gets its turn: a gateway, which is trusted
 * for nothing, could fill the worker's memory and keep it to itself.  So what
 * nginx reads headers with is wrapped.
 */

#include "ngx_meshkit_subrequest.h"


#if (nginx_version >= 1029000)

/* all that servers of one upstream sent for one question */
#define NGX_MESHKIT_HINTS  8


static ngx_int_t ngx_meshkit_hints_process_header(ngx_http_request_t *sr);
static ngx_int_t ngx_meshkit_hints_reinit_request(ngx_http_request_t *sr);


/* nginx's own again, and ours behind it: either changes the other. */
static void
ngx_meshkit_hints_unwrap(ngx_meshkit_subrequest_t *s)
{
    s->request->upstream->process_header = s->process_header;
    s->request->upstream->reinit_request = s->reinit_request;
}


static void
ngx_meshkit_hints_wrap(ngx_meshkit_subrequest_t *s)
{
    ngx_http_upstream_t  *u;

    u = s->request->upstream;

    s->process_header = u->process_header;
    s->reinit_request = u->reinit_request;

    u->process_header = ngx_meshkit_hints_process_header;
    u->reinit_request = ngx_meshkit_hints_reinit_request;
}


static ngx_int_t
ngx_meshkit_hints_process_header(ngx_http_request_t *sr)
{
    ngx_int_t                  rc;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    ngx_meshkit_hints_unwrap(s);
    rc = sr->upstream->process_header(sr);
    ngx_meshkit_hints_wrap(s);

    if (rc == NGX_HTTP_UPSTREAM_EARLY_HINTS
        && ++s->hints > NGX_MESHKIT_HINTS)
    {
        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                      "meshkit: more than %d early hints from \"%V\"",
                      NGX_MESHKIT_HINTS, &s->uri);

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    return rc;
}


/* Before the next server of the upstream is asked. */
static ngx_int_t
ngx_meshkit_hints_reinit_request(ngx_http_request_t *sr)
{
    ngx_int_t                  rc;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    ngx_meshkit_hints_unwrap(s);
    rc = sr->upstream->reinit_request(sr);
    ngx_meshkit_hints_wrap(s);

    return rc;
}


/*
 * The location's own handler, proxy_pass mostly: it makes the upstream.  That
 * would ask at once, by a connection that is kept, and read what is there; but
 * nginx asks nobody while a thread is said to be at work on the request.
 */
static ngx_int_t
ngx_meshkit_hints_content_handler(ngx_http_request_t *sr)
{
    ngx_int_t                  rc;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    sr->content_handler = s->content_handler;

    sr->aio = 1;
    rc = sr->content_handler(sr);
    sr->aio = 0;

    if (rc == NGX_DONE && sr->upstream != NULL && !s->finished) {
        ngx_meshkit_hints_wrap(s);
        ngx_http_upstream_init(sr);
    }

    return rc;
}


/* In the last phase before the location's handler that subrequests have. */
static ngx_int_t
ngx_meshkit_hints_handler(ngx_http_request_t *sr)
{
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    if (s != NULL && sr == s->request && sr->content_handler != NULL
        && sr->content_handler != ngx_meshkit_hints_content_handler)
    {
        s->content_handler = sr->content_handler;
        sr->content_handler = ngx_meshkit_hints_content_handler;
    }

    return NGX_DECLINED;
}

#endif


ngx_int_t
ngx_meshkit_hints_init(ngx_conf_t *cf)
{
#if (nginx_version >= 1029000)

    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_meshkit_hints_handler;

#endif

    return NGX_OK;
}
