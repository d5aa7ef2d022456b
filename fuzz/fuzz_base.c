/*
 * fuzz_base: one text for each run of bytes, in three alphabets.
 */

#include "fuzz.h"
#include "mk_base.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>


typedef enum {
    FUZZ_BASE_64URL = 0,
    FUZZ_BASE_32,
    FUZZ_BASE_32_UPPER,
    FUZZ_BASE_58,
    FUZZ_BASE_COUNT
} fuzz_base_t;


/* the longest input of the base58btc encoder */
#define FUZZ_BASE58_DATA  64


static int
decode(fuzz_base_t base, mk_bytes_t text, uint8_t *out, size_t out_size,
    size_t *len)
{
    const char  *chars = (const char *) text.data;

    switch (base) {

    case FUZZ_BASE_64URL:
        return mk_base64url_decode(chars, text.len, out, out_size, len);

    case FUZZ_BASE_58:
        return mk_base58_decode(chars, text.len, out, out_size, len);

    default:
        return mk_base32_decode(chars, text.len, base == FUZZ_BASE_32_UPPER,
                                out, out_size, len);
    }
}


static size_t
encode(fuzz_base_t base, mk_bytes_t bytes, char *out, size_t size)
{
    size_t  i, n;

    switch (base) {

    case FUZZ_BASE_64URL:
        return mk_base64url_encode(bytes.data, bytes.len, out, size);

    case FUZZ_BASE_58:
        return mk_base58_encode(bytes.data, bytes.len, out, size);

    default:
        n = mk_base32_encode(bytes.data, bytes.len, out, size);

        for (i = 0; base == FUZZ_BASE_32_UPPER && i < n; i++) {
            out[i] = (char) toupper((unsigned char) out[i]);
        }

        return n;
    }
}


/* text to bytes and back: the same text, in a room that is just enough */
static void
from_text(fuzz_base_t base, mk_bytes_t text, size_t room)
{
    char     *again;
    size_t    len, n;
    uint8_t  *out;

    out = malloc(room);
    memset(out, 0xa5, room);

    if (!decode(base, text, out, room, &len)) {
        FUZZ_HOLDS(len == 0 && fuzz_is_zero(out, room));
        free(out);
        return;
    }

    FUZZ_HOLDS(len <= room && len <= text.len);

    if (len > 0 && (base != FUZZ_BASE_58 || len <= FUZZ_BASE58_DATA)) {
        again = malloc(text.len + 1);
        n = encode(base, fuzz_bytes(out, len), again, text.len + 1);
        FUZZ_HOLDS(n == text.len && memcmp(again, text.data, n) == 0);
        FUZZ_HOLDS(again[n] == '\0');

        FUZZ_HOLDS(encode(base, fuzz_bytes(out, len), again, text.len) == 0);
        FUZZ_HOLDS(again[0] == '\0');
        free(again);
    }

    /* one byte less is too little */

    if (len > 0) {
        room = len - 1;
        FUZZ_HOLDS(!decode(base, text, out, room, &n));
        FUZZ_HOLDS(n == 0 && fuzz_is_zero(out, room));
    }

    free(out);
}


/* bytes to text and back: the same bytes */
static void
from_bytes(fuzz_base_t base, mk_bytes_t bytes)
{
    char     *text;
    size_t    size, n, len;
    uint8_t  *out;

    if (bytes.len == 0
        || (base == FUZZ_BASE_58 && bytes.len > FUZZ_BASE58_DATA))
    {
        return;
    }

    size = 2 * bytes.len + 2;
    text = malloc(size);
    out = malloc(bytes.len);

    n = encode(base, bytes, text, size);
    FUZZ_HOLDS(n > 0 && n < size && text[n] == '\0');
    FUZZ_HOLDS(decode(base, fuzz_bytes(text, n), out, bytes.len, &len));
    FUZZ_HOLDS(len == bytes.len && memcmp(out, bytes.data, len) == 0);

    free(out);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       room;
    uint8_t     *copy;
    mk_bytes_t   in, text;
    fuzz_base_t  base;

    in = fuzz_bytes(data, size);
    room = fuzz_byte(&in);
    copy = fuzz_copy(in);
    text = fuzz_bytes(copy, in.len);

    for (base = FUZZ_BASE_64URL; base < FUZZ_BASE_COUNT; base++) {
        from_text(base, text, text.len);
        from_text(base, text, room);
        from_bytes(base, text);
    }

    free(copy);

    return 0;
}
