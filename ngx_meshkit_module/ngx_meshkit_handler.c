/*
 * ngx_meshkit_handler: where a request comes in, and where it is wiped.
 */

#include "ngx_meshkit_await.h"
#include "ngx_meshkit_memory.h"


/*
 * Frees and wipes at the request's end.  Also how the open is found when an
 * internal redirect (error_page) has zeroed the module contexts.
 */
static void
ngx_meshkit_handler_cleanup(void *data)
{
    ngx_meshkit_open_t  *open = data;

    ngx_queue_remove(&open->queue);

    ngx_meshkit_counters_end(open);
    ngx_meshkit_stream_wipe(open);
    ngx_meshkit_fetch_free(open->fetch);
    ngx_meshkit_subrequest_release_all(open);
    mk_opener_free(open->opener);
    mk_capsule_free(open->capsule);
    ngx_meshkit_memory_end(open);
}


/*
 * nginx ends the request: it was answered, or the client is gone.  In the
 * latter case the pool may live on for a while, until a thread that works for
 * one of the subrequests is through.
 */
static void
ngx_meshkit_handler_over(void *data)
{
    ngx_meshkit_open_t  *open = data;

    open->over = 1;

    ngx_meshkit_shutdown_ended(open);

    if (open->deadline.timer_set) {
        ngx_del_timer(&open->deadline);
    }

    if (open->client.timer_set) {
        ngx_del_timer(&open->client);
    }

    ngx_meshkit_await_end(open);
    ngx_meshkit_repeat_end(open);

    if (open->fetch != NULL) {
        ngx_meshkit_pace_end(open->fetch);
        ngx_meshkit_ahead_end(open->fetch);
    }

    ngx_meshkit_subrequest_end_all(open);
}


ngx_meshkit_open_t *
ngx_meshkit_handler_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;
    ngx_meshkit_open_t  *open;

    r = r->main;

    open = ngx_http_get_module_ctx(r, ngx_meshkit_module);

    if (open == NULL && (r->internal || r->filter_finalize)) {

        for (cln = r->pool->cleanup; cln != NULL; cln = cln->next) {
            if (cln->handler == ngx_meshkit_handler_cleanup) {
                return cln->data;
            }
        }
    }

    return open;
}


/* "unix:" is no address: who takes one, refuses the whole text for it. */
mk_bytes_t
ngx_meshkit_handler_address(const ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    switch (c->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
#endif
    case AF_INET:
        return ngx_meshkit_bytes(&c->addr_text);

    default:
        return ngx_meshkit_bytes_of(NULL, 0);
    }
}


static ngx_int_t
ngx_meshkit_handler_text(ngx_http_request_t *r, ngx_http_complex_value_t *value,
    ngx_str_t *text)
{
    ngx_str_null(text);

    return value == NULL ? NGX_OK : ngx_http_complex_value(r, value, text);
}


static ngx_int_t
ngx_meshkit_handler_request_id(ngx_meshkit_open_t *open)
{
    static ngx_str_t            name = ngx_string("request_id");

    ngx_http_variable_value_t  *vv;

    vv = ngx_http_get_variable(open->request, &name,
                               ngx_hash_key(name.data, name.len));

    if (vv == NULL || vv->not_found) {
        return NGX_ERROR;
    }

    open->request_id.data = vv->data;
    open->request_id.len = vv->len;

    return NGX_OK;
}


/* NGX_OK, NGX_DECLINED for a malformed address, or NGX_ERROR. */
static ngx_int_t
ngx_meshkit_handler_read_address(ngx_meshkit_open_t *open)
{
    ngx_str_t                      action;
    ngx_meshkit_identity_t        *identities;
    const ngx_meshkit_loc_conf_t  *conf;

    conf = open->conf;
    identities = conf->identities->elts;

    if (ngx_meshkit_handler_request_id(open) != NGX_OK
        || ngx_meshkit_handler_text(open->request, conf->open, &open->id)
           != NGX_OK
        || ngx_meshkit_handler_text(open->request, conf->as, &open->identity)
           != NGX_OK
        || ngx_meshkit_handler_text(open->request, conf->subject,
                                    &open->subject)
           != NGX_OK
        || ngx_meshkit_handler_text(open->request, conf->action, &action)
           != NGX_OK
        || ngx_meshkit_capability_take(open) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->as == NULL) {
        open->identity = identities[0].id;
    }

    if (!mk_name_is_id(ngx_meshkit_bytes(&open->id))) {
        open->why = "the capsule id is malformed";
        return NGX_DECLINED;
    }

    if (!mk_name_is_identity(ngx_meshkit_bytes(&open->identity))) {
        open->why = "the identity is malformed";
        return NGX_DECLINED;
    }

    if (conf->action != NULL
        && !mk_action_parse(ngx_meshkit_bytes(&action), &open->action))
    {
        open->why = "the action is neither open nor download";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_meshkit_open_t *
ngx_meshkit_handler_create(ngx_http_request_t *r)
{
    ngx_meshkit_open_t  *open;
    ngx_pool_cleanup_t  *cln;
    ngx_http_cleanup_t  *end;

    open = ngx_pcalloc(r->pool, sizeof(ngx_meshkit_open_t));
    if (open == NULL) {
        return NULL;
    }

    ngx_queue_init(&open->queue);
    ngx_queue_init(&open->subrequests);

    cln = ngx_pool_cleanup_add(r->pool, 0);
    end = ngx_http_cleanup_add(r, 0);

    if (cln == NULL || end == NULL) {
        return NULL;
    }

    cln->handler = ngx_meshkit_handler_cleanup;
    cln->data = open;

    end->handler = ngx_meshkit_handler_over;
    end->data = open;

    ngx_meshkit_shutdown_add(open);

    open->request = r;
    open->conf = ngx_http_get_module_loc_conf(r, ngx_meshkit_module);
    open->outcome = MK_INTERNAL_ERROR;
    open->action = MK_ACTION_OPEN;
    open->deadline.handler = ngx_meshkit_open_too_late;
    open->deadline.data = open;
    open->deadline.log = r->connection->log;
    open->client.handler = ngx_meshkit_stream_client_event;
    open->client.data = open;
    open->client.log = r->connection->log;

    ngx_http_set_ctx(r, open, ngx_meshkit_module);

    return open;
}


/* RFC 9110, 15.5.6: a 405 says what is allowed */
static ngx_int_t
ngx_meshkit_handler_not_allowed(ngx_http_request_t *r)
{
    ngx_table_elt_t  *allow;

    allow = ngx_list_push(&r->headers_out.headers);

    if (allow != NULL) {
        ngx_memzero(allow, sizeof(ngx_table_elt_t));
        allow->hash = 1;
        ngx_str_set(&allow->key, "Allow");
        ngx_str_set(&allow->value, "GET, HEAD");
    }

    return NGX_HTTP_NOT_ALLOWED;
}


ngx_int_t
ngx_meshkit_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_meshkit_open_t  *open;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_meshkit_handler_not_allowed(r);
    }

    if (r->http_version < NGX_HTTP_VERSION_10) {

        /* without a header nobody can tell a refusal, or an abort */

        return NGX_HTTP_BAD_REQUEST;
    }

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "meshkit: a capsule cannot be opened in a subrequest");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    open = ngx_meshkit_handler_create(r);
    if (open == NULL) {

        /* nothing was begun that an audit line could be about */

        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_meshkit_handler_read_address(open);
    if (rc == NGX_ERROR) {
        open->decided = 1;
        ngx_meshkit_audit_refuse(open);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;
    r->write_event_handler = ngx_meshkit_open_resume;

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    ngx_add_timer(&open->deadline, open->conf->deadline);

    if (rc == NGX_DECLINED) {
        ngx_meshkit_open_decide(open, MK_INVALID_REQUEST, open->why);

    } else {
        ngx_meshkit_open_begin(open);
    }

    return NGX_DONE;
}
