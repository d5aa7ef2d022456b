/*
 * fuzz_audit: the audit line; whatever it is told, it is one line of JSON,
 * and its texts are those that it was told.
 *
 * Bytes that say what happened, numbers, then eleven texts, each a length
 * (in units of four bytes) and its bytes.
 */

#include "fuzz.h"
#include "mk_audit.h"
#include "mk_name.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>


#define TEXTS  11


static void
read_facts(mk_bytes_t *in, mk_audit_facts_t *facts)
{
    uint8_t  has;

    memset(facts, 0, sizeof(*facts));

    facts->event = (mk_audit_event_t) fuzz_number(in, 4);
    facts->outcome = (mk_status_t) fuzz_number(in, MK_STATUS_COUNT + 1);
    facts->action = (mk_action_t) fuzz_number(in, 2);
    facts->check = (mk_check_t) fuzz_number(in, MK_CHECK_NUMBER);
    facts->reached = (mk_check_t) fuzz_number(in, MK_CHECK_NUMBER);
    facts->applies = (unsigned) fuzz_u64(in);
    facts->seconds = (int64_t) (fuzz_u64(in) >> 26) - 1000;
    facts->milliseconds = fuzz_number(in, 1002);
    facts->duration = fuzz_u64(in);
    facts->policy_ms = fuzz_u64(in);
    facts->gateways_failed = fuzz_u64(in);
    facts->http = (int) fuzz_number(in, 1000);
    facts->sent = fuzz_u64(in);
    facts->size = fuzz_u64(in);
    facts->first = fuzz_u64(in);
    facts->len = fuzz_u64(in);

    has = fuzz_byte(in);
    facts->has_policy_ms = (has & 1) != 0;
    facts->has_gateways_failed = (has & 2) != 0;
    facts->has_sent = (has & 4) != 0;
    facts->has_range = (has & 8) != 0;
}


/* not there if it is empty; else the very text, but for what cannot be said */
static void
check_text(const json_t *object, const char *name, mk_bytes_t text)
{
    const char    *said;
    size_t         len;
    const json_t  *value;

    value = json_object_get(object, name);

    FUZZ_HOLDS((value != NULL) == (text.len > 0));

    if (value == NULL) {
        return;
    }

    said = json_string_value(value);
    len = json_string_length(value);

    FUZZ_HOLDS(said != NULL && len > 0);

    if (!mk_name_is_utf8(text)) {
        FUZZ_HOLDS(strstr(said, "\xef\xbf\xbd") != NULL
                   || strlen(said) < len
                   || memcmp(said + len - 3, "\xe2\x80\xa6", 3) == 0);
        return;
    }

    if (len == text.len && memcmp(said, text.data, len) == 0) {
        return;
    }

    /* it was cut, behind what is the same */

    len -= 3;
    FUZZ_HOLDS(memcmp(said + len, "\xe2\x80\xa6", 3) == 0);
    FUZZ_HOLDS(text.len > 20 && len < text.len
               && memcmp(said, text.data, len) == 0);
}


static void
check_line(const char *line, size_t len, mk_bytes_t texts[TEXTS],
    const mk_audit_facts_t *facts)
{
    size_t   i;
    json_t  *object;

    static const char *const  names[TEXTS] = {
        "request.id", "client.ip", "user.id", "meshkit.capsule",
        "meshkit.cid", "meshkit.owner", "meshkit.identity", "meshkit.vault",
        "meshkit.token_ref", "meshkit.gateway", "id",
    };

    for (i = 0; i < len - 1; i++) {
        FUZZ_HOLDS((uint8_t) line[i] >= 0x20 && line[i] != 0x7f);
    }

    FUZZ_HOLDS(line[len - 1] == '\n');
    FUZZ_HOLDS(mk_name_is_text(fuzz_bytes(line, len - 1), len));

    object = json_loadb(line, len - 1, JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL,
                        NULL);
    FUZZ_HOLDS(object != NULL);

    for (i = 0; i < TEXTS - 1; i++) {
        check_text(object, names[i], texts[i]);
    }

    check_text(json_object_get(object, "meshkit.policy"), names[i],
               texts[i]);

    FUZZ_HOLDS(json_is_string(json_object_get(object, "meshkit.end"))
               == (facts->event != MK_AUDIT_DECISION));
    FUZZ_HOLDS(json_object_size(json_object_get(object, "meshkit.checks"))
               == MK_CHECK_NUMBER);
    FUZZ_HOLDS(json_is_string(json_object_get(object, "event.outcome")));

    json_decref(object);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char              *line;
    size_t             i, len;
    mk_bytes_t         in, texts[TEXTS];
    mk_audit_facts_t   facts;

    in = fuzz_bytes(data, size);
    read_facts(&in, &facts);

    for (i = 0; i < TEXTS; i++) {
        texts[i] = fuzz_take(&in, 4u * fuzz_byte(&in));
    }

    facts.request_id = texts[0];
    facts.client_ip = texts[1];
    facts.subject = texts[2];
    facts.capsule = texts[3];
    facts.cid = texts[4];
    facts.owner = texts[5];
    facts.identity = texts[6];
    facts.vault = texts[7];
    facts.token_ref = texts[8];
    facts.gateway = texts[9];
    facts.policy = texts[10];

    line = malloc(MK_AUDIT_LINE_MAX);
    len = mk_audit_print(&facts, line);

    if (facts.seconds < 0 || facts.seconds > INT64_C(253402300799)
        || facts.milliseconds > 999)
    {
        FUZZ_HOLDS(len == 0);

    } else {
        FUZZ_HOLDS(len > 0 && len <= MK_AUDIT_LINE_MAX);
        check_line(line, len, texts, &facts);
    }

    free(line);

    return 0;
}
