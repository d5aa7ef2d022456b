/*
 * mk_hkdf: HKDF (RFC 5869), its two steps apart.
 *
 * What FLOE (Expand with SHA-384) and HPKE (both steps with SHA-256) share.
 */

#ifndef MK_HKDF_H
#define MK_HKDF_H

#include "mk_bytes.h"


#define MK_HKDF_SHA256_LEN  32
#define MK_HKDF_SHA384_LEN  48


typedef enum {
    MK_HKDF_SHA256 = 0,
    MK_HKDF_SHA384
} mk_hkdf_hash_t;


/*
 * Section 2.2.  Writes the hash's length of bytes to prk.  An empty salt is
 * a string of zeros; ikm is not empty.  1, or 0 with prk zeroed if OpenSSL
 * fails.
 */
int mk_hkdf_extract(mk_hkdf_hash_t hash, mk_bytes_t salt, mk_bytes_t ikm,
    uint8_t *prk);

/*
 * Section 2.3.  Writes len bytes, at most 255 times the hash's length, to
 * okm.  1, or 0 with okm zeroed if prk is empty, len is out of bounds, or
 * OpenSSL fails.
 */
int mk_hkdf_expand(mk_hkdf_hash_t hash, mk_bytes_t prk, mk_bytes_t info,
    uint8_t *okm, size_t len);


#endif /* MK_HKDF_H */
