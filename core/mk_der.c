/*
 * mk_der: one element of DER after the other.
 */

#include "mk_der.h"


/* a length above this one says how many bytes of length follow */
#define MK_DER_SHORT  0x7f


/* the length behind the tag; 0 if it is malformed */
static int
mk_der_take_length(mk_bytes_t *in, size_t *len)
{
    size_t      i, bytes;
    mk_bytes_t  first, more;

    if (!mk_bytes_take(in, 1, &first)) {
        return 0;
    }

    *len = first.data[0];

    if (*len <= MK_DER_SHORT) {
        return 1;
    }

    bytes = *len & MK_DER_SHORT;

    if (bytes == 0 || bytes > 2 || !mk_bytes_take(in, bytes, &more)) {
        return 0;
    }

    *len = 0;

    for (i = 0; i < bytes; i++) {
        *len = *len << 8 | more.data[i];
    }

    return *len > (bytes == 1 ? MK_DER_SHORT : 0xff);
}


int
mk_der_take(mk_bytes_t *in, unsigned tag, mk_bytes_t *content)
{
    size_t      len;
    mk_bytes_t  rest, first;

    rest = *in;

    if (mk_der_is(rest, tag)
        && mk_bytes_take(&rest, 1, &first)
        && mk_der_take_length(&rest, &len)
        && mk_bytes_take(&rest, len, content))
    {
        *in = rest;
        return 1;
    }

    content->data = NULL;
    content->len = 0;

    return 0;
}


int
mk_der_is(mk_bytes_t in, unsigned tag)
{
    return in.len > 0 && in.data[0] == tag;
}


int
mk_der_take_number(mk_bytes_t *in, unsigned value)
{
    mk_bytes_t  rest, content;

    rest = *in;

    if (!mk_der_take(&rest, MK_DER_INTEGER, &content) || content.len != 1
        || content.data[0] != value)
    {
        return 0;
    }

    *in = rest;

    return 1;
}
