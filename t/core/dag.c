/*
 * dag: files for the tests, as blocks in memory.
 */

#include "dag.h"

#include <stdlib.h>
#include <string.h>


uint8_t      dag_file[DAG_FILE_MAX];
dag_block_t  dag_blocks[DAG_BLOCKS_MAX];
size_t       dag_nblocks;


void
dag_fill(void)
{
    size_t  i;

    for (i = 0; i < DAG_FILE_MAX; i++) {
        dag_file[i] = (uint8_t) (i * 167 + i / 256);
    }
}


mk_bytes_t
dag_bytes(const uint8_t *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


mk_dagpb_link_t
dag_keep(const uint8_t *bytes, size_t len, uint32_t codec, uint64_t size)
{
    dag_block_t     *block;
    mk_dagpb_link_t  link;

    block = &dag_blocks[dag_nblocks++];
    memset(block, 0, sizeof(dag_block_t));
    block->bytes = malloc(len + 1);
    block->len = len;

    if (len > 0) {
        memcpy(block->bytes, bytes, len);
    }

    block->cid.version = 1;
    block->cid.codec = codec;
    mk_multihash_of(MK_MULTIHASH_SHA2_256, block->bytes, len,
                    &block->cid.hash);

    link.cid = block->cid;
    link.size = size;

    return link;
}


void
dag_forget(void)
{
    while (dag_nblocks > 0) {
        free(dag_blocks[--dag_nblocks].bytes);
    }
}


mk_dagpb_link_t
dag_raw(size_t at, size_t len)
{
    return dag_keep(dag_file + at, len, MK_CID_CODEC_RAW, len);
}


mk_dagpb_link_t
dag_leaf(size_t at, size_t len)
{
    size_t   n;
    uint8_t  bytes[DAG_LEAF_MAX + 16];

    n = 2;
    bytes[0] = 0x0a;
    bytes[n++] = 0x08;
    bytes[n++] = 0x02;

    if (len > 0) {
        bytes[n++] = 0x12;
        bytes[n++] = (uint8_t) len;
        memcpy(bytes + n, dag_file + at, len);
        n += len;
    }

    bytes[n++] = 0x18;
    bytes[n++] = (uint8_t) len;
    bytes[1] = (uint8_t) (n - 2);

    return dag_keep(bytes, n, MK_CID_CODEC_DAG_PB, len);
}


mk_dagpb_link_t
dag_node(const mk_dagpb_link_t *links, size_t n)
{
    size_t           i, len;
    uint8_t         *bytes;
    uint64_t         size, *tsizes;
    mk_dagpb_link_t  link;

    tsizes = calloc(n, sizeof(uint64_t));
    mk_dagpb_encode(links, tsizes, n, &bytes, &len);

    for (size = 0, i = 0; i < n; i++) {
        size += links[i].size;
    }

    link = dag_keep(bytes, len, MK_CID_CODEC_DAG_PB, size);
    free(bytes);
    free(tsizes);

    return link;
}


mk_dagpb_link_t
dag_chain(unsigned level, size_t len)
{
    mk_dagpb_link_t  link;

    link = dag_raw(0, len);

    while (--level > 0) {
        link = dag_node(&link, 1);
    }

    return link;
}


const dag_block_t *
dag_find(const mk_cid_t *cid)
{
    size_t  i;

    for (i = 0; i < dag_nblocks; i++) {
        if (mk_cid_equal(cid, &dag_blocks[i].cid)) {
            return &dag_blocks[i];
        }
    }

    return NULL;
}


mk_status_t
dag_step(mk_walk_t *walk, mk_bytes_t *data, uint64_t *offset,
    mk_blame_t *blame)
{
    mk_status_t         status;
    const dag_block_t  *block;

    block = dag_find(mk_walk_next(walk, 0));
    status = mk_walk_block(walk, dag_bytes(block->bytes, block->len), data,
                           offset, blame);

    if (data->len > 0
        && (*offset + data->len > DAG_FILE_MAX
            || memcmp(data->data, dag_file + *offset, data->len) != 0))
    {
        return MK_INTERNAL_ERROR;
    }

    return status;
}


mk_status_t
dag_walk_range(const mk_dagpb_link_t *root, uint64_t size, uint64_t first,
    uint64_t len, mk_blame_t *blame, uint64_t *asked)
{
    uint64_t     at, offset;
    uint32_t     codec;
    mk_walk_t   *walk;
    mk_bytes_t   data;
    mk_status_t  status;

    walk = mk_walk_create(&root->cid, size, first, len);
    status = MK_OK;
    at = first;

    while (status == MK_OK && mk_walk_next(walk, 0) != NULL) {
        codec = mk_walk_next(walk, 0)->codec;
        status = dag_step(walk, &data, &offset, blame);

        if (status != MK_OK) {
            break;
        }

        /* out of order, or a leaf that was asked for in vain */

        if ((data.len > 0 && offset != at)
            || (data.len == 0 && len > 0 && codec == MK_CID_CODEC_RAW))
        {
            status = MK_INTERNAL_ERROR;
        }

        at += data.len;
    }

    if (status == MK_OK && (!mk_walk_done(walk) || at != first + len)) {
        status = MK_INTERNAL_ERROR;
    }

    *asked = mk_walk_position(walk);
    mk_walk_free(walk);

    return status;
}


mk_status_t
dag_walk(const mk_dagpb_link_t *root, uint64_t size, mk_blame_t *blame)
{
    uint64_t  asked;

    return dag_walk_range(root, size, 0, size, blame, &asked);
}
