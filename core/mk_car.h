/*
 * mk_car: a CARv1 stream, read by pushing bytes (ipld.io/specs/transport/car).
 *
 * The header is checked and its roots are ignored; then each section is
 * given out as (multihash, block).  Nothing here is verified against
 * anything: mk_walk does that.  Memory: one section.
 */

#ifndef MK_CAR_H
#define MK_CAR_H

#include "mk_dagpb.h"


/* the longest header: a producer writes some 60 bytes */
#define MK_CAR_HEADER_MAX   (64 * 1024)

/* the longest section: its CID and its block */
#define MK_CAR_SECTION_MAX  (MK_CID_BINARY_MAX + MK_BLOCK_MAX)


typedef struct mk_car_s  mk_car_t;


typedef struct {
    int             known;      /* 0: its hash is none of ours */
    mk_multihash_t  hash;       /* what the section says of itself */
    mk_bytes_t      block;      /* borrowed until the next call */
} mk_car_section_t;


/* NULL if there is no memory */
mk_car_t *mk_car_create(void);

void mk_car_free(mk_car_t *car);

/*
 * Takes bytes off the front of *in.  Returns MK_OK with *found 1 and
 * *section filled as soon as a section is whole (bytes behind it stay in
 * *in: call again), or with *found 0 once *in is used up.
 *
 * MK_PROVIDER_REQUEST_FAILED: no CARv1 (T9 to T11: a version other than 1,
 * a header length that is too large, any length that is zero or not minimal,
 * text instead of a section).  MK_CID_MISMATCH: a section whose block is, or
 * by its length must be, above MK_BLOCK_MAX; nothing is allocated for it.
 * MK_INTERNAL_ERROR: no memory.  A failed reader stays failed.
 */
mk_status_t mk_car_read(mk_car_t *car, mk_bytes_t *in,
    mk_car_section_t *section, int *found);

/* bytes of the memory for a section: as long as the longest one so far */
size_t mk_car_room(const mk_car_t *car);

/* 1 if the bytes so far end where a section may end */
int mk_car_at_boundary(const mk_car_t *car);


#endif /* MK_CAR_H */
