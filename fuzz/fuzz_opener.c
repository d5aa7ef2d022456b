/*
 * fuzz_opener: a sealed object in a DAG of a script, damaged by it, opened
 * while it serves the blocks.  No byte comes out that is not the plaintext's.
 */

#include "tree.h"
#include "mk_opener.h"
#include "mk_sealer.h"

#include <stdlib.h>
#include <string.h>


#define PAYLOAD_ID  "fuzz"

/* of plaintext; 65504 is one full segment */
static const uint32_t  sizes[] = { 100, 0, 1, 65504, 65505, 131008, 140000 };

#define OBJECTS  (sizeof(sizes) / sizeof(sizes[0]))


typedef struct {
    uint8_t   *plain;
    uint8_t   *body;
    size_t     body_len;
    uint8_t    header[MK_FLOE_HEADER];
} object_t;

static object_t      objects[OBJECTS];
static mk_secret_t  *key;


/* What is known of an open that is under way. */
typedef struct {
    const object_t  *object;
    mk_opener_t     *opener;
    mk_bytes_t      *in;
    uint64_t         at;            /* in the plaintext */
    uint64_t         end;
    int              lies;          /* the DAG or the capsule does */
    int              misused;       /* by this target */
} tour_t;


static int
keep(void *data, const mk_cid_t *cid, mk_bytes_t block)
{
    object_t  *object = data;

    (void) cid;

    object->body = fuzz_copy(block);
    object->body_len = block.len;

    return 1;
}


/* once for each object: the sealer makes one raw block of it */
static const object_t *
prepare(size_t k)
{
    size_t               i;
    object_t            *object;
    mk_sealer_t         *sealer;
    mk_sealer_result_t   result;

    object = &objects[k];

    if (object->body != NULL) {
        return object;
    }

    if (key == NULL) {
        key = mk_secret_create(MK_FLOE_KEY);
    }

    object->plain = malloc(sizes[k] + 1);

    for (i = 0; i < sizes[k]; i++) {
        object->plain[i] = (uint8_t) (i * 167 + i / 256 + 1);
    }

    sealer = mk_sealer_create(key, PAYLOAD_ID, MK_PROFILE_SEGMENT_SMALL, keep,
                              object);
    FUZZ_HOLDS(sealer != NULL);
    FUZZ_HOLDS(mk_sealer_write(sealer, object->plain, sizes[k]) == MK_OK);
    FUZZ_HOLDS(mk_sealer_finish(sealer, &result) == MK_OK);
    memcpy(object->header, result.header, MK_FLOE_HEADER);
    mk_sealer_free(sealer);

    return object;
}


/* a tree of the script's over what it likes, and a leaf over the rest */
static mk_dagpb_link_t
build(tree_t *dag)
{
    size_t           n, left;
    mk_dagpb_link_t  links[2], root;

    root = tree_make(dag);
    left = dag->file.len - dag->at;

    if (left == 0) {
        return root;
    }

    n = 0;

    if (root.size > 0) {
        links[n++] = root;
    }

    links[n++] = dag_keep(dag->file.data + dag->at, left, MK_CID_CODEC_RAW,
                          left);
    dag->deepest++;

    if (n == 1) {
        return links[0];
    }

    if (root.size > (uint64_t) INT64_MAX - left) {
        return root;
    }

    return dag_node(links, n);
}


static mk_status_t
drain(tour_t *tour)
{
    size_t       len;
    uint8_t     *plain;
    mk_status_t  status;

    do {
        status = mk_opener_read(tour->opener, &plain, &len);

        FUZZ_HOLDS(len <= mk_opener_room(tour->opener)
                   && len <= tour->end - tour->at);
        FUZZ_HOLDS(status == MK_OK || (len == 0 && plain == NULL));
        FUZZ_HOLDS(len == 0
                   || memcmp(plain, tour->object->plain + tour->at, len) == 0);
        tour->at += len;

    } while (len > 0);

    return status;
}


/* a final refusal stays what it is, and nothing comes out behind it */
static void
check_failed(tour_t *tour, mk_status_t status, mk_blame_t blame)
{
    size_t      len;
    uint8_t    *out;
    uint64_t    position;
    mk_blame_t  again;

    FUZZ_HOLDS(!mk_opener_done(tour->opener));
    FUZZ_HOLDS(mk_opener_next(tour->opener, 0) == NULL);
    position = mk_opener_position(tour->opener);

    FUZZ_HOLDS(mk_opener_block(tour->opener, fuzz_bytes("x", 1), &again)
               == status);
    FUZZ_HOLDS(again == blame || blame == MK_BLAME_NONE);
    FUZZ_HOLDS(mk_opener_read(tour->opener, &out, &len) == status);
    FUZZ_HOLDS(len == 0 && out == NULL);
    FUZZ_HOLDS(mk_opener_position(tour->opener) == position);
}


/* another block than the one that is awaited: nothing moves */
static void
serve_wrong(tour_t *tour, const dag_block_t *block)
{
    size_t       i, len;
    uint8_t     *copy, bit;
    uint64_t     position;
    mk_blame_t   blame;

    i = fuzz_number(tour->in, (uint32_t) block->len);
    bit = fuzz_byte(tour->in);
    copy = malloc(block->len + 1);
    memcpy(copy, block->bytes, block->len);
    copy[block->len] = bit;
    len = bit % 4 == 0 ? i : block->len + 1;

    if (bit % 4 == 1 && i < block->len) {
        copy[i] ^= (uint8_t) (1 << bit / 32);
        len = block->len;
    }

    if (len == block->len && bit % 4 != 1) {
        free(copy);
        return;
    }

    position = mk_opener_position(tour->opener);
    FUZZ_HOLDS(mk_opener_block(tour->opener, fuzz_bytes(copy, len), &blame)
               == MK_CID_MISMATCH);
    FUZZ_HOLDS(blame == MK_BLAME_SOURCE);
    FUZZ_HOLDS(mk_opener_position(tour->opener) == position);
    FUZZ_HOLDS(mk_opener_next(tour->opener, 0) != NULL);
    FUZZ_HOLDS(drain(tour) == MK_OK);

    free(copy);
}


static mk_status_t
serve(tour_t *tour)
{
    uint8_t             what;
    uint64_t            position;
    mk_blame_t          blame;
    mk_status_t         status;
    const dag_block_t  *block;

    FUZZ_HOLDS(mk_opener_next(tour->opener, 0) != NULL);
    block = dag_find(mk_opener_next(tour->opener, 0));

    if (block == NULL) {
        FUZZ_HOLDS(tour->lies);
        return MK_PROVIDER_HTTP_ERROR;
    }

    what = fuzz_byte(tour->in);

    if (what % 4 == 3 && !tour->misused) {
        serve_wrong(tour, block);
    }

    position = mk_opener_position(tour->opener);
    status = mk_opener_block(tour->opener,
                             fuzz_bytes(block->bytes, block->len), &blame);

    if (status == MK_OK) {
        FUZZ_HOLDS(blame == MK_BLAME_NONE);
        FUZZ_HOLDS(mk_opener_position(tour->opener) == position + 1);

        /* the next block without a look at this one is a mistake of ours */

        if (what == 0xf0 && mk_opener_next(tour->opener, 0) != NULL) {
            tour->misused = 1;
            return MK_OK;
        }

        status = drain(tour);
        blame = MK_BLAME_NONE;

    } else {
        FUZZ_HOLDS(blame == (tour->misused && status == MK_INTERNAL_ERROR
                             ? MK_BLAME_SELF : MK_BLAME_OBJECT));
        FUZZ_HOLDS(mk_opener_position(tour->opener) == position);
    }

    if (status != MK_OK) {
        check_failed(tour, status, blame);
    }

    return status;
}


/* 1 if every byte of the wanted segments is as it was sealed */
static int
is_intact(const object_t *object, mk_bytes_t body, uint64_t first,
    uint64_t len)
{
    uint64_t  payload, from, to;

    payload = MK_PROFILE_SEGMENT_SMALL - MK_FLOE_OVERHEAD;
    from = first / payload * MK_PROFILE_SEGMENT_SMALL;
    to = len == 0 ? MK_PROFILE_SEGMENT_SMALL
                  : ((first + len - 1) / payload + 1)
                    * MK_PROFILE_SEGMENT_SMALL;
    to = to < object->body_len ? to : object->body_len;

    return body.len == object->body_len
           && memcmp(body.data + from, object->body + from, to - from) == 0;
}


/* what of the body is read: whole segments that hold the wanted part */
static void
check_extent(const mk_opener_t *opener, const mk_capsule_t *capsule,
    uint64_t first, uint64_t len)
{
    uint64_t  from, to, payload;

    payload = MK_PROFILE_SEGMENT_SMALL - MK_FLOE_OVERHEAD;
    mk_opener_extent(opener, &from, &to);

    FUZZ_HOLDS(from % MK_PROFILE_SEGMENT_SMALL == 0 && from <= to);
    FUZZ_HOLDS(from / MK_PROFILE_SEGMENT_SMALL == first / payload);
    FUZZ_HOLDS(to < mk_capsule_body_size(capsule));
    FUZZ_HOLDS(to + 1 == mk_capsule_body_size(capsule)
               || (to + 1) % MK_PROFILE_SEGMENT_SMALL == 0);
    FUZZ_HOLDS(len == 0
               || to / MK_PROFILE_SEGMENT_SMALL == (first + len - 1) / payload);
}


/* a part that is not there, and a header that is another, open nothing */
static void
check_refusals(const mk_capsule_t *capsule, mk_bytes_t *in)
{
    size_t         i;
    mk_opener_t   *opener;
    mk_capsule_t   other;

    FUZZ_HOLDS(mk_opener_create(capsule, key, capsule->size, 1, &opener)
               == MK_RANGE_NOT_SATISFIABLE);
    FUZZ_HOLDS(opener == NULL);
    FUZZ_HOLDS(mk_opener_create(capsule, key, 1, UINT64_MAX, &opener)
               == MK_RANGE_NOT_SATISFIABLE);
    FUZZ_HOLDS(opener == NULL);

    other = *capsule;
    i = fuzz_number(in, MK_FLOE_HEADER);
    other.header[i] ^= (uint8_t) (1 << fuzz_number(in, 8));
    FUZZ_HOLDS(mk_opener_create(&other, key, 0, other.size, &opener)
               == MK_INVALID_ENVELOPE);
    FUZZ_HOLDS(opener == NULL);

    other = *capsule;
    other.payload_id.len--;
    FUZZ_HOLDS(mk_opener_create(&other, key, 0, other.size, &opener)
               == MK_INVALID_ENVELOPE);
    FUZZ_HOLDS(opener == NULL);
}


static void
tour_of(tour_t *tour, int intact)
{
    mk_status_t  status;

    status = MK_OK;

    while (status == MK_OK && !mk_opener_done(tour->opener)) {
        status = serve(tour);
    }

    FUZZ_HOLDS(status != MK_INTERNAL_ERROR || tour->misused);
    FUZZ_HOLDS(status == MK_OK || tour->lies || tour->misused || !intact);
    FUZZ_HOLDS(status != MK_OK || tour->at == tour->end);
    FUZZ_HOLDS(status != MK_OK || intact || tour->lies);
    FUZZ_HOLDS(status != MK_OK
               || !mk_opener_saw_legacy_blob(tour->opener));
}


/* the object's bytes as its author would publish them: changed, cut short */
static mk_bytes_t
damage(const object_t *object, mk_bytes_t *in, mk_capsule_t *capsule)
{
    size_t       i, n;
    uint8_t     *body, k;
    uint64_t     segments;

    n = object->body_len;
    body = fuzz_copy(fuzz_bytes(object->body, n));

    for (k = fuzz_byte(in) % 4; k > 1; k--) {
        i = fuzz_number(in, (uint32_t) n);
        body[i] ^= fuzz_byte(in);
    }

    if (fuzz_byte(in) % 8 == 7) {
        n = fuzz_number(in, (uint32_t) n);
        segments = n == 0 ? 1 : (n + MK_PROFILE_SEGMENT_SMALL - 1)
                                / MK_PROFILE_SEGMENT_SMALL;
        capsule->size = n < segments * MK_FLOE_OVERHEAD
                        ? 0 : n - segments * MK_FLOE_OVERHEAD;
    }

    return fuzz_bytes(body, n);
}


/*
 * Another part, from the bytes that the caller kept: in pieces, perhaps with
 * a bit that is another.  Blocks are not verified again; each segment is.
 */
static void
again(tour_t *tour, uint64_t size)
{
    size_t       n, step;
    uint8_t     *body, bit;
    uint64_t     from, to, len;
    mk_status_t  status;

    tour->at = fuzz_number(tour->in, (uint32_t) size);
    len = size == 0 ? 0 : 1 + fuzz_number(tour->in,
                                          (uint32_t) (size - tour->at));
    tour->end = tour->at + len;

    FUZZ_HOLDS(mk_opener_rewind(tour->opener, size, 1)
               == MK_RANGE_NOT_SATISFIABLE);
    FUZZ_HOLDS(mk_opener_rewind(tour->opener, tour->at, len) == MK_OK);
    FUZZ_HOLDS(!mk_opener_done(tour->opener));
    mk_opener_extent(tour->opener, &from, &to);
    FUZZ_HOLDS(to < tour->object->body_len);

    n = (size_t) (to + 1 - from);
    body = fuzz_copy(fuzz_bytes(tour->object->body + from, n));
    bit = fuzz_byte(tour->in) % 4 == 3 ? fuzz_byte(tour->in) : 0;
    body[fuzz_number(tour->in, (uint32_t) n)] ^= bit;
    step = 1 + n / (1 + fuzz_number(tour->in, 40));
    status = MK_OK;

    for (from = 0; status == MK_OK && from < n; from += step) {
        len = n - from < step ? n - from : step;
        FUZZ_HOLDS(mk_opener_bytes(tour->opener,
                                   fuzz_bytes(body + from, len))
                   == MK_OK);
        status = drain(tour);
    }

    FUZZ_HOLDS(status == (bit == 0 ? MK_OK : MK_INVALID_ENVELOPE));
    FUZZ_HOLDS(mk_opener_done(tour->opener) == (bit == 0));
    FUZZ_HOLDS(bit != 0 || tour->at == tour->end);
    FUZZ_HOLDS(bit == 0 || mk_opener_rewind(tour->opener, 0, size)
                           == MK_INTERNAL_ERROR);
    free(body);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    union {
        const uint8_t  *in;
        uint8_t        *out;
    } body;

    size_t            k;
    tour_t            tour;
    uint64_t          first, len;
    tree_t            dag;
    mk_bytes_t        in;
    mk_capsule_t      capsule;
    mk_dagpb_link_t   root;

    in = fuzz_bytes(data, size);
    memset(&tour, 0, sizeof(tour));
    memset(&capsule, 0, sizeof(capsule));
    memset(&dag, 0, sizeof(dag));

    k = fuzz_number(&in, OBJECTS);
    tour.object = prepare(k);
    tour.in = &in;
    memcpy(capsule.header, tour.object->header, MK_FLOE_HEADER);
    capsule.payload_id = fuzz_text(PAYLOAD_ID);
    capsule.size = sizes[k];

    dag.in = &in;
    dag.file = damage(tour.object, &in, &capsule);
    body.in = dag.file.data;

    first = 0;
    len = capsule.size;

    if (fuzz_byte(&in) % 2 == 1 && len > 0) {
        first = fuzz_number(&in, (uint32_t) len);
        len = 1 + fuzz_number(&in, (uint32_t) (len - first));
    }

    root = build(&dag);
    capsule.cid = root.cid;
    tour.lies = dag.lies || dag.deepest > MK_WALK_DEPTH_MAX
                || (capsule.size != sizes[k]
                    && first + len < capsule.size);
    tour.at = first;
    tour.end = first + len;

    FUZZ_HOLDS(mk_opener_create(&capsule, key, first, len, &tour.opener)
               == MK_OK);
    check_extent(tour.opener, &capsule, first, len);
    tour_of(&tour, is_intact(tour.object, dag.file, first, len));

    check_refusals(&capsule, &in);

    if (mk_opener_done(tour.opener) && capsule.size == sizes[k]) {
        again(&tour, capsule.size);
    }

    mk_opener_free(tour.opener);
    dag_forget();
    free(body.out);

    return 0;
}
