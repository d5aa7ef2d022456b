/*
 * kubo: blocks into a Kubo node by its RPC API (docs.ipfs.tech, "Kubo RPC").
 */

#ifndef KUBO_H
#define KUBO_H

#include "http.h"
#include "mk_cid.h"


/*
 * base is the API's URL, as http://127.0.0.1:5001.  Both return REPORT_OK,
 * or another report_exit_t after a message.
 */

/* Puts a block, and checks that the node calls it by the same CID. */
int kubo_put(http_t *http, const char *base, const mk_cid_t *cid,
    mk_bytes_t block);

/* Pins a DAG, so that it is not collected. */
int kubo_pin(http_t *http, const char *base, const mk_cid_t *root);


#endif /* KUBO_H */
