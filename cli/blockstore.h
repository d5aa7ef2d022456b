/*
 * blockstore: where sealed blocks go: a directory, a CAR file, a Kubo node,
 * or several of them at once.
 */

#ifndef BLOCKSTORE_H
#define BLOCKSTORE_H

#include "mk_cid.h"


typedef struct blockstore_s  blockstore_t;


/* Borrowed; NULL: not there.  At least one of the first three is. */
typedef struct {
    const char  *blocks;        /* a directory, made if it is missing */
    const char  *car;           /* a file */
    const char  *kubo;          /* the URL of its RPC API */
    const char  *token_file;    /* for kubo */
    const char  *token_env;
} blockstore_targets_t;


/* REPORT_OK and *store (owned), or another report_exit_t after a message. */
int blockstore_create(const blockstore_targets_t *targets,
    blockstore_t **store);

/* What was not finished is taken back where it would have a name. */
void blockstore_free(blockstore_t *store);

/* A mk_sealer_block_pt; data is the store. */
int blockstore_put(void *data, const mk_cid_t *cid, mk_bytes_t block);

/* What made blockstore_put fail, REPORT_OK if nothing did. */
int blockstore_failed(const blockstore_t *store);

/* All blocks are there: writes the CAR, pins.  size: of the sealed object. */
int blockstore_finish(blockstore_t *store, const mk_cid_t *root,
    uint64_t size);


#endif /* BLOCKSTORE_H */
