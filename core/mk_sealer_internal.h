/*
 * mk_sealer_internal: for the test of trees only.
 */

#ifndef MK_SEALER_INTERNAL_H
#define MK_SEALER_INTERNAL_H

#include "mk_sealer.h"


/*
 * Sets how many links a node has, 2 to MK_SEALER_LINKS, before anything is
 * written: a tree of three levels would else be a gibibyte.
 */
void mk_sealer_set_links(mk_sealer_t *sealer, size_t links);


#endif /* MK_SEALER_INTERNAL_H */
