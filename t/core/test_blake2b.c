/*
 * BLAKE2b: the answers of others, at every length around a block.
 */

#include "mk_blake2b.h"
#include "tap.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>


#define LEN_MAX  1024


static uint8_t  data[LEN_MAX];


static void
is_digest(size_t digest_len, size_t len, const char *hex, const char *name)
{
    size_t   want_len;
    uint8_t  got[MK_BLAKE2B_DIGEST_MAX + 1], *want;

    memset(got, 0x5a, sizeof(got));
    mk_blake2b_digest(got, digest_len, len > 0 ? data : NULL, len);

    want = tap_unhex(hex, &want_len);
    is_mem(got, digest_len, want, want_len, "%s", name);
    ok(got[digest_len] == 0x5a, "%s: nothing is written behind it", name);
    free(want);
}


static void
test_answers(void)
{
    size_t  i;

    for (i = 0; i < LEN_MAX; i++) {
        data[i] = (uint8_t) i;
    }

    is_digest(32, 0,
              "0e5751c026e543b2e8ab2eb06099daa1"
              "d1e5df47778f7787faab45cdf12fe3a8", "BLAKE2b-256 of nothing");
    is_digest(32, 256,
              "39a7eb9fedc19aabc83425c6755dd90e"
              "6f9d0c804964a1f4aaeea3b9fb599835", "BLAKE2b-256 of 256 bytes");
    is_digest(32, 1000,
              "c636324d47d89f2b2434dc2c99410066"
              "3fbbaea880ff020fc5de89dd0f77a1ec",
              "BLAKE2b-256 of 1000 bytes");

    memset(data, 0, 128);
    is_digest(32, 128,
              "378d0caaaa3855f1b38693c1d6ef004f"
              "d118691c95c959d4efa950d6d6fcf7c1",
              "BLAKE2b-256 of one whole block");

    memset(data, 'a', 129);
    is_digest(32, 129,
              "2f64744a6de0d2c0b56e64cf6e29a5aa"
              "a255010d415d51c75ccc82f73dccd865",
              "BLAKE2b-256 of a block and a byte");

    memcpy(data, "abc", 3);
    is_digest(32, 3,
              "bddd813c634239723171ef3fee98579b"
              "94964e3bb1cb3e427262c8c068d52319", "BLAKE2b-256 of abc");
    is_digest(64, 3,
              "ba80a53f981c4d0d6a2797b69f12f6e9"
              "4c212f14685ac4b74b12bb6fdbffa2d1"
              "7d87c5392aab792dc252d5de4533cc95"
              "18d38aa8dbf1925ab92386edd4009923",
              "RFC 7693 appendix A: BLAKE2b-512 of abc");
}


static void
test_against_openssl(void)
{
    int       pass;
    size_t    i, len;
    uint8_t   got[MK_BLAKE2B_DIGEST_MAX], want[EVP_MAX_MD_SIZE];
    unsigned  want_len;

    for (i = 0; i < LEN_MAX; i++) {
        data[i] = (uint8_t) (i * 167 + i / 256);
    }

    pass = 1;

    for (len = 0; len <= 300; len++) {
        mk_blake2b_digest(got, 64, data, len);

        pass = pass
               && EVP_Digest(data, len, want, &want_len, EVP_blake2b512(),
                             NULL) == 1
               && want_len == 64 && memcmp(got, want, 64) == 0;
    }

    ok(pass, "64-byte digests are OpenSSL's, for 0 to 300 bytes of input");
}


static void
test_lengths_differ(void)
{
    int      pass;
    size_t   n;
    uint8_t  one[MK_BLAKE2B_DIGEST_MAX], other[MK_BLAKE2B_DIGEST_MAX];

    pass = 1;

    for (n = 2; n <= MK_BLAKE2B_DIGEST_MAX; n++) {
        mk_blake2b_digest(one, n, data, 100);
        mk_blake2b_digest(other, n - 1, data, 100);
        pass = pass && (n < 8 || memcmp(one, other, n - 1) != 0);
    }

    ok(pass, "a shorter digest is no prefix of a longer one");
}


int
main(void)
{
    test_answers();
    test_against_openssl();
    test_lengths_differ();

    return tap_done();
}
