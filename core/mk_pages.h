/*
 * mk_pages: memory for a block or a segment.
 *
 * A worker takes and frees much of it, in pieces of up to 2 MiB.  From
 * MK_PAGES_LARGE on it can be mapped and unmapped piece by piece: the system
 * has it back at once, and malloc's heap, which others use too, gets no holes
 * of that size.
 */

#ifndef MK_PAGES_H
#define MK_PAGES_H

#include <stddef.h>


/* bytes */
#define MK_PAGES_LARGE  (64 * 1024)


/* maps len bytes, above 0, or returns NULL; and what unmaps them */
typedef void *(*mk_pages_map_pt)(size_t len);
typedef void (*mk_pages_unmap_pt)(void *p, size_t len);


/*
 * From here on large pieces come from these two; until then all of it comes
 * from malloc.  To be called before anything is allocated.
 */
void mk_pages_init(mk_pages_map_pt map, mk_pages_unmap_pt unmap);

/*
 * len bytes, above 0; their content is not defined.  NULL if there is no
 * memory.  The caller owns it and frees it with the same len.
 */
void *mk_pages_alloc(size_t len);

/* wipes nothing; p may be NULL */
void mk_pages_free(void *p, size_t len);


#endif /* MK_PAGES_H */
