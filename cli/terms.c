/*
 * terms: reads what a share allows.
 */

#include "terms.h"

#include <string.h>

#include "names.h"
#include "report.h"
#include "times.h"


int
terms_given(const terms_options_t *o)
{
    return o->expires != NULL || o->not_before != NULL || o->policy != NULL
           || o->vault != NULL || o->issuer != NULL
           || o->capability_for != NULL || o->no_download;
}


static int
terms_read_time(const char *option, const char *text, int64_t now,
    int64_t *moment)
{
    *moment = 0;

    if (text == NULL || times_parse(text, now, moment)) {
        return REPORT_OK;
    }

    (void) report_usage("%s is not a moment", option);
    report_hint("write +7d (s m h d w), seconds since the epoch, or "
                "2027-01-31T12:00:00Z");

    return REPORT_USAGE;
}


static int
terms_read_times(const terms_options_t *o, mk_author_facts_t *facts)
{
    int  rc;

    rc = terms_read_time("--expires", o->expires, facts->iat, &facts->exp);

    if (rc == REPORT_OK) {
        rc = terms_read_time("--not-before", o->not_before, facts->iat,
                             &facts->nbf);
    }

    if (rc != REPORT_OK) {
        return rc;
    }

    if (o->expires != NULL && facts->exp <= facts->iat) {
        return report_usage("--expires is in the past");
    }

    if (o->expires != NULL && facts->nbf >= facts->exp) {
        return report_usage("--not-before is not before --expires");
    }

    return REPORT_OK;
}


/* "open", "download", or both with a comma between */
static int
terms_read_actions(const char *text, mk_author_facts_t *facts)
{
    size_t       len;
    mk_bytes_t   word;
    mk_action_t  action;

    for ( ;; ) {
        len = strcspn(text, ",");
        word.data = (const uint8_t *) text;
        word.len = len;

        if (!mk_action_parse(word, &action)) {
            return report_usage("--capability-for is open, download or "
                                "open,download");
        }

        if (action == MK_ACTION_OPEN) {
            facts->capability_open = 1;

        } else {
            facts->capability_download = 1;
        }

        if (text[len] == '\0') {
            return REPORT_OK;
        }

        text += len + 1;
    }
}


static int
terms_read_capability(const terms_options_t *o, mk_author_facts_t *facts)
{
    if (o->issuer == NULL) {
        if (o->capability_for != NULL) {
            return report_usage("--capability-for needs "
                                "--capability-issuer");
        }

        return REPORT_OK;
    }

    facts->capability_issuer = o->issuer;

    if (o->capability_for != NULL) {
        return terms_read_actions(o->capability_for, facts);
    }

    facts->capability_open = 1;
    facts->capability_download = 1;

    return REPORT_OK;
}


int
terms_read(const terms_options_t *o, mk_author_facts_t *facts)
{
    int  rc;

    rc = terms_read_times(o, facts);

    if (rc == REPORT_OK) {
        rc = names_check_identity("--policy", o->policy);
    }

    if (rc == REPORT_OK) {
        rc = names_check_identity("--vault", o->vault);
    }

    if (rc == REPORT_OK) {
        rc = names_check_identity("--capability-issuer", o->issuer);
    }

    if (rc != REPORT_OK) {
        return rc;
    }

    facts->policy_id = o->policy;
    facts->vault_id = o->vault;
    facts->deny_download = (o->no_download != 0);

    return terms_read_capability(o, facts);
}
