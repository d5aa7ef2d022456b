/*
 * mk_mask: what stands in the place of a secret.
 */

#include "mk_mask.h"

#include <string.h>


int
mk_mask_is(const uint8_t *value, size_t len)
{
    size_t  i, n;

    n = len > MK_TOKEN_REF && value[0] != '*' ? MK_TOKEN_REF : 0;

    for (i = 0; i < n; i++) {
        if (!((value[i] >= '0' && value[i] <= '9')
              || (value[i] >= 'a' && value[i] <= 'f')))
        {
            return 0;
        }
    }

    for ( /* void */ ; i < len; i++) {
        if (value[i] != '*') {
            return 0;
        }
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
