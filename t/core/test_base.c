/*
 * One text for each run of bytes: what the encoder would not write, no
 * decoder reads.
 */

#include "mk_base.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define ROUND_TRIP_MAX  70

typedef enum {
    BASE64URL,
    BASE32,
    BASE32_UPPER,
    BASE58
} base_t;

typedef struct {
    base_t       base;
    const char  *name;
    const char  *text;
    const char  *hex;       /* NULL: refused */
} text_case_t;


static const text_case_t  texts[] = {
    { BASE64URL, "RFC 4648: nothing", "", "" },
    { BASE64URL, "RFC 4648: f", "Zg", "66" },
    { BASE64URL, "RFC 4648: fo", "Zm8", "666f" },
    { BASE64URL, "RFC 4648: foo", "Zm9v", "666f6f" },
    { BASE64URL, "RFC 4648: foob", "Zm9vYg", "666f6f62" },
    { BASE64URL, "RFC 4648: fooba", "Zm9vYmE", "666f6f6261" },
    { BASE64URL, "RFC 4648: foobar", "Zm9vYmFy", "666f6f626172" },
    { BASE64URL, "the url alphabet", "-_-_", "fbffbf" },
    { BASE64URL, "a lone character", "Z", NULL },
    { BASE64URL, "five characters", "Zm9vY", NULL },
    { BASE64URL, "padding", "Zg==", NULL },
    { BASE64URL, "one padding", "Zm8=", NULL },
    { BASE64URL, "four unused bits", "Zh", NULL },
    { BASE64URL, "the highest unused bit of four", "Zo", NULL },
    { BASE64URL, "two unused bits", "Zm9", NULL },
    { BASE64URL, "the standard alphabet's plus", "+_-_", NULL },
    { BASE64URL, "the standard alphabet's slash", "-/-_", NULL },
    { BASE64URL, "a line feed at the end", "Zm9v\n", NULL },
    { BASE64URL, "a space inside", "Zm 9", NULL },
    { BASE64URL, "a character above ASCII", "Zm9\xf6", NULL },

    { BASE32, "RFC 4648: nothing", "", "" },
    { BASE32, "RFC 4648: f", "my", "66" },
    { BASE32, "RFC 4648: fo", "mzxq", "666f" },
    { BASE32, "RFC 4648: foo", "mzxw6", "666f6f" },
    { BASE32, "RFC 4648: foob", "mzxw6yq", "666f6f62" },
    { BASE32, "RFC 4648: fooba", "mzxw6ytb", "666f6f6261" },
    { BASE32, "RFC 4648: foobar", "mzxw6ytboi", "666f6f626172" },
    { BASE32, "the other case", "MZXQ", NULL },
    { BASE32, "mixed case", "mzXq", NULL },
    { BASE32, "one character", "m", NULL },
    { BASE32, "one character, all zero", "a", NULL },
    { BASE32, "three characters", "mzx", NULL },
    { BASE32, "three characters, all zero", "aaa", NULL },
    { BASE32, "six characters", "mzxw6a", NULL },
    { BASE32, "six characters, all zero", "aaaaaa", NULL },
    { BASE32, "an unused bit of two", "mz", NULL },
    { BASE32, "an unused bit of four", "mzxr", NULL },
    { BASE32, "an unused bit of five", "mzxw7", NULL },
    { BASE32, "padding", "my======", NULL },
    { BASE32, "a digit outside the alphabet: 1", "m1", NULL },
    { BASE32, "a digit outside the alphabet: 8", "m8", NULL },
    { BASE32_UPPER, "upper case", "MZXW6YTBOI", "666f6f626172" },
    { BASE32_UPPER, "lower case", "mzxw6ytboi", NULL },

    { BASE58, "nothing", "", "" },
    { BASE58, "a zero byte", "1", "00" },
    { BASE58, "two zero bytes", "11", "0000" },
    { BASE58, "draft: Hello World!", "2NEpo7TZRRrLZSi2U",
      "48656c6c6f20576f726c6421" },
    { BASE58, "draft: leading zeros", "11233QC4", "0000287fb4cd" },
    { BASE58, "255", "5Q", "ff" },
    { BASE58, "256", "5R", "0100" },
    { BASE58, "a character outside the alphabet: 0", "20", NULL },
    { BASE58, "a character outside the alphabet: O", "2O", NULL },
    { BASE58, "a character outside the alphabet: I", "I2", NULL },
    { BASE58, "a character outside the alphabet: l", "2l", NULL },
    { BASE58, "a space in front", " 2", NULL },
};


static int
decode(base_t base, const char *text, size_t len, uint8_t *out,
    size_t out_size, size_t *out_len)
{
    switch (base) {
    case BASE64URL:
        return mk_base64url_decode(text, len, out, out_size, out_len);
    case BASE58:
        return mk_base58_decode(text, len, out, out_size, out_len);
    default:
        return mk_base32_decode(text, len, base == BASE32_UPPER, out,
                                out_size, out_len);
    }
}


static size_t
encode(base_t base, const uint8_t *data, size_t len, char *out,
    size_t out_size)
{
    switch (base) {
    case BASE64URL:
        return mk_base64url_encode(data, len, out, out_size);
    case BASE58:
        return mk_base58_encode(data, len, out, out_size);
    default:
        return mk_base32_encode(data, len, out, out_size);
    }
}


static const char *
base_name(base_t base)
{
    static const char  *names[] = { "base64url", "base32", "base32 upper",
                                    "base58btc" };

    return names[base];
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


static void
test_tables(void)
{
    char                print[64];
    size_t              i, len, want_len;
    uint8_t             out[32], *want;
    const text_case_t  *c;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        c = &texts[i];
        memset(out, 0x5a, sizeof(out));

        if (c->hex == NULL) {
            len = 4711;

            ok(!decode(c->base, c->text, strlen(c->text), out, sizeof(out),
                       &len)
               && len == 0 && all_zero(out, sizeof(out)),
               "%s refuses: %s", base_name(c->base), c->name);
            continue;
        }

        want = tap_unhex(c->hex, &want_len);

        ok(decode(c->base, c->text, strlen(c->text), out, sizeof(out), &len),
           "%s reads: %s", base_name(c->base), c->name);
        is_mem(out, len, want, want_len, "%s: the bytes of: %s",
               base_name(c->base), c->name);

        if (c->base != BASE32_UPPER) {
            encode(c->base, want, want_len, print, sizeof(print));
            is_str(print, c->text, "%s writes: %s", base_name(c->base),
                   c->name);
        }

        free(want);
    }
}


/* every length: read back, an exact buffer fits, one byte less does not */
static void
test_lengths(base_t base, size_t max)
{
    int       pass;
    char      text[128];
    size_t    len, n, m, k;
    uint8_t   data[ROUND_TRIP_MAX + 1], out[ROUND_TRIP_MAX + 1];
    unsigned  fill;

    pass = 1;

    for (len = 1; len <= max; len++) {
        for (fill = 0; fill < 4; fill++) {
            for (k = 0; k < len; k++) {
                data[k] = (uint8_t) (fill == 0 ? 0 : fill == 1 ? 0xff
                                     : fill == 2 ? k * 151 + len
                                     : (k < len / 2) ? 0 : k + 1);
            }

            n = encode(base, data, len, text, sizeof(text));
            pass = pass && n > 0 && n == strlen(text);

            pass = pass && encode(base, data, len, text, n) == 0
                   && text[0] == '\0';
            pass = pass && encode(base, data, len, text, n + 1) == n;

            pass = pass && decode(base, text, n, out, len, &m) && m == len
                   && memcmp(out, data, len) == 0;
            pass = pass && !decode(base, text, n, out, len - 1, &m)
                   && m == 0 && all_zero(out, len - 1);
        }
    }

    ok(pass, "%s: every length up to %zu", base_name(base), max);
}


/* for each text of two and three characters: read only if it is written */
static void
test_canonical(base_t base)
{
    int       pass;
    char      text[4], print[16];
    size_t    len, n;
    uint8_t   out[8];
    unsigned  a, b, c;

    pass = 1;

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            for (c = 0; c < 128; c += (c == 0) ? '-' : 1) {
                text[0] = (char) a;
                text[1] = (char) b;
                text[2] = (char) c;

                len = (c == 0) ? 2 : 3;

                if (!decode(base, text, len, out, sizeof(out), &n)) {
                    continue;
                }

                pass = pass
                       && encode(base, out, n, print, sizeof(print)) == len
                       && memcmp(print, text, len) == 0;
            }
        }
    }

    ok(pass, "%s: no short text but the one that is written",
       base_name(base));
}


static void
test_limits(void)
{
    char     text[MK_BASE58_TEXT_MAX + 2];
    size_t   len;
    uint8_t  out[MK_BASE58_TEXT_MAX + 2];

    memset(text, '1', sizeof(text));

    ok(mk_base58_decode(text, MK_BASE58_TEXT_MAX, out, sizeof(out), &len)
       && len == MK_BASE58_TEXT_MAX, "base58btc: the longest text");
    ok(!mk_base58_decode(text, MK_BASE58_TEXT_MAX + 1, out, sizeof(out),
                         &len),
       "base58btc: a longer one is refused");

    memset(text, 'z', sizeof(text));

    ok(mk_base58_decode(text, MK_BASE58_TEXT_MAX, out, sizeof(out), &len)
       && len == 162, "base58btc: the largest number");

    memset(out, 0xff, 65);

    is_int(mk_base58_encode(out, 65, text, sizeof(text)), 0,
           "base58btc: 65 bytes are not written");
    is_str(text, "", "and leave an empty text");
    is_int(mk_base64url_encode(out, 0, text, sizeof(text)), 0,
           "nothing is written as nothing");
    is_int(mk_base64url_encode(out, SIZE_MAX / 2, text, sizeof(text)), 0,
           "base64url: a length that would overflow");
    is_int(mk_base32_encode(out, SIZE_MAX / 4, text, sizeof(text)), 0,
           "base32: a length that would overflow");
    is_int(mk_base32_encode(out, 1, NULL, 0), 0, "no buffer at all");
    ok(mk_base64url_decode("", 0, NULL, 0, &len) && len == 0,
       "nothing is read into nothing");
}


int
main(void)
{
    test_tables();

    test_lengths(BASE64URL, ROUND_TRIP_MAX);
    test_lengths(BASE32, ROUND_TRIP_MAX);
    test_lengths(BASE58, 64);

    test_canonical(BASE64URL);
    test_canonical(BASE32);
    test_canonical(BASE58);

    test_limits();

    return tap_done();
}
