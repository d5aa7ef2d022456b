/*
 * spool: blocks on their way into a CAR.
 *
 * A sealer hands children out before their parents, a CAR in depth-first
 * order wants parents first.  So blocks wait in a file without a name beside
 * the target.  Leaves are asked for in the order in which they came; only
 * interior nodes, one for a thousand leaves, are listed in memory.
 */

#ifndef SPOOL_H
#define SPOOL_H

#include "mk_cid.h"


/* interior nodes in one spool: enough for 64 TiB */
#define SPOOL_NODES_MAX  65536

typedef struct spool_s  spool_t;


/* beside: the path of the target.  REPORT_OK and *spool, or a message. */
int spool_create(const char *beside, spool_t **spool);

void spool_free(spool_t *spool);

int spool_put(spool_t *spool, const mk_cid_t *cid, mk_bytes_t block);

/*
 * The bytes of a block: an interior node at any time, a leaf if it is the
 * next one.  *data is owned, freed by free().
 */
int spool_get(spool_t *spool, const mk_cid_t *cid, char **data, size_t *len);


#endif /* SPOOL_H */
