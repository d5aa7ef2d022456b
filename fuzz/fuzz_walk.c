/*
 * fuzz_walk: a DAG of a script, walked while a script serves the blocks.
 */

#include "tree.h"

#include <stdlib.h>
#include <string.h>


#define FILE_LEN  4096

static uint8_t  file[FILE_LEN];


/* What is known of a walk that is under way. */
typedef struct {
    mk_walk_t   *walk;
    mk_bytes_t  *in;
    uint64_t     first;         /* the range */
    uint64_t     last;
    uint64_t     at;            /* file bytes up to here came out */
    int          lies;
} tour_t;


/* a block that is not the one: nothing moves, and its source is blamed */
static void
serve_wrong(tour_t *tour, const dag_block_t *block)
{
    size_t       n;
    uint8_t     *copy;
    uint64_t     offset, position;
    mk_cid_t     awaited;
    mk_bytes_t   data, bytes;
    mk_blame_t   blame;

    awaited = *mk_walk_next(tour->walk, 0);
    position = mk_walk_position(tour->walk);
    copy = malloc(block->len + 1);
    memcpy(copy, block->bytes, block->len);
    bytes = fuzz_bytes(copy, block->len);
    n = fuzz_number(tour->in, (uint32_t) block->len);

    switch (fuzz_byte(tour->in) % 3) {

    case 0:
        copy[n] ^= (uint8_t) (1 << fuzz_number(tour->in, 8));
        break;

    case 1:
        bytes.len = n;
        break;

    default:
        copy[bytes.len++] = fuzz_byte(tour->in);
        break;
    }

    if (bytes.len != block->len
        || memcmp(copy, block->bytes, block->len) != 0)
    {
        FUZZ_HOLDS(mk_walk_block(tour->walk, bytes, &data, &offset, &blame)
                   == MK_CID_MISMATCH);
        FUZZ_HOLDS(blame == MK_BLAME_SOURCE && data.len == 0
                   && data.data == NULL);
        FUZZ_HOLDS(mk_walk_position(tour->walk) == position);
        FUZZ_HOLDS(mk_cid_equal(mk_walk_next(tour->walk, 0), &awaited));
    }

    free(copy);
}


/* what a final refusal leaves behind */
static void
check_failed(tour_t *tour, mk_status_t status, mk_blame_t blame)
{
    uint64_t    offset, position;
    mk_bytes_t  data;
    mk_blame_t  again;

    FUZZ_HOLDS(tour->lies);
    FUZZ_HOLDS(blame == MK_BLAME_OBJECT);
    FUZZ_HOLDS(status == MK_CID_MISMATCH || status == MK_INVALID_ENVELOPE);
    FUZZ_HOLDS(mk_walk_next(tour->walk, 0) == NULL);
    FUZZ_HOLDS(!mk_walk_done(tour->walk));

    position = mk_walk_position(tour->walk);
    FUZZ_HOLDS(status != MK_INVALID_ENVELOPE || position == 0);
    FUZZ_HOLDS(mk_walk_block(tour->walk, fuzz_bytes(file, 1), &data, &offset,
                             &again)
               == status);
    FUZZ_HOLDS(again == blame && data.len == 0);
    FUZZ_HOLDS(mk_walk_position(tour->walk) == position);
}


/* file bytes: in order, of the range, and the file's where nobody lied */
static void
check_data(tour_t *tour, mk_bytes_t data, uint64_t offset)
{
    if (data.len == 0) {
        return;
    }

    FUZZ_HOLDS(offset == tour->at && tour->at + data.len <= tour->last);
    FUZZ_HOLDS(tour->lies
               || memcmp(data.data, file + offset, data.len) == 0);
    tour->at += data.len;
}


static mk_status_t
serve(tour_t *tour)
{
    int                 raw, has_second;
    uint64_t            offset, position;
    mk_cid_t            second;
    mk_bytes_t          data;
    mk_blame_t          blame;
    mk_status_t         status;
    const dag_block_t  *block;

    raw = mk_walk_next(tour->walk, 0)->codec == MK_CID_CODEC_RAW;
    block = dag_find(mk_walk_next(tour->walk, 0));

    if (block == NULL) {

        /* a lie about a codec: there is no such block to give */

        FUZZ_HOLDS(tour->lies);
        return MK_PROVIDER_HTTP_ERROR;
    }

    while (fuzz_byte(tour->in) % 4 == 3) {
        serve_wrong(tour, block);
    }

    has_second = mk_walk_next(tour->walk, 1) != NULL;

    if (has_second) {
        second = *mk_walk_next(tour->walk, 1);
    }

    position = mk_walk_position(tour->walk);
    status = mk_walk_block(tour->walk, fuzz_bytes(block->bytes, block->len),
                           &data, &offset, &blame);

    if (status != MK_OK) {
        FUZZ_HOLDS(data.len == 0 && data.data == NULL);
        check_failed(tour, status, blame);
        return status;
    }

    FUZZ_HOLDS(blame == MK_BLAME_NONE);
    FUZZ_HOLDS(mk_walk_position(tour->walk) == position + 1);
    check_data(tour, data, offset);

    /* what was certain comes next, unless this was no leaf */

    if (has_second && raw) {
        FUZZ_HOLDS(mk_cid_equal(mk_walk_next(tour->walk, 0), &second));
    }

    return MK_OK;
}


static void
walk(tour_t *tour)
{
    uint64_t     offset, blocks;
    mk_bytes_t   data;
    mk_blame_t   blame;
    mk_status_t  status;

    status = MK_OK;
    tour->at = tour->first;

    for (blocks = 0; status == MK_OK && !mk_walk_done(tour->walk); blocks++) {
        FUZZ_HOLDS(blocks <= MK_WALK_BLOCKS_FREE
                             + (tour->last - tour->first)
                               / MK_WALK_BLOCK_BYTES);
        FUZZ_HOLDS(mk_walk_next(tour->walk, 0) != NULL);
        status = serve(tour);
    }

    FUZZ_HOLDS(status == MK_OK || tour->lies);

    if (status == MK_OK) {
        FUZZ_HOLDS(tour->at == tour->last);
        FUZZ_HOLDS(mk_walk_next(tour->walk, 0) == NULL);
        FUZZ_HOLDS(mk_walk_block(tour->walk, fuzz_bytes(file, 1), &data,
                                 &offset, &blame)
                   == MK_CID_MISMATCH);
        FUZZ_HOLDS(blame == MK_BLAME_SOURCE && data.len == 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t           i;
    tour_t           tour;
    uint64_t         total;
    mk_bytes_t       in;
    tree_t       dag;
    mk_dagpb_link_t  root;

    for (i = 0; i < FILE_LEN; i++) {
        file[i] = (uint8_t) (i * 167 + i / 256);
    }

    in = fuzz_bytes(data, size);
    memset(&dag, 0, sizeof(dag));
    dag.in = &in;
    dag.file = fuzz_bytes(file, fuzz_number(&in, FILE_LEN + 1));
    root = tree_make(&dag);

    /* the capsule may be wrong about the size, and wants all or a part */

    total = root.size;

    if (fuzz_byte(&in) % 8 == 7) {
        total += fuzz_byte(&in);
        dag.lies |= total != root.size;
    }

    memset(&tour, 0, sizeof(tour));
    tour.in = &in;
    tour.lies = dag.lies || dag.deepest > MK_WALK_DEPTH_MAX;
    tour.last = total;

    if (fuzz_byte(&in) % 2 == 1) {
        tour.first = total == 0 ? 0 : fuzz_u64(&in) % total;
        tour.last = tour.first + (total - tour.first == 0
                                  ? 0
                                  : fuzz_u64(&in) % (total - tour.first));
    }

    FUZZ_HOLDS(mk_walk_create(&root.cid, total, total, 1) == NULL);
    tour.walk = mk_walk_create(&root.cid, total, tour.first,
                               tour.last - tour.first);
    FUZZ_HOLDS(tour.walk != NULL);
    walk(&tour);
    mk_walk_free(tour.walk);
    dag_forget();

    return 0;
}
