/*
 * Multihashes: three functions, natural lengths, nothing else.
 */

#include "mk_multihash.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define ABC_SHA2_256                                                     \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_SHA2_512                                                     \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"   \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
#define ABC_BLAKE2B_256                                                  \
    "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"
#define ABC_SHA1  "a9993e364706816aba3e25717850c26c9cd0d89d"


typedef struct {
    const char  *name;
    const char  *hex;
} refusal_t;


static const refusal_t  refused[] = {
    { "nothing", "" },
    { "a code alone", "12" },
    { "no digest", "1220" },
    { "a digest that is a byte short",
      "1220ba7816bf8f01cfea414140de5dae2223"
      "b00361a396177a9cb410ff61f20015" },
    { "sha1", "1114" ABC_SHA1 },
    { "identity", "0003616263" },
    { "identity of nothing", "0000" },
    { "blake3", "1e20" ABC_SHA2_256 },
    { "sha3-256", "1620" ABC_SHA2_256 },
    { "dbl-sha2-256", "5620" ABC_SHA2_256 },
    { "blake2b-512", "c0e40240" ABC_SHA2_512 },
    { "blake2b-248", "9fe4021f" ABC_SHA2_256 },
    { "blake2s-256", "e0e40220" ABC_SHA2_256 },
    { "sha2-256 cut to 20 bytes",
      "1214ba7816bf8f01cfea414140de5dae2223b00361a3" },
    { "sha2-256 cut to nothing", "1200" },
    { "sha2-256 of 33 bytes", "1221" ABC_SHA2_256 "00" },
    { "sha2-512 cut to 32 bytes", "1320" ABC_SHA2_256 },
    { "blake2b-256 of 64 bytes", "a0e40240" ABC_SHA2_512 },
    { "a code that is not minimal", "920020" ABC_SHA2_256 },
    { "a length that is not minimal", "12a000" ABC_SHA2_256 },
    { "a code of ten bytes", "9280808080808080800020" ABC_SHA2_256 },
    { "a code that is sha2-256 in its lower 32 bits",
      "928080801020" ABC_SHA2_256 },
    { "a length that is 32 in its lower 32 bits",
      "12a080808010" ABC_SHA2_256 },
    { "a length of 2^63 - 1", "12ffffffffffffffff7f" ABC_SHA2_256 },
};


static int
is_zero(const mk_multihash_t *mh)
{
    mk_multihash_t  zero;

    memset(&zero, 0, sizeof(zero));

    return memcmp(mh, &zero, sizeof(zero)) == 0;
}


static void
test_known(const char *name, const char *hex, uint32_t code)
{
    int             cut_pass;
    size_t          len, i;
    uint8_t        *data, *cut, out[MK_MULTIHASH_MAX];
    mk_bytes_t      in;
    mk_multihash_t  mh, of;

    data = tap_unhex(hex, &len);
    in.data = data;
    in.len = len;

    ok(mk_multihash_take(&in, &mh) && in.len == 0 && in.data == data + len
       && mh.code == code, "%s is read", name);
    is_mem(out, mk_multihash_write(&mh, out), data, len,
           "%s is written as it was read", name);

    is_status(mk_multihash_of(code, (const uint8_t *) "abc", 3, &of), MK_OK,
              "%s of abc", name);
    ok(mk_multihash_equal(&mh, &of), "%s: the digest", name);
    ok(memcmp(&mh, &of, sizeof(mh)) == 0, "%s: zero beyond it", name);

    is_status(mk_multihash_verify(&mh, (const uint8_t *) "abc", 3), MK_OK,
              "%s verifies", name);
    is_status(mk_multihash_verify(&mh, (const uint8_t *) "abd", 3),
              MK_CID_MISMATCH, "%s: another byte", name);
    is_status(mk_multihash_verify(&mh, (const uint8_t *) "abc", 2),
              MK_CID_MISMATCH, "%s: a byte less", name);

    mh.digest[mh.len - 1] ^= 1;
    is_status(mk_multihash_verify(&mh, (const uint8_t *) "abc", 3),
              MK_CID_MISMATCH, "%s: the last bit of the digest", name);
    ok(!mk_multihash_equal(&mh, &of), "%s: is another then", name);

    cut_pass = 1;

    for (i = 0; i < len; i++) {
        cut = malloc(i + 1);
        memcpy(cut, data, i);
        in.data = cut;
        in.len = i;
        cut_pass = cut_pass && !mk_multihash_take(&in, &mh) && is_zero(&mh)
                   && in.data == cut && in.len == i;
        free(cut);
    }

    ok(cut_pass, "%s: every cut is refused", name);

    free(data);
}


static void
test_refused(void)
{
    size_t          i, len;
    uint8_t        *data;
    mk_bytes_t      in;
    mk_multihash_t  mh;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        data = tap_unhex(refused[i].hex, &len);
        in.data = data;
        in.len = len;
        memset(&mh, 0x5a, sizeof(mh));

        ok(!mk_multihash_take(&in, &mh) && is_zero(&mh) && in.data == data
           && in.len == len, "refused: %s", refused[i].name);

        free(data);
    }
}


static void
test_empty_and_unknown(void)
{
    uint8_t         out[MK_MULTIHASH_MAX];
    mk_multihash_t  mh, other;

    is_status(mk_multihash_of(MK_MULTIHASH_SHA2_256, NULL, 0, &mh), MK_OK,
              "nothing has a digest");
    is_status(mk_multihash_verify(&mh, NULL, 0), MK_OK, "and verifies");

    is_status(mk_multihash_of(MK_MULTIHASH_BLAKE2B_256, NULL, 0, &other),
              MK_OK, "also under blake2b-256");

    memcpy(other.digest, mh.digest, sizeof(mh.digest));
    ok(!mk_multihash_equal(&mh, &other),
       "one digest under two codes is two multihashes");

    memset(&mh, 0x5a, sizeof(mh));
    is_status(mk_multihash_of(0x11, NULL, 0, &mh), MK_INVALID_REQUEST,
              "sha1 is not computed");
    ok(is_zero(&mh), "and leaves zero");

    is_status(mk_multihash_verify(&mh, NULL, 0), MK_INTERNAL_ERROR,
              "no multihash verifies nothing");
    is_int(mk_multihash_write(&mh, out), 0, "nor is it written");

    mk_multihash_of(MK_MULTIHASH_SHA2_256, NULL, 0, &mh);
    mh.len = 20;
    is_status(mk_multihash_verify(&mh, NULL, 0), MK_INTERNAL_ERROR,
              "a shortened digest never verifies");
}


int
main(void)
{
    test_known("sha2-256", "1220" ABC_SHA2_256, MK_MULTIHASH_SHA2_256);
    test_known("sha2-512", "1340" ABC_SHA2_512, MK_MULTIHASH_SHA2_512);
    test_known("blake2b-256", "a0e40220" ABC_BLAKE2B_256,
               MK_MULTIHASH_BLAKE2B_256);
    test_refused();
    test_empty_and_unknown();

    return tap_done();
}
