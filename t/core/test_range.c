/*
 * Range headers (RFC 9110 section 14): what is a part, what is ignored, and
 * what is refused.
 */

#include "mk_range.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define SIZE  10000


static mk_bytes_t
text(const char *s)
{
    mk_bytes_t  run;

    run.data = (const uint8_t *) s;
    run.len = strlen(s);

    return run;
}


static void
test_parts(void)
{
    int       partial;
    size_t    i;
    uint64_t  first, len;

    static const struct {
        const char  *value;
        uint64_t     size;
        uint64_t     first;
        uint64_t     len;
    } cases[] = {
        { "bytes=0-499", SIZE, 0, 500 },
        { "bytes=500-999", SIZE, 500, 500 },
        { "bytes=-500", SIZE, 9500, 500 },
        { "bytes=9500-", SIZE, 9500, 500 },
        { "bytes=0-0", SIZE, 0, 1 },
        { "bytes=-1", SIZE, 9999, 1 },
        { "bytes=0-", SIZE, 0, SIZE },
        { "bytes=9999-9999", SIZE, 9999, 1 },
        { "bytes=9999-10000", SIZE, 9999, 1 },
        { "bytes=9999-", SIZE, 9999, 1 },
        { "bytes=0-0", 1, 0, 1 },
        { "bytes=-10000", SIZE, 0, SIZE },
        { "bytes=-10001", SIZE, 0, SIZE },
        { "bytes=-99999999999999999999999", SIZE, 0, SIZE },
        { "bytes=1-18446744073709551615", SIZE, 1, SIZE - 1 },
        { "bytes=1-18446744073709551616", SIZE, 1, SIZE - 1 },
        { "bytes=1-99999999999999999999999", SIZE, 1, SIZE - 1 },
        { "bytes=0001-0002", SIZE, 1, 2 },
        { "bytes=000-000", SIZE, 0, 1 },
        { "bytes=2-00003", SIZE, 2, 2 },
        { "BYTES=0-1", SIZE, 0, 2 },
        { "Bytes=0-1", SIZE, 0, 2 },
        { " bytes=0-1\t ", SIZE, 0, 2 },
        { "bytes=0-18446744073709551614", UINT64_MAX, 0, UINT64_MAX },
        { "bytes=18446744073709551614-", UINT64_MAX, UINT64_MAX - 1, 1 },
        { "bytes=-18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_status(mk_range_read(text(cases[i].value), cases[i].size,
                                &partial, &first, &len),
                  MK_OK, "\"%s\"", cases[i].value);
        ok(partial == 1 && first == cases[i].first && len == cases[i].len,
           "is a part of %llu", (unsigned long long) cases[i].size);
    }
}


static void
test_ignored(void)
{
    int       partial;
    size_t    i;
    uint64_t  first, len;

    static const char *const  values[] = {
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=0", "0-1",
        "items=0-1", "byte=0-1", "bytes:0-1", "bytes=1-0",
        "bytes=99999999999999999999999-99999999999999999999998",
        "bytes=18446744073709551616-5", "bytes=0-1,2-3", "bytes=0-1,",
        "bytes=,0-1", "bytes=0-1, -5", "bytes=0-1;2-3", "bytes= 0-1",
        "bytes =0-1", "bytes=0 -1", "bytes=0- 1", "bytes=0-1 x",
        "bytes=--1", "bytes=-1-", "bytes=0--1", "bytes=+0-1", "bytes=0-+1",
        "bytes=0x0-0x1", "bytes=1.0-2", "bytes=0-1\r\n", "bytes=\v0-1",
        "bytes=0-1bytes=0-1", "bytes=0-a", "bytes=a-", "=0-1",
        "bytes=\xd9\xa0-1",
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        is_status(mk_range_read(text(values[i]), SIZE, &partial, &first,
                                &len),
                  MK_OK, "value %zu", i);
        ok(partial == 0 && first == 0 && len == SIZE, "is ignored");
    }

    is_status(mk_range_read(text("bytes=x"), 0, &partial, &first, &len),
              MK_OK, "a malformed range of nothing");
    ok(partial == 0 && first == 0 && len == 0, "is ignored");
}


static void
test_not_satisfiable(void)
{
    int       partial;
    size_t    i;
    uint64_t  first, len;

    static const struct {
        const char  *value;
        uint64_t     size;
    } cases[] = {
        { "bytes=10000-", SIZE }, { "bytes=10000-10000", SIZE },
        { "bytes=10001-20000", SIZE }, { "bytes=-0", SIZE },
        { "bytes=-000", SIZE }, { "bytes=18446744073709551615-", SIZE },
        { "bytes=99999999999999999999999-", SIZE },
        { "bytes=99999999999999999999998-99999999999999999999999", SIZE },
        { "bytes=18446744073709551615-", UINT64_MAX },
        { "bytes=0-", 0 }, { "bytes=0-0", 0 }, { "bytes=-1", 0 },
        { "bytes=-0", 0 }, { "bytes=5-6", 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        partial = 1;
        first = 1;
        len = 1;
        is_status(mk_range_read(text(cases[i].value), cases[i].size,
                                &partial, &first, &len),
                  MK_RANGE_NOT_SATISFIABLE, "\"%s\" of %llu",
                  cases[i].value, (unsigned long long) cases[i].size);
        ok(partial == 0 && first == 0 && len == 0, "gives nothing");
    }
}


static void
test_length(void)
{
    int       partial;
    char      value[MK_RANGE_TEXT_MAX + 2];
    uint64_t  first, len;

    memset(value, '0', sizeof(value));
    memcpy(value, "bytes=", 6);
    memcpy(value + MK_RANGE_TEXT_MAX - 2, "7-", 3);
    is_status(mk_range_read(text(value), SIZE, &partial, &first, &len),
              MK_OK, "a value at the limit");
    ok(partial == 1 && first == 7, "is read");

    value[MK_RANGE_TEXT_MAX] = '8';
    value[MK_RANGE_TEXT_MAX + 1] = '\0';
    mk_range_read(text(value), SIZE, &partial, &first, &len);
    ok(partial == 0 && len == SIZE, "a value above it is ignored");
}


/* whatever is read lies inside the file: all short values of an alphabet */
static void
test_every_short_value(void)
{
    int          partial;
    char         value[16];
    size_t       i, n, code, outside;
    uint64_t     size, first, len;
    mk_status_t  status;

    static const char  alphabet[] = "0159-, ";

    outside = 0;
    n = sizeof(alphabet) - 1;

    for (code = 0; code < n * n * n * n * n; code++) {
        size_t  rest = code;

        memcpy(value, "bytes=", 6);

        for (i = 6; i < 11; i++) {
            value[i] = alphabet[rest % n];
            rest /= n;
        }

        value[11] = '\0';

        for (size = 0; size < 12; size += 5) {
            status = mk_range_read(text(value), size, &partial, &first, &len);

            if (status == MK_OK && partial) {
                outside += len == 0 || first >= size || len > size - first;

            } else if (status == MK_OK) {
                outside += first != 0 || len != size;

            } else {
                outside += status != MK_RANGE_NOT_SATISFIABLE || partial != 0;
            }
        }
    }

    is_int(outside, 0, "no value leads outside the file");
}


int
main(void)
{
    test_parts();
    test_ignored();
    test_not_satisfiable();
    test_length();
    test_every_short_value();

    return tap_done();
}
