/*
 * A good CAR of a small file, damaged in every place, and cut where a
 * network may cut it.  What comes out is the file's, or nothing.
 */

#include "dag.h"
#include "mk_car.h"
#include "share.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define LEAF    24
#define LEAVES  6
#define SIZE    (LEAVES * LEAF)


/* What a CAR came to. */
typedef struct {
    mk_status_t  status;
    unsigned     whole:1;           /* the file is complete */
    unsigned     boundary:1;        /* and the CAR could end here */
    uint64_t     released;          /* file bytes */
    size_t       sections;
    uint64_t     sum;               /* of what the sections say */
} outcome_t;


/* One reading of a CAR. */
typedef struct {
    mk_car_t   *car;
    mk_walk_t  *walk;
    outcome_t   outcome;
} reading_t;


static mk_dagpb_link_t  root;
static uint8_t          car[2048];
static size_t           car_len;

/* where sections end: a CAR that is cut there is a shorter CAR */
static size_t           ends[16];
static size_t           nends;


static void
put_block(const mk_cid_t *cid)
{
    size_t              n;
    uint8_t             binary[MK_CID_BINARY_MAX];
    const dag_block_t  *block;

    block = dag_find(cid);
    n = mk_cid_write(cid, binary);
    car_len += mk_bytes_put_varint(car + car_len, n + block->len);
    memcpy(car + car_len, binary, n);
    memcpy(car + car_len + n, block->bytes, block->len);
    car_len += n + block->len;
    ends[nends++] = car_len;
}


/* header with one root; then the blocks, depth first */
static void
make_car(void)
{
    size_t           i, n;
    uint8_t          binary[MK_CID_BINARY_MAX];
    mk_dagpb_link_t  leaves[LEAVES], nodes[2];

    for (i = 0; i < LEAVES; i++) {
        leaves[i] = i % 2 == 0 ? dag_raw(i * LEAF, LEAF)
                               : dag_leaf(i * LEAF, LEAF);
    }

    nodes[0] = dag_node(leaves, 3);
    nodes[1] = dag_node(leaves + 3, 3);
    root = dag_node(nodes, 2);

    n = mk_cid_write(&root.cid, binary);

    car[0] = (uint8_t) (11 + n + 11);
    memcpy(car + 1, "\xa2\x65" "roots\x81\xd8\x2a\x58", 11);
    car[12] = (uint8_t) (n + 1);
    car[13] = 0;
    memcpy(car + 14, binary, n);
    memcpy(car + 14 + n, "\x67" "version\x01", 9);
    car_len = 14 + n + 9;
    car[0] = (uint8_t) (car_len - 1);
    ends[nends++] = car_len;

    put_block(&root.cid);

    for (i = 0; i < LEAVES; i++) {
        if (i % 3 == 0) {
            put_block(&nodes[i / 3].cid);
        }

        put_block(&leaves[i].cid);
    }
}


static void
add(outcome_t *outcome, const uint8_t *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        outcome->sum = outcome->sum * 1099511628211u + data[i] + 1;
    }
}


/* a section, as a gateway takes it: another one than awaited is refused */
static void
take(reading_t *reading, const mk_car_section_t *section)
{
    uint64_t         offset;
    mk_bytes_t       data;
    mk_blame_t       blame;
    outcome_t       *outcome;
    const mk_cid_t  *cid;

    outcome = &reading->outcome;
    outcome->sections++;
    add(outcome, section->hash.digest, sizeof(section->hash.digest));
    add(outcome, section->block.data, section->block.len);

    cid = mk_walk_next(reading->walk, 0);

    if (cid == NULL || !section->known
        || !mk_multihash_equal(&cid->hash, &section->hash))
    {
        outcome->status = MK_CID_MISMATCH;
        return;
    }

    outcome->status = mk_walk_block(reading->walk, section->block, &data,
                                    &offset, &blame);

    if (data.len > 0
        && (offset != outcome->released || offset + data.len > SIZE
            || memcmp(data.data, dag_file + offset, data.len) != 0))
    {
        outcome->status = MK_STATUS_COUNT;
    }

    outcome->released += data.len;
}


/* bytes that came together, in memory of their very size */
static void
push(reading_t *reading, const uint8_t *data, size_t len)
{
    int               found;
    uint8_t          *copy;
    mk_bytes_t        in;
    mk_car_section_t  section;

    copy = malloc(len + (len == 0));
    memcpy(copy, data, len);
    in = dag_bytes(copy, len);

    do {
        if (reading->outcome.status != MK_OK) {
            break;
        }

        reading->outcome.status = mk_car_read(reading->car, &in, &section,
                                              &found);
        if (found) {
            take(reading, &section);
        }

    } while (found);

    if (reading->outcome.status == MK_OK && in.len > 0) {
        reading->outcome.status = MK_STATUS_COUNT;
    }

    free(copy);
}


static void
begin(reading_t *reading)
{
    memset(reading, 0, sizeof(*reading));
    reading->car = mk_car_create();
    reading->walk = mk_walk_create(&root.cid, SIZE, 0, SIZE);
}


static outcome_t
end(reading_t *reading)
{
    reading->outcome.whole = mk_walk_done(reading->walk) != 0;
    reading->outcome.boundary = mk_car_at_boundary(reading->car) != 0;
    mk_walk_free(reading->walk);
    mk_car_free(reading->car);

    return reading->outcome;
}


static outcome_t
read_car(const uint8_t *data, size_t len)
{
    reading_t  reading;

    begin(&reading);
    push(&reading, data, len);

    return end(&reading);
}


static int
same(const outcome_t *a, const outcome_t *b)
{
    return a->status == b->status && a->whole == b->whole
           && a->boundary == b->boundary && a->released == b->released
           && a->sections == b->sections && a->sum == b->sum;
}


/* what is damaged is refused, or it does not matter: then all is there */
static int
is_sound(const outcome_t *outcome)
{
    if (outcome->status >= MK_INTERNAL_ERROR) {
        return 0;
    }

    return outcome->status != MK_OK || outcome->whole
           || !outcome->boundary;
}


static void
test_flipped(void)
{
    size_t     i, wrong, refused;
    uint8_t    damaged[sizeof(car)];
    outcome_t  outcome;

    wrong = 0;
    refused = 0;

    for (i = 0; i < 8 * car_len; i++) {
        memcpy(damaged, car, car_len);
        damaged[i / 8] ^= (uint8_t) (1 << i % 8);
        outcome = read_car(damaged, car_len);

        wrong += !is_sound(&outcome);
        wrong += outcome.whole && outcome.released != SIZE;
        refused += !outcome.whole;
    }

    is_int(wrong, 0, "each bit flipped: what comes out is the file's");
    ok(refused > 8 * (car_len - ends[0] - 2 * nends),
       "and it is complete only where a bit says nothing (%zu of %zu)",
       8 * car_len - refused, 8 * car_len);
}


static void
test_cut(void)
{
    size_t     n, k, wrong;
    outcome_t  outcome;

    wrong = 0;
    k = 0;

    for (n = 0; n < car_len; n++) {
        outcome = read_car(car, n);
        wrong += outcome.status != MK_OK || outcome.whole;
        wrong += outcome.boundary != (k < nends && n == ends[k]);

        if (k < nends && n == ends[k]) {
            wrong += outcome.sections != k;
            k++;
        }
    }

    is_int(wrong, 0, "cut at each length, it is short and says so");

    outcome = read_car(car, car_len);
    ok(outcome.status == MK_OK && outcome.whole && outcome.boundary,
       "and whole at the last");
}


static void
test_split(void)
{
    size_t     i, k, wrong;
    outcome_t  whole, outcome;
    reading_t  reading;

    whole = read_car(car, car_len);
    wrong = 0;

    for (i = 0; i <= car_len; i++) {
        begin(&reading);
        push(&reading, car, i);
        push(&reading, car + i, car_len - i);
        outcome = end(&reading);
        wrong += !same(&outcome, &whole);
    }

    is_int(wrong, 0, "split at each byte, it is the same");

    for (k = 1; k < 100; k++) {
        begin(&reading);

        for (i = 0; i < car_len; i += k) {
            push(&reading, car + i, car_len - i < k ? car_len - i : k);
        }

        outcome = end(&reading);
        wrong += !same(&outcome, &whole);
    }

    is_int(wrong, 0, "in pieces of 1 to 99 bytes too");
}


/* a damaged CAR is the same damaged CAR however it arrives */
static void
test_split_and_flipped(void)
{
    size_t     i, at, wrong;
    uint8_t    damaged[sizeof(car)];
    outcome_t  whole, outcome;
    reading_t  reading;

    wrong = 0;

    for (i = 0; i < 8 * car_len; i++) {
        memcpy(damaged, car, car_len);
        damaged[i / 8] ^= (uint8_t) (1 << i % 8);
        whole = read_car(damaged, car_len);

        begin(&reading);

        for (at = 0; at < car_len; at++) {
            push(&reading, damaged + at, 1);
        }

        outcome = end(&reading);
        wrong += !same(&outcome, &whole);
    }

    is_int(wrong, 0, "each bit flipped, byte by byte: the same again");
}


static void
test_bytes(void)
{
    size_t     i, wrong;
    uint8_t    damaged[sizeof(car) + 1];
    outcome_t  outcome;

    wrong = 0;

    for (i = 0; i < car_len; i++) {
        memcpy(damaged, car, i);
        memcpy(damaged + i, car + i + 1, car_len - i - 1);
        outcome = read_car(damaged, car_len - 1);
        wrong += outcome.whole || !is_sound(&outcome);
    }

    is_int(wrong, 0, "each byte left out");

    for (i = 0; i < car_len; i++) {
        memcpy(damaged, car, i + 1);
        memcpy(damaged + i + 1, car + i, car_len - i);
        outcome = read_car(damaged, car_len + 1);
        wrong += !is_sound(&outcome);
        wrong += outcome.status == MK_OK && outcome.whole
                 && outcome.boundary;
    }

    is_int(wrong, 0, "each byte twice");
}


int
main(void)
{
    dag_fill();
    make_car();

    test_cut();
    test_split();
    test_flipped();
    test_split_and_flipped();
    test_bytes();

    dag_forget();

    return tap_done();
}
