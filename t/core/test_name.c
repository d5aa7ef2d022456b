/*
 * Identifiers: what could name another resource or break a header is
 * refused.
 */

#include "mk_name.h"
#include "tap.h"

#include <string.h>


typedef struct {
    const char  *name;
    const char  *text;
    size_t       len;           /* 0: strlen(text) */
    int          utf8;
    int          text_ok;
    int          identity;
} name_case_t;


static const name_case_t  names[] = {
    { "a word", "alice", 0, 1, 1, 1 },
    { "a DID", "did:key:z6Mk~x!$&'()*+,;=@", 0, 1, 1, 1 },
    { "a space", "alice b", 0, 1, 1, 1 },
    { "nothing", "", 0, 1, 1, 0 },
    { "three dots", "...", 0, 1, 1, 1 },
    { "a dot in front", ".a", 0, 1, 1, 1 },
    { "a dot", ".", 0, 1, 1, 0 },
    { "two dots", "..", 0, 1, 1, 0 },
    { "a slash", "a/b", 0, 1, 1, 0 },
    { "a backslash", "a\\b", 0, 1, 1, 0 },
    { "a question mark", "a?b", 0, 1, 1, 0 },
    { "a number sign", "a#b", 0, 1, 1, 0 },
    { "a percent sign", "a%2fb", 0, 1, 1, 0 },

    { "NUL", "a\0b", 3, 1, 0, 0 },
    { "a line feed", "a\nb", 0, 1, 0, 0 },
    { "a carriage return", "a\rb", 0, 1, 0, 0 },
    { "a tab", "a\tb", 0, 1, 0, 0 },
    { "the last C0", "\x1f", 0, 1, 0, 0 },
    { "DEL", "\x7f", 0, 1, 0, 0 },
    { "the first C1", "\xc2\x80", 0, 1, 0, 0 },
    { "NEL", "a\xc2\x85", 0, 1, 0, 0 },
    { "the last C1", "\xc2\x9f", 0, 1, 0, 0 },
    { "the first after C1", "\xc2\xa0", 0, 1, 1, 1 },

    { "two bytes", "\xc3\xa9", 0, 1, 1, 1 },
    { "the last of two bytes", "\xdf\xbf", 0, 1, 1, 1 },
    { "the first of three bytes", "\xe0\xa0\x80", 0, 1, 1, 1 },
    { "before the surrogates", "\xed\x9f\xbf", 0, 1, 1, 1 },
    { "after the surrogates", "\xee\x80\x80", 0, 1, 1, 1 },
    { "the last of three bytes", "\xef\xbf\xbf", 0, 1, 1, 1 },
    { "the first of four bytes", "\xf0\x90\x80\x80", 0, 1, 1, 1 },
    { "the last character", "\xf4\x8f\xbf\xbf", 0, 1, 1, 1 },

    { "an overlong NUL", "\xc0\x80", 0, 0, 0, 0 },
    { "an overlong slash", "\xc0\xaf", 0, 0, 0, 0 },
    { "the last overlong of two", "\xc1\xbf", 0, 0, 0, 0 },
    { "an overlong slash of three", "\xe0\x80\xaf", 0, 0, 0, 0 },
    { "the last overlong of three", "\xe0\x9f\xbf", 0, 0, 0, 0 },
    { "the last overlong of four", "\xf0\x8f\xbf\xbf", 0, 0, 0, 0 },
    { "the first surrogate", "\xed\xa0\x80", 0, 0, 0, 0 },
    { "the last surrogate", "\xed\xbf\xbf", 0, 0, 0, 0 },
    { "a pair of surrogates", "\xed\xa0\x80\xed\xb0\x80", 0, 0, 0, 0 },
    { "beyond Unicode", "\xf4\x90\x80\x80", 0, 0, 0, 0 },
    { "five bytes", "\xf8\x88\x80\x80\x80", 0, 0, 0, 0 },
    { "the byte ff", "\xff", 0, 0, 0, 0 },
    { "the byte fe", "\xfe", 0, 0, 0, 0 },
    { "a continuation alone", "\x80", 0, 0, 0, 0 },
    { "a continuation behind a letter", "a\xbf", 0, 0, 0, 0 },
    { "two bytes, cut", "a\xc3", 0, 0, 0, 0 },
    { "three bytes, cut", "\xe2\x82", 0, 0, 0, 0 },
    { "four bytes, cut", "\xf0\x9f\x98", 0, 0, 0, 0 },
    { "a letter instead of a continuation", "\xe2\x82\x41", 0, 0, 0, 0 },
    { "a head instead of a continuation", "\xe2\xc3\xa9", 0, 0, 0, 0 },
};


static mk_bytes_t
bytes(const char *text, size_t len)
{
    mk_bytes_t  run;

    run.data = (const uint8_t *) text;
    run.len = len;

    return run;
}


static void
test_table(void)
{
    size_t      i;
    mk_bytes_t  run;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        run = bytes(names[i].text, names[i].len > 0 ? names[i].len
                                                    : strlen(names[i].text));

        is_int(mk_name_is_utf8(run), names[i].utf8, "UTF-8: %s",
               names[i].name);
        is_int(mk_name_is_text(run, 255), names[i].text_ok, "text: %s",
               names[i].name);
        is_int(mk_name_is_identity(run), names[i].identity, "identity: %s",
               names[i].name);
    }
}


static void
test_every_byte(void)
{
    int   c, want, id, payload;
    char  text;

    id = payload = 1;

    for (c = 0; c < 256; c++) {
        want = c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz"
                                "0123456789_-", c) != NULL;
        text = (char) c;

        id = id && mk_name_is_id(bytes(&text, 1)) == want;
        payload = payload && mk_name_is_payload_id(bytes(&text, 1)) == want;
    }

    ok(id, "id: every byte is in the alphabet or refused");
    ok(payload, "payload id: every byte is in the alphabet or refused");
}


static void
test_lengths(void)
{
    char  text[300];

    memset(text, 'a', sizeof(text));

    ok(mk_name_is_id(bytes(text, 128)), "id: 128 bytes");
    ok(!mk_name_is_id(bytes(text, 129)), "id: 129 bytes are refused");
    ok(!mk_name_is_id(bytes(NULL, 0)), "id: nothing is refused");
    ok(mk_name_is_payload_id(bytes(text, 64)), "payload id: 64 bytes");
    ok(!mk_name_is_payload_id(bytes(text, 65)),
       "payload id: 65 bytes are refused");
    ok(!mk_name_is_payload_id(bytes(NULL, 0)),
       "payload id: nothing is refused");
    ok(mk_name_is_identity(bytes(text, 128)), "identity: 128 bytes");
    ok(!mk_name_is_identity(bytes(text, 129)),
       "identity: 129 bytes are refused");
    ok(!mk_name_is_identity(bytes(NULL, 0)),
       "identity: nothing is refused");
    ok(mk_name_is_text(bytes(text, 255), 255), "text: 255 bytes of 255");
    ok(!mk_name_is_text(bytes(text, 256), 255),
       "text: 256 bytes of 255 are refused");
    ok(mk_name_is_text(bytes(NULL, 0), 255), "text: nothing");
    ok(mk_name_is_utf8(bytes(NULL, 0)), "UTF-8: nothing");
}


int
main(void)
{
    test_table();
    test_every_byte();
    test_lengths();

    return tap_done();
}
