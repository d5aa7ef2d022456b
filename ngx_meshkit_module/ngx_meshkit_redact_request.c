/*
 * ngx_meshkit_redact_request: masks what logs say of a request.
 *
 * What nginx adds to a line of the error log is masked as it is written, from
 * the end of the request's header on.  The request itself is masked only when
 * nobody needs it any more, in the log phase.  Then strings are exchanged for
 * masked copies: they may be the configuration's, or HTTP/2's static table.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_redact.h"


/* One request, while its log phase runs. */
typedef struct {
    ngx_http_request_t   *request;
    const ngx_array_t    *args;         /* that are named */
    const ngx_array_t    *headers;
    mk_redact_t           text;         /* names and tokens */
    mk_redact_t           value;        /* ... and named values */
    ngx_array_t          *undo;         /* NULL: not to be undone */
} ngx_meshkit_redact_pass_t;


typedef struct {
    u_char              **where;
    u_char               *data;
} ngx_meshkit_redact_undo_t;


static ngx_http_log_handler_pt  ngx_meshkit_redact_request_next;
static ngx_log_handler_pt       ngx_meshkit_redact_request_handler;
static ngx_array_t             *ngx_meshkit_redact_request_undo;


/* --- what is known of a request ------------------------------------------- */


static void
ngx_meshkit_redact_request_cleanup(void *data)
{
    ngx_memzero(data, sizeof(ngx_meshkit_redact_t));
}


/* an internal redirect zeroes the contexts of modules, the pool stays */
static ngx_meshkit_redact_t *
ngx_meshkit_redact_request_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->main->pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler == ngx_meshkit_redact_request_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


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
           ? NULL : ngx_meshkit_redact_request_get(ctx->request);
}


void
ngx_meshkit_redact_request_rules(mk_redact_t *rules, const ngx_array_t *args,
    const ngx_array_t *headers, const ngx_meshkit_redact_t *known,
    ngx_uint_t values)
{
    rules->args = args->elts;
    rules->nargs = args->nelts;
    rules->headers = headers->elts;
    rules->nheaders = headers->nelts;
    rules->secrets = NULL;
    rules->nsecrets = 0;
    rules->key = ngx_meshkit_keys_token_ref();

    if (known != NULL) {
        rules->secrets = known->secrets;
        rules->nsecrets = values ? NGX_MESHKIT_REDACT_TOKENS + known->nvalues
                                 : known->ntokens;
    }
}


static void
ngx_meshkit_redact_request_add(ngx_meshkit_redact_t *known,
    const u_char *data, size_t len)
{
    if (len >= MK_REDACT_SHORTEST
        && known->nvalues < NGX_MESHKIT_REDACT_VALUES)
    {
        known->secrets[NGX_MESHKIT_REDACT_TOKENS + known->nvalues++]
            = ngx_meshkit_bytes_of(data, len);
    }
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

    known = ngx_meshkit_redact_request_get(r);

    if (known == NULL || token->len < NGX_MESHKIT_REDACT_TOKEN_MIN
        || known->ntokens == NGX_MESHKIT_REDACT_TOKENS)
    {
        return;
    }

    for (i = 0; i < token->len; i++) {
        c = token->data[i];

        if (c <= ' ' || c >= 0x7f || ngx_strchr("/?&;\"%", c) != NULL) {
            return;
        }
    }

    known->secrets[known->ntokens++] = ngx_meshkit_bytes(token);
}


/* --- names ---------------------------------------------------------------- */


static ngx_uint_t
ngx_meshkit_redact_request_is_named(const ngx_array_t *names,
    const u_char *name, size_t len)
{
    size_t       n;
    u_char       a, b;
    ngx_uint_t   i;
    mk_bytes_t  *known;

    known = names->elts;

    for (i = 0; i < names->nelts; i++) {

        if (known[i].len != len) {
            continue;
        }

        for (n = 0; n < len; n++) {
            a = ngx_tolower(known[i].data[n]);
            b = ngx_tolower(name[n]);

            if ((a == '-' ? '_' : a) != (b == '-' ? '_' : b)) {
                break;
            }
        }

        if (n == len) {
            return 1;
        }
    }

    return 0;
}


/* a variable is named after an argument, a header or a cookie */
static ngx_uint_t
ngx_meshkit_redact_request_is_secret(const ngx_meshkit_redact_pass_t *pass,
    const ngx_str_t *variable)
{
    static const u_char  cookie[] = "cookie";

    if (variable->len > 5 && ngx_strncmp(variable->data, "http_", 5) == 0) {
        return ngx_meshkit_redact_request_is_named(pass->headers,
                   variable->data + 5, variable->len - 5);
    }

    if (variable->len > 4 && ngx_strncmp(variable->data, "arg_", 4) == 0) {
        return ngx_meshkit_redact_request_is_named(pass->args,
                   variable->data + 4, variable->len - 4);
    }

    return variable->len > 7
           && ngx_strncmp(variable->data, "cookie_", 7) == 0
           && ngx_meshkit_redact_request_is_named(pass->headers, cookie, 6);
}


/* --- the header is read --------------------------------------------------- */


/* name=value pairs; all of them, or those that are named */
static void
ngx_meshkit_redact_request_pairs(ngx_meshkit_redact_t *known,
    const ngx_str_t *text, u_char separator, const ngx_array_t *names)
{
    u_char  *p, *end, *equals, *last;

    last = text->data + text->len;

    for (p = text->data; p < last; p = end + 1) {

        while (p < last && *p == ' ') {
            p++;
        }

        end = ngx_strlchr(p, last, separator);
        end = end == NULL ? last : end;
        equals = ngx_strlchr(p, end, '=');

        if (equals != NULL
            && (names == NULL
                || ngx_meshkit_redact_request_is_named(names, p, equals - p)))
        {
            ngx_meshkit_redact_request_add(known, equals + 1,
                                           end - equals - 1);
        }
    }
}


static void
ngx_meshkit_redact_request_header(ngx_meshkit_redact_t *known,
    const ngx_table_elt_t *h)
{
    u_char  *p, *last;

    last = h->value.data + h->value.len;
    p = ngx_strlchr(h->value.data, last, ' ');

    ngx_meshkit_redact_request_add(known, h->value.data, h->value.len);

    if (h->key.len == 6 && ngx_strncasecmp(h->key.data, (u_char *) "cookie", 6)
                           == 0)
    {
        ngx_meshkit_redact_request_pairs(known, &h->value, ';', NULL);

    } else if (p != NULL) {
        ngx_meshkit_redact_request_add(known, p + 1, last - p - 1);
    }
}


/* what the request's own log handler adds to a line */
static u_char *
ngx_meshkit_redact_request_log_error(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len)
{
    u_char                     *p;
    mk_redact_t                 rules;
    ngx_meshkit_redact_conf_t  *rscf;

    p = ngx_meshkit_redact_request_next(r, sr, buf, len);
    rscf = ngx_http_get_module_srv_conf(r, ngx_meshkit_module);

    ngx_meshkit_redact_request_rules(&rules, rscf->args, rscf->headers,
                                     ngx_meshkit_redact_request_get(r), 0);
    (void) mk_redact_text(&rules, buf, p - buf);

    return p;
}


static ngx_int_t
ngx_meshkit_redact_request_post_read(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_list_part_t            *part;
    ngx_table_elt_t            *h;
    ngx_pool_cleanup_t         *cln;
    ngx_meshkit_redact_t       *known;
    ngx_meshkit_redact_conf_t  *rscf;

    rscf = ngx_http_get_module_srv_conf(r, ngx_meshkit_module);

    if (!rscf->active) {
        return NGX_DECLINED;
    }

    /* both are nginx's own, the same for every request */

    if (ngx_meshkit_redact_request_next == NULL) {
        ngx_meshkit_redact_request_next = r->log_handler;
        ngx_meshkit_redact_request_handler = r->connection->log->handler;
    }

    if (r->log_handler == ngx_meshkit_redact_request_next) {
        r->log_handler = ngx_meshkit_redact_request_log_error;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_meshkit_redact_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    known = cln->data;
    ngx_memzero(known, sizeof(ngx_meshkit_redact_t));
    cln->handler = ngx_meshkit_redact_request_cleanup;

    ngx_meshkit_redact_request_pairs(known, &r->args, '&', rscf->args);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_meshkit_redact_request_is_named(rscf->headers, h[i].key.data,
                                                h[i].key.len))
        {
            ngx_meshkit_redact_request_header(known, &h[i]);
        }
    }

    return NGX_DECLINED;
}


/* --- the log phase -------------------------------------------------------- */


/*
 * Masks by the rules, or the whole value where rules is NULL.  Returns the
 * length that is left: 0 if there is no memory for the mask.
 */
static size_t
ngx_meshkit_redact_request_hide(ngx_meshkit_redact_pass_t *pass,
    u_char **data, size_t len, const mk_redact_t *rules)
{
    u_char                     *copy;
    ngx_meshkit_redact_undo_t  *undo;

    if (len == 0
        || (rules != NULL
            && !mk_redact_finds(rules, ngx_meshkit_bytes_of(*data, len))))
    {
        return len;
    }

    copy = ngx_pnalloc(pass->request->pool, len);
    if (copy == NULL) {
        return 0;
    }

    ngx_memcpy(copy, *data, len);

    if (rules != NULL) {
        (void) mk_redact_text(rules, copy, len);

    } else {
        mk_redact_value(pass->text.key, copy, len);
    }

    if (pass->undo != NULL) {
        undo = ngx_array_push(pass->undo);
        if (undo == NULL) {
            return 0;
        }

        undo->where = data;
        undo->data = *data;
    }

    *data = copy;

    return len;
}


static void
ngx_meshkit_redact_request_string(ngx_meshkit_redact_pass_t *pass,
    ngx_str_t *s, const mk_redact_t *rules)
{
    s->len = ngx_meshkit_redact_request_hide(pass, &s->data, s->len, rules);
}


static void
ngx_meshkit_redact_request_list(ngx_meshkit_redact_pass_t *pass,
    ngx_list_t *list)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &list->part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        h[i].value.len = ngx_meshkit_redact_request_hide(pass,
            &h[i].value.data, h[i].value.len,
            ngx_meshkit_redact_request_is_named(pass->headers,
                                                h[i].key.data, h[i].key.len)
            ? NULL : &pass->text);
    }
}


static void
ngx_meshkit_redact_request_variables(ngx_meshkit_redact_pass_t *pass)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *vv;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(pass->request, ngx_http_core_module);
    v = cmcf->variables.elts;
    vv = pass->request->variables;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (vv[i].valid) {
            vv[i].len = ngx_meshkit_redact_request_hide(pass, &vv[i].data,
                vv[i].len,
                ngx_meshkit_redact_request_is_secret(pass, &v[i].name)
                ? NULL : &pass->value);
        }
    }
}


/* what could not be parsed is logged as it came in, up to the line's end */
static void
ngx_meshkit_redact_request_line(ngx_http_request_t *r)
{
    u_char  *p;

    if (r->request_line.data != NULL || r->request_start == NULL) {
        return;
    }

    for (p = r->request_start; p < r->header_in->last; p++) {
        if (*p == CR || *p == LF) {
            break;
        }
    }

    r->request_line.data = r->request_start;
    r->request_line.len = p - r->request_start;
}


static ngx_int_t
ngx_meshkit_redact_request_before(ngx_http_request_t *r)
{
    ngx_meshkit_redact_t       *known;
    ngx_meshkit_main_conf_t    *mmcf;
    ngx_meshkit_redact_pass_t   pass;
    ngx_meshkit_redact_conf_t  *rscf;

    rscf = ngx_http_get_module_srv_conf(r, ngx_meshkit_module);

    if (rscf->early && r->headers_in.server.len == 0) {
        mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);
        pass.args = &mmcf->redact->args;
        pass.headers = &mmcf->redact->headers;

    } else if (rscf->active) {
        pass.args = rscf->args;
        pass.headers = rscf->headers;

    } else {
        return NGX_OK;
    }

    known = ngx_meshkit_redact_request_get(r);

    pass.request = r;
    pass.undo = NULL;

    ngx_meshkit_redact_request_rules(&pass.text, pass.args, pass.headers,
                                     known, 0);
    ngx_meshkit_redact_request_rules(&pass.value, pass.args, pass.headers,
                                     known, 1);

    if (r != r->main) {

        /* its parent has the same headers and variables, and goes on */

        pass.undo = ngx_array_create(r->pool, 16,
                                     sizeof(ngx_meshkit_redact_undo_t));
        if (pass.undo == NULL) {
            return NGX_ERROR;
        }

        ngx_meshkit_redact_request_undo = pass.undo;
    }

    ngx_meshkit_redact_request_line(r);

    /* by a cookie like "/admin/" nobody is to hide what was asked for */

    ngx_meshkit_redact_request_string(&pass, &r->request_line, &pass.text);
    ngx_meshkit_redact_request_string(&pass, &r->unparsed_uri, &pass.text);
    ngx_meshkit_redact_request_string(&pass, &r->uri, &pass.value);
    ngx_meshkit_redact_request_string(&pass, &r->args, &pass.value);
    ngx_meshkit_redact_request_list(&pass, &r->headers_in.headers);
    ngx_meshkit_redact_request_list(&pass, &r->headers_out.headers);
    ngx_meshkit_redact_request_variables(&pass);

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_redact_request_after(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_meshkit_redact_undo_t  *undo;

    if (ngx_meshkit_redact_request_undo == NULL) {
        return NGX_OK;
    }

    undo = ngx_meshkit_redact_request_undo->elts;

    for (i = 0; i < ngx_meshkit_redact_request_undo->nelts; i++) {
        *undo[i].where = undo[i].data;
    }

    ngx_meshkit_redact_request_undo = NULL;

    return NGX_OK;
}


/* --- the handlers --------------------------------------------------------- */


ngx_int_t
ngx_meshkit_redact_request_init(ngx_conf_t *cf)
{
    ngx_array_t                *handlers;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_meshkit_redact_request_post_read;

    handlers = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;

    if (ngx_array_push_n(handlers, 2) == NULL) {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(&h[1], &h[0],
                (handlers->nelts - 2) * sizeof(ngx_http_handler_pt));

    h[0] = ngx_meshkit_redact_request_before;
    h[handlers->nelts - 1] = ngx_meshkit_redact_request_after;

    return NGX_OK;
}
