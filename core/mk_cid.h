/*
 * mk_cid: content identifiers, CIDv0 and CIDv1 (multiformats/cid).
 *
 * A CID is kept in binary; texts are compared only after parsing, so that
 * many spellings of one CID are one CID.  Codecs: raw and dag-pb, nothing
 * else can be part of a file that this gateway opens.
 */

#ifndef MK_CID_H
#define MK_CID_H

#include "mk_multihash.h"


#define MK_CID_CODEC_RAW     0x55
#define MK_CID_CODEC_DAG_PB  0x70

/* the longest binary CID and the longest text that are read */
#define MK_CID_BINARY_MAX    160
#define MK_CID_TEXT_MAX      256

/* the longest text that is written, with its NUL */
#define MK_CID_PRINT_MAX     128


typedef struct {
    uint32_t        version;    /* 0 or 1 */
    uint32_t        codec;      /* MK_CID_CODEC_RAW or MK_CID_CODEC_DAG_PB */
    mk_multihash_t  hash;
} mk_cid_t;


/*
 * Reads a CID's text: v0 (46 characters, "Qm..."), or v1 in multibase 'b',
 * 'B' or 'z'.  Returns 1, or 0 with *cid zeroed: another multibase or
 * version, a CIDv0 behind a multibase prefix, a codec or hash that is not
 * listed, trailing bytes.
 */
int mk_cid_parse(const char *text, size_t len, mk_cid_t *cid);

/*
 * Takes a binary CID (v0: a bare sha2-256 multihash; v1) off the front of
 * *in.  Returns 1, or 0 with *cid zeroed and *in unchanged.
 */
int mk_cid_take(mk_bytes_t *in, mk_cid_t *cid);

/* Writes the binary form; returns its length (at most MK_CID_BINARY_MAX). */
size_t mk_cid_write(const mk_cid_t *cid, uint8_t out[MK_CID_BINARY_MAX]);

/*
 * Writes the one canonical text, NUL closed: v0 in base58btc, v1 in lower
 * case base32.  Returns its length.
 */
size_t mk_cid_print(const mk_cid_t *cid, char out[MK_CID_PRINT_MAX]);

/* 1 if codec and multihash are the same: what the two name is one thing */
int mk_cid_equal(const mk_cid_t *a, const mk_cid_t *b);


/*
 * Reads the head of the CID of a CAR section, of any codec and any hash:
 * which codec a section claims does not matter (the parent link decides),
 * and a block of a hash that is not listed is merely not the one awaited.
 * Returns how many bytes the CID takes and sets *known to 1 if *hash holds
 * its multihash, 0 if its hash is none of ours (*hash zeroed); returns 0 if
 * the bytes are no CID, or one of more than MK_CID_BINARY_MAX bytes.
 */
size_t mk_cid_skim(mk_bytes_t in, mk_multihash_t *hash, int *known);


#endif /* MK_CID_H */
