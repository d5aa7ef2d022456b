/*
 * tree: a DAG that a script says, honest or lying, with right hashes.
 */

#include "tree.h"

#include <stdlib.h>
#include <string.h>


#define TREE_CHILDREN  6
#define TREE_BLOCKS    200


/* how many bytes a leaf takes: mostly few, sometimes what is left */
static size_t
tree_length(tree_t *dag)
{
    size_t  n, left;

    left = dag->file.len - dag->at;
    n = fuzz_byte(dag->in);

    if (n == 255) {
        n = left;

    } else if (n >= 192) {
        n = (n - 191) * 1024 + fuzz_byte(dag->in);
    }

    return n < left ? n : left;
}


static mk_dagpb_link_t
tree_raw(tree_t *dag)
{
    size_t           n;
    mk_dagpb_link_t  link;

    n = tree_length(dag);
    link = dag_keep(dag->file.data + dag->at, n, MK_CID_CODEC_RAW, n);
    dag->at += n;

    return link;
}


/* a dag-pb leaf: Data { Type File, Data, filesize } */
static mk_dagpb_link_t
tree_leaf(tree_t *dag)
{
    size_t           n, inner;
    uint8_t         *bytes, *p, varint[MK_VARINT_MAX];
    mk_dagpb_link_t  link;

    n = tree_length(dag);
    bytes = malloc(n + 64);

    inner = 2 + 1 + mk_bytes_put_varint(varint, n);
    inner += n > 0 ? 1 + mk_bytes_put_varint(varint, n) + n : 0;

    p = bytes;
    *p++ = 0x0a;
    p += mk_bytes_put_varint(p, inner);
    *p++ = 0x08;
    *p++ = fuzz_byte(dag->in) % 2 == 0 ? 2 : 0;

    if (n > 0) {
        *p++ = 0x12;
        p += mk_bytes_put_varint(p, n);
        memcpy(p, dag->file.data + dag->at, n);
        p += n;
    }

    *p++ = 0x18;
    p += mk_bytes_put_varint(p, n);

    link = dag_keep(bytes, (size_t) (p - bytes), MK_CID_CODEC_DAG_PB, n);
    dag->at += n;
    free(bytes);

    return link;
}


/* any bytes, said to be anything */
static mk_dagpb_link_t
tree_other(tree_t *dag)
{
    size_t      n;
    mk_bytes_t  bytes;

    dag->lies = 1;
    n = fuzz_byte(dag->in);
    bytes = fuzz_take(dag->in, n);

    return dag_keep(bytes.data, bytes.len, MK_CID_CODEC_DAG_PB,
                    fuzz_byte(dag->in));
}


/* changes what a link says, or changes its block behind its hash's back */
static void
tree_lie(tree_t *dag, mk_dagpb_link_t *link)
{
    uint32_t     codec;
    uint64_t     size;
    dag_block_t *block;

    size = link->size;
    codec = link->cid.codec;

    switch (fuzz_byte(dag->in) % 8) {

    case 0:
        link->size += 1 + fuzz_byte(dag->in);
        break;

    case 1:
        link->size -= link->size < 2 ? 0 : 1;
        break;

    case 2:
        link->size = fuzz_u64(dag->in) >> fuzz_number(dag->in, 64);
        break;

    case 3:
        link->cid.codec ^= MK_CID_CODEC_RAW ^ MK_CID_CODEC_DAG_PB;
        break;

    case 4:
        /* the node that was made last, one byte of it, hashed again */

        block = &dag_blocks[dag_nblocks - 1];

        if (block->len > 0) {
            block->bytes[fuzz_number(dag->in, (uint32_t) block->len)]
                ^= fuzz_byte(dag->in);
            mk_multihash_of(MK_MULTIHASH_SHA2_256, block->bytes, block->len,
                            &block->cid.hash);
            link->cid.hash = block->cid.hash;
            dag->lies = 1;
        }

        break;

    default:
        break;
    }

    if (link->size != size || link->cid.codec != codec) {
        dag->lies = 1;
    }
}


static mk_dagpb_link_t
tree_node(tree_t *dag, unsigned level)
{
    size_t           i, n, len;
    uint8_t          kind, *bytes;
    uint64_t         tsizes[TREE_CHILDREN];
    mk_dagpb_link_t  links[TREE_CHILDREN], link;

    if (level > dag->deepest) {
        dag->deepest = level;
    }

    kind = fuzz_byte(dag->in) % 8;

    if (kind == 7) {
        return tree_other(dag);
    }

    if (kind < 3 || level == TREE_LEVELS
        || dag_nblocks > TREE_BLOCKS)
    {
        return kind == 0 ? tree_leaf(dag) : tree_raw(dag);
    }

    n = 1 + fuzz_number(dag->in, TREE_CHILDREN);
    memset(tsizes, 0, sizeof(tsizes));
    memset(&link, 0, sizeof(link));

    for (i = 0; i < n; i++) {
        links[i] = tree_node(dag, level + 1);
        tree_lie(dag, &links[i]);
        link.size += links[i].size;
    }

    if (mk_dagpb_encode(links, tsizes, n, &bytes, &len) != MK_OK) {

        /* an empty leaf, or sizes beyond 2^63: nobody could say that */

        dag->lies = 1;
        return dag_keep(NULL, 0, MK_CID_CODEC_DAG_PB, 0);
    }

    link = dag_keep(bytes, len, MK_CID_CODEC_DAG_PB, link.size);
    free(bytes);

    return link;
}


mk_dagpb_link_t
tree_make(tree_t *dag)
{
    return tree_node(dag, 1);
}
