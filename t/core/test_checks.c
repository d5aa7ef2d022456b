/*
 * The local checks: each failure by itself, every pair of failures (the
 * earlier one is the verdict), and the edges of times.
 */

#include "mk_author.h"
#include "mk_checks.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define TEST_NOW  1700000000


/* one gateway: a trusted owner, and alice's key */
typedef struct {
    mk_key_t        *owner;
    mk_key_t        *stranger;      /* nobody trusts it */
    mk_key_t        *unknown;       /* a recipient's that we do not have */
    const mk_key_t  *alice;         /* the ring's */
    mk_jwks_t       *owners;
    mk_keyring_t    *ring;
    mk_denylist_t   *denylists[4];  /* 1: the CID, 2: the owner, 3: both */
} test_world_t;

static test_world_t  test_world;


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


/* What is wrong, in the order in which it must be found. */
typedef enum {
    WRONG_ID,
    WRONG_SIGNATURE,
    DENIED_CID,
    DENIED_OWNER,
    TOO_EARLY,
    EXPIRED,
    REVOKED,
    NO_IDENTITY,
    NO_WRAP,
    NO_DOWNLOAD,
    TOO_LARGE,
    FAULTS
} test_fault_t;

static const struct {
    const char   *name;
    mk_status_t   want;
} test_faults[FAULTS] = {
    [WRONG_ID]        = { "wrong id", MK_INVALID_CAPSULE },
    [WRONG_SIGNATURE] = { "wrong signature", MK_INVALID_CAPSULE },
    [DENIED_CID]      = { "CID on the denylist", MK_SHARE_REVOKED },
    [DENIED_OWNER]    = { "owner on the denylist", MK_SHARE_REVOKED },
    [TOO_EARLY]       = { "too early", MK_SHARE_NOT_YET_VALID },
    [EXPIRED]         = { "expired", MK_SHARE_EXPIRED },
    [REVOKED]         = { "revoked", MK_SHARE_REVOKED },
    [NO_IDENTITY]     = { "unknown identity", MK_IDENTITY_NOT_FOUND },
    [NO_WRAP]         = { "no wrap", MK_RECIPIENT_NOT_AUTHORIZED },
    [NO_DOWNLOAD]     = { "no download", MK_DOWNLOAD_NOT_ALLOWED },
    [TOO_LARGE]       = { "too large", MK_INPUT_TOO_LARGE },
};


static void
make_facts(unsigned faults, mk_author_facts_t *facts, mk_cid_t *cid,
    uint8_t header[MK_FLOE_HEADER])
{
    static const char  text[] =
        "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";

    memset(facts, 0, sizeof(*facts));
    memset(header, 0, MK_FLOE_HEADER);
    header[3] = 1;      /* segments of 65536 bytes */
    header[9] = 32;
    mk_cid_parse(text, sizeof(text) - 1, cid);

    facts->id = faults & 1 << WRONG_ID ? "cap_2" : "cap_1";
    facts->cid = cid;
    facts->owner = "olga";
    facts->payload_id = "pay_1";
    facts->header = header;
    facts->size = 120;
    facts->deny_download = (faults & 1 << NO_DOWNLOAD) != 0;

    if (faults & 1 << TOO_EARLY) {
        facts->nbf = TEST_NOW + 1;
    }

    if (faults & 1 << EXPIRED) {
        facts->exp = TEST_NOW;
    }
}


static mk_capsule_t *
make_capsule(const mk_author_facts_t *facts, unsigned faults)
{
    char                   *text;
    json_t                 *json, *record;
    const char             *why;
    mk_secret_t            *data_key;
    mk_capsule_t           *capsule;
    mk_author_recipient_t   recipient;

    data_key = mk_secret_create(MK_FLOE_KEY);
    recipient.identity = "alice";
    recipient.key = faults & 1 << NO_WRAP ? test_world.unknown
                                          : test_world.alice;

    is_status(mk_author_capsule(facts,
                                faults & 1 << WRONG_SIGNATURE
                                ? test_world.stranger : test_world.owner,
                                data_key, &recipient, 1, &json, &why),
              MK_OK, "a capsule");

    record = mk_author_record(json, faults & 1 << REVOKED ? 1 : 0);
    text = json_dumps(record, 0);
    mk_capsule_read_record(bytes(text), &capsule);

    free(text);
    json_decref(record);
    json_decref(json);
    mk_secret_free(data_key);

    return capsule;
}


static void
make_checks(const mk_capsule_t *capsule, unsigned faults,
    mk_checks_facts_t *facts)
{
    memset(facts, 0, sizeof(*facts));

    facts->capsule = capsule;
    facts->id = bytes("cap_1");
    facts->identity = bytes(faults & 1 << NO_IDENTITY ? "dave" : "alice");
    facts->action = faults & 1 << NO_DOWNLOAD ? MK_ACTION_DOWNLOAD
                                              : MK_ACTION_OPEN;
    facts->owners = test_world.owners;
    facts->denylist = test_world.denylists[
        (faults & 1 << DENIED_CID ? 1 : 0)
        + (faults & 1 << DENIED_OWNER ? 2 : 0)];
    facts->keyring = test_world.ring;
    facts->now = TEST_NOW;
    facts->max_size = faults & 1 << TOO_LARGE ? 119 : 120;
}


static mk_status_t
verdict_of(unsigned faults)
{
    uint8_t             header[MK_FLOE_HEADER];
    mk_cid_t            cid;
    const char         *why;
    mk_status_t         status;
    mk_capsule_t       *capsule;
    mk_author_facts_t   author;
    mk_checks_facts_t   facts;
    mk_checks_found_t   found;

    make_facts(faults, &author, &cid, header);
    capsule = make_capsule(&author, faults);
    make_checks(capsule, faults, &facts);

    status = mk_checks_local(&facts, &found, &why);

    if (status == MK_OK) {
        ok(found.key == test_world.alice
           && found.wrap == &capsule->wraps[0] && why == NULL,
           "the key and its wrap are found");

    } else {
        ok(found.key == NULL && found.wrap == NULL && why != NULL,
           "nothing is found, and it says why: %s", why);
    }

    mk_capsule_free(capsule);

    return status;
}


static void
test_order(void)
{
    unsigned  i, n;

    is_status(verdict_of(0), MK_OK, "no failure");

    for (i = 0; i < FAULTS; i++) {
        is_status(verdict_of(1u << i), test_faults[i].want, "%s",
                  test_faults[i].name);

        for (n = i + 1; n < FAULTS; n++) {
            is_status(verdict_of(1u << i | 1u << n), test_faults[i].want,
                      "%s comes before %s", test_faults[i].name,
                      test_faults[n].name);
        }
    }

    is_status(verdict_of((1u << FAULTS) - 1), MK_INVALID_CAPSULE,
              "all at once");
}


/* the verdict for times and a skew that are set after the capsule was read */
static mk_status_t
verdict_at(int64_t nbf, int64_t exp, int64_t now, int64_t skew)
{
    uint8_t             header[MK_FLOE_HEADER];
    mk_cid_t            cid;
    const char         *why;
    mk_status_t         status;
    mk_capsule_t       *capsule;
    mk_author_facts_t   author;
    mk_checks_facts_t   facts;
    mk_checks_found_t   found;

    make_facts(0, &author, &cid, header);
    capsule = make_capsule(&author, 0);
    capsule->has_nbf = nbf >= 0;
    capsule->nbf = nbf;
    capsule->has_exp = exp >= 0;
    capsule->exp = exp;

    make_checks(capsule, 0, &facts);
    facts.now = now;
    facts.skew = skew;

    status = mk_checks_local(&facts, &found, &why);

    mk_capsule_free(capsule);

    return status;
}


static void
test_times(void)
{
    is_status(verdict_at(-1, 100, 99, 0), MK_OK, "a second before exp");
    is_status(verdict_at(-1, 100, 100, 0), MK_SHARE_EXPIRED, "at exp");
    is_status(verdict_at(-1, 100, 109, 10), MK_OK, "inside the leeway");
    is_status(verdict_at(-1, 100, 110, 10), MK_SHARE_EXPIRED,
              "at the leeway's end");
    is_status(verdict_at(-1, 0, 1, 0), MK_SHARE_EXPIRED,
              "zero is a time, not none");
    is_status(verdict_at(-1, INT64_MAX, INT64_MAX - 1, 1000), MK_OK,
              "the largest exp and a leeway");

    is_status(verdict_at(100, -1, 99, 0), MK_SHARE_NOT_YET_VALID,
              "a second before nbf");
    is_status(verdict_at(100, -1, 100, 0), MK_OK, "at nbf");
    is_status(verdict_at(100, -1, 90, 10), MK_OK, "inside the leeway");
    is_status(verdict_at(100, -1, 89, 10), MK_SHARE_NOT_YET_VALID,
              "a second too early for it");
    is_status(verdict_at(0, -1, 0, 1000), MK_OK, "zero and a leeway");
    is_status(verdict_at(INT64_MAX, -1, TEST_NOW, 1000),
              MK_SHARE_NOT_YET_VALID, "the largest nbf and a leeway");
    is_status(verdict_at(100, 50, 60, 0), MK_SHARE_NOT_YET_VALID,
              "times that contradict each other");
}


static void
test_trust(void)
{
    uint8_t             header[MK_FLOE_HEADER];
    mk_cid_t            cid;
    mk_jwks_t          *others;
    const char         *why;
    mk_capsule_t       *capsule;
    mk_author_facts_t   author;
    mk_checks_facts_t   facts;
    mk_checks_found_t   found;

    make_facts(0, &author, &cid, header);
    capsule = make_capsule(&author, 1u << WRONG_SIGNATURE);
    make_checks(capsule, 0, &facts);

    facts.owners = NULL;
    is_status(mk_checks_local(&facts, &found, &why), MK_INVALID_CAPSULE,
              "without owners nobody is trusted");

    facts.insecure_any_owner = 1;
    is_status(mk_checks_local(&facts, &found, &why), MK_OK,
              "unless the operator says that anybody is");

    facts.owners = test_world.owners;
    is_status(mk_checks_local(&facts, &found, &why), MK_INVALID_CAPSULE,
              "which does not count where owners are named");
    facts.insecure_any_owner = 0;

    others = jwks_of(test_world.stranger, "mallory");
    facts.owners = others;
    is_status(mk_checks_local(&facts, &found, &why), MK_INVALID_CAPSULE,
              "a trusted key signs for its own identities only");
    mk_jwks_free(others);

    facts.owners = NULL;
    facts.insecure_any_owner = 1;
    json_object_set_new(capsule->jws.header, "typ", json_string("JOSE"));
    is_status(mk_checks_local(&facts, &found, &why), MK_INVALID_CAPSULE,
              "the typ is compared even then");

    mk_capsule_free(capsule);
}


static void
test_limit(void)
{
    uint8_t             header[MK_FLOE_HEADER];
    mk_cid_t            cid;
    const char         *why;
    mk_capsule_t       *capsule;
    mk_author_facts_t   author;
    mk_checks_facts_t   facts;
    mk_checks_found_t   found;

    make_facts(0, &author, &cid, header);
    capsule = make_capsule(&author, 0);
    make_checks(capsule, 0, &facts);

    facts.max_size = 0;
    is_status(mk_checks_local(&facts, &found, &why), MK_OK, "no limit");
    facts.max_size = 1;
    is_status(mk_checks_local(&facts, &found, &why), MK_INPUT_TOO_LARGE,
              "a small one");

    mk_capsule_free(capsule);
}


/* one list for each choice of what is denied */
static void
make_denylists(void)
{
    static const char *const  texts[4] = {
        "cid\tbafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e\n"
        "owner\talice\nidentity\tolga\ncapsule\tcap_1\n",
        "cid\tbafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy\n",
        "owner\tolga\n",
        "owner\tolga\n"
        "cid\tbafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy\n",
    };

    size_t       i;
    const char  *why;

    for (i = 0; i < 4; i++) {
        is_status(mk_denylist_parse(bytes(texts[i]), &test_world.denylists[i],
                                    &why), MK_OK, "a denylist");
    }
}


int
main(void)
{
    size_t     i;
    mk_key_t  *alice;

    test_world.owner = mk_key_generate(MK_KEY_ED25519);
    test_world.stranger = mk_key_generate(MK_KEY_P256);
    test_world.unknown = mk_key_generate(MK_KEY_P256);
    test_world.owners = jwks_of(test_world.owner, "olga");
    test_world.ring = mk_keyring_create();
    test_world.alice = alice = mk_key_generate(MK_KEY_X25519);
    mk_keyring_add(test_world.ring, "alice", alice);
    make_denylists();

    test_order();
    test_times();
    test_trust();
    test_limit();

    for (i = 0; i < 4; i++) {
        mk_denylist_free(test_world.denylists[i]);
    }

    mk_keyring_free(test_world.ring);
    mk_jwks_free(test_world.owners);
    mk_key_free(test_world.unknown);
    mk_key_free(test_world.stranger);
    mk_key_free(test_world.owner);

    return tap_done();
}
