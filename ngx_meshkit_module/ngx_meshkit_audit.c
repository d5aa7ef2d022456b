/*
 * ngx_meshkit_audit: who opened what, and what came of it.
 *
 * A line for each decision, and one at the end of each stream.  That of an
 * allowed open is written before the header goes out: what the log does not
 * know is not served.  A line is one write, so that workers do not mix theirs.
 */

#include "ngx_meshkit_conf.h"
#include "ngx_meshkit_fetch.h"


/* "<255>Jan 01 00:00:00 ", the host's name, the tag, and what is between */
#define NGX_MESHKIT_AUDIT_HEADER  512


struct ngx_meshkit_audit_s {
    ngx_str_t           name;       /* as it is configured */
    ngx_open_file_t    *file;       /* either this */
    ngx_syslog_peer_t  *syslog;     /* or that */
    time_t              reported;   /* that a line was lost */
    unsigned            torn:1;     /* a line has no end */
};


/* --- the directive -------------------------------------------------------- */


/* nginx opens the file later, and does not say then which line named it. */
static ngx_int_t
ngx_meshkit_audit_has_directory(ngx_conf_t *cf, const ngx_str_t *name)
{
    size_t           len;
    u_char           dir[NGX_MAX_PATH];
    ngx_file_info_t  info;

    for (len = name->len; len > 1 && name->data[len - 1] != '/'; len--) {
        /* void */
    }

    if (len >= NGX_MAX_PATH) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "the path is too long");
        return NGX_ERROR;
    }

    *ngx_cpymem(dir, name->data, len) = '\0';

    if (ngx_file_info(dir, &info) == NGX_FILE_ERROR || !ngx_is_dir(&info)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" is no directory, make it for the audit "
                           "log, or name another one", dir);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* meshkit_audit_log <file>|syslog:server=<address>[,parameter=value]|off; */
char *
ngx_meshkit_audit_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_meshkit_loc_conf_t *mlcf = conf;

    ngx_str_t            *value;
    ngx_meshkit_audit_t  *audit;

    if (mlcf->audit != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        mlcf->audit = NULL;
        return NGX_CONF_OK;
    }

    audit = ngx_pcalloc(cf->pool, sizeof(ngx_meshkit_audit_t));
    if (audit == NULL) {
        return NGX_CONF_ERROR;
    }

    audit->name = value[1];
    mlcf->audit = audit;

    if (ngx_strncmp(value[1].data, "syslog:", sizeof("syslog:") - 1) == 0) {

        audit->syslog = ngx_pcalloc(cf->pool, sizeof(ngx_syslog_peer_t));
        if (audit->syslog == NULL) {
            return NGX_CONF_ERROR;
        }

        return ngx_syslog_process_conf(cf, audit->syslog);
    }

    if (ngx_http_script_variables_count(&value[1]) > 0) {
        return "takes no variables";
    }

    audit->file = ngx_conf_open_file(cf->cycle, &value[1]);
    if (audit->file == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_meshkit_audit_has_directory(cf, &audit->file->name) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* --- writing -------------------------------------------------------------- */


/*
 * One write for the line.  Behind one that was cut short, by a full disk,
 * the next begins with a line feed: line has room for it in front.
 */
static ngx_int_t
ngx_meshkit_audit_write(ngx_meshkit_audit_t *audit, u_char *line, size_t len,
    ngx_err_t *err)
{
    ssize_t  n;

    if (audit->torn) {
        *--line = LF;
        len++;
    }

    do {
        n = ngx_write_fd(audit->file->fd, line, len);
        *err = n == -1 ? ngx_errno : 0;
    } while (*err == NGX_EINTR);

    if (n == (ssize_t) len) {
        audit->torn = 0;
        return NGX_OK;
    }

    if (n > 0) {
        audit->torn = 1;
    }

    return NGX_ERROR;
}


/* Tried twice: a syslog that was started anew has a new socket. */
static ngx_int_t
ngx_meshkit_audit_send(ngx_meshkit_audit_t *audit, const u_char *line,
    size_t len)
{
    u_char    *p, text[NGX_MESHKIT_AUDIT_HEADER + MK_AUDIT_LINE_MAX];
    size_t     size;
    ssize_t    n;

    p = ngx_syslog_add_header(audit->syslog, text);
    p = ngx_cpymem(p, line, len);
    size = p - text;

    n = ngx_syslog_send(audit->syslog, text, size);

    if (n == NGX_ERROR) {
        n = ngx_syslog_send(audit->syslog, text, size);
    }

    return n == (ssize_t) size ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_meshkit_audit_put(ngx_meshkit_open_t *open, const mk_audit_facts_t *facts)
{
    char                  text[1 + MK_AUDIT_LINE_MAX];
    u_char               *line;
    size_t                len;
    ngx_err_t             err;
    ngx_int_t             rc;
    ngx_meshkit_audit_t  *audit;

    audit = open->conf->audit;
    line = (u_char *) text + 1;
    err = 0;

    len = mk_audit_print(facts, text + 1);

    if (len == 0) {
        rc = NGX_ERROR;

    } else if (audit->file != NULL) {
        rc = ngx_meshkit_audit_write(audit, line, len, &err);

    } else {
        rc = ngx_meshkit_audit_send(audit, line, len - 1);
    }

    if (rc != NGX_OK && audit->reported != ngx_time()) {
        audit->reported = ngx_time();

        ngx_log_error(NGX_LOG_CRIT, open->request->connection->log, err,
                      "meshkit: the audit log \"%V\" cannot be written, "
                      "nothing is served that it does not know of",
                      &audit->name);
    }

    return rc;
}


/* --- facts ---------------------------------------------------------------- */


static uint64_t
ngx_meshkit_audit_duration(const ngx_http_request_t *r, const ngx_time_t *now)
{
    ngx_msec_int_t  ms;

    ms = (ngx_msec_int_t) (now->sec - r->start_sec) * 1000
         + (ngx_msec_int_t) now->msec - (ngx_msec_int_t) r->start_msec;

    return ms > 0 ? (uint64_t) ms : 0;
}


/* the checks that have something to look at, one bit for each */
static unsigned
ngx_meshkit_audit_applies(const ngx_meshkit_open_t *open)
{
    unsigned             idle;
    const mk_capsule_t  *capsule;

    capsule = open->capsule;
    idle = 0;

    if (open->conf->denylist == NULL) {
        idle |= 1u << MK_CHECK_DENYLIST;
    }

    if (open->conf->any_owner == 1) {
        idle |= 1u << MK_CHECK_SIGNATURE;
    }

    if (capsule == NULL || capsule->vault_id.len == 0) {
        idle |= 1u << MK_CHECK_VAULT;
    }

    if (capsule == NULL || !mk_capsule_requires_token(capsule, open->action)) {
        idle |= 1u << MK_CHECK_CAPABILITY;
    }

    if (capsule == NULL || capsule->policy_id.len == 0) {
        idle |= 1u << MK_CHECK_POLICY;
    }

    if (!open->partial) {
        idle |= 1u << MK_CHECK_RANGE;
    }

    return ~idle;
}


/*
 * The denylist is asked twice: about what is known before there is a record,
 * and behind the signature about CID and owner.
 */
static mk_check_t
ngx_meshkit_audit_reached(const ngx_meshkit_open_t *open)
{
    if (open->check != MK_CHECK_DENYLIST || open->capsule == NULL) {
        return open->check;
    }

    return open->found.check == MK_CHECK_DENYLIST ? MK_CHECK_TIME
                                                  : MK_CHECK_SIGNATURE;
}


/* What the record says, once it is known whose words these are. */
static void
ngx_meshkit_audit_record(const ngx_meshkit_open_t *open,
    mk_audit_facts_t *facts, char cid[MK_CID_PRINT_MAX])
{
    const mk_capsule_t  *capsule;

    capsule = open->capsule;

    if (facts->reached <= MK_CHECK_SIGNATURE) {
        return;
    }

    facts->cid.data = (u_char *) cid;
    facts->cid.len = mk_cid_print(&capsule->cid, cid);
    facts->owner = capsule->owner;
    facts->vault = capsule->vault_id;
    facts->policy = capsule->policy_id;

    if (open->policy_asked) {
        facts->has_policy_ms = 1;
        facts->policy_ms = open->step == NGX_MESHKIT_POLICY && !open->decided
                           ? ngx_current_msec - open->policy_start
                           : open->policy_ms;
    }

    if (facts->outcome == MK_RANGE_NOT_SATISFIABLE) {
        facts->has_range = 1;
        facts->size = capsule->size;

    } else if (open->partial) {
        facts->has_range = 1;
        facts->first = open->first;
        facts->len = open->len;
        facts->size = capsule->size;
    }
}


static void
ngx_meshkit_audit_who(const ngx_meshkit_open_t *open, mk_audit_facts_t *facts)
{
    facts->client_ip = ngx_meshkit_handler_address(open->request);
    facts->request_id = ngx_meshkit_bytes(&open->request_id);
    facts->subject = ngx_meshkit_bytes(&open->subject);

    /* what is malformed may be anything, a token in the wrong place too */

    if (mk_name_is_id(ngx_meshkit_bytes(&open->id))) {
        facts->capsule = ngx_meshkit_bytes(&open->id);
    }

    if (mk_name_is_identity(ngx_meshkit_bytes(&open->identity))) {
        facts->identity = ngx_meshkit_bytes(&open->identity);
    }

    facts->token_ref.data = (const u_char *) open->token_ref;
    facts->token_ref.len = ngx_strlen(open->token_ref);
}


/*
 * Bytes of the body that the connection took.  $body_bytes_sent would have
 * what nginx sent before the header, "100 Continue", in it.
 */
static uint64_t
ngx_meshkit_audit_sent(const ngx_meshkit_open_t *open)
{
    off_t  sent;

    if (!open->begun) {
        return 0;
    }

    sent = open->request->connection->sent - open->sent_before
           - (off_t) open->request->header_size;

    return sent > 0 ? (uint64_t) sent : 0;
}


static int
ngx_meshkit_audit_http(const ngx_meshkit_open_t *open,
    const mk_audit_facts_t *facts)
{
    if (!open->begun
        && (facts->event == MK_AUDIT_CLIENT_GONE
            || facts->event == MK_AUDIT_SHUTDOWN))
    {
        return 0;
    }

    if (!open->begun && facts->outcome != MK_OK) {
        return mk_status_http(facts->outcome);
    }

    if (open->condition != 0) {
        return (int) open->condition;
    }

    return open->partial ? NGX_HTTP_PARTIAL_CONTENT : NGX_HTTP_OK;
}


static ngx_int_t
ngx_meshkit_audit_line(ngx_meshkit_open_t *open, mk_audit_event_t event,
    mk_status_t outcome)
{
    char               cid[MK_CID_PRINT_MAX];
    ngx_time_t        *now;
    const ngx_str_t   *gateway;
    mk_audit_facts_t   facts;

    if (open->conf->audit == NULL) {
        return NGX_OK;
    }

    now = ngx_timeofday();

    ngx_memzero(&facts, sizeof(mk_audit_facts_t));

    facts.event = event;
    facts.outcome = outcome;
    facts.seconds = now->sec;
    facts.milliseconds = (unsigned) now->msec;
    facts.duration = ngx_meshkit_audit_duration(open->request, now);
    facts.action = open->action;
    facts.check = open->check;
    facts.reached = ngx_meshkit_audit_reached(open);
    facts.applies = ngx_meshkit_audit_applies(open);
    facts.http = ngx_meshkit_audit_http(open, &facts);

    ngx_meshkit_audit_who(open, &facts);
    ngx_meshkit_audit_record(open, &facts, cid);

    gateway = ngx_meshkit_fetch_gateway(open);

    if (gateway != NULL) {
        facts.gateway = ngx_meshkit_bytes(gateway);
    }

    facts.has_gateways_failed = open->fetch != NULL;
    facts.gateways_failed = ngx_meshkit_fetch_failed(open);

    facts.has_sent = event != MK_AUDIT_DECISION;
    facts.sent = ngx_meshkit_audit_sent(open);

    return ngx_meshkit_audit_put(open, &facts);
}


/* --- when ----------------------------------------------------------------- */


ngx_int_t
ngx_meshkit_audit_allow(ngx_meshkit_open_t *open)
{
    if (ngx_meshkit_audit_line(open, MK_AUDIT_DECISION, MK_OK) != NGX_OK) {
        return NGX_ERROR;
    }

    open->audited = 1;
    open->allowed = 1;
    open->sent_before = open->request->connection->sent;

    return NGX_OK;
}


void
ngx_meshkit_audit_refuse(ngx_meshkit_open_t *open)
{
    if (open->audited) {
        return;
    }

    open->audited = 1;

    (void) ngx_meshkit_audit_line(open, MK_AUDIT_DECISION, open->outcome);
}


/* How a stream ended that was allowed to begin; or what never began. */
static void
ngx_meshkit_audit_end(ngx_meshkit_open_t *open)
{
    mk_status_t          outcome;
    mk_audit_event_t     event;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = open->request;
    c = r->connection;

    outcome = open->outcome;
    event = MK_AUDIT_ABORTED;

    if (open->shutdown) {
        event = MK_AUDIT_SHUTDOWN;

    } else if (open->client_gone) {
        event = MK_AUDIT_CLIENT_GONE;

    } else if (open->decided && outcome != MK_OK) {
        /* it ended by a failure, whatever the client did then */

    } else if (open->decided && open->allowed && r->request_complete
               && ngx_meshkit_audit_sent(open) == open->len)
    {
        event = MK_AUDIT_COMPLETE;

    } else if (c->error || c->timedout) {
        event = MK_AUDIT_CLIENT_GONE;

    } else {
        outcome = MK_INTERNAL_ERROR;        /* another module's failure */
    }

    (void) ngx_meshkit_audit_line(open, event, outcome);
}


void
ngx_meshkit_audit_close(ngx_meshkit_open_t *open)
{
    if (!open->audited && open->decided && open->outcome != MK_OK
        && !open->client_gone)
    {
        ngx_meshkit_audit_refuse(open);
        return;
    }

    if (!open->audited
        || (open->allowed && open->condition == 0
            && open->request->method != NGX_HTTP_HEAD))
    {
        open->audited = 1;
        ngx_meshkit_audit_end(open);
    }
}


/*
 * The log phase: everything is known now, and it comes for every request,
 * however it ended.
 */
static ngx_int_t
ngx_meshkit_audit_handler(ngx_http_request_t *r)
{
    ngx_meshkit_open_t  *open;

    open = r == r->main ? ngx_meshkit_handler_get(r) : NULL;

    if (open != NULL) {
        ngx_meshkit_audit_close(open);
    }

    return NGX_OK;
}


ngx_int_t
ngx_meshkit_audit_init(ngx_conf_t *cf)
{
    return ngx_meshkit_module_add_handler(cf, NGX_HTTP_LOG_PHASE,
                                          ngx_meshkit_audit_handler);
}
