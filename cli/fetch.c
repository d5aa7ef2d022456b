/*
 * fetch: one loop for a directory, one for a gateway's CAR, one for its raw
 * blocks.  All end in fetch_take.
 */

#include "fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blockdir.h"
#include "files.h"
#include "http.h"
#include "mk_car.h"
#include "report.h"
#include "urls.h"


/* "/ipfs/", a CID, and the longest query */
#define FETCH_PATH_MAX  (MK_CID_PRINT_MAX + 128)

#define FETCH_CAR_TYPE \
    "application/vnd.ipld.car; version=1; order=dfs; dups=y"
#define FETCH_CAR_QUERY \
    "?format=car&dag-scope=entity&car-version=1&car-order=dfs&car-dups=y"
#define FETCH_RAW_TYPE   "application/vnd.ipld.raw"
#define FETCH_RAW_QUERY  "?format=raw"


typedef struct {
    const fetch_plan_t  *plan;
    mk_opener_t         *opener;
    http_t              *http;
    mk_car_t            *car;           /* while one is read */
    mk_status_t          fault;         /* of the source in use */
    mk_status_t          verdict;       /* final, unless MK_OK */
    unsigned             sink_failed:1;
    unsigned             mixed:1;       /* gateways fail differently */
} fetch_t;


static int
fetch_is_over(const fetch_t *f)
{
    return f->verdict != MK_OK || f->sink_failed
           || mk_opener_done(f->opener);
}


/* Passes on what the last block completed. */
static int
fetch_drain(fetch_t *f)
{
    size_t      len;
    uint8_t    *plain;
    mk_bytes_t  piece;

    for ( ;; ) {
        f->verdict = mk_opener_read(f->opener, &plain, &len);
        if (f->verdict != MK_OK) {
            return 0;
        }

        if (len == 0) {
            return 1;
        }

        piece.data = plain;
        piece.len = len;

        if (!f->plan->sink(f->plan->data, piece)) {
            f->sink_failed = 1;
            return 0;
        }
    }
}


/*
 * Gives the opener the block that it waits for.  0: f->fault if other bytes
 * were needed, else it is over.
 */
static int
fetch_take(fetch_t *f, mk_bytes_t block)
{
    mk_blame_t   blame;
    mk_status_t  status;

    status = mk_opener_block(f->opener, block, &blame);

    if (status == MK_OK) {
        return fetch_drain(f);
    }

    if (blame == MK_BLAME_SOURCE) {
        f->fault = status;

    } else {
        f->verdict = status;
    }

    return 0;
}


static void
fetch_directory(fetch_t *f)
{
    int             rc;
    char           *data;
    mk_bytes_t      block;
    const mk_cid_t *cid;

    while (!fetch_is_over(f)) {
        cid = mk_opener_next(f->opener, 0);

        rc = blockdir_get(f->plan->blocks, cid, &data, &block.len);
        if (rc != REPORT_OK) {
            f->verdict = MK_PROVIDER_REQUEST_FAILED;
            return;
        }

        block.data = (const uint8_t *) data;

        if (!fetch_take(f, block) && f->verdict == MK_OK) {
            f->verdict = f->fault;
        }

        free(data);
    }
}


/* The URL of a block at a gateway, owned; NULL: no memory, and it is over. */
static char *
fetch_url(fetch_t *f, const char *base, const char *query)
{
    char  *url;
    char   path[FETCH_PATH_MAX], cid[MK_CID_PRINT_MAX];

    (void) mk_cid_print(mk_opener_next(f->opener, 0), cid);
    (void) snprintf(path, sizeof(path), "/ipfs/%s%s", cid, query);

    url = urls_join(base, path);
    if (url == NULL) {
        f->verdict = MK_INTERNAL_ERROR;
    }

    return url;
}


static mk_status_t
fetch_fault_of(http_result_t result, mk_status_t found)
{
    switch (result) {
    case HTTP_STATUS:    return MK_PROVIDER_HTTP_ERROR;
    case HTTP_STOPPED:   return found;
    case HTTP_TOO_LARGE: return MK_CID_MISMATCH;
    default:             return MK_PROVIDER_REQUEST_FAILED;
    }
}


/* A http_sink_pt: sections of a CAR, which must be the blocks awaited. */
static int
fetch_car_piece(void *data, mk_bytes_t in)
{
    int                found;
    fetch_t           *f;
    const mk_cid_t    *cid;
    mk_car_section_t   section;

    f = data;

    while (in.len > 0) {
        f->fault = mk_car_read(f->car, &in, &section, &found);
        if (f->fault != MK_OK) {
            return 0;
        }

        if (!found) {
            return 1;
        }

        cid = mk_opener_next(f->opener, 0);

        if (cid == NULL || !section.known
            || !mk_multihash_equal(&section.hash, &cid->hash))
        {
            f->fault = MK_PROVIDER_REQUEST_FAILED;
            return 0;
        }

        if (!fetch_take(f, section.block) || fetch_is_over(f)) {
            /* whatever follows the last block is not looked at */
            return 0;
        }
    }

    return 1;
}


static void
fetch_car(fetch_t *f, const char *base)
{
    char           *url;
    http_result_t   result;

    url = fetch_url(f, base, FETCH_CAR_QUERY);
    if (url == NULL) {
        return;
    }

    f->car = mk_car_create();

    if (f->car == NULL) {
        f->verdict = MK_INTERNAL_ERROR;

    } else {
        result = http_stream(f->http, url, FETCH_CAR_TYPE, fetch_car_piece,
                             f);
        f->fault = fetch_fault_of(result, f->fault);
    }

    mk_car_free(f->car);
    f->car = NULL;
    free(url);
}


static void
fetch_raw(fetch_t *f, const char *base)
{
    char           *url, *body;
    mk_bytes_t      block;
    http_result_t   result;

    f->fault = MK_OK;

    while (f->fault == MK_OK && !fetch_is_over(f)) {
        url = fetch_url(f, base, FETCH_RAW_QUERY);
        if (url == NULL) {
            return;
        }

        result = http_get(f->http, url, FETCH_RAW_TYPE, MK_BLOCK_MAX, &body,
                          &block.len);
        free(url);

        if (result != HTTP_OK) {
            f->fault = fetch_fault_of(result, MK_PROVIDER_REQUEST_FAILED);
            return;
        }

        block.data = (const uint8_t *) body;
        (void) fetch_take(f, block);
        free(body);
    }
}


static void
fetch_gateway(fetch_t *f, const char *base)
{
    f->fault = MK_OK;

    /* a CAR begins at the root: further on it would bring it all again */
    if (mk_opener_position(f->opener) == 0) {
        fetch_car(f, base);
    }

    if (!fetch_is_over(f)) {
        fetch_raw(f, base);
    }

    if (!fetch_is_over(f)) {
        report_warning("gateway %s %s", base,
                       (f->fault == MK_CID_MISMATCH)
                       ? "sent other bytes" : http_why(f->http));
    }
}


/* Gateways that fail in one way name the outcome, else it is "no answer". */
static void
fetch_gateways(fetch_t *f)
{
    size_t                 i;
    mk_status_t            fault;
    const options_list_t  *list;

    list = f->plan->gateways;
    fault = MK_PROVIDER_REQUEST_FAILED;

    for (i = 0; i < list->count && !fetch_is_over(f); i++) {
        fetch_gateway(f, list->items[i]);

        if (i > 0 && f->fault != fault) {
            f->mixed = 1;
        }

        fault = f->fault;
    }

    if (!fetch_is_over(f)) {
        f->verdict = f->mixed ? MK_PROVIDER_REQUEST_FAILED : fault;
    }
}


static int
fetch_verdict(const fetch_t *f)
{
    const char  *why;

    if (f->sink_failed) {
        return REPORT_IO;
    }

    if (f->verdict == MK_OK) {
        return REPORT_OK;
    }

    why = NULL;

    if (f->verdict == MK_INVALID_ENVELOPE
        && mk_opener_saw_legacy_blob(f->opener))
    {
        why = "it is an older password blob";
    }

    return report_outcome(f->verdict, why);
}


int
fetch_all(const fetch_plan_t *plan, mk_opener_t *opener)
{
    int      rc;
    fetch_t  f;

    memset(&f, 0, sizeof(f));
    f.plan = plan;
    f.opener = opener;

    rc = http_create(NULL, NULL, &f.http);
    if (rc != REPORT_OK) {
        return rc;
    }

    if (plan->blocks != NULL) {
        fetch_directory(&f);

    } else {
        fetch_gateways(&f);
    }

    rc = fetch_verdict(&f);

    http_free(f.http);

    return rc;
}
