/*
 * ngx_meshkit_repeat: whether a service is asked again, and when.
 */

#include "ngx_meshkit_fetch.h"


/* Once for each cause: it is the same for each block that follows. */
static void
ngx_meshkit_repeat_log(ngx_meshkit_open_t *open,
    const ngx_meshkit_subrequest_t *s, const char *next)
{
    if (open->local_logged & ((ngx_uint_t) 1 << s->local)) {
        return;
    }

    open->local_logged |= (ngx_uint_t) 1 << s->local;

    ngx_log_error(NGX_LOG_ERR, open->request->connection->log, 0,
                  "meshkit: local failure, %s: \"%V\" %s",
                  ngx_meshkit_local_why(s->local), &s->uri, next);
}


static void
ngx_meshkit_repeat_pause_over(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_meshkit_open_t  *open;

    open = ev->data;
    c = open->request->connection;

    ngx_http_set_log_request(c->log, open->request);

    ngx_meshkit_open_post(open);

    ngx_http_run_posted_requests(c);
}


static void
ngx_meshkit_repeat_pause(ngx_meshkit_open_t *open)
{
    ngx_msec_t  wait;

    if (open->pause.timer_set) {
        return;
    }

    if (open->pauses == 0) {
        open->pauses_since = ngx_current_msec;
    }

    if (!open->deadline.timer_set
        && ngx_current_msec - open->pauses_since >= NGX_MESHKIT_PAUSE_TIME)
    {
        ngx_meshkit_open_decide(open, ngx_meshkit_local_outcome(open->local),
                                ngx_meshkit_local_why(open->local));
        return;
    }

    wait = NGX_MESHKIT_PAUSE << ngx_min(open->pauses, 8);

    open->pauses++;

    open->pause.handler = ngx_meshkit_repeat_pause_over;
    open->pause.data = open;
    open->pause.log = open->request->connection->log;

    ngx_add_timer(&open->pause, ngx_min(wait, NGX_MESHKIT_PAUSE_MAX));

    if (open->fetch != NULL) {

        /* the time of the gateway that is asked then begins anew */

        open->fetch->paced = 0;
    }
}


ngx_int_t
ngx_meshkit_repeat_look(ngx_meshkit_open_t *open,
    const ngx_meshkit_subrequest_t *s)
{
    if (s->local == NGX_MESHKIT_LOCAL_NONE) {
        return NGX_ABORT;
    }

    open->local = s->local;

    if (s->local == NGX_MESHKIT_LOCAL_STORAGE && !s->past) {
        ngx_meshkit_repeat_log(open, s, "is asked past the cache");

        open->past = 1;

        return NGX_OK;
    }

    if (s->local == NGX_MESHKIT_LOCAL_CONNECTIONS) {
        ngx_meshkit_repeat_log(open, s, "is asked again in a moment");

        ngx_meshkit_repeat_pause(open);

        return NGX_OK;
    }

    ngx_meshkit_repeat_log(open, s, "is not asked");

    return NGX_DECLINED;
}


/*
 * There was a connection, and not a byte came by it.  One that was refused,
 * or not made in time, has no time of its connect; a response that did not
 * come in time is s->late.
 */
static ngx_uint_t
ngx_meshkit_repeat_was_closed(const ngx_meshkit_subrequest_t *s)
{
    const ngx_http_upstream_t        *u;
    const ngx_http_upstream_state_t  *state;

    u = s->request->upstream;

    if (!s->finished || s->header || s->status != 0 || s->late || s->stopped
        || s->redirected || s->unserved || u == NULL || u->state == NULL)
    {
        return 0;
    }

    state = u->state;

    return state->status == NGX_HTTP_BAD_GATEWAY
           && state->connect_time != (ngx_msec_t) -1
           && state->bytes_received == 0;
}


/*
 * A service may close a connection that nginx has kept just as the next
 * request comes by it.  nginx sends a POST to no second connection then,
 * unless proxy_next_upstream has "non_idempotent"; but all that a service is
 * asked before the key may be asked twice.
 */
static ngx_uint_t
ngx_meshkit_repeat_once(ngx_meshkit_open_t *open,
    const ngx_meshkit_subrequest_t *s)
{
    unsigned  step;

    step = 1u << open->step;

    if ((open->repeated & step) || !ngx_meshkit_repeat_was_closed(s)) {
        return 0;
    }

    open->repeated |= step;

    ngx_log_error(NGX_LOG_INFO, open->request->connection->log, 0,
                  "meshkit: \"%V\" is asked once more: the connection was "
                  "closed", &s->uri);

    return 1;
}


ngx_uint_t
ngx_meshkit_repeat_service(ngx_meshkit_open_t *open)
{
    if (open->asked != NULL
        && (ngx_meshkit_repeat_look(open, open->asked) == NGX_OK
            || ngx_meshkit_repeat_once(open, open->asked)))
    {
        ngx_meshkit_subrequest_release(open->asked);
        open->asked = NULL;
    }

    return open->asked == NULL;
}


ngx_uint_t
ngx_meshkit_repeat_is_pausing(const ngx_meshkit_open_t *open)
{
    return open->pause.timer_set;
}


void
ngx_meshkit_repeat_late(ngx_meshkit_open_t *open)
{
    if (open->pause.timer_set) {
        ngx_meshkit_open_decide(open, ngx_meshkit_local_outcome(open->local),
                                ngx_meshkit_local_why(open->local));
    }
}


void
ngx_meshkit_repeat_end(ngx_meshkit_open_t *open)
{
    if (open->pause.timer_set) {
        ngx_del_timer(&open->pause);
    }
}
