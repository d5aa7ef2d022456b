/*
 * mk_redact_rules: what mk_redact looks for at one place of a text.
 */

#ifndef MK_REDACT_RULES_H
#define MK_REDACT_RULES_H

#include "mk_redact_scan.h"


/* What is to be masked; nothing where end is not behind start. */
typedef struct {
    size_t  start;
    size_t  end;
} mk_redact_rules_run_t;


/*
 * 1 if a rule finds something that begins at the place of the scan: a name, a
 * scheme, a JWS or "://".  The run is what is secret of it.
 */
int mk_redact_rules_at(mk_redact_scan_t *s, mk_redact_rules_run_t *run);


#endif /* MK_REDACT_RULES_H */
