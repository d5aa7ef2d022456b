/*
 * trial: requests that a service must refuse.
 */

#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "report.h"


/* a response may get lost, and 409 is a reason to ask again */
#define TRIAL_TRIES  3

#define TRIAL_CONDITION  (sizeof("If-Match: \"\"") + NAMES_ID)


typedef enum {
    TRIAL_HONOURED = 0,     /* 412 */
    TRIAL_IGNORED,          /* it was written */
    TRIAL_REFUSED,          /* for another reason, which http_why knows */
    TRIAL_FAILED            /* not even that */
} trial_result_t;


void
trial_print_hint(void)
{
    report_hint("--unsafe-store writes all the same; then one writer at a "
                "time is up to you");
}


static trial_result_t
trial_put(recordurl_t *store, const char *url, const char *text,
    const char *condition)
{
    int            i;
    long           status;
    http_result_t  result;

    status = 0;

    for (i = 0; i < TRIAL_TRIES; i++) {
        result = http_put(store->http, url, names_bytes(text), condition);
        status = http_status(store->http);

        if (result == HTTP_OK) {
            return TRIAL_IGNORED;
        }

        if (status == 412) {
            return TRIAL_HONOURED;
        }

        if (result != HTTP_FAILED && status != 409 && status / 100 != 5) {
            break;
        }
    }

    return (status / 100 == 4) ? TRIAL_REFUSED : TRIAL_FAILED;
}


static int
trial_fail(recordurl_t *store)
{
    report_error("the metadata service %s", http_why(store->http));

    return REPORT_SERVICE;
}


static int
trial_ignored(const char *header)
{
    report_error("the metadata service ignores %s, so that a revocation "
                 "could be lost", header);
    trial_print_hint();

    return REPORT_SERVICE;
}


/* An If-Match that fits nothing, as nobody else draws this tag. */
static int
trial_draw(char condition[TRIAL_CONDITION])
{
    char  tag[NAMES_ID];

    if (!names_draw(tag)) {
        report_error("an id cannot be drawn");
        return REPORT_INTERNAL;
    }

    (void) snprintf(condition, TRIAL_CONDITION, "If-Match: \"%s\"", tag);

    return REPORT_OK;
}


/*
 * The record that is tried with: revoked, and signed under the id of the
 * trial if there is a key for that.
 */
static int
trial_text(const change_t *change, const change_made_t *made, const char *id,
    char **text)
{
    int            rc;
    change_made_t  trial;

    memset(&trial, 0, sizeof(trial));

    if (change->make_trial != NULL) {
        rc = change_make_trial(change, id, &trial);
        if (rc != REPORT_OK) {
            return rc;
        }

        made = &trial;
    }

    *text = change_revoked_text(made);
    change_clear(&trial);

    return (*text == NULL) ? report_no_memory() : REPORT_OK;
}


static int
trial_elsewhere(recordurl_t *store, const change_t *change,
    const change_made_t *made, const char *condition, trial_result_t *result)
{
    int    rc;
    char   id[NAMES_ID], *text, *url;

    *result = TRIAL_FAILED;

    if (!names_draw(id)) {
        report_error("an id cannot be drawn");
        return REPORT_INTERNAL;
    }

    rc = trial_text(change, made, id, &text);
    if (rc != REPORT_OK) {
        return rc;
    }

    url = recordurl_join(store, id);
    if (url == NULL) {
        free(text);
        return report_no_memory();
    }

    *result = trial_put(store, url, text, condition);

    if (*result == TRIAL_IGNORED) {
        /* some look at If-Match only where something is: now it is there */
        *result = trial_put(store, url, text, condition);

        if (http_delete(store->http, url) != HTTP_OK) {
            report_warning("the record %s, written to try the service, is "
                           "left there; it is revoked", id);
        }
    }

    free(text);
    free(url);

    return REPORT_OK;
}


/*
 * Only for a record that is to be revoked: where the precondition is ignored,
 * it is revoked by that.
 */
static int
trial_in_place(recordurl_t *store, const change_made_t *made,
    const char *condition, const char *url)
{
    switch (trial_put(store, url, made->text, condition)) {

    case TRIAL_HONOURED:
        return REPORT_OK;

    case TRIAL_IGNORED:
        report_warning("the record was written as revoked, and another "
                       "writer may undo that");
        return trial_ignored("If-Match");

    default:
        return trial_fail(store);
    }
}


int
trial_before(recordurl_t *store, const change_t *change,
    const change_made_t *made, const char *url)
{
    int             rc;
    char            condition[TRIAL_CONDITION];
    trial_result_t  result;

    if (store->tried) {
        return REPORT_OK;
    }

    rc = trial_draw(condition);

    if (rc == REPORT_OK) {
        rc = trial_elsewhere(store, change, made, condition, &result);
    }

    if (rc != REPORT_OK) {
        return rc;
    }

    switch (result) {

    case TRIAL_HONOURED:

        /* some take any If-Match for "*", which fits whatever is there */
        if (change->make_trial == NULL) {
            rc = trial_in_place(store, made, condition, url);
        }

        break;

    case TRIAL_IGNORED:
        return trial_ignored("If-Match");

    case TRIAL_REFUSED:

        if (http_status(store->http) == 401) {
            return trial_fail(store);
        }

        if (change->make_trial == NULL) {
            rc = trial_in_place(store, made, condition, url);
            break;
        }

        /* some say of what is not there that it is not there */
        if (http_status(store->http) == 404) {
            break;
        }

        return trial_fail(store);

    default:
        return trial_fail(store);
    }

    store->tried = (rc == REPORT_OK);

    return rc;
}


static int
trial_again(recordurl_t *store, const char *url, const char *text,
    const char *condition, const char *header)
{
    int  rc;

    switch (trial_put(store, url, text, condition)) {

    case TRIAL_HONOURED:
        return REPORT_OK;

    case TRIAL_IGNORED:
        report_warning("the new share was revoked again");
        return trial_ignored(header);

    default:
        rc = trial_fail(store);
        report_hint("the share was published, and whether the service "
                    "honours %s is not known", header);
        return rc;
    }
}


int
trial_after(recordurl_t *store, const change_made_t *made, const char *url)
{
    int    rc;
    char  *text, condition[TRIAL_CONDITION];

    rc = trial_draw(condition);
    if (rc != REPORT_OK) {
        return rc;
    }

    text = change_revoked_text(made);
    if (text == NULL) {
        return report_no_memory();
    }

    rc = trial_again(store, url, text, "If-None-Match: *", "If-None-Match");

    if (rc == REPORT_OK) {
        rc = trial_again(store, url, text, condition, "If-Match");
    }

    free(text);

    return rc;
}


void
trial_take_back(recordurl_t *store, const change_made_t *made,
    const char *url)
{
    char  *text;

    text = change_revoked_text(made);

    if (text != NULL
        && http_put(store->http, url, names_bytes(text), NULL) == HTTP_OK)
    {
        report_warning("the new share was revoked again");
    }

    free(text);
}
