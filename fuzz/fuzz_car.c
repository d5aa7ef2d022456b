/*
 * fuzz_car: a CAR; however it is split, it is the same CAR.
 *
 * Two bytes say how it is split, a third whether the rest is the CAR or a
 * script of sections.
 */

#include "fuzz.h"
#include "mk_car.h"

#include <stdlib.h>
#include <string.h>


/* All that a reader said of a CAR. */
typedef struct {
    mk_status_t  status;
    int          boundary;
    size_t       sections;
    size_t       taken;
    uint64_t     sum;
} said_t;


static void
add(said_t *said, const uint8_t *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        said->sum = said->sum * 1099511628211u + data[i] + 1;
    }
}


static void
add_section(said_t *said, const mk_car_section_t *section)
{
    uint8_t  binary[MK_MULTIHASH_MAX];
    size_t   n;

    FUZZ_HOLDS(section->block.len <= MK_BLOCK_MAX);
    FUZZ_HOLDS(section->known == 0 || section->known == 1);
    FUZZ_HOLDS(section->known
               || fuzz_is_zero(&section->hash, sizeof(section->hash)));

    n = mk_multihash_write(&section->hash, binary);
    FUZZ_HOLDS((n > 0) == section->known);

    said->sections++;
    add(said, binary, n);
    add(said, section->block.data, section->block.len);
    said->sum = said->sum * 31 + section->block.len;
}


/* pushes one piece, in memory of its very size */
static void
push(mk_car_t *car, mk_bytes_t piece, said_t *said)
{
    int               found;
    size_t            before;
    uint8_t          *copy;
    mk_bytes_t        in;
    mk_car_section_t  section;

    copy = fuzz_copy(piece);
    in = fuzz_bytes(copy, piece.len);

    do {
        before = in.len;
        said->status = mk_car_read(car, &in, &section, &found);

        FUZZ_HOLDS(in.len <= before && in.data + in.len == copy + piece.len);
        said->taken += before - in.len;

        if (found) {
            FUZZ_HOLDS(said->status == MK_OK);
            FUZZ_HOLDS(in.len < before);
            add_section(said, &section);

        } else {
            FUZZ_HOLDS(fuzz_is_zero(&section, sizeof(section)));
            FUZZ_HOLDS(said->status != MK_OK || in.len == 0);
        }

    } while (found);

    FUZZ_HOLDS(said->status != MK_INTERNAL_ERROR);
    free(copy);
}


/* pieces of so many bytes, the first one of "first" */
static said_t
read_car(mk_bytes_t bytes, size_t first, size_t step)
{
    said_t       said, more;
    mk_car_t    *car;
    mk_bytes_t   in;

    memset(&said, 0, sizeof(said));
    car = mk_car_create();
    in = bytes;

    push(car, fuzz_take(&in, first), &said);

    while (in.len > 0 && said.status == MK_OK) {
        push(car, fuzz_take(&in, step), &said);
    }

    said.boundary = mk_car_at_boundary(car);

    /* what failed stays failed, and says the same */

    if (said.status != MK_OK) {
        more = said;
        push(car, bytes, &more);
        FUZZ_HOLDS(!said.boundary && more.status == said.status);
        FUZZ_HOLDS(more.sections == said.sections);
        FUZZ_HOLDS(more.taken == said.taken);
    }

    mk_car_free(car);

    return said;
}


static int
same(const said_t *a, const said_t *b)
{
    return a->status == b->status && a->boundary == b->boundary
           && a->sections == b->sections && a->taken == b->taken
           && a->sum == b->sum;
}


static said_t
read_split(mk_bytes_t car, size_t first, size_t step)
{
    said_t  whole, split;

    whole = read_car(car, car.len, car.len);
    split = read_car(car, first, step);
    FUZZ_HOLDS(same(&whole, &split));

    split = read_car(car, first, car.len);
    FUZZ_HOLDS(same(&whole, &split));

    if (car.len <= 4096) {
        split = read_car(car, 1, 1);
        FUZZ_HOLDS(same(&whole, &split));
    }

    return whole;
}


/* one section of a script, put behind what is there; what is to be said */
static size_t
put_section(mk_bytes_t *in, uint8_t *out, said_t *said)
{
    size_t            n, len;
    uint8_t           binary[MK_CID_BINARY_MAX];
    mk_cid_t          cid;
    mk_bytes_t        block;
    mk_car_section_t  section;

    static const uint32_t  codes[] = {
        MK_MULTIHASH_SHA2_256, MK_MULTIHASH_SHA2_512, MK_MULTIHASH_BLAKE2B_256
    };

    block = fuzz_take(in, fuzz_byte(in));
    memset(&cid, 0, sizeof(cid));
    cid.version = 1;
    cid.codec = MK_CID_CODEC_RAW;
    mk_multihash_of(codes[block.len % 3], block.data, block.len, &cid.hash);
    n = mk_cid_write(&cid, binary);

    section.known = 1;
    section.hash = cid.hash;
    section.block = block;
    add_section(said, &section);

    len = mk_bytes_put_varint(out, n + block.len);
    memcpy(out + len, binary, n);

    if (block.len > 0) {
        memcpy(out + len + n, block.data, block.len);
    }

    return len + n + block.len;
}


/* a CAR of known sections, perhaps cut: these are found, in their order */
static void
from_script(mk_bytes_t in, size_t first, size_t step)
{
    size_t    n, cut, part;
    said_t    expected, said;
    uint8_t  *car;

    static const char  header[] = "\x11\xa2\x65" "roots\x80\x67"
                                  "version\x01";

    cut = fuzz_byte(&in);
    car = malloc(sizeof(header) + (in.len + 1) * MK_CID_BINARY_MAX);
    n = sizeof(header) - 1;
    memcpy(car, header, n);
    memset(&expected, 0, sizeof(expected));

    while (in.len > 0) {
        part = put_section(&in, car + n, &expected);
        n += part;

        /* the last one may be cut; then it is not there, nor a boundary */

        if (in.len == 0 && cut > 0 && cut < part) {
            said = read_split(fuzz_bytes(car, n - cut), first, step);
            FUZZ_HOLDS(said.status == MK_OK && !said.boundary);
            FUZZ_HOLDS(said.sections == expected.sections - 1);
        }
    }

    said = read_split(fuzz_bytes(car, n), first, step);
    FUZZ_HOLDS(said.status == MK_OK && said.boundary && said.taken == n);
    FUZZ_HOLDS(said.sections == expected.sections);
    FUZZ_HOLDS(said.sum == expected.sum);
    free(car);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t      first, step;
    mk_bytes_t  in;

    in = fuzz_bytes(data, size);
    first = fuzz_byte(&in);
    step = 1 + fuzz_byte(&in);

    if (fuzz_byte(&in) % 2 == 0) {
        read_split(in, first, step);

    } else {
        from_script(in, first, step);
    }

    return 0;
}
