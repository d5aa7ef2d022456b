/*
 * ngx_meshkit_local: which failures are this server's own.
 *
 * It leans on what nginx's upstream leaves behind:
 *
 *     500 without a response stands for a failure in nginx, unless it is the
 *     service's own status (proxy_intercept_errors, proxy_next_upstream);
 *
 *     r->upstream_states is made when the cache has been looked at and the
 *     request is created;
 *
 *     u->state->peer is set when there is a connection, or when the server
 *     refused it;
 *
 *     behind the response's header, NGX_ERROR comes from the event pipe, for
 *     a body that cannot be parsed and for a file that cannot be written.
 */

#include "ngx_meshkit_counters.h"
#include "ngx_meshkit_local.h"


mk_status_t
ngx_meshkit_local_outcome(ngx_meshkit_local_t local)
{
    return local == NGX_MESHKIT_LOCAL_CONNECTIONS ? MK_GATEWAY_OVERLOADED
                                                  : MK_INTERNAL_ERROR;
}


const char *
ngx_meshkit_local_why(ngx_meshkit_local_t local)
{
    static const char  *why[NGX_MESHKIT_LOCALS] = {
        "no local failure",
        "nginx cannot use its cache or a temporary file",
        "nginx has no connection or no file descriptor left",
        "nginx itself failed to send the request"
    };

    return why[local];
}


const char *
ngx_meshkit_local_name(ngx_meshkit_local_t local)
{
    static const char  *names[NGX_MESHKIT_LOCALS] = {
        "none",
        "storage",
        "connections",
        "other"
    };

    return names[local];
}


/* proxy_pass with variables, and no "resolver" to look the name up with. */
static ngx_uint_t
ngx_meshkit_local_lacks_resolver(ngx_http_request_t *sr)
{
    ngx_http_upstream_t       *u;
    ngx_http_core_loc_conf_t  *clcf;

    u = sr->upstream;
    clcf = ngx_http_get_module_loc_conf(sr, ngx_http_core_module);

    return u->resolved != NULL && u->resolved->sockaddr == NULL
           && u->upstream == NULL
           && (clcf->resolver == NULL
               || clcf->resolver->connections.nelts == 0);
}


/* It ended before a response began. */
static ngx_meshkit_local_t
ngx_meshkit_local_before(ngx_http_request_t *sr, ngx_int_t rc)
{
    ngx_http_upstream_t  *u;

    u = sr->upstream;

    if (rc == NGX_HTTP_BAD_GATEWAY && ngx_meshkit_local_lacks_resolver(sr)) {
        return NGX_MESHKIT_LOCAL_OTHER;
    }

    if (rc != NGX_HTTP_INTERNAL_SERVER_ERROR
        || u->headers_in.status_n == NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        return NGX_MESHKIT_LOCAL_NONE;
    }

#if (NGX_HTTP_CACHE)

    if (sr->upstream_states == NULL && u->conf->cache) {
        return NGX_MESHKIT_LOCAL_STORAGE;
    }

#endif

    if (u->state != NULL && u->state->peer == NULL) {
        return NGX_MESHKIT_LOCAL_CONNECTIONS;
    }

    /* what follows a response is the service's: it may redirect to nowhere */

    return u->headers_in.status_n == 0 ? NGX_MESHKIT_LOCAL_OTHER
                                       : NGX_MESHKIT_LOCAL_NONE;
}


void
ngx_meshkit_local_note(ngx_meshkit_subrequest_t *s, ngx_int_t rc)
{
    ngx_http_request_t  *sr;

    sr = s->request;

    if (s->local != NGX_MESHKIT_LOCAL_NONE || s->stopped
        || sr->upstream == NULL)
    {
        return;
    }

    if (!s->header) {
        s->local = ngx_meshkit_local_before(sr, rc);

    } else if (rc == NGX_ERROR && s->input_filter != NULL && !s->garbled) {
        s->local = NGX_MESHKIT_LOCAL_STORAGE;
    }

    if (s->local != NGX_MESHKIT_LOCAL_NONE) {
        ngx_meshkit_count(ngx_meshkit_counters_get(sr)->local[s->local], 1);
    }
}


static ngx_int_t
ngx_meshkit_local_input_filter(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_int_t                  rc;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(p->output_ctx);

    rc = s->input_filter(p, buf);

    if (rc == NGX_ERROR) {
        s->garbled = 1;
    }

    return rc;
}


/* The last that nginx runs before the body: it may choose the filter. */
static ngx_int_t
ngx_meshkit_local_input_filter_init(void *data)
{
    ngx_int_t                  rc;
    ngx_event_pipe_t          *p;
    ngx_meshkit_subrequest_t  *s;

    s = data;
    p = s->request->upstream->pipe;

    p->input_ctx = s->input_ctx;

    rc = s->input_filter_init == NULL ? NGX_OK
                                      : s->input_filter_init(p->input_ctx);

    s->input_filter = p->input_filter;
    p->input_filter = ngx_meshkit_local_input_filter;

    if (rc != NGX_OK) {

        /* by HTTP/2, a response that ends where its body is to begin */

        s->garbled = 1;
    }

    return rc;
}


void
ngx_meshkit_local_watch(ngx_meshkit_subrequest_t *s)
{
    ngx_http_upstream_t  *u;

    u = s->request->upstream;

    if (u->pipe == NULL) {
        return;
    }

    s->input_filter_init = u->input_filter_init;
    s->input_ctx = u->pipe->input_ctx;

    u->input_filter_init = ngx_meshkit_local_input_filter_init;
    u->pipe->input_ctx = s;
}
