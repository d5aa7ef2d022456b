/*
 * mk_multihash: the hash functions that a CID may name here.
 *
 * multiformats/multihash: varint code, varint digest length, digest.  Only
 * sha2-256, sha2-512 and blake2b-256, each with its natural digest length:
 * a truncated digest, a broken hash (sha1) or the identity "hash" would let
 * somebody else choose the bytes.
 */

#ifndef MK_MULTIHASH_H
#define MK_MULTIHASH_H

#include "mk_bytes.h"
#include "mk_status.h"


#define MK_MULTIHASH_SHA2_256     0x12
#define MK_MULTIHASH_SHA2_512     0x13
#define MK_MULTIHASH_BLAKE2B_256  0xb220

/* the longest digest, sha2-512 */
#define MK_MULTIHASH_DIGEST_MAX   64

/* the longest encoding: varint code (3), varint length (1), digest */
#define MK_MULTIHASH_MAX          (3 + 1 + MK_MULTIHASH_DIGEST_MAX)


typedef struct {
    uint32_t  code;                             /* 0: none */
    uint32_t  len;                              /* of the digest, in bytes */
    uint8_t   digest[MK_MULTIHASH_DIGEST_MAX];  /* zero beyond len */
} mk_multihash_t;


/*
 * Takes a multihash off the front of *in.  Returns 1, or 0 with *mh zeroed
 * and *in unchanged: short, non-minimal varint, a code that is not in the
 * list above, a length that is not the natural one.
 */
int mk_multihash_take(mk_bytes_t *in, mk_multihash_t *mh);

/* Writes the binary form; returns its length. */
size_t mk_multihash_write(const mk_multihash_t *mh,
    uint8_t out[MK_MULTIHASH_MAX]);

/*
 * The digest of data under "code".  MK_OK; MK_INVALID_REQUEST for a code
 * that is not in the list; MK_INTERNAL_ERROR if OpenSSL fails (no memory).
 * *mh is zeroed on failure.
 */
mk_status_t mk_multihash_of(uint32_t code, const uint8_t *data, size_t len,
    mk_multihash_t *mh);

/*
 * MK_OK if the digest of data is the one in *mh (constant-time comparison),
 * MK_CID_MISMATCH if it is another, MK_INTERNAL_ERROR if it could not be
 * computed.
 */
mk_status_t mk_multihash_verify(const mk_multihash_t *mh, const uint8_t *data,
    size_t len);

/* 1 if code and digest are the same */
int mk_multihash_equal(const mk_multihash_t *a, const mk_multihash_t *b);


#endif /* MK_MULTIHASH_H */
