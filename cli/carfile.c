/*
 * carfile: the walk says which block comes next, this writes it down.
 */

#include "carfile.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "mk_walk.h"
#include "report.h"


/* the longest CID that stands in a DAG-CBOR byte string of one-byte length */
#define CARFILE_CID_MAX  160

/* header without the CID: map, "roots", array, tag 42, string, "version" */
#define CARFILE_HEADER_MAX  (32 + CARFILE_CID_MAX)


/* { "roots": [ root ], "version": 1 } in DAG-CBOR, behind its length. */
static size_t
carfile_header(const mk_cid_t *root, uint8_t out[CARFILE_HEADER_MAX])
{
    size_t   len, cid_len;
    uint8_t  cid[MK_CID_BINARY_MAX], body[CARFILE_HEADER_MAX];

    static const uint8_t  head[] = {
        0xa2, 0x65, 'r', 'o', 'o', 't', 's', 0x81, 0xd8, 0x2a, 0x58
    };
    static const uint8_t  tail[] = {
        0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0x01
    };

    cid_len = mk_cid_write(root, cid);
    len = sizeof(head);
    memcpy(body, head, len);

    /* a CID in DAG-CBOR has the identity multibase before it, a zero */
    body[len++] = (uint8_t) (cid_len + 1);
    body[len++] = 0x00;
    memcpy(body + len, cid, cid_len);
    len += cid_len;
    memcpy(body + len, tail, sizeof(tail));
    len += sizeof(tail);

    cid_len = mk_bytes_put_varint(out, len);
    memcpy(out + cid_len, body, len);

    return cid_len + len;
}


static int
carfile_write_section(files_out_t *out, const mk_cid_t *cid,
    mk_bytes_t block)
{
    int         rc;
    size_t      len, cid_len;
    uint8_t     binary[MK_CID_BINARY_MAX];
    uint8_t     head[MK_VARINT_MAX + MK_CID_BINARY_MAX];
    mk_bytes_t  bytes;

    cid_len = mk_cid_write(cid, binary);
    len = mk_bytes_put_varint(head, cid_len + block.len);
    memcpy(head + len, binary, cid_len);

    bytes.data = head;
    bytes.len = len + cid_len;

    rc = files_write(out, bytes);
    if (rc != REPORT_OK) {
        return rc;
    }

    return files_write(out, block);
}


/* The next block: from its store, past the walk, into the file. */
static int
carfile_step(files_out_t *out, mk_walk_t *walk, carfile_get_pt get,
    void *data)
{
    int          rc;
    char        *text;
    uint64_t     offset;
    mk_cid_t     cid;
    mk_blame_t   blame;
    mk_bytes_t   block, bytes;
    mk_status_t  status;

    cid = *mk_walk_next(walk, 0);

    rc = get(data, &cid, &text, &block.len);
    if (rc != REPORT_OK) {
        return rc;
    }

    block.data = (const uint8_t *) text;

    status = mk_walk_block(walk, block, &bytes, &offset, &blame);

    if (status == MK_OK) {
        rc = carfile_write_section(out, &cid, block);

    } else {
        rc = report_outcome(status, "a stored block was changed");
    }

    free(text);

    return rc;
}


static int
carfile_write_body(files_out_t *out, mk_walk_t *walk, const mk_cid_t *root,
    carfile_get_pt get, void *data)
{
    int         rc;
    uint8_t     header[CARFILE_HEADER_MAX];
    mk_bytes_t  bytes;

    bytes.data = header;
    bytes.len = carfile_header(root, header);

    rc = files_write(out, bytes);

    while (rc == REPORT_OK && !mk_walk_done(walk)) {
        rc = carfile_step(out, walk, get, data);
    }

    return rc;
}


int
carfile_write(const char *path, const mk_cid_t *root, uint64_t size,
    carfile_get_pt get, void *data)
{
    int          rc;
    mk_walk_t   *walk;
    files_out_t  out;

    walk = mk_walk_create(root, size, 0, size);
    if (walk == NULL) {
        return report_no_memory();
    }

    rc = files_create(&out, path, 0644);

    if (rc == REPORT_OK) {
        rc = carfile_write_body(&out, walk, root, get, data);

        if (rc == REPORT_OK) {
            rc = files_commit(&out, 1);

        } else {
            files_discard(&out);
        }
    }

    mk_walk_free(walk);

    return rc;
}
