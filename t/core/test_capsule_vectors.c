/*
 * The vectors of an independent producer, as far as record, checks and
 * unwrap go: a vector that fails later must pass these stages.
 */

/* scandir */
#define _POSIX_C_SOURCE  200809L

#include "mk_base.h"
#include "mk_checks.h"
#include "tap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define TEST_VECTORS  "t/vectors/capsule"
#define TEST_KEYS     "t/vectors/keys/"

/* 2026-01-01, for a vector that does not say when */
#define TEST_NOW      1767225600


typedef struct {
    mk_keyring_t  *ring;
    mk_jwks_t     *owners;
} test_gateway_t;


static mk_bytes_t
member(const json_t *json, const char *name)
{
    mk_bytes_t  value;

    mk_json_string(json, name, &value);

    return value;
}


/* outcomes of the stages that are run here */
static int
decided_here(mk_status_t outcome)
{
    switch (outcome) {

    case MK_INVALID_CAPSULE:
    case MK_METADATA_PROVIDER_ERROR:
    case MK_SHARE_NOT_YET_VALID:
    case MK_SHARE_EXPIRED:
    case MK_SHARE_REVOKED:
    case MK_IDENTITY_NOT_FOUND:
    case MK_RECIPIENT_NOT_AUTHORIZED:
    case MK_DOWNLOAD_NOT_ALLOWED:
    case MK_KEY_UNWRAP_FAILED:
        return 1;

    default:
        return 0;
    }
}


/* stages between the checks and the unwrap, which need other services */
static int
stops_between(mk_status_t outcome)
{
    switch (outcome) {

    case MK_VAULT_DENIED:
    case MK_VAULT_PROVIDER_ERROR:
    case MK_CAPABILITY_REQUIRED:
    case MK_CAPABILITY_DENIED:
    case MK_POLICY_PROVIDER_REQUIRED:
    case MK_POLICY_PROVIDER_ERROR:
    case MK_POLICY_DENIED:
        return 1;

    default:
        return 0;
    }
}


static mk_status_t
open_record(const json_t *vector, mk_bytes_t record,
    const test_gateway_t *gateway, int unwrap)
{
    int64_t            now;
    const char        *why;
    mk_status_t        status;
    mk_secret_t       *data_key;
    mk_capsule_t      *capsule;
    mk_checks_facts_t  facts;
    mk_checks_found_t  found;

    status = mk_capsule_read_record(record, &capsule);
    if (status != MK_OK) {
        return status;
    }

    memset(&facts, 0, sizeof(facts));
    facts.capsule = capsule;
    facts.id = member(vector, "id");
    facts.identity = member(vector, "identity");
    mk_action_parse(member(vector, "action"), &facts.action);
    facts.keyring = gateway->ring;
    facts.now = mk_json_integer(vector, "now", &now) == 1 ? now : TEST_NOW;

    if (mk_json_is(vector, "owners", "insecure_any")) {
        facts.insecure_any_owner = 1;

    } else {
        facts.owners = gateway->owners;
    }

    status = mk_checks_local(&facts, &found, &why);

    if (status == MK_OK && unwrap) {
        status = mk_capsule_unwrap(capsule, found.wrap, found.key, &data_key);
        mk_secret_free(data_key);
    }

    mk_capsule_free(capsule);

    return status;
}


static void
test_vector(const char *name, const json_t *vector,
    const test_gateway_t *gateway)
{
    size_t        len;
    int64_t       http;
    uint8_t      *record;
    mk_bytes_t    text;
    mk_status_t   want, got;

    mk_json_integer(vector, "record_status", &http);
    want = mk_status_from_name((const char *)
                               member(vector, "outcome").data);

    /* what the services' callers judge: the status, the asked id */
    if (http != 200 || want == MK_INVALID_REQUEST) {
        return;
    }

    text = member(vector, "record");
    record = malloc(text.len + 1);

    if (record == NULL
        || !mk_base64url_decode((const char *) text.data, text.len, record,
                                text.len + 1, &len))
    {
        ok(0, "%s can be read", name);
        free(record);
        return;
    }

    text.data = record;
    text.len = len;

    got = open_record(vector, text, gateway, !stops_between(want));

    is_status(got, decided_here(want) ? want : MK_OK, "%s", name);

    free(record);
}


static void
test_file(const char *name, const test_gateway_t *gateway)
{
    char     path[512], *text;
    size_t   len;
    json_t  *vector;

    snprintf(path, sizeof(path), TEST_VECTORS "/%s", name);

    text = tap_slurp(path, &len);
    vector = text == NULL ? NULL : json_loadb(text, len, 0, NULL);

    if (vector == NULL) {
        ok(0, "%s can be read", name);

    } else {
        test_vector(name, vector, gateway);
    }

    json_decref(vector);
    free(text);
}


static void
load_gateway(test_gateway_t *gateway)
{
    static const char *const  names[] = { "alice", "bob", "carol" };

    char         path[128], *text;
    size_t       i, len, left_out;
    mk_key_t    *key;
    const char  *why;

    gateway->ring = mk_keyring_create();

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), TEST_KEYS "%s.pem", names[i]);

        text = tap_slurp(path, &len);
        key = mk_key_from_pem(text, len, &why);
        is_status(mk_keyring_add(gateway->ring, names[i], key), MK_OK,
                  "%s's key", names[i]);
        free(text);
    }

    text = tap_slurp(TEST_KEYS "owners.jwks", &len);
    gateway->owners = mk_jwks_parse(text, len, &left_out, &why);
    ok(gateway->owners != NULL, "the owners");
    free(text);
}


int
main(void)
{
    int              i, count;
    test_gateway_t   gateway;
    struct dirent  **names;

    count = scandir(TEST_VECTORS, &names, NULL, alphasort);

    if (count < 0) {
        tap_skip_all("no vectors");
    }

    load_gateway(&gateway);

    for (i = 0; i < count; i++) {
        if (strstr(names[i]->d_name, ".json") != NULL) {
            test_file(names[i]->d_name, &gateway);
        }

        free(names[i]);
    }

    free(names);
    mk_jwks_free(gateway.owners);
    mk_keyring_free(gateway.ring);

    return tap_done();
}
