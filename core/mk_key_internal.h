/*
 * mk_key_internal: for mk_jwks, whose keys are parsed already.
 */

#ifndef MK_KEY_INTERNAL_H
#define MK_KEY_INTERNAL_H

#include <jansson.h>

#include "mk_key.h"


/* as mk_key_from_jwk; jwk is borrowed for this call */
mk_key_t *mk_key_from_object(const json_t *jwk, const char **why);


#endif /* MK_KEY_INTERNAL_H */
