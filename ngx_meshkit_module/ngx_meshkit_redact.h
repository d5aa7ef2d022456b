/*
 * ngx_meshkit_redact: no secret of a request in a log of nginx's own.
 *
 * Three layers.  The request's own log handler masks what it adds to a line
 * of the error log.  A handler in front of all others of the log phase masks
 * the request itself, so that every access log and every variable shows what
 * is left.  A writer in front of each error log masks the finished line,
 * whoever wrote it.
 */

#ifndef NGX_MESHKIT_REDACT_H
#define NGX_MESHKIT_REDACT_H

#include "ngx_meshkit_module.h"
#include "mk_redact.h"


/* names of arguments, and of headers, in one server */
#define NGX_MESHKIT_REDACT_NAMES       64
#define NGX_MESHKIT_REDACT_NAME_MAX    64

/* capability and link tokens of one request */
#define NGX_MESHKIT_REDACT_TOKENS      4

/* what is taken for such a token is not shorter (bytes) */
#define NGX_MESHKIT_REDACT_TOKEN_MIN   16


/*
 * Bytes of a response's header that are looked through for a log, and so many
 * of a variable and of a URI that a response redirects to
 */
#define NGX_MESHKIT_REDACT_RESPONSE    8192

/* ... and of the variables of a request that are not named */
#define NGX_MESHKIT_REDACT_VARIABLES   32768

/*
 * Bytes of a request's lines in error logs that are masked and logged whole;
 * of each line behind them, the first so many
 */
#define NGX_MESHKIT_REDACT_LINES       65536
#define NGX_MESHKIT_REDACT_LINE        256

/* memory for what is put back behind a subrequest's log (bytes) */
#define NGX_MESHKIT_REDACT_UNDO        1024


/* An error log, and what its scopes want. */
typedef struct {
    ngx_log_t     *log;
    unsigned       on:1;        /* meshkit_redact_error_log on */
    unsigned       unset:1;     /* no such directive: on if anything opens */
    unsigned       opens:1;     /* a location with meshkit_open writes to it */
} ngx_meshkit_redact_log_t;


/* of the whole http block */
struct ngx_meshkit_redact_main_s {
    ngx_array_t         args;       /* of mk_bytes_t, of all servers */
    ngx_array_t         headers;
    ngx_array_t         logs;       /* of ngx_meshkit_redact_log_t */
    ngx_array_t         tokens;     /* of mk_bytes_t: sent to services */
    const mk_secret_t  *key;        /* of token_refs; NULL: nothing is on */
    ngx_uint_t          opens;      /* there is a meshkit_open */

    /* of a subrequest, while it is logged */
    ngx_http_variable_value_t  *variables;
    ngx_int_t                   request_id;     /* its index, or NGX_ERROR */
};


/* of a server */
typedef struct {
    ngx_array_t   *args;            /* of mk_bytes_t */
    ngx_array_t   *headers;
    ngx_flag_t     error_log;
    unsigned       named:1;         /* meshkit_redact_args or _headers */
    unsigned       opens:1;         /* a location with meshkit_open */
    unsigned       active:1;        /* requests are masked */
    unsigned       early:1;         /* ... those that reached no server, too */
} ngx_meshkit_redact_conf_t;


/* What is known of one request; both are sorted by mk_needles_sort. */
typedef struct {
    mk_bytes_t    *values;          /* with the tokens, and room for them */
    ngx_uint_t     nvalues;
    mk_bytes_t     tokens[NGX_MESHKIT_REDACT_TOKENS];
    ngx_uint_t     ntokens;
    size_t         lines;           /* bytes of error logs about the request */
} ngx_meshkit_redact_t;


/* ngx_meshkit_redact.c: the directives, and what follows from others */
char *ngx_meshkit_redact_args(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_meshkit_redact_headers(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

ngx_meshkit_redact_main_t *ngx_meshkit_redact_create_main(ngx_conf_t *cf);
void *ngx_meshkit_redact_create(ngx_conf_t *cf);
char *ngx_meshkit_redact_merge(ngx_conf_t *cf, void *parent, void *child);

/* a location was merged: its error log, and whether it opens capsules */
ngx_int_t ngx_meshkit_redact_location(ngx_conf_t *cf,
    const ngx_meshkit_loc_conf_t *conf);

/*
 * 1 if a header, a cookie or an argument alone is the value (NULL: the header
 * X-Meshkit-Capability), so that it is masked in its own place by its name.
 */
ngx_uint_t ngx_meshkit_redact_is_named(const ngx_http_complex_value_t *value);

/* this token is sent to a service: no log shows it */
ngx_int_t ngx_meshkit_redact_token(ngx_conf_t *cf, const mk_secret_t *token);

/* postconfiguration */
ngx_int_t ngx_meshkit_redact_init(ngx_conf_t *cf);


/* ngx_meshkit_redact_known.c: the record of a request; NULL: there is none */
ngx_meshkit_redact_t *ngx_meshkit_redact_known_get(ngx_http_request_t *r);

/* r is the main request; NULL: no memory */
ngx_meshkit_redact_t *ngx_meshkit_redact_known_create(ngx_http_request_t *r,
    const ngx_array_t *args, const ngx_array_t *headers);
void ngx_meshkit_redact_known_token(ngx_meshkit_redact_t *known,
    const ngx_str_t *token);

/* the record is found, too, while that pool stands in for the request's */
ngx_int_t ngx_meshkit_redact_known_lend(ngx_http_request_t *r,
    ngx_pool_t *pool);

/* in any case of letters, "-" and "_" the same */
ngx_uint_t ngx_meshkit_redact_known_is_named(const ngx_array_t *names,
    const u_char *name, size_t len);


/* ngx_meshkit_redact_request.c: registers the handlers */
ngx_int_t ngx_meshkit_redact_request_init(ngx_conf_t *cf);

/* the names that count for a request; 0: none, it is not masked */
ngx_uint_t ngx_meshkit_redact_request_names(ngx_http_request_t *r,
    ngx_array_t **args, ngx_array_t **headers);

/*
 * Makes the record if it is not there yet.  A request that is refused as its
 * header is read comes here by the page of its error, or in the log phase.
 */
ngx_int_t ngx_meshkit_redact_request_ensure(ngx_http_request_t *r);

/* what is known of the request that a log's line is about; NULL: nothing */
ngx_meshkit_redact_t *ngx_meshkit_redact_request_of(const ngx_log_t *log);

/* error logs have more of this request than is masked whole */
ngx_uint_t ngx_meshkit_redact_request_is_noisy(
    const ngx_meshkit_redact_t *known);

/*
 * Rules for text that is about a request: its tokens and those of services,
 * and if wanted the values of its named headers.  known may be NULL.
 */
void ngx_meshkit_redact_request_rules(mk_redact_t *rules,
    const ngx_meshkit_redact_main_t *main, const ngx_array_t *args,
    const ngx_array_t *headers, const ngx_meshkit_redact_t *known,
    ngx_uint_t values);

/* this value is a token, wherever it stands in the request */
void ngx_meshkit_redact_request_token(ngx_http_request_t *r,
    const ngx_str_t *token);


/*
 * ngx_meshkit_redact_parts.c: masks what the request's log handler has added
 * to a line, part by part.
 */
void ngx_meshkit_redact_parts_request(ngx_http_request_t *r,
    ngx_http_request_t *sr, const mk_redact_t *rules, u_char *start,
    u_char *last);

/*
 * Masks a finished line: the message by the one set of rules, what nginx
 * added of a request by the other, if that was not done yet.
 */
void ngx_meshkit_redact_parts_line(ngx_log_t *log, ngx_uint_t level,
    const mk_redact_t *message, const mk_redact_t *request, u_char *start,
    size_t len);

/* what the value of a variable is */
mk_redact_kind_t ngx_meshkit_redact_parts_kind(const ngx_str_t *variable);

/* 1 if no client decides what it is: no value is looked for in it */
ngx_uint_t ngx_meshkit_redact_parts_is_fact(const ngx_str_t *variable);


/* What the value of a variable may be. */
typedef enum {
    NGX_MESHKIT_REDACT_ANY = 0,
    NGX_MESHKIT_REDACT_SECRET,      /* of a named argument, header or cookie */
    NGX_MESHKIT_REDACT_CLIENT,      /* of the request: nginx limits it */
    NGX_MESHKIT_REDACT_FACT         /* no client hides it by a value */
} ngx_meshkit_redact_kind_t;

/* ngx_meshkit_redact_variable.c */
ngx_meshkit_redact_kind_t ngx_meshkit_redact_variable(
    const ngx_http_request_t *r, const ngx_array_t *args,
    const ngx_array_t *headers, const ngx_str_t *name);

/* of one that the configuration has, when all is read; NGX_ERROR: it has not */
ngx_int_t ngx_meshkit_redact_variable_index(
    const ngx_http_core_main_conf_t *cmcf, const ngx_str_t *name);


/* ngx_meshkit_redact_strings.c */
/* One request, while its log phase runs. */
typedef struct {
    ngx_http_request_t         *request;
    const ngx_array_t          *args;       /* that are named */
    const ngx_array_t          *headers;
    mk_redact_t                 text;       /* names and tokens */
    mk_redact_t                 value;      /* ... and named values */
    ngx_pool_t                 *pool;       /* of undo; NULL: main request */
    ngx_array_t                 undo;
    ngx_uint_t                  failed;     /* no memory */
} ngx_meshkit_redact_strings_t;

/* exchanges all of them for what a log may show; or sets failed */
void ngx_meshkit_redact_strings_mask(ngx_meshkit_redact_strings_t *all);

/* before that, for a subrequest: its headers are put back by undo */
void ngx_meshkit_redact_strings_share(ngx_meshkit_redact_strings_t *all);
void ngx_meshkit_redact_strings_undo(ngx_meshkit_redact_strings_t *all);


/* ngx_meshkit_redact_phase.c: init module, when all have their handlers */
ngx_int_t ngx_meshkit_redact_phase_init(ngx_cycle_t *cycle);


/* ngx_meshkit_redact_writer.c: init module */
ngx_int_t ngx_meshkit_redact_writer_init(ngx_cycle_t *cycle);


#endif /* NGX_MESHKIT_REDACT_H */
