/*
 * meshkitctl revoke: a share that is over from now on.
 */

#include "cli.h"

#include <string.h>

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
    { "unsafe-store", OPTIONS_FLAG, NULL,
      "use a URL where a revocation can be lost",
      offsetof(revoke_options_t, place.unsafe) },
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


/* data: the moment that is reported, 0 before the first call. */
static int
revoke_make(void *data, const capsules_t *published, json_t **record)
{
    int64_t  *moment;

    moment = data;

    if (published->capsule->revoked && published->revoked_at > 0) {
        *moment = published->revoked_at;
        return REPORT_OK;
    }

    if (*moment == 0) {
        *moment = times_now();
    }

    *record = mk_author_record(published->json, *moment);

    return (*record == NULL) ? report_no_memory() : REPORT_OK;
}


static int
revoke_report(const revoke_options_t *o, int64_t moment)
{
    char  text[TIMES_TEXT];

    return report_facts(json_pack("{s:s, s:s}", "id", o->id, "revoked",
                                  times_print(moment, text)));
}


static int
revoke_run(const revoke_options_t *o, records_t *records)
{
    int       rc;
    int64_t   moment;
    change_t  change;

    moment = 0;

    memset(&change, 0, sizeof(change));
    change.id = o->id;
    change.make = revoke_make;
    change.data = &moment;

    rc = records_change(records, &change);

    return (rc == REPORT_OK) ? revoke_report(o, moment) : rc;
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
