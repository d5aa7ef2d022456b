/*
 * mk_sealer: plaintext in, blocks out.
 *
 * Seals a stream of bytes into a FLOE body and cuts that into the blocks of
 * a UnixFS file (profile unixfs-v1-2025: 1 MiB raw leaves, 1024 links, CIDv1,
 * sha2-256; a body of at most 1 MiB is one raw block).  Memory: one leaf, one
 * segment and one table of links for each level.
 */

#ifndef MK_SEALER_H
#define MK_SEALER_H

#include "mk_capsule.h"


/* unixfs-v1-2025 (IPIP-499) */
#define MK_SEALER_LEAF   (1024 * 1024)
#define MK_SEALER_LINKS  1024

typedef struct mk_sealer_s  mk_sealer_t;


/*
 * Called with each finished block, children before parents.  Returns 1, or 0
 * to stop the sealer with MK_INTERNAL_ERROR.
 */
typedef int (*mk_sealer_block_pt)(void *data, const mk_cid_t *cid,
    mk_bytes_t block);


/* What a finished object is known by. */
typedef struct {
    mk_cid_t   cid;
    uint8_t    header[MK_FLOE_HEADER];
    uint64_t   size;            /* plaintext bytes */
    uint64_t   blocks;          /* how many were handed out */
} mk_sealer_result_t;


/*
 * segment_length: 65536, 262144 or 1048576; payload_id: see docs/FORMAT.md.
 * key is borrowed for this call.  NULL: an argument is out of bounds or there
 * is no memory.
 */
mk_sealer_t *mk_sealer_create(const mk_secret_t *key, const char *payload_id,
    uint32_t segment_length, mk_sealer_block_pt block, void *data);

/* wipes keys and plaintext, frees */
void mk_sealer_free(mk_sealer_t *sealer);

/* Takes len bytes of plaintext.  MK_OK or MK_INTERNAL_ERROR (then final). */
mk_status_t mk_sealer_write(mk_sealer_t *sealer, const uint8_t *data,
    size_t len);

/*
 * Ends the plaintext: the last blocks are handed out, *result is set.  Once.
 * On failure *result is zeroed.
 */
mk_status_t mk_sealer_finish(mk_sealer_t *sealer, mk_sealer_result_t *result);


#endif /* MK_SEALER_H */
