/*
 * blockdir: a directory of blocks, one file each, named by the block's
 * canonical CID text.  Any web server can serve it, any tool can copy it.
 */

#ifndef BLOCKDIR_H
#define BLOCKDIR_H

#include "mk_cid.h"


/* Keeps a block; one that is there already and equal is left as it is. */
int blockdir_put(const char *dir, const mk_cid_t *cid, mk_bytes_t block);

/*
 * Reads a block, at most MK_BLOCK_MAX + 1 bytes, not verified.  *data is
 * owned, freed by free().  REPORT_OK, or another report_exit_t after a
 * message.
 */
int blockdir_get(const char *dir, const mk_cid_t *cid, char **data,
    size_t *len);


#endif /* BLOCKDIR_H */
