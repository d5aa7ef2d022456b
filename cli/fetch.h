/*
 * fetch: brings an opener the blocks that it asks for.
 *
 * From a directory, or from IPFS gateways in the operator's order: a CAR
 * first, raw blocks from the verified position where the CAR went wrong, the
 * next gateway where those did.
 */

#ifndef FETCH_H
#define FETCH_H

#include "mk_opener.h"
#include "options.h"


/* Takes authentic plaintext, in order.  Returns 1, or 0 after a message. */
typedef int (*fetch_sink_pt)(void *data, mk_bytes_t piece);


/* Borrowed. */
typedef struct {
    const char            *blocks;      /* a directory; NULL: gateways */
    const options_list_t  *gateways;    /* their URLs, checked */
    fetch_sink_pt          sink;
    void                  *data;
} fetch_plan_t;


/*
 * Opens all that the opener wants.  REPORT_OK, or another report_exit_t
 * after a message; what the sink has got until then is authentic.
 */
int fetch_all(const fetch_plan_t *plan, mk_opener_t *opener);


#endif /* FETCH_H */
