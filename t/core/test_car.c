/*
 * CAR streams: however they are cut into pieces, the same sections; however
 * they end, the end is not taken for another.
 */

#include "mk_car.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define SHA2_256                                                         \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

#define CID       "01551220" SHA2_256                 /* 36 bytes */
#define ROOT      "d82a582500" CID                    /* 41 bytes */
#define ROOTS     "65726f6f7473"                      /* 6 bytes */
#define VERSION   "6776657273696f6e"                  /* 8 bytes */

/* a header of one root, and a section of "abc" */
#define HEADER    "3a" "a2" ROOTS "81" ROOT VERSION "01"
#define SECTION   "27" CID "616263"

#define FAILED    MK_PROVIDER_REQUEST_FAILED


typedef struct {
    const char  *name;
    const char  *hex;
    mk_status_t  status;
    int          sections;      /* given out before the end */
    int          boundary;
} car_case_t;


static const car_case_t  cars[] = {

    { "nothing", "", MK_OK, 0, 0 },
    { "a header alone", HEADER, MK_OK, 0, 1 },
    { "no roots", "11" "a2" ROOTS "80" VERSION "01", MK_OK, 0, 1 },
    { "two roots", "63" "a2" ROOTS "82" ROOT ROOT VERSION "01", MK_OK, 0, 1 },
    { "version in front of the roots", "3a" "a2" VERSION "01" ROOTS "81" ROOT
      SECTION, MK_OK, 1, 1 },
    { "an identity root", "19" "a2" ROOTS "81" "d82a450001550000" VERSION
      "01" SECTION, MK_OK, 1, 1 },
    { "a CIDv0 root", "38" "a2" ROOTS "81" "d82a582300" "1220" SHA2_256
      VERSION "01" SECTION, MK_OK, 1, 1 },
    { "a dag-cbor root", "3a" "a2" ROOTS "81" "d82a582500" "01711220"
      SHA2_256 VERSION "01" SECTION, MK_OK, 1, 1 },
    { "a section", HEADER SECTION, MK_OK, 1, 1 },
    { "the same section three times", HEADER SECTION SECTION SECTION, MK_OK,
      3, 1 },
    { "an empty block", HEADER "24" CID SECTION, MK_OK, 2, 1 },
    { "a CIDv0 section", HEADER "25" "1220" SHA2_256 "616263" SECTION, MK_OK,
      2, 1 },

    /* T2, T11: the end is no end */

    { "a cut header", "3a" "a2" ROOTS, MK_OK, 0, 0 },
    { "a length at the end", HEADER SECTION "27", MK_OK, 1, 0 },
    { "half a length at the end", HEADER SECTION "a7", MK_OK, 1, 0 },
    { "a cut CID", HEADER SECTION "27" "01551220", MK_OK, 1, 0 },
    { "a cut block", HEADER SECTION "27" CID "6162", MK_OK, 1, 0 },

    /* T9, T10: the header */

    { "a header of no bytes", "00" HEADER, FAILED, 0, 0 },
    { "a header above 64 KiB", "818004", FAILED, 0, 0 },
    { "a header of 2^63 - 1 bytes", "ffffffffffffffff7f", FAILED, 0, 0 },
    { "a header length of ten bytes", "ffffffffffffffffff01", FAILED, 0, 0 },
    { "a header length that is not minimal", "ba00", FAILED, 0, 0 },
    { "CARv2", "0a" "a1" VERSION "02", FAILED, 0, 0 },
    { "version 2 with roots", "11" "a2" ROOTS "80" VERSION "02", FAILED, 0,
      0 },
    { "version 0", "11" "a2" ROOTS "80" VERSION "00", FAILED, 0, 0 },
    { "version 1 in two bytes", "12" "a2" ROOTS "80" VERSION "1801", FAILED,
      0, 0 },
    { "version -2", "11" "a2" ROOTS "80" VERSION "21", FAILED, 0, 0 },
    { "version as text", "12" "a2" ROOTS "80" VERSION "6131", FAILED, 0, 0 },
    { "version as a float", "13" "a2" ROOTS "80" VERSION "f93c00", FAILED, 0,
      0 },
    { "no version", "08" "a1" ROOTS "80", FAILED, 0, 0 },
    { "version without roots", "0a" "a1" VERSION "01", FAILED, 0, 0 },
    { "version twice", "13" "a2" VERSION "01" VERSION "01", FAILED, 0, 0 },
    { "roots twice", "0f" "a2" ROOTS "80" ROOTS "80", FAILED, 0, 0 },
    { "a third member", "14" "a3" ROOTS "80" VERSION "01" "617801", FAILED,
      0, 0 },
    { "another member", "0d" "a2" "617880" VERSION "01", FAILED, 0, 0 },
    { "roots that are null", "11" "a2" ROOTS "f6" VERSION "01", FAILED, 0,
      0 },
    { "an indefinite map", "12" "bf" ROOTS "80" VERSION "01ff", FAILED, 0,
      0 },
    { "indefinite roots", "12" "a2" ROOTS "9fff" VERSION "01", FAILED, 0,
      0 },
    { "a map length that is not minimal", "12" "b802" ROOTS "80" VERSION
      "01", FAILED, 0, 0 },
    { "an array length that is not minimal", "12" "a2" ROOTS "9800" VERSION
      "01", FAILED, 0, 0 },
    { "an array length of two bytes that is not minimal",
      "3c" "a2" ROOTS "990001" ROOT VERSION "01", FAILED, 0, 0 },
    { "more roots than there are", "3a" "a2" ROOTS "82" ROOT VERSION "01",
      FAILED, 0, 0 },
    { "2^32 - 1 roots", "15" "a2" ROOTS "9affffffff" VERSION "01", FAILED, 0,
      0 },
    { "2^64 - 1 roots", "19" "a2" ROOTS "9bffffffffffffffff" VERSION "01",
      FAILED, 0, 0 },
    { "a root that is bytes", "38" "a2" ROOTS "81" "582500" CID VERSION "01",
      FAILED, 0, 0 },
    { "a root of another tag", "3a" "a2" ROOTS "81" "d82b582500" CID VERSION
      "01", FAILED, 0, 0 },
    { "a root without its zero byte", "39" "a2" ROOTS "81" "d82a5824" CID
      VERSION "01", FAILED, 0, 0 },
    { "a root of a zero byte", "15" "a2" ROOTS "81" "d82a4100" VERSION "01",
      FAILED, 0, 0 },
    { "a root of no bytes", "14" "a2" ROOTS "81" "d82a40" VERSION "01",
      FAILED, 0, 0 },
    { "a root with a byte behind its CID", "3b" "a2" ROOTS "81" "d82a582600"
      CID "00" VERSION "01", FAILED, 0, 0 },
    { "a root whose length is not minimal", "3b" "a2" ROOTS "81"
      "d82a59002500" CID VERSION "01", FAILED, 0, 0 },
    { "a root that is text", "3a" "a2" ROOTS "81" "d82a782500" CID VERSION
      "01", FAILED, 0, 0 },
    { "a byte behind the header's map", "12" "a2" ROOTS "80" VERSION "0100",
      FAILED, 0, 0 },
    { "HTML", "3c21444f43545950452068746d6c3e0a3c68746d6c3e3c686561643e3c7469"
      "746c653e3530323c2f7469746c653e3c2f686561643e3c626f64793e3c2f62"
      "6f6479", FAILED, 0, 0 },

    /* T3, T9, T10: sections */

    { "a section of no bytes", HEADER SECTION "00" SECTION, FAILED, 1, 0 },
    { "a section length that is not minimal", HEADER "a700", FAILED, 0, 0 },
    { "a section length of ten bytes", HEADER "ffffffffffffffffff01", FAILED,
      0, 0 },
    { "a section of 2^63 - 1 bytes", HEADER "ffffffffffffffff7f",
      MK_CID_MISMATCH, 0, 0 },
    { "a section above the limit", HEADER "a1818001", MK_CID_MISMATCH, 0,
      0 },
    { "an error message behind a section",
      HEADER SECTION "0a0a5b6572726f723a20626c6f636b206e6f7420666f756e645d",
      FAILED, 1, 0 },
    { "a section without a CID", HEADER "03" "616263", FAILED, 0, 0 },
    { "a CID that is longer than its section", HEADER "23" CID "616263",
      FAILED, 0, 0 },
    { "a CID of version 2", HEADER "27" "02551220" SHA2_256 "616263", FAILED,
      0, 0 },
    { "a CID whose digest is cut by the section", HEADER "08" "01551220"
      "ba7816bf", FAILED, 0, 0 },
};


static mk_bytes_t
run(const uint8_t *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


/* what a stream gave: a hash over its sections, and how it ended */
typedef struct {
    mk_status_t     status;
    int             sections;
    int             unknown;
    int             wrong;          /* blocks of another hash */
    int             boundary;
    mk_multihash_t  digest;
} outcome_t;


static void
note(outcome_t *out, const mk_car_section_t *section)
{
    mk_multihash_t  sum[3];

    out->sections++;

    if (!section->known) {
        out->unknown++;

    } else if (mk_multihash_verify(&section->hash, section->block.data,
                                   section->block.len) != MK_OK)
    {
        out->wrong++;
    }

    memset(sum, 0, sizeof(sum));
    sum[0] = out->digest;
    sum[1] = section->hash;
    mk_multihash_of(MK_MULTIHASH_SHA2_256, section->block.data,
                    section->block.len, &sum[2]);
    mk_multihash_of(MK_MULTIHASH_SHA2_256, (const uint8_t *) sum,
                    sizeof(sum), &out->digest);
}


/*
 * Pushes a stream in pieces of "piece" bytes, the first of "head"; each is
 * a copy of its own, so that a read beyond it is seen.
 */
static outcome_t
push(const uint8_t *data, size_t len, size_t head, size_t piece)
{
    int               found;
    size_t            n;
    uint8_t          *copy;
    mk_car_t         *car;
    outcome_t         out;
    mk_bytes_t        in;
    mk_car_section_t  section;

    memset(&out, 0, sizeof(out));
    car = mk_car_create();
    n = head;

    while (len > 0 && out.status == MK_OK) {
        n = (n > len) ? len : n;
        copy = malloc(n + (n == 0));
        memcpy(copy, data, n);
        in = run(copy, n);

        for ( ;; ) {
            out.status = mk_car_read(car, &in, &section, &found);

            if (out.status != MK_OK || !found) {
                break;
            }

            note(&out, &section);
        }

        free(copy);
        data += n;
        len -= n;
        n = piece;
    }

    out.boundary = mk_car_at_boundary(car);
    mk_car_free(car);

    return out;
}


static void
test_cars(void)
{
    int         same;
    size_t      i, len, at;
    uint8_t    *data;
    outcome_t   whole, out;

    for (i = 0; i < sizeof(cars) / sizeof(cars[0]); i++) {
        data = tap_unhex(cars[i].hex, &len);
        whole = push(data, len, len, 1);

        is_status(whole.status, cars[i].status, "outcome: %s", cars[i].name);
        ok(whole.sections == cars[i].sections
           && whole.boundary == cars[i].boundary,
           "sections and boundary: %s", cars[i].name);

        out = push(data, len, 1, 1);
        same = memcmp(&out, &whole, sizeof(out)) == 0;

        for (at = 1; at < len; at++) {
            out = push(data, len, at, len);
            same = same && memcmp(&out, &whole, sizeof(out)) == 0;
        }

        ok(same, "the same in every two pieces: %s", cars[i].name);

        free(data);
    }
}


static void
test_known(void)
{
    int               found;
    size_t            len;
    uint8_t          *data;
    mk_car_t         *car;
    mk_bytes_t        in;
    mk_car_section_t  section;

    data = tap_unhex(HEADER "27" "01551e20" SHA2_256 "616263"
                     "0a" "01550003616263" "616263" SECTION "ff", &len);
    in = run(data, len);
    car = mk_car_create();

    mk_car_read(car, &in, &section, &found);
    ok(found && !section.known && section.hash.code == 0
       && section.block.len == 3, "a section of another hash is passed on");
    mk_car_read(car, &in, &section, &found);
    ok(found && !section.known && section.block.len == 3,
       "so is one of identity");
    mk_car_read(car, &in, &section, &found);
    ok(found && section.known && section.hash.code == MK_MULTIHASH_SHA2_256,
       "a section of a known hash");
    is_mem(section.block.data, section.block.len, "abc", 3, "its block");
    is_int(in.len, 1, "bytes behind a section stay in the input");
    ok(mk_car_at_boundary(car), "a section may end here");

    mk_car_free(car);
    mk_car_free(NULL);
    free(data);
}


static void
test_failed_stays_failed(void)
{
    int               found;
    size_t            len;
    uint8_t          *data;
    mk_car_t         *car;
    mk_bytes_t        in;
    mk_status_t       status;
    mk_car_section_t  section;

    car = mk_car_create();
    data = tap_unhex("00" HEADER SECTION, &len);
    in = run(data, len);

    status = mk_car_read(car, &in, &section, &found);
    is_status(status, FAILED, "a bad header");
    in = run(data + 1, len - 1);
    status = mk_car_read(car, &in, &section, &found);
    is_status(status, FAILED, "a good one behind it changes nothing");
    in = run(NULL, 0);
    status = mk_car_read(car, &in, &section, &found);
    ok(status == FAILED && !found && section.block.data == NULL
       && !mk_car_at_boundary(car), "nor does nothing");

    mk_car_free(car);
    free(data);
}


/* blocks around 2 MiB, behind the shortest head and the longest CID */
static void
test_block_limit(void)
{
    static const struct {
        const char  *name;
        const char  *cid;
        size_t       zeros;         /* of an identity digest */
        size_t       block;
        mk_status_t  status;
    } limits[] = {
        { "a block of 2 MiB", CID, 0, MK_BLOCK_MAX, MK_OK },
        { "a byte more", CID, 0, MK_BLOCK_MAX + 1, MK_CID_MISMATCH },
        { "2 MiB behind the longest CID", "0155009b01", 155, MK_BLOCK_MAX,
          MK_OK },
        { "a byte more behind the longest CID", "0155009b01", 155,
          MK_BLOCK_MAX + 1, MK_CID_MISMATCH },
        { "a CID that is too long", "0155009c01", 156, 3, FAILED },
    };

    size_t      i, head, n;
    uint8_t    *header, *cid, *car, *p;
    outcome_t   out;

    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        header = tap_unhex(HEADER, &head);
        cid = tap_unhex(limits[i].cid, &n);
        car = calloc(1, head + MK_VARINT_MAX + n + limits[i].zeros
                        + limits[i].block);

        memcpy(car, header, head);
        p = car + head;
        p += mk_bytes_put_varint(p, n + limits[i].zeros + limits[i].block);
        memcpy(p, cid, n);
        p += n + limits[i].zeros + limits[i].block;

        out = push(car, (size_t) (p - car), 1000, 64 * 1024);
        ok(out.status == limits[i].status
           && out.sections == (limits[i].status == MK_OK), "%s",
           limits[i].name);

        free(car);
        free(cid);
        free(header);
    }
}


/* a header of 64 KiB of roots is read */
static void
test_long_header(void)
{
    size_t      n, len;
    uint8_t    *car, *root, *p;
    outcome_t   out;

    root = tap_unhex(ROOT, &len);
    car = malloc(MK_CAR_HEADER_MAX + 16);
    p = car;
    n = (MK_CAR_HEADER_MAX - 19) / len;

    p += mk_bytes_put_varint(p, 19 + n * len);
    memcpy(p, "\xa2\x65" "roots\x99", 8);
    p[8] = (uint8_t) (n >> 8);
    p[9] = (uint8_t) n;
    p += 10;

    for ( /* void */ ; n > 0; n--) {
        memcpy(p, root, len);
        p += len;
    }

    memcpy(p, "\x67" "version\x01", 9);
    p += 9;

    out = push(car, (size_t) (p - car), 100, 777);
    ok(out.status == MK_OK && out.boundary, "a header of nearly 64 KiB");

    free(root);
    free(car);
}


int
main(void)
{
    test_cars();
    test_known();
    test_failed_stays_failed();
    test_block_limit();
    test_long_header();

    return tap_done();
}
