/*
 * ngx_meshkit_health: what a worker remembers of the gateways, and counts.
 *
 * One record for each gateway's location. It is made with the configuration
 * and is each worker's own after the fork; new workers begin anew. A gateway
 * that failed is asked last until its time is over: 1 s, doubled with each
 * failure in a row up to 64 s, or what it said itself by Retry-After, or what
 * the wait for it cost.  No byte depends on what stands here, but how soon an
 * honest gateway is reached does.  What is counted is shared.
 */

#ifndef NGX_MESHKIT_HEALTH_H
#define NGX_MESHKIT_HEALTH_H

#include "ngx_meshkit_counters.h"


/* the longest time that a gateway is asked last, in seconds */
#define NGX_MESHKIT_COOL_DOWN_MAX    64
#define NGX_MESHKIT_RETRY_AFTER_MAX  300

/* the shortest time for one that was waited for in vain, in seconds */
#define NGX_MESHKIT_SLOW_REST        20

/* how long a gateway that does not speak CAR is asked for blocks, in seconds */
#define NGX_MESHKIT_NO_CAR           600


/* at configuration time: the record of a gateway's location */
ngx_int_t ngx_meshkit_health_add(ngx_conf_t *cf, const ngx_str_t *prefix,
    ngx_meshkit_health_t **health);

/* it failed; retry_after is what it asked for in seconds, 0: nothing */
void ngx_meshkit_health_fail(ngx_meshkit_health_t *health,
    ngx_uint_t retry_after);

/* it took part in an open without a fault */
void ngx_meshkit_health_good(ngx_meshkit_health_t *health);

/* for the counters: it is asked, gave a block, is at fault (bytes of that) */
void ngx_meshkit_health_asked(ngx_meshkit_health_t *health);
void ngx_meshkit_health_gave(ngx_meshkit_health_t *health, size_t bytes);
void ngx_meshkit_health_fault(ngx_meshkit_health_t *health,
    ngx_meshkit_fault_kind_t kind, uint64_t dropped);

/* it does not speak CAR */
void ngx_meshkit_health_no_car(ngx_meshkit_health_t *health);

/* 1 while it is to be asked last; 1 while no CAR is to be asked for */
ngx_uint_t ngx_meshkit_health_is_cooling(const ngx_meshkit_health_t *health);
ngx_uint_t ngx_meshkit_health_lacks_car(const ngx_meshkit_health_t *health);

/*
 * The names that its counters belong to (borrowed), where they are (NULL: it
 * is not counted), and, before workers start, where they are to be.
 */
void ngx_meshkit_health_name(const ngx_meshkit_health_t *health,
    ngx_str_t *server, ngx_str_t *prefix);
ngx_meshkit_counted_gateway_t *ngx_meshkit_health_counted(
    const ngx_meshkit_health_t *health);
void ngx_meshkit_health_count_in(ngx_meshkit_health_t *health,
    ngx_meshkit_counted_gateway_t *counted);


#endif /* NGX_MESHKIT_HEALTH_H */
