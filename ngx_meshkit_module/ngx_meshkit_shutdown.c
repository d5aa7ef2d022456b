/*
 * ngx_meshkit_shutdown: opens that are cut since their worker ends.
 *
 * At the end of worker_shutdown_timeout nginx closes every connection as if
 * its client had left, and logs nothing of it.  A worker that is stopped at
 * once leaves its requests as they are.  Neither is the client's doing, nor
 * a failure of the open.
 */

#include "ngx_meshkit_counters.h"


/* of this worker */
static ngx_queue_t  ngx_meshkit_shutdown_opens = {
    &ngx_meshkit_shutdown_opens, &ngx_meshkit_shutdown_opens
};

static ngx_uint_t   ngx_meshkit_shutdown_fired;


void
ngx_meshkit_shutdown_add(ngx_meshkit_open_t *open)
{
    ngx_queue_insert_tail(&ngx_meshkit_shutdown_opens, &open->queue);
}


/*
 * nginx's timer has no name outside its file.  It is the one of the cycle
 * that does not keep a worker from exiting.
 */
static ngx_uint_t
ngx_meshkit_shutdown_is_pending(void)
{
    ngx_event_t        *ev;
    ngx_rbtree_node_t  *node;

    node = ngx_event_timer_rbtree.root;

    if (node == ngx_event_timer_rbtree.sentinel) {
        return 0;
    }

    for (node = ngx_rbtree_min(node, ngx_event_timer_rbtree.sentinel);
         node != NULL;
         node = ngx_rbtree_next(&ngx_event_timer_rbtree, node))
    {
        ev = ngx_rbtree_data(node, ngx_event_t, timer);

        if (ev->cancelable && ev->data == (void *) ngx_cycle) {
            return 1;
        }
    }

    return 0;
}


/*
 * Of a connection by HTTP/1 nginx notes that it closes it; of one by HTTP/2
 * it does not, nor which of its streams ended by that.
 */
static ngx_uint_t
ngx_meshkit_shutdown_is_over(void)
{
    ngx_core_conf_t  *ccf;

    if (!ngx_exiting || ngx_meshkit_shutdown_fired) {
        return ngx_meshkit_shutdown_fired;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    ngx_meshkit_shutdown_fired = ccf->shutdown_timeout != 0
                                 && !ngx_meshkit_shutdown_is_pending();

    return ngx_meshkit_shutdown_fired;
}


/* It came to an end of its own: refused, or all was sent. */
static ngx_uint_t
ngx_meshkit_shutdown_is_done(const ngx_meshkit_open_t *open)
{
    return open->decided && !open->client_gone
           && (open->outcome != MK_OK || open->request->request_complete);
}


static void
ngx_meshkit_shutdown_note(ngx_meshkit_open_t *open, const char *why)
{
    ngx_str_t  id;

    open->shutdown = 1;

    /* a malformed id could forge a line of its own */

    ngx_str_set(&id, "?");

    if (mk_name_is_id(ngx_meshkit_bytes(&open->id))) {
        id = open->id;
    }

    ngx_log_error(NGX_LOG_WARN, open->request->connection->log, 0,
                  "meshkit: capsule \"%V\" ended by shutdown: %s", &id, why);
}


void
ngx_meshkit_shutdown_ended(ngx_meshkit_open_t *open)
{
    if (!open->shutdown && !ngx_meshkit_shutdown_is_done(open)
        && ngx_meshkit_shutdown_is_over())
    {
        ngx_meshkit_shutdown_note(open, "worker_shutdown_timeout is over");
    }
}


/* Nothing of nginx's will run for these any more: no cleanup, no log phase. */
void
ngx_meshkit_shutdown_exit_process(ngx_cycle_t *cycle)
{
    ngx_queue_t         *q;
    ngx_meshkit_open_t  *open;

    for (q = ngx_queue_head(&ngx_meshkit_shutdown_opens);
         q != ngx_queue_sentinel(&ngx_meshkit_shutdown_opens);
         q = ngx_queue_next(q))
    {
        open = ngx_queue_data(q, ngx_meshkit_open_t, queue);

        if (open->request->logged) {
            continue;
        }

        if (!open->over && !ngx_meshkit_shutdown_is_done(open)) {
            ngx_meshkit_shutdown_note(open, "the worker was stopped");
        }

        ngx_meshkit_audit_close(open);
        ngx_meshkit_counters_end(open);
    }
}
