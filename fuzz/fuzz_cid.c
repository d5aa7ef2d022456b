/*
 * fuzz_cid: texts and bytes of CIDs; what is read is written the same.
 */

#include "fuzz.h"
#include "mk_base.h"
#include "mk_cid.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>


static int
same(const mk_cid_t *a, const mk_cid_t *b)
{
    return a->version == b->version && mk_cid_equal(a, b);
}


/* printed, it is read again; in canonical form, it is printed the same */
static void
check_print(const mk_cid_t *cid)
{
    char      text[MK_CID_PRINT_MAX], again[MK_CID_PRINT_MAX];
    size_t    n;
    mk_cid_t  other;

    n = mk_cid_print(cid, text);
    FUZZ_HOLDS(n > 0 && n < sizeof(text) && text[n] == '\0');
    FUZZ_HOLDS(mk_cid_parse(text, n, &other) && same(cid, &other));
    FUZZ_HOLDS(mk_cid_print(&other, again) == n);
    FUZZ_HOLDS(memcmp(text, again, n) == 0);

    /* one CID, one text: nothing may be cut off or added */

    FUZZ_HOLDS(!mk_cid_parse(text, n - 1, &other));
    FUZZ_HOLDS(fuzz_is_zero(&other, sizeof(other)));
}


static void
check_write(const mk_cid_t *cid)
{
    size_t      n;
    uint8_t     binary[MK_CID_BINARY_MAX];
    mk_cid_t    other;
    mk_bytes_t  in;

    n = mk_cid_write(cid, binary);
    FUZZ_HOLDS(n > 0 && n <= sizeof(binary));

    in = fuzz_bytes(binary, n);
    FUZZ_HOLDS(mk_cid_take(&in, &other) && in.len == 0 && same(cid, &other));
}


/* the text is the only one of its multibase: nothing was skipped */
static void
check_text(const mk_cid_t *cid, const uint8_t *text, size_t len)
{
    char     again[MK_CID_TEXT_MAX];
    size_t   i, n;
    uint8_t  binary[MK_CID_BINARY_MAX];

    n = mk_cid_write(cid, binary);

    if (text[0] == 'z') {

        /* base58btc is written for what is as short as a CIDv0's digest */

        if (n > 64) {
            return;
        }

        again[0] = 'z';
        n = 1 + mk_base58_encode(binary, n, again + 1, sizeof(again) - 1);

    } else {
        n = mk_cid_print(cid, again);
    }

    for (i = 0; text[0] == 'B' && i < n; i++) {
        again[i] = (char) toupper((unsigned char) again[i]);
    }

    FUZZ_HOLDS(n == len && memcmp(again, text, n) == 0);
}


static void
check_kind(const mk_cid_t *cid)
{
    FUZZ_HOLDS(cid->version <= 1);
    FUZZ_HOLDS(cid->codec == MK_CID_CODEC_RAW
               || cid->codec == MK_CID_CODEC_DAG_PB);
    FUZZ_HOLDS(cid->version == 1 || cid->codec == MK_CID_CODEC_DAG_PB);
    FUZZ_HOLDS(cid->hash.len == 32 || cid->hash.len == 64);
    FUZZ_HOLDS(fuzz_is_zero(cid->hash.digest + cid->hash.len,
                            MK_MULTIHASH_DIGEST_MAX - cid->hash.len));
}


static void
check_skim(mk_bytes_t bytes, const mk_cid_t *cid, size_t taken)
{
    int             known;
    size_t          n;
    mk_multihash_t  hash;

    n = mk_cid_skim(bytes, &hash, &known);

    FUZZ_HOLDS(n <= bytes.len && n <= MK_CID_BINARY_MAX);
    FUZZ_HOLDS(known ? n > 0 : fuzz_is_zero(&hash, sizeof(hash)));

    /* what is a CID of ours is one here too, and as long */

    if (cid != NULL) {
        FUZZ_HOLDS(n == taken && known
                   && mk_multihash_equal(&hash, &cid->hash));
    }
}


/* the digest of bytes is theirs, and of no others */
static void
check_digest(mk_bytes_t bytes)
{
    size_t          i;
    uint8_t        *copy;
    mk_multihash_t  hash;

    static const uint32_t  codes[] = {
        MK_MULTIHASH_SHA2_256, MK_MULTIHASH_SHA2_512, MK_MULTIHASH_BLAKE2B_256
    };

    copy = fuzz_copy(bytes);

    for (i = 0; i < 3; i++) {
        FUZZ_HOLDS(mk_multihash_of(codes[i], copy, bytes.len, &hash)
                   == MK_OK);
        FUZZ_HOLDS(mk_multihash_verify(&hash, copy, bytes.len) == MK_OK);

        if (bytes.len > 0) {
            copy[i % bytes.len] ^= 1;
            FUZZ_HOLDS(mk_multihash_verify(&hash, copy, bytes.len)
                       == MK_CID_MISMATCH);
            copy[i % bytes.len] ^= 1;
            FUZZ_HOLDS(mk_multihash_verify(&hash, copy, bytes.len - 1)
                       == MK_CID_MISMATCH);
        }
    }

    FUZZ_HOLDS(mk_multihash_of(0x11, copy, bytes.len, &hash)
               == MK_INVALID_REQUEST);
    FUZZ_HOLDS(fuzz_is_zero(&hash, sizeof(hash)));
    free(copy);
}


static void
check_binary(mk_bytes_t bytes)
{
    mk_cid_t        cid;
    mk_bytes_t      in;
    mk_multihash_t  hash;

    in = bytes;

    if (mk_cid_take(&in, &cid)) {
        FUZZ_HOLDS(in.data + in.len == bytes.data + bytes.len);
        FUZZ_HOLDS(in.len < bytes.len);
        check_kind(&cid);
        check_print(&cid);
        check_write(&cid);
        check_skim(bytes, &cid, bytes.len - in.len);

    } else {
        FUZZ_HOLDS(in.data == bytes.data && in.len == bytes.len);
        FUZZ_HOLDS(fuzz_is_zero(&cid, sizeof(cid)));
        check_skim(bytes, NULL, 0);
    }

    in = bytes;

    if (!mk_multihash_take(&in, &hash)) {
        FUZZ_HOLDS(in.data == bytes.data && in.len == bytes.len);
        FUZZ_HOLDS(fuzz_is_zero(&hash, sizeof(hash)));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t   *copy;
    mk_cid_t   cid;

    copy = fuzz_copy(fuzz_bytes(data, size));

    if (mk_cid_parse((const char *) copy, size, &cid)) {
        check_kind(&cid);
        check_print(&cid);
        check_write(&cid);
        check_text(&cid, copy, size);

    } else {
        FUZZ_HOLDS(fuzz_is_zero(&cid, sizeof(cid)));
    }

    check_binary(fuzz_bytes(copy, size));
    check_digest(fuzz_bytes(copy, size));
    free(copy);

    return 0;
}
