/*
 * records: v1/capsules/<id>, as files or by HTTP.
 */

#include "records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "mk_capsule.h"
#include "mk_json.h"
#include "names.h"
#include "report.h"
#include "urls.h"


#define RECORDS_PATH  "/v1/capsules/"

#define RECORDS_PATH_MAX  (sizeof(RECORDS_PATH) + MK_NAME_MAX)


int
records_open(const records_place_t *place, records_t *records)
{
    int  rc;

    memset(records, 0, sizeof(*records));

    if ((place->dir == NULL) == (place->url == NULL)) {
        return report_usage("one of --metadata and --metadata-url is needed");
    }

    if (place->url == NULL) {
        if (place->token_file != NULL || place->token_env != NULL) {
            return report_usage("a token is for --metadata-url");
        }

        records->dir = place->dir;
        return REPORT_OK;
    }

    rc = urls_check(place->url);
    if (rc != REPORT_OK) {
        return rc;
    }

    records->url = place->url;

    return http_create(place->token_file, place->token_env, &records->http);
}


void
records_close(records_t *records)
{
    http_free(records->http);
    memset(records, 0, sizeof(*records));
}


/* Where a record is: a path or a URL, owned. */
static char *
records_where(const records_t *records, const char *id)
{
    char  path[RECORDS_PATH_MAX];

    /* an id needs no escaping, neither in a path nor in a URL */
    (void) snprintf(path, sizeof(path), RECORDS_PATH "%s", id);

    if (records->url != NULL) {
        return urls_join(records->url, path);
    }

    return files_path(records->dir, path + 1);
}


static mk_status_t
records_get(records_t *records, const char *where, char **text, size_t *len)
{
    http_result_t  result;

    result = http_get(records->http, where, NULL, MK_JSON_MAX, text, len);

    if (result == HTTP_OK) {
        return MK_OK;
    }

    if (result == HTTP_STATUS && http_status(records->http) == 404) {
        return MK_CAPSULE_NOT_FOUND;
    }

    report_error("the metadata service %s", http_why(records->http));

    return MK_METADATA_PROVIDER_ERROR;
}


mk_status_t
records_read(records_t *records, const char *id, char **text, size_t *len)
{
    char         *where;
    mk_status_t   status;

    *text = NULL;
    *len = 0;

    where = records_where(records, id);
    if (where == NULL) {
        return MK_INTERNAL_ERROR;
    }

    if (records->url != NULL) {
        status = records_get(records, where, text, len);

    } else if (access(where, F_OK) == -1 && errno == ENOENT) {
        status = MK_CAPSULE_NOT_FOUND;

    } else if (files_read(where, MK_JSON_MAX, text, len) == REPORT_OK) {
        status = MK_OK;

    } else {
        status = MK_METADATA_PROVIDER_ERROR;
    }

    free(where);

    return status;
}


static int
records_save(records_t *records, const char *where, mk_bytes_t text,
    int fresh)
{
    int    rc;
    char  *dir;

    dir = files_path(records->dir, &RECORDS_PATH[1]);
    if (dir == NULL) {
        return report_no_memory();
    }

    rc = files_make_dirs(dir);
    free(dir);

    if (rc != REPORT_OK) {
        return rc;
    }

    return files_save(where, text, 0644, !fresh);
}


static int
records_put(records_t *records, const char *where, mk_bytes_t text, int fresh)
{
    if (http_put(records->http, where, text, fresh) == HTTP_OK) {
        return REPORT_OK;
    }

    report_error("the metadata service %s", http_why(records->http));

    if (http_status(records->http) == 412) {
        report_hint("there is a share of this id already");
    }

    return REPORT_SERVICE;
}


/* A record that no gateway would read is not published. */
static int
records_check(mk_bytes_t text)
{
    mk_status_t    status;
    mk_capsule_t  *capsule;

    status = mk_capsule_read_record(text, &capsule);
    if (status != MK_OK) {
        return report_outcome(status, "the new record would not be read");
    }

    mk_capsule_free(capsule);

    return REPORT_OK;
}


int
records_write(records_t *records, const char *id, const json_t *record,
    int fresh)
{
    int          rc;
    char        *text, *where;
    mk_bytes_t   bytes;

    text = json_dumps(record, JSON_COMPACT);
    where = records_where(records, id);

    if (text == NULL || where == NULL) {
        free(where);
        free(text);
        return report_no_memory();
    }

    bytes = names_bytes(text);
    rc = records_check(bytes);

    if (rc == REPORT_OK) {
        rc = (records->url != NULL)
             ? records_put(records, where, bytes, fresh)
             : records_save(records, where, bytes, fresh);
    }

    free(where);
    free(text);

    return rc;
}
