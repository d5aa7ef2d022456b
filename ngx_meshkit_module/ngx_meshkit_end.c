/*
 * ngx_meshkit_end: how an open ends: refused, aborted, or sent.
 */

#include "ngx_meshkit_await.h"
#include "ngx_meshkit_fetch.h"
#include "ngx_meshkit_guard.h"
#include "ngx_meshkit_heap.h"
#include "ngx_meshkit_repeat.h"


static void
ngx_meshkit_end_log(ngx_meshkit_open_t *open)
{
    ngx_str_t            id;
    ngx_uint_t           level;
    ngx_http_request_t  *r;
    u_char               status[NGX_MESHKIT_FAULT_STATUS];

    r = open->request;

    /* a malformed id could forge a line of its own */

    ngx_str_set(&id, "?");

    if (mk_name_is_id(ngx_meshkit_bytes(&open->id))) {
        id = open->id;
    }

    level = mk_status_http(open->outcome) >= 500 ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, r->connection->log, 0,
                  "meshkit: capsule \"%V\" %s: %s%s%s%s", &id,
                  open->begun ? "aborted" : "refused",
                  mk_status_name(open->outcome),
                  open->why == NULL ? "" : ", ",
                  open->why == NULL ? "" : open->why,
                  ngx_meshkit_fault_status(status, open->answer));
}


/* Nothing is waited for any more, and nobody is asked. */
static void
ngx_meshkit_end_waits(ngx_meshkit_open_t *open)
{
    if (open->deadline.timer_set) {
        ngx_del_timer(&open->deadline);
    }

    if (open->client.timer_set) {
        ngx_del_timer(&open->client);
    }

    if (open->fetch != NULL) {
        ngx_meshkit_fetch_end(open->fetch);
        ngx_meshkit_fetch_drop(open->fetch);
    }

    ngx_meshkit_await_end(open);
    ngx_meshkit_repeat_end(open);
    ngx_meshkit_subrequest_cancel_all(open);
    ngx_meshkit_served_end(open);
}


static void
ngx_meshkit_end_refused(ngx_meshkit_open_t *open)
{
    ngx_int_t  rc;

    ngx_meshkit_end_log(open);
    ngx_meshkit_audit_refuse(open);
    ngx_meshkit_heap_refused(open);

    /*
     * behind the header the only honest end is one that the client can tell
     * from success: less than Content-Length, or RST_STREAM
     */

    rc = open->begun ? NGX_ERROR : ngx_meshkit_answer_problem(open);

    ngx_http_finalize_request(open->request, rc);
}


static void
ngx_meshkit_end_opened(ngx_meshkit_open_t *open)
{
    ngx_int_t            rc;
    ngx_event_t         *wev;
    ngx_http_request_t  *r;

    r = open->request;

    if (!open->begun && ngx_meshkit_answer_header(open) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    rc = r->header_only ? NGX_OK : ngx_meshkit_stream_last(open);

    if (open->outcome != MK_OK) {
        ngx_meshkit_end_refused(open);
        return;
    }

    wev = r->connection->write;

    if (wev->delayed && !wev->timer_set) {

        /* limit_rate: nginx waits for a timer that a gateway's answer ended */

        ngx_add_timer(wev, 1);
    }

    ngx_http_finalize_request(r, rc);
}


void
ngx_meshkit_end_open(ngx_meshkit_open_t *open)
{
    if (open->step == NGX_MESHKIT_END) {
        return;
    }

    open->step = NGX_MESHKIT_END;

    ngx_meshkit_end_waits(open);

    if (open->client_gone) {
        ngx_http_finalize_request(open->request, NGX_ERROR);
        return;
    }

    if (open->outcome == MK_OK && !open->begun
        && ngx_meshkit_audit_allow(open) != NGX_OK)
    {
        open->outcome = MK_INTERNAL_ERROR;
        open->why = NGX_MESHKIT_UNAUDITED;
    }

    if (open->outcome != MK_OK) {
        ngx_meshkit_end_refused(open);
        return;
    }

    ngx_meshkit_end_opened(open);
}
