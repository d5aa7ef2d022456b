/*
 * change: reads what is published, and holds what is made to the rules.
 */

#include "change.h"

#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "report.h"
#include "times.h"


static mk_bytes_t
change_bytes(const char *text, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = (const uint8_t *) text;
    bytes.len = len;

    return bytes;
}


static int
change_read(const char *id, mk_bytes_t text, capsules_t *published)
{
    const char   *why;
    mk_status_t   status;

    why = "as it is published";

    status = capsules_read(text, published);

    if (status == MK_OK
        && !mk_bytes_equal(published->capsule->id, names_bytes(id)))
    {
        why = "the record is that of another share";
        status = MK_INVALID_CAPSULE;
        capsules_clear(published);
    }

    return (status == MK_OK) ? REPORT_OK : report_outcome(status, why);
}


/* A record that no gateway would read is not published. */
static int
change_check(change_made_t *made)
{
    capsules_t   capsule;
    mk_status_t  status;

    made->text = json_dumps(made->record, JSON_COMPACT);
    if (made->text == NULL) {
        return report_no_memory();
    }

    status = capsules_read(names_bytes(made->text), &capsule);

    if (status == MK_OK && !capsule.is_record) {
        status = MK_METADATA_PROVIDER_ERROR;
        capsules_clear(&capsule);
    }

    if (status != MK_OK) {
        return report_outcome(status, "the new record would not be read");
    }

    made->revoked = capsule.capsule->revoked;
    made->revoked_at = capsule.revoked_at;
    capsules_clear(&capsule);

    return REPORT_OK;
}


/* What is published was not revoked, or stays revoked. */
static int
change_check_state(const capsules_t *published, const change_made_t *made)
{
    if (published == NULL || made->text == NULL || made->revoked) {
        return REPORT_OK;
    }

    if (!published->is_record) {
        return report_outcome(MK_METADATA_PROVIDER_ERROR,
                              "the published record has no status");
    }

    return published->capsule->revoked
           ? report_outcome(MK_SHARE_REVOKED, "as it is published")
           : REPORT_OK;
}


static int
change_finish(int rc, const capsules_t *published, change_made_t *made)
{
    if (rc == REPORT_OK && made->record != NULL) {
        rc = change_check(made);
    }

    if (rc == REPORT_OK) {
        rc = change_check_state(published, made);
    }

    if (rc != REPORT_OK) {
        change_clear(made);
    }

    return rc;
}


int
change_make(const change_t *change, const char *text, size_t len, int taken,
    change_made_t *made)
{
    int         rc;
    capsules_t  published;

    memset(made, 0, sizeof(*made));

    if (text == NULL && !change->creates) {
        return report_outcome(MK_CAPSULE_NOT_FOUND, NULL);
    }

    if (text == NULL) {
        rc = change->make(change->data, NULL, &made->record);
        return change_finish(rc, NULL, made);
    }

    if (change->fresh) {
        report_error("there is a share of this id already");
        report_hint("a share keeps its id, choose another with --id");
        return taken;
    }

    rc = change_read(change->id, change_bytes(text, len), &published);
    if (rc != REPORT_OK) {
        return rc;
    }

    rc = change->make(change->data, &published, &made->record);
    rc = change_finish(rc, &published, made);

    capsules_clear(&published);

    return rc;
}


int
change_make_trial(const change_t *change, const char *id, change_made_t *made)
{
    int  rc;

    memset(made, 0, sizeof(*made));

    rc = change->make_trial(change->data, id, &made->record);

    return change_finish(rc, NULL, made);
}


/* Is each wrap that was written there? */
static int
change_has_wraps(const json_t *there, const json_t *written)
{
    size_t         i, j;
    const json_t  *wrap;

    for (i = 0; i < json_array_size(written); i++) {
        wrap = json_array_get(written, i);

        for (j = 0; j < json_array_size(there); j++) {
            if (json_equal(json_array_get(there, j), wrap)) {
                break;
            }
        }

        if (j == json_array_size(there)) {
            return 0;
        }
    }

    return 1;
}


static change_seen_t
change_compare(const change_made_t *made, const capsules_t *seen)
{
    const json_t  *capsule;

    if (!seen->is_record) {
        return CHANGE_OTHER;
    }

    capsule = json_object_get(made->record, "capsule");

    if (!json_equal(json_object_get(seen->json, "payload"),
                    json_object_get(capsule, "payload")))
    {
        return CHANGE_OTHER;
    }

    if (seen->capsule->revoked) {
        /* at another time: somebody else did it */
        return !made->revoked ? CHANGE_REVOKED
               : seen->revoked_at == made->revoked_at ? CHANGE_HOLDS
               : CHANGE_OTHER;
    }

    return !made->revoked
           && change_has_wraps(json_object_get(seen->json, "wraps"),
                               json_object_get(capsule, "wraps"))
           ? CHANGE_HOLDS : CHANGE_OTHER;
}


change_seen_t
change_seen(const change_made_t *made, const char *text, size_t len)
{
    capsules_t     seen;
    change_seen_t  result;

    if (text == NULL
        || capsules_read(change_bytes(text, len), &seen) != MK_OK)
    {
        return CHANGE_OTHER;
    }

    result = change_compare(made, &seen);
    capsules_clear(&seen);

    return result;
}


char *
change_revoked_text(const change_made_t *made)
{
    char    *text;
    json_t  *record;

    record = mk_author_record(json_object_get(made->record, "capsule"),
                              times_now());
    text = (record == NULL) ? NULL : json_dumps(record, JSON_COMPACT);
    json_decref(record);

    return text;
}


void
change_clear(change_made_t *made)
{
    json_decref(made->record);
    free(made->text);
    memset(made, 0, sizeof(*made));
}
