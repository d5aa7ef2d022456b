/*
 * blockdir: blocks as files.
 */

#include "blockdir.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "mk_dagpb.h"
#include "report.h"


static char *
blockdir_path(const char *dir, const mk_cid_t *cid)
{
    char  name[MK_CID_PRINT_MAX];

    (void) mk_cid_print(cid, name);

    return files_path(dir, name);
}


static int
blockdir_has(const char *path, mk_bytes_t block)
{
    int      same;
    char    *data;
    size_t   len;

    if (!files_exists(path)
        || files_read(path, MK_BLOCK_MAX, &data, &len) != REPORT_OK)
    {
        return 0;
    }

    same = (len == block.len && memcmp(data, block.data, len) == 0);
    free(data);

    return same;
}


int
blockdir_put(const char *dir, const mk_cid_t *cid, mk_bytes_t block)
{
    int    rc;
    char  *path;

    path = blockdir_path(dir, cid);
    if (path == NULL) {
        return report_no_memory();
    }

    rc = REPORT_OK;

    if (!blockdir_has(path, block)) {
        rc = files_save(path, block, 0644, 1);
    }

    free(path);

    return rc;
}


int
blockdir_get(const char *dir, const mk_cid_t *cid, char **data, size_t *len)
{
    int    rc;
    char  *path;

    *data = NULL;
    *len = 0;

    path = blockdir_path(dir, cid);
    if (path == NULL) {
        return report_no_memory();
    }

    /* a block that is too large is the reader's to refuse, by its name */
    rc = files_read(path, MK_BLOCK_MAX + 1, data, len);
    free(path);

    return rc;
}
