/*
 * mk_decision: the question to a policy service and its answer.
 */

#include "mk_decision.h"
#include "mk_time.h"

#include <stdlib.h>
#include <string.h>


/* of a media type whose syntax is JSON (RFC 6839) */
#define MK_DECISION_SUFFIX      "+json"
#define MK_DECISION_SUFFIX_LEN  (sizeof(MK_DECISION_SUFFIX) - 1)


static void
mk_decision_text(json_t *object, const char *name, mk_bytes_t text,
    int *failed)
{
    if (text.len > 0) {
        mk_json_set(object, name,
                        json_stringn((const char *) text.data, text.len),
                        failed);
    }
}


static void
mk_decision_cid(json_t *object, const mk_cid_t *cid, int *failed)
{
    char        text[MK_CID_PRINT_MAX];
    mk_bytes_t  bytes;

    bytes.data = (const uint8_t *) text;
    bytes.len = mk_cid_print(cid, text);

    mk_decision_text(object, "cid", bytes, failed);
}


/* what the token allows; nothing where none was needed */
static void
mk_decision_capability(json_t *object, const mk_decision_facts_t *facts,
    int *failed)
{
    json_t  *capability, *actions;

    if (facts->capability_jti == NULL) {
        return;
    }

    actions = json_array();

    if (facts->capability_open
        && json_array_append_new(actions, json_string("open")) != 0)
    {
        *failed = 1;
    }

    if (facts->capability_download
        && json_array_append_new(actions, json_string("download")) != 0)
    {
        *failed = 1;
    }

    capability = json_object();

    mk_json_set(capability, "jti", json_string(facts->capability_jti),
                    failed);
    mk_json_set(capability, "actions", actions, failed);
    mk_json_set(object, "capability", capability, failed);
}


static void
mk_decision_time(json_t *object, int64_t now, int *failed)
{
    char  text[MK_TIME_TEXT + 1];

    if (!mk_time_print(now, text)) {
        *failed = 1;
        return;
    }

    memcpy(text + MK_TIME_TEXT - 1, "Z", sizeof("Z"));
    mk_json_set(object, "time", json_string(text), failed);
}


static json_t *
mk_decision_subject(const mk_decision_facts_t *facts, int *failed)
{
    json_t  *subject, *properties;

    properties = json_object();
    mk_decision_text(properties, "openAs", facts->identity, failed);

    subject = json_object();
    mk_json_set(subject, "type", json_string("identity"), failed);
    mk_decision_text(subject, "id",
                     facts->subject.len > 0 ? facts->subject
                                            : facts->identity,
                     failed);
    mk_json_set(subject, "properties", properties, failed);

    return subject;
}


static json_t *
mk_decision_resource(const mk_capsule_t *capsule, int *failed)
{
    json_t  *resource, *properties;

    properties = json_object();
    mk_decision_text(properties, "policyId", capsule->policy_id, failed);
    mk_decision_cid(properties, &capsule->cid, failed);
    mk_decision_text(properties, "vaultId", capsule->vault_id, failed);
    mk_decision_text(properties, "owner", capsule->owner, failed);
    mk_json_set(properties, "size",
                    json_integer((json_int_t) capsule->size), failed);
    mk_decision_text(properties, "name", capsule->name, failed);

    resource = json_object();
    mk_json_set(resource, "type", json_string("capsule"), failed);
    mk_decision_text(resource, "id", capsule->id, failed);
    mk_json_set(resource, "properties", properties, failed);

    return resource;
}


static json_t *
mk_decision_authzen(const mk_decision_facts_t *facts, int *failed)
{
    json_t  *body, *action, *context;

    action = json_object();
    mk_json_set(action, "name",
                    json_string(mk_action_name(facts->action)), failed);

    context = json_object();
    mk_decision_capability(context, facts, failed);
    mk_decision_text(context, "requestId", facts->request_id, failed);
    mk_decision_time(context, facts->now, failed);
    mk_decision_text(context, "ip", facts->ip, failed);

    body = json_object();
    mk_json_set(body, "subject", mk_decision_subject(facts, failed),
                    failed);
    mk_json_set(body, "action", action, failed);
    mk_json_set(body, "resource",
                    mk_decision_resource(facts->capsule, failed), failed);
    mk_json_set(body, "context", context, failed);

    return body;
}


static json_t *
mk_decision_lit(const mk_decision_facts_t *facts, int *failed)
{
    json_t              *body;
    const mk_capsule_t  *capsule;

    capsule = facts->capsule;

    body = json_object();
    mk_decision_text(body, "policyId", capsule->policy_id, failed);
    mk_decision_text(body, "identity", facts->identity, failed);
    mk_json_set(body, "action",
                    json_string(mk_action_name(facts->action)), failed);
    mk_decision_cid(body, &capsule->cid, failed);
    mk_decision_text(body, "capsuleId", capsule->id, failed);
    mk_decision_text(body, "vaultId", capsule->vault_id, failed);
    mk_decision_capability(body, facts, failed);

    return body;
}


/* what comes from a request; the capsule's texts were JSON once already */
static int
mk_decision_can_be_said(const mk_decision_facts_t *facts)
{
    return facts->now >= 0 && facts->now <= MK_TIME_MAX
           && mk_name_is_utf8(facts->subject)
           && mk_name_is_utf8(facts->identity)
           && mk_name_is_utf8(facts->request_id)
           && mk_name_is_utf8(facts->ip);
}


mk_status_t
mk_decision_request(mk_decision_format_t format,
    const mk_decision_facts_t *facts, char **body, size_t *len)
{
    int      failed;
    json_t  *json;

    *body = NULL;
    *len = 0;

    if (!mk_decision_can_be_said(facts)) {
        return MK_POLICY_PROVIDER_ERROR;
    }

    failed = 0;

    json = format == MK_DECISION_LIT ? mk_decision_lit(facts, &failed)
                                     : mk_decision_authzen(facts, &failed);

    if (!failed) {
        *body = mk_json_print(json, len);
    }

    json_decref(json);

    return *body == NULL ? MK_INTERNAL_ERROR : MK_OK;
}


/* a character of a type or subtype (RFC 9110 section 5.6.2, "tchar") */
static int
mk_decision_is_token(const uint8_t *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if ((data[i] < 'A' || data[i] > 'Z')
            && (data[i] < 'a' || data[i] > 'z')
            && (data[i] < '0' || data[i] > '9')
            && (data[i] == '\0'
                || strchr("!#$%&'*+-.^_`|~", data[i]) == NULL))
        {
            return 0;
        }
    }

    return len > 0;
}


/* 1 if data is the word, which is in lower case; ASCII, in any locale */
static int
mk_decision_is_word(const uint8_t *data, size_t len, const char *word)
{
    size_t   i;
    uint8_t  c;

    if (len != strlen(word)) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        c = data[i];

        if (c >= 'A' && c <= 'Z') {
            c = (uint8_t) (c - 'A' + 'a');
        }

        if (c != (uint8_t) word[i]) {
            return 0;
        }
    }

    return 1;
}


/* application/json or anything+json; parameters change nothing (RFC 8259) */
static int
mk_decision_is_json(mk_bytes_t value)
{
    size_t          len, type_len;
    const uint8_t  *slash, *semicolon;

    if (value.len == 0) {
        return 0;
    }

    semicolon = memchr(value.data, ';', value.len);
    len = semicolon == NULL ? value.len : (size_t) (semicolon - value.data);

    while (len > 0
           && (value.data[len - 1] == ' ' || value.data[len - 1] == '\t'))
    {
        len--;
    }

    if (mk_decision_is_word(value.data, len, "application/json")) {
        return 1;
    }

    slash = memchr(value.data, '/', len);
    if (slash == NULL) {
        return 0;
    }

    type_len = (size_t) (slash - value.data);
    len -= type_len + 1;

    return mk_decision_is_token(value.data, type_len)
           && mk_decision_is_token(slash + 1, len)
           && len > MK_DECISION_SUFFIX_LEN
           && mk_decision_is_word(slash + 1 + len - MK_DECISION_SUFFIX_LEN,
                                  MK_DECISION_SUFFIX_LEN, MK_DECISION_SUFFIX);
}


/* obligations that are there and not an empty list are not understood */
static int
mk_decision_obliges(const json_t *object)
{
    const json_t  *obligations;

    switch (mk_json_array(object, "obligations", &obligations)) {

    case 0:
        return 0;

    case 1:
        return json_array_size(obligations) > 0;

    default:
        return 1;
    }
}


/* NULL and *yes, or what is wrong with the answer */
static const char *
mk_decision_verdict(mk_decision_format_t format, const json_t *json, int *yes)
{
    int  decision, allowed, has_decision, has_allowed;

    has_decision = mk_json_boolean(json, "decision", &decision);
    has_allowed = mk_json_boolean(json, "allowed", &allowed);

    if (has_decision < 0 || has_allowed < 0) {
        return "the decision is not a boolean";
    }

    if (!has_decision && (format != MK_DECISION_LIT || !has_allowed)) {
        return "the answer has no decision";
    }

    if (has_decision && has_allowed && decision != allowed) {
        return "\"decision\" and \"allowed\" differ";
    }

    *yes = has_decision ? decision : allowed;

    return NULL;
}


static mk_status_t
mk_decision_read_json(mk_decision_format_t format, const json_t *json,
    const char **why)
{
    int            yes;
    const json_t  *context;

    *why = mk_decision_verdict(format, json, &yes);
    if (*why != NULL) {
        return MK_POLICY_PROVIDER_ERROR;
    }

    if (!yes) {
        *why = "the decision is no";
        return MK_POLICY_DENIED;
    }

    if (mk_json_object(json, "context", &context) < 0) {
        *why = "the answer's context is not an object";
        return MK_POLICY_PROVIDER_ERROR;
    }

    if (mk_decision_obliges(json)
        || (context != NULL && mk_decision_obliges(context)))
    {
        *why = "the answer has obligations";
        return MK_POLICY_PROVIDER_ERROR;
    }

    return MK_OK;
}


mk_status_t
mk_decision_read(mk_decision_format_t format,
    const mk_decision_answer_t *answer, const char **why)
{
    json_t       *json;
    mk_status_t   status;

    if (answer->http != 200) {
        *why = "the status is not 200";
        return MK_POLICY_PROVIDER_ERROR;
    }

    if (!answer->complete) {
        *why = "the body is not complete";
        return MK_POLICY_PROVIDER_ERROR;
    }

    if (!mk_decision_is_json(answer->media_type)) {
        *why = "the media type is not JSON";
        return MK_POLICY_PROVIDER_ERROR;
    }

    if (answer->request_id.len > 0
        && !mk_bytes_equal(answer->request_id, answer->request_id_sent))
    {
        *why = "X-Request-ID is another";
        return MK_POLICY_PROVIDER_ERROR;
    }

    status = mk_json_parse(answer->body, MK_POLICY_PROVIDER_ERROR, &json);
    if (status != MK_OK) {
        *why = status == MK_INTERNAL_ERROR ? "no memory"
                                           : "the body is not strict JSON";
        return status;
    }

    status = mk_decision_read_json(format, json, why);

    json_decref(json);

    return status;
}
