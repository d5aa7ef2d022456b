/*
 * ngx_meshkit_module: what its files share.
 *
 * One request flows one way: address -> record -> checks -> decision -> key
 * -> verified blocks -> authentic segments -> client.  core/ decides, nginx's
 * subrequests fetch, these files connect the two.
 */

#ifndef NGX_MESHKIT_MODULE_H
#define NGX_MESHKIT_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "mk_audit.h"
#include "mk_car.h"
#include "mk_capsule.h"
#include "mk_checks.h"
#include "mk_decision.h"
#include "mk_opener.h"
#include "mk_pages.h"
#include "mk_range.h"
#include "mk_token.h"
#include "mk_token_ref.h"


/* for the log, where the stored file begins with "EMSH" */
#define NGX_MESHKIT_LEGACY          "an older password blob (EMSH)"

/* for the log, where an allowed open is not served */
#define NGX_MESHKIT_UNAUDITED       "the audit log cannot be written"

/* bytes that are kept of a JSON answer: one more than mk_json takes */
#define NGX_MESHKIT_ANSWER_MAX      (MK_JSON_MAX + 1)

/* bytes of the temporary file of "meshkit_release whole", at a time */
#define NGX_MESHKIT_SPOOL_READ      (64 * 1024)

/* pieces of plaintext that may be on their way to the client at a time */
#define NGX_MESHKIT_PIECES          1

/*
 * Segments that are opened in one go, before other requests have their turn;
 * one that is larger than this piece counts as several.
 */
#define NGX_MESHKIT_TURN            16
#define NGX_MESHKIT_TURN_PIECE      65536

#define NGX_MESHKIT_GATEWAYS_MAX    32
#define NGX_MESHKIT_AUDIENCE_MAX    255     /* bytes of meshkit_audience */
#define NGX_MESHKIT_READ_AHEAD_MAX  64


/* How a gateway is asked. */
typedef enum {
    NGX_MESHKIT_AUTO = 0,       /* a CAR first, raw blocks where that fails */
    NGX_MESHKIT_CAR,
    NGX_MESHKIT_RAW
} ngx_meshkit_form_t;


/* When plaintext may leave. */
#define NGX_MESHKIT_RELEASE_SEGMENT  0
#define NGX_MESHKIT_RELEASE_WHOLE    1


typedef struct ngx_meshkit_health_s  ngx_meshkit_health_t;
typedef struct ngx_meshkit_pickup_s  ngx_meshkit_pickup_t;
typedef struct ngx_meshkit_redact_main_s  ngx_meshkit_redact_main_t;
typedef struct ngx_meshkit_audit_s   ngx_meshkit_audit_t;
typedef struct ngx_meshkit_counters_s  ngx_meshkit_counters_t;


/* A service behind an internal location. */
typedef struct {
    ngx_str_t             prefix;       /* its location, without a last '/' */
    mk_secret_t          *token;        /* bearer token, or NULL */
    ngx_meshkit_form_t    form;         /* gateways only */
    ngx_meshkit_health_t *health;       /* gateways only */
    ngx_str_t             file;         /* where the directive stands */
    ngx_uint_t            line;
    void                 *server;       /* that was looked at last */
} ngx_meshkit_service_t;


typedef struct {
    ngx_array_t             gateways;   /* of ngx_meshkit_health_t * */
    ngx_array_t             denylists;  /* of ngx_meshkit_pickup_t * */
    ngx_array_t             token_envs; /* of ngx_meshkit_token_env_t */
    ngx_array_t             peers;      /* of ngx_meshkit_upstream_peer_t */
    ngx_int_t               request_method;     /* index of the variable */
    ngx_array_t             opens;      /* while a configuration is read */
    off_t                   max_memory;
    ngx_meshkit_counters_t *counters;   /* shared with all workers */
    ngx_meshkit_redact_main_t  *redact;
} ngx_meshkit_main_conf_t;


typedef struct {
    ngx_str_t             id;
    ngx_str_t             file;
} ngx_meshkit_identity_t;


/* Configuration.  Request handlers see it as const. */
typedef struct {
    ngx_http_complex_value_t  *open;        /* the capsule's id */
    ngx_meshkit_service_t     *metadata;
    ngx_meshkit_service_t     *policy;
    mk_decision_format_t       policy_format;
    ngx_array_t               *gateways;    /* of ngx_meshkit_service_t */
    ngx_array_t               *identities;  /* of ngx_meshkit_identity_t */
    mk_keyring_t              *keyring;
    ngx_http_complex_value_t  *as;
    ngx_http_complex_value_t  *action;
    ngx_http_complex_value_t  *subject;
    ngx_http_complex_value_t  *capability;  /* NULL: a header of its own */
    mk_jwks_t                 *issuers;     /* of capabilities */
    ngx_str_t                  audience;
    mk_jwks_t                 *owners;
    ngx_flag_t                 any_owner;   /* meshkit_owners insecure_any */
    ngx_msec_t                 deadline;
    time_t                     clock_skew;
    off_t                      max_size;
    ngx_int_t                  read_ahead;
    size_t                     min_rate;    /* bytes per second; 0: off */
    ngx_uint_t                 release;
    ngx_meshkit_pickup_t      *denylist;    /* NULL: none */
    ngx_meshkit_audit_t       *audit;       /* NULL: off */
    ngx_uint_t                 status;      /* form of the status page */

    ngx_str_t                  file;        /* where meshkit_open stands */
    ngx_uint_t                 line;
} ngx_meshkit_loc_conf_t;


typedef struct ngx_meshkit_open_s        ngx_meshkit_open_t;
typedef struct ngx_meshkit_subrequest_s  ngx_meshkit_subrequest_t;
typedef struct ngx_meshkit_upstream_s    ngx_meshkit_upstream_t;
typedef struct ngx_meshkit_stranger_s    ngx_meshkit_stranger_t;
typedef struct ngx_meshkit_fetch_s       ngx_meshkit_fetch_t;
typedef struct ngx_meshkit_spool_s       ngx_meshkit_spool_t;
typedef struct ngx_meshkit_response_s    ngx_meshkit_response_t;


/* What an open waits for, in the order in which it is asked. */
typedef enum {
    NGX_MESHKIT_ADMIT = 0,
    NGX_MESHKIT_METADATA,
    NGX_MESHKIT_CHECK,
    NGX_MESHKIT_VAULT,
    NGX_MESHKIT_CAPABILITY,
    NGX_MESHKIT_POLICY,
    NGX_MESHKIT_CHECK_AGAIN,
    NGX_MESHKIT_FETCH,
    NGX_MESHKIT_END
} ngx_meshkit_step_t;


/* One request that is being opened. */
struct ngx_meshkit_open_s {
    ngx_http_request_t            *request;
    const ngx_meshkit_loc_conf_t  *conf;
    ngx_meshkit_step_t             step;
    mk_check_t                     check;       /* where it stands */
    ngx_event_t                    deadline;
    ngx_event_t                    client;      /* waits for the client */
    ngx_event_t                    pause;       /* ... for a connection */
    ngx_uint_t                     pauses;      /* since the last block */
    ngx_msec_t                     pauses_since;
    ngx_uint_t                     local;       /* the last local failure */
    ngx_uint_t                     local_logged;    /* one bit for each */
    off_t                          sent;        /* as that was set */
    off_t                          sent_before; /* our header */

    ngx_str_t                      id;          /* of the capsule */
    ngx_str_t                      identity;
    ngx_str_t                      subject;
    ngx_str_t                      request_id;
    mk_action_t                    action;

    ngx_queue_t                    queue;       /* of the worker's opens */
    ngx_queue_t                    awaiting;    /* that wait for a denylist */
    ngx_queue_t                    subrequests; /* that hold a pool */
    ngx_meshkit_stranger_t        *strangers;   /* subrequests of others */
    ngx_http_posted_request_t      posted;
    ngx_meshkit_subrequest_t      *asked;       /* what is waited for */
    ngx_msec_t                     policy_start;
    ngx_msec_t                     policy_ms;

    ngx_str_t                      token;       /* as the client sent it */
    char                           token_ref[MK_TOKEN_REF + 1];
    mk_capability_t                capability;  /* accepted; jti "": none */

    mk_capsule_t                  *capsule;
    mk_checks_found_t              found;
    uint64_t                       first;       /* the part that is sent */
    uint64_t                       len;
    ngx_uint_t                     condition;   /* 304 or 412 is sent; or 0 */
    mk_opener_t                   *opener;
    ngx_meshkit_fetch_t           *fetch;
    ngx_meshkit_spool_t           *spool;       /* meshkit_release whole */
    uint64_t                       wanted;      /* plaintext that is fetched */
    ngx_meshkit_response_t        *response;    /* what the client is sent */

    size_t                         claimed;     /* of meshkit_max_memory */
    ngx_chain_t                   *free;        /* plaintext buffers */
    ngx_chain_t                   *busy;
    ngx_uint_t                     turn;        /* pieces in this turn */
    ngx_msec_t                     turn_time;   /* when that began */

    mk_status_t                    outcome;
    const char                    *why;         /* for the log; may be NULL */
    ngx_uint_t                     answer;      /* the last HTTP status of a
                                                   service, or 0; for it, too */

    unsigned                       awaits:1;    /* a denylist that is read */
    unsigned                       listed:1;    /* ... and that was, just now */
    unsigned                       past:1;      /* nginx's cache is no use */
    unsigned                       accepted:1;  /* the capsule passed checks */
    unsigned                       granted:1;   /* ... and everybody agreed */
    unsigned                       decided:1;   /* outcome is final */
    unsigned                       room:1;      /* is kept for its keys */
    unsigned                       two_tokens:1;
    unsigned                       policy_asked:1;
    unsigned                       repeated:8;  /* steps that asked again */
    unsigned                       partial:1;   /* a range was asked for */
    unsigned                       begun:1;     /* the header went out */
    unsigned                       verified:1;  /* the spool is sound */
    unsigned                       yielded:1;   /* other requests go first */
    unsigned                       pausing:1;   /* client: ends by itself */
    unsigned                       client_gone:1;
    unsigned                       over:1;      /* nginx ended the request */
    unsigned                       shutdown:1;  /* ... since the worker ends */
    unsigned                       audited:1;   /* the decision was */
    unsigned                       allowed:1;   /* ... and it was a yes */
};


#define ngx_meshkit_bytes(s)  ngx_meshkit_bytes_of((s)->data, (s)->len)

static ngx_inline mk_bytes_t
ngx_meshkit_bytes_of(const u_char *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


extern ngx_module_t  ngx_meshkit_module;

/*
 * In postconfiguration: puts a handler into a phase, before those that are in
 * it.  NGX_OK, or NGX_ERROR for no memory.
 */
ngx_int_t ngx_meshkit_module_add_handler(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler);


/*
 * ngx_meshkit_handler.c: the content handler; the open that a request is, or
 * was before an internal redirect (NULL: none); the client's address, by
 * realip where that is set, empty for a unix socket
 */
ngx_int_t ngx_meshkit_handler(ngx_http_request_t *r);
ngx_meshkit_open_t *ngx_meshkit_handler_get(ngx_http_request_t *r);
mk_bytes_t ngx_meshkit_handler_address(const ngx_http_request_t *r);

/*
 * ngx_meshkit_open.c: the story of one request.  begin asks for the record,
 * resume goes on, post has nginx call it at its next chance, decide makes the
 * outcome final, too_late is the deadline.
 */
void ngx_meshkit_open_begin(ngx_meshkit_open_t *open);
void ngx_meshkit_open_too_late(ngx_event_t *ev);
void ngx_meshkit_open_decide(ngx_meshkit_open_t *open, mk_status_t outcome,
    const char *why);
void ngx_meshkit_open_resume(ngx_http_request_t *r);
void ngx_meshkit_open_post(ngx_meshkit_open_t *open);

/*
 * For the files that ask a service: ask puts the question (GET, or POST where
 * there is a body) and open->asked is the answer; answered is what came of
 * it, with the reason of a refusal, and goes on or ends the story.
 */
ngx_int_t ngx_meshkit_open_ask(ngx_meshkit_open_t *open,
    const ngx_meshkit_service_t *service, const ngx_str_t *path,
    const ngx_str_t *body);
void ngx_meshkit_open_answered(ngx_meshkit_open_t *open, mk_status_t status,
    const char *why);

/*
 * What others have to answer.  ask, which may be called twice: NGX_OK (asked,
 * or decided), NGX_DECLINED (the capsule does not need it) or NGX_ERROR; read
 * takes the answer.
 */
ngx_int_t ngx_meshkit_vault_ask(ngx_meshkit_open_t *open);
void ngx_meshkit_vault_read(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_capability_ask(ngx_meshkit_open_t *open);
void ngx_meshkit_capability_read(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_policy_ask(ngx_meshkit_open_t *open);
void ngx_meshkit_policy_read(ngx_meshkit_open_t *open);

/* ngx_meshkit_capability.c: the token that came with the request, if any */
ngx_int_t ngx_meshkit_capability_take(ngx_meshkit_open_t *open);

/* once more, in front of the key; MK_OK where there is none */
mk_status_t ngx_meshkit_capability_check_again(ngx_meshkit_open_t *open);

/* ngx_meshkit_end.c: the open is decided; ends the request, once */
void ngx_meshkit_end_open(ngx_meshkit_open_t *open);

/*
 * ngx_meshkit_stream.c: authentic plaintext, as the client takes it; last is
 * the end of it, watch waits for the client, client_event is the end of that
 * wait; turn says whether others go first, by the segments that were taken
 */
void ngx_meshkit_stream_pump(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_stream_last(ngx_meshkit_open_t *open);
ngx_uint_t ngx_meshkit_stream_turn(ngx_meshkit_open_t *open);
void ngx_meshkit_stream_took(ngx_meshkit_open_t *open, size_t len);
ngx_int_t ngx_meshkit_stream_watch(ngx_meshkit_open_t *open);
void ngx_meshkit_stream_client_event(ngx_event_t *ev);
void ngx_meshkit_stream_wipe(ngx_meshkit_open_t *open);

/*
 * ngx_meshkit_spool.c: the whole is verified before any of it is sent; fill
 * fetches, read gives the opener what was kept
 */
ngx_int_t ngx_meshkit_spool_create(ngx_meshkit_open_t *open);
void ngx_meshkit_spool_fill(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_spool_read(ngx_meshkit_open_t *open);

/*
 * ngx_meshkit_condition.c: which part the client wants, and whether it wants
 * any (RFC 9110, 13 and 14); the entity tag; whether there are parts at all
 */
mk_status_t ngx_meshkit_condition_read(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_condition_etag(ngx_meshkit_open_t *open,
    ngx_str_t *etag);
ngx_uint_t ngx_meshkit_condition_has_ranges(ngx_http_request_t *r);

/*
 * ngx_meshkit_csp.c: the Content-Security-Policy of what loads nothing; that
 * of a shared file, or NULL without memory
 */
#define NGX_MESHKIT_CSP  "sandbox; default-src 'none'"

const char *ngx_meshkit_csp_file(ngx_http_request_t *r, mk_bytes_t type);

/* ngx_meshkit_answer.c: headers and problem documents */
ngx_int_t ngx_meshkit_answer_header(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_answer_problem(ngx_meshkit_open_t *open);
const char *ngx_meshkit_answer_suggestion(const ngx_meshkit_open_t *open);

/*
 * ngx_meshkit_audit.c: lines of the audit log.  allow comes before the header
 * of what is opened (NGX_ERROR: it cannot be noted and must not be served),
 * refuse before a refusal; the rest is written in the log phase, or by close
 * where there will be none.
 */
ngx_int_t ngx_meshkit_audit_allow(ngx_meshkit_open_t *open);
void ngx_meshkit_audit_refuse(ngx_meshkit_open_t *open);
void ngx_meshkit_audit_close(ngx_meshkit_open_t *open);
ngx_int_t ngx_meshkit_audit_init(ngx_conf_t *cf);

/*
 * ngx_meshkit_shutdown.c: opens that are cut since their worker ends.  add
 * makes an open known to its worker; ended is told that nginx ended the
 * request; exit_process is for those that nginx leaves as they are.
 */
void ngx_meshkit_shutdown_add(ngx_meshkit_open_t *open);
void ngx_meshkit_shutdown_ended(ngx_meshkit_open_t *open);
void ngx_meshkit_shutdown_exit_process(ngx_cycle_t *cycle);

/* ngx_meshkit_variables.c */
ngx_int_t ngx_meshkit_variables_add(ngx_conf_t *cf);


#endif /* NGX_MESHKIT_MODULE_H */
