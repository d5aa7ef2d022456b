/*
 * ngx_meshkit_turns: long work, in turns with all that a worker has to do.
 */

#include "ngx_meshkit_turns.h"

#include <ngx_event.h>


static void ngx_meshkit_turns_handler(ngx_event_t *ev);


/* this worker's works, the next one first */
static ngx_queue_t  ngx_meshkit_turns_works = {
    &ngx_meshkit_turns_works, &ngx_meshkit_turns_works
};

static ngx_event_t  ngx_meshkit_turns_event;


/* What is posted so is run behind the next look at the sockets. */
static void
ngx_meshkit_turns_post(void)
{
    if (ngx_queue_empty(&ngx_meshkit_turns_works)) {
        return;
    }

    ngx_meshkit_turns_event.handler = ngx_meshkit_turns_handler;
    ngx_meshkit_turns_event.log = ngx_cycle->log;

    ngx_post_event(&ngx_meshkit_turns_event, &ngx_posted_next_events);
}


static void
ngx_meshkit_turns_handler(ngx_event_t *ev)
{
    ngx_queue_t         *q;
    ngx_meshkit_turn_t  *turn;

    if (ngx_queue_empty(&ngx_meshkit_turns_works)) {
        return;
    }

    q = ngx_queue_head(&ngx_meshkit_turns_works);
    turn = ngx_queue_data(q, ngx_meshkit_turn_t, queue);

    ngx_meshkit_turns_remove(turn);

    if (turn->work(turn->data) == NGX_AGAIN) {
        ngx_meshkit_turns_add(turn);
    }

    ngx_meshkit_turns_post();
}


void
ngx_meshkit_turns_add(ngx_meshkit_turn_t *turn)
{
    if (turn->queued) {
        return;
    }

    turn->queued = 1;

    ngx_queue_insert_tail(&ngx_meshkit_turns_works, &turn->queue);

    ngx_meshkit_turns_post();
}


void
ngx_meshkit_turns_remove(ngx_meshkit_turn_t *turn)
{
    if (turn->queued) {
        turn->queued = 0;
        ngx_queue_remove(&turn->queue);
    }
}
