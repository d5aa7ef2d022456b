/*
 * ngx_meshkit_variables: what access logs, pages and maps can say of an open.
 */

#include "ngx_meshkit_fetch.h"


typedef ngx_int_t (*ngx_meshkit_variable_pt)(ngx_meshkit_open_t *open,
    ngx_str_t *value);


/* a capsule's own words are for others only once everybody agreed */
static ngx_int_t
ngx_meshkit_variable_bytes(mk_bytes_t bytes, ngx_str_t *value)
{
    value->data = (u_char *) bytes.data;
    value->len = bytes.len;

    return bytes.len > 0 ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_variable_capsule(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    *value = open->id;

    return mk_name_is_id(ngx_meshkit_bytes(&open->id)) ? NGX_OK
                                                       : NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_variable_cid(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    if (!open->accepted) {
        return NGX_DECLINED;
    }

    value->data = ngx_pnalloc(open->request->pool, MK_CID_PRINT_MAX);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = mk_cid_print(&open->capsule->cid, (char *) value->data);

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_variable_identity(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    *value = open->identity;

    return value->len > 0 ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_variable_subject(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    *value = open->subject;

    return value->len > 0 ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_variable_outcome(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    value->data = (u_char *) mk_status_name(open->outcome);
    value->len = ngx_strlen(value->data);

    return open->decided && !open->client_gone && !open->shutdown
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_variable_gateway(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    const ngx_str_t  *gateway;

    gateway = ngx_meshkit_fetch_gateway(open);
    if (gateway == NULL) {
        return NGX_DECLINED;
    }

    *value = *gateway;

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_variable_number(ngx_meshkit_open_t *open, ngx_str_t *value,
    uint64_t number)
{
    value->data = ngx_pnalloc(open->request->pool, NGX_INT64_LEN);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = ngx_sprintf(value->data, "%uL", number) - value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_variable_gateways_failed(ngx_meshkit_open_t *open,
    ngx_str_t *value)
{
    return ngx_meshkit_variable_number(open, value,
                                       ngx_meshkit_fetch_failed(open));
}


static ngx_int_t
ngx_meshkit_variable_policy_ms(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    return open->policy_asked
           ? ngx_meshkit_variable_number(open, value, open->policy_ms)
           : NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_variable_token_ref(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    value->data = (u_char *) open->token_ref;
    value->len = ngx_strlen(open->token_ref);

    return value->len > 0 ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_variable_name(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    return open->granted
           ? ngx_meshkit_variable_bytes(open->capsule->name, value)
           : NGX_DECLINED;
}


static ngx_int_t
ngx_meshkit_variable_size(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    return open->granted
           ? ngx_meshkit_variable_number(open, value, open->capsule->size)
           : NGX_DECLINED;
}


/* RFC 3339, UTC */
static ngx_int_t
ngx_meshkit_variable_expires(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    ngx_tm_t  tm;

    if (!open->granted || !open->capsule->has_exp
        || open->capsule->exp > (int64_t) 253402300799)
    {
        return NGX_DECLINED;
    }

    value->data = ngx_pnalloc(open->request->pool,
                              sizeof("9999-12-31T23:59:59Z"));
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    ngx_gmtime((time_t) open->capsule->exp, &tm);

    value->len = ngx_sprintf(value->data, "%4d-%02d-%02dT%02d:%02d:%02dZ",
                             tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                             tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec)
                 - value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_variable_suggestion(ngx_meshkit_open_t *open, ngx_str_t *value)
{
    value->data = (u_char *) ngx_meshkit_answer_suggestion(open);
    value->len = ngx_strlen(value->data);

    return open->decided && value->len > 0 ? NGX_OK : NGX_DECLINED;
}


typedef struct {
    ngx_str_t                name;
    ngx_meshkit_variable_pt  get;
} ngx_meshkit_variable_t;


static ngx_meshkit_variable_t  ngx_meshkit_variables[] = {
    { ngx_string("meshkit_capsule"), ngx_meshkit_variable_capsule },
    { ngx_string("meshkit_cid"), ngx_meshkit_variable_cid },
    { ngx_string("meshkit_identity"), ngx_meshkit_variable_identity },
    { ngx_string("meshkit_subject"), ngx_meshkit_variable_subject },
    { ngx_string("meshkit_outcome"), ngx_meshkit_variable_outcome },
    { ngx_string("meshkit_gateway"), ngx_meshkit_variable_gateway },
    { ngx_string("meshkit_gateways_failed"),
      ngx_meshkit_variable_gateways_failed },
    { ngx_string("meshkit_policy_ms"), ngx_meshkit_variable_policy_ms },
    { ngx_string("meshkit_token_ref"), ngx_meshkit_variable_token_ref },
    { ngx_string("meshkit_name"), ngx_meshkit_variable_name },
    { ngx_string("meshkit_size"), ngx_meshkit_variable_size },
    { ngx_string("meshkit_expires"), ngx_meshkit_variable_expires },
    { ngx_string("meshkit_suggestion"), ngx_meshkit_variable_suggestion },
};


static ngx_int_t
ngx_meshkit_variable_get(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_int_t                rc;
    ngx_str_t                value;
    ngx_meshkit_open_t      *open;
    ngx_meshkit_variable_t  *variable = (ngx_meshkit_variable_t *) data;

    open = ngx_meshkit_handler_get(r);

    rc = open == NULL ? NGX_DECLINED : variable->get(open, &value);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = value.data;
    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


ngx_int_t
ngx_meshkit_variables_add(ngx_conf_t *cf)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *v;

    for (i = 0; i < sizeof(ngx_meshkit_variables)
                    / sizeof(ngx_meshkit_variable_t); i++)
    {
        v = ngx_http_add_variable(cf, &ngx_meshkit_variables[i].name,
                                  NGX_HTTP_VAR_NOCACHEABLE);
        if (v == NULL) {
            return NGX_ERROR;
        }

        v->get_handler = ngx_meshkit_variable_get;
        v->data = (uintptr_t) &ngx_meshkit_variables[i];
    }

    return NGX_OK;
}
