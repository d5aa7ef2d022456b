/*
 * ngx_meshkit_redact_strings: the strings of a request, for its log phase.
 *
 * They are exchanged for masked copies: they may be the configuration's, or
 * HTTP/2's static table.  What services send is looked through up to a length
 * only.
 */

#include "ngx_meshkit_redact.h"


/* A header's value, which the parent or a response has, too. */
typedef struct {
    ngx_str_t                  *value;
    ngx_str_t                   before;
} ngx_meshkit_redact_strings_undo_t;


/* by the rules, or as a whole where rules is NULL */
static void
ngx_meshkit_redact_strings_hide(ngx_meshkit_redact_strings_t *all,
    ngx_str_t *s, const mk_redact_t *rules)
{
    u_char  *copy;

    if (s->len == 0
        || (rules != NULL && !mk_redact_finds(rules, ngx_meshkit_bytes(s))))
    {
        return;
    }

    copy = ngx_pnalloc(all->request->pool, s->len);
    if (copy == NULL) {
        all->failed = 1;
        return;
    }

    ngx_memcpy(copy, s->data, s->len);

    if (rules != NULL) {
        (void) mk_redact_text(rules, copy, s->len);

    } else {
        mk_redact_value(all->text.key, copy, s->len);
    }

    s->data = copy;
}


/* the same, of a text of that kind */
static void
ngx_meshkit_redact_strings_text(ngx_meshkit_redact_strings_t *all,
    ngx_str_t *s, const mk_redact_t *rules, mk_redact_kind_t kind,
    ngx_uint_t whole)
{
    mk_redact_t  by;

    by = *rules;
    by.kind = kind;
    by.whole = whole;

    ngx_meshkit_redact_strings_hide(all, s, &by);
}


/*
 * What is beyond the bytes that are left is not looked at, and not logged.
 * Returns 1 if the value is whole.
 */
static ngx_uint_t
ngx_meshkit_redact_strings_cut(ngx_str_t *s, size_t *left)
{
    if (s->len <= *left) {
        *left -= s->len;
        return 1;
    }

    s->len = *left;
    *left = 0;

    if (s->len == 0) {
        ngx_str_set(s, "********");
    }

    return 0;
}


static void
ngx_meshkit_redact_strings_exchange(ngx_meshkit_redact_strings_t *all,
    ngx_str_t *value, const ngx_str_t *masked)
{
    ngx_meshkit_redact_strings_undo_t  *undo;

    if (value->data == masked->data && value->len == masked->len) {
        return;
    }

    if (all->pool != NULL) {
        undo = ngx_array_push(&all->undo);
        if (undo == NULL) {
            all->failed = 1;
            return;
        }

        undo->value = value;
        undo->before = *value;
    }

    *value = *masked;
}


/* left is NULL for what a client sends: nginx limits that */
static void
ngx_meshkit_redact_strings_list(ngx_meshkit_redact_strings_t *all,
    const ngx_list_t *list, const mk_redact_t *rules, size_t *left)
{
    ngx_str_t               value;
    ngx_uint_t              i, whole;
    ngx_table_elt_t        *h;
    const ngx_list_part_t  *part;

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

        value = h[i].value;
        whole = 1;

        if (left != NULL) {
            *left -= ngx_min(*left, h[i].key.len + sizeof(": \r\n") - 1);
            whole = ngx_meshkit_redact_strings_cut(&value, left);
        }

        if (value.data == h[i].value.data) {
            if (ngx_meshkit_redact_known_is_named(all->headers,
                                                  h[i].key.data, h[i].key.len))
            {
                ngx_meshkit_redact_strings_hide(all, &value, NULL);

            } else {
                ngx_meshkit_redact_strings_text(all, &value, rules,
                                                MK_REDACT_LINE, whole);
            }
        }

        ngx_meshkit_redact_strings_exchange(all, &h[i].value, &value);
    }
}


static void
ngx_meshkit_redact_strings_responses(ngx_meshkit_redact_strings_t *all)
{
    size_t               left;
    ngx_str_t            type;
    ngx_uint_t           whole;
    ngx_http_request_t  *r;

    r = all->request;

    if (r->upstream != NULL) {
        left = NGX_MESHKIT_REDACT_RESPONSE;

        ngx_meshkit_redact_strings_list(all, &r->upstream->headers_in.headers,
                                        &all->value, &left);
        ngx_meshkit_redact_strings_list(all, &r->upstream->headers_in.trailers,
                                        &all->value, &left);
    }

    left = NGX_MESHKIT_REDACT_RESPONSE;
    type = r->headers_out.content_type;

    whole = ngx_meshkit_redact_strings_cut(&type, &left);
    ngx_meshkit_redact_strings_text(all, &type, &all->value, MK_REDACT_LINE,
                                    whole);
    ngx_meshkit_redact_strings_exchange(all, &r->headers_out.content_type,
                                        &type);

    ngx_meshkit_redact_strings_list(all, &r->headers_out.headers,
                                    &all->value, &left);
    ngx_meshkit_redact_strings_list(all, &r->headers_out.trailers,
                                    &all->value, &left);
}


/* a response may redirect to where no client could */
static void
ngx_meshkit_redact_strings_uri(ngx_meshkit_redact_strings_t *all,
    ngx_str_t *s, const mk_redact_t *rules, mk_redact_kind_t kind)
{
    ngx_uint_t  whole;

    whole = 1;

    if (all->request->internal && s->len > NGX_MESHKIT_REDACT_RESPONSE) {
        s->len = NGX_MESHKIT_REDACT_RESPONSE;
        whole = 0;
    }

    ngx_meshkit_redact_strings_text(all, s, rules, kind, whole);
}


static void
ngx_meshkit_redact_strings_variables(ngx_meshkit_redact_strings_t *all)
{
    size_t                      left, most;
    ngx_str_t                   value;
    ngx_uint_t                  i, whole;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *vv;
    ngx_http_core_main_conf_t  *cmcf;
    ngx_meshkit_redact_kind_t   kind;

    cmcf = ngx_http_get_module_main_conf(all->request, ngx_http_core_module);
    v = cmcf->variables.elts;
    vv = all->request->variables;
    left = NGX_MESHKIT_REDACT_VARIABLES;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (!vv[i].valid || vv[i].len == 0) {
            continue;
        }

        value.data = vv[i].data;
        value.len = vv[i].len;

        kind = ngx_meshkit_redact_variable(all->request, all->args,
                                           all->headers, &v[i].name);
        whole = 1;

        if (kind == NGX_MESHKIT_REDACT_ANY) {
            most = ngx_min(left, NGX_MESHKIT_REDACT_RESPONSE);
            left -= ngx_min(most, value.len);
            whole = ngx_meshkit_redact_strings_cut(&value, &most);
        }

        if (kind == NGX_MESHKIT_REDACT_SECRET) {
            ngx_meshkit_redact_strings_hide(all, &value, NULL);

        } else {
            ngx_meshkit_redact_strings_text(all, &value,
                kind == NGX_MESHKIT_REDACT_FACT ? &all->text : &all->value,
                ngx_meshkit_redact_parts_kind(&v[i].name), whole);
        }

        vv[i].data = value.data;
        vv[i].len = value.len;
    }
}


/* what could not be parsed is logged as it came in, up to the line's end */
static void
ngx_meshkit_redact_strings_line(ngx_http_request_t *r)
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


void
ngx_meshkit_redact_strings_mask(ngx_meshkit_redact_strings_t *all)
{
    ngx_http_request_t  *r;

    r = all->request;

    ngx_meshkit_redact_strings_line(r);

    all->text.unparsed = r->method_name.data == NULL;

    /* by a cookie like "/admin/" nobody is to hide what was asked for */

    ngx_meshkit_redact_strings_text(all, &r->request_line, &all->text,
                                    MK_REDACT_REQUEST, 1);
    ngx_meshkit_redact_strings_text(all, &r->unparsed_uri, &all->text,
                                    MK_REDACT_TARGET, 1);
    ngx_meshkit_redact_strings_uri(all, &r->uri,
                                   r->internal ? &all->value : &all->text,
                                   MK_REDACT_PATH);
    ngx_meshkit_redact_strings_uri(all, &r->args, &all->value,
                                   MK_REDACT_QUERY);

    ngx_meshkit_redact_strings_list(all, &r->headers_in.headers, &all->text,
                                    NULL);
    ngx_meshkit_redact_strings_responses(all);
    ngx_meshkit_redact_strings_variables(all);
}


void
ngx_meshkit_redact_strings_share(ngx_meshkit_redact_strings_t *all)
{
    all->pool = ngx_create_pool(NGX_MESHKIT_REDACT_UNDO,
                                all->request->pool->log);

    if (all->pool == NULL
        || ngx_array_init(&all->undo, all->pool, 16,
                          sizeof(ngx_meshkit_redact_strings_undo_t))
           != NGX_OK)
    {
        all->failed = 1;
    }
}


void
ngx_meshkit_redact_strings_undo(ngx_meshkit_redact_strings_t *all)
{
    ngx_uint_t                          i;
    ngx_meshkit_redact_strings_undo_t  *undo;

    if (all->pool == NULL) {
        return;
    }

    undo = all->undo.elts;

    for (i = all->undo.nelts; i > 0; i--) {
        *undo[i - 1].value = undo[i - 1].before;
    }

    ngx_destroy_pool(all->pool);
    all->pool = NULL;
}
