/*
 * mk_bytes: a borrowed run of bytes, and the integers that stand in one.
 */

#include "mk_bytes.h"

#include <string.h>


int
mk_bytes_varint(const uint8_t *data, size_t len, uint64_t *value)
{
    size_t    i;
    uint64_t  sum;

    *value = 0;
    sum = 0;

    for (i = 0; i < MK_VARINT_MAX; i++) {

        if (i == len) {
            return MK_VARINT_SHORT;
        }

        sum |= (uint64_t) (data[i] & 0x7f) << (7 * i);

        if ((data[i] & 0x80) != 0) {
            continue;
        }

        /* a last byte of zero adds nothing: a shorter form exists */

        if (data[i] == 0 && i > 0) {
            return MK_VARINT_INVALID;
        }

        *value = sum;

        return (int) i + 1;
    }

    return MK_VARINT_INVALID;
}


int
mk_bytes_take_varint(mk_bytes_t *in, uint64_t *value)
{
    int  n;

    n = mk_bytes_varint(in->data, in->len, value);

    if (n <= 0) {
        return 0;
    }

    in->data += n;
    in->len -= (size_t) n;

    return 1;
}


int
mk_bytes_take(mk_bytes_t *in, uint64_t len, mk_bytes_t *out)
{
    out->data = NULL;
    out->len = 0;

    if (len > in->len) {
        return 0;
    }

    out->data = in->data;
    out->len = (size_t) len;

    /* nothing may be added to a null pointer, not even zero */

    if (len > 0) {
        in->data += len;
        in->len -= (size_t) len;
    }

    return 1;
}


size_t
mk_bytes_put_varint(uint8_t out[MK_VARINT_MAX], uint64_t value)
{
    size_t  n;

    n = 0;

    while (value >= 0x80 && n < MK_VARINT_MAX - 1) {
        out[n++] = (uint8_t) (value & 0x7f) | 0x80;
        value >>= 7;
    }

    out[n++] = (uint8_t) (value & 0x7f);

    return n;
}


uint32_t
mk_bytes_be32(const uint8_t in[4])
{
    return (uint32_t) in[0] << 24 | (uint32_t) in[1] << 16
           | (uint32_t) in[2] << 8 | (uint32_t) in[3];
}


void
mk_bytes_put_be32(uint8_t out[4], uint32_t value)
{
    out[0] = (uint8_t) (value >> 24);
    out[1] = (uint8_t) (value >> 16);
    out[2] = (uint8_t) (value >> 8);
    out[3] = (uint8_t) value;
}


void
mk_bytes_put_be64(uint8_t out[8], uint64_t value)
{
    mk_bytes_put_be32(out, (uint32_t) (value >> 32));
    mk_bytes_put_be32(out + 4, (uint32_t) value);
}


int
mk_bytes_equal(mk_bytes_t a, mk_bytes_t b)
{
    if (a.len != b.len) {
        return 0;
    }

    return a.len == 0 || memcmp(a.data, b.data, a.len) == 0;
}
