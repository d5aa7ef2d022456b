/*
 * recipients: an identity and a key for each --to.
 */

#include "recipients.h"

#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "names.h"
#include "report.h"


/* mk_author_recipient_t borrows; here is who owns. */
typedef struct {
    char      *identity;
    mk_key_t  *key;
} recipients_one_t;


static int
recipients_read_one(const char *text, recipients_one_t *one)
{
    int          rc;
    const char  *sign;

    memset(one, 0, sizeof(*one));

    sign = strchr(text, '=');

    if (sign == NULL || sign == text || sign[1] == '\0') {
        return report_usage("--to is ID=KEY.jwk or ID=KEY.pem");
    }

    one->identity = strndup(text, (size_t) (sign - text));
    if (one->identity == NULL) {
        return report_no_memory();
    }

    rc = names_check_identity("--to", one->identity);

    if (rc == REPORT_OK) {
        rc = keys_read_recipient(sign + 1, one->identity, &one->key);
    }

    if (rc != REPORT_OK) {
        free(one->identity);
        one->identity = NULL;
    }

    return rc;
}


int
recipients_read(const options_list_t *to, recipients_t *recipients)
{
    int               rc;
    size_t            i;
    recipients_one_t  one;

    memset(recipients, 0, sizeof(*recipients));

    if (to->count == 0) {
        return report_usage("option --to is missing");
    }

    recipients->list = calloc(to->count, sizeof(mk_author_recipient_t));
    if (recipients->list == NULL) {
        return report_no_memory();
    }

    for (i = 0; i < to->count; i++) {
        rc = recipients_read_one(to->items[i], &one);
        if (rc != REPORT_OK) {
            return rc;
        }

        recipients->list[i].identity = one.identity;
        recipients->list[i].key = one.key;
        recipients->count++;
    }

    return REPORT_OK;
}


void
recipients_clear(recipients_t *recipients)
{
    size_t  i;

    for (i = 0; i < recipients->count; i++) {
        /* owned here, const in the type that mk_author takes */
        free((void *) (uintptr_t) recipients->list[i].identity);
        mk_key_free((mk_key_t *) (uintptr_t) recipients->list[i].key);
    }

    free(recipients->list);
    memset(recipients, 0, sizeof(*recipients));
}
