/*
 * kubo: block/put and pin/add.
 */

#include "kubo.h"

#include <stdio.h>
#include <stdlib.h>

#include "mk_json.h"
#include "report.h"
#include "urls.h"


#define KUBO_PATH_MAX  (128 + MK_CID_PRINT_MAX)


static int
kubo_post(http_t *http, const char *base, const char *path, mk_bytes_t file,
    char **body, size_t *len)
{
    char           *url;
    http_result_t   result;

    *body = NULL;
    *len = 0;

    url = urls_join(base, path);
    if (url == NULL) {
        return report_no_memory();
    }

    result = http_post(http, url, file, MK_JSON_MAX, body, len);
    free(url);

    if (result != HTTP_OK) {
        report_error("kubo at %s %s", base, http_why(http));
        return REPORT_SERVICE;
    }

    return REPORT_OK;
}


/* { "Key": "<cid>", "Size": n } */
static int
kubo_check(const char *base, const mk_cid_t *cid, mk_bytes_t answer)
{
    int         same;
    json_t     *object;
    mk_cid_t    named;
    mk_bytes_t  key;

    same = 0;

    if (mk_json_parse(answer, MK_INVALID_REQUEST, &object) == MK_OK) {
        same = mk_json_string(object, "Key", &key) == 1
               && mk_cid_parse((const char *) key.data, key.len, &named)
               && mk_cid_equal(&named, cid);
        json_decref(object);
    }

    if (!same) {
        report_error("kubo at %s names a block differently", base);
        return REPORT_SERVICE;
    }

    return REPORT_OK;
}


int
kubo_put(http_t *http, const char *base, const mk_cid_t *cid,
    mk_bytes_t block)
{
    int          rc;
    char         path[KUBO_PATH_MAX];
    char        *body;
    mk_bytes_t   answer;

    (void) snprintf(path, sizeof(path),
                    "/api/v0/block/put?cid-codec=%s&mhtype=sha2-256"
                    "&mhlen=32&pin=false",
                    (cid->codec == MK_CID_CODEC_RAW) ? "raw" : "dag-pb");

    rc = kubo_post(http, base, path, block, &body, &answer.len);
    if (rc != REPORT_OK) {
        return rc;
    }

    answer.data = (const uint8_t *) body;

    rc = kubo_check(base, cid, answer);
    free(body);

    return rc;
}


int
kubo_pin(http_t *http, const char *base, const mk_cid_t *root)
{
    int          rc;
    char         path[KUBO_PATH_MAX], text[MK_CID_PRINT_MAX];
    char        *body;
    size_t       len;
    mk_bytes_t   nothing;

    (void) mk_cid_print(root, text);
    (void) snprintf(path, sizeof(path),
                    "/api/v0/pin/add?arg=%s&recursive=true", text);

    nothing.data = NULL;
    nothing.len = 0;

    rc = kubo_post(http, base, path, nothing, &body, &len);
    free(body);

    return rc;
}
