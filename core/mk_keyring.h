/*
 * mk_keyring: identities and the private keys that open their wraps.
 */

#ifndef MK_KEYRING_H
#define MK_KEYRING_H

#include "mk_key.h"


/* keys in one ring */
#define MK_KEYRING_MAX  256

typedef struct mk_keyring_s  mk_keyring_t;


/* NULL if there is no memory */
mk_keyring_t *mk_keyring_create(void);

/* wipes and frees every key in it */
void mk_keyring_free(mk_keyring_t *ring);

/*
 * Adds a key of an identity; the ring takes the key over, also on failure.
 * An identity may have several keys (rotation).  MK_OK; MK_INVALID_REQUEST
 * for a bad identity, a key that is there already or too many keys;
 * MK_INTERNAL_ERROR for no memory.
 */
mk_status_t mk_keyring_add(mk_keyring_t *ring, const char *identity,
    mk_key_t *key);

/* 1 if the ring holds a key of that identity that can open wraps */
int mk_keyring_has(const mk_keyring_t *ring, mk_bytes_t identity);

/*
 * The identity's key whose thumbprint is kid; NULL if there is none.
 * Borrowed while the ring lives.
 */
const mk_key_t *mk_keyring_find(const mk_keyring_t *ring,
    mk_bytes_t identity, mk_bytes_t kid);

/*
 * Where that key is in the ring, below MK_KEYRING_MAX; MK_KEYRING_MAX if
 * there is none.  It holds until a key is added.
 */
size_t mk_keyring_place(const mk_keyring_t *ring, mk_bytes_t identity,
    mk_bytes_t kid);


#endif /* MK_KEYRING_H */
