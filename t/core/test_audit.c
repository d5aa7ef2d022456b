/*
 * The audit line: its members, and that no bytes make it anything else than
 * one line of JSON that is not too long.
 */

#include "mk_audit.h"
#include "tap.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>


static mk_bytes_t
bytes(const char *s, size_t len)
{
    mk_bytes_t  b;

    b.data = (const uint8_t *) s;
    b.len = len;

    return b;
}


static mk_bytes_t
text(const char *s)
{
    return bytes(s, strlen(s));
}


/* The line as an object; NULL and a diagnosis if it is none. */
static json_t *
printed(const mk_audit_facts_t *facts, size_t *len)
{
    char          line[MK_AUDIT_LINE_MAX + 1];
    json_t       *object;
    json_error_t  error;

    memset(line, 'x', sizeof(line));
    *len = mk_audit_print(facts, line);

    if (*len == 0 || *len > MK_AUDIT_LINE_MAX
        || memchr(line, '\n', *len) != line + *len - 1
        || line[MK_AUDIT_LINE_MAX] != 'x')
    {
        tap_diag("%zu bytes are no line", *len);
        return NULL;
    }

    object = json_loadb(line, *len - 1,
                        JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, &error);

    if (object == NULL) {
        tap_diag("%s at %d: %.*s", error.text, error.position, (int) *len,
                 line);
    }

    return object;
}


static void
is_line(const mk_audit_facts_t *facts, const char *want, const char *name)
{
    char    line[MK_AUDIT_LINE_MAX + 1];
    size_t  len;

    len = mk_audit_print(facts, line);
    line[len] = '\0';

    is_str(line, want, "%s", name);
}


/* --- the lines ------------------------------------------------------------ */


#define DENIED                                                              \
    "{\"@timestamp\":\"2023-11-14T22:13:20.007Z\",\"ecs.version\":"         \
    "\"8.11.0\",\"event.kind\":\"event\",\"event.category\":[\"file\","     \
    "\"network\"],\"event.type\":[\"access\",\"denied\"],\"event.action\":" \
    "\"open\",\"event.outcome\":\"failure\",\"event.reason\":"              \
    "\"invalid_request\",\"event.duration\":0,\"meshkit.checks\":"          \
    "{\"request\":\"fail\",\"denylist\":\"skipped\",\"record\":\"skipped\"," \
    "\"signature\":\"skipped\",\"time\":\"skipped\",\"status\":\"skipped\"," \
    "\"recipient\":\"skipped\",\"action\":\"skipped\",\"vault\":"           \
    "\"skipped\",\"capability\":\"skipped\",\"policy\":\"skipped\","        \
    "\"key\":\"skipped\",\"range\":\"skipped\",\"content\":\"skipped\"},"   \
    "\"http.response.status_code\":400}\n"

#define COMPLETE                                                            \
    "{\"@timestamp\":\"2023-11-14T22:13:20.999Z\",\"ecs.version\":"         \
    "\"8.11.0\",\"event.kind\":\"event\",\"event.category\":[\"file\","     \
    "\"network\"],\"event.type\":[\"access\",\"end\"],\"event.action\":"    \
    "\"download\",\"event.outcome\":\"success\",\"event.reason\":\"ok\","   \
    "\"event.duration\":1234000000,\"request.id\":\"r-1\",\"client.ip\":"   \
    "\"::1\",\"user.id\":\"joe\",\"meshkit.capsule\":\"cap_1\","            \
    "\"meshkit.cid\":\"bafy\",\"meshkit.owner\":\"alice\","                 \
    "\"meshkit.identity\":\"edge\",\"meshkit.vault\":\"v\","                \
    "\"meshkit.policy\":{\"id\":\"p\",\"ms\":17},\"meshkit.checks\":"       \
    "{\"request\":\"pass\",\"denylist\":\"skipped\",\"record\":\"pass\","   \
    "\"signature\":\"pass\",\"time\":\"pass\",\"status\":\"pass\","         \
    "\"recipient\":\"pass\",\"action\":\"pass\",\"vault\":\"pass\","        \
    "\"capability\":\"pass\",\"policy\":\"pass\",\"key\":\"pass\","         \
    "\"range\":\"pass\",\"content\":\"pass\"},\"meshkit.token_ref\":"       \
    "\"60e43159\",\"meshkit.gateway\":\"/_gw/0\","                          \
    "\"meshkit.gateways_failed\":2,\"http.response.status_code\":206,"      \
    "\"http.response.body.bytes\":10,\"meshkit.range\":\"5-14/100\","       \
    "\"meshkit.end\":\"complete\"}\n"


/* everything that there can be */
static void
fill(mk_audit_facts_t *facts)
{
    memset(facts, 0, sizeof(*facts));

    facts->event = MK_AUDIT_COMPLETE;
    facts->seconds = 1700000000;
    facts->milliseconds = 999;
    facts->duration = 1234;
    facts->outcome = MK_OK;
    facts->action = MK_ACTION_DOWNLOAD;
    facts->check = MK_CHECK_CONTENT;
    facts->reached = MK_CHECK_CONTENT;
    facts->applies = ~(1u << MK_CHECK_DENYLIST);
    facts->request_id = text("r-1");
    facts->client_ip = text("::1");
    facts->subject = text("joe");
    facts->capsule = text("cap_1");
    facts->cid = text("bafy");
    facts->owner = text("alice");
    facts->identity = text("edge");
    facts->vault = text("v");
    facts->policy = text("p");
    facts->token_ref = text("60e43159");
    facts->gateway = text("/_gw/0");
    facts->policy_ms = 17;
    facts->gateways_failed = 2;
    facts->http = 206;
    facts->sent = 10;
    facts->first = 5;
    facts->len = 10;
    facts->size = 100;
    facts->has_policy_ms = 1;
    facts->has_gateways_failed = 1;
    facts->has_sent = 1;
    facts->has_range = 1;
}


static void
lines(void)
{
    char              line[MK_AUDIT_LINE_MAX];
    mk_audit_facts_t  facts;

    fill(&facts);
    is_line(&facts, COMPLETE, "all that there can be");

    memset(&facts, 0, sizeof(facts));
    facts.seconds = 1700000000;
    facts.milliseconds = 7;
    facts.outcome = MK_INVALID_REQUEST;
    facts.applies = ~0u;
    facts.http = 400;
    is_line(&facts, DENIED, "what is not known has no member");

    facts.seconds = -1;
    is_int(mk_audit_print(&facts, line), 0, "a time before 1970: no line");
    facts.seconds = 0;
    facts.milliseconds = 1000;
    is_int(mk_audit_print(&facts, line), 0, "nor a thousandth too many");
}


/* --- words ---------------------------------------------------------------- */


static const char *
word(const json_t *object, const char *name)
{
    const char  *value;

    value = json_string_value(json_object_get(object, name));

    return value == NULL ? "" : value;
}


static const char *
type_of(const json_t *object)
{
    const char  *value;

    value = json_string_value(
                json_array_get(json_object_get(object, "event.type"), 1));

    return value == NULL ? "" : value;
}


static void
events(void)
{
    size_t            i, len;
    json_t           *object;
    mk_audit_facts_t  facts;

    static const struct {
        mk_audit_event_t   event;
        mk_status_t        outcome;
        const char        *type, *word, *reason, *end;
    } rows[] = {
        { MK_AUDIT_DECISION, MK_OK, "allowed", "success", "ok", "" },
        { MK_AUDIT_DECISION, MK_SHARE_REVOKED, "denied", "failure",
          "share_revoked", "" },
        { MK_AUDIT_COMPLETE, MK_OK, "end", "success", "ok", "complete" },
        { MK_AUDIT_ABORTED, MK_CID_MISMATCH, "end", "failure",
          "cid_mismatch", "aborted" },
        { MK_AUDIT_CLIENT_GONE, MK_OK, "end", "unknown", "",
          "client_gone" },
        { MK_AUDIT_CLIENT_GONE, MK_INTERNAL_ERROR, "end", "unknown", "",
          "client_gone" },
        { MK_AUDIT_SHUTDOWN, MK_OK, "end", "failure", "", "shutdown" },
        { MK_AUDIT_SHUTDOWN, MK_INTERNAL_ERROR, "end", "failure", "",
          "shutdown" },
        { MK_AUDIT_DECISION, MK_STATUS_COUNT, "denied", "failure",
          "internal_error", "" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fill(&facts);
        facts.event = rows[i].event;
        facts.outcome = rows[i].outcome;

        object = printed(&facts, &len);

        is_str(type_of(object), rows[i].type, "event %zu: its type", i);
        is_str(word(object, "event.outcome"), rows[i].word, "its outcome");
        is_str(word(object, "event.reason"), rows[i].reason, "its reason");
        is_str(word(object, "meshkit.end"), rows[i].end, "its end");

        json_decref(object);
    }
}


/* Each place that an open can stand at, with each verdict. */
static void
checks(void)
{
    int               at, check, wrong;
    size_t            len;
    json_t           *object, *all;
    const char       *want;
    mk_audit_facts_t  facts;

    static const mk_audit_event_t  events[] = {
        MK_AUDIT_DECISION, MK_AUDIT_ABORTED, MK_AUDIT_CLIENT_GONE,
        MK_AUDIT_SHUTDOWN
    };

    static const char *const  words[] = {
        "pass", "fail", "skipped", "skipped"
    };

    size_t  i;

    fill(&facts);
    wrong = 0;

    for (i = 0; i < 4; i++) {
        facts.event = events[i];
        facts.outcome = i == 0 ? MK_OK : MK_INTERNAL_ERROR;

        for (at = 0; at < MK_CHECK_NUMBER; at++) {
            facts.check = (mk_check_t) at;
            facts.reached = facts.check;
            object = printed(&facts, &len);
            all = json_object_get(object, "meshkit.checks");

            wrong += json_object_size(all) != MK_CHECK_NUMBER;

            for (check = 0; check < MK_CHECK_NUMBER; check++) {
                want = check > at ? "skipped"
                       : check == at ? words[i] : "pass";

                if (check == MK_CHECK_DENYLIST
                    && (check < at || (check == at && i == 0)))
                {
                    want = "skipped";       /* it does not apply */
                }

                wrong += strcmp(word(all, mk_checks_name((mk_check_t)
                                                         check)), want) != 0;
            }

            json_decref(object);
        }
    }

    is_int(wrong, 0, "passed before, failed at, skipped behind");
}


/* The denylist names the owner: what stands before that was made. */
static void
denied(void)
{
    int               check;
    size_t            len;
    json_t           *object, *all;
    mk_audit_facts_t  facts;

    fill(&facts);
    facts.event = MK_AUDIT_DECISION;
    facts.outcome = MK_SHARE_REVOKED;
    facts.check = MK_CHECK_DENYLIST;
    facts.reached = MK_CHECK_TIME;

    object = printed(&facts, &len);
    all = json_object_get(object, "meshkit.checks");

    for (check = 0; check < MK_CHECK_NUMBER; check++) {
        is_str(word(all, mk_checks_name((mk_check_t) check)),
               check == MK_CHECK_DENYLIST ? "fail"
               : check < MK_CHECK_TIME ? "pass" : "skipped",
               "on the denylist: %s", mk_checks_name((mk_check_t) check));
    }

    json_decref(object);
}


static void
ranges(void)
{
    size_t            i, len;
    json_t           *object;
    mk_audit_facts_t  facts;

    static const struct {
        uint64_t     first, len, size;
        const char  *text;
    } rows[] = {
        { 0, 1, 1, "0-0/1" },
        { 0, 0, 0, "*/0" },
        { 0, 0, 77, "*/77" },
        { UINT64_MAX - 1, 1, UINT64_MAX,
          "18446744073709551614-18446744073709551614/18446744073709551615" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fill(&facts);
        facts.first = rows[i].first;
        facts.len = rows[i].len;
        facts.size = rows[i].size;

        object = printed(&facts, &len);
        is_str(word(object, "meshkit.range"), rows[i].text, "range %zu", i);
        json_decref(object);
    }
}


/* --- hostile bytes -------------------------------------------------------- */


static void
escapes(void)
{
    char        out[MK_AUDIT_TEXT_MAX];
    size_t      i, len;

    static const struct {
        const char  *in;
        size_t       len;
        const char  *out, *name;
    } rows[] = {
        { "joe", 3, "joe", "plain text" },
        { "", 0, "", "no text" },
        { "a\"b\\c", 5, "a\\\"b\\\\c", "quotes and backslashes" },
        { "a\nb\r\tc", 6, "a\\u000ab\\u000d\\u0009c", "line ends" },
        { "a\0b", 3, "a\\u0000b", "NUL" },
        { "\x1b[2J\x7f", 5, "\\u001b[2J\\u007f", "a terminal's escapes" },
        { "\xc2\x9b" "2J", 4, "\\u009b2J", "... of one character" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "other scripts stay" },
        { "a\xff" "b", 3, "a\xef\xbf\xbd" "b", "no UTF-8" },
        { "\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd", "half a character" },
        { "\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd", "an overlong one" },
        { "\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
          "a surrogate" },
        { "\xf4\x90\x80\x80", 4,
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
          "beyond Unicode" },
        { "\xe2\x80\xa8\xe2\x80\xa9", 6, "\\u2028\\u2029",
          "Unicode's line ends" },
        { "a\xe2\x80\xae" "b", 5, "a\\u202eb", "what turns the direction" },
        { "a\xef\xbb\xbf", 4, "a\\ufeff", "what is not seen" },
        { "</script>", 9, "</script>", "markup is text" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        len = mk_audit_escape(bytes(rows[i].in, rows[i].len), out,
                              sizeof(out));
        is_mem(out, len, rows[i].out, strlen(rows[i].out), "%s",
               rows[i].name);
    }
}


/* Every length up to beyond the limit, of characters of each width. */
static void
cuts(void)
{
    int          wrong;
    char         in[64], out[33], *json;
    size_t       i, n, width, len, size;
    json_t      *value;

    static const char *const  characters[] = {
        "a", "\"", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "\xff",
    };

    wrong = 0;

    for (i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
        width = strlen(characters[i]);

        for (n = 0; (n + 1) * width <= sizeof(in); n++) {
            memcpy(in + n * width, characters[i], width);

            for (size = 3; size <= 32; size++) {
                memset(out, 'x', sizeof(out));
                len = mk_audit_escape(bytes(in, (n + 1) * width), out, size);

                wrong += len > size || out[size] != 'x';

                json = malloc(len + 2);
                json[0] = '"';
                memcpy(json + 1, out, len);
                json[len + 1] = '"';
                value = json_loadb(json, len + 2,
                                   JSON_DECODE_ANY|JSON_ALLOW_NUL, NULL);
                wrong += value == NULL;

                json_decref(value);
                free(json);
            }
        }
    }

    is_int(wrong, 0, "however it is cut, it is a string and fits");

    len = mk_audit_escape(text("abcdef"), out, 6);
    is_mem(out, len, "abcdef", 6, "what fits is not cut");
    len = mk_audit_escape(text("abcdefg"), out, 6);
    is_mem(out, len, "abc\xe2\x80\xa6", 6, "what does not is, and says so");
    len = mk_audit_escape(text("ab\xe2\x82\xac" "def"), out, 7);
    is_mem(out, len, "ab\xe2\x80\xa6", 5, "at a character's end");
}


/* The longest line there can be: each text too long, each number too. */
static void
longest(void)
{
    char             *worst;
    size_t            i, len, most;
    json_t           *object;
    mk_bytes_t       *texts[11];
    mk_audit_facts_t  facts;

    static const char *const  fillers[] = { "a", "\"", "\x01", "\xff",
                                            "\xe2\x80\xae", "\n" };

    worst = malloc(6000);
    most = 0;

    for (i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {

        for (len = 0; len + strlen(fillers[i]) <= 6000;
             len += strlen(fillers[i]))
        {
            memcpy(worst + len, fillers[i], strlen(fillers[i]));
        }

        fill(&facts);
        texts[0] = &facts.request_id;
        texts[1] = &facts.client_ip;
        texts[2] = &facts.subject;
        texts[3] = &facts.capsule;
        texts[4] = &facts.cid;
        texts[5] = &facts.owner;
        texts[6] = &facts.identity;
        texts[7] = &facts.vault;
        texts[8] = &facts.policy;
        texts[9] = &facts.token_ref;
        texts[10] = &facts.gateway;

        for (size_t j = 0; j < 11; j++) {
            *texts[j] = bytes(worst, len);
        }

        facts.event = MK_AUDIT_ABORTED;
        facts.outcome = MK_POLICY_PROVIDER_REQUIRED;
        facts.applies = 0;
        facts.duration = UINT64_MAX;
        facts.policy_ms = UINT64_MAX;
        facts.gateways_failed = UINT64_MAX;
        facts.sent = UINT64_MAX;
        facts.first = UINT64_MAX - 1;
        facts.len = 1;
        facts.size = UINT64_MAX;
        facts.http = 999;

        object = printed(&facts, &len);
        ok(object != NULL, "the longest line, %zu: %zu bytes", i, len);
        most = len > most ? len : most;
        json_decref(object);
    }

    ok(most + 100 < MK_AUDIT_LINE_MAX, "there is room to spare: %zu", most);
    free(worst);
}


int
main(void)
{
    lines();
    events();
    checks();
    denied();
    ranges();
    escapes();
    cuts();
    longest();

    return tap_done();
}
