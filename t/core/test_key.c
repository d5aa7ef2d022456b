/*
 * Keys: what is read and written, thumbprints, and every kind of file that
 * an operator could hand over by mistake.
 */

#include "mk_key.h"
#include "tap.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define P256_PEM                                                         \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWSD0UGJp9PtP4jSd\n" \
    "LQt6qg0mD+QTLYnuk00hW76J6TehRANCAAR8KxDmIM0SgSQzWm1SEEc1H6N00D7Y\n" \
    "B4Z4GciLituadjmV55pfCFEdUF7kJei1n78IucAI10+k53KUz54BQJEC\n"         \
    "-----END PRIVATE KEY-----\n"

#define P256_BARE_PEM                                                    \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCBZIPRQYmn0+0/iNJ0t\n" \
    "C3qqDSYP5BMtie6TTSFbvonpNw==\n"                                     \
    "-----END PRIVATE KEY-----\n"

#define P256_SHORT_PEM                                                   \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MGcCAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcETTBLAgEBBCBZIPRQYmn0+0/iNJ0t\n" \
    "C3qqDSYP5BMtie6TTSFbvonpN6EkAyIAAnwrEOYgzRKBJDNabVIQRzUfo3TQPtgH\n" \
    "hngZyIuK25p2\n"                                                     \
    "-----END PRIVATE KEY-----\n"

#define X25519_PEM                                                       \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MC4CAQAwBQYDK2VuBCIEINkGwxed8in0DSjtm6Ukn5JwlQWc8cOz4fdOfD3d3pO1\n" \
    "-----END PRIVATE KEY-----\n"

#define ED25519_PEM                                                      \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MC4CAQAwBQYDK2VwBCIEINkGwxed8in0DSjtm6Ukn5JwlQWc8cOz4fdOfD3d3pO1\n" \
    "-----END PRIVATE KEY-----\n"

#define P256_X        "fCsQ5iDNEoEkM1ptUhBHNR-jdNA-2AeGeBnIi4rbmnY"
#define P256_Y        "OZXnml8IUR1QXuQl6LWfvwi5wAjXT6TncpTPngFAkQI"
#define P256_KID      "szecoS3l4zb3FbEWFwGyk2UMgRlugphYq6MZmlWvAxs"
#define X25519_X      "GRx06foOXRe3jpDaNnqovs_3fQHxQE_yKJweY3hSlRE"
#define X25519_KID    "K8nLMy__WUaZhsSm0mz7Xpij2fq6LvXPtHJW5cijwKc"
#define ED25519_X     "J9jCxgRy2SPZ0B6sjx3tM0ZhP9Krs_gqxynNiv6MhZQ"
#define ED25519_KID   "mhFQHrP32GpTo5-1ffpveKT02wk9lL4ThiN1YguNHvc"

#define P256_JWK(x, y)                                                   \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"" y "\"}"
#define OKP_JWK(crv, x)                                                  \
    "{\"kty\":\"OKP\",\"crv\":\"" crv "\",\"x\":\"" x "\"}"

#define NOT_OURS      "is not a P-256, X25519 or Ed25519 key"
#define NOT_A_POINT   "has coordinates that are no public key"


static void
test_pem(void)
{
    char        *text;
    size_t       i, len;
    mk_key_t    *key, *again;
    const char  *why;

    static const struct {
        const char     *name;
        const char     *pem;
        mk_key_type_t   type;
        const char     *kid;
    } cases[] = {
        { "P-256", P256_PEM, MK_KEY_P256, P256_KID },
        { "P-256 without its public part", P256_BARE_PEM, MK_KEY_P256,
          P256_KID },
        { "P-256 with half its public part", P256_SHORT_PEM, MK_KEY_P256,
          P256_KID },
        { "X25519", X25519_PEM, MK_KEY_X25519, X25519_KID },
        { "Ed25519", ED25519_PEM, MK_KEY_ED25519, ED25519_KID },
        { "a key behind a note", "of alice\n" X25519_PEM, MK_KEY_X25519,
          X25519_KID },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        key = mk_key_from_pem(cases[i].pem, strlen(cases[i].pem), &why);

        if (!ok(key != NULL && why == NULL, "%s is read", cases[i].name)) {
            continue;
        }

        is_int(mk_key_type(key), cases[i].type, "its type");
        ok(mk_key_is_private(key), "it is private");
        is_str(mk_key_thumbprint(key), cases[i].kid, "its thumbprint");
        is_str(mk_key_kid(key), cases[i].kid, "which is its kid");

        ok(mk_key_to_pem(key, &text, &len), "it is written");
        is_int(len, strlen(text), "and NUL closed");
        again = mk_key_from_pem(text, len, &why);
        ok(again != NULL
           && strcmp(mk_key_thumbprint(again), cases[i].kid) == 0,
           "and read again");

        mk_key_free(again);
        mk_key_wipe(text, len);
        mk_key_free(key);
    }
}


static const struct {
    const char  *name;
    const char  *why;
    const char  *pem;
} bad_pem[] = {
    { "nothing", "is not a PEM private key", "" },
    { "text", "is not a PEM private key", "hello\n" },
    { "no end", "is not a PEM private key",
      "-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n" },
    { "no base64", "is not a PEM private key",
      "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n" },
    { "an empty block", "is not a PEM private key",
      "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n" },
    { "two keys", "holds more than one PEM block",
      X25519_PEM ED25519_PEM },
    { "a key and the begin of another", "holds more than one PEM block",
      X25519_PEM "-----BEGIN PRIVATE KEY-----\n" },
    { "P-256 with its parameters spelled out",
      "is not a P-256, X25519 or Ed25519 key",
      "-----BEGIN PRIVATE KEY-----\n"
      "MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB\n"
      "AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA\n"
      "///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV\n"
      "AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg\n"
      "9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A\n"
      "AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgb1EKCJw5Wj6D\n"
      "W4FkQtMLGKyd/fNJWE6/lLyQqyjUqEuhRANCAAS+10IBudNe4FQ2ADhVtzBNKd5n\n"
      "the7mg54fdRB4uZZY8vTfL1VtO9jUoFZhjAx/VA9kVigqfHa5xHiu1IVo1XN\n"
      "-----END PRIVATE KEY-----\n" },
    { "P-384",
      "is not a P-256, X25519 or Ed25519 key",
      "-----BEGIN PRIVATE KEY-----\n"
      "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDLvWW5HPQ3WnWV8mkU\n"
      "TdGSmhW/cvCUxgwBg4xHNDia3EnN0OPYDxEtgyHNusobJCShZANiAAQ3F4xdCo71\n"
      "nodfeIANDPZAgYPh4iXtinsz2Qo/xLhGePZ/by5aWbVjn/6j3UwANtgYdFC+JeXO\n"
      "RwXczffvFooqKt1oHcykkCguwlh4i41x4ar0ppFbNF2VphYNCKcj2aM=\n"
      "-----END PRIVATE KEY-----\n" },
    { "secp256k1",
      "is not a P-256, X25519 or Ed25519 key",
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgb/GA+c+ZG6/tWd68ZwRa\n"
      "ol6v40xyGp7UvfoRzygvT6KhRANCAAS3OOK1LaA6Z6M6k5qV9oCfS3Qhw/3crYB0\n"
      "KMRl+pxisIv64c3LWjN0tn6qWpRThcrK+ODqW+lO64FiypGPz9Dw\n"
      "-----END PRIVATE KEY-----\n" },
    { "X448",
      "is not a P-256, X25519 or Ed25519 key",
      "-----BEGIN PRIVATE KEY-----\n"
      "MEYCAQAwBQYDK2VvBDoEOHCbhx/0bF5zsHIrDvfC9jmbYeL64e2Ix2u0Jtn8o8nC\n"
      "IrvGpFfRKzRrlo2H9CdA1BwVdLqRbke8\n"
      "-----END PRIVATE KEY-----\n" },
    { "a legacy EC key",
      "is not a PKCS#8 \"PRIVATE KEY\"",
      "-----BEGIN EC PRIVATE KEY-----\n"
      "MHcCAQEEIDPJO8wZrF4Fw5Uee3CKg/7sZ5/VFe9jRo9dRqOC9zn2oAoGCCqGSM49\n"
      "AwEHoUQDQgAE44tpp3MqyVqNq4m61UJDmuTSDQN6pkRsloXqit8KzZrZLyaR0ihw\n"
      "4b988GgQujCGlmjJOynBRx9zQpbhOgFkDw==\n"
      "-----END EC PRIVATE KEY-----\n" },
    { "a legacy key under a passphrase",
      "is encrypted; a key without a passphrase is needed",
      "-----BEGIN EC PRIVATE KEY-----\n"
      "Proc-Type: 4,ENCRYPTED\n"
      "DEK-Info: AES-128-CBC,DFA3677CD981BB3C6CE28646486533E9\n"
      "\n"
      "CsHJk5TAgjZ86FhEQ1pSxU6OnWlIV32iw1c35Ci56I0nVk3dHZ9J7lTOiXg0DgYC\n"
      "F0lJxmkiGhhHQG8sHYJLH2kvLMbgYtnVkETT0hGKvp+CtebCVUiVUw0v4Z50g5t5\n"
      "otpU2vE9CmDWrKsLrsNeO1TJYW6Pq+scf3vGquiUT0M=\n"
      "-----END EC PRIVATE KEY-----\n" },
    { "an encrypted key",
      "is encrypted; a key without a passphrase is needed",
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAie3qoudEuoogICCAAw\n"
      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELuLcbwZHrNjXQZv6EMNKNUEQOxM\n"
      "YQtAybpR3MUsdxRskyL3TTEUvlCQBIQXEHEmPfqIQCAF8kotdctaTxBhVzp79/5K\n"
      "fc7VrKZdJOKjPb5F0Fk=\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n" },
    { "a public key",
      "is not a PKCS#8 \"PRIVATE KEY\"",
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE44tpp3MqyVqNq4m61UJDmuTSDQN6\n"
      "pkRsloXqit8KzZrZLyaR0ihw4b988GgQujCGlmjJOynBRx9zQpbhOgFkDw==\n"
      "-----END PUBLIC KEY-----\n" },
    { "a public part of another key",
      "has parts that do not belong together",
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWSD0UGJp9PtP4jSd\n"
      "LQt6qg0mD+QTLYnuk00hW76J6TehRANCAATJi6xY2KPb8XsIJlGVJ1OgEGoCLG1+\n"
      "jQHWX1Q43BTigpAxxNuZr+pa52wmNRoPRH3DHl0JZ2VHkttCzq49bmx2\n"
      "-----END PRIVATE KEY-----\n" },
    { "a private part of zero",
      "has parts that do not belong together",
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\n"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAChRANCAAR8KxDmIM0SgSQzWm1SEEc1H6N00D7Y\n"
      "B4Z4GciLituadjmV55pfCFEdUF7kJei1n78IucAI10+k53KUz54BQJEC\n"
      "-----END PRIVATE KEY-----\n" },
    { "a private part that is the order",
      "has parts that do not belong together",
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/////wAAAAD/////\n"
      "/////7zm+q2nF56E87nKwvxjJVGhRANCAAR8KxDmIM0SgSQzWm1SEEc1H6N00D7Y\n"
      "B4Z4GciLituadjmV55pfCFEdUF7kJei1n78IucAI10+k53KUz54BQJEC\n"
      "-----END PRIVATE KEY-----\n" },
    { "a public part off the curve",
      "has parts that do not belong together",
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWSD0UGJp9PtP4jSd\n"
      "LQt6qg0mD+QTLYnuk00hW76J6TehRANCAAR8KxDmIM0SgSQzWm1SEEc1H6N00D7Y\n"
      "B4Z4GciLituadjmV55pfCFEdUF7kJei1n78IucAI10+k53KUz54BQJED\n"
      "-----END PRIVATE KEY-----\n" },
    { "bytes behind the key",
      "is not a valid PKCS#8 private key",
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWSD0UGJp9PtP4jSd\n"
      "LQt6qg0mD+QTLYnuk00hW76J6TehRANCAAR8KxDmIM0SgSQzWm1SEEc1H6N00D7Y\n"
      "B4Z4GciLituadjmV55pfCFEdUF7kJei1n78IucAI10+k53KUz54BQJECAA==\n"
      "-----END PRIVATE KEY-----\n" },
    { "an Ed25519 key of 31 bytes",
      "is not a valid PKCS#8 private key",
      "-----BEGIN PRIVATE KEY-----\n"
      "MC0CAQAwBQYDK2VwBCEEH9kGwxed8in0DSjtm6Ukn5JwlQWc8cOz4fdOfD3d3pM=\n"
      "-----END PRIVATE KEY-----\n" },
};


static void
test_bad_pem(void)
{
    size_t       i;
    mk_key_t    *key;
    const char  *why;

    for (i = 0; i < sizeof(bad_pem) / sizeof(bad_pem[0]); i++) {
        why = NULL;
        key = mk_key_from_pem(bad_pem[i].pem, strlen(bad_pem[i].pem), &why);
        ok(key == NULL, "%s is refused", bad_pem[i].name);
        is_str(why, bad_pem[i].why, "as one that %s", bad_pem[i].why);
        mk_key_free(key);
    }
}


/* no prefix of a key file, and no damaged one, may crash or be taken */
static void
test_damaged_pem(void)
{
    char        *pem;
    size_t       i, len, taken, wrong;
    mk_key_t    *key;
    const char  *why, *end;

    len = strlen(P256_PEM);
    taken = 0;

    /* the last line's newline is not part of the block */
    for (i = 0; i < len - 1; i++) {
        key = mk_key_from_pem(P256_PEM, i, &why);
        taken += key != NULL;
        mk_key_free(key);
    }

    is_int(taken, 0, "no prefix of a file is a key");

    pem = malloc(len);
    memcpy(pem, P256_PEM, len);
    end = P256_PEM;
    wrong = 0;

    for (i = 0; i < len; i++) {
        pem[i] ^= 1;
        key = mk_key_from_pem(pem, len, &why);
        wrong += key != NULL && mk_key_type(key) != MK_KEY_P256;
        wrong += key == NULL && why == NULL;
        mk_key_free(key);
        pem[i] = end[i];
    }

    is_int(wrong, 0, "no damaged file becomes another kind of key");
    free(pem);

    pem = calloc(1, MK_KEY_TEXT_MAX + 1);
    memset(pem, '\n', MK_KEY_TEXT_MAX + 1);
    memcpy(pem, X25519_PEM, strlen(X25519_PEM));
    key = mk_key_from_pem(pem, MK_KEY_TEXT_MAX, &why);
    ok(key != NULL, "a file at the limit is read");
    mk_key_free(key);
    ok(mk_key_from_pem(pem, MK_KEY_TEXT_MAX + 1, &why) == NULL,
       "a file above it is not");
    is_str(why, "is too long for a key", "and the reason is said");
    free(pem);
}


static void
test_jwk(void)
{
    size_t       i;
    mk_key_t    *key;
    const char  *why;

    static const struct {
        const char     *name;
        const char     *jwk;
        mk_key_type_t   type;
        const char     *thumbprint;
        const char     *kid;
    } cases[] = {
        { "P-256", P256_JWK(P256_X, P256_Y), MK_KEY_P256, P256_KID,
          P256_KID },
        { "X25519", OKP_JWK("X25519", X25519_X), MK_KEY_X25519, X25519_KID,
          X25519_KID },
        { "RFC 8037 appendix A.3",
          OKP_JWK("Ed25519", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
          MK_KEY_ED25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
          "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
        { "RFC 7517 appendix A.1",
          "{\"kty\":\"EC\",\"crv\":\"P-256\","
          "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
          "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\","
          "\"use\":\"enc\",\"kid\":\"1\"}",
          MK_KEY_P256, "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s", "1" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        key = mk_key_from_jwk(cases[i].jwk, strlen(cases[i].jwk), &why);

        if (!ok(key != NULL && why == NULL, "%s is read", cases[i].name)) {
            continue;
        }

        is_int(mk_key_type(key), cases[i].type, "its type");
        ok(!mk_key_is_private(key), "it is public");
        is_str(mk_key_thumbprint(key), cases[i].thumbprint, "its thumbprint");
        is_str(mk_key_kid(key), cases[i].kid, "its kid");
        mk_key_free(key);
    }
}


static void
test_bad_jwk(void)
{
    size_t       i;
    mk_key_t    *key;
    const char  *why;

    static const struct {
        const char  *name;
        const char  *why;
        const char  *jwk;
    } cases[] = {
        { "no JSON", "is not a JSON object", "{" },
        { "an array", "is not a JSON object", "[]" },
        { "no members", NOT_OURS, "{}" },
        { "a kty that is none", NOT_OURS, "{\"kty\":1,\"crv\":\"P-256\"}" },
        { "an RSA key", NOT_OURS,
          "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}" },
        { "a symmetric key", NOT_OURS, "{\"kty\":\"oct\",\"k\":\"AQAB\"}" },
        { "P-384", NOT_OURS,
          "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"\",\"y\":\"\"}" },
        { "the curve of another kty", NOT_OURS,
          OKP_JWK("P-256", X25519_X) },
        { "a curve in lower case", NOT_OURS, OKP_JWK("x25519", X25519_X) },
        { "a private key", "is a private key where a public one belongs",
          "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X25519_X "\","
          "\"d\":\"" X25519_X "\"}" },
        { "a private part that is null",
          "is a private key where a public one belongs",
          "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X25519_X "\","
          "\"d\":null}" },
        { "a point off the curve", NOT_A_POINT, P256_JWK(P256_Y, P256_X) },
        { "the point at infinity as zeros", NOT_A_POINT,
          P256_JWK("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") },
        { "a coordinate above the field", NOT_A_POINT,
          P256_JWK("__________________________________________8",
                   P256_Y) },
        { "no y", NOT_A_POINT,
          "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\"}" },
        { "no x", NOT_A_POINT, "{\"kty\":\"OKP\",\"crv\":\"X25519\"}" },
        { "an x that is a number", NOT_A_POINT,
          "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":7}" },
        { "a coordinate of 31 bytes", NOT_A_POINT,
          P256_JWK("fCsQ5iDNEoEkM1ptUhBHNR-jdNA-2AeGeBnIi4rbmg", P256_Y) },
        { "a coordinate of 33 bytes", NOT_A_POINT,
          P256_JWK("AHwrEOYgzRKBJDNabVIQRzUfo3TQPtgHhngZyIuK25p2", P256_Y) },
        { "padding", NOT_A_POINT, OKP_JWK("X25519", X25519_X "=") },
        { "the alphabet of base64", NOT_A_POINT,
          OKP_JWK("X25519", "GRx06foOXRe3jpDaNnqovs/3fQHxQE/yKJweY3hSlRE") },
        { "unused bits that are set", NOT_A_POINT,
          OKP_JWK("X25519", "GRx06foOXRe3jpDaNnqovs_3fQHxQE_yKJweY3hSlRF") },
        { "a duplicate member", "is not a JSON object",
          "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X25519_X "\","
          "\"x\":\"" X25519_X "\"}" },
        { "an empty kid", "has a \"kid\" that is not a short text",
          "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X25519_X "\","
          "\"kid\":\"\"}" },
        { "a kid with a line feed", "has a \"kid\" that is not a short text",
          "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X25519_X "\","
          "\"kid\":\"a\\nb\"}" },
        { "a kid that is a number", "has a \"kid\" that is not a short text",
          "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X25519_X "\","
          "\"kid\":1}" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        why = NULL;
        key = mk_key_from_jwk(cases[i].jwk, strlen(cases[i].jwk), &why);
        ok(key == NULL, "%s is refused", cases[i].name);
        is_str(why, cases[i].why, "as one that %s", cases[i].why);
        mk_key_free(key);
    }
}


static void
test_kid_length(void)
{
    int          len;
    char         jwk[512], kid[MK_KEY_KID_MAX + 2];
    mk_key_t    *key;
    const char  *why;

    memset(kid, 'k', sizeof(kid));

    kid[MK_KEY_KID_MAX] = '\0';
    len = snprintf(jwk, sizeof(jwk), "{\"kty\":\"OKP\",\"crv\":\"X25519\","
                   "\"x\":\"" X25519_X "\",\"kid\":\"%s\"}", kid);
    key = mk_key_from_jwk(jwk, (size_t) len, &why);
    ok(key != NULL && strcmp(mk_key_kid(key), kid) == 0,
       "a kid at the limit");
    mk_key_free(key);

    kid[MK_KEY_KID_MAX] = 'k';
    kid[MK_KEY_KID_MAX + 1] = '\0';
    len = snprintf(jwk, sizeof(jwk), "{\"kty\":\"OKP\",\"crv\":\"X25519\","
                   "\"x\":\"" X25519_X "\",\"kid\":\"%s\"}", kid);
    ok(mk_key_from_jwk(jwk, (size_t) len, &why) == NULL,
       "a kid above the limit");
}


static void
test_generate_and_export(void)
{
    char           *text;
    size_t          len;
    mk_key_t       *key, *other, *again;
    const char     *why;
    mk_key_type_t   type;

    for (type = MK_KEY_P256; type <= MK_KEY_ED25519; type++) {
        key = mk_key_generate(type);
        other = mk_key_generate(type);

        ok(key != NULL && mk_key_type(key) == type
           && mk_key_is_private(key), "a key of type %d is made", type);
        ok(strcmp(mk_key_thumbprint(key), mk_key_thumbprint(other)) != 0,
           "and another one");

        ok(mk_key_to_jwk(key, "alice", &text, &len), "as a JWK");
        ok(strstr(text, "\"d\"") == NULL, "without its private part");
        ok(strstr(text, "\"identity\":\"alice\"") != NULL, "with whose it is");

        again = mk_key_from_jwk(text, len, &why);
        ok(again != NULL && !mk_key_is_private(again), "read again: public");
        is_str(mk_key_kid(again), mk_key_thumbprint(key), "the same kid");
        mk_key_wipe(text, len);

        ok(!mk_key_to_pem(again, &text, &len) && text == NULL && len == 0,
           "a public key has no PEM");

        ok(mk_key_to_jwk(again, NULL, &text, &len), "a JWK of a public key");
        ok(strstr(text, "identity") == NULL, "that says not whose it is");
        mk_key_wipe(text, len);

        ok(!mk_key_to_jwk(key, "a/b", &text, &len) && text == NULL,
           "no JWK for a bad identity");

        mk_key_free(again);
        mk_key_free(other);
        mk_key_free(key);
    }

    ok(mk_key_generate(MK_KEY_NONE) == NULL, "no key of no type");
    mk_key_free(NULL);
    mk_key_wipe(NULL, 0);
}


int
main(void)
{
    test_pem();
    test_bad_pem();
    test_damaged_pem();
    test_jwk();
    test_bad_jwk();
    test_kid_length();
    test_generate_and_export();

    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    return tap_done();
}
