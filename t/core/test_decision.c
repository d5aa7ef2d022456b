/*
 * Policy decisions: what is asked, and that nothing but a clear yes is one.
 */

#include "mk_decision.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define TEST_CID  "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"


static mk_bytes_t
bytes(const char *text)
{
    mk_bytes_t  out;

    out.data = (const uint8_t *) text;
    out.len = strlen(text);

    return out;
}


static void
make_facts(mk_capsule_t *capsule, mk_decision_facts_t *facts)
{
    memset(capsule, 0, sizeof(*capsule));
    capsule->id = bytes("cap_1");
    capsule->owner = bytes("olga");
    capsule->policy_id = bytes("policy one");
    capsule->size = 120;
    mk_cid_parse(TEST_CID, sizeof(TEST_CID) - 1, &capsule->cid);

    memset(facts, 0, sizeof(*facts));
    facts->capsule = capsule;
    facts->identity = bytes("alice");
    facts->request_id = bytes("r1");
    facts->now = 1767225599;
}


/* compares bodies as JSON */
static void
is_body(mk_decision_format_t format, const mk_decision_facts_t *facts,
    const char *want, const char *name)
{
    char    *body;
    size_t   len;
    json_t  *got, *wanted;

    is_status(mk_decision_request(format, facts, &body, &len), MK_OK, "%s",
              name);

    got = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    wanted = json_loads(want, 0, NULL);

    if (!ok(json_equal(got, wanted), "%s: its body", name)) {
        tap_diag("%s", body);
    }

    json_decref(wanted);
    json_decref(got);
    free(body);
}


static void
test_requests(void)
{
    char                 *body;
    size_t                len;
    mk_capsule_t          capsule;
    mk_decision_facts_t   facts;

    make_facts(&capsule, &facts);

    is_body(MK_DECISION_AUTHZEN, &facts,
            "{\"subject\":{\"type\":\"identity\",\"id\":\"alice\","
            "\"properties\":{\"openAs\":\"alice\"}},"
            "\"action\":{\"name\":\"open\"},"
            "\"resource\":{\"type\":\"capsule\",\"id\":\"cap_1\","
            "\"properties\":{\"policyId\":\"policy one\","
            "\"cid\":\"" TEST_CID "\",\"owner\":\"olga\",\"size\":120}},"
            "\"context\":{\"requestId\":\"r1\","
            "\"time\":\"2025-12-31T23:59:59Z\"}}",
            "AuthZEN, the least");

    is_body(MK_DECISION_LIT, &facts,
            "{\"policyId\":\"policy one\",\"identity\":\"alice\","
            "\"action\":\"open\",\"cid\":\"" TEST_CID "\","
            "\"capsuleId\":\"cap_1\"}",
            "lit, the least");

    capsule.vault_id = bytes("vault");
    capsule.name = bytes("a \"b\"\xc3\xa9");
    facts.subject = bytes("carl");
    facts.action = MK_ACTION_DOWNLOAD;
    facts.ip = bytes("::1");
    facts.capability_jti = "jti_1";
    facts.capability_download = 1;

    is_body(MK_DECISION_AUTHZEN, &facts,
            "{\"subject\":{\"type\":\"identity\",\"id\":\"carl\","
            "\"properties\":{\"openAs\":\"alice\"}},"
            "\"action\":{\"name\":\"download\"},"
            "\"resource\":{\"type\":\"capsule\",\"id\":\"cap_1\","
            "\"properties\":{\"policyId\":\"policy one\","
            "\"cid\":\"" TEST_CID "\",\"vaultId\":\"vault\","
            "\"owner\":\"olga\",\"size\":120,"
            "\"name\":\"a \\\"b\\\"\\u00e9\"}},"
            "\"context\":{\"capability\":{\"jti\":\"jti_1\","
            "\"actions\":[\"download\"]},\"requestId\":\"r1\","
            "\"time\":\"2025-12-31T23:59:59Z\",\"ip\":\"::1\"}}",
            "AuthZEN, all of it");

    is_body(MK_DECISION_LIT, &facts,
            "{\"policyId\":\"policy one\",\"identity\":\"alice\","
            "\"action\":\"download\",\"cid\":\"" TEST_CID "\","
            "\"capsuleId\":\"cap_1\",\"vaultId\":\"vault\","
            "\"capability\":{\"jti\":\"jti_1\",\"actions\":[\"download\"]}}",
            "lit, all of it");

    facts.ip = bytes("\xff");
    is_status(mk_decision_request(MK_DECISION_AUTHZEN, &facts, &body, &len),
              MK_POLICY_PROVIDER_ERROR, "what is no UTF-8 cannot be said");
    ok(body == NULL && len == 0, "and there is no body");
}


static void
test_times(void)
{
    static const struct {
        int64_t      now;
        const char  *want;
    } times[] = {
        { 0, "1970-01-01T00:00:00Z" },
        { 951782399, "2000-02-28T23:59:59Z" },
        { 951782400, "2000-02-29T00:00:00Z" },
        { 951868800, "2000-03-01T00:00:00Z" },
        { 1709164800, "2024-02-29T00:00:00Z" },
        { 1735689599, "2024-12-31T23:59:59Z" },
        { 4107542400, "2100-03-01T00:00:00Z" },
        { 4107542399, "2100-02-28T23:59:59Z" },
        { INT64_C(253402300799), "9999-12-31T23:59:59Z" },
        { INT64_C(253402300800), NULL },
        { INT64_MAX, NULL },
        { -1, NULL },
    };

    char                 *body;
    size_t                i, len;
    json_t               *json, *context;
    mk_status_t           status;
    mk_capsule_t          capsule;
    mk_decision_facts_t   facts;

    make_facts(&capsule, &facts);

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        facts.now = times[i].now;
        status = mk_decision_request(MK_DECISION_AUTHZEN, &facts, &body,
                                     &len);

        if (times[i].want == NULL) {
            is_status(status, MK_POLICY_PROVIDER_ERROR, "time %lld",
                      (long long) times[i].now);
            continue;
        }

        json = json_loads(body, 0, NULL);
        context = json_object_get(json, "context");
        is_str(json_string_value(json_object_get(context, "time")),
               times[i].want, "time %lld", (long long) times[i].now);
        json_decref(json);
        free(body);
    }
}


static mk_status_t
read_answer(mk_decision_format_t format, const char *body)
{
    const char            *why;
    mk_status_t            status;
    mk_decision_answer_t   answer;

    memset(&answer, 0, sizeof(answer));
    answer.http = 200;
    answer.complete = 1;
    answer.media_type = bytes("application/json");
    answer.body = bytes(body);
    answer.request_id_sent = bytes("r1");

    why = "";
    status = mk_decision_read(format, &answer, &why);

    if ((status == MK_OK) != (why == NULL)) {
        return MK_STATUS_COUNT;
    }

    return status;
}


typedef struct {
    const char   *body;
    mk_status_t   authzen;
    mk_status_t   lit;
} test_answer_t;

#define YES    MK_OK
#define NO     MK_POLICY_DENIED
#define ERROR  MK_POLICY_PROVIDER_ERROR


static const test_answer_t  test_answers[] = {
    { "{\"decision\":true}", YES, YES },
    { "{\"decision\":true,\"context\":{}}", YES, YES },
    { "{\"decision\":true,\"context\":{\"reason\":\"x\"},\"x\":1}", YES, YES },
    { "{\"decision\":true,\"context\":{\"obligations\":[]}}", YES, YES },
    { "{\"decision\":true,\"obligations\":[]}", YES, YES },
    { "{\"decision\":true,\"allowed\":true}", YES, YES },
    { "{\"allowed\":true}", ERROR, YES },

    { "{\"decision\":false}", NO, NO },
    { "{\"decision\":false,\"allowed\":false}", NO, NO },
    { "{\"decision\":false,\"context\":{\"obligations\":[{}]}}", NO, NO },
    { "{\"allowed\":false}", ERROR, NO },

    { "{}", ERROR, ERROR },
    { "", ERROR, ERROR },
    { "true", ERROR, ERROR },
    { "[true]", ERROR, ERROR },
    { "[{\"decision\":true}]", ERROR, ERROR },
    { "null", ERROR, ERROR },
    { "{\"decision\":null}", ERROR, ERROR },
    { "{\"decision\":1}", ERROR, ERROR },
    { "{\"decision\":\"true\"}", ERROR, ERROR },
    { "{\"decision\":[true]}", ERROR, ERROR },
    { "{\"decision\":{}}", ERROR, ERROR },
    { "{\"Decision\":true}", ERROR, ERROR },
    { "{\"result\":true}", ERROR, ERROR },
    { "{\"evaluations\":[{\"decision\":true}]}", ERROR, ERROR },
    { "{\"decision\":true", ERROR, ERROR },
    { "{\"decision\":true}x", ERROR, ERROR },
    { "{\"decision\":true}{\"decision\":true}", ERROR, ERROR },
    { "{\"decision\":false,\"decision\":true}", ERROR, ERROR },
    { "{\"decision\":true,\"x\":1,\"x\":1}", ERROR, ERROR },
    { "{\"decision\":true,\"allowed\":false}", ERROR, ERROR },
    { "{\"decision\":false,\"allowed\":true}", ERROR, ERROR },
    { "{\"decision\":true,\"allowed\":null}", ERROR, ERROR },
    { "{\"decision\":true,\"allowed\":\"true\"}", ERROR, ERROR },
    { "{\"decision\":true,\"context\":[]}", ERROR, ERROR },
    { "{\"decision\":true,\"context\":null}", ERROR, ERROR },
    { "{\"decision\":true,\"context\":{\"obligations\":[{\"id\":\"w\"}]}}",
      ERROR, ERROR },
    { "{\"decision\":true,\"context\":{\"obligations\":{}}}", ERROR, ERROR },
    { "{\"decision\":true,\"context\":{\"obligations\":\"w\"}}",
      ERROR, ERROR },
    { "{\"decision\":true,\"context\":{\"obligations\":null}}",
      ERROR, ERROR },
    { "{\"decision\":true,\"obligations\":[1]}", ERROR, ERROR },
    { "{\"decision\":true,\"x\":[[[[[[[[1]]]]]]]]}", ERROR, ERROR },
};


static void
test_bodies(void)
{
    size_t  i;

    for (i = 0; i < sizeof(test_answers) / sizeof(test_answers[0]); i++) {
        is_status(read_answer(MK_DECISION_AUTHZEN, test_answers[i].body),
                  test_answers[i].authzen, "AuthZEN: %s",
                  test_answers[i].body);
        is_status(read_answer(MK_DECISION_LIT, test_answers[i].body),
                  test_answers[i].lit, "lit: %s", test_answers[i].body);
    }
}


static void
test_media_types(void)
{
    static const struct {
        const char   *value;
        mk_status_t   want;
    } types[] = {
        { "application/json", YES },
        { "Application/JSON", YES },
        { "application/json;charset=utf-8", YES },
        { "application/json ; charset=\"utf-8\"", YES },
        { "application/authzen+json", YES },
        { "application/vnd.a.b+JSON; x=y", YES },
        { "", ERROR },
        { "json", ERROR },
        { "text/json", ERROR },
        { "text/html", ERROR },
        { "application/jsonp", ERROR },
        { "application/json5", ERROR },
        { "application/x-json", ERROR },
        { "application/json, text/html", ERROR },
        { "application/", ERROR },
        { "/json", ERROR },
        { "/a+json", ERROR },
        { "application/+json", ERROR },
        { "application/a b+json", ERROR },
        { "application/a/b+json", ERROR },
        { "text/html;application/json", ERROR },
        { "text/html; x=a+json", ERROR },
        { ";application/json", ERROR },
        { " application/json", ERROR },
    };

    size_t                 i;
    const char            *why;
    mk_decision_answer_t   answer;

    memset(&answer, 0, sizeof(answer));
    answer.http = 200;
    answer.complete = 1;
    answer.body = bytes("{\"decision\":true}");

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        answer.media_type = bytes(types[i].value);

        is_status(mk_decision_read(MK_DECISION_AUTHZEN, &answer, &why),
                  types[i].want, "media type \"%s\"", types[i].value);
    }
}


static void
test_transport(void)
{
    static const int  bad[] = {
        0, 100, 199, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404,
        429, 500, 502, 503, 504
    };

    size_t                 i, refused;
    const char            *why;
    mk_decision_answer_t   answer;

    memset(&answer, 0, sizeof(answer));
    answer.complete = 1;
    answer.media_type = bytes("application/json");
    answer.body = bytes("{\"decision\":true}");
    answer.request_id_sent = bytes("r1");
    refused = 0;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        answer.http = bad[i];
        refused += mk_decision_read(MK_DECISION_AUTHZEN, &answer, &why)
                   == ERROR;
    }

    is_int(refused, sizeof(bad) / sizeof(bad[0]), "200 is the only status");

    answer.http = 200;
    answer.complete = 0;
    is_status(mk_decision_read(MK_DECISION_AUTHZEN, &answer, &why), ERROR,
              "a body that is not complete");
    answer.complete = 1;

    answer.request_id = bytes("r1");
    is_status(mk_decision_read(MK_DECISION_AUTHZEN, &answer, &why), YES,
              "the request id comes back");
    answer.request_id = bytes("r2");
    is_status(mk_decision_read(MK_DECISION_AUTHZEN, &answer, &why), ERROR,
              "another request id");
    answer.request_id = bytes("r");
    is_status(mk_decision_read(MK_DECISION_AUTHZEN, &answer, &why), ERROR,
              "the beginning of a request id");
    answer.request_id.len = 0;
    is_status(mk_decision_read(MK_DECISION_AUTHZEN, &answer, &why), YES,
              "no request id");
}


int
main(void)
{
    test_requests();
    test_times();
    test_bodies();
    test_media_types();
    test_transport();

    return tap_done();
}
