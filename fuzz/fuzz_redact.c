/*
 * fuzz_redact: any text of any kind, any names and any secrets.
 */

#include "fuzz.h"
#include "mk_mask.h"
#include "mk_redact.h"
#include "mk_work.h"

#include <stdlib.h>
#include <string.h>


/* steps for each byte of a text, and for a text: docs/DESIGN.md, "Cost" */
#define STEPS_BYTE  200
#define STEPS_TEXT  2000


/* how many bytes a mask cannot have */
static size_t
strangers(mk_bytes_t secret)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < secret.len; i++) {
        n += memchr("0123456789abcdef*", secret.data[i], 17) == NULL;
    }

    return n;
}


/* a mask and what stands beside it can come to be a secret of such bytes */
static int
is_secret(mk_bytes_t secret)
{
    return secret.len >= MK_NEEDLES_SHORTEST
           && strangers(secret) == secret.len;
}


/* one that is searched, and that masks can come to be */
static int
is_odd(mk_bytes_t secret)
{
    return secret.len >= MK_NEEDLES_SHORTEST && !is_secret(secret);
}


/* where a secret stood it does not stand, unless a mask looks like it */
static int
is_left(mk_bytes_t in, const uint8_t *text, mk_bytes_t secret)
{
    size_t  i;

    if (secret.len < MK_NEEDLES_SHORTEST || strangers(secret) == 0) {
        return 0;
    }

    for (i = 0; i + secret.len <= in.len; i++) {
        if (memcmp(in.data + i, secret.data, secret.len) == 0
            && memcmp(text + i, secret.data, secret.len) == 0)
        {
            return 1;
        }
    }

    return 0;
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
hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
           : -1;
}


/* takes one escape away, no other than a URL's reader does; 0: that was all */
static size_t
decode(uint8_t *text, size_t len)
{
    size_t  i, n;

    for (i = 0, n = 0; i < len; n++) {

        if (text[i] == '%' && len - i > 2 && hex(text[i + 1]) >= 0
            && hex(text[i + 2]) >= 0)
        {
            text[n] = (uint8_t) (hex(text[i + 1]) << 4 | hex(text[i + 2]));
            i += 3;

        } else {
            text[n] = text[i++];
        }
    }

    return n;
}


/* as it is, and percent-encoded once, twice and three times over */
static int
holds(const uint8_t *text, size_t len, mk_bytes_t secret)
{
    int       found;
    size_t    i, level;
    uint8_t  *copy;

    copy = fuzz_copy(fuzz_bytes(text, len));
    found = 0;

    for (level = 0; level <= MK_PERCENT_LEVELS && !found; level++) {

        for (i = 0; i + secret.len <= len && !found; i++) {
            found = memcmp(copy + i, secret.data, secret.len) == 0;
        }

        len = decode(copy, len);
    }

    free(copy);

    return found;
}


static void
check_work(size_t len)
{
#ifdef MK_COUNT_WORK

    FUZZ_HOLDS(mk_work_steps <= (unsigned long long) len * STEPS_BYTE
                                + STEPS_TEXT);
    mk_work_steps = 0;

#else
    (void) len;
#endif
}


static void
check(const mk_redact_t *rules, mk_bytes_t in, const mk_bytes_t *secrets)
{
    size_t    n, i;
    uint8_t  *text, *once;

#ifdef MK_COUNT_WORK
    mk_work_steps = 0;
#endif

    text = fuzz_copy(in);
    n = mk_redact_text(rules, text, in.len);
    check_work(in.len);

    FUZZ_HOLDS(mk_redact_finds(rules, in) == (n > 0));
    check_work(in.len);

    for (i = 0; i < in.len; i++) {
        FUZZ_HOLDS(text[i] == in.data[i]
                   || memchr("0123456789abcdef*", text[i], 17) != NULL);
    }

    for (i = 0; i < 2 && rules->kind != MK_REDACT_REQUEST; i++) {
        FUZZ_HOLDS(!is_secret(secrets[i])
                   || !holds(text, in.len, secrets[i]));
        FUZZ_HOLDS(!is_left(in, text, secrets[i]));
    }

    /* what is masked stays as it is, unless it came to be a secret */

    once = fuzz_copy(fuzz_bytes(text, in.len));
    n = mk_redact_text(rules, text, in.len);

    if (rules->again && !is_odd(secrets[0]) && !is_odd(secrets[1])) {
        FUZZ_HOLDS(n == 0);
        FUZZ_HOLDS(mk_bytes_equal(fuzz_bytes(text, in.len),
                                  fuzz_bytes(once, in.len)));
    }

    mk_redact_value(rules->key, text, in.len);

    free(once);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mk_bytes_t    in, args[2], headers[2], given[2], secrets[2];
    mk_redact_t   rules;
    mk_secret_t  *key;

    memset(&rules, 0, sizeof(rules));

    in = fuzz_bytes(data, size);
    given[1] = fuzz_part(&in);
    args[0] = name_of(given[1]);
    args[1] = fuzz_text("token");
    headers[0] = name_of(fuzz_part(&in));
    headers[1] = fuzz_text("Authorization");
    given[0] = fuzz_part(&in);
    key = mk_secret_create(MK_TOKEN_REF_KEY);

    mk_redact_sort(args, 2);
    mk_redact_sort(headers, 2);
    memcpy(secrets, given, sizeof(secrets));

    rules.args = args;
    rules.nargs = 2;
    rules.headers = headers;
    rules.nheaders = 2;
    rules.secrets = secrets;

    if (in.len % 5 > 0) {
        rules.nsecrets = mk_needles_sort(secrets, 2);

    } else {
        rules.nsecrets = mk_needles_sort(secrets, 1);
        rules.tokens = secrets + 1;
        rules.ntokens = mk_needles_sort(secrets + 1, 1);
    }

    rules.key = key;
    rules.bare = in.len & 1;
    rules.unparsed = in.len >> 1 & 1;
    rules.whole = in.len % 3 == 0;

    rules.kind = (mk_redact_kind_t) ((2 + (in.len >> 2)) % 5);
    rules.again = (in.len >> 2) % 7 > 0;

    check(&rules, in, given);

    mk_secret_free(key);

    return 0;
}
