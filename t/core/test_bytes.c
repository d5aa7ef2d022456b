/*
 * Varints: minimal, at most nine bytes, never read past their end.
 */

#include "mk_bytes.h"
#include "tap.h"

#include <stdlib.h>


typedef struct {
    const char  *name;
    const char  *hex;
    int          n;
    uint64_t     value;
} varint_case_t;


static const varint_case_t  varints[] = {
    { "zero", "00", 1, 0 },
    { "one", "01", 1, 1 },
    { "the largest of one byte", "7f", 1, 127 },
    { "the smallest of two bytes", "8001", 2, 128 },
    { "255", "ff01", 2, 255 },
    { "300", "ac02", 2, 300 },
    { "16384", "808001", 3, 16384 },
    { "blake2b-256's code", "a0e402", 3, 0xb220 },
    { "the largest of nine bytes", "ffffffffffffffff7f", 9, INT64_MAX },
    { "bytes behind it are left", "01ffffff", 1, 1 },

    { "nothing", "", MK_VARINT_SHORT, 0 },
    { "one byte that continues", "80", MK_VARINT_SHORT, 0 },
    { "eight bytes that continue", "ffffffffffffffff", MK_VARINT_SHORT, 0 },

    { "zero in two bytes", "8000", MK_VARINT_INVALID, 0 },
    { "127 in two bytes", "ff00", MK_VARINT_INVALID, 0 },
    { "one in three bytes", "818000", MK_VARINT_INVALID, 0 },
    { "nine bytes that continue", "ffffffffffffffffff",
      MK_VARINT_INVALID, 0 },
    { "2^63", "80808080808080808001", MK_VARINT_INVALID, 0 },
    { "2^64 - 1", "ffffffffffffffffff01", MK_VARINT_INVALID, 0 },
    { "nine bytes, not minimal", "808080808080808000",
      MK_VARINT_INVALID, 0 },
};


static void
test_varint_table(void)
{
    int         n;
    size_t      i, len;
    uint8_t    *data;
    uint64_t    value;
    mk_bytes_t  in;

    for (i = 0; i < sizeof(varints) / sizeof(varints[0]); i++) {
        data = tap_unhex(varints[i].hex, &len);

        value = 4711;
        n = mk_bytes_varint(data, len, &value);

        ok(n == varints[i].n && value == varints[i].value,
           "varint: %s", varints[i].name);

        in.data = data;
        in.len = len;
        value = 4711;

        if (varints[i].n > 0) {
            ok(mk_bytes_take_varint(&in, &value)
               && value == varints[i].value
               && in.len == len - (size_t) n && in.data == data + n,
               "take: %s", varints[i].name);

        } else {
            ok(!mk_bytes_take_varint(&in, &value) && value == 0
               && in.len == len && in.data == data,
               "take refuses and moves nothing: %s", varints[i].name);
        }

        free(data);
    }
}


static void
test_varint_round_trip(void)
{
    int       pass;
    size_t    i, n, cut;
    uint8_t   out[MK_VARINT_MAX];
    uint64_t  value, back;

    pass = 1;

    for (i = 0; i < 63; i++) {
        value = UINT64_C(1) << i;

        for (value = value - 1; value <= (UINT64_C(1) << i); value++) {
            n = mk_bytes_put_varint(out, value);
            pass = pass && mk_bytes_varint(out, n, &back) == (int) n
                   && back == value;

            for (cut = 0; cut < n; cut++) {
                pass = pass
                       && mk_bytes_varint(out, cut, &back)
                          == MK_VARINT_SHORT;
            }
        }
    }

    ok(pass, "what is written is read, and every cut is short");

    is_int(mk_bytes_put_varint(out, UINT64_MAX), MK_VARINT_MAX,
           "a value that is too large stays inside its buffer");
}


static void
test_take(void)
{
    mk_bytes_t            in, out, none;
    static const uint8_t  data[] = { 1, 2, 3, 4 };

    in.data = data;
    in.len = sizeof(data);

    ok(mk_bytes_take(&in, 3, &out) && out.data == data && out.len == 3
       && in.data == data + 3 && in.len == 1, "three of four bytes");
    ok(!mk_bytes_take(&in, 2, &out) && out.data == NULL && out.len == 0
       && in.len == 1, "two of one byte are refused");
    ok(!mk_bytes_take(&in, UINT64_MAX, &out) && in.len == 1,
       "2^64 - 1 of one byte are refused");
    ok(mk_bytes_take(&in, 0, &out) && out.len == 0 && in.len == 1,
       "none of one byte");
    ok(mk_bytes_take(&in, 1, &out) && in.len == 0, "the last byte");

    none.data = NULL;
    none.len = 0;

    ok(mk_bytes_take(&none, 0, &out) && out.len == 0,
       "nothing can be taken from nothing");
    ok(!mk_bytes_take(&none, 1, &out), "a byte cannot");
}


static void
test_integers(void)
{
    uint8_t               out[8];
    static const uint8_t  be[] = { 0xfe, 0xdc, 0xba, 0x98, 0, 0, 0, 1 };

    ok(mk_bytes_be32(be) == 0xfedcba98, "32 bits are read big-endian");

    mk_bytes_put_be32(out, 0xfedcba98);
    is_mem(out, 4, be, 4, "and written");

    mk_bytes_put_be64(out, UINT64_C(0xfedcba9800000001));
    is_mem(out, 8, be, 8, "64 bits are written big-endian");
}


static void
test_equal(void)
{
    mk_bytes_t            a, b, none;
    static const uint8_t  data[] = { 1, 2, 1, 3 };

    a.data = data;
    a.len = 2;
    b.data = data + 2;
    b.len = 2;
    none.data = NULL;
    none.len = 0;

    ok(mk_bytes_equal(a, a), "a run equals itself");
    ok(!mk_bytes_equal(a, b), "another last byte");

    b.len = 1;

    ok(!mk_bytes_equal(a, b), "another length");
    ok(mk_bytes_equal(none, none), "nothing equals nothing");
    ok(!mk_bytes_equal(none, a), "nothing is not something");
}


int
main(void)
{
    test_varint_table();
    test_varint_round_trip();
    test_take();
    test_integers();
    test_equal();

    return tap_done();
}
