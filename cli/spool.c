/*
 * spool: a file of blocks, each behind its length and its kind.
 */

#include "spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "report.h"


/* what stands before a block: its length, and 1 if it is a leaf */
#define SPOOL_HEAD  5

/* the list of nodes grows by so many */
#define SPOOL_STEP  256


typedef struct {
    mk_cid_t  cid;
    off_t     at;           /* of its head */
} spool_node_t;


struct spool_s {
    int            fd;
    off_t          end;     /* where the next block goes */
    off_t          leaf;    /* where the next leaf is looked for */
    size_t         nnodes;
    spool_node_t  *nodes;
};


int
spool_create(const char *beside, spool_t **spool)
{
    int       rc;
    spool_t  *s;

    *spool = NULL;

    s = calloc(1, sizeof(spool_t));
    if (s == NULL) {
        return report_no_memory();
    }

    rc = files_spool(beside, &s->fd);
    if (rc != REPORT_OK) {
        free(s);
        return rc;
    }

    *spool = s;

    return REPORT_OK;
}


void
spool_free(spool_t *spool)
{
    if (spool == NULL) {
        return;
    }

    (void) close(spool->fd);
    free(spool->nodes);
    free(spool);
}


static int
spool_list(spool_t *spool, const mk_cid_t *cid)
{
    spool_node_t  *grown;

    if (spool->nnodes == SPOOL_NODES_MAX) {
        report_error("the file is too large for a CAR");
        return REPORT_IO;
    }

    if (spool->nnodes % SPOOL_STEP == 0) {
        grown = realloc(spool->nodes,
                        (spool->nnodes + SPOOL_STEP) * sizeof(spool_node_t));
        if (grown == NULL) {
            return report_no_memory();
        }

        spool->nodes = grown;
    }

    spool->nodes[spool->nnodes].cid = *cid;
    spool->nodes[spool->nnodes].at = spool->end;
    spool->nnodes++;

    return REPORT_OK;
}


int
spool_put(spool_t *spool, const mk_cid_t *cid, mk_bytes_t block)
{
    int         rc;
    uint8_t     head[SPOOL_HEAD];
    mk_bytes_t  bytes;

    head[4] = (cid->codec == MK_CID_CODEC_RAW);
    mk_bytes_put_be32(head, (uint32_t) block.len);

    if (!head[4]) {
        rc = spool_list(spool, cid);
        if (rc != REPORT_OK) {
            return rc;
        }
    }

    bytes.data = head;
    bytes.len = SPOOL_HEAD;

    rc = files_write_fd(spool->fd, bytes, "a temporary file");
    if (rc != REPORT_OK) {
        return rc;
    }

    rc = files_write_fd(spool->fd, block, "a temporary file");
    spool->end += (off_t) (SPOOL_HEAD + block.len);

    return rc;
}


static int
spool_read(spool_t *spool, off_t at, void *out, size_t len)
{
    char     *p;
    ssize_t   n;

    for (p = out; len > 0; p += n, at += n, len -= (size_t) n) {
        n = pread(spool->fd, p, len, at);

        if (n <= 0) {
            report_error("cannot read a temporary file: %s",
                         (n == 0) ? "it ends early" : strerror(errno));
            return REPORT_IO;
        }
    }

    return REPORT_OK;
}


/* Moves *at to the head of the block that is asked for. */
static int
spool_find(spool_t *spool, const mk_cid_t *cid, off_t *at)
{
    int      rc;
    size_t   i;
    uint8_t  head[SPOOL_HEAD];

    for (i = 0; i < spool->nnodes; i++) {
        if (mk_cid_equal(&spool->nodes[i].cid, cid)) {
            *at = spool->nodes[i].at;
            return REPORT_OK;
        }
    }

    for ( ;; ) {
        rc = spool_read(spool, spool->leaf, head, SPOOL_HEAD);
        if (rc != REPORT_OK) {
            return rc;
        }

        *at = spool->leaf;
        spool->leaf += (off_t) (SPOOL_HEAD + mk_bytes_be32(head));

        if (head[4]) {
            return REPORT_OK;
        }
    }
}


int
spool_get(spool_t *spool, const mk_cid_t *cid, char **data, size_t *len)
{
    int       rc;
    off_t     at;
    uint8_t   head[SPOOL_HEAD];
    uint32_t  size;

    *data = NULL;
    *len = 0;

    rc = spool_find(spool, cid, &at);
    if (rc != REPORT_OK) {
        return rc;
    }

    rc = spool_read(spool, at, head, SPOOL_HEAD);
    if (rc != REPORT_OK) {
        return rc;
    }

    size = mk_bytes_be32(head);

    *data = malloc((size_t) size + 1);
    if (*data == NULL) {
        return report_no_memory();
    }

    rc = spool_read(spool, at + SPOOL_HEAD, *data, size);
    if (rc != REPORT_OK) {
        free(*data);
        *data = NULL;
        return rc;
    }

    *len = size;

    return REPORT_OK;
}
