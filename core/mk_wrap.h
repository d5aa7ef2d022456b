/*
 * mk_wrap: a data key sealed for one recipient (docs/FORMAT.md, "Wrap").
 *
 * HPKE with the profile's info, and with SHA-256 over the text of the
 * payload member as aad: a wrap opens under the payload that it was made for
 * and under no other.
 */

#ifndef MK_WRAP_H
#define MK_WRAP_H

#include "mk_capsule.h"


/*
 * Opens a wrap.  MK_OK: *data_key is a secret of MK_FLOE_KEY bytes that the
 * caller owns.  Otherwise it is NULL.  MK_INVALID_CAPSULE: an alg that is
 * unknown or not that of key, or text that is not base64url.
 * MK_KEY_UNWRAP_FAILED: anything else.  MK_INTERNAL_ERROR.
 */
mk_status_t mk_wrap_open(const mk_wrap_t *wrap, mk_bytes_t payload_text,
    const mk_key_t *key, mk_secret_t **data_key);

/*
 * Makes the JSON object of a wrap.  MK_OK: *wrap is owned, to be freed by
 * json_decref.  Otherwise it is NULL.  MK_INVALID_REQUEST: identity is no
 * identity, key cannot open wraps, or data_key is not MK_FLOE_KEY bytes;
 * *why is a static phrase.  MK_INTERNAL_ERROR.
 */
mk_status_t mk_wrap_seal(const char *identity, const mk_key_t *key,
    mk_bytes_t payload_text, const mk_secret_t *data_key, json_t **wrap,
    const char **why);


#endif /* MK_WRAP_H */
