/*
 * mk_cid: content identifiers, CIDv0 and CIDv1 (multiformats/cid).
 */

#include "mk_cid.h"
#include "mk_base.h"

#include <string.h>


/* CIDv0: a bare sha2-256 multihash, always these many bytes and characters */
#define MK_CID_V0_BINARY  34
#define MK_CID_V0_TEXT    46


/* 1 if a binary CIDv0 begins here: no CIDv1 begins with 0x12 */
static int
mk_cid_is_v0(mk_bytes_t in)
{
    return in.len >= 2 && in.data[0] == MK_MULTIHASH_SHA2_256
           && in.data[1] == 32;
}


static int
mk_cid_take_v0(mk_bytes_t *in, mk_cid_t *cid)
{
    if (!mk_cid_is_v0(*in) || !mk_multihash_take(in, &cid->hash)) {
        return 0;
    }

    cid->version = 0;
    cid->codec = MK_CID_CODEC_DAG_PB;

    return 1;
}


static int
mk_cid_take_v1(mk_bytes_t *in, mk_cid_t *cid)
{
    uint64_t    version, codec;
    mk_bytes_t  rest;

    rest = *in;

    if (!mk_bytes_take_varint(&rest, &version) || version != 1
        || !mk_bytes_take_varint(&rest, &codec)
        || (codec != MK_CID_CODEC_RAW && codec != MK_CID_CODEC_DAG_PB)
        || !mk_multihash_take(&rest, &cid->hash))
    {
        return 0;
    }

    cid->version = 1;
    cid->codec = (uint32_t) codec;
    *in = rest;

    return 1;
}


int
mk_cid_take(mk_bytes_t *in, mk_cid_t *cid)
{
    memset(cid, 0, sizeof(mk_cid_t));

    if (mk_cid_is_v0(*in)) {
        return mk_cid_take_v0(in, cid);
    }

    return mk_cid_take_v1(in, cid);
}


/* the text behind its multibase prefix */
static int
mk_cid_decode_multibase(const char *text, size_t len,
    uint8_t out[MK_CID_BINARY_MAX], size_t *out_len)
{
    switch (text[0]) {

    case 'b':
        return mk_base32_decode(text + 1, len - 1, 0, out, MK_CID_BINARY_MAX,
                                out_len);

    case 'B':
        return mk_base32_decode(text + 1, len - 1, 1, out, MK_CID_BINARY_MAX,
                                out_len);

    case 'z':
        return mk_base58_decode(text + 1, len - 1, out, MK_CID_BINARY_MAX,
                                out_len);

    default:
        return 0;
    }
}


int
mk_cid_parse(const char *text, size_t len, mk_cid_t *cid)
{
    int         taken;
    size_t      n;
    uint8_t     binary[MK_CID_BINARY_MAX];
    mk_bytes_t  in;

    memset(cid, 0, sizeof(mk_cid_t));

    if (len == 0 || len > MK_CID_TEXT_MAX) {
        return 0;
    }

    in.data = binary;

    if (len == MK_CID_V0_TEXT && text[0] == 'Q' && text[1] == 'm') {

        if (!mk_base58_decode(text, len, binary, MK_CID_V0_BINARY, &n)) {
            return 0;
        }

        in.len = n;
        taken = mk_cid_take_v0(&in, cid);

    } else {

        if (!mk_cid_decode_multibase(text, len, binary, &n)) {
            return 0;
        }

        in.len = n;
        taken = mk_cid_take_v1(&in, cid);
    }

    if (!taken || in.len != 0) {
        memset(cid, 0, sizeof(mk_cid_t));
        return 0;
    }

    return 1;
}


size_t
mk_cid_write(const mk_cid_t *cid, uint8_t out[MK_CID_BINARY_MAX])
{
    size_t  n;

    if (cid->version == 0) {
        return mk_multihash_write(&cid->hash, out);
    }

    /* version and codec are below 128: a byte each */

    out[0] = (uint8_t) cid->version;
    out[1] = (uint8_t) cid->codec;

    n = mk_multihash_write(&cid->hash, out + 2);

    return (n == 0) ? 0 : n + 2;
}


size_t
mk_cid_print(const mk_cid_t *cid, char out[MK_CID_PRINT_MAX])
{
    size_t   len, n;
    uint8_t  binary[MK_CID_BINARY_MAX];

    out[0] = '\0';
    len = mk_cid_write(cid, binary);

    if (cid->version == 0) {
        return mk_base58_encode(binary, len, out, MK_CID_PRINT_MAX);
    }

    n = mk_base32_encode(binary, len, out + 1, MK_CID_PRINT_MAX - 1);

    if (n == 0) {
        return 0;
    }

    out[0] = 'b';

    return n + 1;
}


int
mk_cid_equal(const mk_cid_t *a, const mk_cid_t *b)
{
    return a->codec == b->codec && mk_multihash_equal(&a->hash, &b->hash);
}


size_t
mk_cid_skim(mk_bytes_t in, mk_multihash_t *hash, int *known)
{
    size_t      n;
    uint64_t    version, codec, code, len;
    mk_bytes_t  rest, head, digest;

    memset(hash, 0, sizeof(mk_multihash_t));
    *known = 0;
    rest = in;

    if (!mk_cid_is_v0(in)
        && (!mk_bytes_take_varint(&rest, &version) || version != 1
            || !mk_bytes_take_varint(&rest, &codec)))
    {
        return 0;
    }

    head = rest;

    if (!mk_bytes_take_varint(&rest, &code)
        || !mk_bytes_take_varint(&rest, &len)
        || !mk_bytes_take(&rest, len, &digest))
    {
        return 0;
    }

    n = in.len - rest.len;

    if (n > MK_CID_BINARY_MAX) {
        return 0;
    }

    *known = mk_multihash_take(&head, hash);

    return n;
}
