/*
 * report: results on standard output, messages on standard error.
 */

#include "report.h"

#include "mk_name.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>


#define REPORT_PROGRAM  "meshkitctl"

/* the longest title or suggestion that is printed */
#define REPORT_PHRASE_MAX  256

/* the column that values begin in */
#define REPORT_LABEL  14


static int  report_json;

static const char *const  report_exits[REPORT_EXIT_COUNT] = {
    [REPORT_OK] = "done",
    [REPORT_REFUSED] = "refused; the outcome is named on standard error",
    [REPORT_USAGE] = "wrong usage",
    [REPORT_IO] = "a file could not be read or written",
    [REPORT_SERVICE] = "a service did not take what was sent",
    [REPORT_KEY] = "a key or a key set cannot be used",
    [REPORT_INTERNAL] = "no memory, or a library failed",
};


void
report_use_json(int json)
{
    report_json = json;
}


static void
report_message(const char *kind, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));


static void
report_message(const char *kind, const char *format, va_list args)
{
    /* results that were printed so far come before it */
    (void) fflush(stdout);

    fprintf(stderr, "%s: %s", REPORT_PROGRAM, kind);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}


void
report_error(const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    report_message("", format, args);
    va_end(args);
}


void
report_warning(const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    report_message("warning: ", format, args);
    va_end(args);
}


void
report_hint(const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    report_message("hint: ", format, args);
    va_end(args);
}


int
report_usage(const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    report_message("", format, args);
    va_end(args);

    return REPORT_USAGE;
}


int
report_no_memory(void)
{
    report_error("no memory");

    return REPORT_INTERNAL;
}


/* A sentence as a message: lower case, no full stop. */
static const char *
report_phrase(const char *sentence, char out[REPORT_PHRASE_MAX])
{
    size_t  len;

    len = strlen(sentence);
    if (len >= REPORT_PHRASE_MAX) {
        len = REPORT_PHRASE_MAX - 1;
    }

    memcpy(out, sentence, len);

    if (len > 0 && out[len - 1] == '.') {
        len--;
    }

    out[len] = '\0';

    /* an abbreviation at the start stays what it is */
    if (len > 1 && !isupper((unsigned char) out[1])) {
        out[0] = (char) tolower((unsigned char) out[0]);
    }

    return out;
}


int
report_outcome(mk_status_t status, const char *why)
{
    char  title[REPORT_PHRASE_MAX], hint[REPORT_PHRASE_MAX];

    report_phrase(mk_status_title(status), title);

    if (why != NULL) {
        report_error("%s: %s (%s)", mk_status_name(status), title, why);

    } else {
        report_error("%s: %s", mk_status_name(status), title);
    }

    report_hint("%s", report_phrase(mk_status_suggestion(status), hint));

    if (report_json) {
        (void) report_facts(json_pack("{s:s, s:s, s:s}",
                                      "outcome", mk_status_name(status),
                                      "title", mk_status_title(status),
                                      "suggestion",
                                      mk_status_suggestion(status)));
    }

    return (status == MK_INTERNAL_ERROR) ? REPORT_INTERNAL : REPORT_REFUSED;
}


/*
 * A text that somebody else wrote, on a terminal: controls, what turns the
 * direction of writing and what is not seen become question marks.
 */
static void
report_text(const char *text)
{
    size_t    n, len;
    uint32_t  point;

    for (len = strlen(text); len > 0; len -= n) {

        n = mk_name_char((const uint8_t *) text, len, &point);

        if (n == MK_NAME_NONE || mk_name_is_hidden(point)) {
            n = (n == MK_NAME_NONE) ? 1 : n;
            putchar('?');

        } else {
            fwrite(text, 1, n, stdout);
        }

        text += n;
    }
}


static void
report_value(json_t *value)
{
    size_t       i;
    json_t      *item;
    const char  *name, *between;

    switch (json_typeof(value)) {

    case JSON_STRING:
        report_text(json_string_value(value));
        break;

    case JSON_INTEGER:
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;

    case JSON_TRUE:
    case JSON_FALSE:
        fputs(json_is_true(value) ? "yes" : "no", stdout);
        break;

    case JSON_ARRAY:
        json_array_foreach(value, i, item) {
            fputs((i == 0) ? "" : ", ", stdout);
            report_value(item);
        }

        break;

    case JSON_OBJECT:
        between = "";

        json_object_foreach(value, name, item) {
            printf("%s%s ", between, name);
            report_value(item);
            between = ", ";
        }

        break;

    default:
        break;
    }
}


/* One line for a member; one for each item of an array of objects. */
static void
report_member(const char *name, json_t *value)
{
    size_t  i;

    if (json_is_array(value)
        && json_is_object(json_array_get(value, 0)))
    {
        for (i = 0; i < json_array_size(value); i++) {
            report_member(name, json_array_get(value, i));
        }

        return;
    }

    printf("%-*s", REPORT_LABEL, name);
    report_value(value);
    putchar('\n');
}


int
report_facts(json_t *facts)
{
    char        *text;
    const char  *name;
    json_t      *value;

    if (facts == NULL) {
        return report_no_memory();
    }

    if (report_json) {
        text = json_dumps(facts, JSON_INDENT(2));
        if (text == NULL) {
            json_decref(facts);
            return report_no_memory();
        }

        puts(text);
        free(text);

    } else {
        json_object_foreach(facts, name, value) {
            report_member(name, value);
        }
    }

    json_decref(facts);

    return REPORT_OK;
}


int
report_fact(json_t *facts, const char *name)
{
    if (facts == NULL || report_json) {
        return report_facts(facts);
    }

    puts(json_string_value(json_object_get(facts, name)));
    json_decref(facts);

    return REPORT_OK;
}


void
report_print_exits(void)
{
    int  i;

    puts("exit codes:");

    for (i = 0; i < REPORT_EXIT_COUNT; i++) {
        printf("  %d  %s\n", i, report_exits[i]);
    }
}
