/*
 * carfile: writes a CARv1 file (ipld.io/specs/transport/car/carv1): one
 * root, its blocks in depth-first order.
 */

#ifndef CARFILE_H
#define CARFILE_H

#include "mk_cid.h"


/* Gives a block: *block is owned, freed by free(); a report_exit_t. */
typedef int (*carfile_get_pt)(void *data, const mk_cid_t *cid, char **block,
    size_t *len);


/*
 * Writes the file below root, which is size bytes long, to path.  Each block
 * is verified on its way.  Returns REPORT_OK, or another report_exit_t after
 * a message; then there is no new file.
 */
int carfile_write(const char *path, const mk_cid_t *root, uint64_t size,
    carfile_get_pt get, void *data);


#endif /* CARFILE_H */
