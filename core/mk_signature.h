/*
 * mk_signature: signatures and tags over bytes, in the shapes of JWA.
 *
 * The algorithm follows from the key: Ed25519 (RFC 8032), ECDSA with P-256
 * and SHA-256 as r || s (RFC 7518 section 3.4), HMAC-SHA-256 for a shared
 * key.  Nothing here knows JOSE headers; see mk_jws.
 */

#ifndef MK_SIGNATURE_H
#define MK_SIGNATURE_H

#include "mk_key.h"
#include "mk_secret.h"


#define MK_SIGNATURE_LEN      64        /* Ed25519 and ECDSA */
#define MK_SIGNATURE_HMAC     32

/* the shortest shared key (RFC 7518 section 3.2: as long as the hash) */
#define MK_SIGNATURE_KEY_MIN  32


/*
 * MK_OK if signature over data is by key; "refused" if not, or if key cannot
 * sign at all (X25519); MK_INTERNAL_ERROR: no memory.
 */
mk_status_t mk_signature_verify(const mk_key_t *key, mk_bytes_t data,
    const uint8_t signature[MK_SIGNATURE_LEN], mk_status_t refused);

/*
 * Signs.  MK_OK, or MK_INTERNAL_ERROR with signature zeroed: key is public
 * or X25519, or there is no memory.
 */
mk_status_t mk_signature_sign(const mk_key_t *key, mk_bytes_t data,
    uint8_t signature[MK_SIGNATURE_LEN]);

/*
 * The same with a shared key.  One that is shorter than MK_SIGNATURE_KEY_MIN
 * verifies nothing and makes nothing.  The comparison is constant-time.
 */
mk_status_t mk_signature_hmac_verify(const mk_secret_t *key, mk_bytes_t data,
    const uint8_t tag[MK_SIGNATURE_HMAC], mk_status_t refused);
mk_status_t mk_signature_hmac_sign(const mk_secret_t *key, mk_bytes_t data,
    uint8_t tag[MK_SIGNATURE_HMAC]);


#endif /* MK_SIGNATURE_H */
