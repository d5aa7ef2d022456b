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


typedef struct {
    const char  *name;
    const char  *text;
    const char  *shown;
} name_shown_t;


static const name_shown_t  shown[] = {
    { "plain text", "a b.txt", "a b.txt" },
    { "nothing", "", "" },
    { "other scripts", "\xd7\x90\xd8\xa7\xe6\x96\x87\xf0\x9f\x98\x80",
      "\xd7\x90\xd8\xa7\xe6\x96\x87\xf0\x9f\x98\x80" },
    { "an accent of its own", "e\xcc\x81", "e\xcc\x81" },
    { "a non-joiner", "\xd9\x85\xe2\x80\x8c\xd9\x86",
      "\xd9\x85\xe2\x80\x8c\xd9\x86" },
    { "a family by joiners",
      "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
      "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9" },
    { "a variation selector", "\xe2\x9d\xa4\xef\xb8\x8f",
      "\xe2\x9d\xa4\xef\xb8\x8f" },
    { "an Arabic number sign", "\xd8\x80" "1", "\xd8\x80" "1" },
    { "a no-break space", "a\xc2\xa0" "b", "a\xc2\xa0" "b" },

    { "an override", "a\xe2\x80\xae" "gpj.exe", "a_gpj.exe" },
    { "two", "a\xe2\x80\xae\xe2\x80\xacz", "a__z" },
    { "one alone", "\xe2\x80\xae", "_" },
    { "a control", "a\nb", "a_b" },
    { "a C1 control", "a\xc2\x9b" "b", "a_b" },
    { "a soft hyphen", "a\xc2\xad" "b", "a_b" },
    { "an Arabic letter mark", "a\xd8\x9c" "b", "a_b" },
    { "a Mongolian vowel separator", "a\xe1\xa0\x8e" "b", "a_b" },
    { "a zero width space", "a\xe2\x80\x8b" "b", "a_b" },
    { "a left-to-right mark", "a\xe2\x80\x8e" "b", "a_b" },
    { "a right-to-left mark", "a\xe2\x80\x8f" "b", "a_b" },
    { "a line separator", "a\xe2\x80\xa8" "b", "a_b" },
    { "a paragraph separator", "a\xe2\x80\xa9" "b", "a_b" },
    { "an embedding", "a\xe2\x80\xaa" "b", "a_b" },
    { "a word joiner", "a\xe2\x81\xa0" "b", "a_b" },
    { "the first isolate", "a\xe2\x81\xa6" "b", "a_b" },
    { "the last isolate", "a\xe2\x81\xa9" "b", "a_b" },
    { "a deprecated one", "a\xe2\x81\xaf" "b", "a_b" },
    { "a byte order mark", "\xef\xbb\xbf" "b", "_b" },
    { "a tag", "a\xf3\xa0\x81\x81" "b", "a_b" },

    { "a byte that is no character", "a\xff" "b", "a_b" },
    { "half a character", "a\xe2\x80", "a__" },
};


static void
test_shown(void)
{
    size_t      i;
    uint8_t     out[64];
    mk_bytes_t  run, text;

    for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        text = bytes(shown[i].text, strlen(shown[i].text));
        run = mk_name_show(text, out);

        is_mem(run.data, run.len, shown[i].shown, strlen(shown[i].shown),
               "shown: %s", shown[i].name);
        is_int(mk_name_hides(text), run.data == out, "hides: %s",
               shown[i].name);
        ok(!mk_name_hides(run), "and then no more: %s", shown[i].name);
    }
}


/* Bidi_Control of Unicode, and what is on both sides of the ranges. */
static void
test_hidden(void)
{
    size_t  i;

    static const uint32_t  hidden[] = {
        0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e,
        0x2066, 0x2067, 0x2068, 0x2069, 0, 0x1f, 0x7f, 0x9f, 0xe007f,
    };

    static const uint32_t  seen[] = {
        0x20, 0x7e, 0xa0, 0xac, 0xae, 0x061b, 0x061d, 0x200a, 0x200c, 0x200d,
        0x2010, 0x2027, 0x202f, 0x205f, 0x2070, 0xfefe, 0xff00, 0xfff9,
        0xfffc, 0xfffd, 0x1bc9f, 0x1bca4, 0x1d172, 0x1d17b, 0xdffff, 0xe0080,
        0x10ffff,
    };

    for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        ok(mk_name_is_hidden(hidden[i]), "U+%04X is hidden",
           (unsigned) hidden[i]);
    }

    for (i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        ok(!mk_name_is_hidden(seen[i]), "U+%04X stays", (unsigned) seen[i]);
    }
}


int
main(void)
{
    test_table();
    test_every_byte();
    test_lengths();
    test_shown();
    test_hidden();

    return tap_done();
}
