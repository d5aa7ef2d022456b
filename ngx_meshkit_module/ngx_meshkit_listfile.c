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


/* The bytes of a file, owned; NULL and the fault. */
static u_char *
ngx_meshkit_listfile_text(ngx_fd_t fd, size_t size, size_t *len,
    ngx_meshkit_listfile_fault_t *fault)
{
    u_char   *text;
    ssize_t   n;

    text = ngx_alloc(size + 1, ngx_cycle->log);
    if (text == NULL) {
        ngx_meshkit_listfile_fail(fault, NGX_ENOMEM, NULL);
        return NULL;
    }

    for (*len = 0; *len < size; *len += n) {

        n = pread(fd, text + *len, size - *len, *len);

        if (n == -1) {
            ngx_meshkit_listfile_fail(fault, ngx_errno, NULL);
            ngx_free(text);
            return NULL;
        }

        if (n == 0) {
            break;
        }
    }

    return text;
}


static void
ngx_meshkit_listfile_read_fd(ngx_fd_t fd,
    ngx_meshkit_listfile_reading_t *reading)
{
    size_t            len;
    u_char           *text;
    const char       *why;
    mk_status_t       status;
    ngx_file_info_t   fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_meshkit_listfile_fail(&reading->fault, ngx_errno, NULL);
        return;
    }

    ngx_meshkit_listfile_stamp(&fi, &reading->stamp);

    if (!ngx_is_file(&fi)) {
        ngx_meshkit_listfile_fail(&reading->fault, 0, "it is no regular file");
        return;
    }

    if (ngx_file_size(&fi) > MK_DENYLIST_TEXT_MAX) {
        ngx_meshkit_listfile_fail(&reading->fault, 0, "it is too large");
        return;
    }

    text = ngx_meshkit_listfile_text(fd, (size_t) ngx_file_size(&fi), &len,
                                     &reading->fault);
    if (text == NULL) {
        return;
    }

    status = mk_denylist_parse(ngx_meshkit_bytes_of(text, len),
                               &reading->list, &why);
    ngx_free(text);

    if (status != MK_OK) {
        ngx_meshkit_listfile_fail(&reading->fault,
                                  status == MK_INTERNAL_ERROR ? NGX_ENOMEM : 0,
                                  why);
    }
}


void
ngx_meshkit_listfile_read(const ngx_str_t *file,
    ngx_meshkit_listfile_reading_t *reading)
{
    ngx_fd_t                       fd;
    ngx_uint_t                     i;
    ngx_file_info_t                fi;
    ngx_meshkit_listfile_stamp_t   after;

    ngx_memzero(reading, sizeof(ngx_meshkit_listfile_reading_t));

    /* of a FIFO there is nothing to wait for */

    fd = open((char *) file->data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);
    if (fd == NGX_INVALID_FILE) {
        ngx_meshkit_listfile_fail(&reading->fault, ngx_errno, NULL);
        return;
    }

    for (i = 0; i < NGX_MESHKIT_LISTFILE_TRIES; i++) {

        mk_denylist_free(reading->list);
        reading->list = NULL;

        ngx_meshkit_listfile_read_fd(fd, reading);
        if (reading->list == NULL) {
            break;
        }

        reading->torn = 1;

        if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR) {
            ngx_meshkit_listfile_stamp(&fi, &after);
            reading->torn = !ngx_meshkit_listfile_is_same(&reading->stamp,
                                                          &after);
        }

        if (!reading->torn) {
            break;
        }
    }

    (void) close(fd);
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
