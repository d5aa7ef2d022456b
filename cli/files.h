/*
 * files: whole files read within a bound, files written as a whole or not.
 *
 * A file is written to a temporary one in the same directory, synced and
 * renamed.  What was not committed is removed, by a signal as well.  Each
 * function says on standard error what went wrong, and returns REPORT_OK or
 * another report_exit_t.
 */

#ifndef FILES_H
#define FILES_H

#include <sys/types.h>

#include "mk_bytes.h"


typedef struct {
    int    fd;          /* -1: nothing is open */
    char  *path;        /* what it will be called; owned */
    char  *temp;        /* what it is called; owned */
} files_out_t;


/* Signals that end the process remove temporary files first. */
void files_guard(void);

/* dir/name, owned, freed by free(); NULL if there is no memory */
char *files_path(const char *dir, const char *name);

/* the part of path behind the last slash; borrowed */
const char *files_base(const char *path);

int files_exists(const char *path);

/*
 * Reads all of a file of at most max bytes.  *data is owned and NUL closed,
 * freed by files_wipe; on failure *data is NULL and *len 0.  Keys are read
 * by it: there is no buffer besides *data.
 */
int files_read(const char *path, size_t max, char **data, size_t *len);

/* The same of a regular file only: it never waits for what is none. */
int files_read_regular(const char *path, size_t max, char **data,
    size_t *len);

/* wipes and frees */
void files_wipe(char *data, size_t len);

/* Makes path and what leads to it, where they are missing. */
int files_make_dirs(const char *path);

/*
 * Starts a file that will be called path; mode is cut by the umask.  On
 * success files_commit or files_discard follows.
 */
int files_create(files_out_t *out, const char *path, mode_t mode);
int files_write(files_out_t *out, mk_bytes_t data);

/*
 * Gives the file its name.  replace 0: a file of that name is left alone,
 * and that is REPORT_IO.  Ends out in any case.
 */
int files_commit(files_out_t *out, int replace);

/* Removes what was written; after files_commit it does nothing. */
void files_discard(files_out_t *out);

/* All of the above at once. */
int files_save(const char *path, mk_bytes_t data, mode_t mode, int replace);

/* A file for a while, beside path, which has no name; *fd is owned. */
int files_spool(const char *path, int *fd);

/* Writes all of data to fd; "name" stands in the message. */
int files_write_fd(int fd, mk_bytes_t data, const char *name);


#endif /* FILES_H */
