/*
 * mk_author: writing what mk_capsule reads.
 *
 * A fact is judged by the readers themselves: the payload by mk_payload
 * before it is signed, the whole as a record after it was put together.
 */

#include "mk_author.h"

#include "mk_base.h"
#include "mk_payload.h"
#include "mk_wrap.h"

#include <stdlib.h>
#include <string.h>


/* an optional text; NULL: absent */
static void
mk_author_text(json_t *object, const char *name, const char *text,
    int *failed)
{
    if (text != NULL) {
        mk_json_set(object, name, json_string(text), failed);
    }
}


/* an optional time; 0: absent */
static void
mk_author_time(json_t *object, const char *name, int64_t value, int *failed)
{
    if (value != 0) {
        mk_json_set(object, name, json_integer(value), failed);
    }
}


/*
 * Both actions or neither flag: "actions" is left out, which means "for
 * all".
 */
static void
mk_author_capability(json_t *object, const mk_author_facts_t *facts,
    int *failed)
{
    json_t  *capability;

    if (facts->capability_issuer == NULL) {
        return;
    }

    if (facts->capability_open == facts->capability_download) {
        capability = json_pack("{s:s}", "issuer", facts->capability_issuer);

    } else {
        capability = json_pack("{s:s, s:[s]}",
                               "issuer", facts->capability_issuer,
                               "actions",
                               facts->capability_open ? "open" : "download");
    }

    mk_json_set(object, "capability", capability, failed);
}


static json_t *
mk_author_content(const mk_author_facts_t *facts, int *failed)
{
    char     header[MK_BASE64URL_LEN(MK_FLOE_HEADER) + 1];
    json_t  *content;

    mk_base64url_encode(facts->header, MK_FLOE_HEADER, header,
                        sizeof(header));

    content = json_pack("{s:s, s:s, s:s, s:I}",
                        "alg", MK_PROFILE_CONTENT,
                        "header", header,
                        "payloadId", facts->payload_id,
                        "size", (json_int_t) facts->size);

    mk_author_text(content, "name", facts->name, failed);
    mk_author_text(content, "type", facts->type, failed);

    return content;
}


/* the core JSON, owned; NULL if there is no memory */
static char *
mk_author_payload(const mk_author_facts_t *facts, size_t *len)
{
    int      failed;
    char    *text, cid[MK_CID_PRINT_MAX];
    json_t  *json;

    failed = 0;
    mk_cid_print(facts->cid, cid);

    json = json_pack("{s:i, s:s, s:s, s:s, s:I}",
                     "v", MK_PROFILE_VERSION,
                     "id", facts->id,
                     "cid", cid,
                     "owner", facts->owner,
                     "iat", (json_int_t) facts->iat);

    mk_author_time(json, "exp", facts->exp, &failed);
    mk_author_time(json, "nbf", facts->nbf, &failed);
    mk_author_text(json, "policyId", facts->policy_id, &failed);
    mk_author_text(json, "vaultId", facts->vault_id, &failed);
    mk_author_capability(json, facts, &failed);

    if (facts->deny_download) {
        mk_json_set(json, "allowDownload", json_false(), &failed);
    }

    mk_json_set(json, "content", mk_author_content(facts, &failed), &failed);

    text = failed ? NULL : mk_json_print(json, len);

    json_decref(json);

    return text;
}


/* 1 if what must be there is there, and all of it is text */
static int
mk_author_is_complete(const mk_author_facts_t *facts)
{
    size_t       i;
    mk_bytes_t   text;
    const char  *texts[] = {
        facts->id, facts->owner, facts->payload_id,
        facts->policy_id, facts->vault_id, facts->capability_issuer,
        facts->name, facts->type
    };

    if (facts->id == NULL || facts->owner == NULL || facts->cid == NULL
        || facts->payload_id == NULL || facts->header == NULL)
    {
        return 0;
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] == NULL) {
            continue;
        }

        text.data = (const uint8_t *) texts[i];
        text.len = strlen(texts[i]);

        if (!mk_name_is_utf8(text)) {
            return 0;
        }
    }

    return 1;
}


/* what the reader of a payload cannot see, or jansson cannot write */
static const char *
mk_author_refuses(const mk_author_facts_t *facts, const mk_key_t *owner_key)
{
    if (!mk_author_is_complete(facts)) {
        return "a fact is missing or is not UTF-8";
    }

    if (facts->capability_issuer == NULL
        && (facts->capability_open || facts->capability_download))
    {
        return "a capability needs an issuer";
    }

    if (facts->size > INT64_MAX) {
        return "\"content.size\" is more than can be sealed";
    }

    if (mk_capsule_segment_length(facts->header) == 0) {
        return "\"content.header\" has parameters that no reader takes";
    }

    if (!mk_key_is_private(owner_key)
        || (mk_key_type(owner_key) != MK_KEY_ED25519
            && mk_key_type(owner_key) != MK_KEY_P256))
    {
        return "the owner's key cannot sign";
    }

    return NULL;
}


/* the payload through the eyes of its reader */
static mk_status_t
mk_author_check_payload(mk_bytes_t payload, const char **why)
{
    mk_status_t    status;
    mk_capsule_t  *capsule;

    capsule = calloc(1, sizeof(mk_capsule_t));
    if (capsule == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = mk_payload_read(payload, capsule, why);

    mk_capsule_free(capsule);

    return status == MK_INVALID_CAPSULE ? MK_INVALID_REQUEST : status;
}


/* every wrap must be the only one of its recipient and key */
static int
mk_author_wraps_are_single(const mk_capsule_t *capsule)
{
    size_t            i;
    const mk_wrap_t  *wrap, *found;

    for (i = 0; i < capsule->nwraps; i++) {
        wrap = &capsule->wraps[i];

        if (mk_capsule_find_wrap(capsule, wrap->recipient, wrap->kid, &found)
            != MK_OK)
        {
            return 0;
        }
    }

    return 1;
}


/* the whole through the eyes of its reader, as the record that it will be */
static mk_status_t
mk_author_check(json_t *json, const char **why)
{
    char          *text;
    json_t        *record;
    mk_bytes_t     bytes;
    mk_status_t    status;
    mk_capsule_t  *capsule;

    record = mk_author_record(json, INT64_MAX);
    text = record == NULL ? NULL : mk_json_print(record, &bytes.len);
    json_decref(record);

    if (text == NULL) {
        return MK_INTERNAL_ERROR;
    }

    bytes.data = (const uint8_t *) text;

    status = mk_capsule_read_record(bytes, &capsule);

    if (status == MK_OK) {
        if (!mk_author_wraps_are_single(capsule)) {
            *why = "a recipient's key stands twice";
            status = MK_INVALID_REQUEST;
        }

        mk_capsule_free(capsule);

    } else if (status != MK_INTERNAL_ERROR) {
        *why = bytes.len > MK_JSON_MAX
               ? "the record is larger than a reader takes"
               : "no reader takes this capsule";
        status = MK_INVALID_REQUEST;
    }

    free(text);

    return status;
}


/* a signed capsule without wraps */
static mk_status_t
mk_author_sign(mk_bytes_t payload, const mk_key_t *owner_key,
    json_t **capsule)
{
    char         *protected_text, *payload_text, *signature_text;
    mk_status_t   status;

    *capsule = NULL;

    status = mk_jws_sign(owner_key, MK_PROFILE_TYP, payload, &protected_text,
                         &payload_text, &signature_text);
    if (status != MK_OK) {
        return status;
    }

    *capsule = json_pack("{s:s, s:s, s:s, s:s, s:[]}",
                         "profile", MK_PROFILE_NAME,
                         "payload", payload_text,
                         "protected", protected_text,
                         "signature", signature_text,
                         "wraps");

    free(signature_text);
    free(payload_text);
    free(protected_text);

    return *capsule == NULL ? MK_INTERNAL_ERROR : MK_OK;
}


/* appends one wrap to the list of a capsule */
static mk_status_t
mk_author_append(json_t *capsule, const mk_secret_t *data_key,
    const mk_author_recipient_t *recipient, const char **why)
{
    json_t       *wrap;
    mk_bytes_t    payload_text;
    mk_status_t   status;

    if (mk_json_string(capsule, "payload", &payload_text) != 1) {
        *why = "no reader takes this capsule";
        return MK_INVALID_REQUEST;
    }

    status = mk_wrap_seal(recipient->identity, recipient->key, payload_text,
                          data_key, &wrap, why);
    if (status != MK_OK) {
        return status;
    }

    if (json_array_append_new(json_object_get(capsule, "wraps"), wrap) != 0) {
        return MK_INTERNAL_ERROR;
    }

    return MK_OK;
}


mk_status_t
mk_author_capsule(const mk_author_facts_t *facts, const mk_key_t *owner_key,
    const mk_secret_t *data_key, const mk_author_recipient_t *recipients,
    size_t nrecipients, json_t **capsule, const char **why)
{
    char         *text;
    size_t        i;
    mk_bytes_t    payload;
    mk_status_t   status;

    *capsule = NULL;

    *why = mk_author_refuses(facts, owner_key);
    if (*why != NULL) {
        return MK_INVALID_REQUEST;
    }

    text = mk_author_payload(facts, &payload.len);
    if (text == NULL) {
        return MK_INTERNAL_ERROR;
    }

    payload.data = (const uint8_t *) text;

    status = mk_author_check_payload(payload, why);

    if (status == MK_OK) {
        status = mk_author_sign(payload, owner_key, capsule);
    }

    free(text);

    for (i = 0; status == MK_OK && i < nrecipients; i++) {
        status = mk_author_append(*capsule, data_key, &recipients[i], why);
    }

    if (status == MK_OK) {
        status = mk_author_check(*capsule, why);
    }

    if (status != MK_OK) {
        json_decref(*capsule);
        *capsule = NULL;
    }

    return status;
}


/*
 * A shallow copy of an object or an array, owned; NULL if there is no memory.
 * json_copy leaves out what it has no memory for, and says nothing.
 */
static json_t *
mk_author_copy(json_t *value)
{
    json_t  *copy;

    copy = json_copy(value);

    if (json_object_size(copy) != json_object_size(value)
        || json_array_size(copy) != json_array_size(value))
    {
        json_decref(copy);
        return NULL;
    }

    return copy;
}


/* drops the wraps of recipient, so that a new one takes their place */
static void
mk_author_drop(json_t *wraps, const mk_author_recipient_t *recipient)
{
    size_t         i;
    const json_t  *wrap;

    for (i = json_array_size(wraps); i > 0; i--) {
        wrap = json_array_get(wraps, i - 1);

        if (mk_json_is(wrap, "recipient", recipient->identity)
            && mk_json_is(wrap, "kid", mk_key_thumbprint(recipient->key)))
        {
            json_array_remove(wraps, i - 1);
        }
    }
}


mk_status_t
mk_author_add_wrap(json_t *capsule, const mk_secret_t *data_key,
    const mk_author_recipient_t *recipient, const char **why)
{
    json_t       *copy, *wraps;
    mk_status_t   status;

    *why = NULL;

    if (!json_is_array(json_object_get(capsule, "wraps"))) {
        *why = "no reader takes this capsule";
        return MK_INVALID_REQUEST;
    }

    /* the capsule is as it was until the new one has been read */
    copy = mk_author_copy(capsule);
    wraps = mk_author_copy(json_object_get(capsule, "wraps"));

    if (copy == NULL || wraps == NULL) {
        json_decref(wraps);
        json_decref(copy);
        return MK_INTERNAL_ERROR;
    }

    mk_author_drop(wraps, recipient);

    status = json_object_set(copy, "wraps", wraps) == 0
             ? mk_author_append(copy, data_key, recipient, why)
             : MK_INTERNAL_ERROR;

    if (status == MK_OK) {
        status = mk_author_check(copy, why);
    }

    if (status == MK_OK && json_object_set(capsule, "wraps", wraps) != 0) {
        status = MK_INTERNAL_ERROR;
    }

    json_decref(wraps);
    json_decref(copy);

    return status;
}


json_t *
mk_author_record(json_t *capsule, int64_t revoked_at)
{
    if (revoked_at == 0) {
        return json_pack("{s:O, s:{s:s}}", "capsule", capsule,
                         "status", "state", "active");
    }

    return json_pack("{s:O, s:{s:s, s:I}}", "capsule", capsule,
                     "status", "state", "revoked",
                     "revokedAt", (json_int_t) revoked_at);
}
