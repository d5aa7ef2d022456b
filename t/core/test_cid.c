/*
 * CIDs: one canonical text for each, nothing that no file is made of.
 * All digests are those of "abc".
 */

#include "mk_cid.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define SHA2_256                                                         \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


typedef struct {
    const char  *name;
    uint32_t     version;
    uint32_t     codec;
    const char  *text;
    const char  *hex;
    const char  *canonical;
} accepted_t;

typedef struct {
    const char  *name;
    const char  *text;
} refused_t;

typedef struct {
    const char  *name;
    const char  *hex;
    size_t       len;       /* 0: no CID */
    uint32_t     code;      /* 0: a hash that is none of ours */
} skimmed_t;


static const accepted_t  accepted[] = {
    { "CIDv0", 0, MK_CID_CODEC_DAG_PB,
      "QmatYkNGZnELf8cAGdyJpUca2PyY4szai3RHyyWofNY1pY",
      "1220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      "QmatYkNGZnELf8cAGdyJpUca2PyY4szai3RHyyWofNY1pY" },
    { "CIDv1, raw, base32", 1, MK_CID_CODEC_RAW,
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu",
      "01551220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
      "5ad",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "CIDv1, raw, base32 upper", 1, MK_CID_CODEC_RAW,
      "BAFKREIF2PALL7DYBZ7VECQKA3ZO24IRDWABWDI4WC55JZNAQ75Q7EAAVVU",
      "01551220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
      "5ad",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "CIDv1, raw, base58btc", 1, MK_CID_CODEC_RAW,
      "zb2rhjCBERUodVMcKTiFjjbWP12nfh2nNKKcpDNHeQPReWC2G",
      "01551220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
      "5ad",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "CIDv1, dag-pb", 1, MK_CID_CODEC_DAG_PB,
      "bafybeif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu",
      "01701220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
      "5ad",
      "bafybeif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "CIDv1, sha2-512", 1, MK_CID_CODEC_DAG_PB,
      "bafybgqg5v422de3bpk5myqltjgxcaqjrcltputujvf7kecu653tewvottiqzfgjke5h4"
      "dkbwxi6chi765o6uktkeensdz2aofknmst5fjssj6",
      "01701340ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d"
      "39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      "bafybgqg5v422de3bpk5myqltjgxcaqjrcltputujvf7kecu653tewvottiqzfgjke5h4"
      "dkbwxi6chi765o6uktkeensdz2aofknmst5fjssj6" },
    { "CIDv1, sha2-512, base58btc", 1, MK_CID_CODEC_DAG_PB,
      "zBunRGvxf8ZBaoHMGV4gjNNeytQKmEh1SwoRqETTCvLeJznyKq7gzVWbUtCSY3iSjXSxn"
      "jTkL8x74QB2u88T9qs2HwWut",
      "01701340ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d"
      "39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      "bafybgqg5v422de3bpk5myqltjgxcaqjrcltputujvf7kecu653tewvottiqzfgjke5h4"
      "dkbwxi6chi765o6uktkeensdz2aofknmst5fjssj6" },
    { "CIDv1, blake2b-256", 1, MK_CID_CODEC_RAW,
      "bafk2bzacec653aj4mnbds4rrohxt73uyk6nzjfsohoy4wpscojrmrqdi2urrs",
      "0155a0e40220bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c06"
      "8d52319",
      "bafk2bzacec653aj4mnbds4rrohxt73uyk6nzjfsohoy4wpscojrmrqdi2urrs" },
};


static const refused_t  refused[] = {
    { "nothing",
      "" },
    { "a prefix alone",
      "b" },
    { "Qm",
      "Qm" },
    { "base16",
      "f01551220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f200"
      "15ad" },
    { "base16 upper",
      "F01551220BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F200"
      "15AD" },
    { "base36",
      "k2cwuedaprl9o36qe0a3p667a837sh0n447c46bmq1d6bg6z8tgmmqi5" },
    { "base36 upper",
      "K2CWUEDAPRL9O36QE0A3P667A837SH0N447C46BMQ1D6BG6Z8TGMMQI5" },
    { "base64",
      "mAVUSILp4Fr+PAc/qQUFA3l2uIiOwA2Gjlhd6nLQQ/2HyABWt" },
    { "base64url",
      "uAVUSILp4Fr-PAc_qQUFA3l2uIiOwA2Gjlhd6nLQQ_2HyABWt" },
    { "base64urlpad",
      "UAVUSILp4Fr-PAc_qQUFA3l2uIiOwA2Gjlhd6nLQQ_2HyABWt" },
    { "base58flickr",
      "Zb2rhjCBERUodVMcKTiFjjbWP12nfh2nNKKcpDNHeQPReWC2G" },
    { "base32pad",
      "cafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu======" },
    { "CIDv0 behind z",
      "zQmatYkNGZnELf8cAGdyJpUca2PyY4szai3RHyyWofNY1pY" },
    { "CIDv0 behind b",
      "bciqlu6awx6hqdt7kifaubxs5vyrchmadmgrzmf32ts2bb73b6iablli" },
    { "CIDv1 without a prefix",
      "afkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "CIDv1 in base58 without a prefix",
      "b2rhjCBERUodVMcKTiFjjbWP12nfh2nNKKcpDNHeQPReWC2G" },
    { "upper case behind b",
      "bAFKREIF2PALL7DYBZ7VECQKA3ZO24IRDWABWDI4WC55JZNAQ75Q7EAAVVU" },
    { "lower case behind B",
      "Bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "mixed case",
      "bafkreif2paLL7DYBZ7VECQKA3ZO24IRDWABWDI4WC55JZNAQ75Q7EAAVVU" },
    { "one letter of the other case",
      "bafkreif2pall7dybz7vecqkA3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "an unused trailing bit",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvv" },
    { "padding",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu======" },
    { "a character too many",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvua" },
    { "a space in front",
      " bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "a line feed behind",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu\n" },
    { "a path behind",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu/a" },
    { "a query behind",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu?a" },
    { "dag-cbor",
      "bafyreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "dag-json",
      "baguqeeraxj4bnp4pahh6uqkbidpf3lrceoyagyndsylxvhfucd7wd4qacwwq" },
    { "libp2p-key",
      "bafzbeif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "car",
      "bagbaieraxj4bnp4pahh6uqkbidpf3lrceoyagyndsylxvhfucd7wd4qacwwq" },
    { "codec identity",
      "baeabeif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "a codec that is not minimal",
      "bahkqaeraxj4bnp4pahh6uqkbidpf3lrceoyagyndsylxvhfucd7wd4qacwwq" },
    { "a codec that is raw in its lower 32 bits",
      "bahkybaeacajcbotyc27y6aop5jaucqg6lwxcei5qanq2hfqxpkolieh7mhzaafnn" },
    { "version 0",
      "babkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "version 2",
      "bajkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "version 3",
      "bankreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "a version that is not minimal",
      "bqeafkeraxj4bnp4pahh6uqkbidpf3lrceoyagyndsylxvhfucd7wd4qacwwq" },
    { "a version that is 1 in its lower 32 bits",
      "bqgaibaaqkujcbotyc27y6aop5jaucqg6lwxcei5qanq2hfqxpkolieh7mhzaafnn" },
    { "identity of nothing",
      "bafkqaaa" },
    { "identity",
      "bafkqaa3bmjrq" },
    { "sha1",
      "bafkrcffjte7dmrygqfvluprfof4fbqtmttinrhi" },
    { "blake3",
      "bafkr4if2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" },
    { "sha2-256 cut to 20 bytes",
      "bafkreff2pall7dybz7vecqka3zo24irdwabwdiy" },
    { "a digest length that is not minimal",
      "bafkrfiaaxj4bnp4pahh6uqkbidpf3lrceoyagyndsylxvhfucd7wd4qacwwq" },
    { "a byte behind",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvuaa" },
    { "a byte behind, base58btc",
      "z3bDCNmELAF3ip49xtUu63d1Jg78tZmgsF5sB5PaxU6DynXqeZD" },
    { "a byte short",
      "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaav" },
    { "CIDv0 of another hash",
      "S5dfddSD1MURRrdGja8EGN95MuwxochrnFELBDrcyrjrqA" },
    { "CIDv0 of 45 characters",
      "QmatYkNGZnELf8cAGdyJpUca2PyY4szai3RHyyWofNY1p" },
    { "CIDv0 of 47 characters",
      "QmatYkNGZnELf8cAGdyJpUca2PyY4szai3RHyyWofNY1pY1" },
    { "CIDv0 with a character outside the alphabet",
      "QmatYkNGZnELf8cAGdyJpUca2PyY4szai3RHyyWofNY1p0" },
    { "CIDv0 of a larger number",
      "Qmzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz" },
};


static const skimmed_t  skimmed[] = {
    { "CIDv0", "1220" SHA2_256, 34, MK_MULTIHASH_SHA2_256 },
    { "CIDv1, raw", "01551220" SHA2_256, 36, MK_MULTIHASH_SHA2_256 },
    { "CIDv1 and a block", "01551220" SHA2_256 "616263", 36,
      MK_MULTIHASH_SHA2_256 },
    { "dag-cbor", "01711220" SHA2_256, 36, MK_MULTIHASH_SHA2_256 },
    { "a codec of two bytes", "01a9021220" SHA2_256, 37,
      MK_MULTIHASH_SHA2_256 },
    { "blake2b-256", "0155a0e40220" SHA2_256, 38,
      MK_MULTIHASH_BLAKE2B_256 },
    { "sha1", "01551114a9993e364706816aba3e25717850c26c9cd0d89d", 24, 0 },
    { "blake3", "01551e20" SHA2_256, 36, 0 },
    { "identity of nothing", "01550000", 4, 0 },
    { "identity", "01550003616263", 7, 0 },
    { "sha2-256 cut to 20 bytes",
      "01551214ba7816bf8f01cfea414140de5dae2223b00361a3", 24, 0 },

    { "nothing", "", 0, 0 },
    { "CIDv0, cut", "1220ba78", 0, 0 },
    { "CIDv1, cut", "01551220ba78", 0, 0 },
    { "version 0", "00551220" SHA2_256, 0, 0 },
    { "version 2", "02551220" SHA2_256, 0, 0 },
    { "version 3", "03551220" SHA2_256, 0, 0 },
    { "version 10, a line feed", "0a5b6572726f725d", 0, 0 },
    { "sha2-256 of another length as CIDv0", "1214" SHA2_256, 0, 0 },
    { "a version that is not minimal", "8100551220" SHA2_256, 0, 0 },
    { "a codec that is not minimal", "01d5001220" SHA2_256, 0, 0 },
    { "a hash code that is not minimal", "0155920020" SHA2_256, 0, 0 },
    { "a digest length that is not minimal", "015512a000" SHA2_256, 0, 0 },
    { "a digest of 127 bytes, cut", "0155007f"
      "ffffffffffffffffff", 0, 0 },
    { "a digest length of nine bytes", "015500ffffffffffffffff7f", 0, 0 },
};


static int
is_zero(const mk_cid_t *cid)
{
    mk_cid_t  zero;

    memset(&zero, 0, sizeof(zero));

    return memcmp(cid, &zero, sizeof(zero)) == 0;
}


static void
test_accepted(void)
{
    char               print[MK_CID_PRINT_MAX];
    size_t             i, len, n;
    uint8_t           *want, out[MK_CID_BINARY_MAX];
    mk_cid_t           cid, again;
    mk_bytes_t         in;
    const accepted_t  *c;

    for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        c = &accepted[i];

        ok(mk_cid_parse(c->text, strlen(c->text), &cid)
           && cid.version == c->version && cid.codec == c->codec,
           "read: %s", c->name);

        want = tap_unhex(c->hex, &len);
        is_mem(out, mk_cid_write(&cid, out), want, len, "binary: %s",
               c->name);

        n = mk_cid_print(&cid, print);
        ok(n == strlen(print), "length of the text: %s", c->name);
        is_str(print, c->canonical, "canonical text: %s", c->name);

        in.data = want;
        in.len = len;
        ok(mk_cid_take(&in, &again) && in.len == 0
           && memcmp(&cid, &again, sizeof(cid)) == 0,
           "taken from its binary form: %s", c->name);

        for (n = 0; n < len; n++) {
            in.data = want;
            in.len = n;

            if (mk_cid_take(&in, &again) || !is_zero(&again)
                || in.len != n || in.data != want)
            {
                break;
            }
        }

        ok(n == len, "every cut is refused: %s", c->name);

        free(want);
    }
}


static void
test_refused(void)
{
    size_t    i;
    mk_cid_t  cid;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        memset(&cid, 0x5a, sizeof(cid));

        ok(!mk_cid_parse(refused[i].text, strlen(refused[i].text), &cid)
           && is_zero(&cid), "refused: %s", refused[i].name);
    }
}


static void
test_lengths(void)
{
    char      text[2 * MK_CID_TEXT_MAX];
    size_t    len;
    mk_cid_t  cid;

    for (len = 0; len < sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        text[0] = 'b';

        if (mk_cid_parse(text, len, &cid)) {
            break;
        }

        memset(text, 'z', sizeof(text));

        if (mk_cid_parse(text, len, &cid)) {
            break;
        }
    }

    ok(len == sizeof(text), "texts up to twice the longest are refused");

    len = strlen(accepted[1].text);
    memcpy(text, accepted[1].text, len);
    text[len] = '\0';

    ok(mk_cid_parse(text, len, &cid), "a text without NUL is read");
    ok(!mk_cid_parse(text, len + 1, &cid), "a NUL inside is refused");
}


static void
test_equal(void)
{
    mk_cid_t  v0, raw, upper, pb, other;

    mk_cid_parse(accepted[0].text, strlen(accepted[0].text), &v0);
    mk_cid_parse(accepted[1].text, strlen(accepted[1].text), &raw);
    mk_cid_parse(accepted[2].text, strlen(accepted[2].text), &upper);
    mk_cid_parse(accepted[4].text, strlen(accepted[4].text), &pb);

    ok(mk_cid_equal(&raw, &upper), "two spellings are one CID");
    ok(mk_cid_equal(&v0, &pb), "CIDv0 and its CIDv1 are one CID");
    ok(!mk_cid_equal(&raw, &pb), "raw and dag-pb are two CIDs");

    other = raw;
    other.hash.digest[31] ^= 1;
    ok(!mk_cid_equal(&raw, &other), "another digest is another CID");
}


static void
test_skim(void)
{
    int              known;
    size_t           i, len;
    uint8_t         *data;
    mk_bytes_t       in;
    mk_multihash_t   mh, zero;

    memset(&zero, 0, sizeof(zero));

    for (i = 0; i < sizeof(skimmed) / sizeof(skimmed[0]); i++) {
        data = tap_unhex(skimmed[i].hex, &len);
        in.data = data;
        in.len = len;
        known = 4711;
        memset(&mh, 0x5a, sizeof(mh));

        is_int(mk_cid_skim(in, &mh, &known), skimmed[i].len, "skim: %s",
               skimmed[i].name);
        ok(known == (skimmed[i].code != 0) && mh.code == skimmed[i].code
           && (known || memcmp(&mh, &zero, sizeof(mh)) == 0),
           "skim, the hash: %s", skimmed[i].name);

        free(data);
    }
}


/* an identity CID of 160 bytes is skimmed, one of 161 is not */
static void
test_skim_limit(void)
{
    int             known;
    uint8_t         data[256];
    mk_bytes_t      in;
    mk_multihash_t  mh;

    memset(data, 0, sizeof(data));
    in.data = data;
    in.len = sizeof(data);

    data[0] = 1;
    data[1] = MK_CID_CODEC_RAW;
    data[3] = 0x80 | (155 & 0x7f);
    data[4] = 1;

    is_int(mk_cid_skim(in, &mh, &known), MK_CID_BINARY_MAX,
           "skim: the longest CID");

    data[3]++;
    is_int(mk_cid_skim(in, &mh, &known), 0, "skim: a longer one");
}


int
main(void)
{
    test_accepted();
    test_refused();
    test_lengths();
    test_equal();
    test_skim();
    test_skim_limit();

    return tap_done();
}
