/*
 * files: bounded reads and atomic writes.
 */

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "report.h"


/* temporary files at one time: a CAR and a capsule, and some room */
#define FILES_PENDING_MAX  8

/* what mkstemp puts behind a name */
#define FILES_SUFFIX  ".XXXXXX"


static const char *volatile  files_pending[FILES_PENDING_MAX];


static void
files_on_signal(int number)
{
    int  i;

    for (i = 0; i < FILES_PENDING_MAX; i++) {
        if (files_pending[i] != NULL) {
            (void) unlink(files_pending[i]);
        }
    }

    /* the handler was reset: the default action ends the process */
    (void) raise(number);
}


void
files_guard(void)
{
    size_t            i;
    struct sigaction  action;

    static const int  numbers[] = { SIGHUP, SIGINT, SIGTERM };

    memset(&action, 0, sizeof(action));
    action.sa_handler = files_on_signal;
    action.sa_flags = (int) SA_RESETHAND;
    sigemptyset(&action.sa_mask);

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void) sigaction(numbers[i], &action, NULL);
    }

    /* a reader that went away, and a limit of size, are errors of write() */
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGXFSZ, SIG_IGN);
}


static void
files_remember(const char *from, const char *to)
{
    int  i;

    for (i = 0; i < FILES_PENDING_MAX; i++) {
        if (files_pending[i] == from) {
            files_pending[i] = to;
            return;
        }
    }
}


static int
files_fail(const char *what, const char *path)
{
    report_error("cannot %s %s: %s", what, path, strerror(errno));

    return REPORT_IO;
}


char *
files_path(const char *dir, const char *name)
{
    char    *path;
    size_t   size;

    size = strlen(dir) + 1 + strlen(name) + 1;

    path = malloc(size);
    if (path != NULL) {
        (void) snprintf(path, size, "%s/%s", dir, name);
    }

    return path;
}


const char *
files_base(const char *path)
{
    const char  *slash;

    slash = strrchr(path, '/');

    return (slash == NULL) ? path : slash + 1;
}


int
files_exists(const char *path)
{
    struct stat  st;

    return lstat(path, &st) == 0;
}


static int
files_fill(int fd, const char *path, size_t max, char *data, size_t *len)
{
    size_t   got;
    ssize_t  n;

    /* one byte of room more tells a file that is too long */
    for (got = 0; got <= max; got += (size_t) n) {
        n = read(fd, data + got, max + 1 - got);

        if (n == 0) {
            break;
        }

        if (n < 0) {
            return files_fail("read", path);
        }
    }

    if (got > max) {
        report_error("%s is longer than %zu bytes", path, max);
        return REPORT_IO;
    }

    data[got] = '\0';
    *len = got;

    return REPORT_OK;
}


static int
files_read_fd(int fd, const char *path, size_t max, char **data, size_t *len)
{
    int    rc;
    char  *text;

    text = malloc(max + 2);
    if (text == NULL) {
        return report_no_memory();
    }

    rc = files_fill(fd, path, max, text, len);

    if (rc != REPORT_OK) {
        files_wipe(text, max + 2);
        return rc;
    }

    *data = text;

    return REPORT_OK;
}


int
files_read(const char *path, size_t max, char **data, size_t *len)
{
    int  fd, rc;

    *data = NULL;
    *len = 0;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return files_fail("read", path);
    }

    rc = files_read_fd(fd, path, max, data, len);
    (void) close(fd);

    return rc;
}


int
files_read_regular(const char *path, size_t max, char **data, size_t *len)
{
    int          fd, rc;
    struct stat  st;

    *data = NULL;
    *len = 0;

    /* opening a FIFO would wait for somebody who writes it */
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1) {
        return files_fail("read", path);
    }

    if (fstat(fd, &st) == -1) {
        rc = files_fail("read", path);

    } else if (!S_ISREG(st.st_mode)) {
        report_error("cannot read %s: it is no regular file", path);
        rc = REPORT_IO;

    } else {
        rc = files_read_fd(fd, path, max, data, len);
    }

    (void) close(fd);

    return rc;
}


void
files_wipe(char *data, size_t len)
{
    if (data != NULL) {
        OPENSSL_cleanse(data, len);
        free(data);
    }
}


int
files_make_dirs(const char *path)
{
    char    part[PATH_MAX];
    size_t  i, len;

    len = strlen(path);
    if (len == 0 || len >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return files_fail("make directory", path);
    }

    memcpy(part, path, len + 1);

    for (i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }

        part[i] = '\0';

        if (mkdir(part, 0777) == -1 && errno != EEXIST) {
            return files_fail("make directory", part);
        }

        part[i] = path[i];
    }

    return REPORT_OK;
}


/* dir/.base.XXXXXX: no reader of the directory takes it for a file of his */
static char *
files_temp_name(const char *path)
{
    int          dir_len;
    char        *temp;
    size_t       size;
    const char  *base;

    base = files_base(path);
    dir_len = (int) (base - path);
    size = strlen(path) + sizeof("." FILES_SUFFIX);

    temp = malloc(size);
    if (temp != NULL) {
        (void) snprintf(temp, size, "%.*s.%s" FILES_SUFFIX, dir_len, path,
                        base);
    }

    return temp;
}


static mode_t
files_cut_mode(mode_t mode)
{
    mode_t  mask;

    mask = umask(0);
    (void) umask(mask);

    return mode & ~mask;
}


int
files_create(files_out_t *out, const char *path, mode_t mode)
{
    memset(out, 0, sizeof(*out));
    out->fd = -1;

    out->path = strdup(path);
    out->temp = files_temp_name(path);

    if (out->path == NULL || out->temp == NULL) {
        files_discard(out);
        return report_no_memory();
    }

    out->fd = mkstemp(out->temp);
    if (out->fd == -1) {
        (void) files_fail("write", path);
        files_discard(out);
        return REPORT_IO;
    }

    files_remember(NULL, out->temp);

    if (fchmod(out->fd, files_cut_mode(mode)) == -1) {
        (void) files_fail("write", path);
        files_discard(out);
        return REPORT_IO;
    }

    return REPORT_OK;
}


int
files_write_fd(int fd, mk_bytes_t data, const char *name)
{
    ssize_t  n;

    while (data.len > 0) {
        n = write(fd, data.data, data.len);

        if (n < 0) {
            return files_fail("write", name);
        }

        data.data += n;
        data.len -= (size_t) n;
    }

    return REPORT_OK;
}


int
files_write(files_out_t *out, mk_bytes_t data)
{
    return files_write_fd(out->fd, data, out->path);
}


/*
 * A name lasts when its directory was written.  Not every file system can do
 * that on demand, and not everybody may open a directory: then there is
 * nothing to do.
 */
static int
files_sync_dir(const char *path)
{
    int    fd, rc;
    char  *dir;

    dir = strdup(path);
    if (dir == NULL) {
        errno = ENOMEM;
        return -1;
    }

    dir[files_base(path) - path] = '\0';

    rc = 0;

    fd = open((dir[0] == '\0') ? "." : dir, O_RDONLY | O_CLOEXEC);
    if (fd != -1) {
        rc = fsync(fd);

        if (rc == -1 && (errno == EINVAL || errno == ENOTSUP)) {
            rc = 0;
        }

        (void) close(fd);
    }

    free(dir);

    return rc;
}


/* link() refuses a name that is taken, without a gap between look and act */
static int
files_name(files_out_t *out, int replace)
{
    struct stat  st;

    if (replace) {
        return rename(out->temp, out->path);
    }

    if (link(out->temp, out->path) == 0) {
        return 0;
    }

    if (errno != EEXIST) {
        return -1;
    }

    /* NFS may have done it, lost its response, and refused its own repeat */
    if (fstat(out->fd, &st) == 0 && st.st_nlink == 2) {
        return 0;
    }

    errno = EEXIST;

    return -1;
}


int
files_commit(files_out_t *out, int replace)
{
    int  rc;

    rc = REPORT_OK;

    if (fsync(out->fd) == -1 || files_name(out, replace) == -1
        || files_sync_dir(out->path) == -1)
    {
        rc = files_fail("write", out->path);
    }

    files_discard(out);

    return rc;
}


void
files_discard(files_out_t *out)
{
    if (out->fd != -1) {
        (void) close(out->fd);

        /* after a rename there is no such name any more */
        (void) unlink(out->temp);
        files_remember(out->temp, NULL);
    }

    free(out->temp);
    free(out->path);

    memset(out, 0, sizeof(*out));
    out->fd = -1;
}


int
files_save(const char *path, mk_bytes_t data, mode_t mode, int replace)
{
    int          rc;
    files_out_t  out;

    rc = files_create(&out, path, mode);
    if (rc != REPORT_OK) {
        return rc;
    }

    rc = files_write(&out, data);
    if (rc != REPORT_OK) {
        files_discard(&out);
        return rc;
    }

    return files_commit(&out, replace);
}


int
files_spool(const char *path, int *fd)
{
    char  *temp;

    *fd = -1;

    temp = files_temp_name(path);
    if (temp == NULL) {
        return report_no_memory();
    }

    *fd = mkstemp(temp);
    if (*fd == -1) {
        (void) files_fail("write beside", path);
        free(temp);
        return REPORT_IO;
    }

    (void) unlink(temp);
    free(temp);

    return REPORT_OK;
}
