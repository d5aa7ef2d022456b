/*
 * mk_floe: C2SP FLOE (c2sp.org/FLOE, ePrint 2025/2275), segment by segment.
 *
 * AES-256-GCM, HKDF-Expand-SHA-384, 32-byte IV.  Segments can be opened in
 * any order: each carries its own IV, and its index and whether it is the
 * final one are authenticated.  header || segments is a standard FLOE
 * ciphertext.
 */

#ifndef MK_FLOE_H
#define MK_FLOE_H

#include "mk_secret.h"
#include "mk_status.h"


#define MK_FLOE_KEY          32
#define MK_FLOE_HEADER       74
#define MK_FLOE_OVERHEAD     32     /* of a segment: 4 + 12 + 16 */
#define MK_FLOE_TEXT         16     /* where its sealed text begins: 4 + 12 */
#define MK_FLOE_AAD_MAX      256
#define MK_FLOE_SEGMENT_MAX  (1024 * 1024)

/* log2 of the segments that share one AES key, and the most segments */
#define MK_FLOE_ROTATION_BITS  20
#define MK_FLOE_SEGMENTS_MAX   (UINT64_C(1) << 40)


typedef struct mk_floe_s  mk_floe_t;


/*
 * The segment length that a header states (bytes, overhead included);
 * 0 if it is not a header of AES-256-GCM, HKDF-Expand-SHA-384 and a 32-byte
 * IV, or if the length is not above MK_FLOE_OVERHEAD or is above
 * MK_FLOE_SEGMENT_MAX.  Which lengths a profile takes is the caller's rule.
 */
uint32_t mk_floe_segment_length(const uint8_t header[MK_FLOE_HEADER]);

/* segments of a plaintext of size bytes: max(1, ceil(size / (S - 32))) */
uint64_t mk_floe_segments(uint64_t size, uint32_t segment_length);

/*
 * Starts a ciphertext: draws a random IV and writes the header.  NULL, and
 * header zeroed, if the key is not MK_FLOE_KEY bytes, the segment length or
 * aad is out of bounds, or OpenSSL fails.  key is borrowed for this call.
 */
mk_floe_t *mk_floe_seal_create(const mk_secret_t *key, mk_bytes_t aad,
    uint32_t segment_length, uint8_t header[MK_FLOE_HEADER]);

/*
 * Opens a header: MK_OK and *floe (owned); MK_INVALID_ENVELOPE and NULL if
 * it is malformed or its tag does not fit key and aad (constant-time), so a
 * wrong key is found before any segment; MK_INTERNAL_ERROR for no memory.
 */
mk_status_t mk_floe_open_create(const mk_secret_t *key, mk_bytes_t aad,
    const uint8_t header[MK_FLOE_HEADER], mk_floe_t **floe);

/* wipes the keys and frees */
void mk_floe_free(mk_floe_t *floe);

/*
 * Seals segment "index".  A segment that is not final holds exactly
 * segment length - 32 bytes, the final one up to that many.  out has
 * pt.len + MK_FLOE_OVERHEAD bytes of room; out and pt may not overlap.
 * MK_OK or MK_INTERNAL_ERROR with out zeroed.
 */
mk_status_t mk_floe_seal_segment(mk_floe_t *floe, uint64_t index, int final,
    mk_bytes_t pt, uint8_t *out);

/*
 * Opens segment "index", which must be the final one if and only if final
 * is 1.  Writes segment.len - MK_FLOE_OVERHEAD bytes to out.  MK_OK, or
 * MK_INVALID_ENVELOPE / MK_INTERNAL_ERROR with all of out zeroed: plaintext
 * of a segment whose tag does not fit is never left in out.  out is
 * segment.data + MK_FLOE_TEXT (opened in place), or does not overlap segment.
 */
mk_status_t mk_floe_open_segment(mk_floe_t *floe, uint64_t index, int final,
    mk_bytes_t segment, uint8_t *out);


#endif /* MK_FLOE_H */
