/*
 * ngx_meshkit_redact_request: masks what nginx adds to a line of the error log
 * about a request, as it is written, from the end of the request's header on.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_redact.h"


static ngx_http_log_handler_pt  ngx_meshkit_redact_request_next;
static ngx_log_handler_pt       ngx_meshkit_redact_request_handler;


/* --- what is known of a request ------------------------------------------- */


ngx_meshkit_redact_t *
ngx_meshkit_redact_request_of(const ngx_log_t *log)
{
    ngx_http_log_ctx_t  *ctx;

    if (ngx_meshkit_redact_request_handler == NULL
        || log->handler != ngx_meshkit_redact_request_handler)
    {
        return NULL;
    }

    ctx = log->data;

    return ctx == NULL || ctx->request == NULL || ctx->request->pool == NULL
           ? NULL : ngx_meshkit_redact_known_get(ctx->request);
}


void
ngx_meshkit_redact_request_rules(mk_redact_t *rules,
    const ngx_meshkit_redact_main_t *main, const ngx_array_t *args,
    const ngx_array_t *headers, const ngx_meshkit_redact_t *known,
    ngx_uint_t values)
{
    ngx_memzero(rules, sizeof(mk_redact_t));

    rules->args = args->elts;
    rules->nargs = args->nelts;
    rules->headers = headers->elts;
    rules->nheaders = headers->nelts;
    rules->tokens = main->tokens.elts;
    rules->ntokens = main->tokens.nelts;
    rules->key = ngx_meshkit_keys_token_ref();

    if (known != NULL) {
        rules->secrets = values ? known->values : known->tokens;
        rules->nsecrets = values ? known->nvalues : known->ntokens;
    }
}


/* --- the record and the log handler --------------------------------------- */


ngx_uint_t
ngx_meshkit_redact_request_is_noisy(const ngx_meshkit_redact_t *known)
{
    return known != NULL && known->lines > NGX_MESHKIT_REDACT_LINES;
}


/*
 * What the request's own log handler adds to a line; nothing where there are
 * so many lines already, as a service may cause.
 */
static u_char *
ngx_meshkit_redact_request_log_error(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len)
{
    u_char                     *p;
    mk_redact_t                 rules;
    ngx_meshkit_redact_t       *known;
    ngx_meshkit_main_conf_t    *mmcf;
    ngx_meshkit_redact_conf_t  *rscf;

    known = ngx_meshkit_redact_known_get(r);

    if (ngx_meshkit_redact_request_is_noisy(known)) {
        return buf;
    }

    p = ngx_meshkit_redact_request_next(r, sr, buf, len);

    if (known != NULL) {
        known->lines += NGX_MAX_ERROR_STR - len + (p - buf);
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);
    rscf = ngx_http_get_module_srv_conf(r, ngx_meshkit_module);

    ngx_meshkit_redact_request_rules(&rules, mmcf->redact, rscf->args,
                                     rscf->headers, known, 0);
    ngx_meshkit_redact_parts_request(r, sr, &rules, buf, p);

    return p;
}


ngx_uint_t
ngx_meshkit_redact_request_names(ngx_http_request_t *r, ngx_array_t **args,
    ngx_array_t **headers)
{
    ngx_meshkit_main_conf_t    *mmcf;
    ngx_meshkit_redact_conf_t  *rscf;

    rscf = ngx_http_get_module_srv_conf(r, ngx_meshkit_module);

    if (rscf->early && r->headers_in.server.len == 0) {
        mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);
        *args = &mmcf->redact->args;
        *headers = &mmcf->redact->headers;
        return 1;
    }

    *args = rscf->args;
    *headers = rscf->headers;

    return rscf->active;
}


ngx_int_t
ngx_meshkit_redact_request_ensure(ngx_http_request_t *r)
{
    ngx_array_t  *args, *headers;

    if (!ngx_meshkit_redact_request_names(r->main, &args, &headers)) {
        return NGX_OK;
    }

    /* both are nginx's own, the same for every request */

    if (ngx_meshkit_redact_request_next == NULL) {
        ngx_meshkit_redact_request_next = r->main->log_handler;
        ngx_meshkit_redact_request_handler = r->connection->log->handler;
    }

    if (r->main->log_handler == ngx_meshkit_redact_request_next) {
        r->main->log_handler = ngx_meshkit_redact_request_log_error;
    }

    return ngx_meshkit_redact_known_get(r) != NULL
           || ngx_meshkit_redact_known_create(r->main, args, headers) != NULL
           ? NGX_OK : NGX_ERROR;
}


/* after the header is read, and after an internal redirect */
static ngx_int_t
ngx_meshkit_redact_request_start(ngx_http_request_t *r)
{
    return ngx_meshkit_redact_request_ensure(r) == NGX_OK
           ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * Looked for in all that is logged of the request: so it must be like a
 * token, or a client could hide where it was by a "token" like "/admin/".
 */
void
ngx_meshkit_redact_request_token(ngx_http_request_t *r, const ngx_str_t *token)
{
    size_t                 i;
    u_char                 c;
    ngx_meshkit_redact_t  *known;

    if (ngx_meshkit_redact_request_next == NULL
        || token->len < NGX_MESHKIT_REDACT_TOKEN_MIN
        || ngx_meshkit_redact_request_ensure(r) != NGX_OK)
    {
        return;
    }

    for (i = 0; i < token->len; i++) {
        c = token->data[i];

        if (c <= ' ' || c >= 0x7f || ngx_strchr("/?&;\"%", c) != NULL) {
            return;
        }
    }

    known = ngx_meshkit_redact_known_get(r);

    if (known != NULL) {
        ngx_meshkit_redact_known_token(known, token);
    }
}


ngx_int_t
ngx_meshkit_redact_request_init(ngx_conf_t *cf)
{
    return ngx_meshkit_module_add_handler(cf, NGX_HTTP_POST_READ_PHASE,
                                          ngx_meshkit_redact_request_start)
           == NGX_OK
           ? ngx_meshkit_module_add_handler(cf, NGX_HTTP_SERVER_REWRITE_PHASE,
                                            ngx_meshkit_redact_request_start)
           : NGX_ERROR;
}
