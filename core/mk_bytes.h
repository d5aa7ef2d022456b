/*
 * mk_bytes: a borrowed run of bytes, and the integers that stand in one.
 */

#ifndef MK_BYTES_H
#define MK_BYTES_H

#include <stddef.h>
#include <stdint.h>


/* Borrowed: whoever made it owns the memory.  data may be NULL if len is 0. */
typedef struct {
    const uint8_t  *data;
    size_t          len;
} mk_bytes_t;


/* the longest unsigned varint: 9 bytes, 63 bits (multiformats) */
#define MK_VARINT_MAX  9

/* a varint that is not there yet, and one that can never be right */
#define MK_VARINT_SHORT    0
#define MK_VARINT_INVALID  -1


/*
 * Reads an unsigned varint (multiformats/unsigned-varint: LEB128, minimal,
 * at most 9 bytes) at the start of data.  Returns how many bytes it takes
 * (1..9) and sets *value; MK_VARINT_SHORT if data ends inside it;
 * MK_VARINT_INVALID if it is longer than 9 bytes or not minimal.  In the
 * last two cases *value is 0.
 */
int mk_bytes_varint(const uint8_t *data, size_t len, uint64_t *value);

/*
 * Takes a varint off the front of *in.  Returns 1, or 0 (and *value 0, *in
 * unchanged) if it is short or invalid.
 */
int mk_bytes_take_varint(mk_bytes_t *in, uint64_t *value);

/* Takes len bytes off the front of *in; 0 and *out empty if fewer are left. */
int mk_bytes_take(mk_bytes_t *in, uint64_t len, mk_bytes_t *out);

/* Writes value (below 2^63) as a varint; returns how many bytes, 1..9. */
size_t mk_bytes_put_varint(uint8_t out[MK_VARINT_MAX], uint64_t value);

/* big-endian integers */
uint32_t mk_bytes_be32(const uint8_t in[4]);
void mk_bytes_put_be32(uint8_t out[4], uint32_t value);
void mk_bytes_put_be64(uint8_t out[8], uint64_t value);

/* 1 if both runs hold the same bytes; not constant-time, not for secrets */
int mk_bytes_equal(mk_bytes_t a, mk_bytes_t b);


#endif /* MK_BYTES_H */
