/*
 * lock: fcntl() on a file in the directory, with a bounded wait.
 */

#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "report.h"


/* nanoseconds between two looks at a lock that somebody holds */
#define LOCK_PAUSE  20000000L

/* O_NONBLOCK: a FIFO that somebody put there is no reason to wait */
#define LOCK_FLAGS  (O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)


static int
lock_fail(const char *path)
{
    report_error("cannot lock %s: %s", path, strerror(errno));

    return REPORT_IO;
}


/*
 * Who may write the directory may hold its lock, and nobody else: not even a
 * reader, since a shared lock would keep writers out.  So the file gets the
 * directory's group, from root its owner as well, and its permissions to
 * write.
 */
static void
lock_hand_over(int fd, const struct stat *dir)
{
    uid_t   owner;
    mode_t  mode;

    mode = 0600;
    owner = (geteuid() == 0) ? dir->st_uid : (uid_t) -1;

    if (fchown(fd, owner, dir->st_gid) == 0 && (dir->st_mode & S_IWGRP)) {
        mode |= 0060;
    }

    if (dir->st_mode & S_IWOTH) {
        mode |= 0006;
    }

    (void) fchmod(fd, mode);
}


static int
lock_open(const char *dir, const char *path)
{
    int          fd;
    struct stat  st;

    if (stat(dir, &st) == -1) {
        return -1;
    }

    fd = open(path, LOCK_FLAGS | O_CREAT | O_EXCL, 0600);

    if (fd != -1) {
        lock_hand_over(fd, &st);

    } else if (errno == EEXIST) {
        fd = open(path, LOCK_FLAGS);
    }

    if (fd == -1) {
        return -1;
    }

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        (void) close(fd);
        errno = EINVAL;
        return -1;
    }

    return fd;
}


/* The file that was locked may have been removed before it was. */
static int
lock_has_name(int fd, const char *path)
{
    struct stat  held, named;

    return fstat(fd, &held) == 0 && lstat(path, &named) == 0
           && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}


static int
lock_is_over(const struct timespec *end)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return now.tv_sec > end->tv_sec
           || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}


static int
lock_give_up(int fd, const char *path)
{
    struct flock  held;

    report_error("cannot lock %s: somebody has held it for %d seconds", path,
                 LOCK_TIME);

    memset(&held, 0, sizeof(held));
    held.l_type = F_WRLCK;
    held.l_whence = SEEK_SET;

    /* on another machine of NFS the number says nothing here */
    if (fcntl(fd, F_GETLK, &held) == 0 && held.l_type != F_UNLCK
        && held.l_pid > 0)
    {
        report_hint("it is held by process %ld", (long) held.l_pid);
    }

    return REPORT_IO;
}


/* REPORT_OK with lock->fd -1: it went to somebody and is gone, open again. */
static int
lock_wait(int fd, const char *path, const struct timespec *end, lock_t *lock)
{
    struct flock     whole;
    struct timespec  pause;

    memset(&whole, 0, sizeof(whole));
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;

    pause.tv_sec = 0;
    pause.tv_nsec = LOCK_PAUSE;

    while (fcntl(fd, F_SETLK, &whole) == -1) {

        if (errno != EACCES && errno != EAGAIN && errno != EINTR) {
            return lock_fail(path);
        }

        if (lock_is_over(end)) {
            return lock_give_up(fd, path);
        }

        if (!lock_has_name(fd, path)) {
            return REPORT_OK;
        }

        (void) nanosleep(&pause, NULL);
    }

    if (lock_has_name(fd, path)) {
        lock->fd = fd;

    } else if (lock_is_over(end)) {
        return lock_give_up(fd, path);
    }

    return REPORT_OK;
}


int
lock_take(const char *dir, lock_t *lock)
{
    int              fd, rc;
    char            *path;
    struct timespec  end;

    lock->fd = -1;

    path = files_path(dir, LOCK_NAME);
    if (path == NULL) {
        return report_no_memory();
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += LOCK_TIME;

    do {
        fd = lock_open(dir, path);

        /* ENOENT: it was removed since it was there */
        if (fd == -1 && errno == ENOENT && !lock_is_over(&end)) {
            rc = REPORT_OK;
            continue;
        }

        rc = (fd == -1) ? lock_fail(path) : lock_wait(fd, path, &end, lock);

        if (fd != -1 && lock->fd == -1) {
            (void) close(fd);
        }

    } while (rc == REPORT_OK && lock->fd == -1);

    free(path);

    return rc;
}


void
lock_release(lock_t *lock)
{
    if (lock->fd != -1) {
        /* closing the file frees the lock */
        (void) close(lock->fd);
        lock->fd = -1;
    }
}
