/*
 * mk_audit: what the audit log says of an open, as one line of JSON.
 */

#include "mk_audit.h"

#include <string.h>

#include "mk_name.h"
#include "mk_time.h"


#define MK_AUDIT_ECS  "8.11.0"

/* the longest escaped character: "\u0000" */
#define MK_AUDIT_CHAR_MAX  6

/* U+FFFD and U+2026 */
#define MK_AUDIT_INVALID  "\xef\xbf\xbd"
#define MK_AUDIT_CUT      "\xe2\x80\xa6"
#define MK_AUDIT_CUT_LEN  3

/* digits of 2^64 - 1 */
#define MK_AUDIT_DIGITS   20


/* Text behind "last" is left out, and the line with it. */
typedef struct {
    char  *p;
    char  *last;
    int    full;
} mk_audit_line_t;


/* --- characters ----------------------------------------------------------- */


/*
 * Controls, line and paragraph ends, and what is not seen or turns the
 * direction of writing: a reader of the log is not to be shown another line
 * than the one that is there.
 */
static int
mk_audit_is_hidden(uint32_t point)
{
    return point < 0x20
           || (point >= 0x7f && point < 0xa0)
           || (point >= 0x200b && point <= 0x200f)
           || (point >= 0x2028 && point <= 0x202e)
           || (point >= 0x2060 && point <= 0x206f)
           || point == 0x061c
           || point == 0xfeff;
}


/* Writes the first character of data, escaped; how many bytes it took. */
static size_t
mk_audit_char(const uint8_t *data, size_t len, char out[MK_AUDIT_CHAR_MAX],
    size_t *out_len)
{
    int       i;
    size_t    n;
    uint32_t  point;

    static const char  hex[] = "0123456789abcdef";

    n = mk_name_char(data, len, &point);

    if (n == MK_NAME_NONE) {
        memcpy(out, MK_AUDIT_INVALID, sizeof(MK_AUDIT_INVALID) - 1);
        *out_len = sizeof(MK_AUDIT_INVALID) - 1;
        return 1;
    }

    if (mk_audit_is_hidden(point)) {
        out[0] = '\\';
        out[1] = 'u';

        for (i = 0; i < 4; i++) {
            out[2 + i] = hex[(point >> (12 - 4 * i)) & 0x0f];
        }

        *out_len = MK_AUDIT_CHAR_MAX;
        return n;
    }

    if (point == '"' || point == '\\') {
        out[0] = '\\';
        out[1] = (char) point;
        *out_len = 2;
        return n;
    }

    memcpy(out, data, n);
    *out_len = n;

    return n;
}


size_t
mk_audit_escape(mk_bytes_t text, char *out, size_t size)
{
    char    c[MK_AUDIT_CHAR_MAX];
    size_t  i, n, add, len, cut;

    len = 0;
    cut = 0;            /* the end of what leaves room for the mark */

    for (i = 0; i < text.len; i += n) {
        n = mk_audit_char(text.data + i, text.len - i, c, &add);

        if (add > size - len) {
            memcpy(out + cut, MK_AUDIT_CUT, MK_AUDIT_CUT_LEN);
            return cut + MK_AUDIT_CUT_LEN;
        }

        memcpy(out + len, c, add);
        len += add;

        if (len + MK_AUDIT_CUT_LEN <= size) {
            cut = len;
        }
    }

    return len;
}


/* --- members -------------------------------------------------------------- */


static void
mk_audit_put(mk_audit_line_t *line, const char *text, size_t len)
{
    if (len > (size_t) (line->last - line->p)) {
        line->full = 1;
        return;
    }

    memcpy(line->p, text, len);
    line->p += len;
}


static void
mk_audit_word(mk_audit_line_t *line, const char *word)
{
    mk_audit_put(line, word, strlen(word));
}


/* ,"name": */
static void
mk_audit_name(mk_audit_line_t *line, const char *name)
{
    mk_audit_word(line, ",\"");
    mk_audit_word(line, name);
    mk_audit_word(line, "\":");
}


/* a value that is one of our own words */
static void
mk_audit_own(mk_audit_line_t *line, const char *name, const char *word)
{
    mk_audit_name(line, name);
    mk_audit_word(line, "\"");
    mk_audit_word(line, word);
    mk_audit_word(line, "\"");
}


static void
mk_audit_text(mk_audit_line_t *line, mk_bytes_t text, size_t max)
{
    char    escaped[MK_AUDIT_SUBJECT_MAX];
    size_t  len;

    len = mk_audit_escape(text, escaped, max);

    mk_audit_word(line, "\"");
    mk_audit_put(line, escaped, len);
    mk_audit_word(line, "\"");
}


static void
mk_audit_member(mk_audit_line_t *line, const char *name, mk_bytes_t text,
    size_t max)
{
    if (text.len > 0) {
        mk_audit_name(line, name);
        mk_audit_text(line, text, max);
    }
}


static void
mk_audit_digits(mk_audit_line_t *line, uint64_t number)
{
    char    digits[MK_AUDIT_DIGITS];
    size_t  i;

    i = sizeof(digits);

    do {
        digits[--i] = (char) ('0' + number % 10);
        number /= 10;
    } while (number > 0);

    mk_audit_put(line, digits + i, sizeof(digits) - i);
}


/* readers of JSON have signed integers, Elasticsearch too */
static void
mk_audit_number(mk_audit_line_t *line, const char *name, uint64_t number)
{
    mk_audit_name(line, name);
    mk_audit_digits(line, number > INT64_MAX ? INT64_MAX : number);
}


/* --- parts of the line ---------------------------------------------------- */


/* 1 and the line's beginning, or 0 for a time that cannot be said */
static int
mk_audit_begin(mk_audit_line_t *line, const mk_audit_facts_t *facts)
{
    char  time[MK_TIME_TEXT], fraction[] = ".000Z\"";

    if (!mk_time_print(facts->seconds, time) || facts->milliseconds > 999) {
        return 0;
    }

    fraction[1] = (char) ('0' + facts->milliseconds / 100);
    fraction[2] = (char) ('0' + facts->milliseconds / 10 % 10);
    fraction[3] = (char) ('0' + facts->milliseconds % 10);

    mk_audit_word(line, "{\"@timestamp\":\"");
    mk_audit_word(line, time);
    mk_audit_word(line, fraction);
    mk_audit_own(line, "ecs.version", MK_AUDIT_ECS);

    return 1;
}


/* ended by somebody else: no check decided it, and it has no code */
static int
mk_audit_is_cut(const mk_audit_facts_t *facts)
{
    return facts->event == MK_AUDIT_CLIENT_GONE
           || facts->event == MK_AUDIT_SHUTDOWN;
}


static void
mk_audit_event(mk_audit_line_t *line, const mk_audit_facts_t *facts)
{
    int          ok;
    const char  *type, *outcome;

    ok = facts->outcome == MK_OK;
    outcome = ok ? "success" : "failure";
    type = ok ? "allowed" : "denied";

    if (facts->event != MK_AUDIT_DECISION) {
        type = "end";
    }

    if (facts->event == MK_AUDIT_CLIENT_GONE) {
        outcome = "unknown";

    } else if (facts->event == MK_AUDIT_SHUTDOWN) {
        outcome = "failure";
    }

    mk_audit_own(line, "event.kind", "event");
    mk_audit_name(line, "event.category");
    mk_audit_word(line, "[\"file\",\"network\"]");
    mk_audit_name(line, "event.type");
    mk_audit_word(line, "[\"access\",\"");
    mk_audit_word(line, type);
    mk_audit_word(line, "\"]");
    mk_audit_own(line, "event.action", mk_action_name(facts->action));
    mk_audit_own(line, "event.outcome", outcome);

    if (!mk_audit_is_cut(facts)) {
        mk_audit_own(line, "event.reason", mk_status_name(facts->outcome));
    }

    /* nanoseconds, says ECS */

    mk_audit_number(line, "event.duration",
                    facts->duration > UINT64_MAX / 1000000
                    ? UINT64_MAX : facts->duration * 1000000);
}


static void
mk_audit_who(mk_audit_line_t *line, const mk_audit_facts_t *facts)
{
    mk_audit_member(line, "request.id", facts->request_id, MK_AUDIT_ID_MAX);
    mk_audit_member(line, "client.ip", facts->client_ip, MK_AUDIT_ID_MAX);
    mk_audit_member(line, "user.id", facts->subject, MK_AUDIT_SUBJECT_MAX);
}


static void
mk_audit_policy(mk_audit_line_t *line, const mk_audit_facts_t *facts)
{
    if (facts->policy.len == 0) {
        return;
    }

    mk_audit_name(line, "meshkit.policy");
    mk_audit_word(line, "{\"id\":");
    mk_audit_text(line, facts->policy, MK_AUDIT_TEXT_MAX);

    if (facts->has_policy_ms) {
        mk_audit_number(line, "ms", facts->policy_ms);
    }

    mk_audit_word(line, "}");
}


static const char *
mk_audit_check(const mk_audit_facts_t *facts, mk_check_t check)
{
    const char  *passed;

    passed = (facts->applies >> check) & 1 ? "pass" : "skipped";

    if (check != facts->check || mk_audit_is_cut(facts)) {
        return check < facts->reached ? passed : "skipped";
    }

    return facts->outcome == MK_OK ? passed : "fail";
}


static void
mk_audit_checks(mk_audit_line_t *line, const mk_audit_facts_t *facts)
{
    int  check;

    mk_audit_name(line, "meshkit.checks");

    for (check = 0; check < MK_CHECK_NUMBER; check++) {
        mk_audit_word(line, check == 0 ? "{\"" : ",\"");
        mk_audit_word(line, mk_checks_name((mk_check_t) check));
        mk_audit_word(line, "\":\"");
        mk_audit_word(line, mk_audit_check(facts, (mk_check_t) check));
        mk_audit_word(line, "\"");
    }

    mk_audit_word(line, "}");
}


static void
mk_audit_share(mk_audit_line_t *line, const mk_audit_facts_t *facts)
{
    mk_audit_member(line, "meshkit.capsule", facts->capsule, MK_AUDIT_ID_MAX);
    mk_audit_member(line, "meshkit.cid", facts->cid, MK_AUDIT_ID_MAX);
    mk_audit_member(line, "meshkit.owner", facts->owner, MK_AUDIT_TEXT_MAX);
    mk_audit_member(line, "meshkit.identity", facts->identity,
                    MK_AUDIT_TEXT_MAX);
    mk_audit_member(line, "meshkit.vault", facts->vault, MK_AUDIT_TEXT_MAX);
    mk_audit_policy(line, facts);
    mk_audit_checks(line, facts);
    mk_audit_member(line, "meshkit.token_ref", facts->token_ref,
                    MK_AUDIT_ID_MAX);
    mk_audit_member(line, "meshkit.gateway", facts->gateway, MK_AUDIT_TEXT_MAX);

    if (facts->has_gateways_failed) {
        mk_audit_number(line, "meshkit.gateways_failed",
                        facts->gateways_failed);
    }
}


/* as in Content-Range (RFC 9110, 14.4): "0-9/100"; "*", no part of the file */
static void
mk_audit_range(mk_audit_line_t *line, const mk_audit_facts_t *facts)
{
    mk_audit_name(line, "meshkit.range");

    if (facts->len == 0) {
        mk_audit_word(line, "\"*");

    } else {
        mk_audit_word(line, "\"");
        mk_audit_digits(line, facts->first);
        mk_audit_word(line, "-");
        mk_audit_digits(line, facts->first + facts->len - 1);
    }

    mk_audit_word(line, "/");
    mk_audit_digits(line, facts->size);
    mk_audit_word(line, "\"");
}


static void
mk_audit_response(mk_audit_line_t *line, const mk_audit_facts_t *facts)
{
    static const char *const  ends[] = {
        [MK_AUDIT_COMPLETE] = "complete",
        [MK_AUDIT_ABORTED] = "aborted",
        [MK_AUDIT_CLIENT_GONE] = "client_gone",
        [MK_AUDIT_SHUTDOWN] = "shutdown",
    };

    if (facts->http != 0) {
        mk_audit_number(line, "http.response.status_code",
                        (uint64_t) facts->http);
    }

    if (facts->has_sent) {
        mk_audit_number(line, "http.response.body.bytes", facts->sent);
    }

    if (facts->has_range) {
        mk_audit_range(line, facts);
    }

    if (facts->event != MK_AUDIT_DECISION) {
        mk_audit_own(line, "meshkit.end", ends[facts->event]);
    }
}


size_t
mk_audit_print(const mk_audit_facts_t *facts, char text[MK_AUDIT_LINE_MAX])
{
    mk_audit_line_t  line;

    line.p = text;
    line.last = text + MK_AUDIT_LINE_MAX;
    line.full = 0;

    if (!mk_audit_begin(&line, facts)) {
        return 0;
    }

    mk_audit_event(&line, facts);
    mk_audit_who(&line, facts);
    mk_audit_share(&line, facts);
    mk_audit_response(&line, facts);
    mk_audit_word(&line, "}\n");

    return line.full ? 0 : (size_t) (line.p - text);
}
