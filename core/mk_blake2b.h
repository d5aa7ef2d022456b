/*
 * mk_blake2b: BLAKE2b without a key (RFC 7693).
 *
 * The hash of CIDs is BLAKE2b-256.  Its digest length is a parameter that
 * goes into the initial state, so it is no prefix of the 64-byte digest, and
 * OpenSSL 3.0, which the module must build with, has the 64-byte one only
 * (the "size" parameter of BLAKE2b came with OpenSSL 3.2).
 */

#ifndef MK_BLAKE2B_H
#define MK_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>


#define MK_BLAKE2B_DIGEST_MAX  64


/*
 * Writes the digest of data, digest_len bytes (1 to MK_BLAKE2B_DIGEST_MAX),
 * into digest.  Data may be NULL if len is 0.  Cannot fail; not for secrets,
 * the state is not wiped.
 */
void mk_blake2b_digest(uint8_t *digest, size_t digest_len,
    const uint8_t *data, size_t len);


#endif /* MK_BLAKE2B_H */
