/*
 * Reading capsules: every member missing, of another kind and at its limits,
 * in the record, the capsule and the payload.
 */

#include "mk_base.h"
#include "mk_capsule.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define TEXT_32   "0123456789abcdef0123456789abcdef"
#define TEXT_64   TEXT_32 TEXT_32
#define TEXT_128  TEXT_64 TEXT_64

/* AES-256-GCM, HKDF-Expand-SHA-384, segments of 65536 bytes, an IV of 32 */
#define HEADER_ZEROS                                                         \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAAAAAAAAAAAAA"
#define HEADER  "AAAAAQAAAAAAIA" HEADER_ZEROS

static const char  test_core[] =
    "{\"v\":1,\"id\":\"cap_1\","
    "\"cid\":\"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy\","
    "\"owner\":\"olga\",\"iat\":1700000000,"
    "\"content\":{\"alg\":\"FLOE-A256GCM-SHA384\",\"header\":\"" HEADER "\","
    "\"payloadId\":\"pay_1\",\"size\":120}}";

static const char  test_wrap[] =
    "{\"recipient\":\"alice\",\"kid\":\"k1\","
    "\"alg\":\"HPKE-P256-SHA256-A256GCM\",\"enc\":\"AA\",\"ct\":\"AA\"}";

static mk_key_t  *test_owner;


typedef struct {
    const char   *name;
    const char   *path;         /* "exp", "content.size" */
    const char   *value;        /* JSON; NULL: the member is removed */
    mk_status_t   want;
} test_case_t;


/* sets, or for NULL removes, one member; the path has at most one dot */
static void
change(json_t *object, const char *path, const char *value)
{
    char         copy[32], *dot;
    const char  *name;

    snprintf(copy, sizeof(copy), "%s", path);
    dot = strchr(copy, '.');
    name = copy;

    if (dot != NULL) {
        *dot = '\0';
        object = json_object_get(object, copy);
        name = dot + 1;
    }

    if (value == NULL) {
        json_object_del(object, name);

    } else {
        json_object_set_new(object, name,
                            json_loads(value, JSON_DECODE_ANY, NULL));
    }
}


/* a signed capsule around a core JSON, with one wrap */
static json_t *
seal(json_t *core)
{
    char        *text, *parts[3];
    json_t      *capsule;
    mk_bytes_t   payload;

    text = json_dumps(core, JSON_COMPACT);
    payload.data = (const uint8_t *) text;
    payload.len = strlen(text);

    mk_jws_sign(test_owner, MK_PROFILE_TYP, payload, &parts[0], &parts[1],
                &parts[2]);

    capsule = json_pack("{s:s, s:s, s:s, s:s, s:[o]}",
                        "profile", MK_PROFILE_NAME, "protected", parts[0],
                        "payload", parts[1], "signature", parts[2],
                        "wraps", json_loads(test_wrap, 0, NULL));

    free(parts[2]);
    free(parts[1]);
    free(parts[0]);
    free(text);

    return capsule;
}


static mk_status_t
read_json(json_t *json, int record, mk_capsule_t **capsule)
{
    char         *text;
    mk_bytes_t    bytes;
    mk_status_t   status;

    text = json_dumps(json, JSON_COMPACT);
    bytes.data = (const uint8_t *) text;
    bytes.len = strlen(text);

    *capsule = (mk_capsule_t *) &bytes;

    status = record ? mk_capsule_read_record(bytes, capsule)
                    : mk_capsule_read(bytes, capsule);

    /* nothing of it may point into the text */
    memset(text, 'x', bytes.len);
    free(text);

    if (status != MK_OK && *capsule != NULL) {
        tap_diag("a capsule is left after a failure");
        return MK_OK;
    }

    return status;
}


/* reads the good core with one member changed */
static mk_status_t
read_core(const char *path, const char *value, mk_capsule_t **capsule)
{
    json_t       *core, *json;
    mk_status_t   status;

    core = json_loads(test_core, 0, NULL);
    change(core, path, value);
    json = seal(core);

    status = read_json(json, 0, capsule);

    json_decref(json);
    json_decref(core);

    return status;
}


static const test_case_t  test_cores[] = {
    { "the id at its limit", "id", "\"" TEXT_128 "\"", MK_OK },
    { "an id that is too long", "id", "\"" TEXT_128 "x\"",
      MK_INVALID_CAPSULE },
    { "an id with a dot", "id", "\"a.b\"", MK_INVALID_CAPSULE },
    { "version 2", "v", "2", MK_INVALID_CAPSULE },
    { "a version that is a real", "v", "1.0", MK_INVALID_CAPSULE },
    { "a CID in base16", "cid",
      "\"f01551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7"
      "852b855\"", MK_INVALID_CAPSULE },
    { "an owner that is ..", "owner", "\"..\"", MK_INVALID_CAPSULE },
    { "an owner with a slash", "owner", "\"a/b\"", MK_INVALID_CAPSULE },
    { "an owner in UTF-8", "owner", "\"\\u00d6lga\"", MK_OK },
    { "iat of zero", "iat", "0", MK_OK },
    { "iat below zero", "iat", "-1", MK_INVALID_CAPSULE },
    { "iat that is a real", "iat", "1.5", MK_INVALID_CAPSULE },
    { "exp of zero is a time", "exp", "0", MK_OK },
    { "exp below zero", "exp", "-1", MK_INVALID_CAPSULE },
    { "nbf below zero", "nbf", "-1", MK_INVALID_CAPSULE },
    { "a policy", "policyId", "\"p\"", MK_OK },
    { "an empty policy", "policyId", "\"\"", MK_INVALID_CAPSULE },
    { "a vault", "vaultId", "\"v\"", MK_OK },
    { "a vault with a question mark", "vaultId", "\"v?\"",
      MK_INVALID_CAPSULE },
    { "another content", "content.alg", "\"FLOE-A256GCM-SHA385\"",
      MK_INVALID_CAPSULE },
    { "no header", "content.header", "\"\"", MK_INVALID_CAPSULE },
    { "a header of 73 bytes", "content.header",
      "\"AAAAAQAAAAAAI" HEADER_ZEROS "\"", MK_INVALID_CAPSULE },
    { "a header of 75 bytes", "content.header", "\"" HEADER "A\"",
      MK_INVALID_CAPSULE },
    { "a header of 74 bytes with other parameters is the opener's",
      "content.header",
      "\"AQAAAQAAAAAAIA" HEADER_ZEROS "\"", MK_OK },
    { "a payload id at its limit", "content.payloadId", "\"" TEXT_64 "\"",
      MK_OK },
    { "a payload id that is too long", "content.payloadId",
      "\"" TEXT_64 "x\"", MK_INVALID_CAPSULE },
    { "size zero", "content.size", "0", MK_OK },
    { "size below zero", "content.size", "-1", MK_INVALID_CAPSULE },
    { "as many segments as there are", "content.size", "72022409665839104",
      MK_OK },
    { "one byte more", "content.size", "72022409665839105",
      MK_INVALID_CAPSULE },
    { "the largest integer as size", "content.size", "9223372036854775807",
      MK_INVALID_CAPSULE },
    { "an empty name", "content.name", "\"\"", MK_OK },
    { "a name at its limit", "content.name",
      "\"" TEXT_128 TEXT_64 "0123456789abcdef0123456789abcdef0123456789abcdef"
      "0123456789abcde\"", MK_OK },
    { "a name that is too long", "content.name", "\"" TEXT_128 TEXT_128 "\"",
      MK_INVALID_CAPSULE },
    { "a name with a line feed", "content.name", "\"a\\nb\"",
      MK_INVALID_CAPSULE },
    { "a name with a C1 control", "content.name", "\"a\\u0085b\"",
      MK_INVALID_CAPSULE },
    { "a type with a carriage return", "content.type", "\"text/html\\r\"",
      MK_INVALID_CAPSULE },
    { "an unknown member", "x", "{\"y\":[1,2,3]}", MK_OK },
    { "an unknown member of content", "content.x", "null", MK_OK },
    { "a capability for all", "capability", "{\"issuer\":\"i\"}", MK_OK },
    { "a capability without issuer", "capability",
      "{\"actions\":[\"open\"]}", MK_INVALID_CAPSULE },
    { "a capability for no action", "capability",
      "{\"issuer\":\"i\",\"actions\":[]}", MK_INVALID_CAPSULE },
    { "a capability for an unknown action", "capability",
      "{\"issuer\":\"i\",\"actions\":[\"open\",\"print\"]}",
      MK_INVALID_CAPSULE },
    { "a capability's action that is no string", "capability",
      "{\"issuer\":\"i\",\"actions\":[\"open\",null]}", MK_INVALID_CAPSULE },
    { "an action named twice", "capability",
      "{\"issuer\":\"i\",\"actions\":[\"open\",\"open\"]}", MK_OK },
};


static void
test_cores_table(void)
{
    size_t         i;
    mk_capsule_t  *capsule;

    for (i = 0; i < sizeof(test_cores) / sizeof(test_cores[0]); i++) {
        is_status(read_core(test_cores[i].path, test_cores[i].value,
                            &capsule),
                  test_cores[i].want, "payload: %s", test_cores[i].name);
        mk_capsule_free(capsule);
    }
}


/* every member of the payload with a value of every other kind */
static void
test_kinds(void)
{
    static const struct {
        const char  *path;
        const char  *kinds;     /* s string, i integer, b boolean, o object */
        int          required;
    } members[] = {
        { "v", "i", 1 }, { "id", "s", 1 }, { "cid", "s", 1 },
        { "owner", "s", 1 }, { "iat", "i", 1 }, { "exp", "i", 0 },
        { "nbf", "i", 0 }, { "policyId", "s", 0 }, { "vaultId", "s", 0 },
        { "allowDownload", "b", 0 }, { "capability", "o", 0 },
        { "content", "o", 1 }, { "content.alg", "s", 1 },
        { "content.header", "s", 1 }, { "content.payloadId", "s", 1 },
        { "content.size", "i", 1 }, { "content.name", "s", 0 },
        { "content.type", "s", 0 },
    };

    static const struct {
        char         kind;
        const char  *value;
    } values[] = {
        { 's', "\"text\"" }, { 'i', "1" }, { 'r', "1.0" }, { 'b', "true" },
        { 'n', "null" }, { 'a', "[]" }, { 'o', "{}" },
    };

    size_t         i, n, refused, tried;
    mk_status_t    status;
    mk_capsule_t  *capsule;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        refused = 0;
        tried = 0;

        for (n = 0; n < sizeof(values) / sizeof(values[0]); n++) {
            if (values[n].kind == members[i].kinds[0]) {
                continue;
            }

            tried++;
            status = read_core(members[i].path, values[n].value, &capsule);
            refused += status == MK_INVALID_CAPSULE;
            mk_capsule_free(capsule);
        }

        is_int(refused, tried, "%s of another kind", members[i].path);

        is_status(read_core(members[i].path, NULL, &capsule),
                  members[i].required ? MK_INVALID_CAPSULE : MK_OK,
                  "%s missing", members[i].path);
        mk_capsule_free(capsule);
    }
}


static const test_case_t  test_records[] = {
    { "active", "status.state", "\"active\"", MK_OK },
    { "revoked", "status.state", "\"revoked\"", MK_OK },
    { "revoked at a time", "status.revokedAt", "1700000000", MK_OK },
    { "revoked at no time", "status.revokedAt", "null",
      MK_METADATA_PROVIDER_ERROR },
    { "revoked before all time", "status.revokedAt", "-1",
      MK_METADATA_PROVIDER_ERROR },
    { "no state", "status.state", NULL, MK_METADATA_PROVIDER_ERROR },
    { "state null", "status.state", "null", MK_METADATA_PROVIDER_ERROR },
    { "an unknown state", "status.state", "\"paused\"",
      MK_METADATA_PROVIDER_ERROR },
    { "a state with something behind it", "status.state", "\"active \"",
      MK_METADATA_PROVIDER_ERROR },
    { "no status", "status", NULL, MK_METADATA_PROVIDER_ERROR },
    { "a status that is a string", "status", "\"active\"",
      MK_METADATA_PROVIDER_ERROR },
    { "no capsule", "capsule", NULL, MK_METADATA_PROVIDER_ERROR },
    { "a capsule that is a string", "capsule", "\"x\"",
      MK_METADATA_PROVIDER_ERROR },
    { "an unknown member", "x", "1", MK_OK },
    { "an empty capsule", "capsule", "{}", MK_INVALID_CAPSULE },
    { "an unknown member of the capsule", "capsule.x", "1", MK_OK },
    { "no profile", "capsule.profile", NULL, MK_INVALID_CAPSULE },
    { "another profile", "capsule.profile", "\"meshkit-gateway/2\"",
      MK_INVALID_CAPSULE },
    { "no payload", "capsule.payload", NULL, MK_INVALID_CAPSULE },
    { "an empty payload", "capsule.payload", "\"\"", MK_INVALID_CAPSULE },
    { "no protected header", "capsule.protected", NULL, MK_INVALID_CAPSULE },
    { "no signature", "capsule.signature", NULL, MK_INVALID_CAPSULE },
    { "an unprotected header", "capsule.header", "{}", MK_INVALID_CAPSULE },
    { "an unprotected header that is null", "capsule.header", "null",
      MK_INVALID_CAPSULE },
    { "the general form beside it", "capsule.signatures", "[]",
      MK_INVALID_CAPSULE },
    { "no wraps", "capsule.wraps", NULL, MK_INVALID_CAPSULE },
    { "wraps that are an object", "capsule.wraps", "{}",
      MK_INVALID_CAPSULE },
    { "a list of no wraps", "capsule.wraps", "[]", MK_OK },
    { "a wrap that is null", "capsule.wraps", "[null]", MK_INVALID_CAPSULE },
};


static void
test_records_table(void)
{
    size_t         i;
    json_t        *core, *record;
    mk_capsule_t  *capsule;

    for (i = 0; i < sizeof(test_records) / sizeof(test_records[0]); i++) {
        core = json_loads(test_core, 0, NULL);
        record = json_pack("{s:o, s:{s:s}}", "capsule", seal(core),
                           "status", "state", "revoked");
        change(record, test_records[i].path, test_records[i].value);

        is_status(read_json(record, 1, &capsule), test_records[i].want,
                  "record: %s", test_records[i].name);

        mk_capsule_free(capsule);
        json_decref(record);
        json_decref(core);
    }
}


/* the wrap with one member changed, as somebody else's */
static mk_status_t
read_wrap(const char *name, const char *value)
{
    json_t        *core, *json, *wrap;
    mk_status_t    status;
    mk_capsule_t  *capsule;

    core = json_loads(test_core, 0, NULL);
    json = seal(core);
    wrap = json_array_get(json_object_get(json, "wraps"), 0);
    change(wrap, name, value);

    status = read_json(json, 0, &capsule);

    mk_capsule_free(capsule);
    json_decref(json);
    json_decref(core);

    return status;
}


static void
test_wrap_members(void)
{
    static const char *const  members[] = {
        "recipient", "kid", "alg", "enc", "ct"
    };

    size_t  i;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        is_status(read_wrap(members[i], NULL), MK_INVALID_CAPSULE,
                  "a wrap without %s", members[i]);
        is_status(read_wrap(members[i], "null"), MK_INVALID_CAPSULE,
                  "a wrap whose %s is null", members[i]);
        is_status(read_wrap(members[i], "1"), MK_INVALID_CAPSULE,
                  "a wrap whose %s is a number", members[i]);
    }

    is_status(read_wrap("kid", "\"\""), MK_INVALID_CAPSULE,
              "a wrap whose kid is empty");
    is_status(read_wrap("recipient", "\"a/b\""), MK_INVALID_CAPSULE,
              "a wrap whose recipient is no identity");
    is_status(read_wrap("alg", "\"X-FUTURE\""), MK_OK,
              "a wrap of an unknown algorithm");
    is_status(read_wrap("enc", "\"=\""), MK_OK,
              "a wrap whose enc is no base64url, until it is opened");
    is_status(read_wrap("x", "[]"), MK_OK, "a wrap with an unknown member");
}


static mk_bytes_t
bytes(const char *text)
{
    mk_bytes_t  out;

    out.data = (const uint8_t *) text;
    out.len = strlen(text);

    return out;
}


static void
test_wraps(void)
{
    char              name[32];
    int               i;
    json_t           *core, *json, *wraps, *wrap;
    mk_capsule_t     *capsule;
    const mk_wrap_t  *found;

    core = json_loads(test_core, 0, NULL);
    json = seal(core);
    wraps = json_object_get(json, "wraps");

    for (i = 1; i < MK_CAPSULE_WRAPS_MAX; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        wrap = json_loads(test_wrap, 0, NULL);
        json_object_set_new(wrap, "recipient", json_string(name));
        json_array_append_new(wraps, wrap);
    }

    is_status(read_json(json, 0, &capsule), MK_OK, "256 wraps");
    is_int(capsule->nwraps, MK_CAPSULE_WRAPS_MAX, "all are there");
    is_status(mk_capsule_find_wrap(capsule, bytes("r255"), bytes("k1"),
                                   &found),
              MK_OK, "the last is found");
    is_mem(found->recipient.data, found->recipient.len, "r255", 4,
           "by its name");
    is_status(mk_capsule_find_wrap(capsule, bytes("r25"), bytes("k"),
                                   &found),
              MK_RECIPIENT_NOT_AUTHORIZED, "not for another kid");
    ok(found == NULL, "which gives none");
    is_status(mk_capsule_find_wrap(capsule, bytes("Alice"), bytes("k1"),
                                   &found),
              MK_RECIPIENT_NOT_AUTHORIZED, "not for another name");
    mk_capsule_free(capsule);

    json_array_append_new(wraps, json_loads(test_wrap, 0, NULL));
    is_status(read_json(json, 0, &capsule), MK_INVALID_CAPSULE, "257 wraps");

    json_array_remove(wraps, 1);
    is_status(read_json(json, 0, &capsule), MK_OK, "two of one key");
    is_status(mk_capsule_find_wrap(capsule, bytes("alice"), bytes("k1"),
                                   &found),
              MK_INVALID_CAPSULE, "which nobody can tell apart");
    ok(found == NULL, "and none is given");
    mk_capsule_free(capsule);

    json_decref(json);
    json_decref(core);
}


static void
test_values(void)
{
    uint8_t            aad[MK_CAPSULE_AAD_MAX];
    size_t             len;
    mk_capsule_t      *capsule;
    static const char  want[] = "meshkit/payload/1\0pay_1";

    read_core("capability", "{\"issuer\":\"i\",\"actions\":[\"download\"]}",
              &capsule);
    is_int(mk_capsule_requires_token(capsule, MK_ACTION_OPEN), 0,
           "no token to open");
    is_int(mk_capsule_requires_token(capsule, MK_ACTION_DOWNLOAD), 1,
           "a token to download");
    is_int(capsule->allow_download, 1, "downloads are allowed by default");
    is_int(capsule->has_exp, 0, "no exp");
    is_int(capsule->size, 120, "size");
    is_int(capsule->policy_id.len, 0, "no policy");
    is_mem(capsule->id.data, capsule->id.len, "cap_1", 5, "id");
    is_int(mk_capsule_segment_length(capsule->header), 65536,
           "segment length");
    is_int(mk_capsule_body_size(capsule), 152, "one segment around it");

    len = mk_capsule_floe_aad(capsule, aad);
    is_mem(aad, len, want, sizeof(want) - 1, "FLOE's aad");
    mk_capsule_free(capsule);

    read_core("content.payloadId", "\"" TEXT_64 "\"", &capsule);
    is_int(mk_capsule_floe_aad(capsule, aad), MK_CAPSULE_AAD_MAX,
           "the longest aad");
    mk_capsule_free(capsule);

    read_core("allowDownload", "false", &capsule);
    is_int(capsule->allow_download, 0, "downloads are refused");
    is_int(mk_capsule_requires_token(capsule, MK_ACTION_OPEN)
           + mk_capsule_requires_token(capsule, MK_ACTION_DOWNLOAD), 0,
           "no token where no capability is named");
    mk_capsule_free(capsule);

    read_core("exp", "0", &capsule);
    is_int(capsule->has_exp, 1, "an exp of zero is there");
    mk_capsule_free(capsule);

    read_core("capability", "{\"issuer\":\"i\"}", &capsule);
    is_int(mk_capsule_requires_token(capsule, MK_ACTION_OPEN), 1,
           "a token for all: to open");
    is_int(mk_capsule_requires_token(capsule, MK_ACTION_DOWNLOAD), 1,
           "and to download");
    mk_capsule_free(capsule);

    read_core("content.size", "65504", &capsule);
    is_int(mk_capsule_body_size(capsule), 65536, "a full segment");
    mk_capsule_free(capsule);

    read_core("content.size", "65505", &capsule);
    is_int(mk_capsule_body_size(capsule), 65569, "and a byte more");
    mk_capsule_free(capsule);

    read_core("content.size", "72022409665839104", &capsule);
    ok(mk_capsule_body_size(capsule) == UINT64_C(72057594037927936),
       "the largest body is 2^56 bytes");
    mk_capsule_free(capsule);
}


static void
test_actions(void)
{
    mk_action_t  action;

    is_int(mk_action_parse(bytes("open"), &action), 1, "open");
    is_int(action, MK_ACTION_OPEN, "is open");
    is_int(mk_action_parse(bytes("download"), &action), 1, "download");
    is_int(action, MK_ACTION_DOWNLOAD, "is download");
    is_int(mk_action_parse(bytes("Open"), &action), 0, "Open is not");
    is_int(mk_action_parse(bytes("downloads"), &action), 0, "nor downloads");
    is_int(mk_action_parse(bytes(""), &action), 0, "nor nothing");
    is_str(mk_action_name(MK_ACTION_OPEN), "open", "its name");
    is_str(mk_action_name(MK_ACTION_DOWNLOAD), "download", "the other's");
}


int
main(void)
{
    test_owner = mk_key_generate(MK_KEY_ED25519);

    test_cores_table();
    test_kinds();
    test_records_table();
    test_wrap_members();
    test_wraps();
    test_values();
    test_actions();

    mk_key_free(test_owner);

    return tap_done();
}
