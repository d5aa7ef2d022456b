/*
 * Writing capsules: what is written is what is read, opens with the right
 * key only, and a fact that a reader would refuse is refused here.
 */

#include "mk_author.h"
#include "mk_checks.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define TEST_CID  "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

static mk_key_t     *test_owner;
static mk_key_t     *test_alice;
static mk_key_t     *test_bob;
static mk_secret_t  *test_data_key;
static mk_cid_t      test_cid;
static uint8_t       test_header[MK_FLOE_HEADER];


static mk_bytes_t
bytes(const char *text)
{
    mk_bytes_t  out;

    out.data = (const uint8_t *) text;
    out.len = strlen(text);

    return out;
}


static void
make_facts(mk_author_facts_t *facts)
{
    memset(facts, 0, sizeof(*facts));

    facts->id = "cap_1";
    facts->cid = &test_cid;
    facts->owner = "olga";
    facts->iat = 1700000000;
    facts->payload_id = "pay_1";
    facts->header = test_header;
    facts->size = 120;
}


static mk_capsule_t *
read_back(json_t *json)
{
    char          *text;
    mk_capsule_t  *capsule;

    text = json_dumps(json, JSON_INDENT(2));
    is_status(mk_capsule_read(bytes(text), &capsule), MK_OK, "is read back");
    free(text);

    return capsule;
}


/* the outcome of opening identity's wrap with key; the data key must fit */
static mk_status_t
open_wrap(const mk_capsule_t *capsule, const char *identity,
    const mk_key_t *key)
{
    mk_status_t       status;
    mk_secret_t      *data_key;
    const mk_wrap_t  *wrap;

    status = mk_capsule_find_wrap(capsule, bytes(identity),
                                  bytes(mk_key_thumbprint(key)), &wrap);
    if (status != MK_OK) {
        return status;
    }

    status = mk_capsule_unwrap(capsule, wrap, key, &data_key);

    if (status == MK_OK && !mk_secret_equal(data_key, test_data_key)) {
        status = MK_STATUS_COUNT;
    }

    mk_secret_free(data_key);

    return status;
}


static void
test_round_trip(const mk_key_t *owner, const char *name)
{
    json_t                 *json;
    const char             *why;
    mk_capsule_t           *capsule;
    mk_author_facts_t       facts;
    mk_author_recipient_t   recipients[2];

    make_facts(&facts);
    facts.exp = 1800000000;
    facts.nbf = 1600000000;
    facts.policy_id = "policy";
    facts.vault_id = "vault";
    facts.capability_issuer = "ines";
    facts.capability_download = 1;
    facts.deny_download = 1;
    facts.name = "a \"b\"\xc3\xa9.txt";
    facts.type = "text/plain";

    recipients[0].identity = "alice";
    recipients[0].key = test_alice;
    recipients[1].identity = "bob";
    recipients[1].key = test_bob;

    is_status(mk_author_capsule(&facts, owner, test_data_key, recipients, 2,
                                &json, &why),
              MK_OK, "%s: a capsule", name);
    capsule = read_back(json);

    is_status(mk_jws_verify(&capsule->jws, owner, MK_INVALID_CAPSULE), MK_OK,
              "%s: its signature", name);
    is_mem(capsule->jws.typ.data, capsule->jws.typ.len, MK_PROFILE_TYP,
           strlen(MK_PROFILE_TYP), "its typ");
    is_mem(capsule->id.data, capsule->id.len, "cap_1", 5, "id");
    is_mem(capsule->owner.data, capsule->owner.len, "olga", 4, "owner");
    ok(mk_cid_equal(&capsule->cid, &test_cid), "CID");
    is_int(capsule->iat, 1700000000, "iat");
    is_int(capsule->has_exp ? capsule->exp : 0, 1800000000, "exp");
    is_int(capsule->has_nbf ? capsule->nbf : 0, 1600000000, "nbf");
    is_mem(capsule->policy_id.data, capsule->policy_id.len, "policy", 6,
           "policy");
    is_mem(capsule->vault_id.data, capsule->vault_id.len, "vault", 5,
           "vault");
    is_mem(capsule->capability_issuer.data, capsule->capability_issuer.len,
           "ines", 4, "issuer");
    ok(!capsule->capability_open && capsule->capability_download,
       "a token to download");
    is_int(capsule->allow_download, 0, "no download");
    is_mem(capsule->payload_id.data, capsule->payload_id.len, "pay_1", 5,
           "payload id");
    is_mem(capsule->header, sizeof(capsule->header), test_header,
           sizeof(test_header), "FLOE header");
    is_int(capsule->size, 120, "size");
    is_mem(capsule->name.data, capsule->name.len, facts.name,
           strlen(facts.name), "name");
    is_mem(capsule->type.data, capsule->type.len, "text/plain", 10, "type");

    is_status(open_wrap(capsule, "alice", test_alice), MK_OK,
              "P-256 opens");
    is_status(open_wrap(capsule, "bob", test_bob), MK_OK, "X25519 opens");
    is_status(open_wrap(capsule, "alice", test_bob),
              MK_RECIPIENT_NOT_AUTHORIZED, "another's wrap is not found");

    mk_capsule_free(capsule);
    json_decref(json);
}


static void
test_capability_of(unsigned may_open, unsigned may_download)
{
    json_t             *json;
    const char         *why;
    mk_capsule_t       *capsule;
    mk_author_facts_t   facts;

    make_facts(&facts);
    facts.capability_issuer = "ines";
    facts.capability_open = may_open & 1;
    facts.capability_download = may_download & 1;

    mk_author_capsule(&facts, test_owner, test_data_key, NULL, 0, &json,
                      &why);
    capsule = read_back(json);

    is_int(capsule->has_capability, 1, "a capability");
    is_int(capsule->capability_open, may_open || !may_download,
           "open %u, download %u: to open", may_open, may_download);
    is_int(capsule->capability_download, may_download || !may_open,
           "open %u, download %u: to download", may_open, may_download);
    is_int(capsule->has_exp | capsule->has_nbf, 0, "no times");
    is_int(capsule->nwraps, 0, "no wraps");

    mk_capsule_free(capsule);
    json_decref(json);
}


static void
refused(const mk_author_facts_t *facts, const char *name)
{
    json_t                 *json;
    const char             *why;
    mk_author_recipient_t   recipient;

    recipient.identity = "alice";
    recipient.key = test_alice;
    why = NULL;

    is_status(mk_author_capsule(facts, test_owner, test_data_key, &recipient,
                                1, &json, &why),
              MK_INVALID_REQUEST, "refused: %s", name);
    ok(json == NULL && why != NULL, "it says why: %s", why);
}


static void
test_refused_facts(void)
{
    char               long_text[MK_CAPSULE_TEXT_MAX + 2];
    uint8_t            header[MK_FLOE_HEADER];
    mk_author_facts_t  facts;

    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';

#define REFUSED(name, member, value)                                        \
    make_facts(&facts);                                                     \
    facts.member = value;                                                   \
    refused(&facts, name)

    REFUSED("no id", id, NULL);
    REFUSED("an id with a slash", id, "a/b");
    REFUSED("an empty id", id, "");
    REFUSED("no CID", cid, NULL);
    REFUSED("no owner", owner, NULL);
    REFUSED("an owner that is ..", owner, "..");
    REFUSED("an owner that is no UTF-8", owner, "\xff");
    REFUSED("iat below zero", iat, -1);
    REFUSED("exp below zero", exp, -1);
    REFUSED("nbf below zero", nbf, -1);
    REFUSED("an empty policy", policy_id, "");
    REFUSED("a vault with a question mark", vault_id, "v?");
    REFUSED("an issuer with a slash", capability_issuer, "a/b");
    REFUSED("a capability without issuer", capability_open, 1);
    REFUSED("no payload id", payload_id, NULL);
    REFUSED("a payload id with a dot", payload_id, "a.b");
    REFUSED("no header", header, NULL);
    REFUSED("more bytes than segments hold", size, UINT64_C(1) << 62);
    REFUSED("more bytes than an integer holds", size, UINT64_MAX);
    REFUSED("a name with a line feed", name, "a\nb");
    REFUSED("a name that is too long", name, long_text);
    REFUSED("a type that is no UTF-8", type, "\xc3");

    memcpy(header, test_header, sizeof(header));
    header[3] = 2;
    REFUSED("segments of 131072 bytes", header, header);
    memset(header, 0, sizeof(header));
    REFUSED("a header of zeros", header, header);
}


static void
test_refused_keys(void)
{
    json_t                 *json;
    const char             *why;
    mk_secret_t            *small;
    mk_author_facts_t       facts;
    mk_author_recipient_t   recipients[2];

    make_facts(&facts);
    recipients[0].identity = "alice";
    recipients[0].key = test_alice;
    recipients[1] = recipients[0];
    small = mk_secret_create(16);

#define KEYS(owner, data_key, n)                                            \
    mk_author_capsule(&facts, owner, data_key, recipients, n, &json, &why)

    is_status(KEYS(test_bob, test_data_key, 1), MK_INVALID_REQUEST,
              "an owner whose key is X25519");
    is_status(KEYS(test_owner, small, 1), MK_INVALID_REQUEST,
              "a data key of 16 bytes");
    is_status(KEYS(test_owner, test_data_key, 2), MK_INVALID_REQUEST,
              "a recipient's key that stands twice");
    is_str(why, "a recipient's key stands twice", "and says so");

    recipients[0].identity = "a/b";
    is_status(KEYS(test_owner, test_data_key, 1), MK_INVALID_REQUEST,
              "a recipient that is no identity");

    recipients[0].identity = "alice";
    recipients[0].key = test_owner;
    is_status(KEYS(test_owner, test_data_key, 1), MK_INVALID_REQUEST,
              "a recipient whose key is Ed25519");
    ok(json == NULL, "and there is no capsule");

    mk_secret_free(small);
}


static void
test_add_wrap(void)
{
    json_t                 *json, *before;
    const char             *why;
    mk_capsule_t           *capsule;
    mk_author_facts_t       facts;
    mk_author_recipient_t   recipient;

    make_facts(&facts);
    recipient.identity = "alice";
    recipient.key = test_alice;
    mk_author_capsule(&facts, test_owner, test_data_key, &recipient, 1,
                      &json, &why);
    before = json_deep_copy(json);

    is_status(mk_author_add_wrap(json, test_data_key, &recipient, &why),
              MK_OK, "the same recipient again");
    is_int(json_array_size(json_object_get(json, "wraps")), 1,
           "takes the place of the first");
    ok(!json_equal(json, before), "with a new wrap");

    recipient.identity = "bob";
    is_status(mk_author_add_wrap(json, test_data_key, &recipient, &why),
              MK_OK, "another name for the same key");
    recipient.key = test_bob;
    is_status(mk_author_add_wrap(json, test_data_key, &recipient, &why),
              MK_OK, "another key of the same name");
    is_int(json_array_size(json_object_get(json, "wraps")), 3,
           "are three wraps");
    ok(json_equal(json_object_get(json, "signature"),
                  json_object_get(before, "signature")),
       "under the same signature");

    capsule = read_back(json);
    is_status(open_wrap(capsule, "alice", test_alice), MK_OK, "alice opens");
    is_status(open_wrap(capsule, "bob", test_alice), MK_OK,
              "bob opens with the one");
    is_status(open_wrap(capsule, "bob", test_bob), MK_OK,
              "and with the other");
    mk_capsule_free(capsule);

    json_decref(before);
    before = json_deep_copy(json);
    recipient.identity = "";
    is_status(mk_author_add_wrap(json, test_data_key, &recipient, &why),
              MK_INVALID_REQUEST, "a recipient without a name");
    ok(json_equal(json, before), "leaves the capsule as it was");

    json_object_del(json, "profile");
    recipient.identity = "carol";
    is_status(mk_author_add_wrap(json, test_data_key, &recipient, &why),
              MK_INVALID_REQUEST, "a capsule that nobody reads");
    json_object_del(json, "wraps");
    is_status(mk_author_add_wrap(json, test_data_key, &recipient, &why),
              MK_INVALID_REQUEST, "or that has no list of wraps");

    json_decref(before);
    json_decref(json);
}


/* as many wraps as fit, and not one more */
static void
test_full(void)
{
    char                    name[32], *text;
    int                     i;
    json_t                 *json, *record;
    const char             *why;
    mk_status_t             status;
    mk_capsule_t           *capsule;
    mk_author_facts_t       facts;
    mk_author_recipient_t   recipient;

    make_facts(&facts);
    recipient.identity = name;
    recipient.key = test_bob;
    status = mk_author_capsule(&facts, test_owner, test_data_key, NULL, 0,
                               &json, &why);

    for (i = 0; status == MK_OK && i < 1000; i++) {
        snprintf(name, sizeof(name), "recipient-%d", i);
        status = mk_author_add_wrap(json, test_data_key, &recipient, &why);
    }

    is_status(status, MK_INVALID_REQUEST, "wrap %d is one too many", i);

    record = mk_author_record(json, INT64_MAX);
    text = json_dumps(record, JSON_COMPACT);
    is_status(mk_capsule_read_record(bytes(text), &capsule), MK_OK,
              "without it the record is read, also when it is revoked");
    is_int(capsule->revoked, 1, "revoked");
    is_int(capsule->nwraps, i - 1, "all of the others are there");

    mk_capsule_free(capsule);
    free(text);
    json_decref(record);
    json_decref(json);
}


/* a wrap does not survive any edit of the payload, signed or not */
static void
test_binding(void)
{
    json_t                 *one, *two;
    const char             *why;
    mk_capsule_t           *capsule;
    mk_author_facts_t       facts;
    mk_author_recipient_t   recipient;

    recipient.identity = "alice";
    recipient.key = test_alice;

    make_facts(&facts);
    facts.exp = 1;
    mk_author_capsule(&facts, test_owner, test_data_key, &recipient, 1, &one,
                      &why);
    facts.exp = 2;
    mk_author_capsule(&facts, test_owner, test_data_key, &recipient, 1, &two,
                      &why);

    json_object_set(two, "wraps", json_object_get(one, "wraps"));
    capsule = read_back(two);
    is_status(open_wrap(capsule, "alice", test_alice), MK_KEY_UNWRAP_FAILED,
              "a wrap under another payload");

    mk_capsule_free(capsule);
    json_decref(two);
    json_decref(one);
}


int
main(void)
{
    mk_key_t  *p256;

    test_owner = mk_key_generate(MK_KEY_ED25519);
    test_alice = mk_key_generate(MK_KEY_P256);
    test_bob = mk_key_generate(MK_KEY_X25519);
    p256 = mk_key_generate(MK_KEY_P256);
    test_data_key = mk_secret_create(MK_FLOE_KEY);
    memset(mk_secret_bytes(test_data_key), 7, MK_FLOE_KEY);
    mk_cid_parse(TEST_CID, sizeof(TEST_CID) - 1, &test_cid);
    test_header[3] = 1;     /* segments of 65536 bytes */
    test_header[9] = 32;

    test_round_trip(test_owner, "Ed25519");
    test_round_trip(p256, "ES256");
    test_capability_of(0, 0);
    test_capability_of(0, 1);
    test_capability_of(1, 0);
    test_capability_of(1, 1);
    test_refused_facts();
    test_refused_keys();
    test_add_wrap();
    test_full();
    test_binding();

    mk_secret_free(test_data_key);
    mk_key_free(p256);
    mk_key_free(test_bob);
    mk_key_free(test_alice);
    mk_key_free(test_owner);

    return tap_done();
}
