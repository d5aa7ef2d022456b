/*
 * mk_multihash: the hash functions that a CID may name here.
 */

#include "mk_multihash.h"
#include "mk_blake2b.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>


/* the digest length of each hash that is accepted; 0: it is not */
static uint32_t
mk_multihash_natural_len(uint64_t code)
{
    switch (code) {

    case MK_MULTIHASH_SHA2_256:
        return 32;

    case MK_MULTIHASH_SHA2_512:
        return 64;

    case MK_MULTIHASH_BLAKE2B_256:
        return 32;

    default:
        return 0;
    }
}


int
mk_multihash_take(mk_bytes_t *in, mk_multihash_t *mh)
{
    uint32_t    natural;
    uint64_t    code, len;
    mk_bytes_t  rest, digest;

    memset(mh, 0, sizeof(mk_multihash_t));
    rest = *in;

    if (!mk_bytes_take_varint(&rest, &code)
        || !mk_bytes_take_varint(&rest, &len))
    {
        return 0;
    }

    natural = mk_multihash_natural_len(code);

    if (natural == 0 || len != natural
        || !mk_bytes_take(&rest, natural, &digest))
    {
        return 0;
    }

    mh->code = (uint32_t) code;
    mh->len = natural;
    memcpy(mh->digest, digest.data, natural);

    *in = rest;

    return 1;
}


size_t
mk_multihash_write(const mk_multihash_t *mh, uint8_t out[MK_MULTIHASH_MAX])
{
    size_t    n;
    uint32_t  natural;
    uint8_t   varint[MK_VARINT_MAX];

    natural = mk_multihash_natural_len(mh->code);

    if (natural == 0 || mh->len != natural) {
        return 0;
    }

    /* the codes of the list take at most three bytes, the lengths one */

    n = mk_bytes_put_varint(varint, mh->code);
    memcpy(out, varint, n);
    out[n++] = (uint8_t) natural;
    memcpy(out + n, mh->digest, natural);

    return n + natural;
}


mk_status_t
mk_multihash_of(uint32_t code, const uint8_t *data, size_t len,
    mk_multihash_t *mh)
{
    uint32_t       natural;
    unsigned       n;
    const EVP_MD  *md;

    memset(mh, 0, sizeof(mk_multihash_t));
    natural = mk_multihash_natural_len(code);

    if (natural == 0) {
        return MK_INVALID_REQUEST;
    }

    if (code == MK_MULTIHASH_BLAKE2B_256) {
        mk_blake2b_digest(mh->digest, natural, data, len);

    } else {
        md = (code == MK_MULTIHASH_SHA2_256) ? EVP_sha256() : EVP_sha512();
        n = 0;

        if (EVP_Digest(data, len, mh->digest, &n, md, NULL) != 1
            || n != natural)
        {
            memset(mh, 0, sizeof(mk_multihash_t));
            return MK_INTERNAL_ERROR;
        }
    }

    mh->code = code;
    mh->len = natural;

    return MK_OK;
}


mk_status_t
mk_multihash_verify(const mk_multihash_t *mh, const uint8_t *data, size_t len)
{
    mk_multihash_t  got;

    /* a hash that is none of ours cannot have come out of this library */

    if (mk_multihash_of(mh->code, data, len, &got) != MK_OK
        || got.len != mh->len)
    {
        return MK_INTERNAL_ERROR;
    }

    if (CRYPTO_memcmp(got.digest, mh->digest, got.len) != 0) {
        return MK_CID_MISMATCH;
    }

    return MK_OK;
}


int
mk_multihash_equal(const mk_multihash_t *a, const mk_multihash_t *b)
{
    return a->code == b->code && a->len == b->len
           && a->len <= MK_MULTIHASH_DIGEST_MAX
           && memcmp(a->digest, b->digest, a->len) == 0;
}
