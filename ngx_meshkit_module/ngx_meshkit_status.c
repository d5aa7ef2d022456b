/*
 * ngx_meshkit_status: the page that shows what was counted.
 *
 * For machines.  No label or member stands for a share, a CID or a person; a
 * gateway is named as in nginx.conf, by server and prefix, a denylist by file.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_local.h"
#include "ngx_meshkit_memory.h"
#include "ngx_meshkit_status.h"


#define NGX_MESHKIT_STATUS_JSON        0
#define NGX_MESHKIT_STATUS_PROMETHEUS  1

/* no line is longer, but for its labels */
#define NGX_MESHKIT_STATUS_LINE        160

/* lines that are there without a gateway, and for each of them, at most */
#define NGX_MESHKIT_STATUS_LINES       (MK_STATUS_COUNT + 56)
#define NGX_MESHKIT_STATUS_GATEWAY     (NGX_MESHKIT_FAULTS + 10)
#define NGX_MESHKIT_STATUS_DENYLIST    4


const ngx_meshkit_status_counter_t  ngx_meshkit_status_opens[] = {
    { "clientGone", "opens_client_gone_total",
      "Opens whose client left before their end.",
      offsetof(ngx_meshkit_counters_t, client_gone) },
    { "shutdown", "opens_shutdown_total", "Opens that a shutdown cut.",
      offsetof(ngx_meshkit_counters_t, shutdown) },
    { "aborted", "opens_aborted_total",
      "Opens that failed behind the response header.",
      offsetof(ngx_meshkit_counters_t, aborted) },
    { "plaintextBytes", "plaintext_bytes_total",
      "Bytes of plaintext that went to clients.",
      offsetof(ngx_meshkit_counters_t, plaintext) },
    { NULL, NULL, NULL, 0 }
};


const ngx_meshkit_status_counter_t  ngx_meshkit_status_heap[] = {
    { "bytes", "key_memory_bytes",
      "Memory for keys of the worker that responds.",
      offsetof(ngx_meshkit_heap_state_t, size) },
    { "usedBytes", "key_memory_used_bytes",
      "What keys take of it.", offsetof(ngx_meshkit_heap_state_t, used) },
    { "opens", "key_memory_opens",
      "Opens that have room in it.",
      offsetof(ngx_meshkit_heap_state_t, opens) },
    { "maxOpens", "key_memory_max_opens",
      "How many there can be.",
      offsetof(ngx_meshkit_heap_state_t, max_opens) },
    { NULL, NULL, NULL, 0 }
};


const ngx_meshkit_status_counter_t  ngx_meshkit_status_gateways[] = {
    { "requests", "gateway_requests_total",
      "Requests to the gateway.",
      offsetof(ngx_meshkit_counted_gateway_t, requests) },
    { "opens", "gateway_opens_total",
      "Opens that the gateway took part in without a fault.",
      offsetof(ngx_meshkit_counted_gateway_t, opens) },
    { "blocks", "gateway_blocks_total",
      "Verified blocks.",
      offsetof(ngx_meshkit_counted_gateway_t, blocks) },
    { "bytes", "gateway_bytes_total",
      "Bytes of verified blocks.",
      offsetof(ngx_meshkit_counted_gateway_t, bytes) },
    { "droppedBytes", "gateway_dropped_bytes_total",
      "Bytes of faulty answers that were not used.",
      offsetof(ngx_meshkit_counted_gateway_t, dropped) },
    { "rests", "gateway_rests_total",
      "Times that the gateway began to be asked last.",
      offsetof(ngx_meshkit_counted_gateway_t, rests) },
    { NULL, NULL, NULL, 0 }
};


const ngx_meshkit_status_counter_t  ngx_meshkit_status_denylist[] = {
    { "usable", "denylist_usable",
      "1, or 0: whatever it is set for is refused.",
      offsetof(ngx_meshkit_pickup_state_t, usable) },
    { "loaded", "denylist_loaded_timestamp_seconds",
      "When it was read.", offsetof(ngx_meshkit_pickup_state_t, loaded) },
    { "entries", "denylist_entries",
      "Lines that deny.", offsetof(ngx_meshkit_pickup_state_t, entries) },
    { "unreadableLines", "denylist_unreadable_lines",
      "Lines that deny nothing.", offsetof(ngx_meshkit_pickup_state_t, bad) },
    { NULL, NULL, NULL, 0 }
};


ngx_atomic_uint_t
ngx_meshkit_status_value(const void *base, size_t offset)
{
    return *(const volatile ngx_atomic_uint_t *) ((const u_char *) base
                                                  + offset);
}


void
ngx_meshkit_status_print(ngx_meshkit_status_page_t *page, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    page->p = ngx_vslprintf(page->p, page->last, fmt, args);
    va_end(args);
}


/* --- what there is to show ------------------------------------------------ */


/* JSON's escapes; Prometheus' are those of them that a name may need. */
static ngx_int_t
ngx_meshkit_status_escape(ngx_pool_t *pool, ngx_str_t *to,
    const u_char *data, size_t len)
{
    to->len = len + ngx_escape_json(NULL, (u_char *) data, len);
    to->data = ngx_pnalloc(pool, to->len + 1);

    if (to->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_escape_json(to->data, (u_char *) data, len);

    return NGX_OK;
}


/* The gateways of this configuration; two locations may share counters. */
static ngx_int_t
ngx_meshkit_status_collect(ngx_http_request_t *r,
    ngx_meshkit_status_page_t *page)
{
    ngx_uint_t                      i, n;
    ngx_meshkit_health_t          **known;
    ngx_meshkit_main_conf_t        *mmcf;
    ngx_meshkit_status_gateway_t   *g;
    ngx_meshkit_counted_gateway_t  *counted;

    mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);
    known = mmcf->gateways.elts;

    if (ngx_array_init(&page->gateways, r->pool, mmcf->gateways.nelts + 1,
                       sizeof(ngx_meshkit_status_gateway_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < mmcf->gateways.nelts; i++) {
        counted = ngx_meshkit_health_counted(known[i]);
        g = page->gateways.elts;

        for (n = 0; n < page->gateways.nelts; n++) {
            if (g[n].counted == counted) {
                break;
            }
        }

        if (counted == NULL || n < page->gateways.nelts) {
            continue;
        }

        g = ngx_array_push(&page->gateways);

        if (g == NULL
            || ngx_meshkit_status_escape(r->pool, &g->server, counted->name,
                                         counted->server_len)
               != NGX_OK
            || ngx_meshkit_status_escape(r->pool, &g->prefix,
                                         counted->name + counted->server_len,
                                         counted->prefix_len)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        g->counted = counted;
    }

    return NGX_OK;
}


/* The denylists as this worker has them. */
static ngx_int_t
ngx_meshkit_status_denylists(ngx_http_request_t *r,
    ngx_meshkit_status_page_t *page)
{
    ngx_uint_t                   i;
    ngx_meshkit_pickup_t       **known;
    ngx_meshkit_main_conf_t     *mmcf;
    ngx_meshkit_pickup_state_t  *state;

    mmcf = ngx_http_get_module_main_conf(r, ngx_meshkit_module);
    known = mmcf->denylists.elts;

    if (ngx_array_init(&page->denylists, r->pool, mmcf->denylists.nelts + 1,
                       sizeof(ngx_meshkit_pickup_state_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < mmcf->denylists.nelts; i++) {
        state = ngx_array_push(&page->denylists);
        if (state == NULL) {
            return NGX_ERROR;
        }

        ngx_meshkit_pickup_state(known[i], state);
        if (ngx_meshkit_status_escape(r->pool, &state->file, state->file.data,
                                      state->file.len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_status_alloc(ngx_http_request_t *r,
    ngx_meshkit_status_page_t *page)
{
    size_t                         size;
    ngx_uint_t                     i;
    ngx_meshkit_pickup_state_t    *list;
    ngx_meshkit_status_gateway_t  *g;

    size = NGX_MESHKIT_STATUS_LINES * NGX_MESHKIT_STATUS_LINE;
    g = page->gateways.elts;

    for (i = 0; i < page->gateways.nelts; i++) {
        size += NGX_MESHKIT_STATUS_GATEWAY
                * (NGX_MESHKIT_STATUS_LINE + g[i].server.len
                   + g[i].prefix.len);
    }

    list = page->denylists.elts;

    for (i = 0; i < page->denylists.nelts; i++) {
        size += NGX_MESHKIT_STATUS_DENYLIST
                * (NGX_MESHKIT_STATUS_LINE + list[i].file.len);
    }

    page->p = ngx_pnalloc(r->pool, size);
    page->last = page->p + size;

    return page->p == NULL ? NGX_ERROR : NGX_OK;
}


/* --- JSON ----------------------------------------------------------------- */


static void
ngx_meshkit_status_json_counters(ngx_meshkit_status_page_t *page,
    const ngx_meshkit_status_counter_t *c, const void *base)
{
    for ( /* void */ ; c->member != NULL; c++) {
        ngx_meshkit_status_print(page, "\"%s\":%uA,", c->member,
                                 ngx_meshkit_status_value(base, c->offset));
    }
}


static void
ngx_meshkit_status_json_gateway(ngx_meshkit_status_page_t *page,
    const ngx_meshkit_status_gateway_t *g)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  last;

    ngx_meshkit_status_print(page, "{\"server\":\"%V\",\"gateway\":\"%V\",",
                             &g->server, &g->prefix);

    ngx_meshkit_status_json_counters(page, ngx_meshkit_status_gateways,
                                     g->counted);

    ngx_meshkit_status_print(page, "\"faults\":{");

    for (i = 0; i < NGX_MESHKIT_FAULTS; i++) {
        ngx_meshkit_status_print(page, "%s\"%s\":%uA", i == 0 ? "" : ",",
                                 ngx_meshkit_counters_fault(i),
                                 g->counted->faults[i]);
    }

    last = g->counted->last_fault;

    if (last == 0) {
        ngx_meshkit_status_print(page, "},\"lastFault\":null}");

    } else {
        ngx_meshkit_status_print(page, "},\"lastFault\":{\"fault\":\"%s\","
                                 "\"time\":%uA}}",
                                 ngx_meshkit_counters_fault(last - 1),
                                 g->counted->last_time);
    }
}


static void
ngx_meshkit_status_json(ngx_meshkit_status_page_t *page)
{
    ngx_uint_t                     i;
    ngx_meshkit_pickup_state_t    *list;
    ngx_meshkit_status_gateway_t  *g;

    ngx_meshkit_status_print(page, "{\"opens\":{");

    for (i = 0; i < MK_STATUS_COUNT; i++) {
        ngx_meshkit_status_print(page, "%s\"%s\":%uA", i == 0 ? "" : ",",
                                 mk_status_name(i),
                                 page->counters->outcomes[i]);
    }

    ngx_meshkit_status_print(page, "},");
    ngx_meshkit_status_json_counters(page, ngx_meshkit_status_opens,
                                     page->counters);
    ngx_meshkit_status_print(page, "\"localFailures\":{");

    for (i = NGX_MESHKIT_LOCAL_NONE + 1; i < NGX_MESHKIT_LOCALS; i++) {
        ngx_meshkit_status_print(page, "%s\"%s\":%uA",
                                 i == NGX_MESHKIT_LOCAL_NONE + 1 ? "" : ",",
                                 ngx_meshkit_local_name(i),
                                 page->counters->local[i]);
    }

    ngx_meshkit_status_print(page, "},\"keyMemory\":{");
    ngx_meshkit_status_json_counters(page, ngx_meshkit_status_heap,
                                     &page->heap);
    ngx_meshkit_status_print(page, "\"refused\":%uA}",
                             page->counters->keys_refused);
    ngx_meshkit_status_print(page, ",\"memory\":{\"held\":%uz,"
                             "\"limit\":%uz,\"refused\":%uA},\"gateways\":[",
                             ngx_meshkit_memory_held(),
                             ngx_meshkit_memory_limit(),
                             page->counters->memory);

    g = page->gateways.elts;

    for (i = 0; i < page->gateways.nelts; i++) {
        ngx_meshkit_status_print(page, i == 0 ? "" : ",");
        ngx_meshkit_status_json_gateway(page, &g[i]);
    }

    list = page->denylists.elts;
    ngx_meshkit_status_print(page, "],\"denylists\":[");

    for (i = 0; i < page->denylists.nelts; i++) {
        ngx_meshkit_status_print(page, i == 0 ? "{" : ",{");
        ngx_meshkit_status_json_counters(page, ngx_meshkit_status_denylist,
                                         &list[i]);
        ngx_meshkit_status_print(page, "\"file\":\"%V\"}", &list[i].file);
    }

    ngx_meshkit_status_print(page, "]}\n");
}


/* --- the handler ---------------------------------------------------------- */


static ngx_int_t
ngx_meshkit_status_send(ngx_http_request_t *r, u_char *start, u_char *end)
{
    ngx_int_t         rc;
    ngx_buf_t        *b;
    ngx_chain_t       out;
    ngx_table_elt_t  *h;

    b = ngx_calloc_buf(r->pool);
    h = ngx_list_push(&r->headers_out.headers);

    if (b == NULL || h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    ngx_str_set(&h->key, "Cache-Control");
    ngx_str_set(&h->value, "no-store");

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = end - start;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = start;
    b->last = end;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_meshkit_status_handler(ngx_http_request_t *r)
{
    u_char                        *start;
    ngx_int_t                      rc;
    ngx_meshkit_status_page_t      page;
    const ngx_meshkit_loc_conf_t  *mlcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_meshkit_module);

    ngx_memzero(&page, sizeof(ngx_meshkit_status_page_t));
    page.counters = ngx_meshkit_counters_get(r);
    ngx_meshkit_heap_state(&page.heap);

    if (ngx_meshkit_status_collect(r, &page) != NGX_OK
        || ngx_meshkit_status_denylists(r, &page) != NGX_OK
        || ngx_meshkit_status_alloc(r, &page) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    start = page.p;

    if (mlcf->status == NGX_MESHKIT_STATUS_PROMETHEUS) {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");
        ngx_meshkit_status_prometheus(&page);

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");
        ngx_meshkit_status_json(&page);
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    return ngx_meshkit_status_send(r, start, page.p);
}


/* meshkit_status [json|prometheus]; */
char *
ngx_meshkit_status_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_loc_conf_t *mlcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (mlcf->status != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "stands in a location that serves something else";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 1 || ngx_strcmp(value[1].data, "json") == 0) {
        mlcf->status = NGX_MESHKIT_STATUS_JSON;

    } else if (ngx_strcmp(value[1].data, "prometheus") == 0) {
        mlcf->status = NGX_MESHKIT_STATUS_PROMETHEUS;

    } else {
        return ngx_meshkit_conf_unknown(cf, &value[1],
                                        "\"json\" or \"prometheus\"");
    }

    clcf->handler = ngx_meshkit_status_handler;

    return NGX_CONF_OK;
}
