/*
 * auditlog: the lines of an audit log, one by one.
 */

#include "auditlog.h"

#include <string.h>

#include "times.h"


/* "2026-11-21T04:13:00", the part of a time that is compared */
#define AUDITLOG_SECONDS  19


static const char *const  auditlog_words[AUDITLOG_EVENTS] = {
    [AUDITLOG_ALLOWED] = "allowed",
    [AUDITLOG_DENIED] = "denied",
    [AUDITLOG_COMPLETE] = "complete",
    [AUDITLOG_ABORTED] = "aborted",
    [AUDITLOG_CLIENT_GONE] = "client_gone",
    [AUDITLOG_SHUTDOWN] = "shutdown",
};


const char *
auditlog_word(auditlog_event_t event)
{
    return auditlog_words[event];
}


int
auditlog_read(FILE *in, char line[AUDITLOG_LINE_MAX], size_t *len)
{
    int  c;

    *len = 0;

    while ((c = getc_unlocked(in)) != EOF && c != '\n') {

        if (*len < AUDITLOG_LINE_MAX) {
            line[*len] = (char) c;
        }

        if (*len <= AUDITLOG_LINE_MAX) {
            (*len)++;
        }
    }

    return c != EOF || *len > 0;
}


/* What the line is about, by meshkit.end or the second event.type. */
static int
auditlog_event(const json_t *object, auditlog_event_t *event)
{
    int          i;
    const char  *word;

    word = json_string_value(json_object_get(object, "meshkit.end"));

    if (word == NULL) {
        word = json_string_value(
                   json_array_get(json_object_get(object, "event.type"), 1));
    }

    for (i = 0; word != NULL && i < AUDITLOG_EVENTS; i++) {
        if (strcmp(word, auditlog_words[i]) == 0) {
            *event = (auditlog_event_t) i;
            return 1;
        }
    }

    return 0;
}


/* "2026-11-21T04:13:00.123Z": the thousandths do not count */
static int
auditlog_seconds(const json_t *object, int64_t *seconds)
{
    char           text[AUDITLOG_SECONDS + sizeof("Z")];
    const json_t  *value;

    value = json_object_get(object, "@timestamp");

    if (!json_is_string(value)
        || json_string_length(value) <= AUDITLOG_SECONDS)
    {
        return 0;
    }

    memcpy(text, json_string_value(value), AUDITLOG_SECONDS);
    memcpy(text + AUDITLOG_SECONDS, "Z", sizeof("Z"));

    return text[4] == '-' && times_parse(text, 0, seconds);
}


int
auditlog_parse(const char *line, size_t len, auditlog_record_t *record)
{
    const char  *start;

    record->object = NULL;

    if (len > AUDITLOG_LINE_MAX) {
        return 0;
    }

    start = memchr(line, '{', len);
    if (start == NULL) {
        return 0;
    }

    len -= (size_t) (start - line);

    record->object = json_loadb(start, len,
                                JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, NULL);
    if (record->object == NULL) {
        return 0;
    }

    if (!auditlog_event(record->object, &record->event)
        || !auditlog_seconds(record->object, &record->seconds)
        || !json_is_string(json_object_get(record->object, "event.outcome")))
    {
        json_decref(record->object);
        record->object = NULL;
        return 0;
    }

    return 1;
}
