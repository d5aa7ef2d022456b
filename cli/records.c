/*
 * records: v1/capsules/<id>, as files or by HTTP.
 */

#include "records.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "recorddir.h"
#include "report.h"
#include "urls.h"


/* An id needs no escaping, neither in a path nor in a URL. */
#define RECORDS_PATH  "v1/capsules"


static int
records_open_dir(const records_place_t *place, records_t *records)
{
    if (place->token_file != NULL || place->token_env != NULL) {
        return report_usage("a token is for --metadata-url");
    }

    if (place->unsafe) {
        return report_usage("--unsafe-store is for --metadata-url");
    }

    records->where = files_path(place->dir, RECORDS_PATH);

    return (records->where == NULL) ? report_no_memory() : REPORT_OK;
}


static int
records_open_url(const records_place_t *place, records_t *records)
{
    int  rc;

    rc = urls_check(place->url);
    if (rc != REPORT_OK) {
        return rc;
    }

    records->where = urls_join(place->url, "/" RECORDS_PATH);
    if (records->where == NULL) {
        return report_no_memory();
    }

    rc = http_create(place->token_file, place->token_env, &records->http);

    records->store.http = records->http;
    records->store.base = records->where;
    records->store.unsafe = place->unsafe;

    return rc;
}


int
records_open(const records_place_t *place, records_t *records)
{
    memset(records, 0, sizeof(*records));

    if ((place->dir == NULL) == (place->url == NULL)) {
        return report_usage("one of --metadata and --metadata-url is needed");
    }

    return (place->url == NULL) ? records_open_dir(place, records)
                                : records_open_url(place, records);
}


void
records_close(records_t *records)
{
    http_free(records->http);
    free(records->where);
    memset(records, 0, sizeof(*records));
}


mk_status_t
records_read(records_t *records, const char *id, char **text, size_t *len)
{
    if (records->http != NULL) {
        return recordurl_read(&records->store, id, text, len);
    }

    return recorddir_read(records->where, id, text, len);
}


int
records_change(records_t *records, const change_t *change)
{
    if (records->http != NULL) {
        return recordurl_change(&records->store, change);
    }

    return recorddir_change(records->where, change);
}
