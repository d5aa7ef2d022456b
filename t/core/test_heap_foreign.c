/*
 * OpenSSL's secure heap belongs to somebody else, and is full: keys in
 * mk_heap open all the same, and take nothing of it.
 */

#define _DEFAULT_SOURCE

#include "mk_heap.h"
#include "mk_hpke.h"
#include "tap.h"

#include <openssl/crypto.h>

#include <sys/mman.h>

#include <string.h>


#define FOREIGN  (16 * 1024)
#define LEAST    16


static void *
map(void)
{
    void  *p;

    p = mmap(NULL, MK_HEAP_REGION, PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}


static mk_bytes_t
bytes_of(const void *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


static mk_status_t
open_wrap(const mk_key_t *key, mk_bytes_t enc, mk_bytes_t ct)
{
    mk_status_t   status;
    mk_secret_t  *data_key;

    status = mk_hpke_open(key, enc, bytes_of("info", 4), bytes_of("aad", 3),
                          ct, &data_key);
    mk_secret_free(data_key);

    return status;
}


static void
fill(void)
{
    size_t  size;

    for (size = FOREIGN / 2; size >= LEAST; size /= 2) {
        while (OPENSSL_secure_malloc(size) != NULL) {
            /* void */
        }
    }
}


int
main(void)
{
    size_t     i, used;
    uint8_t    data[32], enc[2][MK_HPKE_ENC_MAX], ct[2][32 + MK_HPKE_TAG];
    mk_key_t  *key[2];
    size_t     enc_len[2], ct_len[2];

    static const mk_key_type_t  types[] = { MK_KEY_P256, MK_KEY_X25519 };
    static const char          *names[] = { "P-256", "X25519" };

    if (CRYPTO_secure_malloc_init(FOREIGN, LEAST) == 0) {
        tap_skip_all("no secure heap can be had here");
    }

    ok(mk_heap_init(map), "a heap of our own");
    memset(data, 0xc3, sizeof(data));

    for (i = 0; i < 2; i++) {
        key[i] = mk_key_generate(types[i]);
        is_status(mk_hpke_seal(key[i], bytes_of("info", 4),
                               bytes_of("aad", 3), bytes_of(data, 32), enc[i],
                               &enc_len[i], ct[i], &ct_len[i]),
                  MK_OK, "%s: a wrap", names[i]);
        is_status(open_wrap(key[i], bytes_of(enc[i], enc_len[i]),
                            bytes_of(ct[i], ct_len[i])),
                  MK_OK, "%s: opens", names[i]);
    }

    fill();
    used = CRYPTO_secure_used();

    for (i = 0; i < 2; i++) {
        is_status(open_wrap(key[i], bytes_of(enc[i], enc_len[i]),
                            bytes_of(ct[i], ct_len[i])),
                  MK_OK, "%s: opens where OpenSSL's is full", names[i]);
        mk_key_free(key[i]);
    }

    is_int(CRYPTO_secure_used(), used, "nothing of it is taken, or given");

    return tap_done();
}
