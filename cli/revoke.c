/*
 * meshkitctl revoke: a share that is over from now on.
 */

#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "capsules.h"
#include "names.h"
#include "options.h"
#include "records.h"
#include "report.h"
#include "times.h"


typedef struct {
    const char       *id;
    int               json;
    records_place_t   place;
} revoke_options_t;


static const options_row_t  revoke_rows[] = {
    { "metadata", OPTIONS_TEXT, "DIR", "change DIR/v1/capsules/ID",
      offsetof(revoke_options_t, place.dir) },
    { "metadata-url", OPTIONS_TEXT, "URL",
      "GET and PUT URL/v1/capsules/ID",
      offsetof(revoke_options_t, place.url) },
    { "token-file", OPTIONS_TEXT, "FILE", "bearer token for the URL",
      offsetof(revoke_options_t, place.token_file) },
    { "token-env", OPTIONS_TEXT, "NAME",
      "the same, from an environment variable",
      offsetof(revoke_options_t, place.token_env) },
    { "json", OPTIONS_FLAG, NULL, "print the result as JSON",
      offsetof(revoke_options_t, json) },
};

static const options_command_t  revoke_command = {
    .name = "revoke",
    .operand = "ID",
    .operand_at = offsetof(revoke_options_t, id),
    .about =
        "Marks the share ID as revoked.  Gateways look on each open, so the\n"
        "next one is refused.  A share that was revoked before keeps its\n"
        "time.",
    .session =
        "  $ meshkitctl revoke kmCvM7zVzOyTTgMpHJ5u_A --metadata metadata",
    .rows = revoke_rows,
    .nrows = sizeof(revoke_rows) / sizeof(revoke_rows[0]),
};


/* The record's own time, if it is revoked already; else 0. */
static int64_t
revoke_since(mk_bytes_t text)
{
    json_t        *record;
    int64_t        since;
    const json_t  *status;

    since = 0;

    if (mk_json_parse(text, MK_METADATA_PROVIDER_ERROR, &record) != MK_OK) {
        return 0;
    }

    if (mk_json_object(record, "status", &status) == 1) {
        (void) mk_json_integer(status, "revokedAt", &since);
    }

    json_decref(record);

    return since;
}


static int
revoke_write(const revoke_options_t *o, records_t *records,
    const capsules_t *share, int64_t moment)
{
    int      rc;
    json_t  *record;

    record = mk_author_record(share->json, moment);
    if (record == NULL) {
        return report_no_memory();
    }

    rc = records_write(records, o->id, record, 0);
    json_decref(record);

    return rc;
}


static int
revoke_report(const revoke_options_t *o, int64_t moment)
{
    char  text[TIMES_TEXT];

    return report_facts(json_pack("{s:s, s:s}", "id", o->id, "revoked",
                                  times_print(moment, text)));
}


static int
revoke_share(const revoke_options_t *o, records_t *records, mk_bytes_t text)
{
    int          rc;
    int64_t      moment;
    capsules_t   share;
    mk_status_t  status;

    status = capsules_read(text, &share);
    if (status != MK_OK) {
        return report_outcome(status, "as it is published");
    }

    moment = share.capsule->revoked ? revoke_since(text) : 0;
    rc = REPORT_OK;

    if (moment == 0) {
        moment = times_now();
        rc = revoke_write(o, records, &share, moment);
    }

    capsules_clear(&share);

    return (rc == REPORT_OK) ? revoke_report(o, moment) : rc;
}


static int
revoke_run(const revoke_options_t *o, records_t *records)
{
    int           rc;
    char         *text;
    mk_bytes_t    bytes;
    mk_status_t   status;

    status = records_read(records, o->id, &text, &bytes.len);
    if (status != MK_OK) {
        return report_outcome(status, NULL);
    }

    bytes.data = (const uint8_t *) text;

    rc = revoke_share(o, records, bytes);
    free(text);

    return rc;
}


int
revoke_main(int argc, char **argv)
{
    int               rc;
    records_t         records;
    revoke_options_t  o;

    memset(&o, 0, sizeof(o));

    if (!options_parse(&revoke_command, argc, argv, &o, &rc)) {
        return rc;
    }

    report_use_json(o.json);

    rc = names_check_id("ID", o.id);
    if (rc != REPORT_OK) {
        return rc;
    }

    rc = records_open(&o.place, &records);

    if (rc == REPORT_OK) {
        rc = revoke_run(&o, &records);
    }

    records_close(&records);

    return rc;
}
