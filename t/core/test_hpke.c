/*
 * HPKE: RFC 9180's own values, known answers for AES-256-GCM, what
 * Wycheproof knows of keys that a sender may send, and damage.
 */

#include "mk_hpke.h"
#include "mk_hpke_internal.h"
#include "tap.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define WYCHEPROOF   "../shared/vectors/wycheproof/"

/* PKCS#8 (RFC 5958) around 32 bytes of a private key */
#define P256_DER     "3041020100301306072a8648ce3d020106082a8648ce3d030107" \
                     "042730250201010420"
#define X25519_DER   "302e020100300506032b656e04220420"

#define PEM_MAX      256
#define DER_HEX_MAX  256


typedef struct {
    size_t   enc_len;
    size_t   ct_len;
    uint8_t  enc[MK_HPKE_ENC_MAX];
    uint8_t  ct[MK_HPKE_PT_MAX + MK_HPKE_TAG];
} sealed_t;


static const uint8_t  info_text[] = "meshkit/wrap/1";
static const uint8_t  aad_text[32] = { 1, 2, 3 };
static const uint8_t  data_key[32] = { 9, 8, 7 };


static mk_bytes_t
bytes(const uint8_t *data, size_t len)
{
    mk_bytes_t  run;

    run.data = data;
    run.len = len;

    return run;
}


static mk_bytes_t
info(void)
{
    return bytes(info_text, sizeof(info_text) - 1);
}


static mk_bytes_t
aad(void)
{
    return bytes(aad_text, sizeof(aad_text));
}


/* a private key from its 32 bytes, by the door that every key comes through */
static mk_key_t *
key_of(mk_key_type_t type, const char *sk)
{
    char         hex[DER_HEX_MAX], pem[PEM_MAX];
    size_t       len, n;
    uint8_t     *der;
    mk_key_t    *key;
    const char  *why;

    snprintf(hex, sizeof(hex), "%s%s",
             type == MK_KEY_P256 ? P256_DER : X25519_DER, sk);
    der = tap_unhex(hex, &len);

    n = (size_t) snprintf(pem, sizeof(pem), "-----BEGIN PRIVATE KEY-----\n");
    n += (size_t) EVP_EncodeBlock((unsigned char *) pem + n, der, (int) len);
    snprintf(pem + n, sizeof(pem) - n, "\n-----END PRIVATE KEY-----\n");

    key = mk_key_from_pem(pem, strlen(pem), &why);
    free(der);

    return key;
}


static void
test_known_answers(void)
{
    size_t             i, enc_len, ct_len, want_len;
    uint8_t           *enc, *ct, *want;
    mk_key_t          *key;
    mk_secret_t       *pt;
    mk_bytes_t         view;
    mk_hpke_secrets_t  secrets;

    static const uint8_t  ode[] = "Ode on a Grecian Urn";
    static const uint8_t  count[] = "Count-0";
    static const uint8_t  truth[] = "Beauty is truth, truth beauty";

    /*
     * Keys and shared secrets are those of RFC 9180 appendix A.1.1 and
     * A.3.1.  The appendix has no AES-256-GCM for these: the ciphertexts
     * come from a second implementation, which opens the appendix's own.
     */
    static const struct {
        const char     *name;
        mk_key_type_t   type;
        const char     *sk;
        const char     *enc;
        const char     *shared_secret;
        const char     *ct;
    } cases[] = {
        { "X25519", MK_KEY_X25519,
          "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
          "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
          "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
          "090b7dc225419f7da9e8b460becfbb96a26c7964d79b8010d397fa838530a32a"
          "397b14f5776db19ff5e57734e0" },
        { "P-256", MK_KEY_P256,
          "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
          "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325a"
          "c98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18"
          "c4",
          "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
          "518c46e6810fbc55362f7d5995b0f54339d93664ca44e5c74d0f289c4f7983b4"
          "781b193de04ad3319f177244de" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        key = key_of(cases[i].type, cases[i].sk);
        enc = tap_unhex(cases[i].enc, &enc_len);
        ct = tap_unhex(cases[i].ct, &ct_len);
        want = tap_unhex(cases[i].shared_secret, &want_len);

        is_status(mk_hpke_decap(key, bytes(enc, enc_len), &secrets), MK_OK,
                  "%s: decapsulated", cases[i].name);
        is_mem(secrets.shared_secret, sizeof(secrets.shared_secret), want,
               want_len, "%s: the RFC's shared secret", cases[i].name);

        is_status(mk_hpke_open(key, bytes(enc, enc_len),
                               bytes(ode, sizeof(ode) - 1),
                               bytes(count, sizeof(count) - 1),
                               bytes(ct, ct_len), &pt),
                  MK_OK, "%s: opened", cases[i].name);
        view = mk_secret_view(pt);
        is_mem(view.data, view.len, truth, sizeof(truth) - 1,
               "%s: the RFC's plaintext", cases[i].name);

        mk_secret_free(pt);
        mk_key_free(key);
        free(enc);
        free(ct);
        free(want);
    }
}


/*
 * Whoever sends a point of small order knows the shared secret without
 * knowing any key.  These ciphertexts fit a shared secret of zeros, so
 * that nothing but the check of the secret stands between them and MK_OK.
 */
static void
test_zero_shared_secret(void)
{
    size_t        i, enc_len, ct_len;
    uint8_t      *enc, *ct;
    mk_key_t     *key;
    mk_secret_t  *pt;

    static const uint8_t  ode[] = "Ode on a Grecian Urn";
    static const uint8_t  count[] = "Count-0";

    static const struct {
        const char  *enc;
        const char  *ct;
    } cases[] = {
        { "0000000000000000000000000000000000000000000000000000000000000000",
          "03d95e9ddcd90bb5501c0b6495841a83cbd0d0d89f067ca287318ffcfc2e633f"
          "61e5434169b1f1b1e83e27e6bc" },
        { "0100000000000000000000000000000000000000000000000000000000000000",
          "ea42d2482092c185f9909d9a6f631997cad2bde5ee3c635cc3dd2cca7f90c5f2"
          "e0bebbe37ef9e90f7fa90e996a" },
        { "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
          "d77221fbb12cee5cb1c7f4f208f1eee3e371115f3a0199e2c7f49654e34b1237"
          "343e4e46d94d522dc9a87c9fc6" },
        { "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
          "af374dbd3511a3e835b6c36a93a96548916189b9e4d53d2b2c93064a433f9dfa"
          "589ec4f3d5fe071d9bc3c12894" },
        { "0000000000000000000000000000000000000000000000000000000000000080",
          "0da8129c4c20573109e6a49bd7325b80d3e08acbb9bd44782ee66d587bd5c6b8"
          "eda82e32c59fb1f5fbabf679e4" },
    };

    key = key_of(MK_KEY_X25519, "4612c550263fc8ad58375df3f557aac531d26850903e"
                                "55a9f23f21d8534e8ac8");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enc = tap_unhex(cases[i].enc, &enc_len);
        ct = tap_unhex(cases[i].ct, &ct_len);

        is_status(mk_hpke_open(key, bytes(enc, enc_len),
                               bytes(ode, sizeof(ode) - 1),
                               bytes(count, sizeof(count) - 1),
                               bytes(ct, ct_len), &pt),
                  MK_KEY_UNWRAP_FAILED, "a point of small order: %.8s...",
                  cases[i].enc);
        ok(pt == NULL, "and no plaintext");

        free(enc);
        free(ct);
    }

    mk_key_free(key);
}


static const char *
member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}


/*
 * 1 if decapsulation does what the test wants: the same x-coordinate or a
 * refusal.  Compressed points and a zero secret are "acceptable" there; here
 * they are refused.
 */
static int
wycheproof_test(mk_key_type_t type, const json_t *test)
{
    int                right, want;
    char               sk[65];
    size_t             enc_len, shared_len, len;
    uint8_t           *enc, *shared;
    mk_key_t          *key;
    const char        *private;
    mk_status_t        status;
    mk_hpke_secrets_t  secrets;

    static const uint8_t  zero[32];

    enc = tap_unhex(member(test, "public"), &enc_len);
    shared = tap_unhex(member(test, "shared"), &shared_len);

    want = strcmp(member(test, "result"), "invalid") != 0
           && enc_len == (type == MK_KEY_P256 ? MK_HPKE_ENC_P256
                                              : MK_HPKE_ENC_X25519)
           && (type == MK_KEY_P256 || memcmp(shared, zero, 32) != 0);

    /* a private key is a number there: it may be shorter, or have a zero */
    private = member(test, "private");
    len = strlen(private);
    private += len > 64 ? len - 64 : 0;
    len = strlen(private);
    memset(sk, '0', 64);
    memcpy(sk + 64 - len, private, len + 1);

    key = key_of(type, sk);
    status = mk_hpke_decap(key, bytes(enc, enc_len), &secrets);

    right = want ? status == MK_OK && shared_len == sizeof(secrets.dh)
                   && memcmp(secrets.dh, shared, shared_len) == 0
                 : status == MK_KEY_UNWRAP_FAILED;

    mk_key_free(key);
    free(enc);
    free(shared);

    return right;
}


static void
test_wycheproof(const char *file, mk_key_type_t type)
{
    char    *text, path[128];
    size_t   i, j, len, right, total;
    json_t  *root, *group, *test;

    snprintf(path, sizeof(path), WYCHEPROOF "%s_test.json", file);

    text = tap_slurp(path, &len);
    if (text == NULL) {
        ok(1, "Wycheproof %s # SKIP the shared vectors are absent", file);
        return;
    }

    root = json_loadb(text, len, 0, NULL);
    right = 0;
    total = 0;

    json_array_foreach(json_object_get(root, "testGroups"), i, group) {
        json_array_foreach(json_object_get(group, "tests"), j, test) {
            total++;

            if (wycheproof_test(type, test)) {
                right++;

            } else {
                tap_diag("%s: %s", member(test, "comment"),
                         member(test, "result"));
            }
        }
    }

    is_int(right, total, "Wycheproof %s: %zu tests", file, total);
    ok(total > 0, "it has tests");

    json_decref(root);
    free(text);
}


static void
seal(const mk_key_t *key, sealed_t *sealed)
{
    memset(sealed, 0, sizeof(*sealed));
    is_status(mk_hpke_seal(key, info(), aad(),
                           bytes(data_key, sizeof(data_key)), sealed->enc,
                           &sealed->enc_len, sealed->ct, &sealed->ct_len),
              MK_OK, "sealed");
}


/* 1 if it is refused as promised */
static int
refuses(const mk_key_t *key, const sealed_t *sealed, mk_bytes_t other_info,
    mk_bytes_t other_aad)
{
    mk_secret_t  *pt;
    mk_status_t   status;

    status = mk_hpke_open(key, bytes(sealed->enc, sealed->enc_len),
                          other_info, other_aad,
                          bytes(sealed->ct, sealed->ct_len), &pt);

    return status == MK_KEY_UNWRAP_FAILED && pt == NULL;
}


static void
test_round_trip(const mk_key_t *key, size_t enc_len)
{
    sealed_t      sealed, second;
    mk_bytes_t    view;
    mk_secret_t  *pt;

    seal(key, &sealed);
    is_int(sealed.enc_len, enc_len, "Nenc");
    is_int(sealed.ct_len, sizeof(data_key) + MK_HPKE_TAG, "Nct");

    is_status(mk_hpke_open(key, bytes(sealed.enc, sealed.enc_len), info(),
                           aad(), bytes(sealed.ct, sealed.ct_len), &pt),
              MK_OK, "opened");
    view = mk_secret_view(pt);
    is_mem(view.data, view.len, data_key, sizeof(data_key), "the same");
    mk_secret_free(pt);

    seal(key, &second);
    ok(memcmp(sealed.enc, second.enc, sealed.enc_len) != 0
       && memcmp(sealed.ct, second.ct, sealed.ct_len) != 0,
       "each message has its own ephemeral key");
}


static void
test_damage(const mk_key_t *key)
{
    size_t    i, refused, total;
    uint8_t   other_info[sizeof(info_text)], other_aad[sizeof(aad_text)];
    sealed_t  good, bad;

    seal(key, &good);
    memcpy(other_info, info_text, sizeof(other_info));
    memcpy(other_aad, aad_text, sizeof(other_aad));
    refused = 0;
    total = 8 * (good.enc_len + good.ct_len + sizeof(info_text) - 1
                 + sizeof(aad_text));

    for (i = 0; i < 8 * good.enc_len; i++) {
        bad = good;
        bad.enc[i / 8] ^= (uint8_t) (1 << (i % 8));
        refused += refuses(key, &bad, info(), aad());
    }

    for (i = 0; i < 8 * good.ct_len; i++) {
        bad = good;
        bad.ct[i / 8] ^= (uint8_t) (1 << (i % 8));
        refused += refuses(key, &bad, info(), aad());
    }

    for (i = 0; i < 8 * (sizeof(info_text) - 1); i++) {
        other_info[i / 8] ^= (uint8_t) (1 << (i % 8));
        refused += refuses(key, &good,
                           bytes(other_info, sizeof(other_info) - 1), aad());
        other_info[i / 8] ^= (uint8_t) (1 << (i % 8));
    }

    for (i = 0; i < 8 * sizeof(aad_text); i++) {
        other_aad[i / 8] ^= (uint8_t) (1 << (i % 8));
        refused += refuses(key, &good, info(),
                           bytes(other_aad, sizeof(other_aad)));
        other_aad[i / 8] ^= (uint8_t) (1 << (i % 8));
    }

    is_int(refused, total, "each flipped bit is refused");
    ok(refuses(key, &good, bytes(NULL, 0), aad()), "so is no info");
    ok(refuses(key, &good, info(), bytes(NULL, 0)), "and no aad");
}


static void
test_lengths(const mk_key_t *key)
{
    size_t    len, refused;
    sealed_t  good, bad;

    seal(key, &good);
    refused = 0;

    for (len = 0; len <= sizeof(good.enc); len++) {
        bad = good;
        bad.enc_len = len;
        refused += len != good.enc_len && refuses(key, &bad, info(), aad());
    }

    is_int(refused, sizeof(good.enc), "an encapsulated key has one length");

    refused = 0;

    for (len = 0; len <= sizeof(good.ct); len++) {
        bad = good;
        bad.ct_len = len;
        refused += len != good.ct_len && refuses(key, &bad, info(), aad());
    }

    is_int(refused, sizeof(good.ct), "a ciphertext is refused when cut");
}


static void
test_other_keys(const mk_key_t *key)
{
    char         *jwk;
    size_t        len;
    sealed_t      sealed;
    mk_key_t     *second, *public;
    mk_secret_t  *pt;
    const char   *why;

    seal(key, &sealed);

    second = mk_key_generate(mk_key_type(key));
    ok(refuses(second, &sealed, info(), aad()), "another key of its type");
    mk_key_free(second);

    second = mk_key_generate(mk_key_type(key) == MK_KEY_P256 ? MK_KEY_X25519
                                                             : MK_KEY_P256);
    ok(refuses(second, &sealed, info(), aad()), "a key of the other type");
    mk_key_free(second);

    second = mk_key_generate(MK_KEY_ED25519);
    ok(refuses(second, &sealed, info(), aad()), "a signing key");
    mk_key_free(second);

    mk_key_to_jwk(key, NULL, &jwk, &len);
    public = mk_key_from_jwk(jwk, len, &why);
    mk_key_wipe(jwk, len);
    ok(refuses(public, &sealed, info(), aad()), "a public key opens nothing");

    seal(public, &sealed);
    is_status(mk_hpke_open(key, bytes(sealed.enc, sealed.enc_len), info(),
                           aad(), bytes(sealed.ct, sealed.ct_len), &pt),
              MK_OK, "what is sealed to it opens with the private key");
    mk_secret_free(pt);
    mk_key_free(public);
}


/* 1 if nothing is sealed, and nothing is left in either output */
static int
seals_nothing(const mk_key_t *key, mk_bytes_t i, mk_bytes_t a, mk_bytes_t pt)
{
    size_t       n, left;
    sealed_t     sealed;
    mk_status_t  status;

    memset(&sealed, 0xff, sizeof(sealed));
    status = mk_hpke_seal(key, i, a, pt, sealed.enc, &sealed.enc_len,
                          sealed.ct, &sealed.ct_len);
    left = sealed.enc_len + sealed.ct_len;

    for (n = 0; n < sizeof(sealed.enc); n++) {
        left += sealed.enc[n];
    }

    for (n = 0; n < pt.len && n < MK_HPKE_PT_MAX; n++) {
        left += sealed.ct[n];
    }

    return status == MK_INTERNAL_ERROR && left == 0;
}


static void
test_bounds(void)
{
    uint8_t       text[MK_HPKE_PT_MAX + 1];
    sealed_t      sealed;
    mk_key_t     *key, *signing;
    mk_secret_t  *pt;

    memset(text, 5, sizeof(text));
    key = mk_key_generate(MK_KEY_P256);
    signing = mk_key_generate(MK_KEY_ED25519);

    is_status(mk_hpke_seal(key, bytes(text, MK_HPKE_INFO_MAX),
                           bytes(text, MK_HPKE_AAD_MAX),
                           bytes(text, MK_HPKE_PT_MAX), sealed.enc,
                           &sealed.enc_len, sealed.ct, &sealed.ct_len),
              MK_OK, "everything at its limit");
    is_status(mk_hpke_open(key, bytes(sealed.enc, sealed.enc_len),
                           bytes(text, MK_HPKE_INFO_MAX),
                           bytes(text, MK_HPKE_AAD_MAX),
                           bytes(sealed.ct, sealed.ct_len), &pt),
              MK_OK, "is opened");
    mk_secret_free(pt);

    ok(seals_nothing(key, bytes(text, MK_HPKE_INFO_MAX + 1), aad(),
                     bytes(text, 1)), "no info above its limit");
    ok(seals_nothing(key, info(), bytes(text, MK_HPKE_AAD_MAX + 1),
                     bytes(text, 1)), "no aad above its limit");
    ok(seals_nothing(key, info(), aad(), bytes(text, 0)),
       "no message of nothing");
    ok(seals_nothing(signing, info(), aad(), bytes(text, 32)),
       "nothing is sealed to a signing key");
    is_status(mk_hpke_open(key, bytes(sealed.enc, sealed.enc_len),
                           bytes(text, MK_HPKE_INFO_MAX + 1), aad(),
                           bytes(sealed.ct, sealed.ct_len), &pt),
              MK_INTERNAL_ERROR, "nor opened with too long an info");
    ok(pt == NULL, "with no plaintext");

    mk_key_free(key);
    mk_key_free(signing);
}


static void
test_type(mk_key_type_t type, size_t enc_len)
{
    mk_key_t  *key;

    key = mk_key_generate(type);

    test_round_trip(key, enc_len);
    test_damage(key);
    test_lengths(key);
    test_other_keys(key);

    mk_key_free(key);
}


int
main(void)
{
    test_known_answers();
    test_zero_shared_secret();
    test_wycheproof("x25519", MK_KEY_X25519);
    test_wycheproof("ecdh_secp256r1_ecpoint", MK_KEY_P256);
    test_type(MK_KEY_P256, MK_HPKE_ENC_P256);
    test_type(MK_KEY_X25519, MK_HPKE_ENC_X25519);
    test_bounds();

    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    return tap_done();
}
