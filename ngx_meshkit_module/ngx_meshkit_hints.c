/*
 * ngx_meshkit_hints: how many "103 Early Hints" a service may send.
 *
 * From 1.29.0 on, nginx reads such responses in front of the real one.  Each
 * costs it more memory than it has bytes, their number is not limited, and
 * while they keep coming no timer gets its turn: a gateway, which is trusted
 * for nothing, could fill the worker's memory and keep it to itself.  So what
 * nginx reads headers with is wrapped.
 */

#include "ngx_meshkit_upstream.h"


#if (nginx_version >= 1029000)

/* all that servers of one upstream sent for one question */
#define NGX_MESHKIT_HINTS  8


static ngx_int_t ngx_meshkit_hints_process_header(ngx_http_request_t *sr);
static ngx_int_t ngx_meshkit_hints_reinit_request(ngx_http_request_t *sr);


/* nginx's own again, and ours behind it: either changes the other. */
static void
ngx_meshkit_hints_unwrap(const ngx_meshkit_upstream_t *upstream)
{
    ngx_http_upstream_t  *u;

    u = upstream->request->upstream;

    u->process_header = upstream->process_header;
    u->reinit_request = upstream->reinit_request;
}


void
ngx_meshkit_hints_wrap(ngx_meshkit_upstream_t *upstream)
{
    ngx_http_upstream_t  *u;

    u = upstream->request->upstream;

    upstream->process_header = u->process_header;
    upstream->reinit_request = u->reinit_request;

    u->process_header = ngx_meshkit_hints_process_header;
    u->reinit_request = ngx_meshkit_hints_reinit_request;
}


static ngx_int_t
ngx_meshkit_hints_process_header(ngx_http_request_t *sr)
{
    ngx_int_t                rc;
    ngx_meshkit_upstream_t  *upstream;

    upstream = ngx_meshkit_upstream_get(sr);

    ngx_meshkit_hints_unwrap(upstream);
    rc = sr->upstream->process_header(sr);
    ngx_meshkit_hints_wrap(upstream);

    if (rc == NGX_HTTP_UPSTREAM_EARLY_HINTS
        && ++upstream->hints > NGX_MESHKIT_HINTS)
    {
        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                      "meshkit: more than %d early hints from \"%V\"",
                      NGX_MESHKIT_HINTS, &sr->uri);

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    return rc;
}


/* Before the next server of the upstream is asked. */
static ngx_int_t
ngx_meshkit_hints_reinit_request(ngx_http_request_t *sr)
{
    ngx_int_t                rc;
    ngx_meshkit_upstream_t  *upstream;

    upstream = ngx_meshkit_upstream_get(sr);

    ngx_meshkit_hints_unwrap(upstream);
    rc = sr->upstream->reinit_request(sr);
    ngx_meshkit_hints_wrap(upstream);

    return rc;
}

#else

void
ngx_meshkit_hints_wrap(ngx_meshkit_upstream_t *upstream)
{
}

#endif
