/*
 * ngx_meshkit_redact_variable: what a variable may show, by its name.
 */

#include "ngx_meshkit_redact.h"


/* one that is named after an argument, a header or a cookie */
static ngx_uint_t
ngx_meshkit_redact_variable_is_secret(const ngx_array_t *args,
    const ngx_array_t *headers, const ngx_str_t *name)
{
    static const u_char  cookie[] = "cookie";

    if (name->len > 5 && ngx_strncmp(name->data, "http_", 5) == 0) {
        return ngx_meshkit_redact_known_is_named(headers, name->data + 5,
                                                 name->len - 5);
    }

    if (name->len > 4 && ngx_strncmp(name->data, "arg_", 4) == 0) {
        return ngx_meshkit_redact_known_is_named(args, name->data + 4,
                                                 name->len - 4);
    }

    return name->len > 7 && ngx_strncmp(name->data, "cookie_", 7) == 0
           && ngx_meshkit_redact_known_is_named(headers, cookie, 6);
}


/*
 * A rewrite or redirect puts where the client went what it likes, also
 * something secret, and a response can redirect to where no client could.
 */
ngx_meshkit_redact_kind_t
ngx_meshkit_redact_variable(const ngx_http_request_t *r,
    const ngx_array_t *args, const ngx_array_t *headers, const ngx_str_t *name)
{
    size_t      len;
    ngx_uint_t  i;

    static const struct {
        ngx_str_t                  name;        /* "..._": what begins so */
        ngx_uint_t                 replaced;    /* by a redirect */
        ngx_meshkit_redact_kind_t  kind;
    } names[] = {
        { ngx_string("uri"), 1, NGX_MESHKIT_REDACT_FACT },
        { ngx_string("document_uri"), 1, NGX_MESHKIT_REDACT_FACT },
        { ngx_string("request_filename"), 1, NGX_MESHKIT_REDACT_FACT },
        { ngx_string("request_uri"), 0, NGX_MESHKIT_REDACT_FACT },
        { ngx_string("args"), 1, NGX_MESHKIT_REDACT_CLIENT },
        { ngx_string("query_string"), 1, NGX_MESHKIT_REDACT_CLIENT },
        { ngx_string("arg_"), 1, NGX_MESHKIT_REDACT_CLIENT },
        { ngx_string("http_"), 0, NGX_MESHKIT_REDACT_CLIENT },
        { ngx_string("cookie_"), 0, NGX_MESHKIT_REDACT_CLIENT },
        { ngx_null_string, 0, NGX_MESHKIT_REDACT_ANY }
    };

    if (ngx_meshkit_redact_variable_is_secret(args, headers, name)) {
        return NGX_MESHKIT_REDACT_SECRET;
    }

    if (ngx_meshkit_redact_parts_is_fact(name)) {
        return NGX_MESHKIT_REDACT_FACT;
    }

    for (i = 0; names[i].name.len > 0; i++) {
        len = names[i].name.len;

        if ((name->len == len
             || (name->len > len && names[i].name.data[len - 1] == '_'))
            && ngx_strncmp(names[i].name.data, name->data, len) == 0)
        {
            return names[i].replaced && r->internal ? NGX_MESHKIT_REDACT_ANY
                                                    : names[i].kind;
        }
    }

    return NGX_MESHKIT_REDACT_ANY;
}


ngx_int_t
ngx_meshkit_redact_variable_index(const ngx_http_core_main_conf_t *cmcf,
    const ngx_str_t *name)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *v;

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == name->len
            && ngx_strncmp(v[i].name.data, name->data, name->len) == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}
