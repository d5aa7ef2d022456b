/*
 * ngx_meshkit_served: whether the service's location responded to a request,
 * and what did otherwise.
 */

#include "ngx_meshkit_subrequest.h"


/*
 * Why the location, which nginx has chosen, is not the service's; *name is
 * what is at fault.
 */
static const char *
ngx_meshkit_served_why(const ngx_meshkit_subrequest_t *s, ngx_str_t *name)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(s->request, ngx_http_core_module);

    *name = s->request->uri;

    if (name->len != s->uri.len
        || ngx_memcmp(name->data, s->uri.data, name->len) != 0)
    {
        return "the server rewrote it to";
    }

    *name = clcf->name;

#if (NGX_PCRE)

    if (clcf->regex != NULL) {
        return "nginx chose the regular expression";
    }

#endif

    return !clcf->internal ? "nginx chose, and it is not internal,"
           : clcf->aio != NGX_HTTP_AIO_OFF ? "nginx chose, and it has aio on,"
           : "nginx chose";
}


void
ngx_meshkit_served_look(ngx_meshkit_subrequest_t *s, ngx_int_t rc)
{
    ngx_str_t                  name;
    const char                *why;
    ngx_http_request_t        *sr;
    ngx_http_core_loc_conf_t  *clcf;

    sr = s->request;
    clcf = ngx_http_get_module_loc_conf(sr, ngx_http_core_module);

    if (s->unserved) {
        why = ngx_meshkit_served_why(s, &name);

        if (name.len == 0) {
            ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                          "meshkit: no internal location serves \"%V\"",
                          &s->uri);
        } else {
            ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                          "meshkit: no internal location serves \"%V\", "
                          "%s \"%V\"", &s->uri, why, &name);
        }

        s->status = 0;

    } else if (sr->upstream == NULL && !clcf->internal && !s->redirected) {

        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                      "meshkit: \"%V\" reached no location, \"return\", "
                      "\"rewrite\" or the like of the server responded with "
                      "status %ui", &s->uri,
                      s->header ? s->status : (ngx_uint_t) rc);

        s->unserved = 1;
        s->barred = 1;
        s->status = 0;
    }
}


/*
 * Before the header nothing of the response itself is held back: what the
 * connection waits for is a subrequest that is not waited for any more.
 */
void
ngx_meshkit_served_end(ngx_meshkit_open_t *open)
{
    ngx_event_t  *wev;

    wev = open->request->connection->write;

    if (open->begun || !wev->delayed) {
        return;
    }

    wev->delayed = 0;

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }
}


/* The last phase before the service, whichever it is; files are one too. */
static ngx_int_t
ngx_meshkit_served_handler(ngx_http_request_t *sr)
{
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    if (s != NULL && sr == s->request) {
        s->reached = 1;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_meshkit_served_init(ngx_conf_t *cf)
{
    return ngx_meshkit_module_add_handler(cf, NGX_HTTP_PRECONTENT_PHASE,
                                          ngx_meshkit_served_handler);
}
