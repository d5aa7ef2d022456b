/*
 * ngx_meshkit_memory_conf: meshkit_max_memory, and what nginx -t says of
 * servers where one client may hold many files open.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_memory.h"

#if (NGX_HTTP_V2 && nginx_version < 1025001)
#include <ngx_http_v2_module.h>
#endif


/* meshkit_max_memory <size>; */
char *
ngx_meshkit_memory_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_main_conf_t *mmcf = conf;

    char  *rv;

    rv = ngx_conf_set_off_slot(cf, cmd, conf);

    if (rv == NGX_CONF_OK && mmcf->max_memory != 0
        && mmcf->max_memory < NGX_MESHKIT_MEMORY_MIN)
    {
        return "is to be 0 or at least 8m";
    }

    return rv;
}


#if (NGX_HTTP_V2)


/* Modules that nginx may have been built without have no symbol then. */
static ngx_module_t *
ngx_meshkit_memory_find(ngx_conf_t *cf, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; cf->cycle->modules[i] != NULL; i++) {
        if (ngx_strcmp(cf->cycle->modules[i]->name, name) == 0) {
            return cf->cycle->modules[i];
        }
    }

    return NULL;
}


/* Its configuration is private, and begins with an array of the limits. */
static ngx_uint_t
ngx_meshkit_memory_has_limit(ngx_conf_t *cf, void **loc_conf)
{
    ngx_array_t   *limits;
    ngx_module_t  *module;

    module = ngx_meshkit_memory_find(cf, "ngx_http_limit_conn_module");

    if (module == NULL) {
        return 0;
    }

    limits = loc_conf[module->ctx_index];

    return limits != NULL && limits->elts != NULL && limits->nelts > 0;
}


/* By the parameter of "listen". */
static ngx_uint_t
ngx_meshkit_memory_listens(ngx_conf_t *cf, ngx_http_core_srv_conf_t *server)
{
    ngx_uint_t                   i, k, n;
    ngx_http_conf_port_t        *port;
    ngx_http_conf_addr_t        *addr;
    ngx_http_core_srv_conf_t   **servers;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return 0;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (k = 0; k < port[i].addrs.nelts; k++) {
            servers = addr[k].servers.elts;

            for (n = 0; n < addr[k].servers.nelts; n++) {
                if (servers[n] == server && addr[k].opt.http2) {
                    return 1;
                }
            }
        }
    }

    return 0;
}


/* Streams at a time of one connection to the server; 0: no HTTP/2. */
static ngx_uint_t
ngx_meshkit_memory_streams(ngx_conf_t *cf, ngx_http_core_srv_conf_t *server)
{
    ngx_module_t            *module;
    ngx_http_v2_srv_conf_t  *h2scf;

    module = ngx_meshkit_memory_find(cf, "ngx_http_v2_module");

    if (module == NULL) {
        return 0;
    }

    h2scf = server->ctx->srv_conf[module->ctx_index];

#if (nginx_version >= 1025001)

    if (h2scf->enable == 1) {
        return h2scf->concurrent_streams;
    }

#endif

    return ngx_meshkit_memory_listens(cf, server) ? h2scf->concurrent_streams
                                                  : 0;
}


void
ngx_meshkit_memory_warn(ngx_conf_t *cf)
{
    ngx_uint_t                     i, k, n;
    ngx_meshkit_main_conf_t       *mmcf;
    ngx_meshkit_locations_open_t  *open;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);
    open = mmcf->opens.elts;

    for (i = 0; i < mmcf->opens.nelts; i++) {

        open[i].warned = 0;
        n = ngx_meshkit_memory_streams(cf, open[i].server);

        if (n <= NGX_MESHKIT_MEMORY_STREAMS
            || ngx_meshkit_memory_has_limit(cf, open[i].loc_conf))
        {
            continue;
        }

        open[i].warned = 1;

        for (k = 0; k < i; k++) {
            if (open[k].warned && open[k].server == open[i].server) {
                break;
            }
        }

        if (k < i) {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"meshkit_open\": one HTTP/2 connection may hold %ui "
                      "files open, set \"limit_conn\", or "
                      "\"http2_max_concurrent_streams\" to at most %d in "
                      "%V:%ui", n, NGX_MESHKIT_MEMORY_STREAMS,
                      &open[i].conf->file, open[i].conf->line);
    }
}


#else


void
ngx_meshkit_memory_warn(ngx_conf_t *cf)
{
    /* void */
}


#endif
