/*
 * ngx_meshkit_stranger: subrequests that others make while a capsule is open.
 *
 * auth_request, mirror, slices, Lua, njs, the update of a cached response in
 * the background: of a client's request, or of a subrequest of ours, in whose
 * memory they then are.  nginx has no list of them, but counts all; most can be
 * seen as they go through the phases.
 */

#ifndef NGX_MESHKIT_STRANGER_H
#define NGX_MESHKIT_STRANGER_H

#include "ngx_meshkit_subrequest.h"


/* 1 if the memory of the subrequest is, or may be, in use by one of them */
ngx_uint_t ngx_meshkit_stranger_is_in(const ngx_meshkit_subrequest_t *s);

/* From the body filter: nginx is to end it when its last bytes are there. */
void ngx_meshkit_stranger_sent(ngx_http_request_t *sr, const ngx_chain_t *in);

ngx_int_t ngx_meshkit_stranger_init(ngx_conf_t *cf);


#endif /* NGX_MESHKIT_STRANGER_H */
