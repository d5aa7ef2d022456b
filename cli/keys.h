/*
 * keys: key files and key sets.
 *
 * Each function says on standard error what is wrong with a file, and
 * returns REPORT_OK or another report_exit_t; on failure *key or *jwks is
 * NULL.
 */

#ifndef KEYS_H
#define KEYS_H

#include "mk_jwks.h"
#include "mk_key.h"


/* What a key is for; P-256 does both. */
typedef enum {
    KEYS_TO_OPEN = 0,       /* P-256 or X25519 */
    KEYS_TO_SIGN            /* P-256 or Ed25519 */
} keys_use_t;


/* A private key, PEM.  Warns if others can read the file. */
int keys_read_private(const char *path, keys_use_t use, mk_key_t **key);

/*
 * The key of somebody to share with: a public JWK, or a PEM private key.  A
 * JWK whose member "identity" does not name the identity is refused.
 */
int keys_read_recipient(const char *path, const char *identity,
    mk_key_t **key);

/* A JWKS of trusted keys; says how many were left out. */
int keys_read_trusted(const char *path, mk_jwks_t **jwks);

/* "p256", "x25519" or "ed25519", and back; MK_KEY_NONE if it is neither */
const char *keys_type_name(mk_key_type_t type);
mk_key_type_t keys_type(const char *name);


#endif /* KEYS_H */
