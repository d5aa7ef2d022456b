/*
 * mk_car: a CARv1 stream, read by pushing bytes.
 */

#include "mk_car.h"
#include "mk_pages.h"

#include <stdlib.h>
#include <string.h>


/* the buffer's first size; it doubles as bytes arrive, never ahead of them */
#define MK_CAR_BUFFER_MIN  (16 * 1024)


typedef enum {
    MK_CAR_HEADER_LENGTH = 0,
    MK_CAR_HEADER,
    MK_CAR_SECTION_LENGTH,
    MK_CAR_SECTION
} mk_car_state_t;


struct mk_car_s {
    mk_car_state_t  state;
    mk_status_t     failure;            /* final, if it is not MK_OK */
    uint8_t         varint[MK_VARINT_MAX];
    size_t          nvarint;            /* bytes of it so far */
    size_t          want;               /* bytes of the header or section */
    size_t          have;               /* of these, in buffer */
    size_t          size;               /* of buffer */
    uint8_t        *buffer;
};


mk_car_t *
mk_car_create(void)
{
    return calloc(1, sizeof(mk_car_t));
}


void
mk_car_free(mk_car_t *car)
{
    if (car == NULL) {
        return;
    }

    mk_pages_free(car->buffer, car->size);
    free(car);
}


size_t
mk_car_room(const mk_car_t *car)
{
    return car->size;
}


int
mk_car_at_boundary(const mk_car_t *car)
{
    return car->failure == MK_OK && car->state == MK_CAR_SECTION_LENGTH
           && car->nvarint == 0;
}


/* dag-cbor: takes these very bytes, or nothing */
static int
mk_car_take_exact(mk_bytes_t *in, const char *bytes, size_t len)
{
    if (in->len < len || memcmp(in->data, bytes, len) != 0) {
        return 0;
    }

    in->data += len;
    in->len -= len;

    return 1;
}


/*
 * dag-cbor: takes the head of an item of that major type whose argument is
 * a definite length, written in as few bytes as it can be (RFC 8949,
 * sections 3 and 4.2.1).
 */
static int
mk_car_take_head(mk_bytes_t *in, unsigned major, uint64_t *len)
{
    size_t      i, n;
    unsigned    info;
    mk_bytes_t  byte, rest;

    *len = 0;

    if (!mk_bytes_take(in, 1, &byte) || byte.data[0] >> 5 != major) {
        return 0;
    }

    info = byte.data[0] & 0x1f;

    if (info < 24) {
        *len = info;
        return 1;
    }

    /* four bytes are more than a header has */

    if (info > 26) {
        return 0;
    }

    n = (size_t) 1 << (info - 24);

    if (!mk_bytes_take(in, n, &rest)) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        *len = (*len << 8) | rest.data[i];
    }

    return *len >= 24 && (n == 1 || *len >> (4 * n) != 0);
}


/* an array of CIDs: tag 42, a byte string, a zero byte, the CID */
static int
mk_car_take_roots(mk_bytes_t *in)
{
    int             known;
    uint64_t        i, n, len;
    mk_bytes_t      cid;
    mk_multihash_t  hash;

    if (!mk_car_take_head(in, 4, &n)) {
        return 0;
    }

    for (i = 0; i < n; i++) {

        if (!mk_car_take_exact(in, "\xd8\x2a", 2)
            || !mk_car_take_head(in, 2, &len)
            || !mk_bytes_take(in, len, &cid)
            || !mk_car_take_exact(&cid, "\0", 1)
            || cid.len == 0 || mk_cid_skim(cid, &hash, &known) != cid.len)
        {
            return 0;
        }
    }

    return 1;
}


/* a map of "roots" and "version", which is 1; in either order */
static int
mk_car_header_is_v1(mk_bytes_t in)
{
    int  i, roots, version;

    roots = 0;
    version = 0;

    if (!mk_car_take_exact(&in, "\xa2", 1)) {
        return 0;
    }

    for (i = 0; i < 2; i++) {

        if (mk_car_take_exact(&in, "\x65" "roots", 6)) {
            roots = mk_car_take_roots(&in);

        } else if (mk_car_take_exact(&in, "\x67" "version", 8)) {
            version = mk_car_take_exact(&in, "\x01", 1);

        } else {
            return 0;
        }
    }

    return roots && version && in.len == 0;
}


/* What the length in front of the header or of a section may be. */
static mk_status_t
mk_car_begin(mk_car_t *car, uint64_t len)
{
    if (len == 0) {
        return MK_PROVIDER_REQUEST_FAILED;
    }

    if (car->state == MK_CAR_HEADER_LENGTH) {

        if (len > MK_CAR_HEADER_MAX) {
            return MK_PROVIDER_REQUEST_FAILED;
        }

        car->state = MK_CAR_HEADER;

    } else {

        /* the longest CID in front leaves a block that is too large */

        if (len > MK_CAR_SECTION_MAX) {
            return MK_CID_MISMATCH;
        }

        car->state = MK_CAR_SECTION;
    }

    car->want = (size_t) len;
    car->have = 0;

    return MK_OK;
}


static mk_status_t
mk_car_read_length(mk_car_t *car, mk_bytes_t *in)
{
    int         n;
    uint64_t    len;
    mk_bytes_t  byte;

    while (mk_bytes_take(in, 1, &byte)) {

        /* nine bytes are never short: there is always room for one more */

        car->varint[car->nvarint++] = byte.data[0];
        n = mk_bytes_varint(car->varint, car->nvarint, &len);

        if (n == MK_VARINT_INVALID) {
            return MK_PROVIDER_REQUEST_FAILED;
        }

        if (n != MK_VARINT_SHORT) {
            car->nvarint = 0;
            return mk_car_begin(car, len);
        }
    }

    return MK_OK;
}


/* Moves bytes, of which there are some, into the buffer. */
static mk_status_t
mk_car_fill(mk_car_t *car, mk_bytes_t *in)
{
    size_t      n, size;
    uint8_t    *buffer;
    mk_bytes_t  part;

    n = car->want - car->have;

    if (n > in->len) {
        n = in->len;
    }

    if (car->have + n > car->size) {
        size = (car->size > 0) ? car->size : MK_CAR_BUFFER_MIN;

        while (size < car->have + n) {
            size *= 2;
        }

        /* what a length promises is bounded, and no more is needed */

        if (size > car->want) {
            size = car->want;
        }

        buffer = mk_pages_alloc(size);

        if (buffer == NULL) {
            return MK_INTERNAL_ERROR;
        }

        if (car->have > 0) {
            memcpy(buffer, car->buffer, car->have);
        }

        mk_pages_free(car->buffer, car->size);

        car->buffer = buffer;
        car->size = size;
    }

    mk_bytes_take(in, n, &part);
    memcpy(car->buffer + car->have, part.data, n);
    car->have += n;

    return MK_OK;
}


/* Looks at a header or section that is whole. */
static mk_status_t
mk_car_finish(mk_car_t *car, mk_car_section_t *section, int *found)
{
    size_t      n;
    mk_bytes_t  whole;

    whole.data = car->buffer;
    whole.len = car->want;

    if (car->state == MK_CAR_HEADER) {

        if (!mk_car_header_is_v1(whole)) {
            return MK_PROVIDER_REQUEST_FAILED;
        }

        car->state = MK_CAR_SECTION_LENGTH;

        return MK_OK;
    }

    n = mk_cid_skim(whole, &section->hash, &section->known);

    if (n == 0) {
        return MK_PROVIDER_REQUEST_FAILED;
    }

    if (whole.len - n > MK_BLOCK_MAX) {
        return MK_CID_MISMATCH;
    }

    section->block.data = whole.data + n;
    section->block.len = whole.len - n;
    car->state = MK_CAR_SECTION_LENGTH;
    *found = 1;

    return MK_OK;
}


mk_status_t
mk_car_read(mk_car_t *car, mk_bytes_t *in, mk_car_section_t *section,
    int *found)
{
    mk_status_t  status;

    memset(section, 0, sizeof(mk_car_section_t));
    *found = 0;

    status = car->failure;

    while (status == MK_OK && in->len > 0 && !*found) {

        if (car->state == MK_CAR_HEADER_LENGTH
            || car->state == MK_CAR_SECTION_LENGTH)
        {
            status = mk_car_read_length(car, in);
            continue;
        }

        status = mk_car_fill(car, in);

        if (status == MK_OK && car->have == car->want) {
            status = mk_car_finish(car, section, found);
        }
    }

    if (status != MK_OK) {
        memset(section, 0, sizeof(mk_car_section_t));
        car->failure = status;
    }

    return status;
}
