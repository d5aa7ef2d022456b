/*
 * What a stranger can make a worker compute costs no more than docs/DESIGN.md
 * says ("What a request costs").  As ratios of processor time, each the least
 * of many that are taken in turns, so that a busy machine changes nothing.
 */

#define _POSIX_C_SOURCE  200809L

#include "mk_hpke.h"
#include "tap.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <string.h>
#include <time.h>


#define HEAP    (1024 * 1024)
#define ROUNDS  60
#define TIMES   8

/* an unwrap, as multiples of the bare Diffie-Hellman of its curve */
#define UNWRAP_P256    3.0
#define UNWRAP_X25519  2.5


typedef struct {
    EVP_PKEY_CTX  *ctx;
    mk_key_t      *key;
    mk_bytes_t     enc;
    mk_bytes_t     ct;
    uint8_t        enc_bytes[MK_HPKE_ENC_MAX];
    uint8_t        ct_bytes[32 + MK_HPKE_TAG];
} unwrap_t;


static mk_bytes_t
bytes_of(const void *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


static int
bare(void *data)
{
    size_t     len;
    uint8_t    out[32];
    unwrap_t  *u = data;

    len = sizeof(out);

    return EVP_PKEY_derive(u->ctx, out, &len) == 1;
}


static int
unwrap(void *data)
{
    unwrap_t     *u = data;
    mk_status_t   status;
    mk_secret_t  *opened;

    status = mk_hpke_open(u->key, u->enc, bytes_of("info", 4),
                          bytes_of("aad", 3), u->ct, &opened);
    mk_secret_free(opened);

    return status == MK_OK;
}


/* processor time of so many calls, in seconds; 0 if one of them failed */
static double
time_of(int (*call)(void *), void *data)
{
    int              i;
    struct timespec  from, to;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);

    for (i = 0; i < TIMES; i++) {
        if (!call(data)) {
            return 0;
        }
    }

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);

    return (double) (to.tv_sec - from.tv_sec)
           + (double) (to.tv_nsec - from.tv_nsec) / 1e9;
}


/* how many times "base" a call of "call" takes; 1000 if one of them failed */
static double
ratio_of(int (*call)(void *), int (*base)(void *), void *data)
{
    int     i;
    double  time, least, least_base;

    least = 0;
    least_base = 0;

    for (i = 0; i < ROUNDS; i++) {
        time = time_of(base, data);

        if (time <= 0) {
            return 1000;
        }

        least_base = i == 0 || time < least_base ? time : least_base;
        time = time_of(call, data);

        if (time <= 0) {
            return 1000;
        }

        least = i == 0 || time < least ? time : least;
    }

    return least / least_base;
}


static void
test_unwrap(mk_key_type_t type, const char *name, double bound)
{
    double     ratio;
    uint8_t    data[32];
    mk_key_t  *peer;
    unwrap_t   u;

    memset(data, 0xc3, sizeof(data));
    memset(&u, 0, sizeof(u));

    u.key = mk_key_generate(type);
    peer = mk_key_generate(type);
    u.enc.data = u.enc_bytes;
    u.ct.data = u.ct_bytes;
    u.ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mk_key_pkey(u.key), NULL);

    ok(mk_hpke_seal(u.key, bytes_of("info", 4), bytes_of("aad", 3),
                    bytes_of(data, sizeof(data)), u.enc_bytes, &u.enc.len,
                    u.ct_bytes, &u.ct.len)
       == MK_OK
       && EVP_PKEY_derive_init(u.ctx) == 1
       && EVP_PKEY_derive_set_peer(u.ctx, mk_key_pkey(peer)) == 1,
       "%s: a wrap, and two keys for a bare exchange", name);

    ratio = ratio_of(unwrap, bare, &u);
    ok(ratio < bound, "%s: an unwrap takes %.2f times the bare exchange, "
       "of at most %.1f", name, ratio, bound);

    EVP_PKEY_CTX_free(u.ctx);
    mk_key_free(peer);
    mk_key_free(u.key);
}


int
main(void)
{
    /* as in nginx; without it, secrets are in ordinary memory */
    CRYPTO_secure_malloc_init(HEAP, 16);

    test_unwrap(MK_KEY_P256, "P-256", UNWRAP_P256);
    test_unwrap(MK_KEY_X25519, "X25519", UNWRAP_X25519);

    return tap_done();
}
