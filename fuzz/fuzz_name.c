/*
 * fuzz_name: identifiers; what is let in stays inside its path segment.
 */

#include "fuzz.h"
#include "mk_name.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>


/* the rules once more, as plainly as they can be said */
static int
is_token(mk_bytes_t text, size_t max)
{
    size_t  i;

    static const char  letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (i = 0; i < text.len; i++) {
        if (memchr(letters, text.data[i], sizeof(letters) - 1) == NULL) {
            return 0;
        }
    }

    return text.len > 0 && text.len <= max;
}


/* jansson knows UTF-8 too */
static int
is_utf8(mk_bytes_t text)
{
    json_t  *json;

    json = json_stringn(text.len == 0 ? "" : (const char *) text.data,
                        text.len);
    json_decref(json);

    return json != NULL;
}


/* C0 and DEL are bytes, C1 is c2 80 to c2 9f */
static int
has_control(mk_bytes_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f
            || (text.data[i] == 0xc2 && i + 1 < text.len
                && text.data[i + 1] < 0xa0))
        {
            return 1;
        }
    }

    return 0;
}


static int
is_segment(mk_bytes_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (memchr("/\\?#%", text.data[i], 5) != NULL) {
            return 0;
        }
    }

    return text.len > 0 && text.len <= MK_NAME_MAX
           && !(text.len == 1 && text.data[0] == '.')
           && !(text.len == 2 && memcmp(text.data, "..", 2) == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int         utf8;
    size_t      max;
    uint8_t    *copy;
    mk_bytes_t  in, text;

    in = fuzz_bytes(data, size);
    max = fuzz_byte(&in);
    copy = fuzz_copy(in);
    text = fuzz_bytes(copy, in.len);
    utf8 = is_utf8(text);

    FUZZ_HOLDS(mk_name_is_utf8(text) == utf8);
    FUZZ_HOLDS(mk_name_is_id(text) == is_token(text, MK_NAME_MAX));
    FUZZ_HOLDS(mk_name_is_payload_id(text) == is_token(text, 64));
    FUZZ_HOLDS(mk_name_is_text(text, max)
               == (utf8 && !has_control(text) && text.len <= max));
    FUZZ_HOLDS(mk_name_is_identity(text)
               == (utf8 && !has_control(text) && is_segment(text)));

    free(copy);

    return 0;
}
