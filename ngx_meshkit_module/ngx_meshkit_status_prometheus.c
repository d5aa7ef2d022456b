/*
 * ngx_meshkit_status_prometheus: the page in Prometheus' text format.
 */

#include "ngx_meshkit_local.h"
#include "ngx_meshkit_memory.h"
#include "ngx_meshkit_status.h"


static void
ngx_meshkit_status_metric(ngx_meshkit_status_page_t *page, const char *metric,
    const char *type, const char *help)
{
    ngx_meshkit_status_print(page, "# HELP nginx_meshkit_%s %s\n"
                             "# TYPE nginx_meshkit_%s %s\n",
                             metric, help, metric, type);
}


static void
ngx_meshkit_status_faults(ngx_meshkit_status_page_t *page)
{
    ngx_uint_t                     i, n;
    ngx_meshkit_status_gateway_t  *g;

    g = page->gateways.elts;

    ngx_meshkit_status_metric(page, "gateway_faults_total", "counter",
                              "Answers with a fault, by its kind.");

    for (i = 0; i < page->gateways.nelts; i++) {
        for (n = 0; n < NGX_MESHKIT_FAULTS; n++) {
            ngx_meshkit_status_print(page,
                                     "nginx_meshkit_gateway_faults_total{"
                                     "server=\"%V\",gateway=\"%V\","
                                     "fault=\"%s\"} %uA\n",
                                     &g[i].server, &g[i].prefix,
                                     ngx_meshkit_counters_fault(n),
                                     g[i].counted->faults[n]);
        }
    }

    ngx_meshkit_status_metric(page, "gateway_last_fault_timestamp_seconds",
                              "gauge", "When the last of them was, or 0.");

    for (i = 0; i < page->gateways.nelts; i++) {
        ngx_meshkit_status_print(page, "nginx_meshkit_gateway_"
                                 "last_fault_timestamp_seconds{"
                                 "server=\"%V\",gateway=\"%V\"} %uA\n",
                                 &g[i].server, &g[i].prefix,
                                 g[i].counted->last_time);
    }
}


static void
ngx_meshkit_status_local(ngx_meshkit_status_page_t *page)
{
    ngx_uint_t  i;

    ngx_meshkit_status_metric(page, "local_failures_total", "counter",
                              "Requests to services that this server failed "
                              "to make, by cause.");

    for (i = NGX_MESHKIT_LOCAL_NONE + 1; i < NGX_MESHKIT_LOCALS; i++) {
        ngx_meshkit_status_print(page, "nginx_meshkit_local_failures_total{"
                                 "cause=\"%s\"} %uA\n",
                                 ngx_meshkit_local_name(i),
                                 page->counters->local[i]);
    }
}


static void
ngx_meshkit_status_keys(ngx_meshkit_status_page_t *page)
{
    const ngx_meshkit_status_counter_t  *c;

    for (c = ngx_meshkit_status_heap; c->member != NULL; c++) {
        ngx_meshkit_status_metric(page, c->metric, "gauge", c->help);
        ngx_meshkit_status_print(page, "nginx_meshkit_%s %uA\n", c->metric,
                                 ngx_meshkit_status_value(&page->heap,
                                                          c->offset));
    }

    ngx_meshkit_status_metric(page, "key_memory_refused_total", "counter",
                              "Opens that had no room for their keys.");
    ngx_meshkit_status_print(page, "nginx_meshkit_key_memory_refused_total "
                             "%uA\n", page->counters->keys_refused);
}


static void
ngx_meshkit_status_memory(ngx_meshkit_status_page_t *page)
{
    ngx_meshkit_status_metric(page, "memory_held_bytes", "gauge",
                              "What the opens of this worker may hold.");
    ngx_meshkit_status_print(page, "nginx_meshkit_memory_held_bytes %uz\n",
                             ngx_meshkit_memory_held());

    ngx_meshkit_status_metric(page, "memory_limit_bytes", "gauge",
                              "meshkit_max_memory, or 0.");
    ngx_meshkit_status_print(page, "nginx_meshkit_memory_limit_bytes %uz\n",
                             ngx_meshkit_memory_limit());

    ngx_meshkit_status_metric(page, "memory_refused_total", "counter",
                              "Opens that meshkit_max_memory refused.");
    ngx_meshkit_status_print(page, "nginx_meshkit_memory_refused_total %uA\n",
                             page->counters->memory);
}


static void
ngx_meshkit_status_lists(ngx_meshkit_status_page_t *page)
{
    ngx_uint_t                           i;
    ngx_meshkit_pickup_state_t          *list;
    const ngx_meshkit_status_counter_t  *c;

    list = page->denylists.elts;

    for (c = ngx_meshkit_status_denylist; c->member != NULL; c++) {
        ngx_meshkit_status_metric(page, c->metric, "gauge", c->help);

        for (i = 0; i < page->denylists.nelts; i++) {
            ngx_meshkit_status_print(page, "nginx_meshkit_%s{file=\"%V\"} "
                                     "%uA\n", c->metric, &list[i].file,
                                     ngx_meshkit_status_value(&list[i],
                                                              c->offset));
        }
    }
}


void
ngx_meshkit_status_prometheus(ngx_meshkit_status_page_t *page)
{
    ngx_uint_t                           i;
    ngx_meshkit_status_gateway_t        *g;
    const ngx_meshkit_status_counter_t  *c;

    g = page->gateways.elts;

    ngx_meshkit_status_metric(page, "opens_total", "counter",
                              "Opens that ended, by their outcome.");

    for (i = 0; i < MK_STATUS_COUNT; i++) {
        ngx_meshkit_status_print(page, "nginx_meshkit_opens_total{outcome="
                                 "\"%s\"} %uA\n", mk_status_name(i),
                                 page->counters->outcomes[i]);
    }

    for (c = ngx_meshkit_status_opens; c->member != NULL; c++) {
        ngx_meshkit_status_metric(page, c->metric, "counter", c->help);
        ngx_meshkit_status_print(page, "nginx_meshkit_%s %uA\n", c->metric,
                                 ngx_meshkit_status_value(page->counters,
                                                          c->offset));
    }

    ngx_meshkit_status_local(page);
    ngx_meshkit_status_keys(page);
    ngx_meshkit_status_memory(page);

    for (c = ngx_meshkit_status_gateways; c->member != NULL; c++) {
        ngx_meshkit_status_metric(page, c->metric, "counter", c->help);

        for (i = 0; i < page->gateways.nelts; i++) {
            ngx_meshkit_status_print(page, "nginx_meshkit_%s{server=\"%V\","
                                     "gateway=\"%V\"} %uA\n", c->metric,
                                     &g[i].server, &g[i].prefix,
                                     ngx_meshkit_status_value(g[i].counted,
                                                              c->offset));
        }
    }

    ngx_meshkit_status_faults(page);
    ngx_meshkit_status_lists(page);
}
