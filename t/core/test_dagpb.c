/*
 * dag-pb nodes of files: what producers write is read, every lie and every
 * second spelling is refused.
 */

#include "mk_dagpb.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define SHA2_256                                                         \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

#define HASH     "0a24" "01551220" SHA2_256           /* 38 bytes */
#define HASH_PB  "0a24" "01701220" SHA2_256
#define HASH_V0  "0a22" "1220" SHA2_256               /* 36 bytes */
#define NAME     "1200"
#define TSIZE    "1805"

/* as producers write them: Hash, empty Name, Tsize; 42 or 40 bytes */
#define LINK     "122a" HASH NAME TSIZE
#define LINK_PB  "122a" HASH_PB NAME TSIZE
#define LINK_V0  "1228" HASH_V0 NAME TSIZE

/* Data of two links of 5 and 7 bytes */
#define TWO      "0a08" "0802" "180c" "2005" "2007"

#define LINKS_STRIDE  44        /* LINK with its tag and length */


typedef struct {
    const char  *name;
    const char  *hex;
    uint64_t     size;
    size_t       nlinks;
    const char  *data;          /* hex */
} sound_t;

typedef struct {
    const char  *name;
    const char  *hex;
} lie_t;


static const sound_t  sound[] = {
    { "a leaf", "0a09" "0802" "1203616263" "1803", 3, 0, "616263" },
    { "a leaf of type Raw", "0a09" "0800" "1203616263" "1803", 3, 0,
      "616263" },
    { "the empty file, filesize 0", "0a04" "0802" "1800", 0, 0, "" },
    { "the empty file without filesize", "0a02" "0802", 0, 0, "" },
    { "the empty file with empty Data", "0a06" "0802" "1200" "1800", 0, 0,
      "" },
    { "a leaf with mode", "0a0c" "0802" "1203616263" "1803" "38a403", 3, 0,
      "616263" },
    { "a leaf with mode and mtime",
      "0a15" "0802" "1203616263" "1803" "38a403" "4207" "08011501000000",
      3, 0, "616263" },
    { "two links", LINK LINK TWO, 12, 2, "" },
    { "Data in front of the links", TWO LINK LINK, 12, 2, "" },
    { "links to CIDv0", LINK_V0 LINK_V0 TWO, 12, 2, "" },
    { "links of several kinds", LINK LINK_V0 "0a08" "0802" "180c" "20052007",
      12, 2, "" },
    { "links without Name", "1228" HASH TSIZE LINK TWO, 12, 2, "" },
    { "links without Tsize", "1228" HASH NAME LINK TWO, 12, 2, "" },
    { "links of Hash alone", "1226" HASH LINK TWO, 12, 2, "" },
    { "a Tsize of zero", "122a" HASH NAME "1800" LINK TWO, 12, 2, "" },
    { "a Tsize of 2^63 - 1",
      "1232" HASH NAME "18ffffffffffffffff7f" LINK TWO, 12, 2, "" },
    { "empty Data beside links", LINK "0a08" "0802" "1200" "1805" "2005",
      5, 1, "" },
    { "an interior node of type Raw", LINK "0a06" "0800" "1805" "2005", 5,
      1, "" },
    { "a raw link of 2 MiB", LINK "0a0c" "0802" "1880808001" "2080808001",
      2 * 1024 * 1024, 1, "" },
    { "a dag-pb link of 2^63 - 1 bytes",
      LINK_PB "0a16" "0802" "18ffffffffffffffff7f" "20ffffffffffffffff7f",
      INT64_MAX, 1, "" },
};


static const lie_t  lies[] = {

    /* sizes: D1 to D4, D16, D17 */

    { "more blocksizes than links", LINK TWO },
    { "fewer blocksizes than links", LINK LINK "0a06" "0802" "1805" "2005" },
    { "no blocksizes beside links", LINK "0a02" "0802" },
    { "blocksizes without links", "0a06" "0802" "1805" "2005" },
    { "filesize one too large", LINK LINK "0a08" "0802" "180d" "20052007" },
    { "filesize one too small", LINK LINK "0a08" "0802" "180b" "20052007" },
    { "filesize 0", LINK LINK "0a08" "0802" "1800" "20052007" },
    { "no filesize beside links", LINK LINK "0a06" "0802" "20052007" },
    { "a leaf's filesize one too large", "0a09" "0802" "1203616263" "1804" },
    { "a leaf's filesize one too small", "0a09" "0802" "1203616263" "1802" },
    { "a leaf without filesize", "0a07" "0802" "1203616263" },
    { "filesize and no bytes", "0a04" "0802" "1801" },
    { "filesize 2^63", "0a0d" "0802" "1880808080808080808001" },
    { "a child of no bytes", LINK LINK "0a08" "0802" "1805" "20052000" },
    { "nothing but children of no bytes",
      LINK LINK "0a08" "0802" "1800" "20002000" },
    { "a child of 2^63 bytes",
      LINK_PB "0a18" "0802" "1880808080808080808001"
      "2080808080808080808001" },
    { "sizes that add up to 2^63",
      LINK_PB LINK_PB "0a18" "0802" "18ffffffffffffffff7f"
      "20ffffffffffffffff7f" "2001" },
    { "sizes that add up to 0 modulo 2^64",
      LINK_PB LINK_PB LINK_PB "0a1a" "0802" "1800" "20ffffffffffffffff7f"
      "20ffffffffffffffff7f" "2002" },
    { "a raw link of 2 MiB and a byte",
      LINK "0a0c" "0802" "1881808001" "2081808001" },

    /* kinds: D6 to D9, D12 to D14, D19, D22 */

    { "inline data beside links",
      LINK "0a0b" "0802" "1203616263" "1808" "2005" },
    { "a link with a name", "122b" HASH "120161" TSIZE "0a06" "0802" "1805"
      "2005" },
    { "packed blocksizes", LINK LINK "0a08" "0802" "180c" "22020507" },
    { "a directory", "0a02" "0801" },
    { "a directory with links", LINK "0a02" "0801" },
    { "Metadata", "0a02" "0803" },
    { "a symlink", "0a07" "0804" "1203612f62" },
    { "a symlink with filesize", "0a09" "0804" "1203612f62" "1803" },
    { "a HAMT shard", "0a0c" "0805" "120101" "2822" "308002" "1800" },
    { "type 6", "0a02" "0806" },
    { "type 7", "0a02" "0807" },
    { "a type that is File in its lower 32 bits", "0a07" "08828080808010" },
    { "no type", "0a02" "1800" },
    { "hashType", "0a06" "0802" "1800" "2822" },
    { "fanout", "0a07" "0802" "1800" "308002" },
    { "a dag-cbor link", "122a" "0a24" "01711220" SHA2_256 NAME TSIZE
      "0a06" "0802" "1805" "2005" },
    { "an identity link", "120d" "0a07" "01550003616263" NAME "1803"
      "0a06" "0802" "1803" "2003" },
    { "a sha1 link", "121e" "0a18" "01551114"
      "a9993e364706816aba3e25717850c26c9cd0d89d" NAME TSIZE
      "0a06" "0802" "1805" "2005" },
    { "a link with a shortened digest", "121e" "0a18" "01551214"
      "ba7816bf8f01cfea414140de5dae2223b00361a3" NAME TSIZE
      "0a06" "0802" "1805" "2005" },
    { "a byte behind the CID", "122b" "0a25" "01551220" SHA2_256 "00" NAME
      TSIZE "0a06" "0802" "1805" "2005" },
    { "an empty Hash", "1206" "0a00" NAME TSIZE "0a06" "0802" "1805" "2005" },
    { "no Hash", "1204" NAME TSIZE "0a06" "0802" "1805" "2005" },
    { "an empty link", "1200" "0a06" "0802" "1805" "2005" },
    { "a multibase prefix in Hash", "122b" "0a25" "00" "01551220" SHA2_256
      NAME TSIZE "0a06" "0802" "1805" "2005" },

    /* spellings: D11, D21 */

    { "an empty block", "" },
    { "links alone", LINK LINK },
    { "text", "3c68746d6c3e" },
    { "empty Data", "0a00" },
    { "Data twice", "0a02" "0802" "0a02" "0802" },
    { "Data between links", LINK TWO LINK },
    { "Data between links, then more", LINK LINK TWO LINK },
    { "an unknown field of the node", "0a02" "0802" "1800" },
    { "an unknown field of a link", "122c" HASH NAME TSIZE "2000"
      "0a06" "0802" "1805" "2005" },
    { "an unknown field of the file", "0a04" "0802" "4800" },
    { "Data as a varint", "0800" },
    { "a link as a varint", "1000" "0a02" "0802" },
    { "Type as bytes", "0a03" "0a0102" },
    { "filesize as bytes", "0a05" "0802" "1a0100" },
    { "filesize as fixed64", "0a0b" "0802" "190000000000000000" },
    { "filesize as fixed32", "0a07" "0802" "1d00000000" },
    { "mode as bytes", "0a06" "0802" "1800" "3a00" },
    { "mtime as a varint", "0a06" "0802" "1800" "4000" },
    { "mode above 32 bits", "0a0a" "0802" "1800" "388080808010" },
    { "mtime that is longer than its fields",
      "0a17" "0802" "1800" "4211" "0000000000000000000000000000000000" },
    { "a group", "0a04" "0802" "1b1c" },
    { "Hash as a varint", "1206" "0805" NAME TSIZE "0a06" "0802" "1805"
      "2005" },
    { "Tsize as bytes", "122b" HASH NAME "1a0105" "0a06" "0802" "1805"
      "2005" },
    { "Hash twice", "1250" HASH HASH NAME TSIZE "0a06" "0802" "1805"
      "2005" },
    { "Name twice", "122c" HASH NAME NAME TSIZE "0a06" "0802" "1805"
      "2005" },
    { "Tsize twice", "122c" HASH NAME TSIZE TSIZE "0a06" "0802" "1805"
      "2005" },
    { "Name in front of Hash", "122a" NAME HASH TSIZE "0a06" "0802" "1805"
      "2005" },
    { "Tsize in front of Name", "122a" HASH TSIZE NAME "0a06" "0802" "1805"
      "2005" },
    { "Type twice", "0a04" "0802" "0802" },
    { "filesize twice", "0a06" "0802" "1800" "1800" },
    { "a leaf's data twice", "0a0a" "0802" "120161" "120162" "1801" },
    { "Type behind filesize", "0a04" "1800" "0802" },
    { "filesize in front of the data", "0a09" "0802" "1803" "1203616263" },
    { "blocksizes in front of filesize", LINK LINK
      "0a08" "0802" "20052007" "180c" },
    { "blocksizes around filesize", LINK LINK
      "0a08" "0802" "2005" "180c" "2007" },
    { "mode in front of filesize", "0a06" "0802" "3800" "1800" },
    { "a tag that is not minimal", "8a00" "02" "0802" },
    { "a length that is not minimal", "0a8200" "0802" },
    { "a type that is not minimal", "0a03" "088200" },
    { "field 0", "0a02" "0802" "0000" },
    { "Data longer than the block", "0a03" "0802" },
    { "Data of 2^63 - 1 bytes", "0affffffffffffffff7f" "0802" },
    { "a link longer than the block", "0a02" "0802" "12ff01" },
    { "a tag alone", "0a02" "0802" "12" },
    { "a byte behind", "0a02" "0802" "00" },
};


static mk_bytes_t
run(const uint8_t *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


static int
is_zero(const mk_dagpb_node_t *node)
{
    mk_dagpb_node_t  zero;

    memset(&zero, 0, sizeof(zero));

    return memcmp(node, &zero, sizeof(zero)) == 0;
}


static void
test_sound(void)
{
    int              cuts;
    size_t           i, n, len, data_len;
    uint8_t         *block, *data, *cut;
    mk_dagpb_node_t  node;

    for (i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
        block = tap_unhex(sound[i].hex, &len);
        data = tap_unhex(sound[i].data, &data_len);

        is_status(mk_dagpb_decode(run(block, len), &node), MK_OK, "read: %s",
                  sound[i].name);
        ok(node.size == sound[i].size && node.nlinks == sound[i].nlinks
           && (node.links == NULL) == (node.nlinks == 0),
           "size and links: %s", sound[i].name);
        is_mem(node.data.data, node.data.len, data, data_len, "data: %s",
               sound[i].name);
        mk_dagpb_clear(&node);
        ok(is_zero(&node), "cleared: %s", sound[i].name);

        cuts = 1;

        for (n = 0; n < len; n++) {
            cut = malloc(n + 1);
            memcpy(cut, block, n);

            cuts = cuts
                   && mk_dagpb_decode(run(cut, n), &node) == MK_CID_MISMATCH
                   && is_zero(&node);
            free(cut);
        }

        ok(cuts, "every cut is refused: %s", sound[i].name);

        free(block);
        free(data);
    }
}


static void
test_lies(void)
{
    size_t           i, len;
    uint8_t         *block;
    mk_dagpb_node_t  node;

    for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        block = tap_unhex(lies[i].hex, &len);
        memset(&node, 0x5a, sizeof(node));

        is_status(mk_dagpb_decode(run(block, len), &node), MK_CID_MISMATCH,
                  "refused: %s", lies[i].name);
        ok(is_zero(&node), "nothing is left of: %s", lies[i].name);

        free(block);
    }
}


static void
test_links(void)
{
    size_t           len;
    uint8_t         *block;
    mk_dagpb_node_t  node;

    block = tap_unhex("122a" HASH NAME TSIZE LINK_V0 TWO, &len);
    mk_dagpb_decode(run(block, len), &node);

    ok(node.links[0].cid.version == 1
       && node.links[0].cid.codec == MK_CID_CODEC_RAW
       && node.links[0].size == 5, "the first link");
    ok(node.links[1].cid.version == 0
       && node.links[1].cid.codec == MK_CID_CODEC_DAG_PB
       && node.links[1].size == 7, "the second link");

    mk_dagpb_clear(&node);
    mk_dagpb_clear(&node);
    ok(is_zero(&node), "clearing twice is clearing once");

    free(block);
}


/* the encoder, its limits, and that the decoder reads what it writes */
static void
test_encode(void)
{
    size_t            i, n, len, want_len;
    uint8_t          *out, *want;
    uint64_t         *tsizes;
    mk_dagpb_link_t  *links;
    mk_dagpb_node_t   node;

    links = calloc(MK_DAGPB_LINKS_MAX + 1, sizeof(mk_dagpb_link_t));
    tsizes = calloc(MK_DAGPB_LINKS_MAX + 1, sizeof(uint64_t));

    for (i = 0; i <= MK_DAGPB_LINKS_MAX; i++) {
        links[i].cid.version = 1;
        links[i].cid.codec = MK_CID_CODEC_RAW;
        mk_multihash_of(MK_MULTIHASH_SHA2_256, (const uint8_t *) "abc", 3,
                        &links[i].cid.hash);
        links[i].size = (i % 2 == 0) ? 5 : 7;
        tsizes[i] = 5;
    }

    is_status(mk_dagpb_encode(links, tsizes, 2, &out, &len), MK_OK,
              "two links are written");
    want = tap_unhex(LINK LINK TWO, &want_len);
    is_mem(out, len, want, want_len, "as producers write them");
    free(want);
    free(out);

    for (n = 1; n <= MK_DAGPB_LINKS_MAX; n = n * 2 + (n == 2048)) {
        mk_dagpb_encode(links, tsizes, n, &out, &len);
        is_status(mk_dagpb_decode(run(out, len), &node), MK_OK,
                  "%zu links are read back", n);
        ok(node.nlinks == n
           && memcmp(node.links, links, n * sizeof(mk_dagpb_link_t)) == 0,
           "and are the same");
        mk_dagpb_clear(&node);
        free(out);
    }

    is_status(mk_dagpb_encode(links, tsizes, MK_DAGPB_LINKS_MAX, &out, &len),
              MK_OK, "as many links as there may be");
    is_status(mk_dagpb_decode(run(out, len), &node), MK_OK, "are read back");
    mk_dagpb_clear(&node);
    free(out);

    is_status(mk_dagpb_encode(links, tsizes, MK_DAGPB_LINKS_MAX + 1, &out,
                              &len),
              MK_INTERNAL_ERROR, "one more is not written");
    ok(out == NULL && len == 0, "and nothing is allocated");
    is_status(mk_dagpb_encode(links, tsizes, 0, &out, &len),
              MK_INTERNAL_ERROR, "no link is no interior node");

    links[1].size = 0;
    is_status(mk_dagpb_encode(links, tsizes, 2, &out, &len),
              MK_INTERNAL_ERROR, "a child of no bytes is not written");
    links[1].size = INT64_MAX - 4;
    is_status(mk_dagpb_encode(links, tsizes, 2, &out, &len),
              MK_INTERNAL_ERROR, "nor is a sum above 2^63 - 1");

    free(links);
    free(tsizes);
}


/* 8193 links, made by hand since the encoder writes no such thing */
static void
test_too_many_links(void)
{
    size_t           i, n, len, stride;
    uint8_t         *link, *block, *p;
    mk_dagpb_node_t  node;

    link = tap_unhex(LINK, &stride);
    n = MK_DAGPB_LINKS_MAX + 1;
    block = malloc(n * (LINKS_STRIDE + 2) + 16);
    p = block;

    for (i = 0; i < n; i++) {
        memcpy(p, link, stride);
        p += stride;
    }

    *p++ = 0x0a;
    p += mk_bytes_put_varint(p, 2 + 3 + 2 * n);
    memcpy(p, "\x08\x02\x18\x81\x40", 5);
    p += 5;

    for (i = 0; i < n; i++) {
        *p++ = 0x20;
        *p++ = 0x01;
    }

    len = (size_t) (p - block);

    is_status(mk_dagpb_decode(run(block, len), &node), MK_CID_MISMATCH,
              "8193 links are refused");
    ok(is_zero(&node), "before anything is allocated");

    free(block);
    free(link);
}


/* one changed bit never breaks the invariants */
static void
test_flipped_bits(void)
{
    int              pass;
    size_t           i, k, len;
    uint8_t         *block;
    uint64_t         sum;
    mk_dagpb_node_t  node;

    block = tap_unhex(LINK LINK_PB LINK_V0
                      "0a0f" "0802" "1811" "2005" "2007" "2005"
                      "38a403" "4200", &len);
    is_status(mk_dagpb_decode(run(block, len), &node), MK_OK,
              "three links and metadata");
    mk_dagpb_clear(&node);

    pass = 1;

    for (i = 0; i < len * 8; i++) {
        block[i / 8] ^= (uint8_t) (1 << (i % 8));

        if (mk_dagpb_decode(run(block, len), &node) == MK_OK) {
            sum = node.data.len;

            for (k = 0; k < node.nlinks; k++) {
                pass = pass && node.links[k].size > 0;
                sum += node.links[k].size;
            }

            pass = pass && sum == node.size;
            mk_dagpb_clear(&node);

        } else {
            pass = pass && is_zero(&node);
        }

        block[i / 8] ^= (uint8_t) (1 << (i % 8));
    }

    ok(pass, "each changed bit is refused, or the sizes still add up");

    free(block);
}


int
main(void)
{
    test_sound();
    test_lies();
    test_links();
    test_encode();
    test_too_many_links();
    test_flipped_bits();

    return tap_done();
}
