/*
 * recorddir: one lock for all records of a directory.
 */

#include "recorddir.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "lock.h"
#include "mk_json.h"
#include "names.h"
#include "report.h"


mk_status_t
recorddir_read(const char *dir, const char *id, char **text, size_t *len)
{
    char         *path;
    mk_status_t   status;

    *text = NULL;
    *len = 0;

    path = files_path(dir, id);
    if (path == NULL) {
        (void) report_no_memory();
        return MK_INTERNAL_ERROR;
    }

    if (access(path, F_OK) == -1 && errno == ENOENT) {
        status = MK_CAPSULE_NOT_FOUND;

    } else if (files_read_regular(path, MK_JSON_MAX, text, len)
               == REPORT_OK)
    {
        status = MK_OK;

    } else {
        status = MK_METADATA_PROVIDER_ERROR;
    }

    free(path);

    return status;
}


/* What is not read back, as another writer without the lock replaced it. */
static int
recorddir_confirm(const char *dir, const change_t *change,
    const change_made_t *made)
{
    char           *text;
    size_t          len;
    change_seen_t   seen;

    if (recorddir_read(dir, change->id, &text, &len) == MK_OK) {
        seen = change_seen(made, text, len);
        free(text);

        if (seen == CHANGE_HOLDS) {
            return REPORT_OK;
        }
    }

    report_error("%s/%s is not what was written: somebody else writes there",
                 dir, change->id);

    return REPORT_IO;
}


static int
recorddir_save(const char *dir, const change_t *change,
    const change_made_t *made, int replace)
{
    int    rc;
    char  *path;

    path = files_path(dir, change->id);
    if (path == NULL) {
        return report_no_memory();
    }

    rc = files_save(path, names_bytes(made->text), 0644, replace);
    free(path);

    return (rc == REPORT_OK) ? recorddir_confirm(dir, change, made) : rc;
}


static int
recorddir_change_locked(const char *dir, const change_t *change)
{
    int             rc, there;
    char           *text;
    size_t          len;
    mk_status_t     status;
    change_made_t   made;

    status = recorddir_read(dir, change->id, &text, &len);

    if (status != MK_OK && status != MK_CAPSULE_NOT_FOUND) {
        return report_outcome(status, NULL);
    }

    there = (text != NULL);

    rc = change_make(change, text, len, REPORT_IO, &made);
    free(text);

    if (rc == REPORT_OK && made.text != NULL) {
        rc = recorddir_save(dir, change, &made, there);
    }

    change_clear(&made);

    return rc;
}


int
recorddir_change(const char *dir, const change_t *change)
{
    int     rc;
    lock_t  lock;

    if (change->creates) {
        rc = files_make_dirs(dir);
        if (rc != REPORT_OK) {
            return rc;
        }

    } else if (access(dir, F_OK) == -1 && errno == ENOENT) {
        return report_outcome(MK_CAPSULE_NOT_FOUND, NULL);
    }

    rc = lock_take(dir, &lock);

    if (rc == REPORT_OK) {
        rc = recorddir_change_locked(dir, change);
    }

    lock_release(&lock);

    return rc;
}
