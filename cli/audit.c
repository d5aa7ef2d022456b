/*
 * meshkitctl audit: reads what meshkit_audit_log wrote.
 *
 * The file is read line by line, however large it is.  What stands in a line
 * was chosen by others: nothing of it reaches a terminal unescaped.
 */

#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auditlog.h"
#include "options.h"
#include "report.h"
#include "times.h"


/* codes; one for those of another version, one for no code */
#define AUDIT_OTHER  MK_STATUS_COUNT
#define AUDIT_NONE   (MK_STATUS_COUNT + 1)
#define AUDIT_CODES  (MK_STATUS_COUNT + 2)


typedef struct {
    const char  *file;
    const char  *capsule;
    const char  *outcome;
    const char  *subject;
    const char  *since;
    const char  *until;
    int          counts;
    int          json;
} audit_options_t;


typedef struct {
    auditlog_event_t  event;
    int               code;
    uint64_t          count;
} audit_row_t;


typedef struct {
    const audit_options_t  *options;
    const char             *member;     /* that --outcome is compared with */
    int64_t                 since;
    int64_t                 until;
    uint64_t                counts[AUDITLOG_EVENTS][AUDIT_CODES];
    uint64_t                unreadable;
} audit_run_t;


static const options_row_t  audit_rows[] = {
    { "capsule", OPTIONS_TEXT, "ID", "only what is about this share",
      offsetof(audit_options_t, capsule) },
    { "outcome", OPTIONS_TEXT, "WORD",
      "a code, success, failure, or how it ended",
      offsetof(audit_options_t, outcome) },
    { "subject", OPTIONS_TEXT, "TEXT", "only who has this user.id",
      offsetof(audit_options_t, subject) },
    { "since", OPTIONS_TEXT, "TIME", "from then on: -1h, or RFC 3339",
      offsetof(audit_options_t, since) },
    { "until", OPTIONS_TEXT, "TIME", "before then",
      offsetof(audit_options_t, until) },
    { "counts", OPTIONS_FLAG, NULL, "how many of each, not the lines",
      offsetof(audit_options_t, counts) },
    { "json", OPTIONS_FLAG, NULL, "print lines, or counts, as JSON",
      offsetof(audit_options_t, json) },
};

static const options_command_t  audit_command = {
    .name = "audit",
    .operand = "FILE",
    .operand_at = offsetof(audit_options_t, file),
    .about =
        "Prints the lines of an audit log that fit all options, or counts\n"
        "them.  FILE is - for standard input.  It may be a file of syslog:\n"
        "what stands before a record is passed over.",
    .session =
        "  $ meshkitctl audit /var/log/nginx/meshkit-audit.log --since -1d \\\n"
        "      --outcome failure",
    .rows = audit_rows,
    .nrows = sizeof(audit_rows) / sizeof(audit_rows[0]),
};


/* --- options -------------------------------------------------------------- */


/* As times_parse, and "-1h" for an hour ago. */
static int
audit_moment(const char *text, int64_t *moment)
{
    char     ahead[32];
    int64_t  now;

    now = times_now();

    if (text[0] != '-') {
        return times_parse(text, now, moment);
    }

    if (strlen(text) >= sizeof(ahead)) {
        return 0;
    }

    (void) snprintf(ahead, sizeof(ahead), "+%s", text + 1);

    if (!times_parse(ahead, 0, moment)) {
        return 0;
    }

    *moment = (*moment > now) ? 0 : now - *moment;

    return 1;
}


/* Which member has the words that --outcome takes; NULL: none has. */
static const char *
audit_member(const char *word)
{
    size_t  i;

    static const char *const  members[][2] = {
        { "success", "event.outcome" },
        { "failure", "event.outcome" },
        { "unknown", "event.outcome" },
        { "complete", "meshkit.end" },
        { "aborted", "meshkit.end" },
        { "client_gone", "meshkit.end" },
        { "shutdown", "meshkit.end" },
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (strcmp(word, members[i][0]) == 0) {
            return members[i][1];
        }
    }

    return (mk_status_from_name(word) == MK_STATUS_COUNT) ? NULL
                                                          : "event.reason";
}


static int
audit_prepare(audit_run_t *run, const audit_options_t *options)
{
    memset(run, 0, sizeof(*run));

    run->options = options;
    run->until = INT64_MAX;

    if (options->outcome != NULL) {
        run->member = audit_member(options->outcome);

        if (run->member == NULL) {
            return report_usage("--outcome takes a code, as share_expired, or "
                                "success, failure, unknown, complete, "
                                "aborted, client_gone, shutdown");
        }
    }

    if (options->since != NULL && !audit_moment(options->since, &run->since)) {
        return report_usage("--since takes -1h, seconds since the epoch, or "
                            "2027-01-31T12:00:00Z");
    }

    if (options->until != NULL && !audit_moment(options->until, &run->until)) {
        return report_usage("--until takes -1h, seconds since the epoch, or "
                            "2027-01-31T12:00:00Z");
    }

    return REPORT_OK;
}


/* --- records -------------------------------------------------------------- */


static int
audit_has(const auditlog_record_t *record, const char *name, const char *want)
{
    const json_t  *value;

    value = json_object_get(record->object, name);

    return json_is_string(value)
           && json_string_length(value) == strlen(want)
           && memcmp(json_string_value(value), want, strlen(want)) == 0;
}


static int
audit_fits(const audit_run_t *run, const auditlog_record_t *record)
{
    const audit_options_t  *options;

    options = run->options;

    return record->seconds >= run->since
           && record->seconds < run->until
           && (options->capsule == NULL
               || audit_has(record, "meshkit.capsule", options->capsule))
           && (options->subject == NULL
               || audit_has(record, "user.id", options->subject))
           && (options->outcome == NULL
               || audit_has(record, run->member, options->outcome));
}


/* --- printing ------------------------------------------------------------- */


/* name=value, quoted where it is more than one plain word */
static void
audit_print_text(const char *name, const json_t *value)
{
    char         text[MK_AUDIT_SUBJECT_MAX];
    size_t       i, len;
    mk_bytes_t   bytes;
    const char  *quote;

    static const char  plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        "-_.:/@+*";

    bytes.data = (const uint8_t *) json_string_value(value);
    bytes.len = json_string_length(value);

    len = mk_audit_escape(bytes, text, sizeof(text));

    quote = "";

    for (i = 0; i < len; i++) {
        if (memchr(plain, text[i], sizeof(plain) - 1) == NULL) {
            quote = "\"";
        }
    }

    printf("%s%s%.*s%s", name, quote, (int) len, text, quote);
}


static void
audit_print_member(const auditlog_record_t *record, const char *label,
    const char *name)
{
    const json_t  *value;

    value = json_object_get(record->object, name);

    if (json_is_string(value)) {
        audit_print_text(label, value);

    } else if (json_is_integer(value)) {
        printf("%s%" JSON_INTEGER_FORMAT, label, json_integer_value(value));
    }
}


static void
audit_print_line(const auditlog_record_t *record)
{
    size_t  i;

    static const char *const  members[][2] = {
        { " ", "event.reason" },
        { " ", "http.response.status_code" },
        { " ", "event.action" },
        { " capsule=", "meshkit.capsule" },
        { " subject=", "user.id" },
        { " client=", "client.ip" },
        { " as=", "meshkit.identity" },
        { " owner=", "meshkit.owner" },
        { " token=", "meshkit.token_ref" },
        { " range=", "meshkit.range" },
        { " bytes=", "http.response.body.bytes" },
        { " gateway=", "meshkit.gateway" },
        { " request=", "request.id" },
    };

    audit_print_member(record, "", "@timestamp");
    printf(" %s", auditlog_word(record->event));

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        audit_print_member(record, members[i][0], members[i][1]);
    }

    putchar('\n');
}


static int
audit_print(const audit_run_t *run, const auditlog_record_t *record)
{
    char  *text;

    if (!run->options->json) {
        audit_print_line(record);
        return REPORT_OK;
    }

    text = json_dumps(record->object, JSON_COMPACT|JSON_ENSURE_ASCII);
    if (text == NULL) {
        return report_no_memory();
    }

    puts(text);
    free(text);

    return REPORT_OK;
}


/* --- counts --------------------------------------------------------------- */


static void
audit_count(audit_run_t *run, const auditlog_record_t *record)
{
    int          code;
    const char  *word;

    word = json_string_value(json_object_get(record->object, "event.reason"));
    code = AUDIT_NONE;

    if (word != NULL) {

        /* MK_STATUS_COUNT, which is AUDIT_OTHER, for one that is not known */

        code = (int) mk_status_from_name(word);
    }

    run->counts[record->event][code]++;
}


static const char *
audit_code(int code)
{
    return (code == AUDIT_NONE) ? "-"
           : (code == AUDIT_OTHER) ? "other"
           : mk_status_name((mk_status_t) code);
}


/* The most frequent first, then by event and code. */
static int
audit_compare(const void *one, const void *two)
{
    const audit_row_t  *a = one;
    const audit_row_t  *b = two;

    if (a->count != b->count) {
        return (a->count < b->count) ? 1 : -1;
    }

    if (a->event != b->event) {
        return (a->event < b->event) ? -1 : 1;
    }

    return strcmp(audit_code(a->code), audit_code(b->code));
}


static size_t
audit_sort(const audit_run_t *run, audit_row_t rows[])
{
    int     code, event;
    size_t  n;

    n = 0;

    for (event = 0; event < AUDITLOG_EVENTS; event++) {
        for (code = 0; code < AUDIT_CODES; code++) {

            if (run->counts[event][code] == 0) {
                continue;
            }

            rows[n].event = (auditlog_event_t) event;
            rows[n].code = code;
            rows[n].count = run->counts[event][code];
            n++;
        }
    }

    qsort(rows, n, sizeof(rows[0]), audit_compare);

    return n;
}


static int
audit_print_counts(const audit_run_t *run)
{
    size_t        i, n;
    json_t       *counts;
    audit_row_t   rows[AUDITLOG_EVENTS * AUDIT_CODES];

    n = audit_sort(run, rows);

    if (!run->options->json) {

        for (i = 0; i < n; i++) {
            printf("%10" PRIu64 "  %-11s  %s\n", rows[i].count,
                   auditlog_word(rows[i].event), audit_code(rows[i].code));
        }

        return REPORT_OK;
    }

    counts = json_array();

    for (i = 0; i < n; i++) {
        if (json_array_append_new(counts,
                json_pack("{s:s, s:s, s:I}",
                          "event", auditlog_word(rows[i].event),
                          "reason", audit_code(rows[i].code),
                          "count", (json_int_t) rows[i].count))
            != 0)
        {
            json_decref(counts);
            return report_no_memory();
        }
    }

    return report_facts(json_pack("{s:o, s:I}", "counts", counts,
                                  "unreadable",
                                  (json_int_t) run->unreadable));
}


/* --- the file ------------------------------------------------------------- */


static int
audit_line(audit_run_t *run, const char *line, size_t len)
{
    int             rc;
    auditlog_record_t  record;

    if (len == 0) {
        return REPORT_OK;
    }

    if (!auditlog_parse(line, len, &record)) {
        run->unreadable++;
        return REPORT_OK;
    }

    rc = REPORT_OK;

    if (audit_fits(run, &record)) {

        if (run->options->counts) {
            audit_count(run, &record);

        } else {
            rc = audit_print(run, &record);
        }
    }

    json_decref(record.object);

    return rc;
}


static int
audit_run(audit_run_t *run, FILE *in)
{
    int     rc;
    char    line[AUDITLOG_LINE_MAX];
    size_t  len;

    rc = REPORT_OK;

    while (rc == REPORT_OK && auditlog_read(in, line, &len)) {
        rc = audit_line(run, line, len);
    }

    if (rc == REPORT_OK && run->options->counts) {
        rc = audit_print_counts(run);
    }

    if (rc == REPORT_OK && ferror(in)) {
        report_error("%s cannot be read: %s", run->options->file,
                     strerror(errno));
        rc = REPORT_IO;
    }

    if (rc == REPORT_OK && run->unreadable > 0) {
        report_error("%" PRIu64 " %s no audit record", run->unreadable,
                     (run->unreadable == 1) ? "line is" : "lines are");
        rc = REPORT_IO;
    }

    return rc;
}


int
audit_main(int argc, char **argv)
{
    int              rc;
    FILE            *in;
    audit_run_t      run;
    audit_options_t  options;

    memset(&options, 0, sizeof(options));

    if (!options_parse(&audit_command, argc, argv, &options, &rc)) {
        return rc;
    }

    rc = audit_prepare(&run, &options);
    if (rc != REPORT_OK) {
        return rc;
    }

    report_use_json(options.json);

    if (strcmp(options.file, "-") == 0) {
        return audit_run(&run, stdin);
    }

    in = fopen(options.file, "rb");
    if (in == NULL) {
        report_error("%s cannot be opened: %s", options.file,
                     strerror(errno));
        return REPORT_IO;
    }

    rc = audit_run(&run, in);
    (void) fclose(in);

    return rc;
}
