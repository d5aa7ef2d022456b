#include "mk_range.h"

#include <string.h>


#define MK_RANGE_UNIT  "bytes="


static int
mk_range_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}


/* section 5.5: white space around a field's value is not part of it */
static mk_bytes_t
mk_range_trim(mk_bytes_t text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }

    while (text.len > 0 && (text.data[text.len - 1] == ' '
                            || text.data[text.len - 1] == '\t'))
    {
        text.len--;
    }

    return text;
}


/* range units are case-insensitive (section 14.1) */
static int
mk_range_take_unit(mk_bytes_t *text)
{
    size_t       i, len;
    uint8_t      c;
    const char  *unit = MK_RANGE_UNIT;

    len = sizeof(MK_RANGE_UNIT) - 1;

    if (text->len < len) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        c = text->data[i];

        if (c >= 'A' && c <= 'Z') {
            c = (uint8_t) (c - 'A' + 'a');
        }

        if (c != (uint8_t) unit[i]) {
            return 0;
        }
    }

    text->data += len;
    text->len -= len;

    return 1;
}


/* the digits at the front, without leading zeros but for a last one */
static mk_bytes_t
mk_range_take_digits(mk_bytes_t *text)
{
    mk_bytes_t  digits;

    digits.data = text->data;
    digits.len = 0;

    while (digits.len < text->len && mk_range_is_digit(text->data[digits.len]))
    {
        digits.len++;
    }

    text->data += digits.len;
    text->len -= digits.len;

    while (digits.len > 1 && digits.data[0] == '0') {
        digits.data++;
        digits.len--;
    }

    return digits;
}


/* a number above UINT64_MAX is as good as UINT64_MAX: no file is that long */
static uint64_t
mk_range_number(mk_bytes_t digits)
{
    size_t    i;
    uint64_t  value, digit;

    value = 0;

    for (i = 0; i < digits.len; i++) {
        digit = digits.data[i] - (uint64_t) '0';

        if (value > (UINT64_MAX - digit) / 10) {
            return UINT64_MAX;
        }

        value = value * 10 + digit;
    }

    return value;
}


/* compares what may be too large for a number */
static int
mk_range_above(mk_bytes_t a, mk_bytes_t b)
{
    if (a.len != b.len) {
        return a.len > b.len;
    }

    return memcmp(a.data, b.data, a.len) > 0;
}


/*
 * ranges-specifier with one range-spec (section 14.1.1); a number that is
 * not there is empty.  1, or 0 if it is to be ignored: a comma makes a set.
 */
static int
mk_range_parse(mk_bytes_t text, mk_bytes_t *first, mk_bytes_t *last)
{
    text = mk_range_trim(text);

    if (!mk_range_take_unit(&text)) {
        return 0;
    }

    *first = mk_range_take_digits(&text);

    if (text.len == 0 || text.data[0] != '-') {
        return 0;
    }

    text.data++;
    text.len--;

    *last = mk_range_take_digits(&text);

    if (text.len > 0 || (first->len == 0 && last->len == 0)) {
        return 0;
    }

    /* "a last-pos less than the first-pos" is invalid */
    return first->len == 0 || last->len == 0 || !mk_range_above(*first, *last);
}


mk_status_t
mk_range_read(mk_bytes_t value, uint64_t size, int *partial,
    uint64_t *first, uint64_t *len)
{
    uint64_t    from, to;
    mk_bytes_t  first_pos, last_pos;

    *partial = 0;
    *first = 0;
    *len = size;

    if (value.len > MK_RANGE_TEXT_MAX
        || !mk_range_parse(value, &first_pos, &last_pos))
    {
        return MK_OK;
    }

    /* from here on: bytes from .. to - 1 */
    to = size;

    if (first_pos.len == 0) {
        from = mk_range_number(last_pos);
        from = from < size ? size - from : 0;

    } else {
        from = mk_range_number(first_pos);

        if (last_pos.len > 0 && mk_range_number(last_pos) < size) {
            to = mk_range_number(last_pos) + 1;
        }
    }

    if (from >= to) {
        *len = 0;
        return MK_RANGE_NOT_SATISFIABLE;
    }

    *partial = 1;
    *first = from;
    *len = to - from;

    return MK_OK;
}
