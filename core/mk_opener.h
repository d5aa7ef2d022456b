/*
 * mk_opener: blocks in, plaintext out.
 *
 * One open of one object, or of a part of it.  It says which block must come
 * next, verifies it (mk_walk), cuts file bytes into FLOE segments, and gives
 * out the plaintext of a segment only after its tag fitted.  It neither
 * fetches nor sends.
 *
 *     while (!mk_opener_done(o)) {
 *         cid = mk_opener_next(o, 0);
 *         ... fetch its block ...
 *         mk_opener_block(o, block, &blame);
 *         while (mk_opener_read(o, &plain, &len) == MK_OK && len > 0) {
 *             ... send len bytes at plain ...
 *         }
 *     }
 *
 * Memory: the walk's tables and one segment, whatever the file's size: sealed
 * bytes are collected where they are opened, and given out from there.
 */

#ifndef MK_OPENER_H
#define MK_OPENER_H

#include "mk_capsule.h"
#include "mk_walk.h"


/* what an opener holds of mk_secret: so many of MK_SECRET_SHORT bytes */
#define MK_OPENER_SECRETS  3

typedef struct mk_opener_s  mk_opener_t;


/*
 * Opens bytes first .. first + len - 1 of the capsule's plaintext (the whole:
 * 0, capsule->size).  key is the data key, borrowed for this call; capsule is
 * borrowed for this call.  MK_OK and *opener (owned).  MK_INVALID_ENVELOPE:
 * the FLOE header does not fit the key or the profile.
 * MK_RANGE_NOT_SATISFIABLE: the part is not inside the plaintext.
 * MK_INTERNAL_ERROR.  On failure *opener is NULL.
 */
mk_status_t mk_opener_create(const mk_capsule_t *capsule,
    const mk_secret_t *key, uint64_t first, uint64_t len,
    mk_opener_t **opener);

/* wipes keys and plaintext, frees */
void mk_opener_free(mk_opener_t *opener);

/* the i-th block from here on, as mk_walk_next; NULL if not known or done */
const mk_cid_t *mk_opener_next(const mk_opener_t *opener, size_t i);

/* how many blocks were accepted, as mk_walk_position */
uint64_t mk_opener_position(const mk_opener_t *opener);

/*
 * The bytes of the sealed object that the wanted part lies in, both ends
 * included: whole segments.
 */
void mk_opener_extent(const mk_opener_t *opener, uint64_t *first,
    uint64_t *last);

/* the file bytes of the block that was given last, as far as not yet read */
mk_bytes_t mk_opener_data(const mk_opener_t *opener);

/*
 * Begins again with another part, once everything was read and is known to
 * be sound (mk_opener_done): for a caller that kept the sealed object's bytes
 * itself.  From here on mk_opener_bytes gives them, from mk_opener_extent's
 * first on; no block is verified again, each segment is.  MK_OK, or
 * MK_RANGE_NOT_SATISFIABLE, or MK_INTERNAL_ERROR if it is not done.
 */
mk_status_t mk_opener_rewind(mk_opener_t *opener, uint64_t first,
    uint64_t len);

/* Gives the next bytes of the sealed object; borrowed as a block is. */
mk_status_t mk_opener_bytes(mk_opener_t *opener, mk_bytes_t bytes);

/* 1 while a part of the next segment is there, and the rest is not */
int mk_opener_collects(const mk_opener_t *opener);

/* as mk_walk_block_max and mk_walk_tables */
size_t mk_opener_block_max(const mk_opener_t *opener);
size_t mk_opener_tables(const mk_opener_t *opener);

/* bytes of the memory for a segment: its length, or less for a small file */
size_t mk_opener_room(const mk_opener_t *opener);

/*
 * Gives the bytes of block mk_opener_next(opener, 0).  The block stays
 * borrowed until mk_opener_read said that there is no more, or failed; only
 * then may the next one be given.  MK_OK, or as mk_walk_block with *blame: an
 * opener that refused a block for its source goes on with the same block from
 * elsewhere, any other refusal is final.
 */
mk_status_t mk_opener_block(mk_opener_t *opener, mk_bytes_t block,
    mk_blame_t *blame);

/*
 * Opens the next piece of authentic plaintext.  MK_OK with *len > 0: so many
 * bytes at *plain, which are the opener's, stay until the next call, and may
 * be wiped by the caller; with *len 0: another block is needed, or all was
 * given (mk_opener_done).  MK_INVALID_ENVELOPE, MK_INTERNAL_ERROR: final,
 * *plain is NULL.
 */
mk_status_t mk_opener_read(mk_opener_t *opener, uint8_t **plain,
    size_t *len);

/*
 * 1 once all of the wanted plaintext was given out, every block came that is
 * needed, and nothing failed
 */
int mk_opener_done(const mk_opener_t *opener);

/*
 * For an operator's log: 1 if the first file bytes that failed to open begin
 * with "EMSH", an older password blob that this profile does not read.
 */
int mk_opener_saw_legacy_blob(const mk_opener_t *opener);


#endif /* MK_OPENER_H */
