/*
 * Elements of DER: what is taken, and what is not.
 */

#include "mk_der.h"
#include "tap.h"

#include <string.h>


static mk_bytes_t
bytes_of(const void *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


static void
test_taken(void)
{
    uint8_t     text[4 + MK_DER_MAX];
    mk_bytes_t  in, content;

    in = bytes_of("\x04\x02" "ab" "\x02\x01\x01", 7);

    ok(mk_der_is(in, MK_DER_OCTET_STRING), "an octet string is seen");
    ok(!mk_der_is(in, MK_DER_INTEGER), "and is no integer");
    ok(!mk_der_take(&in, MK_DER_INTEGER, &content), "nor taken for one");
    is_int(in.len, 7, "which leaves all where it is");
    ok(mk_der_take(&in, MK_DER_OCTET_STRING, &content), "it is taken");
    is_mem(content.data, content.len, "ab", 2, "with its content");
    ok(!mk_der_take_number(&in, 0), "another number is refused");
    is_int(in.len, 3, "and left there");
    ok(mk_der_take_number(&in, 1), "the number is taken");
    is_int(in.len, 0, "nothing is left");
    ok(!mk_der_is(in, MK_DER_INTEGER), "at the end there is no tag");

    in = bytes_of("\x04\x00", 2);
    ok(mk_der_take(&in, MK_DER_OCTET_STRING, &content) && content.len == 0,
       "an empty one");

    memset(text, 0, sizeof(text));

    memcpy(text, "\x30\x7f", 2);
    in = bytes_of(text, 129);
    ok(mk_der_take(&in, MK_DER_SEQUENCE, &content) && content.len == 127,
       "127 bytes");

    memcpy(text, "\x30\x81\x80", 3);
    in = bytes_of(text, 131);
    ok(mk_der_take(&in, MK_DER_SEQUENCE, &content) && content.len == 128,
       "128 bytes");

    memcpy(text, "\x30\x82\x01\x00", 4);
    in = bytes_of(text, 260);
    ok(mk_der_take(&in, MK_DER_SEQUENCE, &content) && content.len == 256,
       "256 bytes");

    memcpy(text, "\x30\x82\xff\xff", 4);
    in = bytes_of(text, sizeof(text));
    ok(mk_der_take(&in, MK_DER_SEQUENCE, &content)
       && content.len == MK_DER_MAX, "as long as can be");

    in = bytes_of(text, sizeof(text) - 1);
    ok(!mk_der_take(&in, MK_DER_SEQUENCE, &content), "the same, cut short");
}


static const struct {
    const char  *what;
    size_t       len;
    const char  *bytes;
} refused[] = {
    { "nothing", 0, "" },
    { "a tag alone", 1, "\x02" },
    { "content that is missing", 3, "\x02\x02\x01" },
    { "a length that is missing", 2, "\x02\x81" },
    { "half a length", 3, "\x02\x82\x01" },
    { "an indefinite length", 5, "\x02\x80\x01\x00\x00" },
    { "a length of 3 bytes", 6, "\x02\x83\x00\x00\x01\x01" },
    { "a length of 127 bytes", 3, "\x02\xff\x01" },
    { "a length in 2 bytes instead of 1", 4, "\x02\x81\x01\x01" },
    { "a length in 3 bytes instead of 1", 5, "\x02\x82\x00\x01\x01" },
};


static void
test_refused(void)
{
    size_t      i;
    mk_bytes_t  in, content;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        in = bytes_of(refused[i].bytes, refused[i].len);
        content = in;

        ok(!mk_der_take(&in, MK_DER_INTEGER, &content)
           && content.data == NULL && content.len == 0
           && in.len == refused[i].len, "refused: %s", refused[i].what);
        ok(!mk_der_take_number(&in, 1), "and as a number");
    }

    in = bytes_of("\x02\x02\x00\x01", 4);
    ok(!mk_der_take_number(&in, 1), "refused: a number with a zero in front");
}


int
main(void)
{
    test_taken();
    test_refused();

    return tap_done();
}
