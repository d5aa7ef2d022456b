/*
 * ngx_meshkit_pool: the memory that a subrequest has for itself.
 */

#include "ngx_meshkit_pool.h"

#include <malloc.h>


ngx_uint_t
ngx_meshkit_pool_has(const ngx_pool_t *pool, const void *address)
{
    const u_char            *a = address;

    const u_char            *start;
    const ngx_pool_t        *p;
    const ngx_pool_large_t  *l;

    for (p = pool; p != NULL; p = p->d.next) {
        if (a >= (const u_char *) p && a < p->d.end) {
            return 1;
        }
    }

    for (l = pool->large; l != NULL; l = l->next) {
        start = l->alloc;

        if (start != NULL && a >= start
            && a < start + malloc_usable_size(l->alloc))
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_meshkit_pool_is_awaited(const ngx_http_request_t *main,
    const ngx_pool_t *pool)
{
    const ngx_http_request_t   *active;
    ngx_http_posted_request_t  *pr;

    active = main->connection->data;

    if (active->pool == pool) {
        return 1;
    }

    for (pr = main->posted_requests; pr != NULL; pr = pr->next) {
        if (pr->request->pool == pool) {
            return 1;
        }
    }

    return 0;
}


/*
 * A handler may change the list, so each search begins at its head.  Those
 * that were run by others are taken out as well: nginx's upstreams leave one
 * each, and the list would grow with every block.
 */
void
ngx_meshkit_pool_clean_up(ngx_http_request_t *main, const ngx_pool_t *pool)
{
    ngx_http_cleanup_t     *cln, **next;
    ngx_http_cleanup_pt     handler;

    next = &main->cleanup;

    while (*next != NULL) {
        cln = *next;

        if (cln->data == NULL || !ngx_meshkit_pool_has(pool, cln->data)) {
            next = &cln->next;
            continue;
        }

        *next = cln->next;

        handler = cln->handler;
        cln->handler = NULL;

        if (handler != NULL) {
            handler(cln->data);
            next = &main->cleanup;
        }
    }
}


/*
 * In the pool's own blocks and beside them; how long those are only the
 * allocator knows.
 */
void
ngx_meshkit_pool_destroy(ngx_pool_t *pool)
{
    u_char              *start;
    ngx_pool_t          *p;
    ngx_pool_large_t    *l;
    ngx_pool_cleanup_t  *cln;

    for (cln = pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler != NULL) {
            cln->handler(cln->data);
        }
    }

    pool->cleanup = NULL;

    for (l = pool->large; l != NULL; l = l->next) {
        if (l->alloc != NULL) {
            ngx_explicit_memzero(l->alloc, malloc_usable_size(l->alloc));
            ngx_free(l->alloc);
        }
    }

    pool->large = NULL;

    for (p = pool; p != NULL; p = p->d.next) {
        start = (u_char *) p + (p == pool ? sizeof(ngx_pool_t)
                                          : sizeof(ngx_pool_data_t));

        ngx_explicit_memzero(start, p->d.last - start);
    }

    ngx_destroy_pool(pool);
}
