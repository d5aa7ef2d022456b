/*
 * The sealer: what it writes is what the opener reads, in the one layout
 * that a body of that length has, children before parents.
 */

#include "mk_dagpb.h"
#include "mk_opener.h"
#include "mk_sealer.h"
#include "mk_sealer_internal.h"
#include "tap.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>


#define PAYLOAD_ID   "p-1"
#define SEGMENT      262144
#define FULL         (SEGMENT - MK_FLOE_OVERHEAD)
#define MIB          (1024 * 1024)

#define BLOCKS_MAX   512


typedef struct {
    size_t      n;
    size_t      stop_at;        /* refuse this block; 0: none */
    mk_cid_t    cids[BLOCKS_MAX];
    uint8_t    *blocks[BLOCKS_MAX];
    size_t      lens[BLOCKS_MAX];
} store_t;


static mk_secret_t  *key;


static mk_bytes_t
bytes(const uint8_t *data, size_t len)
{
    mk_bytes_t  run;

    run.data = data;
    run.len = len;

    return run;
}


static int
store_put(void *data, const mk_cid_t *cid, mk_bytes_t block)
{
    store_t  *store = data;

    if (store->n + 1 == store->stop_at || store->n == BLOCKS_MAX) {
        return 0;
    }

    store->cids[store->n] = *cid;
    store->lens[store->n] = block.len;
    store->blocks[store->n] = malloc(block.len);
    memcpy(store->blocks[store->n], block.data, block.len);
    store->n++;

    return 1;
}


static void
store_clear(store_t *store)
{
    size_t  i;

    for (i = 0; i < store->n; i++) {
        free(store->blocks[i]);
    }

    memset(store, 0, sizeof(*store));
}


/* where in the store a block is; store->n if it is not there */
static size_t
store_find(const store_t *store, const mk_cid_t *cid)
{
    size_t  i;

    for (i = 0; i < store->n; i++) {
        if (mk_cid_equal(&store->cids[i], cid)) {
            break;
        }
    }

    return i;
}


static uint8_t *
plaintext(size_t size)
{
    size_t    i;
    uint8_t  *data;

    data = malloc(size + 1);

    for (i = 0; i < size; i++) {
        data[i] = (uint8_t) (i * 7 + (i >> 12));
    }

    return data;
}


static mk_status_t
seal(const uint8_t *data, size_t size, size_t piece, uint32_t segment,
    size_t links, store_t *store, mk_sealer_result_t *result)
{
    size_t        n, at;
    mk_status_t   status;
    mk_sealer_t  *sealer;

    sealer = mk_sealer_create(key, PAYLOAD_ID, segment, store_put, store);
    mk_sealer_set_links(sealer, links);
    status = MK_OK;

    for (at = 0; at < size && status == MK_OK; at += n) {
        n = size - at < piece ? size - at : piece;
        status = mk_sealer_write(sealer, data + at, n);
    }

    if (status == MK_OK) {
        status = mk_sealer_finish(sealer, result);
    }

    mk_sealer_free(sealer);

    return status;
}


static void
describe(const mk_sealer_result_t *result, mk_capsule_t *capsule)
{
    memset(capsule, 0, sizeof(*capsule));

    capsule->cid = result->cid;
    capsule->size = result->size;
    capsule->payload_id = bytes((const uint8_t *) PAYLOAD_ID,
                                sizeof(PAYLOAD_ID) - 1);
    memcpy(capsule->header, result->header, MK_FLOE_HEADER);
}


/* 1 if the opener, given these blocks, gives the plaintext back */
static int
opens(const store_t *store, const mk_sealer_result_t *result,
    const uint8_t *data)
{
    int            right;
    size_t         i, len;
    uint8_t       *out;
    uint64_t       at;
    mk_blame_t     blame;
    mk_opener_t   *opener;
    mk_capsule_t   capsule;

    describe(result, &capsule);

    if (mk_opener_create(&capsule, key, 0, capsule.size, &opener) != MK_OK) {
        return 0;
    }

    right = 1;
    at = 0;

    while (right && !mk_opener_done(opener)) {
        i = store_find(store, mk_opener_next(opener, 0));
        right = i < store->n
                && mk_opener_block(opener, bytes(store->blocks[i],
                                                 store->lens[i]), &blame)
                   == MK_OK;

        while (right) {
            right = mk_opener_read(opener, &out, &len) == MK_OK
                    && len <= result->size - at
                    && memcmp(out, data + at, len) == 0;
            at += len;

            if (len == 0) {
                break;
            }
        }
    }

    mk_opener_free(opener);

    return right && at == result->size;
}


/*
 * Height of the tree below block i (0: a leaf), and the bytes of all its
 * blocks; -1 if it is not balanced, holds a child that came later, or does
 * not state Tsize and sizes as its children have them.
 */
static int
tree_height(const store_t *store, size_t i, uint64_t *tsize)
{
    int               height, below;
    size_t            j, child, len;
    uint8_t          *again;
    uint64_t         *tsizes;
    mk_dagpb_node_t   node;

    *tsize = store->lens[i];

    if (store->cids[i].codec == MK_CID_CODEC_RAW) {
        return 0;
    }

    if (mk_dagpb_decode(bytes(store->blocks[i], store->lens[i]), &node)
        != MK_OK)
    {
        return -1;
    }

    tsizes = calloc(node.nlinks, sizeof(uint64_t));
    again = NULL;
    height = -1;

    for (j = 0; j < node.nlinks; j++) {
        child = store_find(store, &node.links[j].cid);
        below = child < i ? tree_height(store, child, &tsizes[j]) : -1;

        if (below == -1 || (j > 0 && below != height)) {
            height = -1;
            break;
        }

        height = below;
        *tsize += tsizes[j];
    }

    if (height != -1
        && (mk_dagpb_encode(node.links, tsizes, node.nlinks, &again, &len)
            != MK_OK
            || len != store->lens[i]
            || memcmp(again, store->blocks[i], len) != 0))
    {
        height = -1;
    }

    free(again);
    free(tsizes);
    mk_dagpb_clear(&node);

    return height == -1 ? -1 : height + 1;
}


/* 1 if all leaves but the last are full, and every CID is its block's */
static int
sound(const store_t *store)
{
    size_t          i, last;
    mk_multihash_t  hash;

    last = store->n;

    for (i = 0; i < store->n; i++) {
        mk_multihash_of(MK_MULTIHASH_SHA2_256, store->blocks[i],
                        store->lens[i], &hash);

        if (!mk_multihash_equal(&hash, &store->cids[i].hash)
            || store->cids[i].version != 1)
        {
            return 0;
        }

        if (store->cids[i].codec == MK_CID_CODEC_RAW) {
            if (last < store->n && store->lens[last] != MK_SEALER_LEAF) {
                return 0;
            }

            last = i;
        }
    }

    return 1;
}


static void
test_sizes(void)
{
    size_t               i, root;
    uint8_t             *data;
    uint64_t             tsize;
    mk_sealer_result_t   result;

    static store_t  store;

    static const struct {
        size_t    size;
        uint32_t  segment;
        uint64_t  blocks;
        int       height;
    } cases[] = {
        { 0, SEGMENT, 1, 0 },
        { 1, SEGMENT, 1, 0 },
        { FULL - 1, SEGMENT, 1, 0 },
        { FULL, SEGMENT, 1, 0 },
        { FULL + 1, SEGMENT, 1, 0 },
        { 4 * FULL - 1, SEGMENT, 1, 0 },
        { 4 * FULL, SEGMENT, 1, 0 },            /* a body of 1 MiB */
        { 4 * FULL + 1, SEGMENT, 3, 1 },
        { 8 * FULL, SEGMENT, 3, 1 },
        { 5 * MIB + 123, SEGMENT, 7, 1 },
        { 16 * (65536 - 32), 65536, 1, 0 },
        { 16 * (65536 - 32) + 1, 65536, 3, 1 },
        { MIB - 32, MIB, 1, 0 },
        { MIB - 31, MIB, 3, 1 },
        { 3 * MIB, MIB, 5, 1 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        data = plaintext(cases[i].size);

        is_status(seal(data, cases[i].size, 100000, cases[i].segment,
                       MK_SEALER_LINKS, &store, &result),
                  MK_OK, "%zu bytes by %u", cases[i].size,
                  (unsigned) cases[i].segment);
        is_int(result.size, cases[i].size, "the size");
        ok(result.blocks == cases[i].blocks && store.n == cases[i].blocks,
           "%d blocks", (int) cases[i].blocks);
        is_int(mk_floe_segment_length(result.header), cases[i].segment,
               "the segment length");
        ok(sound(&store), "full leaves under their CIDs");

        root = store_find(&store, &result.cid);
        is_int(root, store.n - 1, "the root comes last");
        is_int(tree_height(&store, root, &tsize), cases[i].height,
               "a balanced tree");
        ok(opens(&store, &result, data), "opens again");

        store_clear(&store);
        free(data);
    }
}


static void
test_heights(void)
{
    size_t               i, root;
    uint8_t             *data;
    uint64_t             tsize;
    mk_sealer_result_t   result;

    static store_t  store;

    /* leaves hold one segment each, so as many leaves as full segments */
    static const struct {
        size_t  leaves;
        size_t  links;
        size_t  blocks;
        int     height;
    } cases[] = {
        { 2, 2, 3, 1 }, { 3, 2, 6, 2 }, { 4, 2, 7, 2 }, { 5, 2, 11, 3 },
        { 6, 2, 12, 3 }, { 8, 2, 15, 3 }, { 9, 2, 20, 4 },
        { 3, 3, 4, 1 }, { 4, 3, 7, 2 }, { 9, 3, 13, 2 }, { 10, 3, 17, 3 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        data = plaintext(cases[i].leaves * (MIB - 32));

        is_status(seal(data, cases[i].leaves * (MIB - 32), 3 * MIB, MIB,
                       cases[i].links, &store, &result),
                  MK_OK, "%zu leaves, %zu to a node", cases[i].leaves,
                  cases[i].links);
        is_int(store.n, cases[i].blocks, "blocks");

        root = store_find(&store, &result.cid);
        is_int(root, store.n - 1, "the root comes last");
        is_int(tree_height(&store, root, &tsize), cases[i].height,
               "a balanced tree");
        ok(opens(&store, &result, data), "opens again");

        store_clear(&store);
        free(data);
    }
}


/* a reader follows MK_WALK_DEPTH_MAX levels and no more */
static void
test_too_deep(void)
{
    size_t               leaves;
    uint8_t             *data;
    mk_sealer_result_t   result, nothing;

    static store_t  store;

    memset(&nothing, 0, sizeof(nothing));
    leaves = 1 << (MK_WALK_DEPTH_MAX - 1);
    data = plaintext((leaves + 1) * (MIB - 32));

    is_status(seal(data, leaves * (MIB - 32), MIB, MIB, 2, &store, &result),
              MK_OK, "a tree as deep as readers follow");
    ok(opens(&store, &result, data), "opens");
    store_clear(&store);

    memset(&result, 0xff, sizeof(result));
    is_status(seal(data, (leaves + 1) * (MIB - 32), MIB, MIB, 2, &store,
                   &result),
              MK_INTERNAL_ERROR, "a deeper one is not made");
    is_mem(&result, sizeof(result), &nothing, sizeof(nothing),
           "and has no result");
    store_clear(&store);

    free(data);
}


static void
test_pieces(void)
{
    size_t               i;
    uint8_t             *data;
    mk_sealer_result_t   result;

    static store_t  store;

    static const size_t  pieces[] = { 1, 7, FULL - 1, FULL, FULL + 1 };

    data = plaintext(2 * FULL);

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        is_status(seal(data, 2 * FULL, pieces[i], SEGMENT, MK_SEALER_LINKS,
                       &store, &result),
                  MK_OK, "written by %zu bytes", pieces[i]);
        ok(store.n == 1 && store.lens[0] == 2 * SEGMENT,
           "no empty segment at the end");
        ok(opens(&store, &result, data), "opens again");
        store_clear(&store);
    }

    free(data);
}


/* header || body is a FLOE ciphertext, with the aad of the format */
static void
test_is_floe(void)
{
    uint8_t             *data, *out;
    mk_floe_t           *floe;
    mk_sealer_result_t   result;

    static store_t        store;
    static const uint8_t  aad[] = "meshkit/payload/1\0p-1";

    data = plaintext(FULL + 5);
    out = malloc(FULL + 5);

    seal(data, FULL + 5, MIB, SEGMENT, MK_SEALER_LINKS, &store, &result);

    is_status(mk_floe_open_create(key, bytes(aad, sizeof(aad) - 1),
                                  result.header, &floe),
              MK_OK, "the header opens");
    is_status(mk_floe_open_segment(floe, 0, 0, bytes(store.blocks[0],
                                                     SEGMENT), out),
              MK_OK, "the first segment");
    is_status(mk_floe_open_segment(floe, 1, 1,
                                   bytes(store.blocks[0] + SEGMENT, 37),
                                   out + FULL),
              MK_OK, "the final segment");
    is_mem(out, FULL + 5, data, FULL + 5, "the plaintext");

    mk_floe_free(floe);
    store_clear(&store);
    free(data);
    free(out);
}


static void
test_stopped(void)
{
    size_t               i;
    uint8_t             *data;
    mk_sealer_t         *sealer;
    mk_sealer_result_t   result, nothing;

    static store_t  store;

    memset(&nothing, 0, sizeof(nothing));
    data = plaintext(3 * MIB);

    /* leaves one to three, and the root */
    for (i = 1; i <= 5; i++) {
        store.stop_at = i;
        memset(&result, 0xff, sizeof(result));
        sealer = mk_sealer_create(key, PAYLOAD_ID, MIB, store_put, &store);

        if (mk_sealer_write(sealer, data, 3 * MIB) == MK_OK) {
            is_status(mk_sealer_finish(sealer, &result), MK_INTERNAL_ERROR,
                      "stopped at block %zu, at the end", i);

        } else {
            ok(i < 5, "stopped at block %zu, while it was written", i);
        }

        is_int(store.n, i - 1, "no block follows");
        is_status(mk_sealer_write(sealer, data, 1), MK_INTERNAL_ERROR,
                  "nothing more is taken");
        is_status(mk_sealer_finish(sealer, &result), MK_INTERNAL_ERROR,
                  "nothing is finished");
        is_mem(&result, sizeof(result), &nothing, sizeof(nothing),
               "and there is no result");

        mk_sealer_free(sealer);
        store_clear(&store);
    }

    sealer = mk_sealer_create(key, PAYLOAD_ID, MIB, store_put, &store);
    is_status(mk_sealer_finish(sealer, &result), MK_OK, "finished");
    is_status(mk_sealer_finish(sealer, &result), MK_INTERNAL_ERROR,
              "but not twice");
    is_status(mk_sealer_write(sealer, data, 1), MK_INTERNAL_ERROR,
              "nor written to afterwards");
    mk_sealer_free(sealer);
    mk_sealer_free(NULL);
    store_clear(&store);
    free(data);
}


static void
test_bounds(void)
{
    size_t         i;
    mk_sealer_t   *sealer;
    mk_secret_t   *shorter;

    static const char *const  ids[] = {
        "", "a b", "a/b", "\xc3\xa4",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    static const uint32_t  segments[] = {
        0, 32, 65535, 65537, 131072, 524288, 2 * MIB,
    };

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        ok(mk_sealer_create(key, ids[i], SEGMENT, store_put, NULL) == NULL,
           "payloadId \"%s\" is refused", ids[i]);
    }

    for (i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        ok(mk_sealer_create(key, PAYLOAD_ID, segments[i], store_put, NULL)
           == NULL, "segments of %u are refused", (unsigned) segments[i]);
    }

    shorter = mk_secret_create(31);
    ok(mk_sealer_create(shorter, PAYLOAD_ID, SEGMENT, store_put, NULL)
       == NULL, "a key of 31 bytes is refused");
    mk_secret_free(shorter);

    sealer = mk_sealer_create(key, ids[4] + 1, SEGMENT, store_put, NULL);
    ok(sealer != NULL, "a payloadId of 64 bytes is taken");
    mk_sealer_free(sealer);
}


int
main(void)
{
    key = mk_secret_create(MK_FLOE_KEY);

    test_sizes();
    test_heights();
    test_too_deep();
    test_pieces();
    test_is_floe();
    test_stopped();
    test_bounds();

    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    mk_secret_free(key);

    return tap_done();
}
