/*
 * mk_floe_internal: for the test of rotation only.
 */

#ifndef MK_FLOE_INTERNAL_H
#define MK_FLOE_INTERNAL_H

#include "mk_floe.h"


/*
 * Sets log2 of how many segments share one AES key (at most 63), before the
 * first segment.  The published known answers rotate early, since 2^20
 * segments would be too many for a file of answers; nothing else may.
 */
void mk_floe_set_rotation(mk_floe_t *floe, unsigned bits);


#endif /* MK_FLOE_INTERNAL_H */
