/*
 * ngx_meshkit_cache: what nginx's cache has of an answer.
 */

#include "ngx_meshkit_subrequest.h"


#if (NGX_HTTP_CACHE)


/*
 * The file that the response was read from, or became; 0: it is in no cache.
 * nginx keeps the temporary file's descriptor when it has renamed it.
 */
static ngx_file_uniq_t
ngx_meshkit_cache_uniq(const ngx_meshkit_subrequest_t *s)
{
    ngx_file_info_t       fi;
    ngx_event_pipe_t     *p;
    ngx_http_upstream_t  *u;

    u = s->request->upstream;
    p = u->pipe;

    if (s->cached) {
        return s->request->cache->uniq;
    }

    if (!s->request->cache->updated || p == NULL || p->temp_file == NULL
        || p->temp_file->file.fd == NGX_INVALID_FILE
        || ngx_fd_info(p->temp_file->file.fd, &fi) == NGX_FILE_ERROR)
    {
        return 0;
    }

    return ngx_file_uniq(&fi);
}


/* With the zone locked.  The cache's manager may have removed it meanwhile. */
static ngx_http_file_cache_node_t *
ngx_meshkit_cache_find(ngx_http_file_cache_t *cache, const u_char *key)
{
    ngx_int_t                    rc;
    ngx_rbtree_key_t             node_key;
    ngx_rbtree_node_t           *node;
    ngx_http_file_cache_node_t  *fcn;

    ngx_memcpy(&node_key, key, sizeof(ngx_rbtree_key_t));

    node = cache->sh->rbtree.root;

    while (node != cache->sh->rbtree.sentinel) {

        if (node_key == node->key) {
            fcn = (ngx_http_file_cache_node_t *) node;

            rc = ngx_memcmp(&key[sizeof(ngx_rbtree_key_t)], fcn->key,
                            NGX_HTTP_CACHE_KEY_LEN - sizeof(ngx_rbtree_key_t));
            if (rc == 0) {
                return fcn;
            }

        } else {
            rc = node_key < node->key ? -1 : 1;
        }

        node = rc < 0 ? node->left : node->right;
    }

    return NULL;
}


/*
 * Takes the file out of the account that nginx keeps; NGX_DECLINED if it is
 * another request's by now, or the cache's manager is deleting it.  A node
 * that was read from the disk at the start does not know its file.
 */
static ngx_int_t
ngx_meshkit_cache_account(const ngx_meshkit_subrequest_t *s,
    ngx_file_uniq_t uniq)
{
    ngx_int_t                    rc;
    ngx_http_cache_t            *c;
    ngx_http_file_cache_t       *cache;
    ngx_http_file_cache_node_t  *fcn;

    rc = NGX_DECLINED;
    c = s->request->cache;
    cache = c->file_cache;

    ngx_shmtx_lock(&cache->shpool->mutex);

    fcn = ngx_meshkit_cache_find(cache, c->key);

    if (fcn != NULL && fcn->exists && !fcn->deleting
        && (fcn->uniq == uniq || (fcn->uniq == 0 && s->cached)))
    {
        cache->sh->size -= fcn->fs_size;

        fcn->fs_size = 0;
        fcn->exists = 0;
        fcn->uniq = 0;
        fcn->body_start = 0;

        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&cache->shpool->mutex);

    return rc;
}

#endif


/*
 * As the cache's manager would do it: one that finds a file gone that is in
 * its account says so at level crit, and a gateway could cause that.
 */
void
ngx_meshkit_cache_forget(ngx_meshkit_subrequest_t *s)
{
#if (NGX_HTTP_CACHE)

    u_char            *name;
    ngx_file_info_t    fi;
    ngx_file_uniq_t    uniq;
    ngx_http_cache_t  *c;

    c = s->request->cache;

    if (c == NULL || s->request->upstream == NULL || c->file.name.len == 0) {
        return;
    }

    uniq = ngx_meshkit_cache_uniq(s);

    if (uniq == 0 || ngx_meshkit_cache_account(s, uniq) != NGX_OK) {
        return;
    }

    name = c->file.name.data;

    if (ngx_file_info(name, &fi) == NGX_FILE_ERROR
        || ngx_file_uniq(&fi) != uniq)
    {
        /* another request's response has replaced it */

        return;
    }

    if (ngx_delete_file(name) == NGX_FILE_ERROR && ngx_errno != NGX_ENOENT) {
        ngx_log_error(NGX_LOG_ERR, s->request->connection->log, ngx_errno,
                      ngx_delete_file_n " \"%s\" failed", name);
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


/*
 * nginx caches by the request's method, and has no other switch for a single
 * request: one with a method that it does not know goes past the cache, which
 * is neither looked up nor filled.  The service is sent the method's name,
 * which stays.  In the last phase before the location's handler.
 */
static ngx_int_t
ngx_meshkit_cache_pass_by(ngx_http_request_t *sr)
{
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);

    if (s != NULL && sr == s->request && s->past
        && sr->content_handler != NULL)
    {
        sr->method = NGX_HTTP_UNKNOWN;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_meshkit_cache_init(ngx_conf_t *cf)
{
    return ngx_meshkit_module_add_handler(cf, NGX_HTTP_PRECONTENT_PHASE,
                                          ngx_meshkit_cache_pass_by);
}
