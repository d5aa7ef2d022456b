/*
 * FLOE against the published known answers of five implementations, its
 * bounds, and the rotation of keys.
 */

#include "mk_floe.h"
#include "mk_floe_internal.h"
#include "tap.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define VECTORS        "../shared/vectors/floe/"

#define SEGMENT        64
#define SEGMENT_PLAIN  (SEGMENT - MK_FLOE_OVERHEAD)

/* the published answers rotate after 2^2 segments */
#define KAT_ROTATION   2


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


static int
kat_opens(const uint8_t *ct, size_t ct_len, const uint8_t *pt, size_t pt_len,
    unsigned rotation)
{
    int         right;
    size_t      at, out_len, len, left;
    uint8_t    *out;
    uint64_t    i;
    uint32_t    length;
    mk_floe_t  *floe;

    length = mk_floe_segment_length(ct);

    if (length == 0 || mk_floe_open_create(key, aad(), ct, &floe) != MK_OK) {
        return 0;
    }

    mk_floe_set_rotation(floe, rotation);
    out = malloc(ct_len);
    out_len = 0;
    right = 1;
    i = 0;

    for (at = MK_FLOE_HEADER; at < ct_len && right; at += len) {
        left = ct_len - at;
        len = left < length ? left : length;
        right = mk_floe_open_segment(floe, i++, len == left,
                                     bytes(ct + at, len), out + out_len)
                == MK_OK;
        out_len += len - MK_FLOE_OVERHEAD;
    }

    right = right && out_len == pt_len && memcmp(out, pt, pt_len) == 0;

    free(out);
    mk_floe_free(floe);

    return right;
}


static uint8_t *
kat_read(const char *name, const char *kind, size_t *len)
{
    char      path[128], *text;
    uint8_t  *data;

    snprintf(path, sizeof(path), VECTORS "%s_%s.txt", name, kind);

    text = tap_slurp(path, len);
    if (text == NULL) {
        return NULL;
    }

    text[strcspn(text, "\r\n")] = '\0';
    data = tap_unhex(text, len);
    free(text);

    return data;
}


static void
test_known_answers(void)
{
    size_t    i, ct_len, pt_len;
    uint8_t  *ct, *pt;
    unsigned  rotation;

    static const char *const  names[] = {
        "cpp_GCM256_IV256_4K", "cpp_GCM256_IV256_64", "cpp_rotation",
        "go_GCM256_IV256_4K", "go_GCM256_IV256_64", "go_rotation",
        "java_GCM256_IV256_4K", "java_GCM256_IV256_64", "java_rotation",
        "java_lastSegAligned", "java_lastSegEmpty",
        "pub_java_GCM256_IV256_4K", "pub_java_GCM256_IV256_64",
        "pub_java_rotation", "rust_GCM256_IV256_4K", "rust_GCM256_IV256_64",
        "rust_rotation",
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ct = kat_read(names[i], "ct", &ct_len);
        pt = kat_read(names[i], "pt", &pt_len);

        if (ct == NULL || pt == NULL) {
            ok(1, "%s # SKIP the shared vectors are absent", names[i]);

        } else {
            rotation = strstr(names[i], "rotation") == NULL
                           ? MK_FLOE_ROTATION_BITS : KAT_ROTATION;
            ok(kat_opens(ct, ct_len, pt, pt_len, rotation), "%s opens",
               names[i]);
        }

        if (ct != NULL && strstr(names[i], "rotation") != NULL) {
            ok(!kat_opens(ct, ct_len, pt, pt_len, MK_FLOE_ROTATION_BITS),
               "%s does not with the rotation of the specification",
               names[i]);
        }

        free(ct);
        free(pt);
    }
}


static void
test_header_fields(void)
{
    size_t   i, j, refused;
    uint8_t  header[MK_FLOE_HEADER];

    static const struct {
        uint32_t  given;
        uint32_t  read;
    } lengths[] = {
        { 0, 0 }, { 31, 0 }, { 32, 0 }, { 33, 33 }, { 262144, 262144 },
        { MK_FLOE_SEGMENT_MAX, MK_FLOE_SEGMENT_MAX },
        { MK_FLOE_SEGMENT_MAX + 1, 0 }, { UINT32_MAX, 0 },
    };

    memset(header, 0, sizeof(header));
    header[9] = 32;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        mk_bytes_put_be32(header + 2, lengths[i].given);
        is_int(mk_floe_segment_length(header), lengths[i].read,
               "a segment length of %u", (unsigned) lengths[i].given);
    }

    mk_bytes_put_be32(header + 2, 65536);
    refused = 0;

    for (i = 0; i < 10; i++) {
        for (j = 0; j < 8 && (i < 2 || i > 5); j++) {
            header[i] ^= (uint8_t) (1 << j);
            refused += mk_floe_segment_length(header) == 0;
            header[i] ^= (uint8_t) (1 << j);
        }
    }

    is_int(refused, 6 * 8, "another AEAD, KDF or IV length is refused");
}


static void
test_segment_counts(void)
{
    size_t  i;

    static const struct {
        uint64_t  size;
        uint32_t  length;
        uint64_t  n;
    } cases[] = {
        { 0, 262144, 1 }, { 1, 262144, 1 }, { 262111, 262144, 1 },
        { 262112, 262144, 1 }, { 262113, 262144, 2 },
        { 524224, 262144, 2 }, { 524225, 262144, 3 },
        { 1000000, 262144, 4 }, { UINT64_MAX, 33, UINT64_MAX },
        { 5, 32, 0 }, { 5, 0, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ok(mk_floe_segments(cases[i].size, cases[i].length) == cases[i].n,
           "segments of %llu bytes by %u",
           (unsigned long long) cases[i].size, (unsigned) cases[i].length);
    }
}


static void
test_lengths_of_final(void)
{
    size_t      len, right;
    uint8_t     header[MK_FLOE_HEADER], segment[SEGMENT], out[SEGMENT];
    uint8_t     text[SEGMENT_PLAIN];
    mk_floe_t  *sealing, *opening;

    memset(text, 0x5a, sizeof(text));
    sealing = mk_floe_seal_create(key, aad(), SEGMENT, header);
    opening = opened(header);
    right = 0;

    for (len = 0; len <= SEGMENT_PLAIN; len++) {
        right += mk_floe_seal_segment(sealing, len, 1,
                                      bytes(text, len), segment)
                 == MK_OK
                 && mk_bytes_be32(segment) == len + MK_FLOE_OVERHEAD
                 && mk_floe_open_segment(opening, len, 1,
                                         bytes(segment,
                                               len + MK_FLOE_OVERHEAD), out)
                    == MK_OK
                 && memcmp(out, text, len) == 0;
    }

    is_int(right, SEGMENT_PLAIN + 1, "a final segment from empty to full");

    mk_floe_free(sealing);
    mk_floe_free(opening);
}


static void
test_seal_bounds(void)
{
    uint8_t       header[MK_FLOE_HEADER], out[2 * SEGMENT + 32];
    uint8_t       text[MK_FLOE_AAD_MAX + 1];
    mk_floe_t    *floe;
    mk_secret_t  *shorter;

    memset(text, 7, sizeof(text));
    shorter = mk_secret_create(31);

    memset(header, 0xff, sizeof(header));
    ok(mk_floe_seal_create(shorter, aad(), SEGMENT, header) == NULL
       && all_zero(header, sizeof(header)), "no seal with a short key");
    ok(mk_floe_seal_create(key, aad(), 32, header) == NULL,
       "no segments without room");
    ok(mk_floe_seal_create(key, aad(), MK_FLOE_SEGMENT_MAX + 1, header)
       == NULL, "no segments above the limit");
    ok(mk_floe_seal_create(key, bytes(text, MK_FLOE_AAD_MAX + 1), SEGMENT,
                           header)
       == NULL, "no aad above the limit");
    mk_secret_free(shorter);

    floe = mk_floe_seal_create(key, bytes(text, MK_FLOE_AAD_MAX), SEGMENT,
                               header);
    ok(floe != NULL, "an aad at the limit");

    memset(out, 0xff, sizeof(out));
    is_status(mk_floe_seal_segment(floe, 0, 0,
                                   bytes(text, SEGMENT_PLAIN - 1), out),
              MK_INTERNAL_ERROR, "a segment that is not final is full");
    ok(all_zero(out, SEGMENT - 1), "no plaintext where a seal failed");
    is_status(mk_floe_seal_segment(floe, 0, 1,
                                   bytes(text, SEGMENT_PLAIN + 1), out),
              MK_INTERNAL_ERROR, "a final one holds no more than that");
    is_status(mk_floe_seal_segment(floe, MK_FLOE_SEGMENTS_MAX - 1, 0,
                                   bytes(text, SEGMENT_PLAIN), out),
              MK_INTERNAL_ERROR, "the last index is for a final one");
    is_status(mk_floe_seal_segment(floe, MK_FLOE_SEGMENTS_MAX - 1, 1,
                                   bytes(text, SEGMENT_PLAIN), out),
              MK_OK, "which can stand there");
    is_status(mk_floe_seal_segment(floe, MK_FLOE_SEGMENTS_MAX, 1,
                                   bytes(text, SEGMENT_PLAIN), out),
              MK_INTERNAL_ERROR, "but not behind it");

    mk_floe_free(floe);
    mk_floe_free(NULL);
}


static void
test_rotation(void)
{
    size_t      i, right;
    uint8_t     header[MK_FLOE_HEADER], text[SEGMENT_PLAIN], out[SEGMENT];
    uint8_t     body[9][SEGMENT];
    mk_floe_t  *floe, *unrotated;

    memset(text, 9, sizeof(text));
    floe = mk_floe_seal_create(key, aad(), SEGMENT, header);
    mk_floe_set_rotation(floe, 1);

    for (i = 0; i < 9; i++) {
        mk_floe_seal_segment(floe, i, i == 8, bytes(text, SEGMENT_PLAIN),
                             body[i]);
    }

    mk_floe_free(floe);

    floe = opened(header);
    mk_floe_set_rotation(floe, 1);
    unrotated = opened(header);
    right = 0;

    /* across windows, there and back */
    for (i = 0; i < 9; i++) {
        right += mk_floe_open_segment(floe, (i * 5) % 9, (i * 5) % 9 == 8,
                                      bytes(body[(i * 5) % 9], SEGMENT), out)
                 == MK_OK
                 && memcmp(out, text, SEGMENT_PLAIN) == 0;
    }

    is_int(right, 9, "keys are changed and changed back");

    right = 0;

    for (i = 0; i < 9; i++) {
        right += mk_floe_open_segment(unrotated, i, i == 8,
                                      bytes(body[i], SEGMENT), out)
                 == MK_INVALID_ENVELOPE;
    }

    is_int(right, 7, "only the first window has the first key");

    mk_floe_free(floe);
    mk_floe_free(unrotated);
}


int
main(void)
{
    key = mk_secret_create(MK_FLOE_KEY);

    test_known_answers();
    test_header_fields();
    test_segment_counts();
    test_lengths_of_final();
    test_seal_bounds();
    test_rotation();

    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    mk_secret_free(key);

    return tap_done();
}
