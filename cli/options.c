/*
 * options: one loop around getopt_long for all subcommands.
 */

#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "report.h"


/* what getopt_long returns for --help, beyond every row's number */
#define OPTIONS_HELP  (OPTIONS_ROWS_MAX + 1)

/* the column that usage explains options in */
#define OPTIONS_COLUMN  26


static void
options_print_row(const char *name, const char *value, const char *help,
    const char *note)
{
    char  left[64];

    (void) snprintf(left, sizeof(left), "--%s%s%s", name,
                    (value == NULL) ? "" : " ",
                    (value == NULL) ? "" : value);

    printf("  %-*s%s%s\n", OPTIONS_COLUMN, left, help, note);
}


static void
options_print_usage(const options_command_t *command)
{
    size_t                i;
    const options_row_t  *row;

    static const char *const  notes[] = {
        [OPTIONS_FLAG] = "",
        [OPTIONS_TEXT] = "",
        [OPTIONS_REQUIRED] = " (required)",
        [OPTIONS_LIST] = " (may be repeated)",
    };

    printf("usage: meshkitctl %s%s%s [options]\n\n%s\n\noptions:\n",
           command->name, (command->operand == NULL) ? "" : " ",
           (command->operand == NULL) ? "" : command->operand,
           command->about);

    for (i = 0; i < command->nrows; i++) {
        row = &command->rows[i];
        options_print_row(row->name, row->value, row->help, notes[row->kind]);
    }

    options_print_row("help", NULL, "print this", "");

    printf("\nexample:\n%s\n\n", command->session);
    report_print_exits();
}


static int
options_complain(const options_command_t *command)
{
    report_hint("see meshkitctl help %s", command->name);

    return REPORT_USAGE;
}


/* Stores a value; 0 if there was one already, or too many. */
static int
options_store(const options_row_t *row, const char *value, void *target)
{
    int             *flag;
    const char     **text;
    options_list_t  *list;

    switch (row->kind) {

    case OPTIONS_FLAG:
        flag = (int *) (void *) ((char *) target + row->at);
        *flag = 1;
        return 1;

    case OPTIONS_LIST:
        list = (options_list_t *) (void *) ((char *) target + row->at);

        if (list->count == OPTIONS_LIST_MAX) {
            report_error("option --%s is given too often", row->name);
            return 0;
        }

        list->items[list->count++] = value;
        return 1;

    default:
        text = (const char **) (void *) ((char *) target + row->at);

        if (*text != NULL) {
            report_error("option --%s is given twice", row->name);
            return 0;
        }

        *text = value;
        return 1;
    }
}


static void
options_table(const options_command_t *command,
    struct option out[OPTIONS_ROWS_MAX + 2])
{
    size_t  i;

    memset(out, 0, (OPTIONS_ROWS_MAX + 2) * sizeof(struct option));

    for (i = 0; i < command->nrows && i < OPTIONS_ROWS_MAX; i++) {
        out[i].name = command->rows[i].name;
        out[i].has_arg = (command->rows[i].kind == OPTIONS_FLAG)
                         ? no_argument : required_argument;
        out[i].val = (int) i;
    }

    out[i].name = "help";
    out[i].has_arg = no_argument;
    out[i].val = OPTIONS_HELP;
}


/* What stands before "=": a value may be something that nobody may see. */
static int
options_refuse(const options_command_t *command, int what, const char *word)
{
    int  len;

    len = (int) strcspn(word, "=");

    if (what == '?' && optopt > OPTIONS_HELP) {
        /* a letter; the numbers of rows are below it */
        report_error("option -%c is not known here", optopt);

    } else if (what == ':') {
        report_error("option %.*s needs a value", len, word);

    } else {
        report_error("option %.*s is not known here, or takes no value",
                     len, word);
    }

    return options_complain(command);
}


static int
options_check(const options_command_t *command, int argc, char **argv,
    void *target)
{
    size_t                 i;
    const char           **operand;
    const options_row_t   *row;

    for (i = 0; i < command->nrows; i++) {
        row = &command->rows[i];

        if (row->kind == OPTIONS_REQUIRED
            && *(char **) (void *) ((char *) target + row->at) == NULL)
        {
            report_error("option --%s is missing", row->name);
            return options_complain(command);
        }
    }

    if (argc - optind != ((command->operand == NULL) ? 0 : 1)) {
        report_error("%s takes %s%s", command->name,
                     (command->operand == NULL) ? "options only" : "one ",
                     (command->operand == NULL) ? "" : command->operand);
        return options_complain(command);
    }

    if (command->operand != NULL) {
        operand = (const char **) (void *)
                  ((char *) target + command->operand_at);
        *operand = argv[optind];
    }

    return REPORT_OK;
}


int
options_parse(const options_command_t *command, int argc, char **argv,
    void *target, int *exit_code)
{
    int            what;
    struct option  rows[OPTIONS_ROWS_MAX + 2];

    options_table(command, rows);

    opterr = 0;
    optind = 1;

    while ((what = getopt_long(argc, argv, ":", rows, NULL)) != -1) {

        if (what == OPTIONS_HELP) {
            options_print_usage(command);
            *exit_code = REPORT_OK;
            return 0;
        }

        if (what == '?' || what == ':') {
            *exit_code = options_refuse(command, what, argv[optind - 1]);
            return 0;
        }

        if (!options_store(&command->rows[what], optarg, target)) {
            *exit_code = options_complain(command);
            return 0;
        }
    }

    *exit_code = options_check(command, argc, argv, target);

    return *exit_code == REPORT_OK;
}
