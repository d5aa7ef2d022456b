/*
 * report: what the operator reads.
 *
 * Results go to standard output, everything else to standard error: with the
 * program's name, in lower case, without a full stop, and with a hint where
 * there is a next step.  No function here is ever given a secret.
 */

#ifndef REPORT_H
#define REPORT_H

#include <jansson.h>

#include "mk_status.h"


typedef enum {
    REPORT_OK = 0,
    REPORT_REFUSED,         /* an outcome other than "ok" */
    REPORT_USAGE,
    REPORT_IO,
    REPORT_SERVICE,
    REPORT_KEY,
    REPORT_INTERNAL,
    REPORT_EXIT_COUNT
} report_exit_t;


/* from here on results and outcomes are JSON */
void report_use_json(int json);

/* "meshkitctl: ..." on standard error */
void report_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void report_warning(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void report_hint(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* The same, and the exit code that belongs to it. */
int report_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
int report_no_memory(void);

/*
 * Says an outcome other than MK_OK: name, title, why (may be NULL) and
 * suggestion; with --json its document goes to standard output as well.
 * Returns the exit code.
 */
int report_outcome(mk_status_t status, const char *why);

/*
 * Prints a result, a JSON object that is used up: as JSON, or as a line for
 * each member.  NULL is taken for "no memory".  Returns the exit code.
 */
int report_facts(json_t *facts);

/*
 * The same for a result with one member that scripts want: without --json
 * only the value of that string is printed.
 */
int report_fact(json_t *facts, const char *name);

/* Prints the table of exit codes to standard output. */
void report_print_exits(void);


#endif /* REPORT_H */
