/*
 * ngx_meshkit_spool: "meshkit_release whole".
 *
 * First every block is verified and every segment opened, and nothing is
 * sent; the sealed bytes, never the opened ones, are kept in one of nginx's
 * temporary files.  Then the segments are read from there and opened again,
 * so whoever changes the file on the disk gains nothing.
 */

#include "ngx_meshkit_fetch.h"


struct ngx_meshkit_spool_s {
    ngx_file_t   file;
    off_t        size;          /* sealed bytes that were written */
    uint64_t     pos;           /* of the next ones to be read */
    uint64_t     end;
    u_char      *buf;           /* what was read last */
    size_t       room;
};


ngx_int_t
ngx_meshkit_spool_create(ngx_meshkit_open_t *open)
{
    ngx_http_request_t        *r;
    ngx_meshkit_spool_t       *spool;
    ngx_http_core_loc_conf_t  *clcf;

    r = open->request;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    spool = ngx_pcalloc(r->pool, sizeof(ngx_meshkit_spool_t));
    if (spool == NULL) {
        return NGX_ERROR;
    }

    /* the opener collects the segment: there is one of them in memory */

    spool->room = ngx_min(mk_opener_room(open->opener),
                          NGX_MESHKIT_SPOOL_READ);

    spool->buf = ngx_palloc(r->pool, spool->room);
    if (spool->buf == NULL) {
        return NGX_ERROR;
    }

    spool->file.fd = NGX_INVALID_FILE;
    spool->file.log = r->connection->log;

    /* not persistent, and removed with the request's pool */

    if (ngx_create_temp_file(&spool->file, clcf->client_body_temp_path,
                             r->pool, 0, 1, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    open->spool = spool;

    return NGX_OK;
}


static ngx_int_t
ngx_meshkit_spool_write(ngx_meshkit_spool_t *spool, mk_bytes_t bytes)
{
    ssize_t  n;

    if (bytes.len == 0) {
        return NGX_OK;
    }

    n = ngx_write_file(&spool->file, (u_char *) bytes.data, bytes.len,
                       spool->size);

    if (n != (ssize_t) bytes.len) {
        return NGX_ERROR;
    }

    spool->size += n;

    return NGX_OK;
}


/* All of it is sound: from here on what the client wants is read. */
static void
ngx_meshkit_spool_turn(ngx_meshkit_open_t *open)
{
    uint64_t      last;
    mk_status_t   status;

    status = mk_opener_rewind(open->opener, open->first, open->len);

    if (status != MK_OK) {
        ngx_meshkit_open_decide(open, status, "the spool does not turn");
        return;
    }

    mk_opener_extent(open->opener, &open->spool->pos, &last);

    open->spool->end = last + 1;
    open->verified = 1;

    /* no gateway is kept waiting while the client reads */

    ngx_meshkit_fetch_end(open->fetch);
    ngx_meshkit_fetch_drop(open->fetch);
    ngx_meshkit_subrequest_cancel_all(open);
}


/* Fetches, verifies and keeps, until all of it is sound. */
void
ngx_meshkit_spool_fill(ngx_meshkit_open_t *open)
{
    size_t       len;
    u_char      *plain;
    mk_status_t  status;

    while (!open->decided) {

        if (mk_opener_done(open->opener)) {
            ngx_meshkit_spool_turn(open);
            return;
        }

        if (ngx_meshkit_stream_turn(open)) {
            return;
        }

        status = mk_opener_read(open->opener, &plain, &len);

        if (status != MK_OK) {
            ngx_meshkit_open_decide(open, status,
                                    mk_opener_saw_legacy_blob(open->opener)
                                    ? NGX_MESHKIT_LEGACY
                                    : "a segment does not open");
            return;
        }

        if (len > 0) {
            ngx_explicit_memzero(plain, len);
            ngx_meshkit_stream_took(open, len);

            /* what is left is bounded by the gateways' pace */

            if (open->deadline.timer_set) {
                ngx_del_timer(&open->deadline);
            }

            continue;
        }

        if (mk_opener_done(open->opener)) {
            continue;
        }

        if (ngx_meshkit_fetch_block(open) != NGX_OK) {
            return;
        }

        if (ngx_meshkit_spool_write(open->spool,
                                    mk_opener_data(open->opener))
            != NGX_OK)
        {
            ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR,
                                    "the temporary file cannot be written");
        }
    }
}


/* Gives the opener the next sealed bytes; NGX_OK, or NGX_ERROR: decided. */
ngx_int_t
ngx_meshkit_spool_read(ngx_meshkit_open_t *open)
{
    size_t                want;
    ssize_t               n;
    ngx_meshkit_spool_t  *spool;

    spool = open->spool;

    want = (size_t) ngx_min((uint64_t) spool->room, spool->end - spool->pos);

    n = ngx_read_file(&spool->file, spool->buf, want, (off_t) spool->pos);

    if (want == 0 || n != (ssize_t) want
        || mk_opener_bytes(open->opener,
                           ngx_meshkit_bytes_of(spool->buf, want))
           != MK_OK)
    {
        ngx_meshkit_open_decide(open, MK_INTERNAL_ERROR,
                                "the temporary file cannot be read");
        return NGX_ERROR;
    }

    spool->pos += want;

    return NGX_OK;
}
