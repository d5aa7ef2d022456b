/*
 * mk_key_internal: for mk_jwks, whose keys are parsed already, and for mk_dh.
 */

#ifndef MK_KEY_INTERNAL_H
#define MK_KEY_INTERNAL_H

#include <jansson.h>
#include <openssl/ec.h>

#include "mk_key.h"
#include "mk_secret.h"


/* as mk_key_from_jwk; jwk is borrowed for this call */
mk_key_t *mk_key_from_object(const json_t *jwk, const char **why);

/*
 * What a multiplication by a private P-256 key needs, made when the key was
 * loaded, since OpenSSL takes a quarter of a multiplication to find each: the
 * curve, NULL for any other key, and the private part as mk_pkey_number has
 * it, NULL for a public key.  Borrowed.
 */
const EC_GROUP *mk_key_group(const mk_key_t *key);
const mk_secret_t *mk_key_number(const mk_key_t *key);


#endif /* MK_KEY_INTERNAL_H */
