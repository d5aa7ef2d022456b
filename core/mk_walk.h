/*
 * mk_walk: which block of a UnixFS file must come next.
 *
 * The walk goes depth first and left to right through the part of the file
 * that is wanted.  It is told blocks whose hash the caller has not looked at
 * yet, verifies each against the link that led to it, and gives out the file
 * bytes of leaves.  It never asks for bytes, so it serves a CAR stream, raw
 * blocks and tests alike.
 *
 * Memory: one table of links for each level, at most MK_WALK_DEPTH_MAX of
 * them, whatever the file's size.  Rules: docs/DESIGN.md, D1 to D22.
 */

#ifndef MK_WALK_H
#define MK_WALK_H

#include "mk_dagpb.h"


/* levels of a DAG, the root being the first (terabytes fit in 4) */
#define MK_WALK_DEPTH_MAX    8

/*
 * The most blocks that a walk over len bytes visits: as many as one full
 * node leads to, and one for every so many bytes.  A link holds a byte or
 * more and a subtree what it declares, so a lying DAG ends; but chains of
 * single links and crumbs of one byte could still cost hundreds of bytes
 * and several requests for each byte of the file.
 */
#define MK_WALK_BLOCKS_FREE  (MK_DAGPB_LINKS_MAX + 2 * MK_WALK_DEPTH_MAX)
#define MK_WALK_BLOCK_BYTES  1024


/* the most that producers add to file bytes in a dag-pb block, links too */
#define MK_WALK_FRAME        (64 * 1024)


typedef struct mk_walk_s  mk_walk_t;


/* Whose fault a refused block is. */
typedef enum {
    MK_BLAME_NONE = 0,
    MK_BLAME_SOURCE,    /* these bytes are not the block: ask somebody else */
    MK_BLAME_OBJECT,    /* the block is right and lies: nobody can do better */
    MK_BLAME_SELF       /* no memory */
} mk_blame_t;


/*
 * A walk over bytes first .. first + len - 1 of the file below root, which
 * must be "size" bytes long; first + len <= size.  With len 0 and size > 0
 * only the root is visited.  NULL if there is no memory, or if the range is
 * not in the file.
 */
mk_walk_t *mk_walk_create(const mk_cid_t *root, uint64_t size,
    uint64_t first, uint64_t len);

void mk_walk_free(mk_walk_t *walk);

/*
 * The i-th block from here on that is certain to be needed, in the order in
 * which it will be (0: the next one); NULL if fewer are known.  A link to a
 * subtree that is too large to be a leaf ends the list, after itself: what
 * is below it comes before what follows it.  A smaller dag-pb block can
 * still turn out to be no leaf; then its children come before what stood
 * behind it.  Borrowed until the next mk_walk_block.
 */
const mk_cid_t *mk_walk_next(const mk_walk_t *walk, size_t i);

/* how many blocks the walk has accepted so far: names a place in it */
uint64_t mk_walk_position(const mk_walk_t *walk);

/*
 * The most bytes that a block to come has, as far as the links tell: those of
 * a raw leaf are known, and what a dag-pb block has besides file bytes is
 * MK_WALK_FRAME at most where producers wrote it.  At least those of the block
 * that was accepted last, which may still be in use.
 */
size_t mk_walk_block_max(const mk_walk_t *walk);

/* bytes of the tables of links */
size_t mk_walk_tables(const mk_walk_t *walk);

/* 1 once every block that is needed was accepted and nothing is missing */
int mk_walk_done(const mk_walk_t *walk);

/*
 * Gives the walk the bytes of block mk_walk_next(walk, 0).  MK_OK: *data is
 * the part of the block's file bytes that was asked for, inside block (empty
 * for an interior node), and *offset is where in the file it begins.
 *
 * Otherwise *data is empty and *blame says whose fault it is:
 *   SOURCE  MK_CID_MISMATCH: larger than MK_BLOCK_MAX, another hash, or no
 *           block is awaited.  The walk is where it was; the same block can
 *           come from elsewhere.
 *   OBJECT  MK_CID_MISMATCH: the DAG contradicts itself, or is too deep, too
 *           wide or of a kind that is no file.  MK_INVALID_ENVELOPE: it is
 *           sound, but the root's size is not "size".  Final.
 *   SELF    MK_INTERNAL_ERROR.  Final.
 * After a final failure mk_walk_next is NULL and every further block gets
 * the same answer.
 */
mk_status_t mk_walk_block(mk_walk_t *walk, mk_bytes_t block,
    mk_bytes_t *data, uint64_t *offset, mk_blame_t *blame);


#endif /* MK_WALK_H */
