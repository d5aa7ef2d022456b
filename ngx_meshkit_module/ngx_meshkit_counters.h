/*
 * ngx_meshkit_counters: what all workers have counted, in shared memory.
 *
 * Counters only grow, and nothing is decided by them.  They are kept over a
 * reload and begin anew with nginx; a gateway's belong to the name of its
 * server and to its prefix.  Each is one atomic addition; no lock is taken.
 */

#ifndef NGX_MESHKIT_COUNTERS_H
#define NGX_MESHKIT_COUNTERS_H

#include "ngx_meshkit_subrequest.h"


/* bytes of shared memory: room for some hundred gateways */
#define NGX_MESHKIT_COUNTERS_SIZE  (128 * 1024)


/* Why a gateway was left, or a block of it not taken. */
typedef enum {
    NGX_MESHKIT_NO_ANSWER = 0,  /* no connection, or no HTTP on it */
    NGX_MESHKIT_TIMEOUT,        /* no answer in time */
    NGX_MESHKIT_REFUSED,        /* a 4xx that is about the content */
    NGX_MESHKIT_HTTP_STATUS,    /* any other one than 200 */
    NGX_MESHKIT_TRUNCATED,      /* it began, and did not end well */
    NGX_MESHKIT_TOO_SLOW,       /* meshkit_min_rate */
    NGX_MESHKIT_MISMATCH,       /* bytes of another hash, or too many */
    NGX_MESHKIT_MALFORMED,      /* not what was asked for, or in that form */
    NGX_MESHKIT_FAULTS
} ngx_meshkit_fault_kind_t;


typedef struct {
    ngx_queue_t    queue;
    ngx_atomic_t   requests;    /* that it was sent */
    ngx_atomic_t   opens;       /* that it took part in without a fault */
    ngx_atomic_t   blocks;      /* verified ones */
    ngx_atomic_t   bytes;       /* in those */
    ngx_atomic_t   dropped;     /* bytes of answers with a fault, not used */
    ngx_atomic_t   rests;       /* times that it began to be asked last */
    ngx_atomic_t   faults[NGX_MESHKIT_FAULTS];
    ngx_atomic_t   last_fault;  /* 1 + ngx_meshkit_fault_kind_t; 0: none */
    ngx_atomic_t   last_time;   /* of that, in seconds since the epoch */
    size_t         server_len;
    size_t         prefix_len;
    u_char         name[1];     /* server, prefix */
} ngx_meshkit_counted_gateway_t;


struct ngx_meshkit_counters_s {
    ngx_atomic_t   outcomes[MK_STATUS_COUNT];
    ngx_atomic_t   client_gone;     /* before the outcome was sent */
    ngx_atomic_t   shutdown;        /* cut since their worker ended */
    ngx_atomic_t   aborted;         /* failures behind the header */
    ngx_atomic_t   plaintext;       /* bytes that went to clients */
    ngx_atomic_t   keys_refused;    /* opens without room for their keys */
    ngx_atomic_t   memory;          /* refused by meshkit_max_memory */
    ngx_atomic_t   local[NGX_MESHKIT_LOCALS];   /* failures of this server */
    ngx_queue_t    gateways;
};


#define ngx_meshkit_count(counter, n)                                         \
    (void) ngx_atomic_fetch_add(&(counter), n)


/* postconfiguration: the zone, which has its gateways before workers start */
ngx_int_t ngx_meshkit_counters_add_zone(ngx_conf_t *cf);

/* of the location's configuration; never NULL once it is in use */
ngx_meshkit_counters_t *ngx_meshkit_counters_get(ngx_http_request_t *r);

/* an open ended, whichever way */
void ngx_meshkit_counters_end(ngx_meshkit_open_t *open);

/* "no_answer", "timeout", ... */
const char *ngx_meshkit_counters_fault(ngx_meshkit_fault_kind_t kind);


#endif /* NGX_MESHKIT_COUNTERS_H */
