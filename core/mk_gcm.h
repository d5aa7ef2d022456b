/*
 * mk_gcm: AES-256-GCM (NIST SP 800-38D), 96-bit IV, 128-bit tag.
 *
 * One key for many messages.  It is kept as a secret; what OpenSSL makes of
 * it, in ordinary memory, lasts no longer than one message.
 */

#ifndef MK_GCM_H
#define MK_GCM_H

#include "mk_bytes.h"
#include "mk_status.h"


#define MK_GCM_KEY      32
#define MK_GCM_IV       12
#define MK_GCM_TAG      16

/* the longest text and the longest aad that are taken */
#define MK_GCM_TEXT_MAX  (1024 * 1024)
#define MK_GCM_AAD_MAX   (64 * 1024)


typedef struct mk_gcm_s  mk_gcm_t;


/* Without a key yet.  NULL if there is no memory. */
mk_gcm_t *mk_gcm_create(void);

/* wipes the key and frees */
void mk_gcm_free(mk_gcm_t *gcm);

/* Takes another key, whose owner wipes it. */
void mk_gcm_set_key(mk_gcm_t *gcm, const uint8_t key[MK_GCM_KEY]);

/*
 * Writes the ciphertext and behind it the tag: pt.len + MK_GCM_TAG bytes.
 * MK_OK, or MK_INTERNAL_ERROR with all of them zeroed: no key, an input
 * beyond its limit, or OpenSSL failed.  out and pt may not overlap.
 */
mk_status_t mk_gcm_seal(mk_gcm_t *gcm, const uint8_t iv[MK_GCM_IV],
    mk_bytes_t aad, mk_bytes_t pt, uint8_t *out);

/*
 * Opens a ciphertext that ends in its tag; writes ct.len - MK_GCM_TAG bytes.
 * MK_OK; "refused" (the caller's outcome) if the tag does not fit or ct is
 * shorter than one; MK_INTERNAL_ERROR as above.  On failure all of out is
 * zeroed.  out and ct may not overlap.
 */
mk_status_t mk_gcm_open(mk_gcm_t *gcm, const uint8_t iv[MK_GCM_IV],
    mk_bytes_t aad, mk_bytes_t ct, mk_status_t refused, uint8_t *out);


#endif /* MK_GCM_H */
