/*
 * mk_dagpb: one dag-pb node that is part of a UnixFS file.
 *
 * ipld.io/specs/codecs/dag-pb and the UnixFS specification, read strictly:
 * Links, then Data (or Data, then Links), known fields with their wire types
 * only, each at most once, in order; UnixFS Type File or Raw, as many
 * blocksizes as links, filesize equal to the sum, no link names, no inline
 * data beside links.  Everything a file does not need is refused: the rules
 * are those of the attack table D1 to D22 in docs/DESIGN.md.
 */

#ifndef MK_DAGPB_H
#define MK_DAGPB_H

#include "mk_cid.h"


/* the largest block that is ever read (Trustless Gateway, UnixFS: 2 MiB) */
#define MK_BLOCK_MAX         (2 * 1024 * 1024)

/* the most links in one node; producers write 174 or 1024 */
#define MK_DAGPB_LINKS_MAX   8192


typedef struct {
    mk_cid_t   cid;
    uint64_t   size;        /* file bytes below it, from blocksizes */
} mk_dagpb_link_t;


typedef struct {
    uint64_t          size;     /* file bytes of this node and all below */
    mk_bytes_t        data;     /* leaf: the file bytes, inside the block */
    size_t            nlinks;   /* 0: a leaf */
    mk_dagpb_link_t  *links;    /* owned; NULL for a leaf */
} mk_dagpb_node_t;


/*
 * Decodes a block.  MK_OK: *node holds it, node->data points into block,
 * and node->links are freed by mk_dagpb_clear.  MK_CID_MISMATCH: the block
 * contradicts itself or is no part of a file.  MK_INTERNAL_ERROR: no memory.
 * On failure *node is zeroed.
 */
mk_status_t mk_dagpb_decode(mk_bytes_t block, mk_dagpb_node_t *node);

/* Frees the links and zeroes *node. */
void mk_dagpb_clear(mk_dagpb_node_t *node);


/*
 * Encodes an interior File node as unixfs-v1-2025 producers do: Links (with
 * Hash, empty Name, Tsize), then Data (Type File, filesize, blocksizes).
 * tsizes[i] is the DAG size of child i.  Sets *out (owned, to be freed by
 * free()) and *out_len.  MK_OK or MK_INTERNAL_ERROR (no memory, or more than
 * MK_DAGPB_LINKS_MAX links).
 */
mk_status_t mk_dagpb_encode(const mk_dagpb_link_t *links,
    const uint64_t *tsizes, size_t nlinks, uint8_t **out, size_t *out_len);


#endif /* MK_DAGPB_H */
