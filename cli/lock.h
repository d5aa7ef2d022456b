/*
 * lock: one writer at a time in a directory.
 *
 * The lock is a file of its own, since the files that are written are
 * replaced: who locked one of them would hold a file without a name.  It is
 * opened for writing and locked by fcntl(F_SETLK), which NFS passes on to its
 * server.  It is never removed.  The kernel frees it with the process.
 */

#ifndef LOCK_H
#define LOCK_H


/* in the directory; it has a dot, so no id is spelled like it */
#define LOCK_NAME  "meshkitctl.lock"

/* seconds until a writer gives up */
#define LOCK_TIME  10


typedef struct {
    int  fd;            /* -1: nothing is held */
} lock_t;


/*
 * Waits for the lock of a directory that exists.  REPORT_OK, then
 * lock_release follows; or REPORT_IO or REPORT_INTERNAL after a message.
 */
int lock_take(const char *dir, lock_t *lock);

/* After a failure of lock_take it does nothing. */
void lock_release(lock_t *lock);


#endif /* LOCK_H */
