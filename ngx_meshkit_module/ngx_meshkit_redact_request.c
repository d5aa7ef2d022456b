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
    ngx_uint_t            nothing;      /* its values are not known */
} ngx_meshkit_redact_pass_t;


typedef struct {
    u_char              **where;
    u_char               *data;
} ngx_meshkit_redact_undo_t;


static ngx_http_log_handler_pt  ngx_meshkit_redact_request_next;
static ngx_log_handler_pt       ngx_meshkit_redact_request_handler;
static ngx_array_t             *ngx_meshkit_redact_request_undo;


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
ngx_meshkit_redact_request_rules(mk_redact_t *rules, const ngx_array_t *args,
    const ngx_array_t *headers, const ngx_meshkit_redact_t *known,
    ngx_uint_t values)
{
    ngx_memzero(rules, sizeof(mk_redact_t));

    rules->args = args->elts;
    rules->nargs = args->nelts;
    rules->headers = headers->elts;
    rules->nheaders = headers->nelts;
    rules->key = ngx_meshkit_keys_token_ref();

    if (known != NULL) {
        rules->secrets = values ? known->values : known->tokens;
        rules->nsecrets = values ? known->nvalues : known->ntokens;
    }
}


/* a variable is named after an argument, a header or a cookie */
static ngx_uint_t
ngx_meshkit_redact_request_is_secret(const ngx_meshkit_redact_pass_t *pass,
    const ngx_str_t *variable)
{
    static const u_char  cookie[] = "cookie";

    if (variable->len > 5 && ngx_strncmp(variable->data, "http_", 5) == 0) {
        return ngx_meshkit_redact_known_is_named(pass->headers,
                   variable->data + 5, variable->len - 5);
    }

    if (variable->len > 4 && ngx_strncmp(variable->data, "arg_", 4) == 0) {
        return ngx_meshkit_redact_known_is_named(pass->args,
                   variable->data + 4, variable->len - 4);
    }

    return variable->len > 7
           && ngx_strncmp(variable->data, "cookie_", 7) == 0
           && ngx_meshkit_redact_known_is_named(pass->headers, cookie, 6);
}


/*
 * Those whose value is where the client went: by a cookie "/ok/admin.php" it
 * must not be able to hide that.  A rewrite or redirect puts there what it
 * likes, also something secret.
 */
static ngx_uint_t
ngx_meshkit_redact_request_is_place(const ngx_meshkit_redact_pass_t *pass,
    const ngx_str_t *variable)
{
    ngx_str_t  *name;

    static ngx_str_t  places[] = {
        ngx_string("uri"),
        ngx_string("document_uri"),
        ngx_string("request_uri"),
        ngx_string("request_filename"),
        ngx_null_string
    };

    for (name = places; name->len > 0; name++) {
        if (name->len == variable->len
            && ngx_strncmp(name->data, variable->data, name->len) == 0)
        {
            return !pass->request->internal || name == &places[2];
        }
    }

    return 0;
}


/* --- the record and the log handler --------------------------------------- */


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
                                     ngx_meshkit_redact_known_get(r), 0);
    ngx_meshkit_redact_parts_request(r, sr, &rules, buf, p);

    return p;
}


/* the names that count for a request; 0: none, it is not masked */
static ngx_uint_t
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


/*
 * Makes what is not there yet.  A request that is refused as its header is
 * read comes here by the page of its error, or in the log phase only.
 */
static ngx_int_t
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
        || (rules != NULL && !pass->nothing
            && !mk_redact_finds(rules, ngx_meshkit_bytes_of(*data, len))))
    {
        return len;
    }

    copy = pass->nothing ? NULL : ngx_pnalloc(pass->request->pool, len);
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
    ngx_str_t *s, const mk_redact_t *rules, mk_redact_kind_t kind)
{
    mk_redact_t  by;

    by = *rules;
    by.kind = kind;

    s->len = ngx_meshkit_redact_request_hide(pass, &s->data, s->len, &by);
}


static void
ngx_meshkit_redact_request_list(ngx_meshkit_redact_pass_t *pass,
    ngx_list_t *list, const mk_redact_t *rules)
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
            ngx_meshkit_redact_known_is_named(pass->headers,
                                                h[i].key.data, h[i].key.len)
            ? NULL : rules);
    }
}


static void
ngx_meshkit_redact_request_variables(ngx_meshkit_redact_pass_t *pass)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *vv;
    mk_redact_t                 by;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(pass->request, ngx_http_core_module);
    v = cmcf->variables.elts;
    vv = pass->request->variables;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (!vv[i].valid) {
            continue;
        }

        by = ngx_meshkit_redact_parts_is_fact(&v[i].name)
             || ngx_meshkit_redact_request_is_place(pass, &v[i].name)
             ? pass->text : pass->value;
        by.kind = ngx_meshkit_redact_parts_kind(&v[i].name);

        vv[i].len = ngx_meshkit_redact_request_hide(pass, &vv[i].data,
            vv[i].len,
            ngx_meshkit_redact_request_is_secret(pass, &v[i].name) ? NULL
                                                                    : &by);
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
    ngx_uint_t                 failed;
    ngx_array_t               *args, *headers;
    ngx_meshkit_redact_t      *known;
    ngx_meshkit_redact_pass_t  pass;

    if (!ngx_meshkit_redact_request_names(r, &args, &headers)) {
        return NGX_OK;
    }

    failed = ngx_meshkit_redact_request_ensure(r) != NGX_OK;
    known = ngx_meshkit_redact_known_get(r);

    pass.args = args;
    pass.headers = headers;
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

    pass.text.whole = 1;
    pass.value.whole = 1;
    pass.text.unparsed = r->method_name.data == NULL;
    pass.nothing = failed;

    /* by a cookie like "/admin/" nobody is to hide what was asked for */

    ngx_meshkit_redact_request_string(&pass, &r->request_line, &pass.text,
                                      MK_REDACT_REQUEST);
    ngx_meshkit_redact_request_string(&pass, &r->unparsed_uri, &pass.text,
                                      MK_REDACT_TARGET);
    ngx_meshkit_redact_request_string(&pass, &r->uri,
                                      r->internal ? &pass.value : &pass.text,
                                      MK_REDACT_PATH);
    ngx_meshkit_redact_request_string(&pass, &r->args, &pass.value,
                                      MK_REDACT_QUERY);
    ngx_meshkit_redact_request_list(&pass, &r->headers_in.headers, &pass.text);
    ngx_meshkit_redact_request_list(&pass, &r->headers_out.headers,
                                    &pass.value);

    if (r->upstream != NULL) {
        ngx_meshkit_redact_request_list(&pass,
                                        &r->upstream->headers_in.headers,
                                        &pass.value);
    }

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
    ngx_uint_t                  i;
    ngx_array_t                *handlers;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    static const ngx_uint_t  phases[] = { NGX_HTTP_POST_READ_PHASE,
                                          NGX_HTTP_SERVER_REWRITE_PHASE };

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    for (i = 0; i < 2; i++) {
        h = ngx_array_push(&cmcf->phases[phases[i]].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_meshkit_redact_request_start;
    }

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
