/*
 * mk_mask: what stands in the place of a secret.
 */

#include "mk_mask.h"

#include <string.h>


int
mk_mask_is(const uint8_t *value, size_t len)
{
    size_t  i, digits;

    for (i = 0; i < len; i += digits) {

        for (digits = 0; i + digits < len; digits++) {
            if (!((value[i + digits] >= '0' && value[i + digits] <= '9')
                  || (value[i + digits] >= 'a' && value[i + digits] <= 'f')))
            {
                break;
            }
        }

        if (i + digits == len || value[i + digits] != '*'
            || (digits != 0 && digits != MK_TOKEN_REF))
        {
            return 0;
        }

        digits++;
    }

    return 1;
}


void
mk_mask_put(const mk_secret_t *key, uint8_t *value, size_t len)
{
    char        ref[MK_TOKEN_REF + 1];
    mk_bytes_t  token;

    token.data = value;
    token.len = len;

    if (len <= MK_TOKEN_REF || mk_token_ref_print(key, token, ref) != MK_OK) {
        memset(value, '*', len);
        return;
    }

    memcpy(value, ref, MK_TOKEN_REF);
    memset(value + MK_TOKEN_REF, '*', len - MK_TOKEN_REF);
}
