/*
 * A good body, damaged in every place: on its way, where its hashes say so,
 * and at its author's, where they do not and FLOE's tags must.
 */

#include "dag.h"
#include "mk_opener.h"
#include "share.h"
#include "tap.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>


/* one short segment; two full ones and a short one */
#define SMALL   100
#define LARGE   (2 * (MK_PROFILE_SEGMENT_SMALL - MK_FLOE_OVERHEAD) + 300)

/* leaves of the large body */
#define LEAF    1000
#define LINKS   200

#define PAYLOAD  ((uint64_t) MK_PROFILE_SEGMENT_SMALL - MK_FLOE_OVERHEAD)


/* makes a file of body its capsule's, in leaves of so many bytes */
static void
name_body(mk_capsule_t *capsule, const uint8_t *body, size_t len,
    size_t leaf)
{
    size_t           at, n, size;
    mk_dagpb_link_t  links[LINKS];

    dag_forget();

    if (len <= leaf) {
        capsule->cid = dag_keep(body, len, MK_CID_CODEC_RAW, len).cid;
        return;
    }

    n = 0;

    for (at = 0; at < len; at += size) {
        size = len - at < leaf ? len - at : leaf;
        links[n++] = dag_keep(body + at, size, MK_CID_CODEC_RAW, size);
    }

    capsule->cid = dag_node(links, n).cid;
}


/* 1 if this body is refused, and nothing but whole segments came out */
static int
refuses(const share_t *share, mk_capsule_t *capsule, const uint8_t *body,
    size_t len, size_t leaf, uint64_t most)
{
    share_opened_t  opened;

    name_body(capsule, body, len, leaf);
    opened = share_open(share, capsule, 0, share->size);

    return opened.authentic && opened.status == MK_INVALID_ENVELOPE
           && opened.released <= most && opened.released % PAYLOAD == 0;
}


static int
opens(const share_t *share, const mk_capsule_t *capsule, uint64_t first,
    uint64_t len)
{
    share_opened_t  opened;

    opened = share_open(share, capsule, first, len);

    return opened.status == MK_OK && opened.authentic
           && opened.released == len;
}


static void
test_small(const share_t *share, mk_capsule_t *capsule)
{
    size_t    i, right, len;
    uint8_t  *body;

    len = share->body_len;
    body = malloc(len + 1);
    right = 0;

    for (i = 0; i < 8 * len; i++) {
        memcpy(body, share->body, len);
        body[i / 8] ^= (uint8_t) (1 << i % 8);
        right += refuses(share, capsule, body, len, 50, 0);
    }

    is_int(right, 8 * len, "a sealed body, each bit flipped");

    memcpy(body, share->body, len);
    body[len] = 0;
    right = 0;

    for (i = 1; i <= len + 1; i++) {
        right += i != len && refuses(share, capsule, body, i, LEAF, 0);
    }

    is_int(right, len, "cut at each length, and longer");

    /* the segment's own length says the same, and so does the capsule */

    right = 0;

    for (i = MK_FLOE_OVERHEAD; i < len; i++) {
        memcpy(body, share->body, len);
        mk_bytes_put_be32(body, (uint32_t) i);
        capsule->size = i - MK_FLOE_OVERHEAD;
        name_body(capsule, body, i, LEAF);
        right += share_open(share, capsule, 0, capsule->size).status
                 == MK_INVALID_ENVELOPE;
    }

    capsule->size = share->size;
    is_int(right, len - MK_FLOE_OVERHEAD, "even where its author says so");

    free(body);
}


static void
test_small_splits(const share_t *share, mk_capsule_t *capsule)
{
    size_t           i, j, right;
    mk_dagpb_link_t  links[2];

    right = 0;

    for (i = 1; i < share->body_len; i++) {
        dag_forget();
        links[0] = dag_keep(share->body, i, MK_CID_CODEC_RAW, i);
        links[1] = dag_keep(share->body + i, share->body_len - i,
                            MK_CID_CODEC_RAW, share->body_len - i);
        capsule->cid = dag_node(links, 2).cid;
        right += opens(share, capsule, 0, share->size);
    }

    is_int(right, share->body_len - 1, "split at each byte, it opens");

    right = 0;

    for (i = 1; i <= share->body_len; i++) {
        name_body(capsule, share->body, share->body_len, i);
        right += opens(share, capsule, 0, share->size);
    }

    is_int(right, share->body_len, "in leaves of each size too");

    right = 0;

    for (i = 0; i < share->size; i++) {
        for (j = 1; i + j <= share->size; j++) {
            right += opens(share, capsule, i, j);
        }
    }

    is_int(right, SMALL * (SMALL + 1) / 2, "every part of it can be had");
}


/*
 * Each byte of each block changed on the way: the source is blamed, nothing
 * moves, and the right block from elsewhere goes on.
 */
static void
test_altered_blocks(const share_t *share, mk_capsule_t *capsule)
{
    size_t              i, len, blocks, wrong;
    uint8_t            *out, *bytes;
    uint64_t            released;
    mk_blame_t          blame;
    mk_opener_t        *opener;
    const dag_block_t  *block;

    name_body(capsule, share->body, share->body_len, LEAF);
    mk_opener_create(capsule, share->data_key, 0, share->size, &opener);
    wrong = 0;
    released = 0;

    for (blocks = 0; !mk_opener_done(opener) && wrong == 0; blocks++) {
        block = dag_find(mk_opener_next(opener, 0));
        bytes = malloc(block->len);
        memcpy(bytes, block->bytes, block->len);

        for (i = 0; i <= block->len; i++) {

            if (i < block->len) {
                bytes[i] ^= (uint8_t) (1 << i % 8);
            }

            /* at last, one byte less */

            len = block->len - (i == block->len);
            wrong += mk_opener_block(opener, dag_bytes(bytes, len), &blame)
                     != MK_CID_MISMATCH
                     || blame != MK_BLAME_SOURCE
                     || mk_opener_position(opener) != blocks
                     || mk_opener_read(opener, &out, &len) != MK_OK
                     || len != 0;
            memcpy(bytes, block->bytes, block->len);
        }

        wrong += mk_opener_block(opener, dag_bytes(bytes, block->len), &blame)
                 != MK_OK;

        while (mk_opener_read(opener, &out, &len) == MK_OK && len > 0) {
            wrong += memcmp(out, share->plain + released, len) != 0;
            released += len;
        }

        free(bytes);
    }

    is_int(wrong, 0, "each byte of %zu blocks altered on its way", blocks);
    is_int(released, share->size, "and the plaintext came all the same");

    mk_opener_free(opener);
}


/* the sealed segments, each byte, with nothing around them */
static void
test_each_byte(const share_t *share, const mk_capsule_t *capsule)
{
    size_t      i, k, len, start, refused;
    uint8_t     aad[MK_CAPSULE_AAD_MAX], *out;
    mk_floe_t  *floe;

    len = mk_capsule_floe_aad(capsule, aad);
    mk_floe_open_create(share->data_key, dag_bytes(aad, len),
                        capsule->header, &floe);
    out = malloc(MK_PROFILE_SEGMENT_SMALL);
    refused = 0;

    for (i = 0; i < share->body_len; i++) {
        k = i / MK_PROFILE_SEGMENT_SMALL;
        start = k * MK_PROFILE_SEGMENT_SMALL;
        len = share->body_len - start < MK_PROFILE_SEGMENT_SMALL
              ? share->body_len - start : MK_PROFILE_SEGMENT_SMALL;

        share->body[i] ^= (uint8_t) (1 << i % 8);
        out[0] = 1;
        out[len - MK_FLOE_OVERHEAD - 1] = 1;
        refused += mk_floe_open_segment(floe, k, k == 2,
                                        dag_bytes(share->body + start, len),
                                        out)
                   == MK_INVALID_ENVELOPE
                   && out[0] == 0 && out[len - MK_FLOE_OVERHEAD - 1] == 0;
        share->body[i] ^= (uint8_t) (1 << i % 8);
    }

    is_int(refused, share->body_len, "each byte of three segments flipped");

    mk_floe_free(floe);
    free(out);
}


/* bytes at both ends of each segment, and every so many between */
static int
is_picked(size_t i, size_t len)
{
    size_t  at;

    at = i % MK_PROFILE_SEGMENT_SMALL;

    return at < 20 || at >= MK_PROFILE_SEGMENT_SMALL - 20 || i + 20 >= len
           || i % 1021 == 0;
}


static void
test_large(const share_t *share, mk_capsule_t *capsule)
{
    size_t    i, tried, right, len;
    uint8_t  *body;

    len = share->body_len;
    body = malloc(len);
    memcpy(body, share->body, len);
    tried = 0;
    right = 0;

    for (i = 0; i < len; i++) {
        if (!is_picked(i, len)) {
            continue;
        }

        /* with right hashes: what is before the damage comes out, no more */

        tried++;
        body[i] ^= (uint8_t) (1 << i % 8);
        right += refuses(share, capsule, body, len, LEAF,
                         i / MK_PROFILE_SEGMENT_SMALL * PAYLOAD);
        body[i] ^= (uint8_t) (1 << i % 8);
    }

    is_int(right, tried, "right hashes around damage: %zu places", tried);

    tried = 0;
    right = 0;

    for (i = 1; i < len; i++) {
        if (is_picked(i, len)) {
            tried++;
            right += refuses(share, capsule, body, i, LEAF, 0);
        }
    }

    is_int(right, tried, "cut, with right hashes: nothing comes out");

    /* two segments change places */

    memcpy(body, share->body + MK_PROFILE_SEGMENT_SMALL,
           MK_PROFILE_SEGMENT_SMALL);
    memcpy(body + MK_PROFILE_SEGMENT_SMALL, share->body,
           MK_PROFILE_SEGMENT_SMALL);
    ok(refuses(share, capsule, body, len, LEAF, 0), "segments in disorder");

    free(body);
}


static void
test_large_splits(const share_t *share, mk_capsule_t *capsule)
{
    size_t           i, right, tried, size;
    mk_dagpb_link_t  links[2];

    right = 0;
    tried = 0;

    for (i = 1; i < share->body_len; i++) {
        if (!is_picked(i, share->body_len)) {
            continue;
        }

        tried++;
        dag_forget();
        size = share->body_len - i;
        links[0] = dag_keep(share->body, i, MK_CID_CODEC_RAW, i);
        links[1] = dag_keep(share->body + i, size, MK_CID_CODEC_RAW, size);
        capsule->cid = dag_node(links, 2).cid;
        right += opens(share, capsule, 0, share->size);
    }

    is_int(right, tried, "split near each border, it opens");
}


int
main(void)
{
    share_t        share;
    mk_capsule_t  *capsule;

    share_make(&share, SMALL, MK_KEY_ED25519, MK_KEY_X25519);
    capsule = share_capsule(&share);
    test_small(&share, capsule);
    test_small_splits(&share, capsule);
    mk_capsule_free(capsule);
    share_clear(&share);

    share_make(&share, LARGE, MK_KEY_ED25519, MK_KEY_X25519);
    capsule = share_capsule(&share);
    test_altered_blocks(&share, capsule);
    test_each_byte(&share, capsule);
    test_large(&share, capsule);
    test_large_splits(&share, capsule);
    mk_capsule_free(capsule);
    share_clear(&share);

    dag_forget();
    is_int(ERR_peek_error(), 0, "no failure is left in OpenSSL's queue");

    return tap_done();
}
