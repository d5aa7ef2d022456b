/*
 * options: a table of options, read by getopt_long; usage comes from it.
 */

#ifndef OPTIONS_H
#define OPTIONS_H

#include <stddef.h>


/* rows of one table, and how often a list option may be given */
#define OPTIONS_ROWS_MAX  32
#define OPTIONS_LIST_MAX  256


typedef enum {
    OPTIONS_FLAG = 0,       /* int */
    OPTIONS_TEXT,           /* const char *, NULL if it was not given */
    OPTIONS_REQUIRED,       /* as above, and must be given */
    OPTIONS_LIST            /* options_list_t */
} options_kind_t;


/* Borrowed from argv. */
typedef struct {
    size_t       count;
    const char  *items[OPTIONS_LIST_MAX];
} options_list_t;


typedef struct {
    const char      *name;      /* without the dashes */
    options_kind_t   kind;
    const char      *value;     /* what usage calls its value; NULL: a flag */
    const char      *help;
    size_t           at;        /* offsetof in the target */
} options_row_t;


typedef struct {
    const char           *name;         /* the subcommand's */
    const char           *about;        /* what it does, in sentences */
    const char           *operand;      /* what usage calls it; NULL: none */
    size_t                operand_at;   /* a const char * in the target */
    const char           *session;      /* an example that works */
    const options_row_t  *rows;
    size_t                nrows;
} options_command_t;


/*
 * Reads argv into target, which the caller zeroed.  Returns 1 to go on, or 0
 * with *exit_code: usage was asked for and printed, or argv is wrong and a
 * message said so.  Every command has --help besides its table.
 */
int options_parse(const options_command_t *command, int argc, char **argv,
    void *target, int *exit_code);


#endif /* OPTIONS_H */
