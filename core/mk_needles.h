/*
 * mk_needles: whether one of many known values stands at a place of a text.
 *
 * The values are sorted, so that those with a common beginning are compared
 * as one.  A place of a text costs at most MK_NEEDLES_PREFIX steps, besides
 * what is found there, and the comparisons of searches that leave out n values
 * together; where the text is percent-encoded, so much for each level that it
 * is.  See docs/DESIGN.md, "Cost".
 */

#ifndef MK_NEEDLES_H
#define MK_NEEDLES_H

#include "mk_percent.h"


/* shorter values are not looked for (bytes) */
#define MK_NEEDLES_SHORTEST  8

/* so much of a longer one has to fit (bytes) */
#define MK_NEEDLES_PREFIX    32


/*
 * Sorts values in place, without those that are too short or there twice.
 * Returns how many are left.
 */
size_t mk_needles_sort(mk_bytes_t *needles, size_t n);

/*
 * Of values that mk_needles_sort has sorted: how many bytes of the text at
 * pos are one of them, as it is or percent-encoded, 0: none.  What is longer
 * than MK_NEEDLES_PREFIX has to fit so far only.  Where the text may be cut,
 * MK_NEEDLES_SHORTEST bytes are enough at the end of a line.  pos is inside
 * of the text.
 */
size_t mk_needles_at(const mk_bytes_t *needles, size_t n, mk_bytes_t text,
    size_t pos, int cut);


#endif /* MK_NEEDLES_H */
