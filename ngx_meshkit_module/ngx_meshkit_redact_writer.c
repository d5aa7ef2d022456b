/*
 * ngx_meshkit_redact_writer: masks the finished lines of error logs.
 *
 * It sees every line, of every module and of requests that nginx is still
 * reading, and masks it before it goes where it went without it.
 */

#include "ngx_meshkit_redact.h"


/* A log, and what it had before. */
typedef struct {
    ngx_log_t                  *log;
    ngx_meshkit_redact_main_t  *main;
    ngx_log_writer_pt           writer;     /* NULL: to its file */
    void                       *wdata;
} ngx_meshkit_redact_writer_t;


/* as nginx does where there is no writer */
static void
ngx_meshkit_redact_writer_file(ngx_log_t *log, u_char *buf, size_t len)
{
    if (log->file == NULL || ngx_time() == log->disk_full_time) {
        return;
    }

    if (ngx_write_fd(log->file->fd, buf, len) == -1
        && ngx_errno == NGX_ENOSPC)
    {
        log->disk_full_time = ngx_time();
    }
}


/* a request line is being read; the next one of a connection, too */
static ngx_uint_t
ngx_meshkit_redact_writer_is_line(const ngx_log_t *log)
{
    return log->action != NULL
           && (ngx_strcmp(log->action, "reading client request line") == 0
               || ngx_strcmp(log->action,
                             "reading client pipelined request line")
                  == 0);
}


/*
 * The line is nginx's own buffer: the logs behind this one get it masked.
 * From "notice" on a line may show a value alone, without a name in front.
 */
static void
ngx_meshkit_redact_writer(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len)
{
    ngx_log_t                     before;
    mk_redact_t                   message, request;
    ngx_meshkit_redact_t         *known;
    ngx_meshkit_redact_writer_t  *w;

    w = log->wdata;

    if (w == NULL) {

        /* a log in memory whose configuration is gone */

        return;
    }

    known = ngx_meshkit_redact_request_of(log);

    if (level != NGX_LOG_DEBUG && len > NGX_MESHKIT_REDACT_LINE
        && ngx_meshkit_redact_request_is_noisy(known))
    {
        len = NGX_MESHKIT_REDACT_LINE;
        buf[len - 1] = LF;
    }

    ngx_meshkit_redact_request_rules(&message, w->main, &w->main->args,
                                     &w->main->headers, known,
                                     level >= NGX_LOG_NOTICE);
    ngx_meshkit_redact_request_rules(&request, w->main, &w->main->args,
                                     &w->main->headers, known, 0);

    message.again = 1;
    message.unparsed = ngx_meshkit_redact_writer_is_line(log);
    request.again = 1;
    request.unparsed = message.unparsed;

    ngx_meshkit_redact_parts_line(log, level, &message, &request, buf, len);

    if (w->writer == NULL) {
        ngx_meshkit_redact_writer_file(log, buf, len);
        return;
    }

    before = *log;
    before.writer = w->writer;
    before.wdata = w->wdata;

    w->writer(&before, level, buf, len);
}


/*
 * The module's code goes with the cycle's pool, and after that nginx still
 * logs that it frees the pool's memory.
 */
static void
ngx_meshkit_redact_writer_unwrap(void *data)
{
    ngx_meshkit_redact_writer_t  *w = data;

    w->log->writer = w->writer;
    w->log->wdata = w->wdata;
}


static ngx_int_t
ngx_meshkit_redact_writer_wrap(ngx_cycle_t *cycle,
    ngx_meshkit_redact_main_t *main, ngx_log_t *log)
{
    ngx_pool_cleanup_t           *cln;
    ngx_meshkit_redact_writer_t  *w;

    for ( /* void */ ; log != NULL; log = log->next) {

        if (log->writer == ngx_meshkit_redact_writer) {
            continue;
        }

        cln = ngx_pool_cleanup_add(cycle->pool,
                                   sizeof(ngx_meshkit_redact_writer_t));
        if (cln == NULL) {
            return NGX_ERROR;
        }

        w = cln->data;
        w->log = log;
        w->main = main;
        w->writer = log->writer;
        w->wdata = log->wdata;

        log->wdata = w;
        log->writer = ngx_meshkit_redact_writer;

        cln->handler = ngx_meshkit_redact_writer_unwrap;
    }

    return NGX_OK;
}


static void
ngx_meshkit_redact_writer_warn(ngx_cycle_t *cycle, const ngx_log_t *log)
{
    for ( /* void */ ; log != NULL; log = log->next) {
        if (log->log_level >= NGX_LOG_DEBUG) {
            ngx_log_error(NGX_LOG_WARN, cycle->old_cycle->log, 0,
                          "meshkit: an error log of a location with "
                          "\"meshkit_open\" is at level \"debug\": values of "
                          "headers that \"meshkit_redact_headers\" does not "
                          "name are in it");
            return;
        }
    }
}


ngx_int_t
ngx_meshkit_redact_writer_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i, any;
    ngx_listening_t            *ls;
    ngx_meshkit_main_conf_t    *mmcf;
    ngx_meshkit_redact_log_t   *entry;
    ngx_meshkit_redact_main_t  *main;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_meshkit_module);

    if (mmcf == NULL || mmcf->redact->key == NULL) {
        return NGX_OK;
    }

    main = mmcf->redact;
    entry = main->logs.elts;
    any = 0;

    for (i = 0; i < main->logs.nelts; i++) {

        if (entry[i].opens) {
            ngx_meshkit_redact_writer_warn(cycle, entry[i].log);
        }

        if (!entry[i].on && !(entry[i].unset && main->opens)) {
            continue;
        }

        any = 1;

        if (ngx_meshkit_redact_writer_wrap(cycle, main, entry[i].log)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (!any) {
        return NGX_OK;
    }

    if (ngx_meshkit_redact_writer_wrap(cycle, main, cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    ls = cycle->listening.elts;

    for (i = 0; i < cycle->listening.nelts; i++) {
        if (ngx_meshkit_redact_writer_wrap(cycle, main, &ls[i].log)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
