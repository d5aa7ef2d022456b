/*
 * A token's reference is HMAC-SHA-256 and nothing shorter: known answers,
 * the same under one key, another under another key.
 */

#include "mk_token_ref.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


static mk_bytes_t
text(const char *s)
{
    mk_bytes_t  bytes;

    bytes.data = (const uint8_t *) s;
    bytes.len = strlen(s);

    return bytes;
}


/* RFC 4231, test case 6: a key of 131 bytes 0xaa */
static void
known(void)
{
    char          ref[MK_TOKEN_REF + 1];
    uint8_t       bytes[131];
    mk_secret_t  *key;

    memset(bytes, 0xaa, sizeof(bytes));
    key = mk_secret_copy(bytes, sizeof(bytes));

    ok(mk_token_ref_print(key, text("Test Using Larger Than Block-Size Key - "
                              "Hash Key First"), ref) == MK_OK,
       "RFC 4231, 6: it is there");
    is_str(ref, "60e43159", "RFC 4231, 6: the first digits");

    mk_secret_free(key);
}


static void
keys(void)
{
    char          a[MK_TOKEN_REF + 1], b[MK_TOKEN_REF + 1];
    mk_secret_t  *one, *two;

    one = mk_token_ref_key();
    two = mk_token_ref_key();

    ok(one != NULL && two != NULL, "keys are made");
    ok(!mk_secret_equal(one, two), "and differ");

    mk_token_ref_print(one, text("a.b.c"), a);
    mk_token_ref_print(one, text("a.b.c"), b);
    is_str(a, b, "one token, one key: one reference");
    ok(strlen(a) == MK_TOKEN_REF, "of eight digits");

    mk_token_ref_print(two, text("a.b.c"), b);
    ok(strcmp(a, b) != 0, "another key: another reference");

    mk_token_ref_print(one, text("a.b.d"), b);
    ok(strcmp(a, b) != 0, "another token: another reference");

    mk_secret_free(two);
    two = mk_secret_copy((const uint8_t *) "short", 5);
    memset(b, 'x', sizeof(b));
    ok(mk_token_ref_print(two, text("a"), b) == MK_INTERNAL_ERROR
       && b[0] == '\0',
       "a key that is too short gives none");

    mk_secret_free(one);
    mk_secret_free(two);
}


int
main(void)
{
    known();
    keys();

    return tap_done();
}
