/*
 * ngx_meshkit_status: what the page's two forms have in common.
 */

#ifndef NGX_MESHKIT_STATUS_H
#define NGX_MESHKIT_STATUS_H

#include "ngx_meshkit_health.h"
#include "ngx_meshkit_heap.h"
#include "ngx_meshkit_pickup.h"


typedef struct {
    const char  *member;        /* of JSON */
    const char  *metric;        /* behind "nginx_meshkit_" */
    const char  *help;
    size_t       offset;        /* of an ngx_atomic_t */
} ngx_meshkit_status_counter_t;


typedef struct {
    ngx_meshkit_counted_gateway_t  *counted;
    ngx_str_t                       server;     /* both escaped */
    ngx_str_t                       prefix;
} ngx_meshkit_status_gateway_t;


typedef struct {
    const ngx_meshkit_counters_t   *counters;
    ngx_meshkit_heap_state_t        heap;       /* of this worker */
    ngx_array_t                     gateways;
    ngx_array_t                     denylists;  /* their names escaped */
    u_char                         *p;
    u_char                         *last;
} ngx_meshkit_status_page_t;


/* what there is of opens, of keys, of each gateway and denylist; NULL ends */
extern const ngx_meshkit_status_counter_t  ngx_meshkit_status_opens[];
extern const ngx_meshkit_status_counter_t  ngx_meshkit_status_heap[];
extern const ngx_meshkit_status_counter_t  ngx_meshkit_status_gateways[];
extern const ngx_meshkit_status_counter_t  ngx_meshkit_status_denylist[];


ngx_atomic_uint_t ngx_meshkit_status_value(const void *base, size_t offset);
void ngx_meshkit_status_print(ngx_meshkit_status_page_t *page,
    const char *fmt, ...);

/* ngx_meshkit_status_prometheus.c */
void ngx_meshkit_status_prometheus(ngx_meshkit_status_page_t *page);


#endif /* NGX_MESHKIT_STATUS_H */
