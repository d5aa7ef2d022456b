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
 * peer is a key that mk_pkey made, so its public part is valid.  MK_OK;
 * MK_KEY_UNWRAP_FAILED if the secret is all zero or no point; else
 * MK_INTERNAL_ERROR.  On failure out is zeroed.
 */
mk_status_t mk_dh_secret(const mk_key_t *key, EVP_PKEY *peer,
    uint8_t out[MK_DH_SECRET]);


#endif /* MK_DH_H */
