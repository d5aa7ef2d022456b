/*
 * tree: a DAG that a script says, honest or lying, with right hashes.
 */

#ifndef TREE_H
#define TREE_H

#include "dag.h"
#include "fuzz.h"


/* levels that a script can make: more than a reader takes */
#define TREE_LEVELS  10


/* A script at work. */
typedef struct {
    mk_bytes_t  *in;            /* the script */
    mk_bytes_t   file;          /* what its leaves hold, in order */
    size_t       at;            /* of these, so many are in leaves */
    unsigned     lies:1;        /* something contradicts itself */
    unsigned     deepest;
} tree_t;


/* Makes a tree over the rest of file at most; its blocks are among dag's. */
mk_dagpb_link_t tree_make(tree_t *dag);


#endif /* TREE_H */
