/*
 * ngx_meshkit_counters: the zone, and what is counted of opens.
 */

#include "ngx_meshkit_health.h"


static ngx_int_t ngx_meshkit_counters_init_zone(ngx_shm_zone_t *zone,
    void *data);


ngx_int_t
ngx_meshkit_counters_add_zone(ngx_conf_t *cf)
{
    static ngx_str_t          name = ngx_string("ngx_meshkit_counters");

    ngx_shm_zone_t           *zone;
    ngx_meshkit_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);

    zone = ngx_shared_memory_add(cf, &name, NGX_MESHKIT_COUNTERS_SIZE,
                                 &ngx_meshkit_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_meshkit_counters_init_zone;
    zone->data = mmcf;

    return NGX_OK;
}


static ngx_meshkit_counted_gateway_t *
ngx_meshkit_counters_find(ngx_meshkit_counters_t *counters,
    const ngx_str_t *server, const ngx_str_t *prefix)
{
    ngx_queue_t                    *q;
    ngx_meshkit_counted_gateway_t  *g;

    for (q = ngx_queue_head(&counters->gateways);
         q != ngx_queue_sentinel(&counters->gateways);
         q = ngx_queue_next(q))
    {
        g = ngx_queue_data(q, ngx_meshkit_counted_gateway_t, queue);

        if (g->server_len == server->len && g->prefix_len == prefix->len
            && ngx_memcmp(g->name, server->data, server->len) == 0
            && ngx_memcmp(g->name + server->len, prefix->data, prefix->len)
               == 0)
        {
            return g;
        }
    }

    return NULL;
}


/* Gives a gateway what earlier configurations counted of it, or new ones. */
static void
ngx_meshkit_counters_attach(ngx_shm_zone_t *zone,
    ngx_meshkit_counters_t *counters, ngx_meshkit_health_t *health)
{
    u_char                         *p;
    ngx_str_t                       server, prefix;
    ngx_meshkit_counted_gateway_t  *g;

    ngx_meshkit_health_name(health, &server, &prefix);

    g = ngx_meshkit_counters_find(counters, &server, &prefix);

    if (g == NULL) {
        g = ngx_slab_calloc((ngx_slab_pool_t *) zone->shm.addr,
                            offsetof(ngx_meshkit_counted_gateway_t, name)
                            + server.len + prefix.len);

        if (g == NULL) {
            ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                          "meshkit: too many gateways, \"%V\" is not counted",
                          &prefix);
            return;
        }

        g->server_len = server.len;
        g->prefix_len = prefix.len;

        p = ngx_cpymem(g->name, server.data, server.len);
        ngx_memcpy(p, prefix.data, prefix.len);

        ngx_queue_insert_tail(&counters->gateways, &g->queue);
    }

    ngx_meshkit_health_count_in(health, g);
}


/*
 * In the master, with each configuration.  Workers of the one before go on
 * counting in the same memory; what is there is never moved or freed.
 */
static ngx_int_t
ngx_meshkit_counters_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_uint_t                i;
    ngx_slab_pool_t          *pool;
    ngx_meshkit_health_t    **gateways;
    ngx_meshkit_main_conf_t  *mmcf;

    mmcf = zone->data;
    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data == NULL && !zone->shm.exists) {

        pool->log_nomem = 0;

        pool->data = ngx_slab_calloc(pool, sizeof(ngx_meshkit_counters_t));
        if (pool->data == NULL) {
            return NGX_ERROR;
        }

        ngx_queue_init(&((ngx_meshkit_counters_t *) pool->data)->gateways);
    }

    mmcf->counters = pool->data;
    gateways = mmcf->gateways.elts;

    for (i = 0; i < mmcf->gateways.nelts; i++) {
        ngx_meshkit_counters_attach(zone, mmcf->counters, gateways[i]);
    }

    return NGX_OK;
}


ngx_meshkit_counters_t *
ngx_meshkit_counters_get(ngx_http_request_t *r)
{
    ngx_meshkit_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);

    return mmcf->counters;
}


void
ngx_meshkit_counters_end(ngx_meshkit_open_t *open)
{
    ngx_meshkit_counters_t  *counters;

    counters = ngx_meshkit_counters_get(open->request);

    if (open->shutdown) {
        ngx_meshkit_count(counters->shutdown, 1);
        return;
    }

    if (open->client_gone || !open->decided) {
        ngx_meshkit_count(counters->client_gone, 1);
        return;
    }

    ngx_meshkit_count(counters->outcomes[open->outcome], 1);

    if (open->begun && open->outcome != MK_OK) {
        ngx_meshkit_count(counters->aborted, 1);
    }
}


const char *
ngx_meshkit_counters_fault(ngx_meshkit_fault_kind_t kind)
{
    static const char  *names[NGX_MESHKIT_FAULTS] = {
        "no_answer",
        "timeout",
        "refused",
        "http_status",
        "truncated",
        "too_slow",
        "mismatch",
        "malformed"
    };

    return names[kind];
}
