/*
 * capsules: reads capsules and records.
 */

#include "capsules.h"

#include <string.h>

#include "files.h"
#include "mk_json.h"
#include "report.h"


static int64_t
capsules_revoked_at(const json_t *record)
{
    int64_t        moment;
    const json_t  *status;

    moment = 0;

    if (mk_json_object(record, "status", &status) == 1) {
        (void) mk_json_integer(status, "revokedAt", &moment);
    }

    return moment;
}


mk_status_t
capsules_read(mk_bytes_t text, capsules_t *out)
{
    json_t       *object, *inner;
    mk_status_t   status;

    memset(out, 0, sizeof(*out));

    status = mk_json_parse(text, MK_INVALID_CAPSULE, &object);
    if (status != MK_OK) {
        return status;
    }

    inner = json_object_get(object, "capsule");

    if (inner != NULL) {
        status = mk_capsule_read_record(text, &out->capsule);
        out->revoked_at = capsules_revoked_at(object);
        out->is_record = 1;

    } else {
        inner = object;
        status = mk_capsule_read(text, &out->capsule);
    }

    if (status != MK_OK) {
        json_decref(object);
        memset(out, 0, sizeof(*out));
        return status;
    }

    out->json = json_incref(inner);
    json_decref(object);

    return MK_OK;
}


int
capsules_read_file(const char *path, capsules_t *out)
{
    int          rc;
    char        *data;
    mk_bytes_t   text;
    mk_status_t  status;

    memset(out, 0, sizeof(*out));

    rc = files_read(path, MK_JSON_MAX, &data, &text.len);
    if (rc != REPORT_OK) {
        return rc;
    }

    text.data = (const uint8_t *) data;
    status = capsules_read(text, out);
    files_wipe(data, text.len);

    return (status == MK_OK) ? REPORT_OK : report_outcome(status, path);
}


void
capsules_clear(capsules_t *capsule)
{
    mk_capsule_free(capsule->capsule);
    json_decref(capsule->json);
    memset(capsule, 0, sizeof(*capsule));
}


mk_status_t
capsules_verify(const mk_capsule_t *capsule, const mk_jwks_t *owners)
{
    size_t           i;
    const char      *why;
    const mk_key_t  *key;

    if (mk_checks_header(capsule, &why) != MK_OK) {
        return MK_INVALID_CAPSULE;
    }

    for (i = 0; ; i++) {
        key = mk_jwks_find(owners, capsule->jws.kid, capsule->owner, i);

        if (key == NULL) {
            return MK_INVALID_CAPSULE;
        }

        if (mk_jws_verify(&capsule->jws, key, MK_INVALID_CAPSULE) == MK_OK) {
            return MK_OK;
        }
    }
}
