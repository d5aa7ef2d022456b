/*
 * ngx_meshkit_subrequest: one question to a service, one answer.
 *
 * A background subrequest to an internal location, in a pool of its own,
 * with headers and variables of its own: nothing of the client's request and
 * nothing of another service's reaches it.  Its answer never reaches the
 * client: the filters here swallow it and hand it to whoever asked.
 */

#ifndef NGX_MESHKIT_SUBREQUEST_H
#define NGX_MESHKIT_SUBREQUEST_H

#include "ngx_meshkit_module.h"


/*
 * Called with the answer's bytes as they come, for a stream.  Takes what it
 * can off the chain (moves pos); what it leaves is offered again by
 * ngx_meshkit_subrequest_wake.
 */
typedef void (*ngx_meshkit_stream_pt)(ngx_meshkit_subrequest_t *s);


/* A failure of this server, which the service has no part in; its cause. */
typedef enum {
    NGX_MESHKIT_LOCAL_NONE = 0,
    NGX_MESHKIT_LOCAL_STORAGE,      /* the cache, or a temporary file */
    NGX_MESHKIT_LOCAL_CONNECTIONS,  /* connections, or file descriptors */
    NGX_MESHKIT_LOCAL_OTHER,        /* memory, or a missing resolver */
    NGX_MESHKIT_LOCALS
} ngx_meshkit_local_t;


/* The question.  Copied, but for the token. */
typedef struct {
    ngx_str_t              uri;         /* decoded form, nginx escapes it */
    ngx_str_t              args;
    ngx_str_t              accept;
    const char            *media_type;  /* the only one taken; NULL: any */
    ngx_str_t              body;        /* JSON; if any, it is a POST */
    const mk_secret_t     *token;
    size_t                 limit;       /* bytes of answer that are kept */
    ngx_uint_t             fresh;       /* no answer from a cache */
    const mk_multihash_t  *hash;        /* of the answer; NULL: any */
    ngx_meshkit_stream_pt  stream;      /* NULL: the answer is kept whole */
    void                  *data;        /* for the asker */
    uint64_t              *tally;       /* counts bytes */
} ngx_meshkit_question_t;


struct ngx_meshkit_subrequest_s {
    ngx_queue_t            queue;       /* in open->subrequests */
    ngx_queue_t            slot;        /* for the asker */
    ngx_pool_t            *pool;
    ngx_http_request_t    *request;
    ngx_meshkit_open_t    *open;
    ngx_http_post_subrequest_t  post;
    ngx_http_posted_request_t   posted; /* used by us, where we post it */

    ngx_meshkit_stream_pt  stream;
    void                  *data;
    size_t                 limit;
    ngx_str_t              uri;
    ngx_str_t              args;
    const char            *media_type;
    mk_multihash_t         hash;            /* code 0: any */
    ngx_str_t              authorization;   /* wiped with the pool */

    ngx_uint_t             status;      /* HTTP; 0: no answer */
    off_t                  length;      /* Content-Length, -1: none */
    ngx_str_t              content_type;
    ngx_str_t              request_id;
    ngx_uint_t             retry_after; /* seconds; 0: not said */
    u_char                *body;        /* kept whole */
    size_t                 len;
    size_t                 room;
    ngx_chain_t           *in;          /* streamed, not yet taken */
    uint64_t              *tally;
    size_t                 claimed;     /* of meshkit_max_memory */
    uint64_t               received;    /* bytes of the body so far */
    uint64_t               taken;       /* ... that the stream's reader took */
    uint64_t               used;        /* ... up to its last good block */

    ngx_meshkit_upstream_t *upstreams;  /* of all requests in the pool */
    ngx_meshkit_stranger_t *strangers;  /* requests of others in the pool */

    ngx_meshkit_local_t    local;       /* this server failed, not it */
    ngx_int_t            (*input_filter_init)(void *data);
    ngx_event_pipe_input_filter_pt  input_filter;
    void                  *input_ctx;

    unsigned               header:1;    /* a response header came */
    unsigned               late:1;      /* it did not, and time was over */
    unsigned               complete:1;  /* ... and the whole body */
    unsigned               encoded:1;   /* a Content-Encoding */
    unsigned               overflow:1;  /* more than limit bytes */
    unsigned               outgrown:1;  /* more than there is memory for */
    unsigned               lost:1;      /* no memory for a part of it */
    unsigned               mistyped:1;  /* another media type */
    unsigned               unserved:1;  /* not the service's own location */
    unsigned               barred:1;    /* ... nor any other location */
    unsigned               reached:1;   /* nothing came before the service */
    unsigned               fresh:1;     /* a cached answer is none */
    unsigned               past:1;      /* nginx's cache has no part in it */
    unsigned               garbled:1;   /* nginx cannot parse its body */
    unsigned               stale:1;     /* ... and this is one */
    unsigned               cached:1;    /* the answer is nginx's copy */
    unsigned               mismatch:1;  /* the hash is another one */
    unsigned               two_ids:1;   /* several X-Request-ID */
    unsigned               redirected:1;  /* X-Accel-Redirect or the like */
    unsigned               hopeless:1;  /* its header shows that it is bad */
    unsigned               stopped:1;   /* its bytes are dropped */
    unsigned               active:1;    /* it has the connection's events */
    unsigned               reading:1;   /* its stream handler is at work */
    unsigned               counted:1;   /* in the main request's count */
    unsigned               written:1;   /* its handler is through with it */
    unsigned               cancelled:1;
    unsigned               released:1;  /* nobody looks at it any more */
    unsigned               finished:1;
};


/*
 * Asks.  The parent's write handler is run when the answer is there
 * (finished).  NGX_OK and *s, or NGX_ERROR.
 */
ngx_int_t ngx_meshkit_subrequest_create(ngx_meshkit_open_t *open,
    const ngx_meshkit_question_t *question, ngx_meshkit_subrequest_t **s);

/* It is finished, or its header shows that it will not be good. */
ngx_uint_t ngx_meshkit_subrequest_is_over(const ngx_meshkit_subrequest_t *s);

/* 200, whole, of the media type, not too long, encoded or redirected */
ngx_uint_t ngx_meshkit_subrequest_is_good(const ngx_meshkit_subrequest_t *s);

/* 404, said by the service itself */
ngx_uint_t ngx_meshkit_subrequest_is_missing(
    const ngx_meshkit_subrequest_t *s);

/* why it is not good, for the log */
const char *ngx_meshkit_subrequest_fault(const ngx_meshkit_subrequest_t *s);

/*
 * No more of it is wanted.  It ends at once, or, from within its own stream
 * handler, as soon as nginx gets to it.
 */
void ngx_meshkit_subrequest_cancel(ngx_meshkit_subrequest_t *s);

/* Lets it read on after its stream handler had to leave bytes. */
void ngx_meshkit_subrequest_wake(ngx_meshkit_subrequest_t *s);

/* As ngx_http_post_request, but for an entry that may be posted already. */
void ngx_meshkit_post_request(ngx_http_request_t *r,
    ngx_http_posted_request_t *pr);

/*
 * Frees it now, if it is finished and nginx is through with it, else in a
 * sweep; that is the first thing when the parent's write handler runs, where
 * no subrequest is in the call stack.  A sweep also lets those go on that
 * waited for a timer of the client's connection.
 */
void ngx_meshkit_subrequest_release(ngx_meshkit_subrequest_t *s);
void ngx_meshkit_subrequest_sweep(ngx_meshkit_open_t *open);

/*
 * For the end of a request: cancels what runs; notes that nginx has ended
 * the request itself, with all of them; frees all.
 */
void ngx_meshkit_subrequest_cancel_all(ngx_meshkit_open_t *open);
void ngx_meshkit_subrequest_end_all(ngx_meshkit_open_t *open);
void ngx_meshkit_subrequest_release_all(ngx_meshkit_open_t *open);


/* --- between the files of the subrequest ---------------------------------- */


/* the record of a request that is one of ours, else NULL */
ngx_meshkit_subrequest_t *ngx_meshkit_subrequest_get(ngx_http_request_t *sr);

/* wipes and gives back what was kept of its answer */
void ngx_meshkit_subrequest_forget(ngx_meshkit_subrequest_t *s);

/* the connection's events are the main request's again */
void ngx_meshkit_subrequest_let_go(ngx_meshkit_subrequest_t *s);

/* lets nginx end it at its next chance; its bytes are dropped from now on */
void ngx_meshkit_subrequest_stop(ngx_meshkit_subrequest_t *s);

/*
 * ngx_meshkit_question.c: gives a new subrequest what it is to be sent; sees
 * to it that only the service's own location passes it on
 */
ngx_int_t ngx_meshkit_question_put(ngx_meshkit_subrequest_t *s,
    const ngx_meshkit_question_t *q);
ngx_int_t ngx_meshkit_question_init(ngx_conf_t *cf);

/*
 * ngx_meshkit_served.c: looks whether the service's location responded, and
 * logs what did otherwise; lets the response go out where a subrequest was
 * delayed
 */
void ngx_meshkit_served_look(ngx_meshkit_subrequest_t *s, ngx_int_t rc);
void ngx_meshkit_served_end(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_served_init(ngx_conf_t *cf);

/* ngx_meshkit_upstream.c: changes what nginx sends a service, before it does */
ngx_int_t ngx_meshkit_upstream_init(ngx_conf_t *cf);

/* ngx_meshkit_hints.c: limits what comes before a response */
void ngx_meshkit_hints_wrap(ngx_meshkit_upstream_t *upstream);

/*
 * ngx_meshkit_cache.c: takes the answer, which is wrong, out of nginx's cache;
 * ends the wait for another request that fills the cache; has requests go past
 * the cache
 */
void ngx_meshkit_cache_forget(ngx_meshkit_subrequest_t *s);
void ngx_meshkit_cache_unblock(ngx_http_request_t *sr);
ngx_int_t ngx_meshkit_cache_init(ngx_conf_t *cf);

/* ngx_meshkit_filter.c: installs the filters that keep the answers inside */
ngx_int_t ngx_meshkit_filter_init(ngx_conf_t *cf);

/* the body filter behind ours: for plaintext on its way to the client */
extern ngx_http_output_body_filter_pt  ngx_meshkit_next_body_filter;


#endif /* NGX_MESHKIT_SUBREQUEST_H */
