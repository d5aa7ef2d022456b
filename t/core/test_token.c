/*
 * Capability and link tokens: every claim missing, of another kind, of
 * another share, too early and too late.
 */

#include "mk_author.h"
#include "mk_token.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define TEST_NOW  1700000000
#define TEST_CID  "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

/* the same CID in base58btc, and the CID of something else */
#define TEST_CID_Z  "zb2rhk6GMPQF3hfzwXTaNYFLKomMeC6UXdUt6jZKPpeVirLtV"
#define TEST_CID_2  \
    "bafkreigzfgfbbunqonmdpxcl3bo2yza3b46o6j5epzovhjkpf47vwl6p7i"

#define TEST_CAPABILITY                                                     \
    "{\"iss\":\"ines\",\"sub\":\"alice\",\"exp\":1700000100,"               \
    "\"jti\":\"j1\",\"cap\":{\"capsule\":\"cap_1\","                        \
    "\"actions\":[\"open\"]}}"

#define TEST_LINK                                                           \
    "{\"cap\":\"cap_1\",\"as\":\"alice\",\"exp\":1700000100,\"jti\":\"j1\"}"

static mk_key_t   *test_issuer;
static mk_key_t   *test_stranger;
static mk_jwks_t  *test_issuers;


static mk_bytes_t
bytes(const char *text)
{
    mk_bytes_t  out;

    out.data = (const uint8_t *) text;
    out.len = strlen(text);

    return out;
}


static mk_jwks_t *
jwks_of(const mk_key_t *key, const char *identity)
{
    char        *jwk, *text;
    size_t       len, left_out;
    json_t      *set;
    mk_jwks_t   *jwks;
    const char  *why;

    mk_key_to_jwk(key, identity, &jwk, &len);
    set = json_pack("{s:[o]}", "keys", json_loadb(jwk, len, 0, NULL));
    text = json_dumps(set, 0);
    jwks = mk_jwks_parse(text, strlen(text), &left_out, &why);

    free(text);
    json_decref(set);
    mk_key_wipe(jwk, len);

    return jwks;
}


/* one of key and secret is NULL */
static void
mint(const mk_key_t *key, const mk_secret_t *secret, const char *typ,
    const char *claims, char *out, size_t size)
{
    char  *parts[3];

    if (key != NULL) {
        mk_jws_sign(key, typ, bytes(claims), &parts[0], &parts[1],
                    &parts[2]);

    } else {
        mk_jws_sign_hmac(secret, typ, bytes(claims), &parts[0], &parts[1],
                         &parts[2]);
    }

    snprintf(out, size, "%s.%s.%s", parts[0], parts[1], parts[2]);

    free(parts[2]);
    free(parts[1]);
    free(parts[0]);
}


/* good claims with one member changed; NULL takes it away */
static char *
claims_with(const char *claims, const char *path, const char *value)
{
    char        *text, copy[32], *dot;
    json_t      *json, *object;
    const char  *name;

    json = json_loads(claims, 0, NULL);
    object = json;
    name = copy;

    snprintf(copy, sizeof(copy), "%s", path);
    dot = strchr(copy, '.');

    if (dot != NULL) {
        *dot = '\0';
        object = json_object_get(json, copy);
        name = dot + 1;
    }

    if (value == NULL) {
        json_object_del(object, name);

    } else {
        json_object_set_new(object, name,
                            json_loads(value, JSON_DECODE_ANY, NULL));
    }

    text = json_dumps(json, JSON_COMPACT);
    json_decref(json);

    return text;
}


static void
make_facts(mk_capsule_t *capsule, mk_token_facts_t *facts)
{
    memset(capsule, 0, sizeof(*capsule));
    capsule->id = bytes("cap_1");
    capsule->vault_id = bytes("vault");
    capsule->has_capability = 1;
    capsule->capability_issuer = bytes("ines");
    mk_cid_parse(TEST_CID, sizeof(TEST_CID) - 1, &capsule->cid);

    memset(facts, 0, sizeof(*facts));
    facts->capsule = capsule;
    facts->issuers = test_issuers;
    facts->identity = bytes("alice");
    facts->action = MK_ACTION_OPEN;
    facts->now = TEST_NOW;
}


static mk_status_t
present(const char *token, const mk_token_facts_t *facts)
{
    const char       *why;
    mk_status_t       status;
    mk_capability_t   capability, zero;

    status = mk_token_capability(bytes(token), facts, &capability, &why);
    memset(&zero, 0, sizeof(zero));

    if (status != MK_OK
        && (why == NULL || memcmp(&capability, &zero, sizeof(zero)) != 0))
    {
        return MK_STATUS_COUNT;
    }

    return status;
}


typedef struct {
    const char   *path;
    const char   *value;
    mk_status_t   want;
} test_claim_t;

#define OK       MK_OK
#define DENIED   MK_CAPABILITY_DENIED
#define INVALID  MK_LINK_INVALID


static const test_claim_t  test_capability_claims[] = {
    { "x", "{\"y\":1}", OK },
    { "iss", NULL, DENIED }, { "iss", "\"mallory\"", DENIED },
    { "iss", "[\"ines\"]", DENIED }, { "iss", "null", DENIED },
    { "sub", NULL, DENIED }, { "sub", "\"bob\"", DENIED },
    { "sub", "\"\"", DENIED }, { "sub", "[\"alice\"]", DENIED },
    { "exp", NULL, DENIED }, { "exp", "1700000000", DENIED },
    { "exp", "1700000001", OK }, { "exp", "1700000100.0", DENIED },
    { "exp", "\"1700000100\"", DENIED }, { "exp", "null", DENIED },
    { "exp", "-1", DENIED }, { "exp", "9223372036854775807", OK },
    { "nbf", "1700000000", OK }, { "nbf", "1700000001", DENIED },
    { "nbf", "null", DENIED }, { "nbf", "-1", DENIED },
    { "nbf", "0.5", DENIED }, { "nbf", "9223372036854775807", DENIED },
    { "iat", "1700000000", OK }, { "iat", "null", DENIED },
    { "iat", "-1", DENIED },
    { "jti", NULL, DENIED }, { "jti", "\"\"", DENIED },
    { "jti", "\"a.b\"", DENIED }, { "jti", "1", DENIED },
    { "aud", "\"gw\"", OK }, { "aud", "[\"other\",\"gw\"]", OK },
    { "aud", "\"other\"", DENIED }, { "aud", "[]", DENIED },
    { "aud", "[\"gw\",1]", DENIED }, { "aud", "null", DENIED },
    { "aud", "{}", DENIED },
    { "cap", NULL, DENIED }, { "cap", "[]", DENIED }, { "cap", "{}", DENIED },
    { "cap.capsule", NULL, DENIED },
    { "cap.capsule", "\"cap_2\"", DENIED }, { "cap.capsule", "\"\"", DENIED },
    { "cap.capsule", "null", DENIED },
    { "cap.vault", "\"vault\"", OK }, { "cap.vault", "\"other\"", DENIED },
    { "cap.vault", "\"\"", DENIED }, { "cap.vault", "1", DENIED },
    { "cap.cid", "\"" TEST_CID "\"", OK },
    { "cap.cid", "\"" TEST_CID_Z "\"", OK },
    { "cap.cid", "\"" TEST_CID_2 "\"", DENIED },
    { "cap.cid", "\"x\"", DENIED }, { "cap.cid", "\"\"", DENIED },
    { "cap.cid", "null", DENIED },
    { "cap", "{\"cid\":\"" TEST_CID "\",\"actions\":[\"open\"]}", OK },
    { "cap", "{\"vault\":\"vault\",\"actions\":[\"open\"]}", OK },
    { "cap", "{\"actions\":[\"open\"]}", DENIED },
    { "cap.actions", NULL, DENIED }, { "cap.actions", "[]", DENIED },
    { "cap.actions", "\"open\"", DENIED },
    { "cap.actions", "[\"download\"]", DENIED },
    { "cap.actions", "[\"Open\"]", DENIED },
    { "cap.actions", "[\"open\",1]", DENIED },
    { "cap.actions", "[\"print\",\"open\"]", OK },
};


static void
test_capabilities(void)
{
    char              token[2048], *claims;
    size_t            i;
    const char       *value, *why;
    mk_capsule_t      capsule;
    mk_capability_t   capability;
    mk_token_facts_t  facts;

    make_facts(&capsule, &facts);
    facts.audience = bytes("gw");

    for (i = 0; i < sizeof(test_capability_claims)
                    / sizeof(test_capability_claims[0]); i++)
    {
        value = test_capability_claims[i].value;
        claims = claims_with(TEST_CAPABILITY, test_capability_claims[i].path,
                             value);
        mint(test_issuer, NULL, MK_TOKEN_CAPABILITY_TYP, claims, token,
             sizeof(token));

        is_status(present(token, &facts), test_capability_claims[i].want,
                  "capability, %s: %s", test_capability_claims[i].path,
                  value == NULL ? "missing" : value);
        free(claims);
    }

    mint(test_issuer, NULL, MK_TOKEN_CAPABILITY_TYP, TEST_CAPABILITY, token,
         sizeof(token));
    is_status(mk_token_capability(bytes(token), &facts, &capability, &why),
              MK_OK, "a good one");
    is_str(capability.jti, "j1", "its jti");
    ok(capability.may_open && !capability.may_download, "its actions");

    facts.action = MK_ACTION_DOWNLOAD;
    is_status(present(token, &facts), DENIED, "the other action");
}


/* what stands in the error log, for who issues tokens */
static const struct {
    const char  *token;
    const char  *why;
} test_capability_reasons[] = {
    { "a.b",
      "not a JWS in compact form" },
    { "a.b.c",
      "its header is not strict JSON in base64url" },
    { "eyJhbGciOiJFZERTQSJ9.e30.AAAA",
      "its \"alg\" is none that is known, as Ed25519 or ES256" },
    { "eyJhbGciOiJFUzI1NiIsImNyaXQiOltdfQ.e30.AAAA",
      "its header has \"crit\" or \"b64\"" },
    { "eyJhbGciOiJFUzI1NiIsImtpZCI6MX0.e30.AAAA",
      "its \"kid\" or \"typ\" is no string" },
    { "eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
      "its signature is not as long as those of its \"alg\"" },
    { "eyJhbGciOiJFUzI1NiJ9.!.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      "its payload is too long or not base64url" },
};


static void
test_reasons(void)
{
    char              token[2048];
    size_t            i;
    const char       *why;
    mk_secret_t      *secret;
    mk_capsule_t      capsule;
    mk_capability_t   capability;
    mk_token_facts_t  facts;

    make_facts(&capsule, &facts);

    for (i = 0; i < sizeof(test_capability_reasons)
                    / sizeof(test_capability_reasons[0]); i++)
    {
        is_status(mk_token_capability(bytes(test_capability_reasons[i].token),
                                      &facts, &capability, &why),
                  DENIED, "refused: %s", test_capability_reasons[i].why);
        is_str(why, test_capability_reasons[i].why, "and that is why");
    }

    /* link tokens of a shared key have none */
    secret = mk_secret_create(32);
    mint(NULL, secret, MK_TOKEN_CAPABILITY_TYP, TEST_CAPABILITY, token,
         sizeof(token));
    mk_token_capability(bytes(token), &facts, &capability, &why);
    is_str(why, "its header has no \"kid\"", "a header without kid");
    mk_secret_free(secret);
}


static void
test_capability_trust(void)
{
    char              token[2048], *claims;
    mk_jwks_t        *others;
    mk_capsule_t      capsule;
    mk_secret_t      *secret;
    mk_token_facts_t  facts;

    make_facts(&capsule, &facts);

    mint(test_issuer, NULL, MK_TOKEN_LINK_TYP, TEST_CAPABILITY, token,
         sizeof(token));
    is_status(present(token, &facts), DENIED, "a link's typ");

    mint(test_stranger, NULL, MK_TOKEN_CAPABILITY_TYP, TEST_CAPABILITY,
         token, sizeof(token));
    is_status(present(token, &facts), DENIED, "a stranger's signature");

    others = jwks_of(test_stranger, "mallory");
    facts.issuers = others;
    is_status(present(token, &facts), DENIED, "another issuer's signature");
    mk_jwks_free(others);
    facts.issuers = test_issuers;

    secret = mk_secret_create(32);
    mint(NULL, secret, MK_TOKEN_CAPABILITY_TYP, TEST_CAPABILITY, token,
         sizeof(token));
    is_status(present(token, &facts), DENIED, "a shared key's tag");
    mk_secret_free(secret);

    mint(test_issuer, NULL, MK_TOKEN_CAPABILITY_TYP, TEST_CAPABILITY, token,
         sizeof(token));
    is_status(present(token, &facts), MK_OK, "the issuer's signature");

    facts.issuers = NULL;
    is_status(present(token, &facts), DENIED, "nobody is trusted");
    facts.issuers = test_issuers;

    capsule.has_capability = 0;
    is_status(present(token, &facts), DENIED, "a capsule without issuer");
    capsule.has_capability = 1;

    capsule.capability_issuer = bytes("olga");
    is_status(present(token, &facts), DENIED, "a capsule of another issuer");
    capsule.capability_issuer = bytes("ines");

    facts.now = TEST_NOW + 109;
    facts.skew = 10;
    is_status(present(token, &facts), MK_OK, "inside the leeway");
    facts.now++;
    is_status(present(token, &facts), DENIED, "at the leeway's end");

    make_facts(&capsule, &facts);
    claims = claims_with(TEST_CAPABILITY, "aud", "\"gw\"");
    mint(test_issuer, NULL, MK_TOKEN_CAPABILITY_TYP, claims, token,
         sizeof(token));
    is_status(present(token, &facts), DENIED,
              "an audience where none is set");
    free(claims);

    is_status(present("", &facts), DENIED, "nothing");
    is_status(present("a.b.c", &facts), DENIED, "no JWS");

    capsule.vault_id.len = 0;
    claims = claims_with(TEST_CAPABILITY, "cap.vault", "\"\"");
    mint(test_issuer, NULL, MK_TOKEN_CAPABILITY_TYP, claims, token,
         sizeof(token));
    is_status(present(token, &facts), DENIED,
              "no vault is not the vault without a name");
    free(claims);
}


static mk_status_t
follow(const char *token, const mk_link_keys_t *keys, int64_t now,
    mk_link_t *link)
{
    const char   *why;
    mk_link_t     zero;
    mk_status_t   status;

    status = mk_token_link(bytes(token), keys, now, 0, link, &why);
    memset(&zero, 0, sizeof(zero));

    if (status != MK_OK
        && (why == NULL || memcmp(link, &zero, sizeof(zero)) != 0))
    {
        return MK_STATUS_COUNT;
    }

    return status;
}


static const test_claim_t  test_link_claims[] = {
    { "x", "1", OK }, { "iat", "1", OK }, { "iat", "\"1\"", INVALID },
    { "cap", NULL, INVALID }, { "cap", "\"a/b\"", INVALID },
    { "cap", "{}", INVALID }, { "cap", "\"\"", INVALID },
    { "as", NULL, INVALID }, { "as", "\"..\"", INVALID },
    { "as", "\"\"", INVALID }, { "as", "[\"alice\"]", INVALID },
    { "exp", NULL, INVALID }, { "exp", "null", INVALID },
    { "exp", "1e9", INVALID }, { "exp", "-1", INVALID },
    { "exp", "1700000000", MK_LINK_EXPIRED }, { "exp", "0", MK_LINK_EXPIRED },
    { "exp", "1700000001", OK },
    { "nbf", "1700000000", OK }, { "nbf", "1700000001", INVALID },
    { "nbf", "null", INVALID },
    { "jti", NULL, INVALID }, { "jti", "\"a b\"", INVALID },
    { "max", "1", OK }, { "max", "0", INVALID }, { "max", "-1", INVALID },
    { "max", "1.0", INVALID }, { "max", "null", INVALID },
    { "max", "9223372036854775807", OK },
    { "sub", "\"carl\"", OK }, { "sub", "\"\"", INVALID },
    { "sub", "\"a\\nb\"", INVALID }, { "sub", "1", INVALID },
    { "act", "\"open\"", OK }, { "act", "\"download\"", OK },
    { "act", "\"print\"", INVALID }, { "act", "null", INVALID },
    { "act", "[\"open\"]", INVALID },
};


static void
test_links(void)
{
    char             token[2048], *claims;
    size_t           i;
    mk_link_t        link;
    const char      *value;
    mk_secret_t     *secret;
    mk_link_keys_t   keys;

    secret = mk_secret_create(32);
    memset(&keys, 0, sizeof(keys));
    keys.hmac = &secret;
    keys.nhmac = 1;

    for (i = 0; i < sizeof(test_link_claims) / sizeof(test_link_claims[0]);
         i++)
    {
        value = test_link_claims[i].value;
        claims = claims_with(TEST_LINK, test_link_claims[i].path, value);
        mint(NULL, secret, MK_TOKEN_LINK_TYP, claims, token, sizeof(token));

        is_status(follow(token, &keys, TEST_NOW, &link),
                  test_link_claims[i].want, "link, %s: %s",
                  test_link_claims[i].path,
                  value == NULL ? "missing" : value);
        free(claims);
    }

    mint(NULL, secret, MK_TOKEN_LINK_TYP, TEST_LINK, token, sizeof(token));
    is_status(follow(token, &keys, TEST_NOW, &link), MK_OK, "a good one");
    is_str(link.capsule, "cap_1", "its capsule");
    is_str(link.identity, "alice", "its identity");
    is_str(link.jti, "j1", "its jti");
    is_str(link.subject, "", "no subject");
    is_int(link.exp, 1700000100, "its end");
    is_int(link.max, 0, "no limit");
    is_int(link.action, MK_ACTION_DOWNLOAD, "to download");

    keys.nhmac = 0;
    is_status(follow(token, &keys, TEST_NOW, &link), INVALID, "without keys");

    mk_secret_free(secret);
}


static void
test_link_trust(void)
{
    char            token[2048];
    mk_jwks_t      *jwks;
    mk_link_t       link;
    mk_secret_t    *secrets[2], *small;
    mk_link_keys_t  keys;

    secrets[0] = mk_secret_create(32);
    secrets[1] = mk_secret_create(64);
    small = mk_secret_create(31);
    mk_secret_bytes(secrets[0])[0] = 1;
    jwks = jwks_of(test_issuer, "alice");

    keys.hmac = secrets;
    keys.nhmac = 1;
    keys.jwks = NULL;

    mint(NULL, secrets[1], MK_TOKEN_LINK_TYP, TEST_LINK, token,
         sizeof(token));
    is_status(follow(token, &keys, TEST_NOW, &link), MK_LINK_INVALID,
              "a key that is not in the file");
    keys.nhmac = 2;
    is_status(follow(token, &keys, TEST_NOW, &link), MK_OK,
              "the second key verifies");

    keys.hmac = &small;
    keys.nhmac = 1;
    is_status(follow(token, &keys, TEST_NOW, &link), MK_LINK_INVALID,
              "a key that is too short");

    mint(test_issuer, NULL, MK_TOKEN_LINK_TYP, TEST_LINK, token,
         sizeof(token));
    is_status(follow(token, &keys, TEST_NOW, &link), MK_LINK_INVALID,
              "a signature where only shared keys are");
    keys.jwks = jwks;
    is_status(follow(token, &keys, TEST_NOW, &link), MK_OK, "a signature");
    is_status(follow(token, &keys, TEST_NOW + 100, &link), MK_LINK_EXPIRED,
              "and its end");

    mint(test_stranger, NULL, MK_TOKEN_LINK_TYP, TEST_LINK, token,
         sizeof(token));
    is_status(follow(token, &keys, TEST_NOW + 100, &link), MK_LINK_INVALID,
              "a stranger is not told that a link expired");

    mint(test_issuer, NULL, MK_TOKEN_LINK_TYP,
         "{\"cap\":\"cap_1\",\"as\":\"bob\",\"exp\":1700000100,"
         "\"jti\":\"j1\"}", token, sizeof(token));
    is_status(follow(token, &keys, TEST_NOW, &link), MK_LINK_INVALID,
              "a key mints links for its own identities only");

    mint(test_issuer, NULL, MK_TOKEN_CAPABILITY_TYP, TEST_LINK, token,
         sizeof(token));
    is_status(follow(token, &keys, TEST_NOW, &link), MK_LINK_INVALID,
              "a capability's typ");

    mk_jwks_free(jwks);
    mk_secret_free(small);
    mk_secret_free(secrets[1]);
    mk_secret_free(secrets[0]);
}


int
main(void)
{
    test_issuer = mk_key_generate(MK_KEY_ED25519);
    test_stranger = mk_key_generate(MK_KEY_P256);
    test_issuers = jwks_of(test_issuer, "ines");

    test_capabilities();
    test_reasons();
    test_capability_trust();
    test_links();
    test_link_trust();

    mk_jwks_free(test_issuers);
    mk_key_free(test_stranger);
    mk_key_free(test_issuer);

    return tap_done();
}
