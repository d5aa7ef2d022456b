#include "mk_floe.h"

#include "mk_floe_internal.h"
#include "mk_gcm.h"
#include "mk_hkdf.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <stdlib.h>
#include <string.h>


/* FLOE ciphertext layout: header = parameters, IV, tag */
#define MK_FLOE_AEAD_AES_256_GCM  0
#define MK_FLOE_KDF_HKDF_SHA_384  0

#define MK_FLOE_PARAMS            10
#define MK_FLOE_IV                32
#define MK_FLOE_TAG               32

#define MK_FLOE_MESSAGE_KEY       MK_HKDF_SHA384_LEN

/* segment = length, IV, ciphertext, tag */
#define MK_FLOE_LENGTH            4
#define MK_FLOE_NOT_FINAL         UINT32_C(0xffffffff)

/* a segment's aad: its index, and whether it is the final one */
#define MK_FLOE_SEGMENT_AAD       9

/* the longest purpose: "MESSAGE_KEY:", or "DEK:" and an index */
#define MK_FLOE_PURPOSE_MAX       12


_Static_assert(MK_FLOE_MESSAGE_KEY <= MK_SECRET_SHORT
               && MK_FLOE_KEY <= MK_SECRET_SHORT,
               "MK_OPENER_SECRETS counts these three");


struct mk_floe_s {
    mk_gcm_t     *gcm;                  /* holds the key of one window */
    mk_secret_t  *message_key;
    mk_secret_t  *segment_key;          /* zero but while it is derived */
    uint64_t      window;               /* first segment of that window */
    unsigned      keyed:1;              /* window is set */
    unsigned      rotation;
    uint32_t      segment_length;
    size_t        aad_len;
    uint8_t       prefix[MK_FLOE_PARAMS + MK_FLOE_IV];
    uint8_t       aad[MK_FLOE_AAD_MAX];
};


static void
mk_floe_put_params(uint8_t out[MK_FLOE_PARAMS], uint32_t segment_length)
{
    out[0] = MK_FLOE_AEAD_AES_256_GCM;
    out[1] = MK_FLOE_KDF_HKDF_SHA_384;
    mk_bytes_put_be32(out + 2, segment_length);
    mk_bytes_put_be32(out + 6, MK_FLOE_IV);
}


uint32_t
mk_floe_segment_length(const uint8_t header[MK_FLOE_HEADER])
{
    uint8_t   params[MK_FLOE_PARAMS];
    uint32_t  length;

    length = mk_bytes_be32(header + 2);

    if (length <= MK_FLOE_OVERHEAD || length > MK_FLOE_SEGMENT_MAX) {
        return 0;
    }

    mk_floe_put_params(params, length);

    if (memcmp(header, params, MK_FLOE_PARAMS) != 0) {
        return 0;
    }

    return length;
}


uint64_t
mk_floe_segments(uint64_t size, uint32_t segment_length)
{
    uint64_t  full;

    if (segment_length <= MK_FLOE_OVERHEAD) {
        return 0;
    }

    if (size == 0) {
        return 1;
    }

    full = segment_length - MK_FLOE_OVERHEAD;

    return size / full + (size % full != 0);
}


/* FLOE_KDF(key, iv, aad, purpose, len) */
static int
mk_floe_kdf(const mk_floe_t *floe, const mk_secret_t *key,
    const uint8_t *purpose, size_t purpose_len, uint8_t *out, size_t len)
{
    uint8_t     text[sizeof(floe->prefix) + MK_FLOE_PURPOSE_MAX
                     + MK_FLOE_AAD_MAX];
    mk_bytes_t  info;

    memcpy(text, floe->prefix, sizeof(floe->prefix));
    info.len = sizeof(floe->prefix);

    memcpy(text + info.len, purpose, purpose_len);
    info.len += purpose_len;

    memcpy(text + info.len, floe->aad, floe->aad_len);
    info.len += floe->aad_len;

    info.data = text;

    return mk_hkdf_expand(MK_HKDF_SHA384, mk_secret_view(key), info, out, len);
}


static int
mk_floe_header_tag(const mk_floe_t *floe, const mk_secret_t *key,
    uint8_t tag[MK_FLOE_TAG])
{
    static const uint8_t  purpose[] = "HEADER_TAG:";

    return mk_floe_kdf(floe, key, purpose, sizeof(purpose) - 1, tag,
                       MK_FLOE_TAG);
}


static int
mk_floe_message_key(mk_floe_t *floe, const mk_secret_t *key)
{
    static const uint8_t  purpose[] = "MESSAGE_KEY:";

    return mk_floe_kdf(floe, key, purpose, sizeof(purpose) - 1,
                       mk_secret_bytes(floe->message_key),
                       MK_FLOE_MESSAGE_KEY);
}


/* DERIVE_KEY: the key of the window that holds segment "index" */
static int
mk_floe_segment_key(mk_floe_t *floe, uint64_t index)
{
    uint8_t   purpose[MK_FLOE_PURPOSE_MAX] = "DEK:";
    uint8_t  *key;
    uint64_t  window;

    window = index >> floe->rotation << floe->rotation;

    if (floe->keyed && floe->window == window) {
        return 1;
    }

    mk_bytes_put_be64(purpose + 4, window);
    key = mk_secret_bytes(floe->segment_key);

    floe->window = window;
    floe->keyed = 0;

    if (mk_floe_kdf(floe, floe->message_key, purpose, sizeof(purpose), key,
                    MK_FLOE_KEY))
    {
        mk_gcm_set_key(floe->gcm, key);
        floe->keyed = 1;
    }

    OPENSSL_cleanse(key, MK_FLOE_KEY);

    return floe->keyed;
}


static int
mk_floe_random(uint8_t *out, int len)
{
    int  done;

    ERR_set_mark();
    done = RAND_bytes(out, len) == 1;
    ERR_pop_to_mark();

    return done;
}


static mk_floe_t *
mk_floe_create(mk_bytes_t aad, uint32_t segment_length)
{
    mk_floe_t  *floe;

    floe = calloc(1, sizeof(mk_floe_t));
    if (floe == NULL) {
        return NULL;
    }

    floe->gcm = mk_gcm_create();
    floe->message_key = mk_secret_create(MK_FLOE_MESSAGE_KEY);
    floe->segment_key = mk_secret_create(MK_FLOE_KEY);

    if (floe->gcm == NULL || floe->message_key == NULL
        || floe->segment_key == NULL)
    {
        mk_floe_free(floe);
        return NULL;
    }

    floe->rotation = MK_FLOE_ROTATION_BITS;
    floe->segment_length = segment_length;
    mk_floe_put_params(floe->prefix, segment_length);

    floe->aad_len = aad.len;

    if (aad.len > 0) {
        memcpy(floe->aad, aad.data, aad.len);
    }

    return floe;
}


void
mk_floe_free(mk_floe_t *floe)
{
    if (floe == NULL) {
        return;
    }

    mk_secret_free(floe->segment_key);
    mk_secret_free(floe->message_key);
    mk_gcm_free(floe->gcm);
    free(floe);
}


void
mk_floe_set_rotation(mk_floe_t *floe, unsigned bits)
{
    floe->rotation = bits;
}


mk_floe_t *
mk_floe_seal_create(const mk_secret_t *key, mk_bytes_t aad,
    uint32_t segment_length, uint8_t header[MK_FLOE_HEADER])
{
    uint8_t    *iv;
    mk_floe_t  *floe;

    memset(header, 0, MK_FLOE_HEADER);

    if (mk_secret_view(key).len != MK_FLOE_KEY || aad.len > MK_FLOE_AAD_MAX
        || segment_length <= MK_FLOE_OVERHEAD
        || segment_length > MK_FLOE_SEGMENT_MAX)
    {
        return NULL;
    }

    floe = mk_floe_create(aad, segment_length);
    if (floe == NULL) {
        return NULL;
    }

    iv = floe->prefix + MK_FLOE_PARAMS;

    if (!mk_floe_random(iv, MK_FLOE_IV)
        || !mk_floe_message_key(floe, key)
        || !mk_floe_header_tag(floe, key, header + sizeof(floe->prefix)))
    {
        memset(header, 0, MK_FLOE_HEADER);
        mk_floe_free(floe);
        return NULL;
    }

    memcpy(header, floe->prefix, sizeof(floe->prefix));

    return floe;
}


mk_status_t
mk_floe_open_create(const mk_secret_t *key, mk_bytes_t aad,
    const uint8_t header[MK_FLOE_HEADER], mk_floe_t **opened)
{
    uint8_t      tag[MK_FLOE_TAG];
    uint32_t     segment_length;
    mk_floe_t   *floe;
    mk_status_t  status;

    *opened = NULL;

    segment_length = mk_floe_segment_length(header);

    if (segment_length == 0 || mk_secret_view(key).len != MK_FLOE_KEY
        || aad.len > MK_FLOE_AAD_MAX)
    {
        return MK_INVALID_ENVELOPE;
    }

    floe = mk_floe_create(aad, segment_length);
    if (floe == NULL) {
        return MK_INTERNAL_ERROR;
    }

    memcpy(floe->prefix, header, sizeof(floe->prefix));

    status = MK_INTERNAL_ERROR;

    if (!mk_floe_header_tag(floe, key, tag)) {
        goto failed;
    }

    if (CRYPTO_memcmp(tag, header + sizeof(floe->prefix), MK_FLOE_TAG) != 0) {
        status = MK_INVALID_ENVELOPE;
        goto failed;
    }

    if (!mk_floe_message_key(floe, key)) {
        goto failed;
    }

    *opened = floe;

    return MK_OK;

failed:

    /* the right tag for a wrong header is a forgery: it must not stay */
    OPENSSL_cleanse(tag, sizeof(tag));
    mk_floe_free(floe);

    return status;
}


/* whether a segment of len bytes, overhead included, can stand at index */
static int
mk_floe_fits(const mk_floe_t *floe, uint64_t index, int final, size_t len)
{
    if (final) {
        return index < MK_FLOE_SEGMENTS_MAX && len >= MK_FLOE_OVERHEAD
               && len <= floe->segment_length;
    }

    return index < MK_FLOE_SEGMENTS_MAX - 1 && len == floe->segment_length;
}


static mk_bytes_t
mk_floe_segment_aad(uint64_t index, int final,
    uint8_t out[MK_FLOE_SEGMENT_AAD])
{
    mk_bytes_t  aad;

    mk_bytes_put_be64(out, index);
    out[8] = final ? 1 : 0;

    aad.data = out;
    aad.len = MK_FLOE_SEGMENT_AAD;

    return aad;
}


mk_status_t
mk_floe_seal_segment(mk_floe_t *floe, uint64_t index, int final,
    mk_bytes_t pt, uint8_t *out)
{
    uint8_t      tail[MK_FLOE_SEGMENT_AAD], *iv;
    mk_bytes_t   aad;
    mk_status_t  status;

    status = MK_INTERNAL_ERROR;
    iv = out + MK_FLOE_LENGTH;

    if (pt.len <= MK_FLOE_SEGMENT_MAX
        && mk_floe_fits(floe, index, final, pt.len + MK_FLOE_OVERHEAD)
        && mk_floe_segment_key(floe, index)
        && mk_floe_random(iv, MK_GCM_IV))
    {
        aad = mk_floe_segment_aad(index, final, tail);
        status = mk_gcm_seal(floe->gcm, iv, aad, pt, iv + MK_GCM_IV);
    }

    if (status != MK_OK) {
        OPENSSL_cleanse(out, pt.len + MK_FLOE_OVERHEAD);
        return status;
    }

    mk_bytes_put_be32(out, final ? (uint32_t) (pt.len + MK_FLOE_OVERHEAD)
                                 : MK_FLOE_NOT_FINAL);

    return MK_OK;
}


mk_status_t
mk_floe_open_segment(mk_floe_t *floe, uint64_t index, int final,
    mk_bytes_t segment, uint8_t *out)
{
    uint8_t         tail[MK_FLOE_SEGMENT_AAD];
    uint32_t        length;
    mk_bytes_t      aad, ct;
    mk_status_t     status;
    const uint8_t  *iv;

    if (segment.len < MK_FLOE_OVERHEAD) {
        return MK_INVALID_ENVELOPE;
    }

    length = final ? (uint32_t) segment.len : MK_FLOE_NOT_FINAL;

    if (!mk_floe_fits(floe, index, final, segment.len)
        || mk_bytes_be32(segment.data) != length)
    {
        status = MK_INVALID_ENVELOPE;
        goto failed;
    }

    if (!mk_floe_segment_key(floe, index)) {
        status = MK_INTERNAL_ERROR;
        goto failed;
    }

    iv = segment.data + MK_FLOE_LENGTH;
    ct.data = iv + MK_GCM_IV;
    ct.len = segment.len - MK_FLOE_LENGTH - MK_GCM_IV;
    aad = mk_floe_segment_aad(index, final, tail);

    status = mk_gcm_open(floe->gcm, iv, aad, ct, MK_INVALID_ENVELOPE, out);
    if (status != MK_OK) {
        goto failed;
    }

    return MK_OK;

failed:

    OPENSSL_cleanse(out, segment.len - MK_FLOE_OVERHEAD);

    return status;
}
