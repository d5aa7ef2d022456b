/*
 * mk_hpke: HPKE base mode, single shot (RFC 9180 section 6.1).
 *
 * DHKEM(P-256, HKDF-SHA256) 0x0010 or DHKEM(X25519, HKDF-SHA256) 0x0020,
 * HKDF-SHA256 0x0001, AES-256-GCM 0x0002.  Built on EVP, since OpenSSL 3.0
 * has no OSSL_HPKE.  The KEM follows from the key's type.
 */

#ifndef MK_HPKE_H
#define MK_HPKE_H

#include "mk_key.h"
#include "mk_secret.h"


/* encapsulated keys (RFC 9180 section 7.1, Nenc) and the AEAD's tag */
#define MK_HPKE_ENC_P256    65
#define MK_HPKE_ENC_X25519  32
#define MK_HPKE_ENC_MAX     65
#define MK_HPKE_TAG         16

/* the longest plaintext, info and aad that are taken */
#define MK_HPKE_PT_MAX      256
#define MK_HPKE_INFO_MAX    256
#define MK_HPKE_AAD_MAX     256


/*
 * Seals pt to the public part of recipient.  Writes enc (MK_HPKE_ENC_MAX
 * bytes of room) and ct (pt.len + MK_HPKE_TAG bytes of room), sets both
 * lengths.  MK_OK; MK_INTERNAL_ERROR, with both zeroed, for an Ed25519 key,
 * an empty pt, too long an input, or when OpenSSL fails.
 */
mk_status_t mk_hpke_seal(const mk_key_t *recipient, mk_bytes_t info,
    mk_bytes_t aad, mk_bytes_t pt, uint8_t *enc, size_t *enc_len,
    uint8_t *ct, size_t *ct_len);

/*
 * Opens ct with the private key.  MK_OK: *pt is a new secret that the caller
 * owns.  MK_KEY_UNWRAP_FAILED, *pt NULL: the key is public or signs, enc or
 * ct has the wrong length, enc is not on the curve, an all-zero X25519 shared
 * secret, or the tag does not fit.  MK_INTERNAL_ERROR: no memory, info or aad
 * is too long.
 */
mk_status_t mk_hpke_open(const mk_key_t *key, mk_bytes_t enc,
    mk_bytes_t info, mk_bytes_t aad, mk_bytes_t ct, mk_secret_t **pt);


#endif /* MK_HPKE_H */
