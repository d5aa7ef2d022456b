/*
 * ngx_meshkit_health: failures in a row, until when a gateway rests, counts.
 */

#include "ngx_meshkit_health.h"


struct ngx_meshkit_health_s {
    ngx_str_t                       prefix;
    ngx_http_core_srv_conf_t       *server;     /* that the location is in */
    ngx_meshkit_counted_gateway_t  *counted;    /* NULL: it is not */
    ngx_uint_t                      failures;   /* in a row; 0: it is well */
    ngx_msec_t                      until;      /* asked last, if not well */
    time_t                          no_car;     /* it is asked for blocks */
};


ngx_int_t
ngx_meshkit_health_add(ngx_conf_t *cf, const ngx_str_t *prefix,
    ngx_meshkit_health_t **health)
{
    ngx_http_core_srv_conf_t  *server;
    ngx_uint_t                 i;
    ngx_meshkit_health_t     **known;
    ngx_meshkit_main_conf_t   *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);
    known = mmcf->gateways.elts;
    server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    for (i = 0; i < mmcf->gateways.nelts; i++) {
        if (known[i]->server == server
            && known[i]->prefix.len == prefix->len
            && ngx_memcmp(known[i]->prefix.data, prefix->data, prefix->len)
               == 0)
        {
            *health = known[i];
            return NGX_OK;
        }
    }

    known = ngx_array_push(&mmcf->gateways);
    *health = ngx_pcalloc(cf->pool, sizeof(ngx_meshkit_health_t));

    if (known == NULL || *health == NULL) {
        return NGX_ERROR;
    }

    (*health)->prefix = *prefix;
    (*health)->server = server;
    *known = *health;

    return NGX_OK;
}


void
ngx_meshkit_health_fail(ngx_meshkit_health_t *health, ngx_uint_t retry_after)
{
    ngx_uint_t  rest;

    if (ngx_meshkit_health_is_cooling(health)) {

        /* one fault of the gateway is seen by all opens that go on */

        return;
    }

    rest = health->failures < 6 ? (ngx_uint_t) 1 << health->failures
                                : NGX_MESHKIT_COOL_DOWN_MAX;

    if (retry_after > rest) {
        rest = ngx_min(retry_after, NGX_MESHKIT_RETRY_AFTER_MAX);
    }

    if (health->counted != NULL) {
        ngx_meshkit_count(health->counted->rests, 1);
    }

    health->failures++;
    health->until = ngx_current_msec + rest * 1000;
}


void
ngx_meshkit_health_good(ngx_meshkit_health_t *health)
{
    if (health->counted != NULL) {
        ngx_meshkit_count(health->counted->opens, 1);
    }

    health->failures = 0;
}


void
ngx_meshkit_health_asked(ngx_meshkit_health_t *health)
{
    if (health->counted != NULL) {
        ngx_meshkit_count(health->counted->requests, 1);
    }
}


void
ngx_meshkit_health_gave(ngx_meshkit_health_t *health, size_t bytes)
{
    if (health->counted != NULL) {
        ngx_meshkit_count(health->counted->blocks, 1);
        ngx_meshkit_count(health->counted->bytes, bytes);
    }
}


void
ngx_meshkit_health_fault(ngx_meshkit_health_t *health,
    ngx_meshkit_fault_kind_t kind, uint64_t dropped)
{
    ngx_meshkit_counted_gateway_t  *counted;

    counted = health->counted;

    if (counted == NULL) {
        return;
    }

    ngx_meshkit_count(counted->faults[kind], 1);
    ngx_meshkit_count(counted->dropped, dropped);

    /* two words, and a reader may find one of an other worker's */

    counted->last_fault = kind + 1;
    counted->last_time = (ngx_atomic_uint_t) ngx_time();
}


void
ngx_meshkit_health_no_car(ngx_meshkit_health_t *health)
{
    health->no_car = ngx_time() + NGX_MESHKIT_NO_CAR;
}


ngx_uint_t
ngx_meshkit_health_is_cooling(const ngx_meshkit_health_t *health)
{
    return health->failures > 0
           && (ngx_msec_int_t) (health->until - ngx_current_msec) > 0;
}


ngx_uint_t
ngx_meshkit_health_lacks_car(const ngx_meshkit_health_t *health)
{
    return ngx_time() < health->no_car;
}


void
ngx_meshkit_health_name(const ngx_meshkit_health_t *health,
    ngx_str_t *server, ngx_str_t *prefix)
{
    *server = health->server->server_name;
    *prefix = health->prefix;
}


ngx_meshkit_counted_gateway_t *
ngx_meshkit_health_counted(const ngx_meshkit_health_t *health)
{
    return health->counted;
}


void
ngx_meshkit_health_count_in(ngx_meshkit_health_t *health,
    ngx_meshkit_counted_gateway_t *counted)
{
    health->counted = counted;
}
