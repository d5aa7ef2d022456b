/*
 * ngx_meshkit_fault: what is wrong with an answer, and whose fault that is.
 */

#include "ngx_meshkit_fetch.h"


/* RFC 9110, 15.5.8; nginx has no name for it */
#define NGX_MESHKIT_PROXY_AUTH  407


const ngx_meshkit_fault_t  ngx_meshkit_fault_mismatch = {
    NGX_MESHKIT_MISMATCH, MK_CID_MISMATCH, "a block does not match its CID"
};

const ngx_meshkit_fault_t  ngx_meshkit_fault_slow = {
    NGX_MESHKIT_TOO_SLOW, MK_PROVIDER_REQUEST_FAILED,
    "slower than meshkit_min_rate"
};

const ngx_meshkit_fault_t  ngx_meshkit_fault_outgrown = {
    NGX_MESHKIT_MISMATCH, MK_CID_MISMATCH,
    "the block is larger than the file lets expect, meshkit_max_memory is "
    "reached"
};

const ngx_meshkit_fault_t  ngx_meshkit_fault_late = {
    NGX_MESHKIT_TIMEOUT, MK_PROVIDER_REQUEST_FAILED, "no answer in time"
};


u_char *
ngx_meshkit_fault_status(u_char *text, ngx_uint_t status)
{
    text[0] = '\0';

    if (status != 0 && status != NGX_HTTP_OK) {
        (void) ngx_snprintf(text, NGX_MESHKIT_FAULT_STATUS, ", status %ui%Z",
                            status);
    }

    return text;
}


void
ngx_meshkit_fault_blame(ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const ngx_meshkit_subrequest_t *s, const ngx_meshkit_fault_t *fault)
{
    u_char                  status[NGX_MESHKIT_FAULT_STATUS];
    ngx_meshkit_gateway_t  *gateway;

    gateway = &f->gateways[n];

    gateway->fault = fault->outcome;
    gateway->kind = fault->kind;

    gateway->passing = fault->kind == NGX_MESHKIT_NO_ANSWER
                       || fault->kind == NGX_MESHKIT_TRUNCATED
                       || s->status >= NGX_HTTP_INTERNAL_SERVER_ERROR;

    gateway->local = 0;

    if (fault->kind == NGX_MESHKIT_MISMATCH) {

        if (s->stream != NULL) {
            gateway->wrong_car = 1;

        } else {
            gateway->wrong = 1;
        }
    }

    ngx_meshkit_health_fault(f->services[n].health, fault->kind,
                             s->received - s->used);

    if (fault->kind == NGX_MESHKIT_REFUSED) {

        if (gateway->refused) {
            return;
        }

        gateway->refused = 1;
    }

    ngx_log_error(NGX_LOG_WARN, f->open->request->connection->log, 0,
                  "meshkit: gateway \"%V\" left at block %uL: %s, %s%s",
                  &f->services[n].prefix,
                  mk_opener_position(f->open->opener),
                  mk_status_name(fault->outcome), fault->why,
                  ngx_meshkit_fault_status(status, s->status));
}


/* It could not be asked, and may be later; it is not to blame. */
void
ngx_meshkit_fault_local(ngx_meshkit_fetch_t *f, ngx_uint_t n)
{
    f->gateways[n].local = 1;
    f->gateways[n].passing = 1;
}


const ngx_meshkit_fault_t *
ngx_meshkit_fault_diagnose(const ngx_meshkit_subrequest_t *s)
{
    static const ngx_meshkit_fault_t  redirected = {
        NGX_MESHKIT_MALFORMED, MK_PROVIDER_REQUEST_FAILED,
        "the answer redirects inside this server"
    };

    static const ngx_meshkit_fault_t  silent = {
        NGX_MESHKIT_NO_ANSWER, MK_PROVIDER_REQUEST_FAILED, "no answer"
    };

    static const ngx_meshkit_fault_t  refused = {
        NGX_MESHKIT_REFUSED, MK_PROVIDER_HTTP_ERROR,
        "the HTTP status is not 200"
    };

    static const ngx_meshkit_fault_t  status = {
        NGX_MESHKIT_HTTP_STATUS, MK_PROVIDER_HTTP_ERROR,
        "the HTTP status is not 200"
    };

    static const ngx_meshkit_fault_t  mistyped = {
        NGX_MESHKIT_MALFORMED, MK_PROVIDER_REQUEST_FAILED,
        "the media type is another one"
    };

    static const ngx_meshkit_fault_t  encoded = {
        NGX_MESHKIT_MALFORMED, MK_PROVIDER_REQUEST_FAILED,
        "the answer has a content encoding"
    };

    static const ngx_meshkit_fault_t  overflow = {
        NGX_MESHKIT_MISMATCH, MK_CID_MISMATCH, "the block is larger than 2 MiB"
    };

    static const ngx_meshkit_fault_t  truncated = {
        NGX_MESHKIT_TRUNCATED, MK_PROVIDER_REQUEST_FAILED,
        "the answer is cut short"
    };

    return s->redirected ? &redirected
           : s->status == 0 ? (s->late ? &ngx_meshkit_fault_late : &silent)
           : ngx_meshkit_fault_is_refusal(s) ? &refused
           : s->status != NGX_HTTP_OK ? &status
           : s->mistyped ? &mistyped
           : s->encoded ? &encoded
           : s->outgrown ? &ngx_meshkit_fault_outgrown
           : s->overflow ? &overflow
           : s->mismatch ? &ngx_meshkit_fault_mismatch
           : &truncated;
}


/* It did not answer, or says itself that it cannot. */
ngx_uint_t
ngx_meshkit_fault_is_illness(const ngx_meshkit_subrequest_t *s)
{
    return s->status == 0
           || s->status == NGX_HTTP_TOO_MANY_REQUESTS
           || s->status == NGX_HTTP_SERVICE_UNAVAILABLE
           || s->status == NGX_HTTP_GATEWAY_TIME_OUT;
}


/*
 * A 4xx is about this block: the gateway has not got it, or does not give it.
 * Those that are about who asks or how often, and anything else, are about
 * the gateway, whatever it is asked for next.
 */
ngx_uint_t
ngx_meshkit_fault_is_refusal(const ngx_meshkit_subrequest_t *s)
{
    switch (s->status) {

    case NGX_HTTP_UNAUTHORIZED:
    case NGX_MESHKIT_PROXY_AUTH:
    case NGX_HTTP_REQUEST_TIME_OUT:
    case NGX_HTTP_TOO_MANY_REQUESTS:
        return 0;

    default:
        return s->status >= 400 && s->status < 500;
    }
}


void
ngx_meshkit_fault_of_object(ngx_meshkit_fetch_t *f, mk_status_t status)
{
    const char  *why;

    why = status == MK_INTERNAL_ERROR ? "no memory"
          : mk_opener_saw_legacy_blob(f->open->opener)
          ? NGX_MESHKIT_LEGACY
          : status == MK_INVALID_ENVELOPE
          ? "the stored object is of another size than the capsule says"
          : "the stored tree contradicts itself, or is no file";

    ngx_meshkit_open_decide(f->open, status, why);
}


/*
 * The gateway itself is at fault: the next requests ask it last.  One that is
 * waited for in vain is spared for longer than that took, else several of that
 * kind would be found out anew by each open.
 */
void
ngx_meshkit_fault_rest(ngx_meshkit_fetch_t *f, ngx_uint_t n,
    const ngx_meshkit_subrequest_t *s)
{
    ngx_uint_t  rest;

    rest = s == NULL ? 0 : s->retry_after;

    if (f->gateways[n].kind == NGX_MESHKIT_TIMEOUT
        || f->gateways[n].kind == NGX_MESHKIT_TOO_SLOW)
    {
        rest = ngx_max(rest, 2 * ngx_meshkit_pace_cost(f, n));
        rest = ngx_max(rest, NGX_MESHKIT_SLOW_REST);
    }

    ngx_meshkit_health_fail(f->services[n].health, rest);
}
