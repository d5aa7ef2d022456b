/*
 * mk_blake2b: BLAKE2b without a key (RFC 7693, section 3).
 */

#include "mk_blake2b.h"

#include <string.h>


#define MK_BLAKE2B_BLOCK   128

/*
 * All rounds are one piece of code, with constant indices: it keeps the
 * words in registers, and takes a third of the time that a loop takes.
 */
#if (defined __GNUC__)
#define MK_BLAKE2B_INLINE  static inline __attribute__((always_inline))
#else
#define MK_BLAKE2B_INLINE  static inline
#endif


/* section 2.6 */
static const uint64_t  mk_blake2b_iv[8] = {
    UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b),
    UINT64_C(0x3c6ef372fe94f82b), UINT64_C(0xa54ff53a5f1d36f1),
    UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
    UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179)
};


/* section 2.7; rounds 10 and 11 begin again */
static const uint8_t  mk_blake2b_sigma[10][16] = {
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
    { 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
    { 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
    { 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
    { 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
    { 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
    { 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
    { 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
    { 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
    { 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 }
};


MK_BLAKE2B_INLINE uint64_t
mk_blake2b_load(const uint8_t *in)
{
    return (uint64_t) in[0] | (uint64_t) in[1] << 8
           | (uint64_t) in[2] << 16 | (uint64_t) in[3] << 24
           | (uint64_t) in[4] << 32 | (uint64_t) in[5] << 40
           | (uint64_t) in[6] << 48 | (uint64_t) in[7] << 56;
}


MK_BLAKE2B_INLINE uint64_t
mk_blake2b_rotate(uint64_t word, unsigned n)
{
    return (word >> n) | (word << (64 - n));
}


/* section 3.1, the function G */
MK_BLAKE2B_INLINE void
mk_blake2b_mix(uint64_t v[16], unsigned a, unsigned b, unsigned c,
    unsigned d, uint64_t x, uint64_t y)
{
    v[a] = v[a] + v[b] + x;
    v[d] = mk_blake2b_rotate(v[d] ^ v[a], 32);
    v[c] = v[c] + v[d];
    v[b] = mk_blake2b_rotate(v[b] ^ v[c], 24);
    v[a] = v[a] + v[b] + y;
    v[d] = mk_blake2b_rotate(v[d] ^ v[a], 16);
    v[c] = v[c] + v[d];
    v[b] = mk_blake2b_rotate(v[b] ^ v[c], 63);
}


/* section 3.2, one round; s says which words it takes */
MK_BLAKE2B_INLINE void
mk_blake2b_round(uint64_t v[16], const uint64_t m[16], const uint8_t s[16])
{
    mk_blake2b_mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
    mk_blake2b_mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
    mk_blake2b_mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
    mk_blake2b_mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);

    mk_blake2b_mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
    mk_blake2b_mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
    mk_blake2b_mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
    mk_blake2b_mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
}


/* section 3.2, the function F; count: bytes so far, this block's included */
static void
mk_blake2b_compress(uint64_t h[8], const uint8_t block[MK_BLAKE2B_BLOCK],
    uint64_t count, int last)
{
    unsigned  i;
    uint64_t  v[16], m[16];

    for (i = 0; i < 16; i++) {
        m[i] = mk_blake2b_load(block + 8 * i);
    }

    for (i = 0; i < 8; i++) {
        v[i] = h[i];
        v[i + 8] = mk_blake2b_iv[i];
    }

    /* the upper 64 bits of the count are zero */

    v[12] ^= count;

    if (last) {
        v[14] = ~v[14];
    }

    mk_blake2b_round(v, m, mk_blake2b_sigma[0]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[1]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[2]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[3]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[4]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[5]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[6]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[7]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[8]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[9]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[0]);
    mk_blake2b_round(v, m, mk_blake2b_sigma[1]);

    for (i = 0; i < 8; i++) {
        h[i] ^= v[i] ^ v[i + 8];
    }
}


void
mk_blake2b_digest(uint8_t *digest, size_t digest_len, const uint8_t *data,
    size_t len)
{
    size_t    i;
    uint8_t   block[MK_BLAKE2B_BLOCK];
    uint64_t  h[8], count;

    /* section 2.5: digest length, no key, fanout 1, depth 1 */

    memcpy(h, mk_blake2b_iv, sizeof(h));
    h[0] ^= UINT64_C(0x01010000) ^ digest_len;

    count = 0;

    /* the last block is kept back, also if it is full */

    while (len > MK_BLAKE2B_BLOCK) {
        count += MK_BLAKE2B_BLOCK;
        mk_blake2b_compress(h, data, count, 0);
        data += MK_BLAKE2B_BLOCK;
        len -= MK_BLAKE2B_BLOCK;
    }

    memset(block, 0, sizeof(block));

    if (len > 0) {
        memcpy(block, data, len);
    }

    mk_blake2b_compress(h, block, count + len, 1);

    for (i = 0; i < digest_len; i++) {
        digest[i] = (uint8_t) (h[i / 8] >> (8 * (i % 8)));
    }
}
