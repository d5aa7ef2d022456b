/*
 * ngx_meshkit_pace: how long a gateway is waited for.
 *
 * Time is counted for the gateway that the next block is to come from, and
 * begins anew when that becomes another one.  Of meshkit_deadline each gets
 * what is left, divided by the gateways that are left; meshkit_min_rate is
 * looked at in periods.
 */

#include "ngx_meshkit_fetch.h"


static void ngx_meshkit_pace_period(ngx_event_t *ev);
static void ngx_meshkit_pace_share_over(ngx_event_t *ev);


/* The answer that is waited for, and whose it is; NULL: none. */
static ngx_meshkit_subrequest_t *
ngx_meshkit_pace_needed(ngx_meshkit_fetch_t *f, ngx_uint_t *n)
{
    const mk_cid_t      *cid;
    ngx_meshkit_slot_t  *slot;

    if (f->open->decided || f->open->verified) {
        return NULL;
    }

    if (f->stream != NULL) {
        *n = f->stream_gateway;
        return f->stream;
    }

    cid = mk_opener_next(f->open->opener, 0);
    slot = cid == NULL ? NULL : ngx_meshkit_blocks_find(f, cid, 1);

    if (slot == NULL || slot->subrequest == NULL
        || ngx_meshkit_subrequest_is_over(slot->subrequest))
    {
        return NULL;
    }

    *n = slot->gateway;

    return slot->subrequest;
}


/* Bytes that served: of blocks that were taken, and of the next one. */
static uint64_t
ngx_meshkit_pace_useful(const ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const ngx_meshkit_subrequest_t *s)
{
    return f->gateways[n].useful + s->received - s->used;
}


static void
ngx_meshkit_pace_restart(ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const ngx_meshkit_subrequest_t *s)
{
    f->received = f->gateways[n].received;
    f->useful = ngx_meshkit_pace_useful(f, n, s);

    if (f->open->conf->min_rate > 0) {
        ngx_add_timer(&f->rate, NGX_MESHKIT_RATE_TIME);
    }
}


/* The gateway's part of what is left of meshkit_deadline. */
static void
ngx_meshkit_pace_share(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t              i, gateways;
    ngx_msec_int_t          left;
    ngx_meshkit_gateway_t  *gateway;

    if (f->share.timer_set) {
        ngx_del_timer(&f->share);
    }

    if (!f->open->deadline.timer_set) {
        return;
    }

    gateways = 0;

    for (i = 0; i < f->ngateways; i++) {
        gateway = &f->gateways[i];
        gateways += f->services[i].form == NGX_MESHKIT_CAR
                    ? !gateway->car_out : !gateway->raw_out;
    }

    left = (ngx_msec_int_t) (f->open->deadline.timer.key - ngx_current_msec);

    if (gateways > 1 && left > 0) {
        ngx_add_timer(&f->share, (ngx_msec_t) left / gateways);
    }
}


void
ngx_meshkit_pace_begin(ngx_meshkit_fetch_t *f)
{
    ngx_log_t  *log;

    log = f->open->request->connection->log;

    f->rate.handler = ngx_meshkit_pace_period;
    f->rate.data = f;
    f->rate.log = log;

    f->share.handler = ngx_meshkit_pace_share_over;
    f->share.data = f;
    f->share.log = log;
}


void
ngx_meshkit_pace_watch(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t                 n;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_pace_needed(f, &n);

    if (s == NULL || f->paced == n + 1) {
        return;
    }

    f->paced = n + 1;
    f->since = ngx_current_msec;
    f->waited = 0;

    ngx_meshkit_pace_restart(f, n, s);
    ngx_meshkit_pace_share(f);
}


static void
ngx_meshkit_pace_leave(ngx_meshkit_fetch_t *f,
    const ngx_meshkit_fault_t *fault)
{
    if (f->stream != NULL) {
        ngx_meshkit_car_slow(f, fault);

    } else {
        ngx_meshkit_blocks_slow(f, fault);
    }

    ngx_meshkit_pace_watch(f);
    ngx_meshkit_open_post(f->open);
}


/*
 * Slow is who sends too little, or too little of what is needed: of several
 * blocks at a time, the next one is to have its part.
 */
static ngx_uint_t
ngx_meshkit_pace_is_slow(const ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const ngx_meshkit_subrequest_t *s)
{
    int64_t  received, useful, wanted;

    wanted = (int64_t) f->open->conf->min_rate * NGX_MESHKIT_RATE_TIME / 1000;
    received = (int64_t) (f->gateways[n].received - f->received);
    useful = (int64_t) (ngx_meshkit_pace_useful(f, n, s) - f->useful);

    return received < wanted || useful < wanted / (int64_t) f->nslots;
}


/*
 * meshkit_min_rate: a gateway that drips is left like one that is silent, but
 * not while it is the client that is waited for.
 */
static void
ngx_meshkit_pace_period(ngx_event_t *ev)
{
    ngx_uint_t                 n;
    ngx_connection_t          *c;
    ngx_meshkit_open_t        *open;
    ngx_meshkit_fetch_t       *f;
    ngx_meshkit_subrequest_t  *s;

    f = ev->data;
    open = f->open;
    c = open->request->connection;

    ngx_http_set_log_request(c->log, open->request);

    s = ngx_meshkit_pace_needed(f, &n);

    if (s != NULL && f->paced == n + 1 && !f->waited && !open->client.timer_set
        && ngx_meshkit_pace_is_slow(f, n, s))
    {
        ngx_meshkit_pace_leave(f, &ngx_meshkit_fault_slow);
        s = ngx_meshkit_pace_needed(f, &n);
    }

    f->waited = 0;

    if (s != NULL) {
        ngx_meshkit_pace_restart(f, n, s);

    } else if (!open->decided && !open->verified) {
        ngx_add_timer(&f->rate, NGX_MESHKIT_RATE_TIME);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_meshkit_pace_share_over(ngx_event_t *ev)
{
    ngx_uint_t            n;
    ngx_connection_t     *c;
    ngx_meshkit_fetch_t  *f;

    f = ev->data;
    c = f->open->request->connection;

    ngx_http_set_log_request(c->log, f->open->request);

    if (f->open->deadline.timer_set && ngx_meshkit_pace_needed(f, &n) != NULL
        && f->paced == n + 1)
    {
        ngx_meshkit_pace_leave(f, &ngx_meshkit_fault_late);
    }

    ngx_http_run_posted_requests(c);
}


void
ngx_meshkit_pace_late(ngx_meshkit_fetch_t *f)
{
    ngx_uint_t                 n;
    ngx_meshkit_subrequest_t  *s;

    s = ngx_meshkit_pace_needed(f, &n);

    if (s != NULL) {
        ngx_meshkit_fault_blame(f, n, s, &ngx_meshkit_fault_late);
        ngx_meshkit_fault_rest(f, n, s);
    }
}


ngx_uint_t
ngx_meshkit_pace_cost(const ngx_meshkit_fetch_t *f, ngx_uint_t n)
{
    return f->paced == n + 1 ? (ngx_current_msec - f->since) / 1000 : 0;
}


void
ngx_meshkit_pace_end(ngx_meshkit_fetch_t *f)
{
    if (f->rate.timer_set) {
        ngx_del_timer(&f->rate);
    }

    if (f->share.timer_set) {
        ngx_del_timer(&f->share);
    }
}
