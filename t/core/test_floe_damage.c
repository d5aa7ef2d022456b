/*
 * FLOE under damage: flipped bits, segments out of order, cut, relabelled,
 * of another file, under another key.  Nothing is ever left in the output.
 */

#include "mk_floe.h"
#include "tap.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>


/* a ciphertext of four segments, the last one short */
#define SEGMENT        64
#define SEGMENT_PLAIN  (SEGMENT - MK_FLOE_OVERHEAD)
#define SEGMENTS       4
#define PLAIN          (3 * SEGMENT_PLAIN + 5)
#define BODY           (PLAIN + SEGMENTS * MK_FLOE_OVERHEAD)


typedef struct {
    uint8_t  header[MK_FLOE_HEADER];
    uint8_t  plain[PLAIN];
    uint8_t  body[BODY];
} sealed_t;


static mk_secret_t  *key;

static const uint8_t  aad_text[] = "This is AAD";


static mk_bytes_t
bytes(const uint8_t *data, size_t len)
{
    mk_bytes_t  run;

    run.data = data;
    run.len = len;

    return run;
}


static mk_bytes_t
aad(void)
{
    return bytes(aad_text, sizeof(aad_text) - 1);
}


static int
all_zero(const uint8_t *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (data[i] != 0) {
            return 0;
        }
    }

    return 1;
}


static size_t
segment_len(size_t i)
{
    return i < SEGMENTS - 1 ? SEGMENT : BODY - (SEGMENTS - 1) * SEGMENT;
}


/* 1 if it is refused and all of out is zero, as promised */
static int
refuses(mk_floe_t *floe, uint64_t index, int final, const uint8_t *data,
    size_t len)
{
    uint8_t      out[2 * SEGMENT];
    mk_status_t  status;

    memset(out, 0xff, sizeof(out));
    status = mk_floe_open_segment(floe, index, final, bytes(data, len), out);

    return status == MK_INVALID_ENVELOPE
           && (len < MK_FLOE_OVERHEAD || all_zero(out, len - MK_FLOE_OVERHEAD));
}


static mk_floe_t *
opened(const uint8_t *header)
{
    mk_floe_t  *floe;

    if (mk_floe_open_create(key, aad(), header, &floe) != MK_OK) {
        tap_diag("the header does not open");
        exit(1);
    }

    return floe;
}


static void
seal(sealed_t *sealed)
{
    size_t      i, len;
    mk_floe_t  *floe;

    for (i = 0; i < PLAIN; i++) {
        sealed->plain[i] = (uint8_t) i;
    }

    floe = mk_floe_seal_create(key, aad(), SEGMENT, sealed->header);

    for (i = 0; i < SEGMENTS; i++) {
        len = segment_len(i) - MK_FLOE_OVERHEAD;

        if (mk_floe_seal_segment(floe, i, i == SEGMENTS - 1,
                                 bytes(sealed->plain + i * SEGMENT_PLAIN, len),
                                 sealed->body + i * SEGMENT)
            != MK_OK)
        {
            tap_diag("segment %zu is not sealed", i);
            exit(1);
        }
    }

    mk_floe_free(floe);
}


static void
test_round_trip(const sealed_t *sealed)
{
    size_t      i, right;
    uint8_t     out[PLAIN];
    mk_floe_t  *floe;

    floe = opened(sealed->header);
    right = 0;

    /* backwards: any order will do */
    for (i = SEGMENTS; i-- > 0; ) {
        right += mk_floe_open_segment(floe, i, i == SEGMENTS - 1,
                                      bytes(sealed->body + i * SEGMENT,
                                            segment_len(i)),
                                      out + i * SEGMENT_PLAIN)
                 == MK_OK;
    }

    is_int(right, SEGMENTS, "every segment is opened, in any order");
    is_mem(out, PLAIN, sealed->plain, PLAIN, "the plaintext is back");

    mk_floe_free(floe);
}


static void
test_flipped_bits(const sealed_t *sealed)
{
    int          final;
    size_t       i, bit, refused, bits;
    uint8_t      segment[SEGMENT], header[MK_FLOE_HEADER];
    mk_floe_t   *floe;
    mk_status_t  status;

    floe = opened(sealed->header);
    refused = 0;

    for (i = 0; i < SEGMENTS; i++) {
        final = i == SEGMENTS - 1;

        for (bit = 0; bit < 8 * segment_len(i); bit++) {
            memcpy(segment, sealed->body + i * SEGMENT, segment_len(i));
            segment[bit / 8] ^= (uint8_t) (1 << (bit % 8));
            refused += refuses(floe, i, final, segment, segment_len(i));
        }
    }

    is_int(refused, 8 * BODY, "each flipped bit of the body is refused");
    mk_floe_free(floe);

    bits = 8 * MK_FLOE_HEADER;
    refused = 0;

    for (bit = 0; bit < bits; bit++) {
        memcpy(header, sealed->header, MK_FLOE_HEADER);
        header[bit / 8] ^= (uint8_t) (1 << (bit % 8));
        status = mk_floe_open_create(key, aad(), header, &floe);
        refused += status == MK_INVALID_ENVELOPE && floe == NULL;
    }

    is_int(refused, bits, "each flipped bit of the header is refused");
}


static void
test_order(const sealed_t *sealed)
{
    size_t      i, j, refused;
    mk_floe_t  *floe;

    floe = opened(sealed->header);
    refused = 0;

    /* swapped, repeated, dropped: one segment stands where another should */
    for (i = 0; i < SEGMENTS; i++) {
        for (j = 0; j < SEGMENTS; j++) {
            refused += i != j
                       && refuses(floe, j, i == SEGMENTS - 1,
                                  sealed->body + i * SEGMENT, segment_len(i))
                       && refuses(floe, j, j == SEGMENTS - 1,
                                  sealed->body + i * SEGMENT, segment_len(i));
        }
    }

    is_int(refused, SEGMENTS * (SEGMENTS - 1),
           "no segment opens in the place of another");

    refused = 0;

    for (i = 0; i < SEGMENTS; i++) {
        refused += refuses(floe, i, i != SEGMENTS - 1,
                           sealed->body + i * SEGMENT, segment_len(i));
    }

    is_int(refused, SEGMENTS, "nor with the wrong final flag");

    ok(refuses(floe, MK_FLOE_SEGMENTS_MAX, 1, sealed->body, 37),
       "nor beyond the last index");
    ok(refuses(floe, UINT64_MAX, 0, sealed->body, SEGMENT),
       "nor at the largest number");

    mk_floe_free(floe);
}


static void
test_cut_and_longer(const sealed_t *sealed)
{
    size_t      len, last, refused;
    uint8_t     segment[2 * SEGMENT];
    mk_floe_t  *floe;

    floe = opened(sealed->header);
    last = SEGMENTS - 1;
    refused = 0;
    memset(segment, 0, sizeof(segment));
    memcpy(segment, sealed->body + last * SEGMENT, segment_len(last));

    for (len = 0; len <= sizeof(segment); len++) {
        refused += refuses(floe, last, 1, segment, len);
    }

    is_int(refused, sizeof(segment), "a final segment has one length only");

    /* the length field follows the cut, as a forger would have it */
    refused = 0;

    for (len = MK_FLOE_OVERHEAD; len < sizeof(segment); len++) {
        mk_bytes_put_be32(segment, (uint32_t) len);
        refused += refuses(floe, last, 1, segment, len);
    }

    is_int(refused, sizeof(segment) - MK_FLOE_OVERHEAD - 1,
           "even if its length field agrees");

    memcpy(segment, sealed->body, SEGMENT);
    refused = 0;

    for (len = 0; len <= sizeof(segment); len++) {
        refused += refuses(floe, 0, 0, segment, len);
    }

    is_int(refused, sizeof(segment), "so has one that is not final");

    mk_floe_free(floe);
}


/* a segment forged from another: other framing around the same ciphertext */
static void
test_length_field(const sealed_t *sealed)
{
    uint8_t     segment[SEGMENT];
    mk_floe_t  *floe;

    floe = opened(sealed->header);

    memcpy(segment, sealed->body, SEGMENT);
    mk_bytes_put_be32(segment, SEGMENT);
    ok(refuses(floe, 0, 1, segment, SEGMENT),
       "a segment relabelled as final is refused");
    ok(refuses(floe, 0, 0, segment, SEGMENT),
       "a segment in the middle must not state its length");

    memcpy(segment, sealed->body + 3 * SEGMENT, segment_len(3));
    mk_bytes_put_be32(segment, UINT32_MAX);
    ok(refuses(floe, 3, 0, segment, segment_len(3)),
       "a final segment relabelled is refused");
    ok(refuses(floe, 3, 1, segment, segment_len(3)),
       "a final segment must state its length");

    mk_floe_free(floe);
}


static void
test_wrong_key_and_aad(const sealed_t *sealed)
{
    size_t        i, refused;
    uint8_t       other[sizeof(aad_text)], *bit;
    mk_floe_t    *floe;
    mk_secret_t  *longer;

    refused = 0;

    for (i = 0; i < 8 * MK_FLOE_KEY; i++) {
        bit = mk_secret_bytes(key) + i / 8;
        *bit ^= (uint8_t) (1 << (i % 8));
        refused += mk_floe_open_create(key, aad(), sealed->header, &floe)
                   == MK_INVALID_ENVELOPE
                   && floe == NULL;
        *bit ^= (uint8_t) (1 << (i % 8));
    }

    is_int(refused, 8 * MK_FLOE_KEY, "a key that differs in one bit");

    refused = 0;
    memcpy(other, aad_text, sizeof(other));

    for (i = 0; i < sizeof(other) - 1; i++) {
        other[i] ^= 1;
        refused += mk_floe_open_create(key, bytes(other, sizeof(other) - 1),
                                       sealed->header, &floe)
                   == MK_INVALID_ENVELOPE;
        other[i] ^= 1;
    }

    is_int(refused, sizeof(other) - 1, "an aad that differs in one bit");

    is_status(mk_floe_open_create(key, bytes(other, sizeof(other)),
                                  sealed->header, &floe),
              MK_INVALID_ENVELOPE, "an aad with a byte more");
    is_status(mk_floe_open_create(key, bytes(NULL, 0), sealed->header, &floe),
              MK_INVALID_ENVELOPE, "no aad");

    longer = mk_secret_create(MK_FLOE_KEY + 1);
    is_status(mk_floe_open_create(longer, aad(), sealed->header, &floe),
              MK_INVALID_ENVELOPE, "a key of 33 bytes");
    mk_secret_free(longer);
}


static void
test_another_file(const sealed_t *sealed)
{
    size_t      i, refused;
    sealed_t    second;
    mk_floe_t  *floe;

    seal(&second);
    ok(memcmp(sealed->header, second.header, MK_FLOE_HEADER) != 0,
       "two files of one key have two headers");

    floe = opened(sealed->header);
    refused = 0;

    for (i = 0; i < SEGMENTS; i++) {
        refused += refuses(floe, i, i == SEGMENTS - 1,
                           second.body + i * SEGMENT, segment_len(i));
    }

    is_int(refused, SEGMENTS, "no segment of another file opens");
    mk_floe_free(floe);
}


int
main(void)
{
    sealed_t  sealed;

    key = mk_secret_create(MK_FLOE_KEY);
    seal(&sealed);

    test_round_trip(&sealed);
    test_flipped_bits(&sealed);
    test_order(&sealed);
    test_cut_and_longer(&sealed);
    test_length_field(&sealed);
    test_wrong_key_and_aad(&sealed);
    test_another_file(&sealed);

    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    mk_secret_free(key);

    return tap_done();
}
