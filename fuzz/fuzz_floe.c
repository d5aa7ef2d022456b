/*
 * fuzz_floe: any header, and a sealed text that a script damages.
 */

#include "fuzz.h"
#include "mk_floe.h"

#include <stdlib.h>
#include <string.h>


#define SEGMENTS  4
#define LENGTH    96            /* of a full segment */
#define PLAIN     (LENGTH - MK_FLOE_OVERHEAD)
#define LAST      (MK_FLOE_OVERHEAD + 17)

static mk_secret_t  *key;
static uint8_t       plain[PLAIN];
static uint8_t       header[MK_FLOE_HEADER];
static uint8_t       sealed[SEGMENTS][LENGTH];
static mk_floe_t    *opened;


static size_t
length_of(size_t i)
{
    return i == SEGMENTS - 1 ? LAST : LENGTH;
}


/* once: four segments, of which the last is short */
static void
prepare(void)
{
    size_t      i;
    mk_floe_t  *floe;

    if (key != NULL) {
        return;
    }

    key = mk_secret_create(MK_FLOE_KEY);
    memset(plain, 0x5a, sizeof(plain));
    floe = mk_floe_seal_create(key, fuzz_text("aad"), LENGTH, header);
    FUZZ_HOLDS(floe != NULL);

    for (i = 0; i < SEGMENTS; i++) {
        FUZZ_HOLDS(mk_floe_seal_segment(floe, i, i == SEGMENTS - 1,
                                        fuzz_bytes(plain, length_of(i)
                                                          - MK_FLOE_OVERHEAD),
                                        sealed[i])
                   == MK_OK);
    }

    mk_floe_free(floe);
    FUZZ_HOLDS(mk_floe_open_create(key, fuzz_text("aad"), header, &opened)
               == MK_OK);
}


/* a header that is another one opens nothing */
static void
any_header(mk_bytes_t in)
{
    uint32_t    length;
    uint8_t     copy[MK_FLOE_HEADER], bytes[MK_FLOE_HEADER];
    mk_bytes_t  part;
    mk_floe_t  *floe;

    memcpy(copy, header, sizeof(copy));
    memset(bytes, 0, sizeof(bytes));
    part = fuzz_take(&in, sizeof(bytes));

    if (part.len > 0) {
        memcpy(bytes, part.data, part.len);
    }

    length = mk_floe_segment_length(bytes);
    FUZZ_HOLDS(length == 0 || (length > MK_FLOE_OVERHEAD
                               && length <= MK_FLOE_SEGMENT_MAX));
    FUZZ_HOLDS(length == 0
               || mk_floe_segments(fuzz_u64(&in), length) > 0);

    while (in.len > 0) {
        copy[fuzz_number(&in, sizeof(copy))] ^= fuzz_byte(&in);
    }

    if (memcmp(copy, header, sizeof(copy)) != 0) {
        FUZZ_HOLDS(mk_floe_open_create(key, fuzz_text("aad"), copy, &floe)
                   == MK_INVALID_ENVELOPE);
        FUZZ_HOLDS(floe == NULL);
    }

    if (memcmp(bytes, header, sizeof(bytes)) != 0) {
        FUZZ_HOLDS(mk_floe_open_create(key, fuzz_text("aad"), bytes, &floe)
                   == MK_INVALID_ENVELOPE);
        FUZZ_HOLDS(floe == NULL);
    }
}


/* opened in its place and whole, it is the plaintext; else there is none */
static void
open_segment(mk_bytes_t *in)
{
    int          final, right;
    size_t       i, len, room;
    uint8_t     *segment, *out;
    uint64_t     index;
    mk_status_t  status;

    i = fuzz_number(in, SEGMENTS);
    len = length_of(i);
    index = i;
    final = i == SEGMENTS - 1;

    if (fuzz_byte(in) % 4 == 3) {
        final = fuzz_byte(in) % 2;
        index = fuzz_u64(in) >> fuzz_number(in, 64);
    }

    if (fuzz_byte(in) % 4 == 3) {
        len = fuzz_number(in, 2 * LENGTH);
    }

    segment = calloc(1, len + (len == 0));
    memcpy(segment, sealed[i], len < length_of(i) ? len : length_of(i));

    while (len > 0 && fuzz_byte(in) % 4 == 3) {
        segment[fuzz_number(in, (uint32_t) len)] ^= fuzz_byte(in);
    }

    right = index == i && final == (i == SEGMENTS - 1)
            && len == length_of(i) && memcmp(segment, sealed[i], len) == 0;

    room = len < MK_FLOE_OVERHEAD ? 0 : len - MK_FLOE_OVERHEAD;
    out = malloc(room);
    memset(out, 0xa5, room);

    status = mk_floe_open_segment(opened, index, final,
                                  fuzz_bytes(segment, len), out);

    FUZZ_HOLDS(status == (right ? MK_OK : MK_INVALID_ENVELOPE));
    FUZZ_HOLDS(right ? memcmp(out, plain, room) == 0
                     : fuzz_is_zero(out, room));

    free(out);
    free(segment);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mk_bytes_t  in;

    prepare();
    in = fuzz_bytes(data, size);

    if (fuzz_byte(&in) % 4 == 0) {
        any_header(in);
        return 0;
    }

    while (in.len > 0) {
        open_segment(&in);
    }

    return 0;
}
