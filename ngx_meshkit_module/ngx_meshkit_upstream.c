/*
 * ngx_meshkit_upstream: changes what nginx sends a service, before it does.
 *
 * By TLS, nginx collects what it sends in a buffer of the connection, our
 * token too, where it would stay as long as the connection is kept, and
 * after that in freed memory.  Without that buffer it sends from where the
 * request was made, which is wiped.
 *
 * The change has to be made when nginx has created the request and has sent
 * none of it, which by a kept connection is one step.  It leans on three
 * things of nginx, and t/module/tls_memory.t has a test for each:
 *
 *     peer.init of an upstream runs between the two.  It is wrapped for all
 *     upstreams, as load balancing modules do, and acts on our requests only.
 *
 *     An address in a variable has no peer.init of an upstream, and no kept
 *     connection either: its TLS handshake ends after the content handler
 *     has returned.  If the request was created by then, its output is
 *     changed; else (it waits for the cache's lock) create_request is wrapped.
 *
 *     u->output.output_filter is the request's way out, of gRPC and HTTP/2
 *     too, and is set by the time that peer.init runs.
 */

#include "ngx_meshkit_upstream.h"


/* An upstream's own peer.init. */
typedef struct {
    ngx_http_upstream_srv_conf_t   *upstream;
    ngx_http_upstream_init_peer_pt  init;
} ngx_meshkit_upstream_peer_t;


ngx_meshkit_upstream_t *
ngx_meshkit_upstream_get(ngx_http_request_t *sr)
{
    ngx_meshkit_upstream_t    *upstream;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);
    if (s == NULL) {
        return NULL;
    }

    for (upstream = s->upstreams; upstream != NULL; upstream = upstream->next) {
        if (upstream->request == sr) {
            return upstream;
        }
    }

    return NULL;
}


static ngx_meshkit_upstream_t *
ngx_meshkit_upstream_add(ngx_http_request_t *sr)
{
    ngx_meshkit_upstream_t    *upstream;
    ngx_meshkit_subrequest_t  *s;

    upstream = ngx_meshkit_upstream_get(sr);
    if (upstream != NULL) {
        return upstream;
    }

    s = ngx_meshkit_subrequest_get(sr);

    upstream = ngx_pcalloc(s->pool, sizeof(ngx_meshkit_upstream_t));
    if (upstream == NULL) {
        return NULL;
    }

    upstream->request = sr;
    upstream->next = s->upstreams;
    s->upstreams = upstream;

    return upstream;
}


/* Each piece of a request on its way to a server, the next one's too. */
static ngx_int_t
ngx_meshkit_upstream_output(void *data, ngx_chain_t *in)
{
    ngx_meshkit_upstream_t  *upstream = data;

#if (NGX_SSL)

    ngx_connection_t  *c;

    c = upstream->request->upstream->peer.connection;

    if (c != NULL && c->ssl != NULL) {
        c->ssl->buffer = 0;
    }

#endif

    return upstream->output_filter(upstream->output_ctx, in);
}


/* The request is created and not sent: no buffer, and few early hints. */
static ngx_int_t
ngx_meshkit_upstream_change(ngx_http_request_t *sr)
{
    ngx_http_upstream_t     *u;
    ngx_meshkit_upstream_t  *upstream;

    u = sr->upstream;

    if (u->output.output_filter == ngx_meshkit_upstream_output) {
        return NGX_OK;
    }

    upstream = ngx_meshkit_upstream_add(sr);
    if (upstream == NULL) {
        return NGX_ERROR;
    }

    if (u->output.output_filter == NULL) {

        /* nginx would set it in a moment; most modules leave it to nginx */

        u->output.output_filter = ngx_chain_writer;
        u->output.filter_ctx = &u->writer;
    }

    upstream->output_filter = u->output.output_filter;
    upstream->output_ctx = u->output.filter_ctx;

    u->output.output_filter = ngx_meshkit_upstream_output;
    u->output.filter_ctx = upstream;

    ngx_meshkit_hints_wrap(upstream);

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_upstream_create_request(ngx_http_request_t *sr)
{
    ngx_int_t                rc;
    ngx_meshkit_upstream_t  *upstream;

    upstream = ngx_meshkit_upstream_get(sr);

    sr->upstream->create_request = upstream->create_request;

    rc = upstream->create_request(sr);

    return rc == NGX_OK ? ngx_meshkit_upstream_change(sr) : rc;
}


/* peer.init of every upstream, for requests of others too. */
static ngx_int_t
ngx_meshkit_upstream_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_uint_t                    i;
    ngx_meshkit_main_conf_t      *mmcf;
    ngx_meshkit_upstream_peer_t  *peer;

    mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);
    peer = mmcf->peers.elts;

    for (i = 0; i < mmcf->peers.nelts; i++) {

        if (peer[i].upstream != us) {
            continue;
        }

        if (ngx_meshkit_subrequest_get(r) != NULL
            && ngx_meshkit_upstream_change(r) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return peer[i].init(r, us);
    }

    ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                  "meshkit: the upstream \"%V\" was copied from another one",
                  &us->host);

    return NGX_ERROR;
}


/*
 * The location's own handler: proxy_pass and its kin, which make an upstream,
 * or one that responds by itself.  What goes to an address in a variable is
 * changed here, the rest was changed by peer.init.
 */
static ngx_int_t
ngx_meshkit_upstream_content_handler(ngx_http_request_t *sr)
{
    ngx_int_t                rc;
    ngx_http_upstream_t     *u;
    ngx_meshkit_upstream_t  *upstream, *parent;

    upstream = ngx_meshkit_upstream_get(sr);

    if (upstream == NULL) {

        /* nginx copied a request, with the handler that is here now */

        parent = ngx_meshkit_upstream_get(sr->parent);
        upstream = ngx_meshkit_upstream_add(sr);

        if (parent == NULL || upstream == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        upstream->content_handler = parent->content_handler;
    }

    rc = upstream->content_handler(sr);

    u = sr->upstream;

    if (rc != NGX_DONE || u == NULL) {
        return rc;
    }

    if (u->output.output_filter == NULL) {
        upstream->create_request = u->create_request;
        u->create_request = ngx_meshkit_upstream_create_request;

    } else {

        /* it has its record: no memory is taken */

        (void) ngx_meshkit_upstream_change(sr);
    }

    return rc;
}


/* In the last phase before the location's handler that subrequests have. */
static ngx_int_t
ngx_meshkit_upstream_handler(ngx_http_request_t *sr)
{
    ngx_meshkit_upstream_t    *upstream;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    if (s != NULL && s->stopped) {

        /* on its way here it waited for something, and now nobody wants it */

        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    if (s == NULL || sr->content_handler == NULL
        || sr->content_handler == ngx_meshkit_upstream_content_handler)
    {
        return NGX_DECLINED;
    }

    upstream = ngx_meshkit_upstream_add(sr);
    if (upstream == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    upstream->content_handler = sr->content_handler;
    sr->content_handler = ngx_meshkit_upstream_content_handler;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_upstream_wrap_peers(ngx_conf_t *cf)
{
    ngx_uint_t                      i;
    ngx_meshkit_main_conf_t        *mmcf;
    ngx_meshkit_upstream_peer_t    *peer;
    ngx_http_upstream_srv_conf_t  **uscf;
    ngx_http_upstream_main_conf_t  *umcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);
    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscf = umcf->upstreams.elts;

    if (ngx_array_init(&mmcf->peers, cf->pool, umcf->upstreams.nelts + 1,
                       sizeof(ngx_meshkit_upstream_peer_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if (uscf[i]->peer.init == NULL) {
            continue;
        }

        peer = ngx_array_push(&mmcf->peers);
        if (peer == NULL) {
            return NGX_ERROR;
        }

        peer->upstream = uscf[i];
        peer->init = uscf[i]->peer.init;
        uscf[i]->peer.init = ngx_meshkit_upstream_init_peer;
    }

    return NGX_OK;
}


ngx_int_t
ngx_meshkit_upstream_init(ngx_conf_t *cf)
{
    if (ngx_meshkit_module_add_handler(cf, NGX_HTTP_PRECONTENT_PHASE,
                                       ngx_meshkit_upstream_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_meshkit_upstream_wrap_peers(cf);
}
