/*
 * ngx_meshkit_listfile: a denylist's file: its state, and what stands in it.
 */

#include "ngx_meshkit_listfile.h"


void
ngx_meshkit_listfile_stamp(const ngx_file_info_t *fi,
    ngx_meshkit_listfile_stamp_t *stamp)
{
    /* compared as a whole, its padding too */

    ngx_memzero(stamp, sizeof(ngx_meshkit_listfile_stamp_t));

    stamp->device = fi->st_dev;
    stamp->inode = fi->st_ino;
    stamp->size = fi->st_size;
    stamp->modified = fi->st_mtim;
    stamp->changed = fi->st_ctim;
}


ngx_uint_t
ngx_meshkit_listfile_is_same(const ngx_meshkit_listfile_stamp_t *a,
    const ngx_meshkit_listfile_stamp_t *b)
{
    return ngx_memcmp(a, b, sizeof(ngx_meshkit_listfile_stamp_t)) == 0;
}


ngx_uint_t
ngx_meshkit_listfile_is_cut(const ngx_meshkit_listfile_stamp_t *stamp,
    const ngx_meshkit_listfile_stamp_t *before)
{
    ngx_meshkit_listfile_stamp_t  whole;

    whole = *stamp;
    whole.size = before->size;

    return stamp->size != before->size
           && ngx_meshkit_listfile_is_same(&whole, before);
}


void
ngx_meshkit_listfile_fail(ngx_meshkit_listfile_fault_t *fault, ngx_err_t err,
    const char *why)
{
    fault->err = err;
    fault->why = why;

    if (why == NULL) {
        fault->why = err == NGX_ENOENT
                     ? "it is not there, and an empty one would deny nothing"
                     : "it cannot be read";
    }
}


/* --- a reading ------------------------------------------------------------ */


static void
ngx_meshkit_listfile_forget(ngx_meshkit_listfile_reading_t *reading)
{
    mk_denylist_reader_free(reading->reader);
    reading->reader = NULL;

    if (reading->text != NULL) {
        ngx_free(reading->text);
        reading->text = NULL;
    }

    EVP_MD_CTX_free(reading->md);
    reading->md = NULL;
}


/* The text is to be read, from its beginning; NGX_OK, or NGX_ERROR. */
static ngx_int_t
ngx_meshkit_listfile_open_text(ngx_meshkit_listfile_reading_t *reading)
{
    ngx_file_info_t  fi;

    if (ngx_fd_info(reading->fd, &fi) == NGX_FILE_ERROR) {
        ngx_meshkit_listfile_fail(&reading->fault, ngx_errno, NULL);
        return NGX_ERROR;
    }

    ngx_meshkit_listfile_stamp(&fi, &reading->stamp);

    if (!ngx_is_file(&fi)) {
        ngx_meshkit_listfile_fail(&reading->fault, 0, "it is no regular file");
        return NGX_ERROR;
    }

    if (ngx_file_size(&fi) > MK_DENYLIST_TEXT_MAX) {
        ngx_meshkit_listfile_fail(&reading->fault, 0, "it is too large");
        return NGX_ERROR;
    }

    reading->tries++;
    reading->size = (size_t) ngx_file_size(&fi);
    reading->len = 0;

    reading->text = ngx_alloc(reading->size + 1, ngx_cycle->log);
    if (reading->text == NULL) {
        ngx_meshkit_listfile_fail(&reading->fault, NGX_ENOMEM, NULL);
        return NGX_ERROR;
    }

    reading->md = EVP_MD_CTX_new();

    if (reading->md != NULL
        && EVP_DigestInit_ex(reading->md, EVP_sha256(), NULL) != 1)
    {
        EVP_MD_CTX_free(reading->md);
        reading->md = NULL;
    }

    return NGX_OK;
}


/* NGX_AGAIN, NGX_OK at its end, or NGX_ERROR. */
static ngx_int_t
ngx_meshkit_listfile_read_text(ngx_meshkit_listfile_reading_t *reading)
{
    u_char   *text;
    size_t    want;
    ssize_t   n;

    text = reading->text + reading->len;
    want = ngx_min(reading->size - reading->len,
                   (size_t) NGX_MESHKIT_LISTFILE_PORTION);

    n = pread(reading->fd, text, want, (off_t) reading->len);

    if (n == -1) {
        ngx_meshkit_listfile_fail(&reading->fault, ngx_errno, NULL);
        return NGX_ERROR;
    }

    if (reading->md != NULL
        && EVP_DigestUpdate(reading->md, text, (size_t) n) != 1)
    {
        EVP_MD_CTX_free(reading->md);
        reading->md = NULL;
    }

    reading->len += n;

    return n == 0 || reading->len == reading->size ? NGX_OK : NGX_AGAIN;
}


/*
 * What was read is the file as its state was noted; else it is read anew, or
 * torn.  NGX_AGAIN, NGX_OK if nothing is to be looked at, or NGX_ERROR.
 */
static ngx_int_t
ngx_meshkit_listfile_close_text(ngx_meshkit_listfile_reading_t *reading)
{
    const char                    *why;
    mk_status_t                    status;
    ngx_file_info_t                fi;
    ngx_meshkit_listfile_stamp_t   after;

    reading->torn = 1;

    if (ngx_fd_info(reading->fd, &fi) != NGX_FILE_ERROR) {
        ngx_meshkit_listfile_stamp(&fi, &after);
        reading->torn = !ngx_meshkit_listfile_is_same(&reading->stamp, &after);
    }

    if (reading->torn) {
        reading->than.known = 0;

        if (reading->tries < NGX_MESHKIT_LISTFILE_TRIES) {
            ngx_meshkit_listfile_forget(reading);

            return ngx_meshkit_listfile_open_text(reading) == NGX_OK
                   ? NGX_AGAIN : NGX_ERROR;
        }
    }

    reading->digest.known = reading->md != NULL
                            && EVP_DigestFinal_ex(reading->md,
                                                  reading->digest.sum, NULL)
                               == 1;

    if (reading->digest.known && reading->than.known
        && ngx_memcmp(reading->digest.sum, reading->than.sum,
                      NGX_MESHKIT_LISTFILE_DIGEST)
           == 0)
    {
        reading->same = 1;
        return NGX_OK;
    }

    status = mk_denylist_reader_create(ngx_meshkit_bytes_of(reading->text,
                                                            reading->len),
                                       &reading->reader, &why);
    if (status != MK_OK) {
        ngx_meshkit_listfile_fail(&reading->fault,
                                  status == MK_INTERNAL_ERROR ? NGX_ENOMEM : 0,
                                  why);
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* NGX_AGAIN, NGX_OK with the list, or NGX_ERROR. */
static ngx_int_t
ngx_meshkit_listfile_read_lines(ngx_meshkit_listfile_reading_t *reading)
{
    const char   *why;
    mk_status_t   status;

    status = mk_denylist_reader_step(reading->reader,
                                     NGX_MESHKIT_LISTFILE_PORTION,
                                     &reading->list, &why);
    if (status != MK_OK) {
        ngx_meshkit_listfile_fail(&reading->fault, 0, why);
        return NGX_ERROR;
    }

    return reading->list == NULL ? NGX_AGAIN : NGX_OK;
}


ngx_int_t
ngx_meshkit_listfile_begin(const ngx_str_t *file,
    ngx_meshkit_listfile_reading_t *reading)
{
    ngx_memzero(reading, sizeof(ngx_meshkit_listfile_reading_t));

    /* of a FIFO there is nothing to wait for */

    reading->fd = open((char *) file->data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (reading->fd == NGX_INVALID_FILE) {
        ngx_meshkit_listfile_fail(&reading->fault, ngx_errno, NULL);
        return NGX_OK;
    }

    return ngx_meshkit_listfile_open_text(reading) == NGX_OK ? NGX_AGAIN
                                                             : NGX_OK;
}


ngx_int_t
ngx_meshkit_listfile_go_on(ngx_meshkit_listfile_reading_t *reading)
{
    ngx_int_t  rc;

    if (reading->reader != NULL) {
        rc = ngx_meshkit_listfile_read_lines(reading);

    } else {
        rc = ngx_meshkit_listfile_read_text(reading);

        if (rc == NGX_OK) {
            rc = ngx_meshkit_listfile_close_text(reading);
        }
    }

    return rc == NGX_AGAIN ? NGX_AGAIN : NGX_OK;
}


void
ngx_meshkit_listfile_end(ngx_meshkit_listfile_reading_t *reading)
{
    ngx_meshkit_listfile_forget(reading);

    if (reading->fd != NGX_INVALID_FILE) {
        (void) close(reading->fd);
        reading->fd = NGX_INVALID_FILE;
    }
}


void
ngx_meshkit_listfile_read(const ngx_str_t *file,
    ngx_meshkit_listfile_reading_t *reading)
{
    ngx_int_t  rc;

    for (rc = ngx_meshkit_listfile_begin(file, reading); rc == NGX_AGAIN; ) {
        rc = ngx_meshkit_listfile_go_on(reading);
    }

    ngx_meshkit_listfile_end(reading);
}


ngx_uint_t
ngx_meshkit_listfile_is_still(const ngx_str_t *file,
    const ngx_meshkit_listfile_stamp_t *stamp)
{
    ngx_fd_t                       fd;
    ngx_uint_t                     still;
    ngx_file_info_t                fi;
    ngx_meshkit_listfile_stamp_t   now;

    fd = open((char *) file->data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);
    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    still = 0;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR) {
        ngx_meshkit_listfile_stamp(&fi, &now);
        still = ngx_meshkit_listfile_is_same(&now, stamp);
    }

    (void) close(fd);

    return still;
}
