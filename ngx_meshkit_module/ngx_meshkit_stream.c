/*
 * ngx_meshkit_stream: authentic plaintext, as fast as the client takes it.
 *
 * One segment goes round: opener -> filters -> client.  While it is on its
 * way nothing is opened, and nothing is read from a gateway that is not the
 * block that comes next.
 */

#include "ngx_meshkit_fetch.h"
#include "ngx_meshkit_guard.h"


static ngx_buf_tag_t
ngx_meshkit_stream_tag(void)
{
    return (ngx_buf_tag_t) &ngx_meshkit_module;
}


/* A buffer for the next segment; NULL while there is one on its way. */
static ngx_chain_t *
ngx_meshkit_stream_get(ngx_meshkit_open_t *open)
{
    ngx_chain_t  *cl;

    if (open->busy != NULL) {
        return NULL;
    }

    cl = ngx_chain_get_free_buf(open->request->pool, &open->free);
    if (cl == NULL) {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR, "no memory");
        return NULL;
    }

    cl->buf->temporary = 1;
    cl->buf->tag = ngx_meshkit_stream_tag();

    return cl;
}


/* Sends out, and takes back the buffers that went through. */
static void
ngx_meshkit_stream_send(ngx_meshkit_open_t *open, ngx_chain_t *out)
{
    void                *owner;
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = open->request;
    c = r->connection;

    if (out != NULL && ngx_meshkit_guard_expect(open, out->buf) != NGX_OK) {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR,
                                NGX_MESHKIT_CHANGED);
        return;
    }

    /*
     * A cached CAR's subrequest has the connection's events, but by HTTP/2
     * nginx takes memory of that request for what is on its way: frames would
     * hold on to a pool that is gone before they are.
     */

    owner = c->data;
    c->data = r;

    rc = ngx_meshkit_next_body_filter(r, out);

    c->data = owner;

    ngx_chain_update_chains(r->pool, &open->free, &open->busy, &out,
                            ngx_meshkit_stream_tag());

    if (rc == NGX_ERROR && c->error) {
        open->client_gone = 1;
        ngx_meshkit_open_decide(open, MK_OK, NULL);

    } else if (rc == NGX_ERROR) {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR,
                                ngx_meshkit_guard_reason(open));

    } else if (open->verified) {
        return;

    } else if (open->busy != NULL) {
        ngx_meshkit_ahead_stalled(open->fetch);

    } else {
        ngx_meshkit_ahead_taken(open->fetch);
    }
}


/*
 * Tells the filters that this was all; returns what the request is to be
 * finalized with.  ngx_http_send_special would take the failure of a filter
 * for one of the client's connection.
 */
ngx_int_t
ngx_meshkit_stream_last(ngx_meshkit_open_t *open)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = open->request;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    rc = ngx_meshkit_next_body_filter(r, &out);

    if (rc == NGX_ERROR && !r->connection->error) {
        open->outcome = MK_INTERNAL_ERROR;
        open->why = ngx_meshkit_guard_reason(open);
    }

    return rc;
}


/* A segment of this length was opened in this turn. */
void
ngx_meshkit_stream_took(ngx_meshkit_open_t *open, size_t len)
{
    open->turn += 1 + (len - 1) / NGX_MESHKIT_TURN_PIECE;
}


/* Opens the next segment; 1 if there was one, 0 if a block is needed. */
static ngx_uint_t
ngx_meshkit_stream_piece(ngx_meshkit_open_t *open, ngx_chain_t *cl)
{
    size_t        len;
    u_char       *plain;
    ngx_buf_t    *b;
    mk_status_t   status;

    status = mk_opener_read(open->opener, &plain, &len);

    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status,
                                mk_opener_saw_legacy_blob(open->opener)
                                ? NGX_MESHKIT_LEGACY
                                : "a segment does not open");
        len = 0;
    }

    if (len == 0) {
        cl->next = open->free;
        open->free = cl;

        return 0;
    }

    b = cl->buf;
    b->start = plain;
    b->pos = plain;
    b->last = plain + len;
    b->end = b->last;

    /* a buffer that waits for company would never come back */

    b->flush = 1;

    if (!open->begun && ngx_meshkit_audit_allow(open) != NGX_OK) {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR,
                                NGX_MESHKIT_UNAUDITED);
        return 0;
    }

    if (!open->begun
        && ngx_meshkit_answer_header(open) != NGX_OK)
    {
        open->client_gone = open->request->connection->error;
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR,
                                ngx_meshkit_guard_reason(open));
        return 0;
    }

    ngx_meshkit_stream_took(open, len);
    ngx_meshkit_count(ngx_meshkit_counters_get(open->request)->plaintext, len);

    ngx_meshkit_stream_send(open, cl);

    return 1;
}


/*
 * Whether others have their turn now.  nginx's time stands still while one
 * event is worked on, with all that it posts.
 */
ngx_uint_t
ngx_meshkit_stream_turn(ngx_meshkit_open_t *open)
{
    if (open->turn_time != ngx_current_msec) {
        open->turn_time = ngx_current_msec;
        open->turn = 0;
    }

    open->yielded = open->turn >= NGX_MESHKIT_TURN;

    return open->yielded;
}


static void
ngx_meshkit_stream_fill(ngx_meshkit_open_t *open)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    while (!open->decided) {

        if (mk_opener_done(open->opener)
            && (open->spool == NULL || open->verified))
        {
            ngx_meshkit_open_decide(open, MK_OK, NULL);
            return;
        }

        cl = ngx_meshkit_stream_get(open);
        if (cl == NULL) {
            open->fetch->waited = 1;
            return;
        }

        if (open->spool != NULL && !open->verified) {

            ngx_meshkit_spool_fill(open);

            cl->next = open->free;
            open->free = cl;

            if (!open->verified) {
                return;
            }

            continue;
        }

        if (ngx_meshkit_stream_turn(open)) {
            cl->next = open->free;
            open->free = cl;
            return;
        }

        if (ngx_meshkit_stream_piece(open, cl)) {
            continue;
        }

        if (open->decided || mk_opener_done(open->opener)) {
            continue;
        }

        rc = open->spool != NULL ? ngx_meshkit_spool_read(open)
                                 : ngx_meshkit_fetch_block(open);

        if (rc != NGX_OK) {
            return;
        }
    }
}


/* Opens and sends as much as there are blocks, and as the client takes. */
void
ngx_meshkit_stream_pump(ngx_meshkit_open_t *open)
{
    open->yielded = 0;

    if (open->busy != NULL) {
        ngx_meshkit_stream_send(open, NULL);
    }

    ngx_meshkit_stream_fill(open);

    if (!open->decided && ngx_meshkit_stream_watch(open) != NGX_OK) {
        open->client_gone = 1;
        ngx_meshkit_open_decide(open, MK_OK, NULL);
    }
}


/* A pause ends by itself, a wait for the client does not: never mixed up. */
static void
ngx_meshkit_stream_set_timer(ngx_meshkit_open_t *open, ngx_uint_t pausing,
    ngx_msec_t wait)
{
    if (open->client.timer_set && open->pausing != pausing) {

        /* nginx would keep a time that differs by less than 300 ms */

        ngx_del_timer(&open->client);
    }

    open->pausing = pausing;
    ngx_add_timer(&open->client, wait);
}


/*
 * Waits for the client to take what was sent (send_timeout), or for the time
 * that limit_rate sets.  The timer is our own: nginx's code for the gateway's
 * answer takes the one of the client's connection for its own and deletes it.
 */
ngx_int_t
ngx_meshkit_stream_watch(ngx_meshkit_open_t *open)
{
    ngx_msec_t                 wait;
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = open->request->connection;
    wev = c->write;
    clcf = ngx_http_get_module_loc_conf(open->request, ngx_http_core_module);

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    if (wev->delayed) {
        wait = wev->timer_set ? wev->timer.key - ngx_current_msec : 1;
        wait = (ngx_msec_int_t) wait > 0 ? wait : 1;

        ngx_meshkit_stream_set_timer(open, 1, wait);

    } else if (open->yielded) {
        ngx_meshkit_stream_set_timer(open, 1, 1);

    } else if (wev->active && !wev->ready) {

        if (!open->client.timer_set || open->pausing
            || open->sent != c->sent)
        {
            open->sent = c->sent;
            ngx_meshkit_stream_set_timer(open, 0, clcf->send_timeout);
        }

    } else if (open->client.timer_set) {
        ngx_del_timer(&open->client);
    }

    return NGX_OK;
}


void
ngx_meshkit_stream_client_event(ngx_event_t *ev)
{
    ngx_event_t         *wev;
    ngx_connection_t    *c;
    ngx_meshkit_open_t  *open;

    open = ev->data;
    c = open->request->connection;
    wev = c->write;

    ngx_http_set_log_request(c->log, open->request);

    if (open->pausing || wev->delayed) {

        /* nginx's own timer may have been first, and told the gateway's part */

        if (wev->delayed && wev->timer_set) {
            ngx_del_timer(wev);
        }

        wev->delayed = 0;
        ngx_meshkit_open_post(open);

    } else {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");

        c->timedout = 1;
        open->client_gone = 1;
        ngx_meshkit_open_decide(open, MK_OK, NULL);
    }

    ngx_http_run_posted_requests(c);
}


/*
 * nginx collects what goes out by TLS in a buffer of the connection.  Of an
 * HTTP/2 connection, what is still to be sent may be another stream's.
 */
static void
ngx_meshkit_stream_wipe_tls(ngx_http_request_t *r)
{
#if (NGX_SSL)

    ngx_buf_t  *b;

    if (r->connection->ssl == NULL) {
        return;
    }

    b = r->connection->ssl->buf;

    if (b == NULL || b->start == NULL) {
        return;
    }

#if (NGX_HTTP_V2)

    if (r->stream != NULL) {
        ngx_explicit_memzero(b->start, b->pos - b->start);
        ngx_explicit_memzero(b->last, b->end - b->last);
        return;
    }

#endif

    ngx_explicit_memzero(b->start, b->end - b->start);

#endif
}


/* The opener wipes its segment; nginx may have another copy. */
void
ngx_meshkit_stream_wipe(ngx_meshkit_open_t *open)
{
    if (open->begun) {
        ngx_meshkit_stream_wipe_tls(open->request);
    }
}
