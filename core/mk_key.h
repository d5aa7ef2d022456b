/*
 * mk_key: one asymmetric key.
 *
 * A private key is a PEM PKCS#8 text (RFC 5958); P-256 and X25519 open
 * wraps, P-256 and Ed25519 sign.  A public key is a JWK (RFC 7517); its kid
 * is the RFC 7638 thumbprint unless the JWK sets one.  Nothing here reads a
 * file: the caller passes bytes and wipes them.
 */

#ifndef MK_KEY_H
#define MK_KEY_H

#include <openssl/types.h>

#include "mk_bytes.h"
#include "mk_status.h"


/* base64url of a SHA-256, without the NUL */
#define MK_KEY_THUMBPRINT   43

/* the longest "kid", and the longest key file or JWK, in bytes */
#define MK_KEY_KID_MAX      128
#define MK_KEY_TEXT_MAX     (64 * 1024)


typedef enum {
    MK_KEY_NONE = 0,
    MK_KEY_P256,
    MK_KEY_X25519,
    MK_KEY_ED25519
} mk_key_type_t;


typedef struct mk_key_s  mk_key_t;


/* Makes a new private key.  NULL for MK_KEY_NONE or if OpenSSL fails. */
mk_key_t *mk_key_generate(mk_key_type_t type);

/*
 * Reads an unencrypted PEM PKCS#8 private key.  NULL, and *why a static
 * phrase for the operator ("is not a PEM private key", ...), if it is
 * anything else or of another type.
 */
mk_key_t *mk_key_from_pem(const char *pem, size_t len, const char **why);

/*
 * Reads a public JWK: "kty" EC with "crv" P-256 (the point is on the curve),
 * or OKP with X25519 or Ed25519.  A "d" (a private key where a public one
 * belongs) is refused.  NULL and *why as above.
 */
mk_key_t *mk_key_from_jwk(const char *json, size_t len, const char **why);

/* wipes and frees */
void mk_key_free(mk_key_t *key);

mk_key_type_t mk_key_type(const mk_key_t *key);

/* 1 if it holds a private key */
int mk_key_is_private(const mk_key_t *key);

/* the RFC 7638 thumbprint, base64url, NUL closed, borrowed */
const char *mk_key_thumbprint(const mk_key_t *key);

/* the "kid" of its JWK, else the thumbprint; borrowed */
const char *mk_key_kid(const mk_key_t *key);

/* the public part, as mk_pkey has it; borrowed */
mk_bytes_t mk_key_public(const mk_key_t *key);

/* OpenSSL's key, without a private part; borrowed; for mk_signature only */
EVP_PKEY *mk_key_pkey(const mk_key_t *key);

/*
 * OpenSSL's key, with it, for one calculation of mk_dh or mk_signature: the
 * caller frees it behind that.  NULL for a public key, or if OpenSSL fails.
 */
EVP_PKEY *mk_key_pair(const mk_key_t *key);

/*
 * The private key as PEM PKCS#8, or the public key as a JWK with "kid", and
 * with "identity" where identity is not NULL.  *out is owned, NUL closed and
 * *len long; mk_key_wipe wipes and frees it.  1, or 0 with both zeroed.
 */
int mk_key_to_pem(const mk_key_t *key, char **out, size_t *len);
int mk_key_to_jwk(const mk_key_t *key, const char *identity, char **out,
    size_t *len);
void mk_key_wipe(char *text, size_t len);


#endif /* MK_KEY_H */
