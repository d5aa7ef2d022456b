/*
 * mk_mask: what stands in the place of a secret, as long as the secret.
 *
 * More than MK_TOKEN_REF bytes become the token_ref of the secret's bytes
 * and asterisks: the same secret is the same mask in all lines of a server.
 * Fewer become asterisks only.
 */

#ifndef MK_MASK_H
#define MK_MASK_H

#include "mk_token_ref.h"


/*
 * 1 if the bytes have that shape already, also several one behind the other;
 * nothing at all has it
 */
int mk_mask_is(const uint8_t *value, size_t len);

/*
 * Overwrites the value, also one of that shape.  Without memory for the
 * token_ref there are asterisks only.
 */
void mk_mask_put(const mk_secret_t *key, uint8_t *value, size_t len);


#endif /* MK_MASK_H */
