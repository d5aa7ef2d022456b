/*
 * Trusted keys: which of a set are used, and who may speak with which.
 */

#include "mk_json.h"
#include "mk_jwks.h"
#include "tap.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define ED25519    "\"kty\":\"OKP\",\"crv\":\"Ed25519\","                   \
                   "\"x\":\"J9jCxgRy2SPZ0B6sjx3tM0ZhP9Krs_gqxynNiv6MhZQ\""
#define X25519     "\"kty\":\"OKP\",\"crv\":\"X25519\","                    \
                   "\"x\":\"GRx06foOXRe3jpDaNnqovs_3fQHxQE_yKJweY3hSlRE\""
#define P256       "\"kty\":\"EC\",\"crv\":\"P-256\","                      \
                   "\"x\":\"fCsQ5iDNEoEkM1ptUhBHNR-jdNA-2AeGeBnIi4rbmnY\"," \
                   "\"y\":\"OZXnml8IUR1QXuQl6LWfvwi5wAjXT6TncpTPngFAkQI\""
#define OFF_CURVE  "\"kty\":\"EC\",\"crv\":\"P-256\","                      \
                   "\"x\":\"OZXnml8IUR1QXuQl6LWfvwi5wAjXT6TncpTPngFAkQI\"," \
                   "\"y\":\"fCsQ5iDNEoEkM1ptUhBHNR-jdNA-2AeGeBnIi4rbmnY\""

#define ED25519_KID  "mhFQHrP32GpTo5-1ffpveKT02wk9lL4ThiN1YguNHvc"

#define ALICE      ",\"identity\":\"alice\""
#define SET(keys)  "{\"keys\":[" keys "]}"

/* a good key, so that what stands beside it is what is looked at */
#define GOOD       "{" ED25519 ALICE "}"


static mk_bytes_t
text(const char *s)
{
    mk_bytes_t  run;

    run.data = (const uint8_t *) s;
    run.len = strlen(s);

    return run;
}


static mk_jwks_t *
parse(const char *json, size_t *left_out, const char **why)
{
    return mk_jwks_parse(json, strlen(json), left_out, why);
}


static void
test_used_and_left_out(void)
{
    size_t       i, left_out;
    mk_jwks_t   *jwks;
    const char  *why;

    static const struct {
        const char  *name;
        const char  *json;
        size_t       used;
        size_t       left_out;
    } cases[] = {
        { "one key", SET(GOOD), 1, 0 },
        { "both types", SET(GOOD ",{" P256 ALICE "}"), 2, 0 },
        { "use sig", SET("{" P256 ALICE ",\"use\":\"sig\"}"), 1, 0 },
        { "use enc", SET(GOOD ",{" P256 ALICE ",\"use\":\"enc\"}"), 1, 1 },
        { "a use that is none", SET(GOOD ",{" P256 ALICE ",\"use\":1}"),
          1, 1 },
        { "to verify", SET("{" P256 ALICE ",\"key_ops\":[\"verify\"]}"),
          1, 0 },
        { "to derive",
          SET(GOOD ",{" P256 ALICE ",\"key_ops\":[\"deriveBits\"]}"), 1, 1 },
        { "key_ops that are none",
          SET(GOOD ",{" P256 ALICE ",\"key_ops\":\"verify\"}"), 1, 1 },
        { "for ES256", SET("{" P256 ALICE ",\"alg\":\"ES256\"}"), 1, 0 },
        { "for ECDH",
          SET(GOOD ",{" P256 ALICE ",\"alg\":\"ECDH-ES\"}"), 1, 1 },
        { "P-256 for EdDSA",
          SET(GOOD ",{" P256 ALICE ",\"alg\":\"EdDSA\"}"), 1, 1 },
        { "an alg that is none",
          SET(GOOD ",{" P256 ALICE ",\"alg\":null}"), 1, 1 },
        { "for EdDSA", SET("{" ED25519 ALICE ",\"alg\":\"EdDSA\"}"), 1, 0 },
        { "for Ed25519",
          SET("{" ED25519 ALICE ",\"alg\":\"Ed25519\"}"), 1, 0 },
        { "X25519", SET(GOOD ",{" X25519 ALICE "}"), 1, 1 },
        { "RSA", SET(GOOD ",{\"kty\":\"RSA\",\"n\":\"AQAB\","
                     "\"e\":\"AQAB\"" ALICE "}"), 1, 1 },
        { "symmetric", SET(GOOD ",{\"kty\":\"oct\",\"k\":\"AQAB\"" ALICE
                           "}"), 1, 1 },
        { "off the curve", SET(GOOD ",{" OFF_CURVE ALICE "}"), 1, 1 },
        { "a bad kid", SET(GOOD ",{" P256 ALICE ",\"kid\":7}"), 1, 1 },
        { "nobody's", SET(GOOD ",{" P256 "}"), 1, 1 },
        { "an identity that is none",
          SET(GOOD ",{" P256 ",\"identity\":\"a/b\"}"), 1, 1 },
        { "an identity that is a number",
          SET(GOOD ",{" P256 ",\"identity\":1}"), 1, 1 },
        { "an empty list",
          SET(GOOD ",{" P256 ",\"identity\":[]}"), 1, 1 },
        { "a list with one bad name",
          SET(GOOD ",{" P256 ",\"identity\":[\"alice\",\"..\"]}"), 1, 1 },
        { "a list in a list",
          SET(GOOD ",{" P256 ",\"identity\":[[\"alice\"]]}"), 1, 1 },
        { "a list of names",
          SET("{" P256 ",\"identity\":[\"alice\",\"bob\"]}"), 1, 0 },
        { "unknown members",
          "{\"keys\":[" GOOD "],\"next\":{}}", 1, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        jwks = parse(cases[i].json, &left_out, &why);

        if (ok(jwks != NULL && why == NULL, "%s: a set", cases[i].name)) {
            is_int(mk_jwks_count(jwks), cases[i].used, "keys used");
            is_int(left_out, cases[i].left_out, "keys left out");
        }

        mk_jwks_free(jwks);
    }
}


static void
test_no_set(void)
{
    size_t       i, left_out;
    mk_jwks_t   *jwks;
    const char  *why;

    static const struct {
        const char  *name;
        const char  *why;
        const char  *json;
    } cases[] = {
        { "nothing", "is not a JWK Set", "" },
        { "a bare key", "is not a JWK Set", GOOD },
        { "a list", "is not a JWK Set", "[" GOOD "]" },
        { "keys that are no list", "is not a JWK Set",
          "{\"keys\":" GOOD "}" },
        { "something behind the set", "is not a JWK Set", SET(GOOD) "x" },
        { "keys twice", "is not a JWK Set",
          "{\"keys\":[" GOOD "],\"keys\":[]}" },
        { "no key", "holds no key that can verify and says whose it is",
          SET("") },
        { "no key that is of use",
          "holds no key that can verify and says whose it is",
          SET("{" X25519 ALICE "},{" P256 "}") },
        { "a key that is a string", "holds a key that is not a JSON object",
          SET(GOOD ",\"x\"") },
        { "a private key", "holds a private key where public ones belong",
          SET(GOOD ",{" P256 ",\"d\":\"AQAB\"}") },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        left_out = 99;
        jwks = parse(cases[i].json, &left_out, &why);
        ok(jwks == NULL && left_out == 0, "%s is no set", cases[i].name);
        is_str(why, cases[i].why, "as it %s", cases[i].why);
        mk_jwks_free(jwks);
    }

    mk_jwks_free(NULL);
}


static void
test_who_may_speak(void)
{
    size_t           left_out;
    mk_jwks_t       *jwks;
    const char      *why;
    const mk_key_t  *first, *second;

    jwks = parse(SET("{" ED25519 ",\"identity\":[\"alice\",\"al\"]},"
                     "{" P256 ",\"identity\":\"bob\",\"kid\":\"k\"},"
                     "{" ED25519 ",\"identity\":\"bob\",\"kid\":\"k\"}"),
                 &left_out, &why);

    first = mk_jwks_find(jwks, text(ED25519_KID), text("alice"), 0);
    ok(first != NULL && mk_key_type(first) == MK_KEY_ED25519,
       "alice's key by its thumbprint");
    ok(mk_jwks_find(jwks, text(ED25519_KID), text("al"), 0) == first,
       "the same key under her other name");
    ok(mk_jwks_find(jwks, text(ED25519_KID), text("alice"), 1) == NULL,
       "and there is one only");
    ok(mk_jwks_find(jwks, text(ED25519_KID), text("bob"), 0) == NULL,
       "bob may not speak with alice's key");
    ok(mk_jwks_find(jwks, text("k"), text("alice"), 0) == NULL,
       "nor alice with bob's");
    ok(mk_jwks_find(jwks, text(ED25519_KID), text("ali"), 0) == NULL
       && mk_jwks_find(jwks, text(ED25519_KID), text("alice2"), 0) == NULL
       && mk_jwks_find(jwks, text(ED25519_KID), text(""), 0) == NULL,
       "a name is compared whole");
    ok(mk_jwks_find(jwks, text(""), text("alice"), 0) == NULL,
       "no kid finds no key");

    first = mk_jwks_find(jwks, text("k"), text("bob"), 0);
    second = mk_jwks_find(jwks, text("k"), text("bob"), 1);
    ok(first != NULL && mk_key_type(first) == MK_KEY_P256
       && second != NULL && mk_key_type(second) == MK_KEY_ED25519,
       "two keys of one kid are given one by one");
    ok(mk_jwks_find(jwks, text("k"), text("bob"), 2) == NULL,
       "and then no more");

    mk_jwks_free(jwks);
}


/* n different keys with one kid, each for the names that "identity" makes */
static mk_jwks_t *
parse_crowd(size_t n, const char *(*identity)(size_t), const char **why)
{
    char        *json;
    size_t       i, len, size, left_out;
    mk_jwks_t   *jwks;

    size = 64 + n * 160;
    json = malloc(size);
    len = (size_t) snprintf(json, size, "{\"keys\":[");

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(json + len, size - len,
                                 "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                 "\"kid\":\"k\",\"identity\":%s,\"x\":\""
                                 "%03zuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                                 "A\"}", i > 0 ? "," : "", identity(i), i);
    }

    snprintf(json + len, size - len, "]}");
    jwks = parse(json, &left_out, why);
    free(json);

    return jwks;
}


static const char *
all_bob(size_t i)
{
    (void) i;

    return "\"bob\"";
}


static const char *
in_turn(size_t i)
{
    static char  name[32];

    snprintf(name, sizeof(name), "\"b%zu\"", i / MK_JWKS_KID_MAX);

    return name;
}


/* the last one is also the others' */
static const char *
overlapping(size_t i)
{
    return i == MK_JWKS_KID_MAX ? "[\"eve\",\"bob\"]" : "\"bob\"";
}


static void
test_crowd(void)
{
    size_t       left_out;
    mk_jwks_t   *jwks;
    const char  *why;

    jwks = parse_crowd(MK_JWKS_KID_MAX, all_bob, &why);
    ok(jwks != NULL
       && mk_jwks_find(jwks, text("k"), text("bob"), MK_JWKS_KID_MAX - 1)
          != NULL
       && mk_jwks_find(jwks, text("k"), text("bob"), MK_JWKS_KID_MAX) == NULL,
       "as many keys with one kid as are taken");
    mk_jwks_free(jwks);

    jwks = parse_crowd(MK_JWKS_KID_MAX + 1, all_bob, &why);
    ok(jwks == NULL, "one more is refused");
    is_str(why, "holds more than 4 keys with one kid for one identity",
           "and it is said why");
    mk_jwks_free(jwks);

    jwks = parse_crowd(MK_JWKS_KID_MAX + 1, overlapping, &why);
    ok(jwks == NULL, "also if the last one is somebody else's too");
    mk_jwks_free(jwks);

    jwks = parse_crowd(MK_JWKS_MAX, in_turn, &why);
    ok(jwks != NULL && mk_jwks_count(jwks) == MK_JWKS_MAX,
       "other identities have keys with that kid of their own");
    mk_jwks_free(jwks);

    jwks = parse(SET(GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD),
                 &left_out, &why);
    ok(jwks != NULL
       && mk_jwks_find(jwks, text(ED25519_KID), text("alice"), 0) != NULL
       && mk_jwks_find(jwks, text(ED25519_KID), text("alice"), 1) == NULL,
       "a key that is repeated is given once");
    mk_jwks_free(jwks);

    jwks = parse(SET("{" ED25519 ",\"identity\":\"al\"},"
                     "{" ED25519 ",\"identity\":[\"al\",\"alice\"]}"),
                 &left_out, &why);
    ok(jwks != NULL
       && mk_jwks_find(jwks, text(ED25519_KID), text("alice"), 0) != NULL
       && mk_jwks_find(jwks, text(ED25519_KID), text("al"), 0) != NULL,
       "and counts where it is repeated for another name");
    mk_jwks_free(jwks);
}


/* n keys, the first of them with m names */
static char *
make_set(size_t n, size_t m)
{
    char    *json;
    size_t   i, len, size;

    size = 64 + n * sizeof(GOOD) + m * 8;
    json = malloc(size);
    len = (size_t) snprintf(json, size, "{\"keys\":[{" ED25519
                            ",\"identity\":[");

    for (i = 0; i < m; i++) {
        len += (size_t) snprintf(json + len, size - len, "%s\"a%zu\"",
                                 i > 0 ? "," : "", i);
    }

    len += (size_t) snprintf(json + len, size - len, "]}");

    for (i = 1; i < n; i++) {
        len += (size_t) snprintf(json + len, size - len, "," GOOD);
    }

    snprintf(json + len, size - len, "]}");

    return json;
}


static void
test_limits(void)
{
    char        *json;
    size_t       left_out;
    mk_jwks_t   *jwks;
    const char  *why;

    json = make_set(MK_JWKS_MAX, 1);
    jwks = parse(json, &left_out, &why);
    ok(jwks != NULL && mk_jwks_count(jwks) == MK_JWKS_MAX,
       "as many keys as are taken");
    mk_jwks_free(jwks);
    free(json);

    json = make_set(MK_JWKS_MAX + 1, 1);
    ok(parse(json, &left_out, &why) == NULL, "one more is refused");
    is_str(why, "holds too many keys", "and it is said why");
    free(json);

    json = make_set(1, MK_JWKS_NAMES_MAX);
    jwks = parse(json, &left_out, &why);
    ok(jwks != NULL, "as many names as are taken");
    mk_jwks_free(jwks);
    free(json);

    json = make_set(2, MK_JWKS_NAMES_MAX + 1);
    jwks = parse(json, &left_out, &why);
    ok(jwks != NULL && left_out == 1, "a key of one more is left out");
    mk_jwks_free(jwks);
    free(json);

    json = malloc(MK_JSON_MAX + 1);
    memset(json, ' ', MK_JSON_MAX + 1);
    memcpy(json, SET(GOOD), strlen(SET(GOOD)));
    jwks = mk_jwks_parse(json, MK_JSON_MAX, &left_out, &why);
    ok(jwks != NULL, "a text at the limit");
    mk_jwks_free(jwks);
    ok(mk_jwks_parse(json, MK_JSON_MAX + 1, &left_out, &why) == NULL,
       "a text above it is refused");
    free(json);
}


int
main(void)
{
    test_used_and_left_out();
    test_no_set();
    test_who_may_speak();
    test_crowd();
    test_limits();

    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    return tap_done();
}
