/*
 * ngx_meshkit_redact: which names are secret, and where that holds.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_redact.h"


/* besides those of meshkit_redact_headers */
static ngx_str_t  ngx_meshkit_redact_always[] = {
    ngx_string("Authorization"),
    ngx_string("Proxy-Authorization"),
    ngx_string("Cookie"),
    ngx_string("X-Meshkit-Capability"),
    ngx_null_string
};


/* --- names ---------------------------------------------------------------- */


static ngx_uint_t
ngx_meshkit_redact_is_name(const ngx_str_t *name)
{
    size_t  i;

    static const char  letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789-_.~";

    for (i = 0; i < name->len; i++) {
        if (ngx_strlchr((u_char *) letters,
                        (u_char *) letters + sizeof(letters) - 1,
                        name->data[i])
            == NULL)
        {
            return 0;
        }
    }

    return name->len > 0 && name->len <= NGX_MESHKIT_REDACT_NAME_MAX;
}


/* adds a name that is not there yet */
static ngx_int_t
ngx_meshkit_redact_push(ngx_array_t *names, const ngx_str_t *name)
{
    ngx_uint_t   i;
    mk_bytes_t  *known;

    known = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (known[i].len == name->len
            && ngx_strncasecmp((u_char *) known[i].data, name->data,
                               name->len)
               == 0)
        {
            return NGX_OK;
        }
    }

    known = ngx_array_push(names);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = ngx_meshkit_bytes(name);

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_redact_push_all(ngx_array_t *names, const ngx_array_t *others)
{
    ngx_str_t    name;
    ngx_uint_t   i;
    mk_bytes_t  *other;

    other = others->elts;

    for (i = 0; i < others->nelts; i++) {
        name.data = (u_char *) other[i].data;
        name.len = other[i].len;

        if (ngx_meshkit_redact_push(names, &name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static char *
ngx_meshkit_redact_names(ngx_conf_t *cf, ngx_array_t **names)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (*names == NGX_CONF_UNSET_PTR) {
        *names = ngx_array_create(cf->pool, 4, sizeof(mk_bytes_t));
        if (*names == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (!ngx_meshkit_redact_is_name(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not a name: 1 to %d of the "
                               "characters A-Z a-z 0-9 - _ . ~", &value[i],
                               NGX_MESHKIT_REDACT_NAME_MAX);
            return NGX_CONF_ERROR;
        }

        if (ngx_meshkit_redact_push(*names, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if ((*names)->nelts > NGX_MESHKIT_REDACT_NAMES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d names", NGX_MESHKIT_REDACT_NAMES);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* meshkit_redact_args <name> ...; */
char *
ngx_meshkit_redact_args(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_redact_conf_t *rscf = conf;

    return ngx_meshkit_redact_names(cf, &rscf->args);
}


/* meshkit_redact_headers <name> ...; */
char *
ngx_meshkit_redact_headers(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_redact_conf_t *rscf = conf;

    return ngx_meshkit_redact_names(cf, &rscf->headers);
}


/* --- create and merge ----------------------------------------------------- */


ngx_meshkit_redact_main_t *
ngx_meshkit_redact_create_main(ngx_conf_t *cf)
{
    ngx_meshkit_redact_main_t  *main;

    main = ngx_pcalloc(cf->pool, sizeof(ngx_meshkit_redact_main_t));

    if (main == NULL
        || ngx_array_init(&main->args, cf->pool, 8, sizeof(mk_bytes_t))
           != NGX_OK
        || ngx_array_init(&main->headers, cf->pool, 8, sizeof(mk_bytes_t))
           != NGX_OK
        || ngx_array_init(&main->tokens, cf->pool, 4, sizeof(mk_bytes_t))
           != NGX_OK
        || ngx_array_init(&main->logs, cf->pool, 4,
                          sizeof(ngx_meshkit_redact_log_t))
           != NGX_OK)
    {
        return NULL;
    }

    return main;
}


void *
ngx_meshkit_redact_create(ngx_conf_t *cf)
{
    ngx_meshkit_redact_conf_t  *rscf;

    rscf = ngx_pcalloc(cf->pool, sizeof(ngx_meshkit_redact_conf_t));
    if (rscf == NULL) {
        return NULL;
    }

    rscf->args = NGX_CONF_UNSET_PTR;
    rscf->headers = NGX_CONF_UNSET_PTR;
    rscf->error_log = NGX_CONF_UNSET;

    return rscf;
}


/* a server's own list, since its locations add to it */
static ngx_array_t *
ngx_meshkit_redact_copy(ngx_conf_t *cf, const ngx_array_t *names)
{
    ngx_array_t  *copy;

    copy = ngx_array_create(cf->pool, 8, sizeof(mk_bytes_t));

    if (copy == NULL
        || (names != NULL
            && ngx_meshkit_redact_push_all(copy, names) != NGX_OK))
    {
        return NULL;
    }

    return copy;
}


char *
ngx_meshkit_redact_merge(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_meshkit_redact_conf_t *prev = parent;
    ngx_meshkit_redact_conf_t *conf = child;

    ngx_str_t  *name;

    ngx_conf_merge_ptr_value(conf->args, prev->args, NULL);
    ngx_conf_merge_ptr_value(conf->headers, prev->headers, NULL);
    ngx_conf_merge_value(conf->error_log, prev->error_log, NGX_CONF_UNSET);

    conf->named = conf->args != NULL || conf->headers != NULL;
    conf->args = ngx_meshkit_redact_copy(cf, conf->args);
    conf->headers = ngx_meshkit_redact_copy(cf, conf->headers);

    if (conf->args == NULL || conf->headers == NULL) {
        return NGX_CONF_ERROR;
    }

    for (name = ngx_meshkit_redact_always; name->len > 0; name++) {
        if (ngx_meshkit_redact_push(conf->headers, name) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* --- what locations add --------------------------------------------------- */


static ngx_uint_t
ngx_meshkit_redact_is_of(const ngx_str_t *name, const char *prefix)
{
    size_t  len;

    len = ngx_strlen(prefix);

    return name->len > len && ngx_strncmp(name->data, prefix, len) == 0;
}


/*
 * A directive takes its token from a variable.  If that alone names an
 * argument, a header or a cookie, the name is secret from the first line on;
 * what comes of another expression is known once it has been evaluated.
 */
static ngx_int_t
ngx_meshkit_redact_source(ngx_meshkit_redact_conf_t *rscf,
    const ngx_http_complex_value_t *value)
{
    ngx_str_t     name;
    ngx_array_t  *names;

    if (value == NULL) {
        return NGX_OK;
    }

    name = value->value;

    if (ngx_meshkit_redact_is_of(&name, "$http_")) {
        names = rscf->headers;
        name.data += 6;
        name.len -= 6;

    } else if (ngx_meshkit_redact_is_of(&name, "$arg_")) {
        names = rscf->args;
        name.data += 5;
        name.len -= 5;

    } else {
        return NGX_OK;              /* cookies are secret anyway */
    }

    return ngx_meshkit_redact_is_name(&name)
           ? ngx_meshkit_redact_push(names, &name) : NGX_OK;
}


ngx_uint_t
ngx_meshkit_redact_is_named(const ngx_http_complex_value_t *value)
{
    ngx_str_t  name;

    if (value == NULL) {
        return 1;
    }

    name = value->value;

    if (ngx_meshkit_redact_is_of(&name, "$cookie_")) {
        name.data += 8;
        name.len -= 8;

    } else if (ngx_meshkit_redact_is_of(&name, "$http_")) {
        name.data += 6;
        name.len -= 6;

    } else if (ngx_meshkit_redact_is_of(&name, "$arg_")) {
        name.data += 5;
        name.len -= 5;

    } else {
        return 0;
    }

    return ngx_meshkit_redact_is_name(&name);
}


static ngx_meshkit_redact_log_t *
ngx_meshkit_redact_find_log(ngx_meshkit_redact_main_t *main, ngx_log_t *log)
{
    ngx_uint_t                 i;
    ngx_meshkit_redact_log_t  *entry;

    entry = main->logs.elts;

    for (i = 0; i < main->logs.nelts; i++) {
        if (entry[i].log == log) {
            return &entry[i];
        }
    }

    entry = ngx_array_push(&main->logs);

    if (entry != NULL) {
        ngx_memzero(entry, sizeof(ngx_meshkit_redact_log_t));
        entry->log = log;
    }

    return entry;
}


ngx_int_t
ngx_meshkit_redact_location(ngx_conf_t *cf, const ngx_meshkit_loc_conf_t *conf)
{
    ngx_meshkit_main_conf_t    *mmcf;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_meshkit_redact_log_t   *entry;
    ngx_meshkit_redact_conf_t  *rscf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);
    rscf = ngx_http_conf_get_module_srv_conf(cf, ngx_meshkit_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    entry = ngx_meshkit_redact_find_log(mmcf->redact, clcf->error_log);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    if (rscf->error_log == NGX_CONF_UNSET) {
        entry->unset = 1;

    } else if (rscf->error_log) {
        entry->on = 1;
    }

    if (conf->open == NULL) {
        return NGX_OK;
    }

    entry->opens = 1;
    rscf->opens = 1;
    mmcf->redact->opens = 1;

    return ngx_meshkit_redact_source(rscf, conf->capability);
}


ngx_int_t
ngx_meshkit_redact_token(ngx_conf_t *cf, const mk_secret_t *token)
{
    mk_bytes_t               *known;
    ngx_meshkit_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);

    known = ngx_array_push(&mmcf->redact->tokens);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = mk_secret_view(token);

    return NGX_OK;
}


/* --- when all is read ----------------------------------------------------- */


static ngx_meshkit_redact_conf_t *
ngx_meshkit_redact_of(const ngx_http_core_srv_conf_t *cscf)
{
    return cscf->ctx->srv_conf[ngx_meshkit_module.ctx_index];
}


/*
 * What cannot be parsed reaches no server by name: it is logged by the
 * default one of its address, on behalf of the others.
 */
static void
ngx_meshkit_redact_early(const ngx_http_core_main_conf_t *cmcf)
{
    ngx_uint_t                  p, a, s;
    ngx_http_conf_port_t       *port;
    ngx_http_conf_addr_t       *addr;
    ngx_http_core_srv_conf_t  **server;

    if (cmcf->ports == NULL) {
        return;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {
            server = addr[a].servers.elts;

            for (s = 0; s < addr[a].servers.nelts; s++) {
                if (ngx_meshkit_redact_of(server[s])->active) {
                    ngx_meshkit_redact_of(addr[a].default_server)->early = 1;
                }
            }
        }
    }
}


/* they are searched for at each word of a line */
static void
ngx_meshkit_redact_sort(ngx_array_t *args, ngx_array_t *headers)
{
    mk_redact_sort(args->elts, args->nelts);
    mk_redact_sort(headers->elts, headers->nelts);
}


ngx_int_t
ngx_meshkit_redact_init(ngx_conf_t *cf)
{
    /* nginx takes a token's last part for a file name's extension */

    static ngx_str_t             extension = ngx_string("exten");

    ngx_uint_t                   i, wanted;
    ngx_meshkit_main_conf_t     *mmcf;
    ngx_meshkit_redact_log_t    *entry;
    ngx_meshkit_redact_conf_t   *rscf;
    ngx_http_core_srv_conf_t   **server;
    ngx_http_core_main_conf_t   *cmcf;
    ngx_meshkit_redact_main_t   *main;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    main = mmcf->redact;
    server = cmcf->servers.elts;
    wanted = main->opens;

    main->tokens.nelts = mk_needles_sort(main->tokens.elts,
                                         main->tokens.nelts);

    if (ngx_meshkit_redact_push(&main->headers, &extension) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < cmcf->servers.nelts; i++) {
        rscf = ngx_meshkit_redact_of(server[i]);
        rscf->active = rscf->opens || rscf->named;
        wanted |= rscf->active;

        if (ngx_meshkit_redact_push_all(&main->args, rscf->args) != NGX_OK
            || ngx_meshkit_redact_push_all(&main->headers, rscf->headers)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_meshkit_redact_sort(rscf->args, rscf->headers);
    }

    ngx_meshkit_redact_sort(&main->args, &main->headers);

    entry = main->logs.elts;

    for (i = 0; i < main->logs.nelts; i++) {
        wanted |= entry[i].on;
    }

    if (!wanted) {
        return NGX_OK;
    }

    main->key = ngx_meshkit_keys_token_ref();

    if (main->key == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "meshkit: no key for token references");
        return NGX_ERROR;
    }

    ngx_meshkit_redact_early(cmcf);

    return ngx_meshkit_redact_request_init(cf);
}
