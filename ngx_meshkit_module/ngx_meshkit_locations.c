/*
 * ngx_meshkit_locations: whether the services' locations are what they have
 * to be, as far as the configuration shows it.
 *
 * A service is named by its prefix, and nginx chooses the location by the
 * request's URI.  So for each service that a server opens shares with, the
 * URIs that it will be asked by are looked up as nginx does, in the trees
 * that it has made of the server's locations by then.
 */

#include "ngx_meshkit_conf.h"


/* with a byte behind the prefix and no known id in it */
static const char  *ngx_meshkit_locations_metadata[] = {
    "/v1/capsules/*", "/v1/vaults/*/members/*", "/v1/capabilities/*", NULL
};

static const char  *ngx_meshkit_locations_gateway[] = { "/ipfs/*", NULL };
static const char  *ngx_meshkit_locations_policy[] = { "", NULL };


/* A service of a server, and what is said of it. */
typedef struct {
    ngx_conf_t                *cf;
    ngx_http_core_loc_conf_t  *server;
    ngx_meshkit_service_t     *service;
    const char                *directive;
    const char               **paths;
    ngx_uint_t                 fresh;       /* no answer from memory */
} ngx_meshkit_locations_t;


/* --- which location ------------------------------------------------------- */


/*
 * The location of the longest name that the URI begins with; NULL for none.
 * A node's name is what follows the names of those above it.
 */
static ngx_http_core_loc_conf_t *
ngx_meshkit_locations_find(ngx_http_location_tree_node_t *node,
    const ngx_str_t *uri)
{
    size_t                     len, n;
    u_char                    *p;
    ngx_int_t                  rc;
    ngx_http_core_loc_conf_t  *found;

    found = NULL;
    p = uri->data;
    len = uri->len;

    while (node != NULL) {

        n = ngx_min(len, (size_t) node->len);
        rc = ngx_filename_cmp(p, node->name, n);

        if (rc != 0) {
            node = rc < 0 ? node->left : node->right;

        } else if (len < (size_t) node->len) {
            node = node->left;

        } else if (len == (size_t) node->len) {
            return node->exact != NULL ? node->exact : node->inclusive;

        } else if (node->inclusive == NULL) {
            node = node->right;

        } else {
            found = node->inclusive;
            p += n;
            len -= n;
            node = node->tree;
        }
    }

    return found;
}


#if (NGX_PCRE)

/*
 * 1 where the expression cannot fit: it has a beginning, that the URI has
 * not, and no second one.
 */
static ngx_uint_t
ngx_meshkit_locations_is_other(const ngx_str_t *regex, const ngx_str_t *uri)
{
    size_t  i;
    u_char  c, next;

    if (regex->len == 0 || regex->data[0] != '^'
        || ngx_strlchr(regex->data, regex->data + regex->len, '|') != NULL)
    {
        return 0;
    }

    for (i = 1; i < regex->len && i <= uri->len; i++) {
        c = regex->data[i];
        next = i + 1 < regex->len ? regex->data[i + 1] : '\0';

        if (ngx_strchr("\\^$.[]()*+?{}", c) != NULL
            || (next != '\0' && ngx_strchr("*?{", next) != NULL))
        {
            return 0;
        }

        if (ngx_tolower(c) != ngx_tolower(uri->data[i - 1])) {
            return 1;
        }
    }

    return 0;
}

#endif


/*
 * The location that serves the URI: the one of the longest name, or one
 * within it.  *regex is a regular expression that might come before it.
 */
static ngx_http_core_loc_conf_t *
ngx_meshkit_locations_serving(ngx_http_core_loc_conf_t *level,
    const ngx_str_t *uri, ngx_http_core_loc_conf_t **regex)
{
    ngx_http_core_loc_conf_t  *clcf, *found;
#if (NGX_PCRE)
    ngx_uint_t                 noregex;
    ngx_http_core_loc_conf_t **p;
#endif

    found = NULL;

    for (;;) {
        clcf = ngx_meshkit_locations_find(level->static_locations, uri);

#if (NGX_PCRE)
        noregex = clcf != NULL && (clcf->noregex || clcf->exact_match);

        for (p = level->regex_locations;
             p != NULL && *p != NULL && !noregex && *regex == NULL;
             p++)
        {
            if (!ngx_meshkit_locations_is_other(&(*p)->name, uri)) {
                *regex = *p;
            }
        }
#endif

        if (clcf == NULL) {
            return found;
        }

        found = clcf;
        level = clcf;
    }
}


/* --- what it has to be ---------------------------------------------------- */


static void
ngx_meshkit_locations_say(const ngx_meshkit_locations_t *l, ngx_uint_t level,
    const char *fmt, const ngx_str_t *name)
{
    u_char  *last, text[NGX_MAX_CONF_ERRSTR];

    last = ngx_snprintf(text, sizeof(text), fmt, name);

    ngx_log_error(level, l->cf->log, 0, "\"%s %V\": %*s in %V:%ui",
                  l->directive, &l->service->prefix, (size_t) (last - text),
                  text, &l->service->file, l->service->line);
}


/* One location of the service. */
static ngx_int_t
ngx_meshkit_locations_check(const ngx_meshkit_locations_t *l,
    ngx_http_core_loc_conf_t *clcf)
{
    if (clcf->aio != NGX_HTTP_AIO_OFF) {
        ngx_meshkit_locations_say(l, NGX_LOG_EMERG,
            "\"aio\" does not work in its location \"%V\", set \"aio off;\" "
            "there", &clcf->name);
        return NGX_ERROR;
    }

    if (l->fresh && clcf->open_file_cache != NULL && clcf->handler == NULL) {
        ngx_meshkit_locations_say(l, NGX_LOG_WARN,
            "files from the \"open_file_cache\" of its location \"%V\" are "
            "refused, set \"open_file_cache off;\" there", &clcf->name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_locations_uri(const ngx_meshkit_locations_t *l, const char *path,
    ngx_str_t *uri)
{
    u_char  *p;

    uri->len = l->service->prefix.len + ngx_strlen(path);

    uri->data = ngx_pnalloc(l->cf->temp_pool, uri->len + 1);
    if (uri->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(uri->data, l->service->prefix.data,
                   l->service->prefix.len);
    (void) ngx_cpystrn(p, (u_char *) path, ngx_strlen(path) + 1);

    return NGX_OK;
}


/* Warnings are once for each service, whichever of its URIs they are for. */
static ngx_int_t
ngx_meshkit_locations_service(ngx_meshkit_locations_t *l)
{
    ngx_str_t                  uri;
    const char               **path;
    ngx_http_core_loc_conf_t  *clcf, *seen, *regex;

    if (l->service == NULL || l->service->server == l->server) {
        return NGX_OK;
    }

    l->service->server = l->server;
    seen = NULL;
    regex = NULL;

    for (path = l->paths; *path != NULL; path++) {

        if (ngx_meshkit_locations_uri(l, *path, &uri) != NGX_OK) {
            return NGX_ERROR;
        }

        clcf = ngx_meshkit_locations_serving(l->server, &uri, &regex);

        if (clcf == NULL
            || (!clcf->internal && clcf->name.len < l->service->prefix.len))
        {
            ngx_meshkit_locations_say(l, NGX_LOG_WARN,
                l->paths == ngx_meshkit_locations_policy
                ? "no location serves it, add "
                  "\"location = %V { internal; ... }\""
                : "no location serves it, add "
                  "\"location ^~ %V/ { internal; ... }\"",
                &l->service->prefix);
            return NGX_OK;
        }

        if (!clcf->internal) {
            ngx_meshkit_locations_say(l, NGX_LOG_WARN,
                "its location \"%V\" is not \"internal\"", &clcf->name);
            return NGX_OK;
        }

        if (clcf != seen
            && ngx_meshkit_locations_check(l, clcf) != NGX_OK)
        {
            return NGX_ERROR;
        }

        seen = clcf;
    }

    if (regex != NULL) {
        ngx_meshkit_locations_say(l, NGX_LOG_WARN,
            "the regular expression \"%V\" may come before its location, "
            "which has no \"^~\"", &regex->name);
    }

    return NGX_OK;
}


/* --- each location that opens shares -------------------------------------- */


static ngx_int_t
ngx_meshkit_locations_services(ngx_meshkit_locations_t *l,
    const ngx_meshkit_loc_conf_t *mlcf)
{
    ngx_uint_t              i;
    ngx_meshkit_service_t  *gateways;

    l->service = mlcf->metadata;
    l->directive = "meshkit_metadata";
    l->paths = ngx_meshkit_locations_metadata;
    l->fresh = 1;

    if (ngx_meshkit_locations_service(l) != NGX_OK) {
        return NGX_ERROR;
    }

    l->service = mlcf->policy;
    l->directive = "meshkit_policy";
    l->paths = ngx_meshkit_locations_policy;

    if (ngx_meshkit_locations_service(l) != NGX_OK) {
        return NGX_ERROR;
    }

    gateways = mlcf->gateways->elts;
    l->directive = "meshkit_gateway";
    l->paths = ngx_meshkit_locations_gateway;
    l->fresh = 0;

    for (i = 0; i < mlcf->gateways->nelts; i++) {
        l->service = &gateways[i];

        if (ngx_meshkit_locations_service(l) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_meshkit_locations_add(ngx_conf_t *cf, const ngx_meshkit_loc_conf_t *mlcf)
{
    ngx_meshkit_main_conf_t       *mmcf;
    ngx_meshkit_locations_open_t  *open;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);

    if (mmcf->opens.elts == NULL
        && ngx_array_init(&mmcf->opens, cf->temp_pool, 16,
                          sizeof(ngx_meshkit_locations_open_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    open = ngx_array_push(&mmcf->opens);
    if (open == NULL) {
        return NGX_ERROR;
    }

    open->conf = mlcf;
    open->server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    open->loc_conf = ((ngx_http_conf_ctx_t *) cf->ctx)->loc_conf;

    return NGX_OK;
}


ngx_int_t
ngx_meshkit_locations_init(ngx_conf_t *cf)
{
    ngx_uint_t                     i;
    ngx_meshkit_main_conf_t       *mmcf;
    ngx_meshkit_locations_t        l;
    ngx_meshkit_locations_open_t  *open;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);
    open = mmcf->opens.elts;

    for (i = 0; i < mmcf->opens.nelts; i++) {
        l.cf = cf;
        l.server = open[i].server->ctx->loc_conf[
                                             ngx_http_core_module.ctx_index];

        if (ngx_meshkit_locations_services(&l, open[i].conf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* of the pool that goes with the configuration's reading */

    ngx_memzero(&mmcf->opens, sizeof(ngx_array_t));

    return NGX_OK;
}
