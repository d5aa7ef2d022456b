/*
 * fuzz_redact: any line, any names and any secret.
 */

#include "fuzz.h"
#include "mk_mask.h"
#include "mk_redact.h"

#include <stdlib.h>
#include <string.h>


/* a mask can come to hold a secret that is made of its own characters */
static int
is_token(mk_bytes_t secret)
{
    size_t  i;

    static const char  letters[] = "GHIJKLMNOPQRSTUVWXYZ"
                                   "ghijklmnopqrstuvwxyz-_.~";

    for (i = 0; i < secret.len; i++) {
        if (memchr(letters, secret.data[i], sizeof(letters) - 1) == NULL) {
            return 0;
        }
    }

    return secret.len >= MK_NEEDLES_SHORTEST;
}


/* what a name may be; another one is none */
static mk_bytes_t
name_of(mk_bytes_t text)
{
    size_t  i;

    static const char  letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789-_.~";

    for (i = 0; i < text.len; i++) {
        if (memchr(letters, text.data[i], sizeof(letters) - 1) == NULL) {
            return fuzz_text("none");
        }
    }

    return text.len == 0 ? fuzz_text("none") : text;
}


static int
holds(const uint8_t *text, size_t len, mk_bytes_t secret)
{
    size_t  i;

    for (i = 0; i + secret.len <= len; i++) {
        if (memcmp(text + i, secret.data, secret.len) == 0) {
            return 1;
        }
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        n;
    uint8_t      *text;
    mk_bytes_t    in, args[2], headers[2], secrets[1];
    mk_redact_t   rules;
    mk_secret_t  *key;

    in = fuzz_bytes(data, size);
    args[0] = name_of(fuzz_part(&in));
    args[1] = fuzz_text("token");
    headers[0] = name_of(fuzz_part(&in));
    headers[1] = fuzz_text("Authorization");
    secrets[0] = fuzz_part(&in);
    key = mk_secret_create(MK_TOKEN_REF_KEY);

    rules.args = args;
    rules.nargs = 2;
    rules.headers = headers;
    rules.nheaders = 2;
    rules.secrets = secrets;
    rules.nsecrets = mk_needles_sort(secrets, 1);
    rules.key = key;
    rules.again = 1;
    rules.bare = in.len & 1;
    rules.unparsed = in.len >> 1 & 1;

    text = fuzz_copy(in);
    n = mk_redact_text(&rules, text, in.len);

    FUZZ_HOLDS(mk_redact_finds(&rules, in) == (n > 0));
    FUZZ_HOLDS((n == 0) == mk_bytes_equal(fuzz_bytes(text, in.len), in));

    if (is_token(secrets[0])) {
        FUZZ_HOLDS(!holds(text, in.len, secrets[0]));

        /* what was masked in parts may be masked as a whole now */

        mk_redact_text(&rules, text, in.len);
        FUZZ_HOLDS(!holds(text, in.len, secrets[0]));
    }

    mk_redact_value(key, text, in.len);

    free(text);
    mk_secret_free(key);

    return 0;
}
