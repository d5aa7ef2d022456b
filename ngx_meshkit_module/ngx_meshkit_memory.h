/*
 * ngx_meshkit_memory: what the opens of a worker hold together, and the limit
 * of that, meshkit_max_memory.
 *
 * Memory is claimed before it is needed: what an open may come to hold as
 * long as its client does not read.  So one that has begun never fails for
 * want of it, and what is claimed is never more than the limit, but for what
 * claim says.  Read-ahead takes what is left, of half the limit.
 */

#ifndef NGX_MESHKIT_MEMORY_H
#define NGX_MESHKIT_MEMORY_H

#include "ngx_meshkit_fetch.h"


/*
 * bytes of an open besides blocks and segment: nginx's request, connection
 * and pools, the response of a service, the record
 */
#define NGX_MESHKIT_MEMORY_OPEN   (128 * 1024)

/* of a request to a service; of one that nginx responds to, output_buffers */
#define NGX_MESHKIT_MEMORY_REQUEST  (16 * 1024)
#define NGX_MESHKIT_MEMORY_FILE   (64 * 1024)

/* besides its block, what a CAR has in front of it; and how it is rounded */
#define NGX_MESHKIT_MEMORY_FRAME  (16 * 1024)

/* no lower meshkit_max_memory than what one open of any file may claim */
#define NGX_MESHKIT_MEMORY_MIN    (8 * 1024 * 1024)

/* streams of an HTTP/2 connection from which on limit_conn is advised */
#define NGX_MESHKIT_MEMORY_STREAMS  32

/* for the log */
#define NGX_MESHKIT_MEMORY_FULL   "meshkit_max_memory is reached"


/*
 * Claims what an open takes by itself; what it takes as it fetches, before
 * its key is unwrapped.  NGX_OK, or NGX_DECLINED: the open is decided.
 */
ngx_int_t ngx_meshkit_memory_begin(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_memory_admit(ngx_meshkit_open_t *open);

/* Claims what the open may hold from here on, as its blocks show it. */
void ngx_meshkit_memory_settle(ngx_meshkit_open_t *open);

/* The most bytes of memory for a response that is a block of the file. */
size_t ngx_meshkit_memory_bound(const ngx_meshkit_open_t *open);

/*
 * Claims that the memory for a block grows beyond what is claimed for it: only
 * a response that is not that block needs so much, or a file that no producer
 * wrote.  0 if that is above the limit.
 */
ngx_uint_t ngx_meshkit_memory_grow(ngx_meshkit_open_t *open, size_t from,
    size_t to);

/* Whether a further block may be read ahead. */
ngx_uint_t ngx_meshkit_memory_has_room(const ngx_meshkit_open_t *open);

/*
 * nginx's buffers of a response, which are the operator's choice and are not
 * refused; free: those of a subrequest that ends.
 */
void ngx_meshkit_memory_buffers(ngx_meshkit_subrequest_t *s);
void ngx_meshkit_memory_free(ngx_meshkit_subrequest_t *s);

/* The open is gone, with all that it held. */
void ngx_meshkit_memory_end(ngx_meshkit_open_t *open);

/* bytes, of this worker; a limit of 0 is none */
size_t ngx_meshkit_memory_held(void);
size_t ngx_meshkit_memory_limit(void);

/* for init_process: the limit, and where blocks are mapped (mk_pages) */
void ngx_meshkit_memory_start(ngx_cycle_t *cycle);


/*
 * ngx_meshkit_memory_conf.c: the setter; in postconfiguration, warns where one
 * client may hold many files open
 */
char *ngx_meshkit_memory_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void ngx_meshkit_memory_warn(ngx_conf_t *cf);


#endif /* NGX_MESHKIT_MEMORY_H */
