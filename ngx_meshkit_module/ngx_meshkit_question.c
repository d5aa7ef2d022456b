/*
 * ngx_meshkit_question: what a service is sent, and nothing else; and that
 * nobody but the service is sent it.
 */

#include "ngx_meshkit_subrequest.h"


static ngx_table_elt_t *
ngx_meshkit_question_add(ngx_http_request_t *sr, const char *name,
    const char *lowcase, const u_char *value, size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&sr->headers_in.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->lowcase_key = (u_char *) lowcase;
    h->hash = ngx_hash_key(h->lowcase_key, h->key.len);
    h->value.data = (u_char *) value;
    h->value.len = len;

    return h;
}


static ngx_int_t
ngx_meshkit_question_add_token(ngx_meshkit_subrequest_t *s,
    const mk_secret_t *token)
{
    u_char           *p;
    size_t            len;
    mk_bytes_t        view;
    ngx_table_elt_t  *h;

    view = mk_secret_view(token);
    len = sizeof("Bearer ") - 1 + view.len;

    p = ngx_pnalloc(s->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    s->authorization.data = p;
    s->authorization.len = len;

    p = ngx_cpymem(p, "Bearer ", sizeof("Bearer ") - 1);
    ngx_memcpy(p, view.data, view.len);

    h = ngx_meshkit_question_add(s->request, "Authorization", "authorization",
                                 s->authorization.data, len);

    s->request->headers_in.authorization = h;

    return h == NULL ? NGX_ERROR : NGX_OK;
}


/*
 * The client's headers are a list that the subrequest shares with its
 * parent: whatever is pushed onto it would reach every later service, and
 * the client's credentials would reach all of them.  So it starts empty.
 */
static ngx_int_t
ngx_meshkit_question_set_headers(ngx_meshkit_subrequest_t *s,
    const ngx_meshkit_question_t *q, const ngx_str_t *request_id)
{
    ngx_str_t            server;
    ngx_table_elt_t     *host;
    ngx_http_request_t  *sr;

    sr = s->request;
    host = sr->headers_in.host;
    server = sr->headers_in.server;

    ngx_memzero(&sr->headers_in, sizeof(ngx_http_headers_in_t));

    sr->headers_in.host = host;
    sr->headers_in.server = server;
    sr->headers_in.content_length_n = -1;
    sr->headers_in.keep_alive_n = -1;

    if (ngx_list_init(&sr->headers_in.headers, sr->pool, 8,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

#if (nginx_version < 1023000)

    if (ngx_array_init(&sr->headers_in.x_forwarded_for, sr->pool, 1,
                       sizeof(ngx_table_elt_t *)) != NGX_OK
        || ngx_array_init(&sr->headers_in.cookies, sr->pool, 1,
                          sizeof(ngx_table_elt_t *)) != NGX_OK)
    {
        return NGX_ERROR;
    }

#endif

    if (ngx_meshkit_question_add(sr, "Accept", "accept", q->accept.data,
                                 q->accept.len)
        == NULL
        || ngx_meshkit_question_add(sr, "Accept-Encoding", "accept-encoding",
                                    (u_char *) "identity",
                                    sizeof("identity") - 1)
        == NULL
        || ngx_meshkit_question_add(sr, "X-Request-ID", "x-request-id",
                                    request_id->data, request_id->len)
        == NULL)
    {
        return NGX_ERROR;
    }

    if (q->token != NULL) {
        return ngx_meshkit_question_add_token(s, q->token);
    }

    return NGX_OK;
}


/* The headers of a request with a body, where nginx and modules look. */
static ngx_int_t
ngx_meshkit_question_set_body_headers(ngx_http_request_t *sr, size_t len)
{
    u_char                 *p;
    ngx_http_headers_in_t  *in;

    p = ngx_pnalloc(sr->pool, NGX_SIZE_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    in = &sr->headers_in;

    in->content_type = ngx_meshkit_question_add(sr, "Content-Type",
                                                "content-type",
                                                (u_char *) "application/json",
                                                sizeof("application/json") - 1);

    in->content_length = ngx_meshkit_question_add(sr, "Content-Length",
                                                  "content-length", p,
                                                  ngx_sprintf(p, "%uz", len)
                                                  - p);

    in->content_length_n = len;

    return in->content_type == NULL || in->content_length == NULL ? NGX_ERROR
                                                                  : NGX_OK;
}


/*
 * A request without a body has an empty one, as those of auth_request do:
 * modules that look into it in a phase do not expect that there is none.
 */
static ngx_int_t
ngx_meshkit_question_set_body(ngx_http_request_t *sr, const ngx_str_t *body)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    sr->request_body = ngx_pcalloc(sr->pool, sizeof(ngx_http_request_body_t));
    if (sr->request_body == NULL) {
        return NGX_ERROR;
    }

    if (body->len == 0) {
        return NGX_OK;
    }

    sr->method = NGX_HTTP_POST;
    ngx_str_set(&sr->method_name, "POST");

    b = ngx_create_temp_buf(sr->pool, body->len);
    cl = ngx_alloc_chain_link(sr->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, body->data, body->len);
    b->temporary = 0;
    b->memory = 1;
    b->last_buf = 1;

    cl->buf = b;
    cl->next = NULL;

    sr->request_body->bufs = cl;

    return ngx_meshkit_question_set_body_headers(sr, body->len);
}


/*
 * A subrequest has the request line of its parent: $request, $request_uri and
 * $server_protocol, which stock parameter files of FastCGI, SCGI and uwsgi
 * pass on, are the client's, with whatever token is in them.
 */
static ngx_int_t
ngx_meshkit_question_set_line(ngx_http_request_t *sr)
{
    u_char     *p;
    size_t      len;
    uintptr_t   escape;

    escape = 2 * ngx_escape_uri(NULL, sr->uri.data, sr->uri.len,
                                NGX_ESCAPE_URI);

    len = sr->method_name.len + 1 + sr->uri.len + escape + 1 + sr->args.len
          + sizeof(" HTTP/1.1") - 1;

    p = ngx_pnalloc(sr->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    sr->request_line.data = p;

    p = ngx_cpymem(p, sr->method_name.data, sr->method_name.len);
    *p++ = ' ';

    sr->unparsed_uri.data = p;

    if (escape) {
        p = (u_char *) ngx_escape_uri(p, sr->uri.data, sr->uri.len,
                                      NGX_ESCAPE_URI);
    } else {
        p = ngx_cpymem(p, sr->uri.data, sr->uri.len);
    }

    if (sr->args.len > 0) {
        *p++ = '?';
        p = ngx_cpymem(p, sr->args.data, sr->args.len);
    }

    sr->unparsed_uri.len = p - sr->unparsed_uri.data;

    p = ngx_cpymem(p, " HTTP/1.1", sizeof(" HTTP/1.1") - 1);

    sr->request_line.len = p - sr->request_line.data;

    sr->http_version = NGX_HTTP_VERSION_11;
    ngx_str_set(&sr->http_protocol, "HTTP/1.1");

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_question_set_variables(ngx_http_request_t *sr)
{
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(sr, ngx_http_core_module);

    sr->variables = ngx_pcalloc(sr->pool, cmcf->variables.nelts
                                          * sizeof(ngx_http_variable_value_t));

    return sr->variables == NULL ? NGX_ERROR : NGX_OK;
}


/*
 * $request_method is the main request's in every subrequest.  In the service's
 * location it is the one that the service is sent; a condition on the level of
 * the server still sees the client's, which has met it once.
 */
static void
ngx_meshkit_question_set_method(ngx_http_request_t *sr)
{
    ngx_meshkit_main_conf_t    *mmcf;
    ngx_http_variable_value_t  *vv;

    mmcf = ngx_http_get_module_main_conf(sr, ngx_meshkit_module);

    vv = &sr->variables[mmcf->request_method];

    ngx_memzero(vv, sizeof(ngx_http_variable_value_t));

    vv->valid = 1;
    vv->data = sr->method_name.data;
    vv->len = sr->method_name.len;
}


/*
 * Headers, variables and body of its own, before the subrequest has run.
 */
ngx_int_t
ngx_meshkit_question_put(ngx_meshkit_subrequest_t *s,
    const ngx_meshkit_question_t *q)
{
    if (ngx_meshkit_question_set_headers(s, q, &s->open->request_id)
        != NGX_OK
        || ngx_meshkit_question_set_body(s->request, &q->body) != NGX_OK
        || ngx_meshkit_question_set_line(s->request) != NGX_OK
        || ngx_meshkit_question_set_variables(s->request) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * nginx chooses the location by the whole URI, of which the capsule and the
 * identity are a part: a regular expression such as "\.pl$", or a rewrite of
 * the server's, could take a question away from the service, and its token
 * with it.  So the URI is still the one that was asked for, and the location
 * is one that clients cannot reach and that is named by the URI's beginning;
 * a regular expression's name is its text.  What an answer redirects to is
 * not asked at all.
 *
 * In front of the rewrite module, so that what the service's own location
 * rewrites is not seen here; in a phase that subrequests run through.
 */
static ngx_int_t
ngx_meshkit_question_check_location(ngx_http_request_t *sr)
{
    ngx_http_core_loc_conf_t  *clcf;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_subrequest_get(sr);
    if (s == NULL || sr != s->request) {
        return NGX_DECLINED;
    }

    if (s->redirected) {
        return NGX_HTTP_NOT_FOUND;
    }

    clcf = ngx_http_get_module_loc_conf(sr, ngx_http_core_module);

    if (clcf->internal && clcf->aio == NGX_HTTP_AIO_OFF
        && sr->uri.len == s->uri.len
        && ngx_memcmp(sr->uri.data, s->uri.data, s->uri.len) == 0
        && clcf->name.len <= s->uri.len
        && ngx_memcmp(clcf->name.data, s->uri.data, clcf->name.len) == 0)
    {
        ngx_meshkit_question_set_method(sr);
        return NGX_DECLINED;
    }

    s->unserved = 1;

    return NGX_HTTP_NOT_FOUND;
}


ngx_int_t
ngx_meshkit_question_init(ngx_conf_t *cf)
{
    static ngx_str_t          name = ngx_string("request_method");

    ngx_meshkit_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_meshkit_module);

    mmcf->request_method = ngx_http_get_variable_index(cf, &name);
    if (mmcf->request_method == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_meshkit_module_add_handler(cf, NGX_HTTP_REWRITE_PHASE,
                                          ngx_meshkit_question_check_location);
}
