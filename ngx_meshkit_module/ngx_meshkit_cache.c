/*
 * ngx_meshkit_cache: what nginx's cache has of an answer.
 */

#include "ngx_meshkit_subrequest.h"


void
ngx_meshkit_cache_forget(ngx_meshkit_subrequest_t *s)
{
#if (NGX_HTTP_CACHE)

    ngx_str_t  *name;

    if (s->request->cache == NULL) {
        return;
    }

    name = &s->request->cache->file.name;

    if (name->len > 0 && ngx_delete_file(name->data) == NGX_FILE_ERROR
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_ERR, s->request->connection->log, ngx_errno,
                      ngx_delete_file_n " \"%V\" failed", name);
    }

#endif
}


/*
 * A request that waits for another one to fill the cache holds the whole
 * connection back until that is over.
 */
void
ngx_meshkit_cache_unblock(ngx_http_request_t *sr)
{
#if (NGX_HTTP_CACHE)

    if (sr->cache != NULL && sr->cache->waiting) {
        sr->cache->waiting = 0;

        if (sr->cache->wait_event.timer_set) {
            ngx_del_timer(&sr->cache->wait_event);
        }

        sr->main->blocked--;
    }

#endif
}
