/*
 * tokens: a bearer token, out of argv's sight.
 */

#include "tokens.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "mk_key.h"
#include "report.h"


/*
 * Where the first line begins that is neither empty nor a comment, as for
 * the module's "token_file"; further lines are tokens that go out of use.
 */
static const char *
tokens_line(const char *text)
{
    text += strspn(text, " \t\r\n");

    while (*text == '#') {
        text += strcspn(text, "\n");
        text += strspn(text, " \t\r\n");
    }

    return text;
}


/* The first line of a text, without white space around it. */
static int
tokens_set(const char *text, const char *name, mk_secret_t **token)
{
    size_t    i, len;
    uint8_t  *bytes;

    text += strspn(text, " \t\r\n");
    len = strcspn(text, "\r\n");

    while (len > 0 && isspace((unsigned char) text[len - 1])) {
        len--;
    }

    for (i = 0; i < len; i++) {
        if (text[i] < 0x21 || text[i] > 0x7e) {
            len = 0;
        }
    }

    if (len == 0 || len >= MK_SECRET_MAX) {
        report_error("%s holds no bearer token", name);
        return REPORT_KEY;
    }

    *token = mk_secret_create(len + 1);
    if (*token == NULL) {
        return report_no_memory();
    }

    bytes = mk_secret_bytes(*token);
    memcpy(bytes, text, len);
    bytes[len] = '\0';

    return REPORT_OK;
}


int
tokens_read(const char *file, const char *env, mk_secret_t **token)
{
    int          rc;
    char        *text;
    size_t       len;
    const char  *value;

    *token = NULL;

    if (file != NULL && env != NULL) {
        return report_usage("--token-file and --token-env exclude each "
                            "other");
    }

    if (env != NULL) {
        value = getenv(env);
        return tokens_set((value == NULL) ? "" : value, env, token);
    }

    if (file == NULL) {
        return REPORT_OK;
    }

    rc = files_read(file, MK_KEY_TEXT_MAX, &text, &len);
    if (rc != REPORT_OK) {
        return rc;
    }

    rc = tokens_set(tokens_line(text), file, token);
    files_wipe(text, len);

    return rc;
}
