/*
 * recordurl: GET, PUT with a precondition, GET again.
 */

#include "recordurl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mk_json.h"
#include "names.h"
#include "report.h"
#include "trial.h"
#include "urls.h"


/*
 * how often a record is put; how many of these may go unanswered; from which
 * on --unsafe-store drops an If-Match that never fits
 */
#define RECORDURL_TRIES   8
#define RECORDURL_LOST    2
#define RECORDURL_UNSAFE  4

/* nanoseconds before the second try; each further wait is twice as long */
#define RECORDURL_PAUSE  25000000L

#define RECORDURL_WHY  320

#define RECORDURL_CONDITION  (sizeof("If-Match: ") + HEADERS_ETAG_MAX)


/* One change under way. */
typedef struct {
    recordurl_t     *store;
    const change_t  *change;
    char            *url;
    char            *text;      /* as it was read; NULL: there is none */
    size_t           len;
    headers_t        headers;   /* that came with it */
    change_made_t    made;
    unsigned         sent:1;    /* what was made was put */
    unsigned         created:1; /* with If-None-Match */
    unsigned         took:1;    /* and the last PUT was a success */
    int              lost;
    char             why[RECORDURL_WHY];    /* the last one was none */
} recordurl_work_t;


char *
recordurl_join(const recordurl_t *store, const char *id)
{
    char  path[1 + MK_NAME_MAX + 1];

    (void) snprintf(path, sizeof(path), "/%s", id);

    return urls_join(store->base, path);
}


mk_status_t
recordurl_read(recordurl_t *store, const char *id, char **text, size_t *len)
{
    char           *url;
    http_result_t   result;

    *text = NULL;
    *len = 0;

    url = recordurl_join(store, id);
    if (url == NULL) {
        (void) report_no_memory();
        return MK_INTERNAL_ERROR;
    }

    result = http_get_current(store->http, url, MK_JSON_MAX, text, len);
    free(url);

    if (result == HTTP_OK) {
        return MK_OK;
    }

    if (result == HTTP_STATUS && http_status(store->http) == 404) {
        return MK_CAPSULE_NOT_FOUND;
    }

    report_error("the metadata service %s", http_why(store->http));

    return MK_METADATA_PROVIDER_ERROR;
}


static int
recordurl_get(recordurl_work_t *w)
{
    mk_status_t  status;

    free(w->text);

    status = recordurl_read(w->store, w->change->id, &w->text, &w->len);

    if (status == MK_OK || status == MK_CAPSULE_NOT_FOUND) {
        w->headers = *http_headers(w->store->http);
        return REPORT_OK;
    }

    if (w->sent) {
        report_hint("the record was sent, and may have been taken");
        return REPORT_SERVICE;
    }

    /* what is new would not have needed an answer about what there is */
    return w->change->fresh ? REPORT_SERVICE : report_outcome(status, NULL);
}


static void
recordurl_pause(int tries)
{
    struct timespec  pause;

    if (tries > 0) {
        pause.tv_sec = 0;
        pause.tv_nsec = RECORDURL_PAUSE << (tries < 5 ? tries - 1 : 4);
        (void) nanosleep(&pause, NULL);
    }
}


static int
recordurl_refuse_etag(headers_etag_t etag)
{
    static const char *const  reasons[] = {
        [HEADERS_ETAG_NONE] = "sends no ETag",
        [HEADERS_ETAG_STRONG] = "",
        [HEADERS_ETAG_WEAK] = "sends a weak ETag, which fits no If-Match",
        [HEADERS_ETAG_BAD] = "sends an ETag that is none",
    };

    report_error("the metadata service %s, so that a revocation could be "
                 "lost", reasons[etag]);
    trial_print_hint();

    return REPORT_SERVICE;
}


/* What has to hold before anything is written. */
static int
recordurl_admit(recordurl_work_t *w)
{
    if (w->store->unsafe) {
        return REPORT_OK;
    }

    if (w->text != NULL && w->headers.etag != HEADERS_ETAG_STRONG) {
        return recordurl_refuse_etag(w->headers.etag);
    }

    return trial_before(w->store, w->change, &w->made, w->url);
}


/* Whether it may have been done, or others came first: then look again. */
static int
recordurl_is_open(recordurl_work_t *w, http_result_t result)
{
    long  status;

    status = http_status(w->store->http);

    if (result == HTTP_OK || status == 412 || status == 409) {
        return 1;
    }

    return (result == HTTP_FAILED || status / 100 == 5)
           && w->lost++ < RECORDURL_LOST;
}


static int
recordurl_put(recordurl_work_t *w, int tries)
{
    char            line[RECORDURL_CONDITION];
    const char     *condition;
    http_result_t   result;

    condition = NULL;
    w->created = (w->text == NULL);

    if (w->created) {
        condition = "If-None-Match: *";

    } else if (w->headers.etag == HEADERS_ETAG_STRONG
               && !(w->store->unsafe && tries >= RECORDURL_UNSAFE))
    {
        (void) snprintf(line, sizeof(line), "If-Match: %s", w->headers.tag);
        condition = line;
    }

    result = http_put(w->store->http, w->url, names_bytes(w->made.text),
                      condition);

    w->sent = 1;
    w->took = (result == HTTP_OK);

    (void) snprintf(w->why, sizeof(w->why), "%s", w->took
                    ? "took the record, and still shows another one"
                    : http_why(w->store->http));

    if (recordurl_is_open(w, result)) {
        return REPORT_OK;
    }

    report_error("the metadata service %s", w->why);

    return REPORT_SERVICE;
}


/* What was made is there.  A new record also shows what the service is. */
static int
recordurl_confirm(recordurl_work_t *w)
{
    int  rc;

    if (!w->created || w->store->unsafe) {
        return REPORT_OK;
    }

    rc = trial_after(w->store, &w->made, w->url);

    if (rc == REPORT_OK && w->headers.etag != HEADERS_ETAG_STRONG) {
        trial_take_back(w->store, &w->made, w->url);
        rc = recordurl_refuse_etag(w->headers.etag);
    }

    return rc;
}


/* REPORT_OK and *done, or there is something left to do. */
static int
recordurl_look(recordurl_work_t *w, int *done)
{
    int  rc;

    *done = 0;

    rc = recordurl_get(w);
    if (rc != REPORT_OK || !w->sent) {
        return rc;
    }

    switch (change_seen(&w->made, w->text, w->len)) {

    case CHANGE_HOLDS:
        *done = 1;
        return recordurl_confirm(w);

    case CHANGE_REVOKED:
        return report_outcome(MK_SHARE_REVOKED, "as it is published");

    default:
        return REPORT_OK;
    }
}


static int
recordurl_step(recordurl_work_t *w, int tries, int *done)
{
    int  rc;

    /* no wait where the next look is to confirm what was done */
    if (!w->took) {
        recordurl_pause(tries);
    }

    rc = recordurl_look(w, done);
    if (rc != REPORT_OK || *done || tries == RECORDURL_TRIES) {
        return rc;
    }

    if (w->took) {
        recordurl_pause(tries);
    }

    change_clear(&w->made);

    rc = change_make(w->change, w->text, w->len, REPORT_SERVICE, &w->made);
    if (rc != REPORT_OK) {
        return rc;
    }

    *done = (w->made.text == NULL);
    if (*done) {
        return REPORT_OK;
    }

    rc = recordurl_admit(w);

    return (rc == REPORT_OK) ? recordurl_put(w, tries) : rc;
}


int
recordurl_change(recordurl_t *store, const change_t *change)
{
    int               rc, tries, done;
    recordurl_work_t  w;

    memset(&w, 0, sizeof(w));
    w.store = store;
    w.change = change;

    w.url = recordurl_join(store, change->id);
    if (w.url == NULL) {
        return report_no_memory();
    }

    rc = REPORT_OK;
    done = 0;

    for (tries = 0; tries <= RECORDURL_TRIES; tries++) {
        rc = recordurl_step(&w, tries, &done);
        if (rc != REPORT_OK || done) {
            break;
        }
    }

    if (rc == REPORT_OK && !done) {
        report_error("the metadata service %s, %d times in a row", w.why,
                     RECORDURL_TRIES);
        report_hint("others change the record, or its ETag changes by "
                    "itself; nothing that was sent can be relied on");
        rc = REPORT_SERVICE;
    }

    change_clear(&w.made);
    free(w.text);
    free(w.url);

    return rc;
}
