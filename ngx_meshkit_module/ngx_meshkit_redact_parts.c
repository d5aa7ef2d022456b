/*
 * ngx_meshkit_redact_parts: a line of an error log, part by part.
 *
 * nginx writes what a client sent between quotes and as it is, so that a line
 * alone does not say where a part of it ends: the client can write the same.
 * Here parts are found by what nginx has just written, and each is masked
 * within its own bounds.  The message in front of them ends where they begin.
 */

#include "ngx_meshkit_redact.h"


/* A part of a line, in the order in which nginx writes them. */
typedef struct {
    ngx_str_t          before;
    mk_redact_kind_t   kind;
} ngx_meshkit_redact_parts_name_t;


/* What was masked last, to be recognised where it is written. */
typedef struct {
    size_t             len;
    u_char             text[2 * NGX_MAX_ERROR_STR];
} ngx_meshkit_redact_parts_text_t;


/* A part that may show a copy of a value, of what was masked last. */
typedef struct {
    size_t             start;
    size_t             end;
} ngx_meshkit_redact_parts_copy_t;


#define NGX_MESHKIT_REDACT_PARTS_COPIES  2


/* of each thread, since threads of nginx's pools write lines, too */
static __thread struct {
    ngx_meshkit_redact_parts_text_t  line;
    ngx_meshkit_redact_parts_text_t  end;       /* what nginx added to one */
    ngx_meshkit_redact_parts_copy_t  copy[NGX_MESHKIT_REDACT_PARTS_COPIES];
    ngx_uint_t                       ncopies;
} ngx_meshkit_redact_parts_last;


static ngx_meshkit_redact_parts_name_t  ngx_meshkit_redact_parts_names[] = {
    { ngx_string(", request: \""), MK_REDACT_REQUEST },
    { ngx_string(", subrequest: \""), MK_REDACT_PATH },
    { ngx_string(", upstream: \""), MK_REDACT_TARGET },
    { ngx_string(", host: \""), MK_REDACT_TARGET },
    { ngx_string(", referrer: \""), MK_REDACT_TARGET },
    { ngx_null_string, MK_REDACT_LINE }
};


static void
ngx_meshkit_redact_parts_mask(const mk_redact_t *rules, mk_redact_kind_t kind,
    u_char *start, u_char *last, ngx_uint_t whole)
{
    mk_redact_t  by;

    by = *rules;
    by.kind = kind;
    by.whole = whole;
    by.bare = 1;

    (void) mk_redact_text(&by, start, last - start);
}


static void
ngx_meshkit_redact_parts_keep(ngx_meshkit_redact_parts_text_t *text,
    const u_char *start, size_t len)
{
    len = ngx_min(len, sizeof(text->text) - text->len);

    ngx_memcpy(text->text + text->len, start, len);
    text->len += len;
}


/* --- of a request that is known ------------------------------------------- */


/* behind what stands there, or NULL: something else does, or nothing */
static u_char *
ngx_meshkit_redact_parts_skip(u_char *p, const u_char *last,
    const u_char *text, size_t len)
{
    if (p == NULL || (size_t) (last - p) < len
        || ngx_memcmp(p, text, len) != 0)
    {
        return NULL;
    }

    return p + len;
}


/*
 * Masks the part with that name and so long a value; the line may be cut in
 * it.  A part that is not there is none.
 */
static u_char *
ngx_meshkit_redact_parts_take(const mk_redact_t *rules, u_char *p,
    u_char *last, ngx_uint_t name, size_t len)
{
    u_char                           *value, *end;
    ngx_meshkit_redact_parts_name_t  *n;

    n = &ngx_meshkit_redact_parts_names[name];
    value = ngx_meshkit_redact_parts_skip(p, last, n->before.data,
                                          n->before.len);
    if (value == NULL) {
        return p;
    }

    end = (size_t) (last - value) < len ? last : value + len;

    ngx_meshkit_redact_parts_mask(rules, n->kind, value, end, end < last);

    return end < last ? end + 1 : last;
}


/* the same for what a rewrite or a service's location made of values */
static u_char *
ngx_meshkit_redact_parts_copy(const mk_redact_t *rules, u_char *p,
    u_char *last, ngx_uint_t name, size_t len, const u_char *start)
{
    u_char                           *end;
    ngx_meshkit_redact_parts_copy_t  *copy;

    end = ngx_meshkit_redact_parts_take(rules, p, last, name, len);

    if (end != p && ngx_meshkit_redact_parts_last.ncopies
                    < NGX_MESHKIT_REDACT_PARTS_COPIES)
    {
        copy = &ngx_meshkit_redact_parts_last.copy[
                   ngx_meshkit_redact_parts_last.ncopies++];
        copy->start = ngx_meshkit_redact_parts_last.end.len + (p - start);
        copy->end = ngx_meshkit_redact_parts_last.end.len + (end - start);
    }

    return end;
}


static size_t
ngx_meshkit_redact_parts_upstream(const ngx_http_upstream_t *u)
{
    size_t  len;

    len = u->schema.len + u->peer.name->len + u->uri.len;

#if (NGX_HAVE_UNIX_DOMAIN)

    if (u->peer.sockaddr != NULL && u->peer.sockaddr->sa_family == AF_UNIX) {
        len++;                      /* a colon is behind its path */
    }

#endif

    return len;
}


/* what ngx_http_log_error has written in front of what the request adds */
static void
ngx_meshkit_redact_parts_client(const ngx_connection_t *c)
{
    u_char                           *p;
    ngx_meshkit_redact_parts_text_t  *text;

    text = &ngx_meshkit_redact_parts_last.end;
    p = text->text;

    if (c->log->action != NULL) {
        p = ngx_snprintf(p, NGX_MAX_ERROR_STR, " while %s", c->log->action);
    }

    p = ngx_snprintf(p, NGX_MAX_ERROR_STR / 2, ", client: %V", &c->addr_text);

    text->len = p - text->text;
    ngx_meshkit_redact_parts_last.ncopies = 0;
}


void
ngx_meshkit_redact_parts_request(ngx_http_request_t *r,
    ngx_http_request_t *sr, const mk_redact_t *rules, u_char *start,
    u_char *last)
{
    u_char                    *p;
    mk_redact_t                by;
    ngx_http_upstream_t       *u;
    ngx_http_core_srv_conf_t  *cscf;

    by = *rules;
    by.unparsed = r->method_name.data == NULL;

    ngx_meshkit_redact_parts_client(r->connection);

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    p = ngx_meshkit_redact_parts_skip(start, last, (u_char *) ", server: ",
                                      sizeof(", server: ") - 1);
    p = ngx_meshkit_redact_parts_skip(p, last, cscf->server_name.data,
                                      cscf->server_name.len);

    if (p == NULL) {

        /* cut, or not nginx's own */

        ngx_meshkit_redact_parts_mask(&by, MK_REDACT_LINE, start, last, 0);

    } else {
        u = sr->upstream;

        p = ngx_meshkit_redact_parts_take(&by, p, last, 0,
                                          r->request_line.len);
        p = ngx_meshkit_redact_parts_copy(&by, p, last, 1, sr->uri.len, start);

        if (u != NULL && u->peer.name != NULL) {
            p = ngx_meshkit_redact_parts_copy(&by, p, last, 2,
                    ngx_meshkit_redact_parts_upstream(u), start);
        }

        if (r->headers_in.host != NULL) {
            p = ngx_meshkit_redact_parts_take(&by, p, last, 3,
                                              r->headers_in.host->value.len);
        }

        if (r->headers_in.referer != NULL) {
            p = ngx_meshkit_redact_parts_take(&by, p, last, 4,
                    r->headers_in.referer->value.len);
        }

        ngx_meshkit_redact_parts_mask(&by, MK_REDACT_LINE, p, last, 0);
    }

    ngx_meshkit_redact_parts_keep(&ngx_meshkit_redact_parts_last.end, start,
                                  last - start);
}


/* --- of one that nginx is still reading ----------------------------------- */


/* the part that begins there; NULL: none does */
static ngx_meshkit_redact_parts_name_t *
ngx_meshkit_redact_parts_name(u_char *p, const u_char *last)
{
    ngx_meshkit_redact_parts_name_t  *n;

    for (n = ngx_meshkit_redact_parts_names; n->before.len > 0; n++) {
        if (ngx_meshkit_redact_parts_skip(p, last, n->before.data,
                                          n->before.len)
            != NULL)
        {
            return n;
        }
    }

    return NULL;
}


/*
 * The parts of a request that is not known here yet.  Nothing is in front of
 * the request line but what nginx and the configuration say, and one that
 * nginx understood has no space that the client could put behind a quote.
 */
static void
ngx_meshkit_redact_parts_read(const mk_redact_t *rules, u_char *p,
    u_char *last)
{
    u_char                           *value, *end;
    ngx_meshkit_redact_parts_name_t  *n, *next;

    n = NULL;

    for ( /* void */ ; p < last && n == NULL; p++) {
        n = ngx_meshkit_redact_parts_name(p, last);
    }

    if (n == NULL) {
        return;
    }

    value = p - 1 + n->before.len;

    while (n != NULL) {
        next = NULL;

        for (end = value; end < last; end++) {
            if (*end == '"') {
                next = ngx_meshkit_redact_parts_name(end + 1, last);

                if (next != NULL || end + 1 == last) {
                    break;
                }
            }
        }

        if (rules->unparsed && n->kind == MK_REDACT_REQUEST) {

            /* it is the last part, whatever it looks like */

            next = NULL;
            end = last > value && last[-1] == '"' ? last - 1 : last;
        }

        ngx_meshkit_redact_parts_mask(rules, n->kind, value, end, end < last);

        if (next == NULL) {
            break;
        }

        n = next;
        value = end + 1 + n->before.len;
    }
}


/*
 * Where what nginx added to its message begins, by asking for that again.  A
 * line that is too long has only the beginning of it, or nothing.
 */
static u_char *
ngx_meshkit_redact_parts_added(ngx_log_t *log, u_char *start, u_char *last)
{
    u_char  *p, added[NGX_MAX_ERROR_STR];
    size_t   len;

    if (log->handler == NULL) {
        return NULL;
    }

    len = log->handler(log, added, sizeof(added)) - added;

    if (len == 0 || len > sizeof(added)) {
        return NULL;
    }

    p = (size_t) (last - start) > len ? last - len : start;

    for ( /* void */ ; p < last; p++) {
        if (*p == added[0] && ngx_memcmp(p, added, last - p) == 0) {
            return p;
        }

        if (last + 1 - start < NGX_MAX_ERROR_STR) {
            return NULL;            /* nothing is cut: there or nowhere */
        }
    }

    return last;
}


/* --- lines ---------------------------------------------------------------- */


/* where the end begins that was masked with the request; NULL: another one */
static u_char *
ngx_meshkit_redact_parts_known(u_char *start, u_char *last)
{
    size_t  len;

    len = ngx_meshkit_redact_parts_last.end.len;

    if (last + 1 - start == NGX_MAX_ERROR_STR && len > 0
        && (size_t) (last - start) >= len - 1
        && ngx_memcmp(last - (len - 1), ngx_meshkit_redact_parts_last.end.text,
                      len - 1)
           == 0)
    {
        return last - (len - 1);    /* the line's end overwrote a byte */
    }

    if (len == 0 || (size_t) (last - start) < len
        || ngx_memcmp(last - len, ngx_meshkit_redact_parts_last.end.text, len)
           != 0)
    {
        return NULL;
    }

    return last - len;
}


/* copies of values, in what was masked without them */
static void
ngx_meshkit_redact_parts_copies(const mk_redact_t *rules, u_char *added)
{
    ngx_uint_t                        i;
    ngx_meshkit_redact_parts_copy_t  *copy;

    copy = ngx_meshkit_redact_parts_last.copy;

    for (i = 0; i < ngx_meshkit_redact_parts_last.ncopies; i++) {
        ngx_meshkit_redact_parts_mask(rules, MK_REDACT_LINE,
                                      added + copy[i].start,
                                      added + copy[i].end, 1);
    }
}


/* the logs behind the first one get the same line, masked */
static ngx_uint_t
ngx_meshkit_redact_parts_is_done(const u_char *start, size_t len)
{
    return len > 0 && len == ngx_meshkit_redact_parts_last.line.len
           && ngx_memcmp(start, ngx_meshkit_redact_parts_last.line.text, len)
              == 0;
}


void
ngx_meshkit_redact_parts_line(ngx_log_t *log, ngx_uint_t level,
    const mk_redact_t *message, const mk_redact_t *request, u_char *start,
    size_t len)
{
    u_char  *last, *added;

    if (log->handler == NULL && ngx_meshkit_redact_parts_is_done(start, len)) {
        return;
    }

    last = start + len;

    if (len > 0 && last[-1] == LF) {
        last--;
    }

    added = NULL;

    if (level != NGX_LOG_DEBUG) {
        added = ngx_meshkit_redact_parts_known(start, last);

        if (added != NULL) {
            ngx_meshkit_redact_parts_copies(message, added);

        } else {
            added = ngx_meshkit_redact_parts_added(log, start, last);

            if (added != NULL) {
                ngx_meshkit_redact_parts_read(request, added, last);
            }
        }
    }

    if (added != NULL || level == NGX_LOG_DEBUG) {
        ngx_meshkit_redact_parts_mask(message, MK_REDACT_LINE, start,
                                      added != NULL ? added : last, 0);

    } else {

        /* nothing is known of what is behind the message */

        (void) mk_redact_text(message, start, last - start);
    }

    ngx_meshkit_redact_parts_last.line.len = 0;
    ngx_meshkit_redact_parts_keep(&ngx_meshkit_redact_parts_last.line, start,
                                  len);
}


/* --- variables ------------------------------------------------------------ */


mk_redact_kind_t
ngx_meshkit_redact_parts_kind(const ngx_str_t *variable)
{
    ngx_meshkit_redact_parts_name_t  *n;

    static ngx_meshkit_redact_parts_name_t  variables[] = {
        { ngx_string("request"), MK_REDACT_REQUEST },
        { ngx_string("request_uri"), MK_REDACT_TARGET },
        { ngx_string("uri"), MK_REDACT_PATH },
        { ngx_string("document_uri"), MK_REDACT_PATH },
        { ngx_string("request_filename"), MK_REDACT_PATH },
        { ngx_string("args"), MK_REDACT_QUERY },
        { ngx_string("query_string"), MK_REDACT_QUERY },
        { ngx_string("http_referer"), MK_REDACT_TARGET },
        { ngx_string("host"), MK_REDACT_TARGET },
        { ngx_string("http_host"), MK_REDACT_TARGET },
        { ngx_null_string, MK_REDACT_LINE }
    };

    for (n = variables; n->before.len > 0; n++) {
        if (n->before.len == variable->len
            && ngx_strncmp(n->before.data, variable->data, variable->len) == 0)
        {
            break;
        }
    }

    return n->kind;
}


/*
 * What nginx knows of a connection and of a request: a client that sends the
 * same in a cookie must not be able to hide it.
 */
ngx_uint_t
ngx_meshkit_redact_parts_is_fact(const ngx_str_t *variable)
{
    ngx_str_t  *name;

    static ngx_str_t  facts[] = {
        ngx_string("request"),
        ngx_string("request_method"),
        ngx_string("request_id"),
        ngx_string("request_length"),
        ngx_string("request_time"),
        ngx_string("remote_addr"),
        ngx_string("remote_port"),
        ngx_string("realip_remote_addr"),
        ngx_string("realip_remote_port"),
        ngx_string("proxy_protocol_addr"),
        ngx_string("proxy_protocol_port"),
        ngx_string("host"),
        ngx_string("http_host"),
        ngx_string("server_addr"),
        ngx_string("server_name"),
        ngx_string("server_port"),
        ngx_string("server_protocol"),
        ngx_string("scheme"),
        ngx_string("https"),
        ngx_string("status"),
        ngx_string("bytes_sent"),
        ngx_string("body_bytes_sent"),
        ngx_string("connection"),
        ngx_string("connection_requests"),
        ngx_string("connection_time"),
        ngx_string("time_iso8601"),
        ngx_string("time_local"),
        ngx_string("msec"),
        ngx_string("pid"),
        ngx_string("hostname"),
        ngx_string("ssl_protocol"),
        ngx_string("ssl_cipher"),
        ngx_string("ssl_server_name"),
        ngx_string("ssl_client_fingerprint"),
        ngx_string("ssl_client_serial"),
        ngx_string("ssl_client_s_dn"),
        ngx_string("ssl_client_i_dn"),
        ngx_string("ssl_client_verify"),
        ngx_string("upstream_addr"),
        ngx_string("upstream_status"),
        ngx_string("upstream_response_time"),
        ngx_null_string
    };

    for (name = facts; name->len > 0; name++) {
        if (name->len == variable->len
            && ngx_strncmp(name->data, variable->data, variable->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
