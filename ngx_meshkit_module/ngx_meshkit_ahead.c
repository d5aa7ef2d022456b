/*
 * ngx_meshkit_ahead: how many raw blocks are asked for ahead of need.
 *
 * Reading ahead is for a client that takes bytes faster than a gateway gives
 * them.  It begins when such a client waits for a block, and grows to
 * meshkit_read_ahead with each further block that it waits for.  While a
 * segment is on its way to the client no block is asked for; once the client
 * has been the slower side for a while, the blocks behind the next one are
 * given up.  So a client that does not read has one block of its own in
 * memory, and one more that was asked for before it stopped.
 */

#include "ngx_meshkit_fetch.h"


/* from when a client is slow to when blocks are given up (milliseconds) */
#define NGX_MESHKIT_SLOW_TIME  1000

/* a gateway whose CAR is not read for so long may close its connection */
#define NGX_MESHKIT_KEPT_TIME  5000


static void ngx_meshkit_ahead_give_up(ngx_event_t *ev);


void
ngx_meshkit_ahead_begin(ngx_meshkit_fetch_t *f)
{
    f->slow.handler = ngx_meshkit_ahead_give_up;
    f->slow.data = f;
    f->slow.log = f->open->request->connection->log;
}


void
ngx_meshkit_ahead_end(ngx_meshkit_fetch_t *f)
{
    if (f->slow.timer_set) {
        ngx_del_timer(&f->slow);
    }
}


/* A block that the client waits for is asked for in any case. */
ngx_uint_t
ngx_meshkit_ahead_reach(const ngx_meshkit_fetch_t *f)
{
    if (f->open->busy == NULL && mk_opener_data(f->open->opener).len == 0) {
        return ngx_max(f->reach, 1);
    }

    return f->reach;
}


/* A segment is on its way, and the client does not take it. */
void
ngx_meshkit_ahead_stalled(ngx_meshkit_fetch_t *f)
{
    f->reach = 0;

    if (!f->stalled) {
        f->stalled = 1;
        f->stalled_since = ngx_current_msec;
    }

    if (f->stream == NULL && !f->is_slow) {
        f->is_slow = 1;
        ngx_add_timer(&f->slow, NGX_MESHKIT_SLOW_TIME);
    }
}


/* The client took all that was sent: the next block comes meanwhile. */
void
ngx_meshkit_ahead_taken(ngx_meshkit_fetch_t *f)
{
    if (f->stalled && f->stream != NULL
        && ngx_current_msec - f->stalled_since >= NGX_MESHKIT_KEPT_TIME)
    {
        f->kept_waiting = 1;
    }

    f->stalled = 0;

    if (f->reach > 0) {
        return;
    }

    f->reach = 1;

    if (f->stream == NULL && f->taken != NULL) {
        ngx_meshkit_blocks_fill(f);
    }
}


/*
 * The client waits for a block.  In front of the first segment it does so if
 * that is spread over blocks, else nobody knows yet whether it reads.
 */
void
ngx_meshkit_ahead_starved(ngx_meshkit_fetch_t *f)
{
    ngx_meshkit_open_t  *open;

    open = f->open;

    if (!open->begun && open->spool == NULL
        && !mk_opener_collects(open->opener))
    {
        return;
    }

    f->is_slow = 0;
    ngx_meshkit_ahead_end(f);

    if (f->reach < f->ahead) {
        f->reach = ngx_min(ngx_max(f->reach * 2, 1), f->ahead);
        ngx_meshkit_blocks_fill(f);
    }
}


static void
ngx_meshkit_ahead_give_up(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_meshkit_fetch_t  *f;

    f = ev->data;
    c = f->open->request->connection;

    ngx_http_set_log_request(c->log, f->open->request);

    if (!f->open->decided && f->stream == NULL) {
        ngx_meshkit_blocks_keep(f, 1);
    }

    ngx_http_run_posted_requests(c);
}
