/*
 * terms: what a share allows, as options and as a capsule's facts.
 */

#ifndef TERMS_H
#define TERMS_H

#include "mk_author.h"


/* As given on the command line; NULL and 0: not given. */
typedef struct {
    const char  *expires;
    const char  *not_before;
    const char  *policy;
    const char  *vault;
    const char  *issuer;            /* --capability-issuer */
    const char  *capability_for;
    int          no_download;
} terms_options_t;


/* 1 if any of them was given */
int terms_given(const terms_options_t *options);

/*
 * Reads them into facts, which borrow from them; "now" is facts->iat.
 * REPORT_OK, or REPORT_USAGE after a message.
 */
int terms_read(const terms_options_t *options, mk_author_facts_t *facts);


#endif /* TERMS_H */
