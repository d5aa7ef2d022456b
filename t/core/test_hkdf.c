/*
 * HKDF against RFC 5869 and Wycheproof, and its bounds.
 */

#include "mk_hkdf.h"
#include "tap.h"

#include <jansson.h>
#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>


#define WYCHEPROOF  "../shared/vectors/wycheproof/hkdf_sha256_test.json"

#define OKM_MAX     (255 * MK_HKDF_SHA384_LEN + 1)


static mk_bytes_t
unhex(const char *hex)
{
    mk_bytes_t  bytes;

    bytes.data = tap_unhex(hex, &bytes.len);

    return bytes;
}


static void
release(mk_bytes_t bytes)
{
    union {
        const uint8_t  *in;
        void           *out;
    } data;

    data.in = bytes.data;
    free(data.out);
}


/* RFC 5869 appendix A, tests 1 and 3 */
static void
test_rfc5869(void)
{
    size_t      i;
    uint8_t     prk[MK_HKDF_SHA256_LEN], okm[42];
    mk_bytes_t  ikm, salt, info, want, view;

    static const struct {
        const char  *salt;
        const char  *info;
        const char  *prk;
        const char  *okm;
    } cases[] = {
        { "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
          "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
          "34007208d5b887185865" },
        { "", "",
          "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
          "9d201395faa4b61a96c8" },
    };

    ikm = unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        salt = unhex(cases[i].salt);
        info = unhex(cases[i].info);

        want = unhex(cases[i].prk);
        ok(mk_hkdf_extract(MK_HKDF_SHA256, salt, ikm, prk), "extract");
        is_mem(prk, sizeof(prk), want.data, want.len, "RFC 5869 prk %zu", i);
        release(want);

        view.data = prk;
        view.len = sizeof(prk);
        want = unhex(cases[i].okm);
        ok(mk_hkdf_expand(MK_HKDF_SHA256, view, info, okm, sizeof(okm)),
           "expand");
        is_mem(okm, sizeof(okm), want.data, want.len, "RFC 5869 okm %zu", i);
        release(want);

        release(salt);
        release(info);
    }

    release(ikm);
}


static void
test_sha384(void)
{
    uint8_t     prk[MK_HKDF_SHA384_LEN], okm[64];
    mk_bytes_t  salt, ikm, info, want, view;

    /* made with another implementation */
    salt = unhex("000102030405060708090a0b0c");
    ikm = unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
    info = unhex("f0f1f2f3f4f5f6f7f8f9");

    ok(mk_hkdf_extract(MK_HKDF_SHA384, salt, ikm, prk), "extract SHA-384");
    want = unhex("704b39990779ce1dc548052c7dc39f303570dd13fb39f7ac"
                 "c564680bef80e8dec70ee9a7e1f3e293ef68eceb072a5ade");
    is_mem(prk, sizeof(prk), want.data, want.len, "SHA-384 prk");
    release(want);

    view.data = prk;
    view.len = sizeof(prk);
    ok(mk_hkdf_expand(MK_HKDF_SHA384, view, info, okm, sizeof(okm)),
       "expand SHA-384");
    want = unhex("9b5097a86038b805309076a44b3a9f38063e25b516dcbf369f394cfab436"
                 "85f748b6457763e4f0204fc5d95d1da3e62587b22eb8943d0fab6bb631a2"
                 "fe9df1a6");
    is_mem(okm, sizeof(okm), want.data, want.len, "SHA-384 okm");
    release(want);

    release(salt);
    release(ikm);
    release(info);
}


static void
test_bounds(void)
{
    size_t      i, left;
    uint8_t     prk[MK_HKDF_SHA256_LEN];
    mk_bytes_t  view, none;

    static uint8_t  okm[OKM_MAX];

    memset(prk, 1, sizeof(prk));
    view.data = prk;
    view.len = sizeof(prk);
    none.data = NULL;
    none.len = 0;

    ok(mk_hkdf_expand(MK_HKDF_SHA256, view, none, okm, 255 * 32),
       "255 blocks");

    memset(okm, 1, sizeof(okm));
    ok(!mk_hkdf_expand(MK_HKDF_SHA256, view, none, okm, 255 * 32 + 1),
       "and no byte more");

    left = 0;

    for (i = 0; i < 255 * 32 + 1; i++) {
        left += okm[i] != 0;
    }

    is_int(left, 0, "which leaves zeros");

    ok(!mk_hkdf_expand(MK_HKDF_SHA256, none, view, okm, 32), "no empty prk");
    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");
}


static mk_bytes_t
member(const json_t *object, const char *name)
{
    return unhex(json_string_value(json_object_get(object, name)));
}


static void
test_wycheproof(void)
{
    int           done, valid;
    size_t        i, j, len, right, total;
    char         *text;
    uint8_t       prk[MK_HKDF_SHA256_LEN];
    json_t       *root, *group, *test;
    mk_bytes_t    ikm, salt, info, want, view;

    static uint8_t  okm[OKM_MAX];

    text = tap_slurp(WYCHEPROOF, &len);
    if (text == NULL) {
        ok(1, "Wycheproof hkdf_sha256 # SKIP the shared vectors are absent");
        return;
    }

    root = json_loadb(text, len, 0, NULL);
    right = 0;
    total = 0;

    json_array_foreach(json_object_get(root, "testGroups"), i, group) {
        json_array_foreach(json_object_get(group, "tests"), j, test) {
            ikm = member(test, "ikm");
            salt = member(test, "salt");
            info = member(test, "info");
            want = member(test, "okm");
            len = json_integer_value(json_object_get(test, "size"));
            valid = strcmp(json_string_value(json_object_get(test, "result")),
                           "valid") == 0;

            view.data = prk;
            view.len = sizeof(prk);
            done = len <= sizeof(okm)
                   && mk_hkdf_extract(MK_HKDF_SHA256, salt, ikm, prk)
                   && mk_hkdf_expand(MK_HKDF_SHA256, view, info, okm, len);

            total++;
            right += valid ? done && len == want.len
                             && memcmp(okm, want.data, len) == 0
                           : !done;

            release(ikm);
            release(salt);
            release(info);
            release(want);
        }
    }

    is_int(right, total, "Wycheproof hkdf_sha256: %zu tests", total);
    ok(total > 0, "it has tests");

    json_decref(root);
    free(text);
}


int
main(void)
{
    test_rfc5869();
    test_sha384();
    test_bounds();
    test_wycheproof();

    return tap_done();
}
