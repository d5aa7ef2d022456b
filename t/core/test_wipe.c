/*
 * What OpenSSL is given and what it gives back, in ordinary memory: no
 * allocation that it frees, and none that it holds while nothing is worked
 * on, has half a key in it.  Secrets themselves are in the secure heap, which
 * this test's allocator does not see.
 */

#include "mk_floe.h"
#include "mk_hkdf.h"
#include "mk_hpke.h"
#include "tap.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>


#define HALF      14        /* of 32 bytes, without the outermost two */
#define NEEDLES   32
#define SEGMENT   (MK_FLOE_OVERHEAD + 256)
#define HEAP      (1024 * 1024)

#define P256_PEM                                                         \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWSD0UGJp9PtP4jSd\n" \
    "LQt6qg0mD+QTLYnuk00hW76J6TehRANCAAR8KxDmIM0SgSQzWm1SEEc1H6N00D7Y\n" \
    "B4Z4GciLituadjmV55pfCFEdUF7kJei1n78IucAI10+k53KUz54BQJEC\n"         \
    "-----END PRIVATE KEY-----\n"

#define P256_BARE_PEM                                                    \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCBZIPRQYmn0+0/iNJ0t\n" \
    "C3qqDSYP5BMtie6TTSFbvonpNw==\n"                                     \
    "-----END PRIVATE KEY-----\n"

#define P256_PRIVATE                                                     \
    "5920f4506269f4fb4fe2349d2d0b7aaa0d260fe4132d89ee934d215bbe89e937"

#define X25519_PEM                                                       \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MC4CAQAwBQYDK2VuBCIEINkGwxed8in0DSjtm6Ukn5JwlQWc8cOz4fdOfD3d3pO1\n" \
    "-----END PRIVATE KEY-----\n"

#define X25519_PRIVATE                                                   \
    "d906c3179df229f40d28ed9ba5249f927095059cf1c3b3e1f74e7c3dddde93b5"


/* what stands before each block of the watched allocator */
typedef union block_u {
    struct {
        size_t          len;
        union block_u  *next;
        union block_u  *prev;
    } is;
    max_align_t  align;
} block_t;


static block_t  blocks;                 /* those that are held */
static uint8_t  needles[NEEDLES][HALF];
static size_t   nneedles;
static size_t   searched;
static size_t   found;                  /* in blocks that were given back */


static size_t
search(const block_t *block)
{
    size_t          i, k, n;
    const uint8_t  *bytes;

    n = 0;
    bytes = (const uint8_t *) (block + 1);
    searched++;

    for (i = 0; i + HALF <= block->is.len; i++) {
        for (k = 0; k < nneedles; k++) {
            n += memcmp(bytes + i, needles[k], HALF) == 0;
        }
    }

    return n;
}


static size_t
search_all(void)
{
    size_t    n;
    block_t  *block;

    n = 0;

    for (block = blocks.is.next; block != &blocks; block = block->is.next) {
        n += search(block);
    }

    return n;
}


static void *
watched_malloc(size_t len, const char *file, int line)
{
    block_t  *block;

    (void) file;
    (void) line;

    block = calloc(1, sizeof(block_t) + len);
    if (block == NULL) {
        return NULL;
    }

    block->is.len = len;
    block->is.next = blocks.is.next;
    block->is.prev = &blocks;
    blocks.is.next->is.prev = block;
    blocks.is.next = block;

    return block + 1;
}


static void
watched_free(void *p, const char *file, int line)
{
    block_t  *block;

    (void) file;
    (void) line;

    if (p == NULL) {
        return;
    }

    block = (block_t *) p - 1;
    found += search(block);

    block->is.prev->is.next = block->is.next;
    block->is.next->is.prev = block->is.prev;

    free(block);
}


static void *
watched_realloc(void *p, size_t len, const char *file, int line)
{
    void     *moved;
    block_t  *old;

    moved = watched_malloc(len, file, line);

    if (moved != NULL && p != NULL) {
        old = (block_t *) p - 1;
        memcpy(moved, p, old->is.len < len ? old->is.len : len);
        watched_free(p, file, line);
    }

    return moved;
}


/* each half of a key of 32 bytes or more, from both ends */
static void
look_for(const uint8_t *key)
{
    size_t  i;

    for (i = 0; i < HALF; i++) {
        needles[nneedles][i] = key[2 + i];
        needles[nneedles + 1][i] = key[16 + i];
        needles[nneedles + 2][i] = key[29 - i];
        needles[nneedles + 3][i] = key[15 - i];
    }

    nneedles += 4;
}


/* base64 is as good as the key: every piece of its lines */
static void
look_for_text(const char *pem)
{
    size_t       i;
    const char  *line, *end;

    for (line = pem; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');

        for (i = 0; line[0] != '-' && i + 2 * HALF <= (size_t) (end - line);
             i += 2 * HALF)
        {
            memcpy(needles[nneedles++], line + i, HALF);
        }
    }
}


static void
begin(void)
{
    nneedles = 0;
    found = 0;
    searched = 0;
}


static mk_bytes_t
bytes_of(const void *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


/* A search that finds nothing proves nothing before this one. */
static void
test_search(void)
{
    void     *p;
    uint8_t   key[32];

    begin();
    memset(key, 0xa5, sizeof(key));
    look_for(key);

    p = OPENSSL_malloc(100);
    memset(p, 0, 100);
    memcpy((uint8_t *) p + 37, key, 16);
    ok(search_all() > 0, "half a key is seen where it is held");
    OPENSSL_free(p);
    ok(found > 0, "and where it is given back");

    found = 0;
    p = OPENSSL_malloc(100);
    memcpy(p, key, 32);
    OPENSSL_clear_free(p, 100);
    is_int(found, 0, "but not if it was wiped");
}


static void
test_key(const char *name, const char *pem, const char *private)
{
    size_t        len, enc_len, ct_len;
    uint8_t      *raw, enc[MK_HPKE_ENC_MAX], ct[32 + MK_HPKE_TAG], data[32];
    mk_key_t     *key;
    const char   *why;
    mk_status_t   status;
    mk_secret_t  *opened;

    begin();
    raw = tap_unhex(private, &len);
    look_for(raw);
    free(raw);

    memset(data, 0xc3, sizeof(data));
    look_for(data);
    look_for_text(pem);

    key = mk_key_from_pem(pem, strlen(pem), &why);
    ok(key != NULL, "%s: the key is read", name);
    is_int(found, 0, "%s: reading it leaves no copy", name);
    is_int(search_all(), 0, "%s: ordinary memory has none", name);

    status = mk_hpke_seal(key, bytes_of("info", 4), bytes_of("aad", 3),
                          bytes_of(data, sizeof(data)), enc, &enc_len, ct,
                          &ct_len);
    is_status(status, MK_OK, "%s: a data key is wrapped", name);

    status = mk_hpke_open(key, bytes_of(enc, enc_len), bytes_of("info", 4),
                          bytes_of("aad", 3), bytes_of(ct, ct_len), &opened);
    is_status(status, MK_OK, "%s: and unwrapped", name);
    ok(CRYPTO_secure_allocated(mk_secret_bytes(opened)),
       "%s: into the secure heap", name);
    is_int(found, 0, "%s: which leaves no copy of either key", name);
    is_int(search_all(), 0, "%s: ordinary memory has none", name);

    mk_secret_free(opened);
    mk_key_free(key);
    is_int(found, 0, "%s: nor is one left behind", name);
    ok(searched > 0, "%s: %zu blocks were searched", name, searched);
}


/* docs/FORMAT.md: the keys of a FLOE message */
static void
look_for_floe_keys(const uint8_t *key, const uint8_t header[MK_FLOE_HEADER])
{
    uint8_t  message[MK_HKDF_SHA384_LEN], segment[MK_FLOE_KEY];
    uint8_t  info[42 + 12] = { 0 };

    memcpy(info, header, 42);
    memcpy(info + 42, "MESSAGE_KEY:", 12);
    mk_hkdf_expand(MK_HKDF_SHA384, bytes_of(key, MK_FLOE_KEY),
                   bytes_of(info, sizeof(info)), message, sizeof(message));

    memset(info + 42, 0, 12);
    memcpy(info + 42, "DEK:", 4);
    mk_hkdf_expand(MK_HKDF_SHA384, bytes_of(message, sizeof(message)),
                   bytes_of(info, sizeof(info)), segment, sizeof(segment));

    look_for(key);
    look_for(message);
    look_for(message + 16);
    look_for(segment);
}


static void
test_floe(void)
{
    uint8_t       key[MK_FLOE_KEY], header[MK_FLOE_HEADER];
    uint8_t       plain[SEGMENT - MK_FLOE_OVERHEAD], sealed[2][SEGMENT];
    mk_floe_t    *floe;
    mk_secret_t  *data_key;

    begin();
    memset(key, 0x3c, sizeof(key));
    memset(plain, 0x77, sizeof(plain));
    data_key = mk_secret_copy(key, sizeof(key));

    floe = mk_floe_seal_create(data_key, bytes_of(NULL, 0), SEGMENT, header);
    ok(floe != NULL, "a message is begun");
    look_for_floe_keys(key, header);
    look_for(plain);
    found = 0;

    is_status(mk_floe_seal_segment(floe, 0, 0, bytes_of(plain, sizeof(plain)),
                                   sealed[0]), MK_OK, "sealed");
    is_status(mk_floe_seal_segment(floe, 1, 1, bytes_of(plain, sizeof(plain)),
                                   sealed[1]), MK_OK, "to its end");
    is_int(search_all(), 0, "a sealer holds no key in ordinary memory");
    mk_floe_free(floe);
    is_int(found, 0, "and leaves none behind");

    is_status(mk_floe_open_create(data_key, bytes_of(NULL, 0), header, &floe),
              MK_OK, "and opened");
    mk_secret_free(data_key);

    is_status(mk_floe_open_segment(floe, 0, 0, bytes_of(sealed[0], SEGMENT),
                                   plain), MK_OK, "a segment");
    is_int(search_all(), 0, "between segments there is no key, nor the last "
           "segment, in ordinary memory");
    sealed[1][SEGMENT - 1] ^= 1;
    is_status(mk_floe_open_segment(floe, 1, 1, bytes_of(sealed[1], SEGMENT),
                                   plain), MK_INVALID_ENVELOPE, "a forgery");
    is_int(search_all(), 0, "nor behind a refusal");
    mk_floe_free(floe);
    is_int(found, 0, "an opener leaves nothing behind");
}


int
main(void)
{
    blocks.is.next = &blocks;
    blocks.is.prev = &blocks;

    if (CRYPTO_set_mem_functions(watched_malloc, watched_realloc,
                                 watched_free)
        == 0)
    {
        tap_skip_all("the allocator of OpenSSL cannot be replaced");
    }

    if (CRYPTO_secure_malloc_init(HEAP, 16) == 0) {
        tap_skip_all("no secure heap can be had here");
    }

    test_search();
    test_key("P-256", P256_PEM, P256_PRIVATE);
    test_key("P-256 without a public part", P256_BARE_PEM, P256_PRIVATE);
    test_key("X25519", X25519_PEM, X25519_PRIVATE);
    test_floe();

    return tap_done();
}
