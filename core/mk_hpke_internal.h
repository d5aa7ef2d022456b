/*
 * mk_hpke_internal: for the known answers of the KEM only.
 */

#ifndef MK_HPKE_INTERNAL_H
#define MK_HPKE_INTERNAL_H

#include "mk_gcm.h"
#include "mk_hkdf.h"
#include "mk_hpke.h"


/* Nsecret, Nsk and Nh of both KEMs and of the KDF (RFC 9180 section 7) */
#define MK_HPKE_SECRET   MK_HKDF_SHA256_LEN

/* "HPKE" and three numbers; the longest label */
#define MK_HPKE_SUITE    (4 + 3 * 2)
#define MK_HPKE_LABEL    (sizeof("shared_secret") - 1)

/* length, "HPKE-v1", suite, label, and what follows them */
#define MK_HPKE_LABELED  (2 + 7 + MK_HPKE_SUITE + MK_HPKE_LABEL             \
                          + MK_HPKE_INFO_MAX)


/*
 * All that is secret in one message.  It lives inside one mk_secret_t, so
 * that one call wipes it; bytes only, so that it can stand anywhere.
 */
typedef struct {
    uint8_t  dh[MK_HPKE_SECRET];
    uint8_t  eae_prk[MK_HPKE_SECRET];
    uint8_t  shared_secret[MK_HPKE_SECRET];
    uint8_t  secret[MK_HPKE_SECRET];
    uint8_t  key[MK_GCM_KEY];
    uint8_t  base_nonce[MK_GCM_IV];
    uint8_t  labeled[MK_HPKE_LABELED];
} mk_hpke_secrets_t;

_Static_assert(_Alignof(mk_hpke_secrets_t) == 1, "bytes only");


/*
 * RFC 9180 section 4.1, Decap: sets secrets->dh and secrets->shared_secret.
 * MK_OK, MK_KEY_UNWRAP_FAILED or MK_INTERNAL_ERROR; the caller wipes secrets
 * in every case.
 */
mk_status_t mk_hpke_decap(const mk_key_t *key, mk_bytes_t enc,
    mk_hpke_secrets_t *secrets);


#endif /* MK_HPKE_INTERNAL_H */
