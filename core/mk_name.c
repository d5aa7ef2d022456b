/*
 * mk_name: the identifiers that stand in records, requests and paths.
 */

#include "mk_name.h"


#define MK_NAME_PAYLOAD_ID_MAX  64


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
