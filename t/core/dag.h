/*
 * dag: files for the tests, as blocks in memory.
 *
 * Honest and lying alike: a link's size is whatever the test makes it.
 */

#ifndef DAG_H
#define DAG_H

#include "mk_walk.h"


#define DAG_FILE_MAX    (64 * 1024)
#define DAG_BLOCKS_MAX  4096

/* the most bytes in a dag-pb leaf: every length in it is one byte */
#define DAG_LEAF_MAX    120


typedef struct {
    mk_cid_t   cid;
    uint8_t   *bytes;
    size_t     len;
} dag_block_t;


/* the file's bytes, and the blocks that were made so far */
extern uint8_t      dag_file[DAG_FILE_MAX];
extern dag_block_t  dag_blocks[DAG_BLOCKS_MAX];
extern size_t       dag_nblocks;


/* fills dag_file with a pattern */
void dag_fill(void);

mk_bytes_t dag_bytes(const uint8_t *data, size_t len);

/* Keep a block; each returns a link to it that says what it holds. */
mk_dagpb_link_t dag_keep(const uint8_t *bytes, size_t len, uint32_t codec,
    uint64_t size);
mk_dagpb_link_t dag_raw(size_t at, size_t len);
mk_dagpb_link_t dag_leaf(size_t at, size_t len);
mk_dagpb_link_t dag_node(const mk_dagpb_link_t *links, size_t n);

/* single links down to a raw leaf, which stands at that level */
mk_dagpb_link_t dag_chain(unsigned level, size_t len);

/* the block of that CID; NULL if there is none */
const dag_block_t *dag_find(const mk_cid_t *cid);

/* gives the walk the block that it awaits, and compares the file bytes */
mk_status_t dag_step(mk_walk_t *walk, mk_bytes_t *data, uint64_t *offset,
    mk_blame_t *blame);

/*
 * Walks a range.  Returns the first refusal, or MK_INTERNAL_ERROR if what
 * came is not that part of the file; *asked: the blocks accepted.
 */
mk_status_t dag_walk_range(const mk_dagpb_link_t *root, uint64_t size,
    uint64_t first, uint64_t len, mk_blame_t *blame, uint64_t *asked);

/* the whole file */
mk_status_t dag_walk(const mk_dagpb_link_t *root, uint64_t size,
    mk_blame_t *blame);

/* frees all blocks */
void dag_forget(void);


#endif /* DAG_H */
