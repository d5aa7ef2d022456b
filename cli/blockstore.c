/*
 * blockstore: hands each block to every sink.
 */

#include "blockstore.h"

#include <stdlib.h>

#include "blockdir.h"
#include "carfile.h"
#include "files.h"
#include "http.h"
#include "kubo.h"
#include "report.h"
#include "spool.h"
#include "urls.h"


struct blockstore_s {
    blockstore_targets_t   targets;
    spool_t               *spool;   /* for a CAR without a directory */
    http_t                *http;    /* for Kubo */
    int                    failed;
};


static int
blockstore_open(blockstore_t *store)
{
    int                          rc;
    const blockstore_targets_t  *t;

    t = &store->targets;
    rc = REPORT_OK;

    if (t->blocks != NULL) {
        rc = files_make_dirs(t->blocks);
    }

    if (rc == REPORT_OK && t->car != NULL && t->blocks == NULL) {
        rc = spool_create(t->car, &store->spool);
    }

    if (rc == REPORT_OK && t->kubo != NULL) {
        rc = urls_check(t->kubo);
    }

    if (rc == REPORT_OK && t->kubo != NULL) {
        rc = http_create(t->token_file, t->token_env, &store->http);
    }

    return rc;
}


int
blockstore_create(const blockstore_targets_t *targets, blockstore_t **store)
{
    int            rc;
    blockstore_t  *s;

    *store = NULL;

    s = calloc(1, sizeof(blockstore_t));
    if (s == NULL) {
        return report_no_memory();
    }

    s->targets = *targets;

    rc = blockstore_open(s);
    if (rc != REPORT_OK) {
        blockstore_free(s);
        return rc;
    }

    *store = s;

    return REPORT_OK;
}


void
blockstore_free(blockstore_t *store)
{
    if (store == NULL) {
        return;
    }

    spool_free(store->spool);
    http_free(store->http);
    free(store);
}


int
blockstore_put(void *data, const mk_cid_t *cid, mk_bytes_t block)
{
    int            rc;
    blockstore_t  *store;

    store = data;
    rc = REPORT_OK;

    if (store->targets.blocks != NULL) {
        rc = blockdir_put(store->targets.blocks, cid, block);
    }

    if (rc == REPORT_OK && store->spool != NULL) {
        rc = spool_put(store->spool, cid, block);
    }

    if (rc == REPORT_OK && store->http != NULL) {
        rc = kubo_put(store->http, store->targets.kubo, cid, block);
    }

    store->failed = rc;

    return rc == REPORT_OK;
}


int
blockstore_failed(const blockstore_t *store)
{
    return store->failed;
}


/* A carfile_get_pt: from the directory, or from the spool. */
static int
blockstore_get(void *data, const mk_cid_t *cid, char **block, size_t *len)
{
    blockstore_t  *store;

    store = data;

    if (store->spool != NULL) {
        return spool_get(store->spool, cid, block, len);
    }

    return blockdir_get(store->targets.blocks, cid, block, len);
}


int
blockstore_finish(blockstore_t *store, const mk_cid_t *root, uint64_t size)
{
    int  rc;

    rc = REPORT_OK;

    if (store->targets.car != NULL) {
        rc = carfile_write(store->targets.car, root, size, blockstore_get,
                           store);
    }

    if (rc == REPORT_OK && store->http != NULL) {
        rc = kubo_pin(store->http, store->targets.kubo, root);
    }

    return rc;
}
