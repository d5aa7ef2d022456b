#include "mk_sealer.h"

#include "mk_dagpb.h"
#include "mk_sealer_internal.h"
#include "mk_walk.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>


/* The nodes of one height that have no parent yet. */
typedef struct {
    size_t            n;
    mk_dagpb_link_t  *links;
    uint64_t         *tsizes;
} mk_sealer_level_t;


/*
 * Segments are sealed right into the leaf: every segment length divides
 * MK_SEALER_LEAF, so that a leaf that is not full has room for one.
 */
struct mk_sealer_s {
    mk_floe_t           *floe;
    mk_sealer_block_pt   block;
    void                *data;
    unsigned             ended:1;       /* finished, or failed */
    size_t               links;         /* in a full node */
    uint64_t             index;         /* of the next segment */
    size_t               plain_max;
    size_t               plain_len;
    uint8_t             *plain;         /* the segment that is being filled */
    size_t               leaf_len;
    uint8_t             *leaf;
    mk_sealer_level_t    levels[MK_WALK_DEPTH_MAX];     /* 0: leaves */
    mk_sealer_result_t   result;
};


static int
mk_sealer_is_segment_length(uint32_t length)
{
    return length == 65536 || length == 262144 || length == 1048576;
}


/* as mk_capsule_floe_aad, for a capsule that is not there yet */
static mk_bytes_t
mk_sealer_aad(const char *payload_id, uint8_t out[MK_CAPSULE_AAD_MAX])
{
    mk_bytes_t    aad;
    mk_capsule_t  capsule;

    memset(&capsule, 0, sizeof(capsule));
    capsule.payload_id.data = (const uint8_t *) payload_id;
    capsule.payload_id.len = strlen(payload_id);

    aad.data = out;
    aad.len = mk_capsule_floe_aad(&capsule, out);

    return aad;
}


mk_sealer_t *
mk_sealer_create(const mk_secret_t *key, const char *payload_id,
    uint32_t segment_length, mk_sealer_block_pt block, void *data)
{
    uint8_t       aad[MK_CAPSULE_AAD_MAX];
    mk_bytes_t    id;
    mk_sealer_t  *sealer;

    id.data = (const uint8_t *) payload_id;
    id.len = strlen(payload_id);

    if (!mk_name_is_payload_id(id)
        || !mk_sealer_is_segment_length(segment_length))
    {
        return NULL;
    }

    sealer = calloc(1, sizeof(mk_sealer_t));
    if (sealer == NULL) {
        return NULL;
    }

    sealer->block = block;
    sealer->data = data;
    sealer->links = MK_SEALER_LINKS;
    sealer->plain_max = segment_length - MK_FLOE_OVERHEAD;
    sealer->plain = malloc(sealer->plain_max);
    sealer->leaf = malloc(MK_SEALER_LEAF);
    sealer->floe = mk_floe_seal_create(key, mk_sealer_aad(payload_id, aad),
                                       segment_length,
                                       sealer->result.header);

    if (sealer->plain == NULL || sealer->leaf == NULL || sealer->floe == NULL)
    {
        mk_sealer_free(sealer);
        return NULL;
    }

    return sealer;
}


void
mk_sealer_free(mk_sealer_t *sealer)
{
    size_t  i;

    if (sealer == NULL) {
        return;
    }

    for (i = 0; i < MK_WALK_DEPTH_MAX; i++) {
        free(sealer->levels[i].links);
        free(sealer->levels[i].tsizes);
    }

    if (sealer->plain != NULL) {
        OPENSSL_cleanse(sealer->plain, sealer->plain_max);
    }

    free(sealer->plain);
    free(sealer->leaf);
    mk_floe_free(sealer->floe);
    free(sealer);
}


void
mk_sealer_set_links(mk_sealer_t *sealer, size_t links)
{
    sealer->links = links;
}


/* gives a block out under its CID */
static mk_status_t
mk_sealer_emit(mk_sealer_t *sealer, uint32_t codec, mk_bytes_t block,
    mk_cid_t *cid)
{
    memset(cid, 0, sizeof(mk_cid_t));

    cid->version = 1;
    cid->codec = codec;

    if (mk_multihash_of(MK_MULTIHASH_SHA2_256, block.data, block.len,
                        &cid->hash)
        != MK_OK)
    {
        return MK_INTERNAL_ERROR;
    }

    if (!sealer->block(sealer->data, cid, block)) {
        return MK_INTERNAL_ERROR;
    }

    sealer->result.blocks++;

    return MK_OK;
}


/* puts a node among those of its height, which has room */
static mk_status_t
mk_sealer_place(mk_sealer_t *sealer, size_t height,
    const mk_dagpb_link_t *link, uint64_t tsize)
{
    mk_sealer_level_t  *level;

    /* what is deeper, no reader would follow */
    if (height == MK_WALK_DEPTH_MAX) {
        return MK_INTERNAL_ERROR;
    }

    level = &sealer->levels[height];

    if (level->links == NULL) {
        level->links = calloc(sealer->links, sizeof(mk_dagpb_link_t));
    }

    if (level->tsizes == NULL) {
        level->tsizes = calloc(sealer->links, sizeof(uint64_t));
    }

    if (level->links == NULL || level->tsizes == NULL) {
        return MK_INTERNAL_ERROR;
    }

    level->links[level->n] = *link;
    level->tsizes[level->n] = tsize;
    level->n++;

    return MK_OK;
}


/* makes one parent of all nodes of a height; the height above has room */
static mk_status_t
mk_sealer_close(mk_sealer_t *sealer, size_t height)
{
    size_t              i;
    uint8_t            *node;
    uint64_t            tsize;
    mk_bytes_t          block;
    mk_status_t         status;
    mk_dagpb_link_t     link;
    mk_sealer_level_t  *level;

    level = &sealer->levels[height];

    status = mk_dagpb_encode(level->links, level->tsizes, level->n, &node,
                             &block.len);
    if (status != MK_OK) {
        return status;
    }

    block.data = node;
    link.size = 0;
    tsize = block.len;

    for (i = 0; i < level->n; i++) {
        link.size += level->links[i].size;
        tsize += level->tsizes[i];
    }

    level->n = 0;

    status = mk_sealer_emit(sealer, MK_CID_CODEC_DAG_PB, block, &link.cid);
    free(node);

    if (status != MK_OK) {
        return status;
    }

    return mk_sealer_place(sealer, height + 1, &link, tsize);
}


/* closes full heights from the top down, until this one has room */
static mk_status_t
mk_sealer_make_room(mk_sealer_t *sealer, size_t height)
{
    size_t       i;
    mk_status_t  status;

    i = height;

    while (i < MK_WALK_DEPTH_MAX && sealer->levels[i].n == sealer->links) {
        i++;
    }

    while (i-- > height) {
        status = mk_sealer_close(sealer, i);
        if (status != MK_OK) {
            return status;
        }
    }

    return MK_OK;
}


static mk_status_t
mk_sealer_end_leaf(mk_sealer_t *sealer)
{
    mk_bytes_t       block;
    mk_status_t      status;
    mk_dagpb_link_t  link;

    /* before the leaf, so that a node follows its last child at once */
    status = mk_sealer_make_room(sealer, 0);
    if (status != MK_OK) {
        return status;
    }

    block.data = sealer->leaf;
    block.len = sealer->leaf_len;
    link.size = sealer->leaf_len;
    sealer->leaf_len = 0;

    status = mk_sealer_emit(sealer, MK_CID_CODEC_RAW, block, &link.cid);
    if (status != MK_OK) {
        return status;
    }

    return mk_sealer_place(sealer, 0, &link, block.len);
}


static mk_status_t
mk_sealer_end_segment(mk_sealer_t *sealer, int final)
{
    mk_bytes_t   plain;
    mk_status_t  status;

    if (sealer->leaf_len == MK_SEALER_LEAF) {
        status = mk_sealer_end_leaf(sealer);
        if (status != MK_OK) {
            return status;
        }
    }

    plain.data = sealer->plain;
    plain.len = sealer->plain_len;
    sealer->plain_len = 0;

    status = mk_floe_seal_segment(sealer->floe, sealer->index, final, plain,
                                  sealer->leaf + sealer->leaf_len);
    if (status != MK_OK) {
        return status;
    }

    sealer->index++;
    sealer->leaf_len += plain.len + MK_FLOE_OVERHEAD;

    return MK_OK;
}


mk_status_t
mk_sealer_write(mk_sealer_t *sealer, const uint8_t *data, size_t len)
{
    size_t  n;

    if (sealer->ended) {
        return MK_INTERNAL_ERROR;
    }

    while (len > 0) {

        /* a full segment waits for a byte more: it may be the final one */
        if (sealer->plain_len == sealer->plain_max
            && mk_sealer_end_segment(sealer, 0) != MK_OK)
        {
            sealer->ended = 1;
            return MK_INTERNAL_ERROR;
        }

        n = sealer->plain_max - sealer->plain_len;
        n = n < len ? n : len;

        memcpy(sealer->plain + sealer->plain_len, data, n);
        sealer->plain_len += n;
        sealer->result.size += n;
        data += n;
        len -= n;
    }

    return MK_OK;
}


/* 1 if the one node of this height is all that is left */
static int
mk_sealer_is_root(const mk_sealer_t *sealer, size_t height)
{
    size_t  i;

    for (i = height + 1; i < MK_WALK_DEPTH_MAX; i++) {
        if (sealer->levels[i].n > 0) {
            return 0;
        }
    }

    return sealer->levels[height].n == 1;
}


static mk_status_t
mk_sealer_end(mk_sealer_t *sealer)
{
    size_t       height;
    mk_status_t  status;

    status = mk_sealer_end_segment(sealer, 1);

    if (status == MK_OK) {
        status = mk_sealer_end_leaf(sealer);
    }

    for (height = 0; status == MK_OK && height < MK_WALK_DEPTH_MAX; height++) {

        if (mk_sealer_is_root(sealer, height)) {
            sealer->result.cid = sealer->levels[height].links[0].cid;
            return MK_OK;
        }

        status = mk_sealer_make_room(sealer, height + 1);

        if (status == MK_OK) {
            status = mk_sealer_close(sealer, height);
        }
    }

    return MK_INTERNAL_ERROR;
}


mk_status_t
mk_sealer_finish(mk_sealer_t *sealer, mk_sealer_result_t *result)
{
    memset(result, 0, sizeof(mk_sealer_result_t));

    if (sealer->ended) {
        return MK_INTERNAL_ERROR;
    }

    sealer->ended = 1;

    if (mk_sealer_end(sealer) != MK_OK) {
        return MK_INTERNAL_ERROR;
    }

    *result = sealer->result;

    return MK_OK;
}
