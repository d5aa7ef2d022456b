/*
 * fuzz_capsule: records from nowhere, and records that are well signed.
 *
 * A byte that says which; then a record or a capsule, or parts set apart by
 * NULs (none: the right one): protected header, status, wraps; at last the
 * core JSON, which is signed by a trusted owner and wrapped for alice.
 */

#include "fuzz.h"
#include "mk_author.h"
#include "mk_checks.h"
#include "mk_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define NOW  1767225600

static mk_keyring_t  *ring;
static mk_secret_t   *data_key;


static void
prepare(void)
{
    size_t       i, len;
    char        *pem;
    mk_key_t    *key;
    const char  *why;

    static const char *const  names[] = { "alice", "bob" };

    if (ring != NULL) {
        return;
    }

    ring = mk_keyring_create();
    data_key = mk_secret_create(MK_FLOE_KEY);
    mk_secret_bytes(data_key)[0] = 1;

    for (i = 0; i < 2; i++) {
        FUZZ_HOLDS(mk_key_to_pem(fuzz_key(names[i]), &pem, &len));
        key = mk_key_from_pem(pem, len, &why);
        mk_key_wipe(pem, len);
        FUZZ_HOLDS(mk_keyring_add(ring, names[i], key) == MK_OK);
    }
}


/* everything that a reader lets in */
static void
check_capsule(const mk_capsule_t *capsule)
{
    size_t  i;

    FUZZ_HOLDS(mk_name_is_id(capsule->id));
    FUZZ_HOLDS(mk_name_is_identity(capsule->owner));
    FUZZ_HOLDS(mk_name_is_payload_id(capsule->payload_id));
    FUZZ_HOLDS(capsule->policy_id.data == NULL
               || mk_name_is_identity(capsule->policy_id));
    FUZZ_HOLDS(capsule->vault_id.data == NULL
               || mk_name_is_identity(capsule->vault_id));
    FUZZ_HOLDS(mk_name_is_text(capsule->name, MK_CAPSULE_TEXT_MAX));
    FUZZ_HOLDS(mk_name_is_text(capsule->type, MK_CAPSULE_TEXT_MAX));
    FUZZ_HOLDS(capsule->iat >= 0 && capsule->exp >= 0 && capsule->nbf >= 0);
    FUZZ_HOLDS(capsule->has_capability
               || (!capsule->capability_open
                   && !capsule->capability_download));
    FUZZ_HOLDS(!capsule->has_capability
               || mk_name_is_identity(capsule->capability_issuer));
    FUZZ_HOLDS(capsule->nwraps <= MK_CAPSULE_WRAPS_MAX);
    FUZZ_HOLDS(mk_capsule_body_size(capsule) == 0
               || mk_capsule_body_size(capsule) > capsule->size);
    FUZZ_HOLDS(mk_capsule_body_size(capsule) <= INT64_MAX);

    for (i = 0; i < capsule->nwraps; i++) {
        FUZZ_HOLDS(mk_name_is_identity(capsule->wraps[i].recipient));
    }
}


static int
same_text(mk_bytes_t a, mk_bytes_t b)
{
    return mk_bytes_equal(a, b);
}


static void
check_same(const mk_capsule_t *a, const mk_capsule_t *b)
{
    FUZZ_HOLDS(same_text(a->id, b->id));
    FUZZ_HOLDS(same_text(a->owner, b->owner));
    FUZZ_HOLDS(same_text(a->policy_id, b->policy_id));
    FUZZ_HOLDS(same_text(a->vault_id, b->vault_id));
    FUZZ_HOLDS(same_text(a->capability_issuer, b->capability_issuer));
    FUZZ_HOLDS(same_text(a->payload_id, b->payload_id));
    FUZZ_HOLDS(same_text(a->name, b->name));
    FUZZ_HOLDS(same_text(a->type, b->type));
    FUZZ_HOLDS(mk_cid_equal(&a->cid, &b->cid));
    FUZZ_HOLDS(memcmp(a->header, b->header, MK_FLOE_HEADER) == 0);
    FUZZ_HOLDS(a->size == b->size && a->iat == b->iat && a->exp == b->exp
               && a->nbf == b->nbf);
    FUZZ_HOLDS(a->has_capability == b->has_capability
               && a->allow_download == b->allow_download);
}


static const char *
chars(mk_bytes_t text)
{
    return (const char *) text.data;
}


/* an author who writes what was read writes what reads the same */
static void
check_author(const mk_capsule_t *capsule)
{
    char               *text;
    size_t              len;
    json_t             *json;
    const char         *why;
    mk_capsule_t       *again;
    mk_author_facts_t   facts;

    if (mk_capsule_segment_length(capsule->header) == 0) {
        return;
    }

    memset(&facts, 0, sizeof(facts));
    facts.id = chars(capsule->id);
    facts.cid = &capsule->cid;
    facts.owner = chars(capsule->owner);
    facts.iat = capsule->iat;
    facts.exp = capsule->exp;
    facts.nbf = capsule->nbf;
    facts.policy_id = chars(capsule->policy_id);
    facts.vault_id = chars(capsule->vault_id);
    facts.capability_issuer = chars(capsule->capability_issuer);
    facts.capability_open = capsule->capability_open;
    facts.capability_download = capsule->capability_download;
    facts.deny_download = !capsule->allow_download;
    facts.payload_id = chars(capsule->payload_id);
    facts.header = capsule->header;
    facts.size = capsule->size;
    facts.name = chars(capsule->name);
    facts.type = chars(capsule->type);

    FUZZ_HOLDS(mk_author_capsule(&facts, fuzz_key("owner-ed25519"), data_key,
                                 NULL, 0, &json, &why)
               == MK_OK);
    text = mk_json_print(json, &len);
    FUZZ_HOLDS(mk_capsule_read(fuzz_bytes(text, len), &again) == MK_OK);
    check_same(capsule, again);

    /* both actions and neither flag are one thing to an author */

    if (capsule->capability_open || capsule->capability_download) {
        FUZZ_HOLDS(capsule->capability_open == again->capability_open);
        FUZZ_HOLDS(capsule->capability_download
                   == again->capability_download);
    }

    mk_capsule_free(again);
    free(text);
    json_decref(json);
}


/* each fact that is not as it should be is the first refusal, in order */
static void
check_refusals(const mk_checks_facts_t *facts)
{
    const char         *why;
    mk_status_t         status;
    mk_checks_facts_t   other;
    mk_checks_found_t   found;

    other = *facts;
    other.id = fuzz_text("another");
    status = mk_checks_local(&other, &found, &why);
    FUZZ_HOLDS(status == MK_INVALID_CAPSULE
               || mk_bytes_equal(other.id, facts->id));

    other = *facts;
    other.owners = NULL;
    other.insecure_any_owner = 0;
    FUZZ_HOLDS(mk_checks_local(&other, &found, &why) == MK_INVALID_CAPSULE);
    FUZZ_HOLDS(found.wrap == NULL);

    other = *facts;
    other.identity = fuzz_text("nobody");
    FUZZ_HOLDS(mk_checks_local(&other, &found, &why) != MK_OK);

    /* at its end, and one second before its begin, it is closed */

    if (facts->capsule->has_exp) {
        other = *facts;
        other.now = facts->capsule->exp;
        FUZZ_HOLDS(mk_checks_local(&other, &found, &why) != MK_OK);
    }

    if (facts->capsule->has_nbf) {
        other = *facts;
        other.now = facts->capsule->nbf - 1;
        FUZZ_HOLDS(mk_checks_local(&other, &found, &why) != MK_OK);
    }
}


/* checks and unwrap; "ours": the one wrap is this target's own */
static void
check_open(const mk_capsule_t *capsule, int any_owner, int ours)
{
    const char         *why;
    mk_status_t         status;
    mk_secret_t        *key;
    mk_checks_facts_t   facts;
    mk_checks_found_t   found;

    memset(&facts, 0, sizeof(facts));
    facts.capsule = capsule;
    facts.id = capsule->id;
    facts.identity = fuzz_text("alice");
    facts.action = any_owner ? MK_ACTION_DOWNLOAD : MK_ACTION_OPEN;
    facts.owners = any_owner ? NULL : fuzz_owners();
    facts.insecure_any_owner = any_owner != 0;
    facts.keyring = ring;
    facts.now = NOW;
    facts.max_size = 1 << 30;

    check_refusals(&facts);
    status = mk_checks_local(&facts, &found, &why);
    FUZZ_HOLDS(status < MK_INTERNAL_ERROR);

    if (status != MK_OK) {
        FUZZ_HOLDS(found.key == NULL && found.wrap == NULL && why != NULL);
        return;
    }

    FUZZ_HOLDS(why == NULL && !capsule->revoked);
    FUZZ_HOLDS(!capsule->has_exp || capsule->exp > NOW);
    FUZZ_HOLDS(!capsule->has_nbf || capsule->nbf <= NOW);
    FUZZ_HOLDS(capsule->size <= 1 << 30);
    FUZZ_HOLDS(!any_owner || capsule->allow_download);
    FUZZ_HOLDS(same_text(found.wrap->recipient, facts.identity));

    status = mk_capsule_unwrap(capsule, found.wrap, found.key, &key);
    FUZZ_HOLDS((status == MK_OK) == (key != NULL));
    FUZZ_HOLDS(status < MK_INTERNAL_ERROR);
    FUZZ_HOLDS(!ours || (status == MK_OK && mk_secret_equal(key, data_key)));

    mk_secret_free(key);
}


static void
read_text(mk_bytes_t text, int is_record, int ours)
{
    uint8_t       *copy;
    mk_status_t    status;
    mk_capsule_t  *capsule;

    copy = fuzz_copy(text);
    text.data = copy;
    status = is_record ? mk_capsule_read_record(text, &capsule)
                       : mk_capsule_read(text, &capsule);

    FUZZ_HOLDS((status == MK_OK) == (capsule != NULL));
    FUZZ_HOLDS(status == MK_OK || status == MK_INVALID_CAPSULE
               || (is_record && status == MK_METADATA_PROVIDER_ERROR));

    /* what was read owns its texts */

    free(copy);

    if (capsule != NULL) {
        check_capsule(capsule);
        check_author(capsule);
        check_open(capsule, 0, ours);
        check_open(capsule, 1, ours);
    }

    mk_capsule_free(capsule);
}


static char *
wraps_for(const char *payload)
{
    char        *text;
    size_t       len;
    json_t      *wrap, *list;
    const char  *why;

    FUZZ_HOLDS(mk_wrap_seal("alice", fuzz_key("alice"), fuzz_text(payload),
                            data_key, &wrap, &why)
               == MK_OK);
    list = json_pack("{s:[o]}", "wraps", wrap);
    text = mk_json_print(list, &len);
    json_decref(list);

    /* what stands between the braces */

    text[len - 1] = '\0';

    return text;
}


static char *
text_of(mk_bytes_t part, const char *before, const char *otherwise)
{
    char    *text;
    size_t   size;

    size = strlen(before) + part.len + strlen(otherwise) + 1;
    text = malloc(size);
    snprintf(text, size, "%s%.*s", before, (int) part.len,
             part.len == 0 ? "" : (const char *) part.data);

    if (part.len == 0) {
        snprintf(text, size, "%s", otherwise);
    }

    return text;
}


static void
read_signed(mk_bytes_t in)
{
    char        *compact, *payload, *signature, *status, *wraps, *own, *text;
    char         standard[256];
    size_t       size;
    mk_bytes_t   header, state, list;

    header = fuzz_part(&in);
    state = fuzz_part(&in);
    list = fuzz_part(&in);

    snprintf(standard, sizeof(standard),
             "{\"alg\":\"Ed25519\",\"kid\":\"%s\",\"typ\":\"%s\"}",
             mk_key_kid(fuzz_key("owner-ed25519")), MK_PROFILE_TYP);

    compact = fuzz_compact(header.len > 0 ? header : fuzz_text(standard), in,
                           fuzz_key("owner-ed25519"), NULL);
    payload = strchr(compact, '.');
    *payload++ = '\0';
    signature = strchr(payload, '.');
    *signature++ = '\0';

    own = wraps_for(payload);
    wraps = text_of(list, "\"wraps\":", own + 1);
    status = text_of(state, "", "{\"state\":\"active\"}");

    size = strlen(compact) + strlen(payload) + strlen(signature)
           + strlen(wraps) + strlen(status) + 256;
    text = malloc(size);
    snprintf(text, size,
             "{\"capsule\":{\"profile\":\"" MK_PROFILE_NAME "\","
             "\"payload\":\"%s\",\"protected\":\"%s\",\"signature\":\"%s\","
             "%s},\"status\":%s}",
             payload, compact, signature, wraps, status);

    read_text(fuzz_text(text), 1, list.len == 0);

    free(text);
    free(status);
    free(wraps);
    free(own);
    free(compact);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mk_bytes_t  in;

    prepare();
    in = fuzz_bytes(data, size);

    switch (fuzz_byte(&in) % 4) {

    case 0:
        read_text(in, 1, 0);
        break;

    case 1:
        read_text(in, 0, 0);
        break;

    default:
        read_signed(in);
        break;
    }

    return 0;
}
