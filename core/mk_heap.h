/*
 * mk_heap: the memory that keys are in.
 *
 * One for the process, as OpenSSL's secure heap is, but for the keys of this
 * library only: what OpenSSL's is full of, or who else fills it, does not
 * matter here, and what is here fills nobody else's.  It consists of regions
 * that the caller maps, since mapping, locking and guard pages are calls of
 * the system; what the heap knows about them is outside of them.
 *
 * Not for several threads.  A child has a copy of what was there, and goes on
 * with it alone.
 */

#ifndef MK_HEAP_H
#define MK_HEAP_H

#include <stddef.h>


/* bytes of which allocations are made; a key and its length fit into one */
#define MK_HEAP_UNIT         64

/* the longest allocation: mk_secret's longest, and its length */
#define MK_HEAP_MAX          (4 * 1024 + MK_HEAP_UNIT)

/*
 * Bytes of a region, and how much of the first one is for allocations of
 * several units.  Others have one kind only, so that no single unit stands in
 * the way of a longer allocation.
 */
#define MK_HEAP_REGION       (4 * 1024 * 1024)
#define MK_HEAP_LONG         (MK_HEAP_REGION / 16)

/* a gigabyte of keys is no configuration, and no load, of one nginx */
#define MK_HEAP_REGIONS      256

/*
 * What is kept free beside what is reserved, in units and in bytes side by
 * side: what one unwrap takes and gives back before anything else is done.
 */
#define MK_HEAP_SPARE_UNITS  64
#define MK_HEAP_SPARE_LONG   (4 * MK_HEAP_MAX)


/*
 * MK_HEAP_REGION bytes, all zero, aligned to MK_HEAP_UNIT, which stay to the
 * end of the process; NULL if there are none.
 */
typedef void *(*mk_heap_map_pt)(void);

typedef struct {
    size_t  size;               /* bytes of all regions */
    size_t  used;               /* of these, in allocations */
    size_t  reserved;           /* units */
    size_t  limit;              /* of them */
} mk_heap_state_t;


/*
 * Sets the heap up with a first region; 1, also if that was done already, or
 * 0.  More are mapped as allocations need them.
 */
int mk_heap_init(mk_heap_map_pt map);

/* 1 if it was set up */
int mk_heap_is_set_up(void);

/*
 * len bytes, all zero, aligned to MK_HEAP_UNIT.  NULL if len is 0 or above
 * MK_HEAP_MAX, if there is no heap, or no memory.
 */
void *mk_heap_alloc(size_t len);

/*
 * Wipes and gives back.  p and len are those of an allocation; anything else
 * (a second time, another length) ends the process, as in OpenSSL's.
 */
void mk_heap_free(void *p, size_t len);

/* 1 if p points into a region */
int mk_heap_holds(const void *p);

/*
 * From now on "limit" units may be reserved, beside what is allocated now.
 * Those that "ready" of them and the spare need are mapped at once; 0 if they
 * cannot be.  To be called once in a process.
 */
int mk_heap_set_limit(size_t limit, size_t ready);

/*
 * Promises n units, to be allocated one by one: none of these allocations
 * fails.  1; or 0 if that is above the limit, or if there is no memory.
 */
int mk_heap_reserve(size_t n);
void mk_heap_release(size_t n);

void mk_heap_state(mk_heap_state_t *state);

/* the first byte of the i-th region, or NULL: each is MK_HEAP_REGION long */
void *mk_heap_region(size_t i);


#endif /* MK_HEAP_H */
