/*
 * mk_pkcs8: one unencrypted private key in PEM (RFC 7468 section 10).
 */

#ifndef MK_PKCS8_H
#define MK_PKCS8_H

#include <openssl/types.h>

#include "mk_bytes.h"


/*
 * Reads a text with exactly one PEM block, "PRIVATE KEY".  Never asks for a
 * passphrase.  Returns a key that the caller owns and whose parts belong
 * together; NULL, and *why a static phrase, for anything else.
 */
EVP_PKEY *mk_pkcs8_read(mk_bytes_t pem, const char **why);

/*
 * Writes the private key.  *out is NUL closed and *len long, allocated by
 * malloc(); the caller wipes it.  1, or 0 with both zeroed.
 */
int mk_pkcs8_write(const EVP_PKEY *pkey, char **out, size_t *len);


#endif /* MK_PKCS8_H */
