/*
 * fuzz_decision: what is asked is JSON, and only a yes is a yes.
 *
 * Parts are set apart by NULs.
 */

#include "fuzz.h"
#include "mk_decision.h"

#include <stdlib.h>
#include <string.h>


#define CID  "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"


/* the reading of an answer, as short as it can be said */
static int
is_yes(mk_decision_format_t format, mk_bytes_t body)
{
    int            yes;
    json_t        *json, *decision, *allowed, *context;
    json_error_t   error;

    json = json_loadb((const char *) body.data, body.len,
                      JSON_REJECT_DUPLICATES, &error);
    decision = json_object_get(json, "decision");
    allowed = json_object_get(json, "allowed");
    context = json_object_get(json, "context");

    yes = json_is_true(decision)
          || (format == MK_DECISION_LIT && decision == NULL
              && json_is_true(allowed));
    yes = yes && (allowed == NULL || json_is_true(allowed));
    yes = yes && (context == NULL || json_is_object(context));
    yes = yes && json_array_size(json_object_get(json, "obligations")) == 0;
    yes = yes && json_array_size(json_object_get(context, "obligations"))
                 == 0;
    json_decref(json);

    return yes;
}


static void
answer(mk_decision_format_t format, mk_bytes_t in)
{
    uint8_t               *type, *body;
    uint8_t                flags;
    const char            *why;
    mk_status_t            status;
    mk_decision_answer_t   got;

    memset(&got, 0, sizeof(got));
    flags = fuzz_byte(&in);
    got.http = (flags & 1) != 0 ? 404 : 200;
    got.complete = (flags & 2) == 0;
    got.request_id = fuzz_part(&in);
    got.request_id_sent = (flags & 4) != 0 ? fuzz_part(&in) : got.request_id;
    got.media_type = fuzz_part(&in);
    got.body = in;

    type = fuzz_copy(got.media_type);
    got.media_type.data = type;
    body = fuzz_copy(got.body);
    got.body.data = body;

    status = mk_decision_read(format, &got, &why);

    FUZZ_HOLDS(status == MK_OK || status == MK_POLICY_DENIED
               || status == MK_POLICY_PROVIDER_ERROR);
    FUZZ_HOLDS((status == MK_OK) == (why == NULL));

    if (status != MK_POLICY_PROVIDER_ERROR) {
        FUZZ_HOLDS(got.http == 200 && got.complete);
        FUZZ_HOLDS(got.request_id.len == 0
                   || mk_bytes_equal(got.request_id, got.request_id_sent));
        FUZZ_HOLDS(memchr(got.media_type.data, '/', got.media_type.len)
                   != NULL);
        FUZZ_HOLDS(got.body.len <= MK_JSON_MAX);
    }

    FUZZ_HOLDS(status != MK_OK || is_yes(format, got.body));

    free(body);
    free(type);
}


static void
check_request(mk_decision_format_t format, const mk_decision_facts_t *facts,
    mk_bytes_t body)
{
    json_t      *json;
    mk_bytes_t   text;

    FUZZ_HOLDS(mk_json_parse(body, MK_INVALID_REQUEST, &json) == MK_OK);

    if (format == MK_DECISION_LIT) {
        mk_json_string(json, "identity", &text);
        FUZZ_HOLDS(mk_bytes_equal(text, facts->identity));

    } else {
        mk_json_string(json_object_get(json, "subject"), "id", &text);
        FUZZ_HOLDS(mk_bytes_equal(text, facts->subject.len > 0
                                        ? facts->subject
                                        : facts->identity));
        mk_json_string(json_object_get(json, "context"), "requestId", &text);
        FUZZ_HOLDS(mk_bytes_equal(text, facts->request_id));
        mk_json_string(json_object_get(json, "context"), "ip", &text);
        FUZZ_HOLDS(mk_bytes_equal(text, facts->ip));
    }

    json_decref(json);
}


/* what comes from a request may be anything; the capsule was read before */
static void
question(mk_decision_format_t format, mk_bytes_t in)
{
    char                 *body;
    size_t                len;
    int64_t               now;
    uint64_t              number;
    mk_status_t           status;
    mk_capsule_t          capsule;
    mk_decision_facts_t   facts;

    memset(&capsule, 0, sizeof(capsule));
    mk_cid_parse(CID, sizeof(CID) - 1, &capsule.cid);
    capsule.id = fuzz_text("cap_1");
    capsule.policy_id = fuzz_text("policy");
    capsule.size = fuzz_byte(&in);

    memset(&facts, 0, sizeof(facts));
    facts.capsule = &capsule;
    number = fuzz_u64(&in);
    number >>= number & 63;
    memcpy(&now, &number, sizeof(now));
    facts.now = now;
    facts.action = fuzz_byte(&in) % 2 == 0 ? MK_ACTION_OPEN
                                           : MK_ACTION_DOWNLOAD;
    facts.capability_jti = fuzz_byte(&in) % 2 == 0 ? NULL : "jti";
    facts.capability_open = fuzz_byte(&in) % 2 == 0;
    facts.subject = fuzz_part(&in);
    facts.identity = fuzz_part(&in);
    facts.request_id = fuzz_part(&in);
    facts.ip = fuzz_part(&in);

    status = mk_decision_request(format, &facts, &body, &len);

    if (status != MK_OK) {
        FUZZ_HOLDS(status == MK_POLICY_PROVIDER_ERROR);
        FUZZ_HOLDS(body == NULL && len == 0);
        return;
    }

    FUZZ_HOLDS(facts.now >= 0 && body[len] == '\0');

    if (len <= MK_JSON_MAX) {
        check_request(format, &facts, fuzz_bytes(body, len));
    }

    free(body);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t               what;
    mk_bytes_t            in;
    mk_decision_format_t  format;

    in = fuzz_bytes(data, size);
    what = fuzz_byte(&in);
    format = (what & 1) == 0 ? MK_DECISION_AUTHZEN : MK_DECISION_LIT;

    if ((what & 2) == 0) {
        answer(format, in);

    } else {
        question(format, in);
    }

    return 0;
}
