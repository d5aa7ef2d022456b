/*
 * mk_name: the identifiers that stand in records, requests and paths.
 */

#include "mk_name.h"

#include <string.h>


#define MK_NAME_PAYLOAD_ID_MAX  64


typedef struct {
    uint32_t  first;
    uint32_t  last;
} mk_name_range_t;


/*
 * Of Unicode, in order: the general categories Cc, Zl and Zp, and what of Cf
 * has Default_Ignorable_Code_Point, less the joiners U+200C and U+200D.  The
 * rest of Cf is seen, number signs of Arabic for example.
 */
static const mk_name_range_t  mk_name_hidden[] = {
    { 0x0000, 0x001f },
    { 0x007f, 0x009f },
    { 0x00ad, 0x00ad },         /* soft hyphen */
    { 0x061c, 0x061c },         /* Arabic letter mark */
    { 0x180e, 0x180e },         /* Mongolian vowel separator */
    { 0x200b, 0x200b },         /* zero width space */
    { 0x200e, 0x200f },         /* marks of a direction */
    { 0x2028, 0x202e },         /* separators, embeddings, overrides */
    { 0x2060, 0x206f },         /* isolates, and what is not seen */
    { 0xfeff, 0xfeff },         /* zero width no-break space */
    { 0x1bca0, 0x1bca3 },       /* of shorthand */
    { 0x1d173, 0x1d17a },       /* of music */
    { 0xe0000, 0xe007f },       /* tags */
};


static int
mk_name_is_token(mk_bytes_t text, size_t max)
{
    size_t   i;
    uint8_t  c;

    if (text.len == 0 || text.len > max) {
        return 0;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
            && (c < '0' || c > '9') && c != '_' && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


size_t
mk_name_char(const uint8_t *data, size_t len, uint32_t *point)
{
    size_t    i, n;
    uint8_t   c;
    uint32_t  least;

    c = data[0];

    if (c < 0x80) {
        *point = c;
        return 1;
    }

    if (c >= 0xc0 && c < 0xe0) {
        n = 2;
        least = 0x80;
        *point = c & 0x1f;

    } else if (c >= 0xe0 && c < 0xf0) {
        n = 3;
        least = 0x800;
        *point = c & 0x0f;

    } else if (c >= 0xf0 && c < 0xf8) {
        n = 4;
        least = 0x10000;
        *point = c & 0x07;

    } else {
        return MK_NAME_NONE;
    }

    if (n > len) {
        return MK_NAME_NONE;
    }

    for (i = 1; i < n; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return MK_NAME_NONE;
        }

        *point = (*point << 6) | (data[i] & 0x3f);
    }

    /* overlong forms, surrogates, beyond Unicode */

    if (*point < least || *point > 0x10ffff
        || (*point >= 0xd800 && *point <= 0xdfff))
    {
        return MK_NAME_NONE;
    }

    return n;
}


static int
mk_name_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0);
}


int
mk_name_is_id(mk_bytes_t text)
{
    return mk_name_is_token(text, MK_NAME_MAX);
}


int
mk_name_is_payload_id(mk_bytes_t text)
{
    return mk_name_is_token(text, MK_NAME_PAYLOAD_ID_MAX);
}


int
mk_name_is_identity(mk_bytes_t text)
{
    size_t   i;
    uint8_t  c;

    if (text.len == 0 || !mk_name_is_text(text, MK_NAME_MAX)) {
        return 0;
    }

    if (text.data[0] == '.'
        && (text.len == 1 || (text.len == 2 && text.data[1] == '.')))
    {
        return 0;
    }

    /* in UTF-8 these bytes are never a part of another character */

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c == '/' || c == '\\' || c == '?' || c == '#' || c == '%') {
            return 0;
        }
    }

    return 1;
}


int
mk_name_is_text(mk_bytes_t text, size_t max)
{
    size_t    i, n;
    uint32_t  point;

    if (text.len > max) {
        return 0;
    }

    for (i = 0; i < text.len; i += n) {
        n = mk_name_char(text.data + i, text.len - i, &point);

        if (n == MK_NAME_NONE || mk_name_is_control(point)) {
            return 0;
        }
    }

    return 1;
}


int
mk_name_is_hidden(uint32_t point)
{
    size_t  i;

    for (i = 0; i < sizeof(mk_name_hidden) / sizeof(mk_name_hidden[0]); i++) {
        if (point <= mk_name_hidden[i].last) {
            return point >= mk_name_hidden[i].first;
        }
    }

    return 0;
}


int
mk_name_hides(mk_bytes_t text)
{
    size_t    i, n;
    uint32_t  point;

    for (i = 0; i < text.len; i += n) {
        n = mk_name_char(text.data + i, text.len - i, &point);

        if (n == MK_NAME_NONE || mk_name_is_hidden(point)) {
            return 1;
        }
    }

    return 0;
}


mk_bytes_t
mk_name_show(mk_bytes_t text, uint8_t *out)
{
    size_t      i, n;
    uint32_t    point;
    mk_bytes_t  shown;

    if (!mk_name_hides(text)) {
        return text;
    }

    shown.data = out;
    shown.len = 0;

    for (i = 0; i < text.len; i += n) {
        n = mk_name_char(text.data + i, text.len - i, &point);

        if (n == MK_NAME_NONE || mk_name_is_hidden(point)) {
            n = n == MK_NAME_NONE ? 1 : n;
            out[shown.len++] = '_';

        } else {
            memcpy(out + shown.len, text.data + i, n);
            shown.len += n;
        }
    }

    return shown;
}


int
mk_name_is_utf8(mk_bytes_t text)
{
    size_t    i, n;
    uint32_t  point;

    for (i = 0; i < text.len; i += n) {
        n = mk_name_char(text.data + i, text.len - i, &point);

        if (n == MK_NAME_NONE) {
            return 0;
        }
    }

    return 1;
}
