/*
 * ngx_meshkit_heap: mk_heap's regions, and which opens have room in them.
 *
 * Each worker has its own: it inherits the keys of the configuration and
 * adds those of its opens.
 */

#ifndef NGX_MESHKIT_HEAP_H
#define NGX_MESHKIT_HEAP_H

#include "ngx_meshkit_counters.h"


/* of this process; in the place of ngx_atomic_t, for ngx_meshkit_status */
typedef struct {
    ngx_atomic_uint_t  size;        /* bytes */
    ngx_atomic_uint_t  used;        /* bytes of them */
    ngx_atomic_uint_t  opens;       /* that have room */
    ngx_atomic_uint_t  max_opens;
} ngx_meshkit_heap_state_t;


/* as the configuration is read, before a key is */
ngx_int_t ngx_meshkit_heap_init(ngx_conf_t *cf);

/* in the master: says what a configuration that is complete takes */
void ngx_meshkit_heap_report(ngx_cycle_t *cycle);

/* in a process that has inherited keys */
void ngx_meshkit_heap_start(ngx_cycle_t *cycle);

/*
 * Keeps room for the keys of an open to its end.  NGX_OK; or NGX_DECLINED, and
 * then the open is decided.
 */
ngx_int_t ngx_meshkit_heap_admit(ngx_meshkit_open_t *open);

/* whoever takes long to read of a refusal needs no room for keys */
void ngx_meshkit_heap_refused(ngx_meshkit_open_t *open);

void ngx_meshkit_heap_state(ngx_meshkit_heap_state_t *state);


#endif /* NGX_MESHKIT_HEAP_H */
