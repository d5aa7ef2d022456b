/*
 * ngx_meshkit_upstream: what is changed in nginx's request to a service.
 *
 * One record for each request with an upstream that runs in a subrequest's
 * pool: the subrequest's own, and those that nginx makes of it (the update of
 * a cached response in the background, auth_request, mirror, slices), which
 * carry the same token.
 */

#ifndef NGX_MESHKIT_UPSTREAM_H
#define NGX_MESHKIT_UPSTREAM_H

#include "ngx_meshkit_subrequest.h"


struct ngx_meshkit_upstream_s {
    ngx_meshkit_upstream_t  *next;              /* in s->upstreams */
    ngx_http_request_t      *request;
    ngx_http_handler_pt      content_handler;   /* of the location */
    ngx_int_t              (*create_request)(ngx_http_request_t *sr);
    ngx_output_chain_filter_pt  output_filter;
    void                    *output_ctx;
    ngx_int_t              (*process_header)(ngx_http_request_t *sr);
    ngx_int_t              (*reinit_request)(ngx_http_request_t *sr);
    ngx_uint_t               hints;             /* "103 Early Hints" so far */
};


/* the record of a request; NULL if it has none */
ngx_meshkit_upstream_t *ngx_meshkit_upstream_get(ngx_http_request_t *sr);


#endif /* NGX_MESHKIT_UPSTREAM_H */
