/*
 * ngx_meshkit_await: opens that wait until a denylist is read.
 */

#include "ngx_meshkit_await.h"
#include "ngx_meshkit_pickup.h"
#include "ngx_meshkit_turns.h"


static ngx_int_t ngx_meshkit_await_go_on(void *data);


/* this worker's opens that need wait no longer, the first one first */
static ngx_queue_t  ngx_meshkit_await_ready = {
    &ngx_meshkit_await_ready, &ngx_meshkit_await_ready
};

static ngx_meshkit_turn_t  ngx_meshkit_await_turn = {
    .work = ngx_meshkit_await_go_on
};


ngx_int_t
ngx_meshkit_await_list(ngx_meshkit_open_t *open)
{
    ngx_queue_t  *queue;

    if (open->conf->denylist == NULL) {
        return NGX_OK;
    }

    /*
     * The file may have changed once more while this open waited, but an open
     * is not to wait for as long as somebody writes.
     */

    if (open->listed) {
        open->listed = 0;
        return NGX_OK;
    }

    queue = ngx_meshkit_pickup_look(open->conf->denylist);

    if (queue == NULL) {
        return NGX_OK;
    }

    open->check = MK_CHECK_DENYLIST;
    open->awaits = 1;

    ngx_queue_insert_tail(queue, &open->awaiting);

    return NGX_AGAIN;
}


ngx_uint_t
ngx_meshkit_await_is_waiting(const ngx_meshkit_open_t *open)
{
    return open->awaits;
}


void
ngx_meshkit_await_late(ngx_meshkit_open_t *open)
{
    if (open->awaits) {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR,
                                "the denylist is being read");
    }
}


void
ngx_meshkit_await_end(ngx_meshkit_open_t *open)
{
    if (open->awaits) {
        open->awaits = 0;
        ngx_queue_remove(&open->awaiting);
    }
}


/* Any of them may end others by what it does, so each is the first one. */
static ngx_int_t
ngx_meshkit_await_go_on(void *data)
{
    ngx_uint_t           i;
    ngx_queue_t         *q;
    ngx_connection_t    *c;
    ngx_meshkit_open_t  *open;

    for (i = 0; i < NGX_MESHKIT_AWAIT_TURN; i++) {

        if (ngx_queue_empty(&ngx_meshkit_await_ready)) {
            return NGX_OK;
        }

        q = ngx_queue_head(&ngx_meshkit_await_ready);
        open = ngx_queue_data(q, ngx_meshkit_open_t, awaiting);
        c = open->request->connection;

        ngx_meshkit_await_end(open);
        open->listed = 1;

        ngx_http_set_log_request(c->log, open->request);

        ngx_meshkit_open_post(open);

        ngx_http_run_posted_requests(c);
    }

    return NGX_AGAIN;
}


void
ngx_meshkit_await_release(ngx_queue_t *queue)
{
    if (ngx_queue_empty(queue)) {
        return;
    }

    ngx_queue_add(&ngx_meshkit_await_ready, queue);
    ngx_queue_init(queue);

    ngx_meshkit_turns_add(&ngx_meshkit_await_turn);
}
