/*
 * fuzz_dagpb: a node of a file; what is read adds up.
 */

#include "fuzz.h"
#include "mk_dagpb.h"

#include <stdlib.h>
#include <string.h>


#define LINKS_MAX  40


static int
inside(mk_bytes_t part, mk_bytes_t whole)
{
    return part.len == 0
           || (part.data >= whole.data
               && part.data + part.len <= whole.data + whole.len);
}


static void
check_node(const mk_dagpb_node_t *node, mk_bytes_t block)
{
    size_t    i;
    uint64_t  sum;

    FUZZ_HOLDS(inside(node->data, block));
    FUZZ_HOLDS((node->nlinks > 0) == (node->links != NULL));
    FUZZ_HOLDS(node->nlinks <= MK_DAGPB_LINKS_MAX);
    FUZZ_HOLDS(node->nlinks == 0 || node->data.len == 0);

    sum = node->data.len;

    for (i = 0; i < node->nlinks; i++) {
        FUZZ_HOLDS(node->links[i].size > 0);
        FUZZ_HOLDS(node->links[i].cid.hash.code != 0);
        FUZZ_HOLDS(node->links[i].size <= (uint64_t) INT64_MAX - sum);
        sum += node->links[i].size;
    }

    FUZZ_HOLDS(node->size == sum);
}


/* written, it is the same node, and written again, the same bytes */
static void
check_encode(const mk_dagpb_link_t *links, size_t n)
{
    size_t           i, len, again_len;
    uint8_t         *out, *again;
    uint64_t        *tsizes;
    mk_dagpb_node_t  node;

    tsizes = calloc(n, sizeof(uint64_t));

    for (i = 0; i < n; i++) {
        tsizes[i] = links[i].size;
    }

    FUZZ_HOLDS(mk_dagpb_encode(links, tsizes, n, &out, &len) == MK_OK);
    FUZZ_HOLDS(mk_dagpb_decode(fuzz_bytes(out, len), &node) == MK_OK);
    check_node(&node, fuzz_bytes(out, len));
    FUZZ_HOLDS(node.nlinks == n);

    for (i = 0; i < n; i++) {
        FUZZ_HOLDS(node.links[i].size == links[i].size);
        FUZZ_HOLDS(mk_cid_equal(&node.links[i].cid, &links[i].cid));
    }

    FUZZ_HOLDS(mk_dagpb_encode(node.links, tsizes, n, &again, &again_len)
               == MK_OK);
    FUZZ_HOLDS(len == again_len && memcmp(out, again, len) == 0);

    mk_dagpb_clear(&node);
    free(again);
    free(out);
    free(tsizes);
}


static int
decode(mk_bytes_t block)
{
    uint8_t         *copy;
    mk_status_t      status;
    mk_dagpb_node_t  node;

    copy = fuzz_copy(block);
    block.data = copy;
    status = mk_dagpb_decode(block, &node);

    if (status == MK_OK) {
        check_node(&node, block);

        if (node.nlinks > 0) {
            check_encode(node.links, node.nlinks);
        }

        mk_dagpb_clear(&node);

    } else {
        FUZZ_HOLDS(status == MK_CID_MISMATCH);
    }

    FUZZ_HOLDS(fuzz_is_zero(&node, sizeof(node)));
    free(copy);

    return status == MK_OK;
}


/* links of a script, put into a node that is then changed by it */
static void
from_script(mk_bytes_t in)
{
    size_t           i, n, len;
    uint8_t         *out;
    uint64_t         tsizes[LINKS_MAX];
    mk_status_t      status;
    mk_dagpb_link_t  links[LINKS_MAX];

    n = fuzz_number(&in, LINKS_MAX);

    for (i = 0; i < n; i++) {
        memset(&links[i], 0, sizeof(links[i]));
        links[i].cid.version = 1;
        links[i].cid.codec = fuzz_byte(&in) % 2 == 0 ? MK_CID_CODEC_RAW
                                                     : MK_CID_CODEC_DAG_PB;
        mk_multihash_of(fuzz_byte(&in) % 4 == 0 ? MK_MULTIHASH_SHA2_512
                                                : MK_MULTIHASH_SHA2_256,
                        (const uint8_t *) &i, sizeof(i), &links[i].cid.hash);
        links[i].size = fuzz_u64(&in) >> fuzz_number(&in, 64);
        tsizes[i] = links[i].size;
    }

    status = mk_dagpb_encode(links, tsizes, n, &out, &len);

    if (status != MK_OK) {
        FUZZ_HOLDS(out == NULL && len == 0);
        return;
    }

    while (in.len > 0) {
        i = fuzz_number(&in, (uint32_t) len);
        out[i] ^= fuzz_byte(&in);
    }

    decode(fuzz_bytes(out, len));
    free(out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mk_bytes_t  in;

    in = fuzz_bytes(data, size);

    if (fuzz_byte(&in) % 2 == 0) {
        decode(in);

    } else {
        from_script(in);
    }

    return 0;
}
