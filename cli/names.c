/*
 * names: ids and identifiers.
 */

#include "names.h"

#include <string.h>

#include <openssl/rand.h>

#include "mk_base.h"
#include "mk_name.h"
#include "report.h"


#define NAMES_BYTES  16


int
names_draw(char out[NAMES_ID])
{
    uint8_t  bytes[NAMES_BYTES];

    do {
        if (RAND_bytes(bytes, NAMES_BYTES) != 1) {
            memset(out, 0, NAMES_ID);
            return 0;
        }

        (void) mk_base64url_encode(bytes, NAMES_BYTES, out, NAMES_ID);
    } while (out[0] == '-');

    return 1;
}


mk_bytes_t
names_bytes(const char *text)
{
    mk_bytes_t  bytes;

    bytes.data = (const uint8_t *) text;
    bytes.len = (text == NULL) ? 0 : strlen(text);

    return bytes;
}


int
names_check_id(const char *option, const char *text)
{
    if (text == NULL || mk_name_is_id(names_bytes(text))) {
        return REPORT_OK;
    }

    (void) report_usage("%s is not an id", option);
    report_hint("an id is 1 to %d of A-Z a-z 0-9 _ -", MK_NAME_MAX);

    return REPORT_USAGE;
}


int
names_check_identity(const char *option, const char *text)
{
    if (text == NULL || mk_name_is_identity(names_bytes(text))) {
        return REPORT_OK;
    }

    (void) report_usage("%s is not an identifier", option);
    report_hint("it is 1 to %d bytes, without / \\ ? # %% and control "
                "characters", MK_NAME_MAX);

    return REPORT_USAGE;
}
