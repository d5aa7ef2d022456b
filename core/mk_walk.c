/*
 * mk_walk: which block of a UnixFS file must come next.
 *
 * A frame is one node's links: those that the range does not touch are left
 * out when it is pushed.  The link to the root stands in a frame of its own,
 * the lowest, so that the root is a block like every other.
 */

#include "mk_walk.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    mk_dagpb_link_t  *links;    /* owned, but for the lowest frame's */
    size_t            next;     /* the first link that is still to come */
    size_t            end;      /* behind the last one that is needed */
    size_t            nlinks;   /* all of them; 0 in the lowest frame */
    size_t            largest;  /* the most bytes of a needed one's block */
    uint64_t          offset;   /* in the file, of links[next] */
} mk_walk_frame_t;


struct mk_walk_s {
    mk_dagpb_link_t   root;
    uint64_t          first;            /* the range: first .. last - 1 */
    uint64_t          last;
    uint64_t          position;         /* blocks accepted */
    uint64_t          pending;          /* links in frames, still to come */
    uint64_t          budget;           /* the most blocks there may be */
    size_t            accepted;         /* bytes of the last block */
    mk_status_t       failure;          /* final, if it is not MK_OK */
    mk_blame_t        blame;
    size_t            nframes;
    mk_walk_frame_t   frames[MK_WALK_DEPTH_MAX];
};


/* The most bytes that the block of a link has. */
static size_t
mk_walk_block_of(const mk_dagpb_link_t *link)
{
    uint64_t  size;

    if (link->size >= MK_BLOCK_MAX) {
        return MK_BLOCK_MAX;
    }

    size = link->size;

    if (link->cid.codec == MK_CID_CODEC_DAG_PB) {
        size += MK_WALK_FRAME;
    }

    return size < MK_BLOCK_MAX ? (size_t) size : MK_BLOCK_MAX;
}


mk_walk_t *
mk_walk_create(const mk_cid_t *root, uint64_t size, uint64_t first,
    uint64_t len)
{
    mk_walk_t  *walk;

    if (first > size || len > size - first) {
        return NULL;
    }

    walk = calloc(1, sizeof(mk_walk_t));

    if (walk == NULL) {
        return NULL;
    }

    walk->root.cid = *root;
    walk->root.size = size;
    walk->first = first;
    walk->last = first + len;
    walk->pending = 1;
    walk->budget = MK_WALK_BLOCKS_FREE + len / MK_WALK_BLOCK_BYTES;

    walk->nframes = 1;
    walk->frames[0].links = &walk->root;
    walk->frames[0].end = 1;
    walk->frames[0].largest = mk_walk_block_of(&walk->root);

    return walk;
}


static void
mk_walk_pop(mk_walk_t *walk)
{
    walk->nframes--;

    if (walk->nframes > 0) {
        free(walk->frames[walk->nframes].links);
    }
}


void
mk_walk_free(mk_walk_t *walk)
{
    if (walk == NULL) {
        return;
    }

    while (walk->nframes > 0) {
        mk_walk_pop(walk);
    }

    free(walk);
}


const mk_cid_t *
mk_walk_next(const mk_walk_t *walk, size_t i)
{
    size_t                  k, n;
    const mk_dagpb_link_t  *link;
    const mk_walk_frame_t  *frame;

    if (walk->failure != MK_OK) {
        return NULL;
    }

    /* from the deepest frame up: what is below comes before what follows */

    for (k = walk->nframes; k > 0; k--) {
        frame = &walk->frames[k - 1];

        for (n = frame->next; n < frame->end; n++) {
            link = &frame->links[n];

            if (i == 0) {
                return &link->cid;
            }

            if (link->cid.codec == MK_CID_CODEC_DAG_PB
                && link->size > MK_BLOCK_MAX)
            {
                return NULL;
            }

            i--;
        }
    }

    return NULL;
}


size_t
mk_walk_block_max(const mk_walk_t *walk)
{
    size_t                  k, largest;
    const mk_walk_frame_t  *frame;

    largest = walk->accepted;

    for (k = 0; k < walk->nframes; k++) {
        frame = &walk->frames[k];

        if (frame->next < frame->end && frame->largest > largest) {
            largest = frame->largest;
        }
    }

    return largest;
}


size_t
mk_walk_tables(const mk_walk_t *walk)
{
    size_t  k, nlinks;

    nlinks = 0;

    for (k = 0; k < walk->nframes; k++) {
        nlinks += walk->frames[k].nlinks;
    }

    return nlinks * sizeof(mk_dagpb_link_t);
}


uint64_t
mk_walk_position(const mk_walk_t *walk)
{
    return walk->position;
}


int
mk_walk_done(const mk_walk_t *walk)
{
    return walk->failure == MK_OK && walk->pending == 0;
}


static mk_status_t
mk_walk_fail(mk_walk_t *walk, mk_status_t failure, mk_blame_t blame)
{
    walk->failure = failure;
    walk->blame = blame;

    return failure;
}


/* The part of a leaf's bytes that the range wants; its file offset. */
static void
mk_walk_trim(const mk_walk_t *walk, uint64_t at, mk_bytes_t *data,
    uint64_t *offset)
{
    uint64_t  from, to;

    from = (at < walk->first) ? walk->first : at;
    to = at + data->len;

    if (to > walk->last) {
        to = walk->last;
    }

    *offset = from;

    if (from >= to) {
        data->data = NULL;
        data->len = 0;
        return;
    }

    data->data += from - at;
    data->len = (size_t) (to - from);
}


/*
 * Puts the links of an interior node that begins at file offset "at" on top.
 * Takes node->links over if it returns MK_OK.
 */
static mk_status_t
mk_walk_push(mk_walk_t *walk, mk_dagpb_node_t *node, uint64_t at)
{
    size_t            i, next, end, largest;
    uint64_t          offset, last;
    mk_walk_frame_t  *frame;

    if (walk->nframes == MK_WALK_DEPTH_MAX) {
        return mk_walk_fail(walk, MK_CID_MISMATCH, MK_BLAME_OBJECT);
    }

    next = 0;
    end = 0;
    offset = at;

    /* sums are below 2^63: the decoder has added them up */

    if (walk->first < walk->last) {

        while (next < node->nlinks
               && offset + node->links[next].size <= walk->first)
        {
            offset += node->links[next].size;
            next++;
        }

        end = next;

        for (last = offset; end < node->nlinks && last < walk->last; end++) {
            last += node->links[end].size;
        }
    }

    /*
     * Counted before the first of them is asked for: a file of crumbs is
     * refused at the node that says so.  The block that is being accepted
     * is still among the pending ones, and the budget is never exceeded.
     */

    if (end - next > walk->budget - walk->position - walk->pending) {
        return mk_walk_fail(walk, MK_CID_MISMATCH, MK_BLAME_OBJECT);
    }

    walk->pending += end - next;

    largest = 0;

    for (i = next; i < end; i++) {
        if (mk_walk_block_of(&node->links[i]) > largest) {
            largest = mk_walk_block_of(&node->links[i]);
        }
    }

    frame = &walk->frames[walk->nframes++];
    frame->links = node->links;
    frame->nlinks = node->nlinks;
    frame->largest = largest;
    frame->next = next;
    frame->end = end;
    frame->offset = offset;

    return MK_OK;
}


/* Looks at a block whose hash is right: link led to it. */
static mk_status_t
mk_walk_read(mk_walk_t *walk, const mk_dagpb_link_t *link, mk_bytes_t block,
    mk_dagpb_node_t *node)
{
    mk_status_t  status;

    if (link->cid.codec == MK_CID_CODEC_RAW) {
        memset(node, 0, sizeof(mk_dagpb_node_t));
        node->data = block;
        node->size = block.len;

    } else {
        status = mk_dagpb_decode(block, node);

        if (status != MK_OK) {
            return mk_walk_fail(walk, status, status == MK_INTERNAL_ERROR
                                              ? MK_BLAME_SELF
                                              : MK_BLAME_OBJECT);
        }
    }

    if (node->size == link->size) {
        return MK_OK;
    }

    mk_dagpb_clear(node);

    /* the root was described by the capsule, every other block by a node */

    return mk_walk_fail(walk, link == &walk->root ? MK_INVALID_ENVELOPE
                                                  : MK_CID_MISMATCH,
                        MK_BLAME_OBJECT);
}


/* Accepts the node that the top frame's next link led to. */
static mk_status_t
mk_walk_accept(mk_walk_t *walk, mk_dagpb_node_t *node, mk_bytes_t *data,
    uint64_t *offset)
{
    uint64_t          at;
    mk_status_t       status;
    mk_walk_frame_t  *frame;

    frame = &walk->frames[walk->nframes - 1];
    at = frame->offset;

    if (node->nlinks > 0) {
        status = mk_walk_push(walk, node, at);

        if (status != MK_OK) {
            mk_dagpb_clear(node);
            return status;
        }
    }

    frame->next++;
    frame->offset += node->size;
    walk->pending--;
    walk->position++;

    *data = node->data;
    mk_walk_trim(walk, at, data, offset);

    /* an exhausted frame stays while there are others on it: it is a level */

    while (walk->nframes > 0) {
        frame = &walk->frames[walk->nframes - 1];

        if (frame->next < frame->end) {
            break;
        }

        mk_walk_pop(walk);
    }

    return MK_OK;
}


mk_status_t
mk_walk_block(mk_walk_t *walk, mk_bytes_t block, mk_bytes_t *data,
    uint64_t *offset, mk_blame_t *blame)
{
    mk_status_t             status;
    mk_dagpb_node_t         node;
    const mk_walk_frame_t  *frame;
    const mk_dagpb_link_t  *link;

    data->data = NULL;
    data->len = 0;
    *offset = 0;
    *blame = MK_BLAME_NONE;

    if (walk->failure != MK_OK) {
        *blame = walk->blame;
        return walk->failure;
    }

    /* nothing was asked for, or what cannot be a block: it is not hashed */

    if (walk->pending == 0 || block.len > MK_BLOCK_MAX) {
        *blame = MK_BLAME_SOURCE;
        return MK_CID_MISMATCH;
    }

    frame = &walk->frames[walk->nframes - 1];
    link = &frame->links[frame->next];

    status = mk_multihash_verify(&link->cid.hash, block.data, block.len);

    if (status == MK_CID_MISMATCH) {
        *blame = MK_BLAME_SOURCE;
        return status;
    }

    if (status == MK_OK) {
        status = mk_walk_read(walk, link, block, &node);

    } else {
        mk_walk_fail(walk, status, MK_BLAME_SELF);
    }

    if (status == MK_OK) {
        walk->accepted = block.len;
        status = mk_walk_accept(walk, &node, data, offset);
    }

    *blame = walk->blame;

    return status;
}
