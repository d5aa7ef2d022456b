/*
 * ngx_meshkit_retry: a service that closed the connection is asked once more.
 *
 * A service may close a connection that nginx has kept just as the next
 * request comes by it.  nginx sends a POST to no second connection then,
 * unless proxy_next_upstream has "non_idempotent"; but all that a service is
 * asked here may be asked twice.
 */

#include "ngx_meshkit_subrequest.h"


/*
 * There was a connection, and not a byte came by it.  One that was refused,
 * or not made in time, has no time of its connect; an answer that did not
 * come in time is s->late.
 */
static ngx_uint_t
ngx_meshkit_retry_was_closed(const ngx_meshkit_subrequest_t *s)
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


ngx_uint_t
ngx_meshkit_retry_is_due(ngx_meshkit_open_t *open)
{
    unsigned                   step;
    ngx_meshkit_subrequest_t  *s;

    s = open->asked;
    step = 1u << open->step;

    if (open->step >= NGX_MESHKIT_FETCH || (open->repeated & step)
        || !ngx_meshkit_retry_was_closed(s))
    {
        return 0;
    }

    open->repeated |= step;

    ngx_log_error(NGX_LOG_INFO, open->request->connection->log, 0,
                  "meshkit: \"%V\" is asked once more: the connection was "
                  "closed", &s->uri);

    ngx_meshkit_subrequest_release(s);
    open->asked = NULL;

    return 1;
}
