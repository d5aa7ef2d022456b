/*
 * mk_dagpb: one dag-pb node that is part of a UnixFS file.
 */

#include "mk_dagpb.h"

#include <stdlib.h>
#include <string.h>


/* protobuf: a field's tag is its number and its wire type */
#define MK_DAGPB_VARINT  0
#define MK_DAGPB_BYTES   2

#define MK_DAGPB_TAG(number, type)  ((number) << 3 | (type))

#define MK_DAGPB_NODE_DATA       MK_DAGPB_TAG(1, MK_DAGPB_BYTES)
#define MK_DAGPB_NODE_LINK       MK_DAGPB_TAG(2, MK_DAGPB_BYTES)

#define MK_DAGPB_LINK_HASH       MK_DAGPB_TAG(1, MK_DAGPB_BYTES)
#define MK_DAGPB_LINK_NAME       MK_DAGPB_TAG(2, MK_DAGPB_BYTES)
#define MK_DAGPB_LINK_TSIZE      MK_DAGPB_TAG(3, MK_DAGPB_VARINT)

#define MK_DAGPB_FILE_TYPE       MK_DAGPB_TAG(1, MK_DAGPB_VARINT)
#define MK_DAGPB_FILE_DATA       MK_DAGPB_TAG(2, MK_DAGPB_BYTES)
#define MK_DAGPB_FILE_FILESIZE   MK_DAGPB_TAG(3, MK_DAGPB_VARINT)
#define MK_DAGPB_FILE_BLOCKSIZE  MK_DAGPB_TAG(4, MK_DAGPB_VARINT)
#define MK_DAGPB_FILE_MODE       MK_DAGPB_TAG(7, MK_DAGPB_VARINT)
#define MK_DAGPB_FILE_MTIME      MK_DAGPB_TAG(8, MK_DAGPB_BYTES)

/* UnixFS types */
#define MK_DAGPB_TYPE_RAW   0
#define MK_DAGPB_TYPE_FILE  2

/* mtime is an int64 and a fixed32: no room for padding in it */
#define MK_DAGPB_MTIME_MAX  16

#define MK_DAGPB_SIZE_MAX   ((uint64_t) INT64_MAX)

/* what one link takes at most, in Links and in blocksizes */
#define MK_DAGPB_LINK_ENCODED                                            \
    (1 + 2 + (1 + 2 + MK_CID_BINARY_MAX) + 2 + (1 + MK_VARINT_MAX))
#define MK_DAGPB_SIZE_ENCODED  (1 + MK_VARINT_MAX)

/* Data: its tag and length, Type, filesize */
#define MK_DAGPB_FILE_ENCODED                                            \
    (1 + MK_VARINT_MAX + 2 + (1 + MK_VARINT_MAX))


typedef struct {
    uint64_t    tag;
    uint64_t    value;          /* a varint's */
    mk_bytes_t  bytes;          /* or these */
} mk_dagpb_field_t;


/* Takes a field off the front of *in, which is not empty. */
static int
mk_dagpb_take(mk_bytes_t *in, mk_dagpb_field_t *field)
{
    uint64_t  len;

    memset(field, 0, sizeof(mk_dagpb_field_t));

    if (!mk_bytes_take_varint(in, &field->tag)) {
        return 0;
    }

    switch (field->tag & 7) {

    case MK_DAGPB_VARINT:
        return mk_bytes_take_varint(in, &field->value);

    case MK_DAGPB_BYTES:
        return mk_bytes_take_varint(in, &len)
               && mk_bytes_take(in, len, &field->bytes);

    default:
        return 0;
    }
}


/*
 * Counts the links of a PBNode and finds its Data.  Links stand together,
 * in front of Data or behind it.
 */
static int
mk_dagpb_scan(mk_bytes_t block, size_t *nlinks, mk_bytes_t *data)
{
    int               has_data, links_first;
    mk_dagpb_field_t  field;

    *nlinks = 0;
    has_data = 0;
    links_first = 0;

    while (block.len > 0) {

        if (!mk_dagpb_take(&block, &field)) {
            return 0;
        }

        switch (field.tag) {

        case MK_DAGPB_NODE_LINK:
            if ((has_data && links_first) || *nlinks == MK_DAGPB_LINKS_MAX) {
                return 0;
            }

            (*nlinks)++;
            break;

        case MK_DAGPB_NODE_DATA:
            if (has_data) {
                return 0;
            }

            has_data = 1;
            links_first = *nlinks > 0;
            *data = field.bytes;
            break;

        default:
            return 0;
        }
    }

    return has_data;
}


/* PBLink: Hash, perhaps an empty Name, perhaps Tsize, which proves nothing */
static int
mk_dagpb_read_link(mk_bytes_t in, mk_cid_t *cid)
{
    uint64_t          last;
    mk_dagpb_field_t  field;

    last = 0;

    while (in.len > 0) {

        /* tags rise with their numbers: no duplicate, none out of order */

        if (!mk_dagpb_take(&in, &field) || field.tag <= last) {
            return 0;
        }

        last = field.tag;

        switch (field.tag) {

        case MK_DAGPB_LINK_HASH:
            if (!mk_cid_take(&field.bytes, cid) || field.bytes.len > 0) {
                return 0;
            }

            break;

        case MK_DAGPB_LINK_NAME:
            if (field.bytes.len > 0) {
                return 0;
            }

            break;

        case MK_DAGPB_LINK_TSIZE:
            break;

        default:
            return 0;
        }
    }

    return cid->hash.code != 0;
}


/* Fills node->links, of which scan has counted node->nlinks. */
static int
mk_dagpb_read_links(mk_bytes_t block, mk_dagpb_node_t *node)
{
    size_t            i;
    mk_dagpb_field_t  field;

    i = 0;

    while (i < node->nlinks) {

        if (!mk_dagpb_take(&block, &field)) {
            return 0;
        }

        if (field.tag != MK_DAGPB_NODE_LINK) {
            continue;
        }

        if (!mk_dagpb_read_link(field.bytes, &node->links[i].cid)) {
            return 0;
        }

        i++;
    }

    return 1;
}


/* The i-th of blocksizes; *sum is what the links before it hold. */
static int
mk_dagpb_set_size(mk_dagpb_node_t *node, size_t i, uint64_t size,
    uint64_t *sum)
{
    mk_dagpb_link_t  *link;

    if (i >= node->nlinks || size == 0 || size > MK_DAGPB_SIZE_MAX - *sum) {
        return 0;
    }

    link = &node->links[i];

    /* a raw block holds as many bytes as it has: none is that large */

    if (link->cid.codec == MK_CID_CODEC_RAW && size > MK_BLOCK_MAX) {
        return 0;
    }

    link->size = size;
    *sum += size;

    return 1;
}


/* The UnixFS message in Data, held against the links. */
static int
mk_dagpb_read_file(mk_bytes_t in, mk_dagpb_node_t *node)
{
    size_t            nsizes;
    uint64_t          last, sum, filesize;
    mk_dagpb_field_t  field;

    last = 0;
    sum = 0;
    nsizes = 0;
    filesize = 0;

    while (in.len > 0) {

        if (!mk_dagpb_take(&in, &field) || field.tag < last
            || (field.tag == last && field.tag != MK_DAGPB_FILE_BLOCKSIZE)
            || (last == 0 && field.tag != MK_DAGPB_FILE_TYPE))
        {
            return 0;
        }

        last = field.tag;

        switch (field.tag) {

        case MK_DAGPB_FILE_TYPE:
            if (field.value != MK_DAGPB_TYPE_FILE
                && field.value != MK_DAGPB_TYPE_RAW)
            {
                return 0;
            }

            break;

        case MK_DAGPB_FILE_DATA:
            if (node->nlinks > 0 && field.bytes.len > 0) {
                return 0;
            }

            node->data = field.bytes;
            break;

        case MK_DAGPB_FILE_FILESIZE:
            filesize = field.value;
            break;

        case MK_DAGPB_FILE_BLOCKSIZE:
            if (!mk_dagpb_set_size(node, nsizes, field.value, &sum)) {
                return 0;
            }

            nsizes++;
            break;

        case MK_DAGPB_FILE_MODE:
            if (field.value > UINT32_MAX) {
                return 0;
            }

            break;

        case MK_DAGPB_FILE_MTIME:
            if (field.bytes.len > MK_DAGPB_MTIME_MAX) {
                return 0;
            }

            break;

        default:
            return 0;
        }
    }

    node->size = sum + node->data.len;

    return last != 0 && nsizes == node->nlinks && filesize == node->size;
}


mk_status_t
mk_dagpb_decode(mk_bytes_t block, mk_dagpb_node_t *node)
{
    size_t      nlinks;
    mk_bytes_t  data;

    memset(node, 0, sizeof(mk_dagpb_node_t));

    if (block.len > MK_BLOCK_MAX || !mk_dagpb_scan(block, &nlinks, &data)) {
        return MK_CID_MISMATCH;
    }

    if (nlinks > 0) {
        node->links = calloc(nlinks, sizeof(mk_dagpb_link_t));

        if (node->links == NULL) {
            return MK_INTERNAL_ERROR;
        }

        node->nlinks = nlinks;
    }

    if (!mk_dagpb_read_links(block, node) || !mk_dagpb_read_file(data, node)) {
        mk_dagpb_clear(node);
        return MK_CID_MISMATCH;
    }

    return MK_OK;
}


void
mk_dagpb_clear(mk_dagpb_node_t *node)
{
    free(node->links);
    memset(node, 0, sizeof(mk_dagpb_node_t));
}


static uint8_t *
mk_dagpb_put_varint(uint8_t *p, uint64_t tag, uint64_t value)
{
    *p++ = (uint8_t) tag;

    return p + mk_bytes_put_varint(p, value);
}


static size_t
mk_dagpb_varint_len(uint64_t value)
{
    uint8_t  varint[MK_VARINT_MAX];

    return mk_bytes_put_varint(varint, value);
}


/* Writes a PBLink with its tag; returns where it ends. */
static uint8_t *
mk_dagpb_put_link(uint8_t *p, const mk_cid_t *cid, uint64_t tsize)
{
    size_t   n, len;
    uint8_t  binary[MK_CID_BINARY_MAX];

    n = mk_cid_write(cid, binary);
    len = 1 + mk_dagpb_varint_len(n) + n + 2 + 1 + mk_dagpb_varint_len(tsize);

    p = mk_dagpb_put_varint(p, MK_DAGPB_NODE_LINK, len);
    p = mk_dagpb_put_varint(p, MK_DAGPB_LINK_HASH, n);
    memcpy(p, binary, n);
    p += n;
    p = mk_dagpb_put_varint(p, MK_DAGPB_LINK_NAME, 0);

    return mk_dagpb_put_varint(p, MK_DAGPB_LINK_TSIZE, tsize);
}


/*
 * What blocksizes add up to, and how many bytes they take in the message;
 * 0 for links that the decoder would refuse.
 */
static int
mk_dagpb_measure(const mk_dagpb_link_t *links, const uint64_t *tsizes,
    size_t nlinks, uint64_t *sum, size_t *len)
{
    size_t  i;

    *sum = 0;
    *len = 0;

    if (nlinks == 0 || nlinks > MK_DAGPB_LINKS_MAX) {
        return 0;
    }

    for (i = 0; i < nlinks; i++) {

        if (links[i].size == 0 || links[i].size > MK_DAGPB_SIZE_MAX - *sum
            || tsizes[i] > MK_DAGPB_SIZE_MAX)
        {
            return 0;
        }

        *sum += links[i].size;
        *len += 1 + mk_dagpb_varint_len(links[i].size);
    }

    return 1;
}


mk_status_t
mk_dagpb_encode(const mk_dagpb_link_t *links, const uint64_t *tsizes,
    size_t nlinks, uint8_t **out, size_t *out_len)
{
    size_t    i, len;
    uint8_t  *p;
    uint64_t  sum;

    *out = NULL;
    *out_len = 0;

    if (!mk_dagpb_measure(links, tsizes, nlinks, &sum, &len)) {
        return MK_INTERNAL_ERROR;
    }

    *out = malloc(nlinks * (MK_DAGPB_LINK_ENCODED + MK_DAGPB_SIZE_ENCODED)
                  + MK_DAGPB_FILE_ENCODED);

    if (*out == NULL) {
        return MK_INTERNAL_ERROR;
    }

    p = *out;

    for (i = 0; i < nlinks; i++) {
        p = mk_dagpb_put_link(p, &links[i].cid, tsizes[i]);
    }

    len += 2 + 1 + mk_dagpb_varint_len(sum);

    p = mk_dagpb_put_varint(p, MK_DAGPB_NODE_DATA, len);
    p = mk_dagpb_put_varint(p, MK_DAGPB_FILE_TYPE, MK_DAGPB_TYPE_FILE);
    p = mk_dagpb_put_varint(p, MK_DAGPB_FILE_FILESIZE, sum);

    for (i = 0; i < nlinks; i++) {
        p = mk_dagpb_put_varint(p, MK_DAGPB_FILE_BLOCKSIZE, links[i].size);
    }

    *out_len = (size_t) (p - *out);

    return MK_OK;
}
