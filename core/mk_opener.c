/*
 * mk_opener: the walk's file bytes, cut into segments, opened one by one.
 */

#include "mk_opener.h"
#include "mk_pages.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>


/* an older MeshKit blob, sealed by a password, begins so */
static const uint8_t  mk_opener_legacy[4] = { 'E', 'M', 'S', 'H' };


struct mk_opener_s {
    mk_walk_t   *walk;
    mk_floe_t   *floe;
    uint64_t     size;          /* bytes of the plaintext */
    uint64_t     body;          /* bytes of the sealed object */
    uint64_t     from;          /* the wanted part of it */
    uint64_t     to;
    uint64_t     last;          /* index of the object's final segment */
    uint64_t     index;         /* the segment that is opened next */
    uint64_t     end;           /* the segment behind the last wanted one */
    uint64_t     skip;          /* plaintext of segment "index" not wanted */
    uint64_t     left;          /* plaintext still to be given out */
    uint32_t     length;        /* of a full segment */
    uint32_t     fill;          /* sealed bytes in segment[] */
    uint32_t     room;          /* bytes of segment[] */
    uint8_t     *segment;       /* collected here, and opened in place */
    mk_bytes_t   data;          /* file bytes of the block at hand */
    mk_status_t  failed;
    mk_blame_t   blame;         /* of the block that it failed by */
    int          legacy;
};


static mk_status_t
mk_opener_fail(mk_opener_t *opener, mk_status_t status)
{
    opener->failed = status;
    opener->data.data = NULL;
    opener->data.len = 0;

    return status;
}


static int
mk_opener_has(uint64_t size, uint64_t first, uint64_t len)
{
    return first <= size && len <= size - first && (len > 0 || size == 0);
}


/* Which segments hold the wanted part, and how much of them is surplus. */
static void
mk_opener_plan(mk_opener_t *opener, uint64_t first, uint64_t len)
{
    uint64_t  payload;

    payload = opener->length - MK_FLOE_OVERHEAD;

    opener->index = first / payload;
    opener->end = len == 0 ? 1 : (first + len - 1) / payload + 1;
    opener->skip = first % payload;
    opener->left = len;

    opener->from = opener->index * opener->length;
    opener->to = opener->end > opener->last ? opener->body
                                            : opener->end * opener->length;
}


static mk_status_t
mk_opener_unlock(mk_opener_t *opener, const mk_capsule_t *capsule,
    const mk_secret_t *key)
{
    uint8_t     aad[MK_CAPSULE_AAD_MAX];
    mk_bytes_t  view;

    view.data = aad;
    view.len = mk_capsule_floe_aad(capsule, aad);

    return mk_floe_open_create(key, view, capsule->header, &opener->floe);
}


mk_status_t
mk_opener_create(const mk_capsule_t *capsule, const mk_secret_t *key,
    uint64_t first, uint64_t len, mk_opener_t **out)
{
    mk_status_t   status;
    mk_opener_t  *opener;

    *out = NULL;

    if (!mk_opener_has(capsule->size, first, len)) {
        return MK_RANGE_NOT_SATISFIABLE;
    }

    opener = calloc(1, sizeof(mk_opener_t));
    if (opener == NULL) {
        return MK_INTERNAL_ERROR;
    }

    opener->blame = MK_BLAME_SELF;
    opener->length = mk_capsule_segment_length(capsule->header);

    if (opener->length == 0) {
        status = MK_INVALID_ENVELOPE;
        goto failed;
    }

    status = mk_opener_unlock(opener, capsule, key);
    if (status != MK_OK) {
        goto failed;
    }

    opener->size = capsule->size;
    opener->body = mk_capsule_body_size(capsule);
    opener->last = mk_floe_segments(capsule->size, opener->length) - 1;
    opener->room = opener->body < opener->length ? (uint32_t) opener->body
                                                 : opener->length;

    mk_opener_plan(opener, first, len);

    opener->walk = mk_walk_create(&capsule->cid, opener->body, opener->from,
                                  opener->to - opener->from);
    if (opener->walk == NULL) {
        status = MK_INTERNAL_ERROR;
        goto failed;
    }

    *out = opener;

    return MK_OK;

failed:

    mk_opener_free(opener);

    return status;
}


void
mk_opener_free(mk_opener_t *opener)
{
    if (opener == NULL) {
        return;
    }

    mk_walk_free(opener->walk);
    mk_floe_free(opener->floe);

    if (opener->segment != NULL) {
        OPENSSL_cleanse(opener->segment, opener->room);
        mk_pages_free(opener->segment, opener->room);
    }

    free(opener);
}


const mk_cid_t *
mk_opener_next(const mk_opener_t *opener, size_t i)
{
    return opener->failed != MK_OK ? NULL : mk_walk_next(opener->walk, i);
}


uint64_t
mk_opener_position(const mk_opener_t *opener)
{
    return mk_walk_position(opener->walk);
}


void
mk_opener_extent(const mk_opener_t *opener, uint64_t *first, uint64_t *last)
{
    *first = opener->from;
    *last = opener->to - 1;
}


int
mk_opener_collects(const mk_opener_t *opener)
{
    return opener->fill > 0;
}


size_t
mk_opener_block_max(const mk_opener_t *opener)
{
    return mk_walk_block_max(opener->walk);
}


size_t
mk_opener_tables(const mk_opener_t *opener)
{
    return mk_walk_tables(opener->walk);
}


size_t
mk_opener_room(const mk_opener_t *opener)
{
    return opener->room;
}


static void
mk_opener_look_for_legacy(mk_opener_t *opener, mk_bytes_t bytes)
{
    if (bytes.len >= sizeof(mk_opener_legacy)
        && memcmp(bytes.data, mk_opener_legacy, sizeof(mk_opener_legacy))
           == 0)
    {
        opener->legacy = 1;
    }
}


mk_status_t
mk_opener_block(mk_opener_t *opener, mk_bytes_t block, mk_blame_t *blame)
{
    int          at_root;
    uint64_t     offset;
    mk_status_t  status;

    *blame = opener->blame;

    if (opener->failed != MK_OK) {
        return opener->failed;
    }

    if (opener->data.len > 0) {

        /* the caller did not drain the block before this one */

        return mk_opener_fail(opener, MK_INTERNAL_ERROR);
    }

    at_root = mk_walk_position(opener->walk) == 0;

    status = mk_walk_block(opener->walk, block, &opener->data, &offset,
                           blame);

    if (status == MK_OK || *blame == MK_BLAME_SOURCE) {
        return status;
    }

    if (at_root && status == MK_INVALID_ENVELOPE) {
        mk_opener_look_for_legacy(opener, block);
    }

    opener->blame = *blame;

    return mk_opener_fail(opener, status);
}


mk_bytes_t
mk_opener_data(const mk_opener_t *opener)
{
    return opener->data;
}


mk_status_t
mk_opener_rewind(mk_opener_t *opener, uint64_t first, uint64_t len)
{
    if (!mk_opener_done(opener)) {
        return mk_opener_fail(opener, MK_INTERNAL_ERROR);
    }

    if (!mk_opener_has(opener->size, first, len)) {
        return MK_RANGE_NOT_SATISFIABLE;
    }

    mk_opener_plan(opener, first, len);

    return MK_OK;
}


mk_status_t
mk_opener_bytes(mk_opener_t *opener, mk_bytes_t bytes)
{
    if (opener->failed != MK_OK) {
        return opener->failed;
    }

    /* only behind a whole walk: before it, bytes come as blocks */

    if (!mk_walk_done(opener->walk) || opener->data.len > 0) {
        return mk_opener_fail(opener, MK_INTERNAL_ERROR);
    }

    opener->data = bytes;

    return MK_OK;
}


/*
 * Finds the bytes of the next segment: in the block itself if it is whole
 * there, else collected from several.  Returns 0 if more blocks are needed,
 * -1 if there is no memory.
 */
static int
mk_opener_collect(mk_opener_t *opener, size_t size, mk_bytes_t *segment)
{
    size_t  n;

    if (opener->data.len == 0) {
        return 0;
    }

    if (opener->segment == NULL) {
        opener->segment = mk_pages_alloc(opener->room);
        if (opener->segment == NULL) {
            return -1;
        }
    }

    if (opener->fill == 0 && opener->data.len >= size) {
        segment->data = opener->data.data;
        segment->len = size;

        opener->data.data += size;
        opener->data.len -= size;

        return 1;
    }

    n = size - opener->fill;
    if (n > opener->data.len) {
        n = opener->data.len;
    }

    memcpy(opener->segment + opener->fill, opener->data.data, n);

    opener->fill += (uint32_t) n;
    opener->data.data += n;
    opener->data.len -= n;

    if (opener->fill < size) {
        return 0;
    }

    segment->data = opener->segment;
    segment->len = size;
    opener->fill = 0;

    return 1;
}


/* Cuts what is not wanted off an opened segment of *len bytes. */
static void
mk_opener_trim(mk_opener_t *opener, uint8_t **plain, size_t *len)
{
    size_t  skip, wanted;

    skip = (size_t) opener->skip;       /* less than one segment */
    opener->skip = 0;

    wanted = *len - skip;
    if (wanted > opener->left) {
        wanted = (size_t) opener->left;
    }

    OPENSSL_cleanse(*plain, skip);
    OPENSSL_cleanse(*plain + skip + wanted, *len - skip - wanted);

    opener->left -= wanted;

    *plain += skip;
    *len = wanted;
}


mk_status_t
mk_opener_read(mk_opener_t *opener, uint8_t **plain, size_t *len)
{
    int          final, found;
    size_t       size;
    uint8_t     *out;
    mk_bytes_t   segment;
    mk_status_t  status;

    *plain = NULL;
    *len = 0;

    if (opener->failed != MK_OK) {
        return opener->failed;
    }

    if (opener->index == opener->end) {
        return MK_OK;
    }

    final = opener->index == opener->last;
    size = final ? (size_t) (opener->body - opener->index * opener->length)
                 : opener->length;

    found = mk_opener_collect(opener, size, &segment);

    if (found == 0) {
        return MK_OK;
    }

    if (found < 0) {
        return mk_opener_fail(opener, MK_INTERNAL_ERROR);
    }

    /* in place where it was collected: the text has to stay where it is */

    out = opener->segment + MK_FLOE_TEXT;

    status = mk_floe_open_segment(opener->floe, opener->index, final,
                                  segment, out);
    if (status != MK_OK) {

        if (opener->index == 0) {
            mk_opener_look_for_legacy(opener, segment);
        }

        return mk_opener_fail(opener, status);
    }

    opener->index++;

    *plain = out;
    *len = size - MK_FLOE_OVERHEAD;

    mk_opener_trim(opener, plain, len);

    return MK_OK;
}


int
mk_opener_done(const mk_opener_t *opener)
{
    return opener->failed == MK_OK
           && opener->index == opener->end
           && opener->data.len == 0
           && mk_walk_done(opener->walk);
}


int
mk_opener_saw_legacy_blob(const mk_opener_t *opener)
{
    return opener->legacy;
}
