/*
 * AES-256-GCM: Wycheproof, damage, both directions under one key, and
 * nothing left behind.
 */

#include "mk_gcm.h"
#include "tap.h"

#include <jansson.h>
#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>


#define WYCHEPROOF  "../shared/vectors/wycheproof/aes_gcm_test.json"

#define TEXT_LEN    37


static const uint8_t  key[MK_GCM_KEY] = { 1, 2, 3 };
static const uint8_t  iv[MK_GCM_IV] = { 4, 5, 6 };


static mk_bytes_t
bytes(const uint8_t *data, size_t len)
{
    mk_bytes_t  run;

    run.data = data;
    run.len = len;

    return run;
}


static size_t
nonzero(const uint8_t *data, size_t len)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < len; i++) {
        n += data[i] != 0;
    }

    return n;
}


static void
test_round_trip(mk_gcm_t *gcm)
{
    size_t   len, right;
    uint8_t  pt[TEXT_LEN], ct[TEXT_LEN + MK_GCM_TAG], out[TEXT_LEN];

    memset(pt, 0x5a, sizeof(pt));
    right = 0;

    /* sealing and opening take turns under one schedule */
    for (len = 0; len <= TEXT_LEN; len++) {
        right += mk_gcm_seal(gcm, iv, bytes(pt, len), bytes(pt, len), ct)
                 == MK_OK
                 && mk_gcm_open(gcm, iv, bytes(pt, len),
                                bytes(ct, len + MK_GCM_TAG),
                                MK_INVALID_ENVELOPE, out)
                    == MK_OK
                 && memcmp(out, pt, len) == 0;
    }

    is_int(right, TEXT_LEN + 1, "every length is opened again");
}


static void
test_damage(mk_gcm_t *gcm)
{
    size_t   i, refused, left;
    uint8_t  pt[TEXT_LEN], aad[9], ct[TEXT_LEN + MK_GCM_TAG], out[TEXT_LEN];

    memset(pt, 0x5a, sizeof(pt));
    memset(aad, 0x33, sizeof(aad));
    mk_gcm_seal(gcm, iv, bytes(aad, 9), bytes(pt, TEXT_LEN), ct);

    refused = 0;
    left = 0;

    for (i = 0; i < 8 * sizeof(ct); i++) {
        memset(out, 0xff, sizeof(out));
        ct[i / 8] ^= (uint8_t) (1 << (i % 8));
        refused += mk_gcm_open(gcm, iv, bytes(aad, 9), bytes(ct, sizeof(ct)),
                               MK_INVALID_ENVELOPE, out)
                   == MK_INVALID_ENVELOPE;
        ct[i / 8] ^= (uint8_t) (1 << (i % 8));
        left += nonzero(out, sizeof(out));
    }

    is_int(refused, 8 * sizeof(ct), "each flipped bit is refused");
    is_int(left, 0, "and leaves zeros");

    refused = 0;

    for (i = 0; i < sizeof(ct); i++) {
        refused += mk_gcm_open(gcm, iv, bytes(aad, 9), bytes(ct, i),
                               MK_KEY_UNWRAP_FAILED, out)
                   == MK_KEY_UNWRAP_FAILED;
    }

    is_int(refused, sizeof(ct), "each cut is refused, as the caller says");

    is_status(mk_gcm_open(gcm, iv, bytes(aad, 9), bytes(ct, sizeof(ct)),
                          MK_INVALID_ENVELOPE, out),
              MK_OK, "a refusal does no harm to the key");
}


static void
test_no_key(void)
{
    uint8_t    pt[4] = { 1, 2, 3, 4 }, out[4 + MK_GCM_TAG];
    mk_gcm_t  *gcm;

    gcm = mk_gcm_create();

    memset(out, 0xff, sizeof(out));
    is_status(mk_gcm_seal(gcm, iv, bytes(pt, 0), bytes(pt, 4), out),
              MK_INTERNAL_ERROR, "no key, no seal");
    is_int(nonzero(out, sizeof(out)), 0, "no plaintext where a seal failed");

    mk_gcm_free(gcm);
    mk_gcm_free(NULL);
}


static void
test_limits(mk_gcm_t *gcm)
{
    uint8_t  *text, *out;

    text = calloc(1, MK_GCM_TEXT_MAX + 1);
    out = malloc(MK_GCM_TEXT_MAX + 1 + MK_GCM_TAG);

    is_status(mk_gcm_seal(gcm, iv, bytes(NULL, 0),
                          bytes(text, MK_GCM_TEXT_MAX), out),
              MK_OK, "a text at the limit");
    is_status(mk_gcm_seal(gcm, iv, bytes(NULL, 0),
                          bytes(text, MK_GCM_TEXT_MAX + 1), out),
              MK_INTERNAL_ERROR, "a text beyond the limit");
    is_status(mk_gcm_seal(gcm, iv, bytes(text, MK_GCM_AAD_MAX + 1),
                          bytes(text, 0), out),
              MK_INTERNAL_ERROR, "an aad beyond the limit");

    free(text);
    free(out);
}


static uint8_t *
member(const json_t *test, const char *name, size_t *len)
{
    return tap_unhex(json_string_value(json_object_get(test, name)), len);
}


static int
wycheproof_test(mk_gcm_t *gcm, const json_t *test)
{
    int          right, valid;
    size_t       key_len, iv_len, aad_len, pt_len, ct_len, tag_len;
    uint8_t     *k, *n, *aad, *pt, *ct, *tag, *both, *out;
    mk_status_t  status;

    k = member(test, "key", &key_len);
    n = member(test, "iv", &iv_len);
    aad = member(test, "aad", &aad_len);
    pt = member(test, "msg", &pt_len);
    ct = member(test, "ct", &ct_len);
    tag = member(test, "tag", &tag_len);
    valid = strcmp(json_string_value(json_object_get(test, "result")),
                   "valid") == 0;

    both = malloc(ct_len + tag_len);
    out = malloc(ct_len + tag_len);
    memcpy(both, ct, ct_len);
    memcpy(both + ct_len, tag, tag_len);

    mk_gcm_set_key(gcm, k);
    status = mk_gcm_open(gcm, n, bytes(aad, aad_len),
                         bytes(both, ct_len + tag_len), MK_INVALID_ENVELOPE,
                         out);

    if (valid) {
        right = status == MK_OK && memcmp(out, pt, pt_len) == 0
                && mk_gcm_seal(gcm, n, bytes(aad, aad_len),
                               bytes(pt, pt_len), out)
                   == MK_OK
                && memcmp(out, both, ct_len + tag_len) == 0;

    } else {
        right = status == MK_INVALID_ENVELOPE && nonzero(out, ct_len) == 0;
    }

    free(k);
    free(n);
    free(aad);
    free(pt);
    free(ct);
    free(tag);
    free(both);
    free(out);

    return right;
}


static void
test_wycheproof(mk_gcm_t *gcm)
{
    char    *text;
    size_t   i, j, len, right, total;
    json_t  *root, *group, *test;

    text = tap_slurp(WYCHEPROOF, &len);
    if (text == NULL) {
        ok(1, "Wycheproof aes_gcm # SKIP the shared vectors are absent");
        return;
    }

    root = json_loadb(text, len, 0, NULL);
    right = 0;
    total = 0;

    json_array_foreach(json_object_get(root, "testGroups"), i, group) {
        if (json_integer_value(json_object_get(group, "keySize")) != 256
            || json_integer_value(json_object_get(group, "ivSize")) != 96
            || json_integer_value(json_object_get(group, "tagSize")) != 128)
        {
            continue;
        }

        json_array_foreach(json_object_get(group, "tests"), j, test) {
            total++;
            right += wycheproof_test(gcm, test);
        }
    }

    is_int(right, total, "Wycheproof aes_gcm: %zu tests", total);
    ok(total > 0, "it has tests for AES-256");

    json_decref(root);
    free(text);
}


int
main(void)
{
    mk_gcm_t  *gcm;

    gcm = mk_gcm_create();
    ok(gcm != NULL, "a cipher is made");
    mk_gcm_set_key(gcm, key);

    test_round_trip(gcm);
    test_damage(gcm);
    test_no_key();
    test_limits(gcm);
    test_wycheproof(gcm);

    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    mk_gcm_free(gcm);

    return tap_done();
}
