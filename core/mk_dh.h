/*
 * mk_dh: the Diffie-Hellman shared secret of two keys of one type, P-256
 * (SEC 1 section 3.3.1, the x-coordinate) or X25519 (RFC 7748 section 6.1).
 */

#ifndef MK_DH_H
#define MK_DH_H

#include "mk_key.h"
#include "mk_status.h"


#define MK_DH_SECRET  32


/*
 * peer is the bytes of a public key of the same type (mk_pkey), from anybody.
 * MK_OK; MK_KEY_UNWRAP_FAILED if they have another length, are no point of
 * P-256 (SP 800-56A section 5.6.2.3.4: the curve has no other subgroup), or
 * if the secret is all zero; MK_INTERNAL_ERROR if key is public or signs, or
 * if OpenSSL fails.  On failure out is zeroed.
 */
mk_status_t mk_dh_secret(const mk_key_t *key, mk_bytes_t peer,
    uint8_t out[MK_DH_SECRET]);


#endif /* MK_DH_H */
