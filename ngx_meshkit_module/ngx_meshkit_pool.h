/*
 * ngx_meshkit_pool: the memory that a subrequest has for itself.
 *
 * It is given back long before the main request ends.  nginx and other modules
 * do not know that: what they leave at the main request on behalf of a
 * subrequest (cleanups, posted requests, subrequests of the subrequest) may
 * lie in this memory, or lead there.
 */

#ifndef NGX_MESHKIT_POOL_H
#define NGX_MESHKIT_POOL_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* 1 if the address lies in memory that was allocated from the pool */
ngx_uint_t ngx_meshkit_pool_has(const ngx_pool_t *pool, const void *address);

/*
 * 1 if nginx may still come back to a request that lives in the pool: it is
 * posted, or has the connection's events.
 */
ngx_uint_t ngx_meshkit_pool_is_awaited(const ngx_http_request_t *main,
    const ngx_pool_t *pool);

/*
 * Runs the cleanups that are registered at the main request with data of the
 * pool (ngx_http_cleanup_add), and takes them out of its list.
 */
void ngx_meshkit_pool_clean_up(ngx_http_request_t *main,
    const ngx_pool_t *pool);

/*
 * As ngx_destroy_pool, but what was allocated is wiped: requests, responses,
 * copies of the token that modules made.
 */
void ngx_meshkit_pool_destroy(ngx_pool_t *pool);


#endif /* NGX_MESHKIT_POOL_H */
