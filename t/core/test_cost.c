/*
 * What a stranger can make a worker compute costs no more than docs/DESIGN.md
 * says ("What a request costs").  As ratios of processor time, each the least
 * of many that are taken in turns, so that a busy machine changes nothing.
 */

#define _POSIX_C_SOURCE  200809L

#include "mk_blake2b.h"
#include "mk_checks.h"
#include "mk_jws.h"
#include "tap.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define HEAP      (1024 * 1024)
#define ROUNDS    40
#define PATIENCE  10
#define TIMES     8

/* an unwrap, as multiples of the bare Diffie-Hellman of its curve */
#define UNWRAP_P256    3.4
#define UNWRAP_X25519  3.0

/* a signature by no key of a set, as multiples of one that is verified */
#define FORGED         (MK_JWKS_KID_MAX + 1.0)

/* the wrap in the largest record, as multiples of an exchange with P-256 */
#define WRAP_FOUND     3.0

/* BLAKE2b-256, as multiples of OpenSSL's BLAKE2b-512 */
#define BLAKE2B        1.6
#define BLAKE2B_LEN    (64 * 1024)

/* what is instrumented, and each allocation, is slower than OpenSSL's code */
#if (defined __SANITIZE_ADDRESS__)
#define SANITIZED      1
#else
#define SANITIZED      0
#endif

#define SLOWER         (SANITIZED ? 2 : 1)


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
derive(EVP_PKEY_CTX *ctx)
{
    size_t   len;
    uint8_t  out[32];

    len = sizeof(out);

    return EVP_PKEY_derive(ctx, out, &len) == 1;
}


static int
bare(void *data)
{
    unwrap_t  *u = data;

    return derive(u->ctx);
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


/*
 * How many times "base" a call of "call" takes; 1000 if one of them failed.
 * Beside others that use the caches, the least of a few is no measure yet: as
 * long as it is not below the bound, more are taken.
 */
static double
ratio_of(int (*call)(void *), int (*base)(void *), void *data, double bound)
{
    int     i;
    double  time, least, least_base;

    least = 0;
    least_base = 0;

    for (i = 0; i < ROUNDS * PATIENCE; i++) {

        if (i >= ROUNDS && least < bound * least_base) {
            break;
        }

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
    EVP_PKEY  *pair;
    mk_key_t  *peer;
    unwrap_t   u;

    memset(data, 0xc3, sizeof(data));
    memset(&u, 0, sizeof(u));

    u.key = mk_key_generate(type);
    peer = mk_key_generate(type);
    u.enc.data = u.enc_bytes;
    u.ct.data = u.ct_bytes;
    pair = mk_key_pair(u.key);
    u.ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);

    ok(mk_hpke_seal(u.key, bytes_of("info", 4), bytes_of("aad", 3),
                    bytes_of(data, sizeof(data)), u.enc_bytes, &u.enc.len,
                    u.ct_bytes, &u.ct.len)
       == MK_OK
       && EVP_PKEY_derive_init(u.ctx) == 1
       && EVP_PKEY_derive_set_peer(u.ctx, mk_key_pkey(peer)) == 1,
       "%s: a wrap, and two keys for a bare exchange", name);

    ratio = ratio_of(unwrap, bare, &u, bound);
    ok(ratio < bound, "%s: an unwrap takes %.2f times the bare exchange, "
       "of at most %.1f", name, ratio, bound);

    EVP_PKEY_CTX_free(u.ctx);
    EVP_PKEY_free(pair);
    mk_key_free(peer);
    mk_key_free(u.key);
}


/* the largest set that is taken, of new keys with that kid */
static mk_jwks_t *
make_crowd(mk_key_type_t type, const char *kid)
{
    char        *jwk, *text;
    size_t       i, n, len, left_out;
    json_t      *keys, *set;
    mk_key_t    *key;
    mk_jwks_t   *jwks;
    const char  *why;

    jwks = NULL;

    for (n = MK_JWKS_MAX; n > 0 && jwks == NULL; n /= 2) {
        keys = json_array();

        for (i = 0; i < n; i++) {
            key = mk_key_generate(type);
            mk_key_to_jwk(key, "o", &jwk, &len);
            json_array_append_new(keys, json_loads(jwk, 0, NULL));
            json_object_set_new(json_array_get(keys, i), "kid",
                                json_string(kid));
            mk_key_free(key);
            free(jwk);
        }

        set = json_pack("{s:o}", "keys", keys);
        text = mk_json_print(set, &len);
        jwks = mk_jwks_parse(text, len, &left_out, &why);
        free(text);
        json_decref(set);
    }

    return jwks;
}


typedef struct {
    mk_jws_t    jws;
    mk_key_t   *key;
    mk_jwks_t  *crowd;
} signature_t;


static int
verify(void *data)
{
    signature_t  *s = data;

    return mk_jws_verify(&s->jws, s->key, MK_INVALID_CAPSULE) == MK_OK;
}


static int
refuse(void *data)
{
    signature_t  *s = data;

    return mk_jws_verify_by(&s->jws, s->crowd, bytes_of("o", 1),
                            MK_INVALID_CAPSULE)
           == MK_INVALID_CAPSULE;
}


static void
test_signature(mk_key_type_t type, const char *name)
{
    char         *texts[3];
    double        ratio;
    const char   *why;
    signature_t   s;

    s.key = mk_key_generate(type);
    s.crowd = make_crowd(type, mk_key_kid(s.key));

    ok(s.crowd != NULL
       && mk_jws_sign(s.key, "t", bytes_of("{}", 2), &texts[0], &texts[1],
                      &texts[2]) == MK_OK
       && mk_jws_read(bytes_of(texts[0], strlen(texts[0])),
                      bytes_of(texts[1], strlen(texts[1])),
                      bytes_of(texts[2], strlen(texts[2])),
                      MK_INVALID_CAPSULE, &s.jws, &why) == MK_OK,
       "%s: a signature, and a set of keys with its kid", name);

    ratio = ratio_of(refuse, verify, &s, FORGED);
    ok(ratio < FORGED, "%s: to refuse it takes %.2f times as long as to "
       "verify it, of at most %.1f", name, ratio, FORGED);

    mk_jws_clear(&s.jws);
    free(texts[0]);
    free(texts[1]);
    free(texts[2]);
    mk_jwks_free(s.crowd);
    mk_key_free(s.key);
}


typedef struct {
    EVP_PKEY_CTX       *ctx;        /* as in unwrap_t */
    mk_checks_facts_t   facts;
} record_t;


static int
bare_of_record(void *data)
{
    record_t  *r = data;

    return derive(r->ctx);
}


static int
find(void *data)
{
    record_t           *r = data;
    const char         *why;
    mk_checks_found_t   found;

    return mk_checks_local(&r->facts, &found, &why) == MK_OK;
}


/* every wrap is for another key of the one identity */
static void
test_wraps(void)
{
    size_t         i;
    double         ratio;
    record_t       r;
    EVP_PKEY      *pair;
    mk_key_t      *key, *peer;
    mk_wrap_t      wraps[MK_CAPSULE_WRAPS_MAX];
    mk_capsule_t   capsule;
    mk_keyring_t  *ring;

    memset(&r, 0, sizeof(r));
    memset(wraps, 0, sizeof(wraps));
    memset(&capsule, 0, sizeof(capsule));
    ring = mk_keyring_create();

    for (i = 0; i < MK_CAPSULE_WRAPS_MAX; i++) {
        key = mk_key_generate(MK_KEY_X25519);
        wraps[i].recipient = bytes_of("e", 1);
        wraps[i].kid = bytes_of(mk_key_thumbprint(key), MK_KEY_THUMBPRINT);
        mk_keyring_add(ring, "e", key);
    }

    capsule.id = bytes_of("c", 1);
    capsule.jws.kid = bytes_of("k", 1);
    capsule.jws.header = json_pack("{s:s}", "typ", MK_PROFILE_TYP);
    capsule.nwraps = MK_CAPSULE_WRAPS_MAX;
    capsule.wraps = wraps;

    r.facts.capsule = &capsule;
    r.facts.id = capsule.id;
    r.facts.identity = bytes_of("e", 1);
    r.facts.insecure_any_owner = 1;
    r.facts.keyring = ring;

    key = mk_key_generate(MK_KEY_P256);
    peer = mk_key_generate(MK_KEY_P256);
    pair = mk_key_pair(key);
    r.ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    EVP_PKEY_derive_init(r.ctx);
    EVP_PKEY_derive_set_peer(r.ctx, mk_key_pkey(peer));

    ratio = ratio_of(find, bare_of_record, &r, WRAP_FOUND);
    ok(ratio < WRAP_FOUND, "a wrap among %d, with as many keys, takes %.2f "
       "times an exchange, of at most %.1f", MK_CAPSULE_WRAPS_MAX, ratio,
       WRAP_FOUND);

    EVP_PKEY_CTX_free(r.ctx);
    EVP_PKEY_free(pair);
    mk_key_free(peer);
    mk_key_free(key);
    json_decref(capsule.jws.header);
    mk_keyring_free(ring);
}


static int
hash(void *data)
{
    uint8_t  digest[32];

    mk_blake2b_digest(digest, sizeof(digest), data, BLAKE2B_LEN);

    return 1;
}


static int
hash_by_openssl(void *data)
{
    uint8_t  digest[EVP_MAX_MD_SIZE];

    return EVP_Digest(data, BLAKE2B_LEN, digest, NULL, EVP_blake2b512(), NULL)
           == 1;
}


static void
test_hash(void)
{
    double    ratio;
    uint8_t  *data;

    if (SANITIZED) {
        return;
    }

    data = calloc(1, BLAKE2B_LEN);
    ratio = ratio_of(hash, hash_by_openssl, data, BLAKE2B);
    ok(ratio < BLAKE2B, "BLAKE2b-256 takes %.2f times OpenSSL's BLAKE2b-512, "
       "of at most %.1f", ratio, BLAKE2B);
    free(data);
}


int
main(void)
{
    /* as in nginx; without it, secrets are in ordinary memory */
    CRYPTO_secure_malloc_init(HEAP, 16);

    test_unwrap(MK_KEY_P256, "P-256", UNWRAP_P256 * SLOWER);
    test_unwrap(MK_KEY_X25519, "X25519", UNWRAP_X25519 * SLOWER);
    test_signature(MK_KEY_P256, "ES256");
    test_signature(MK_KEY_ED25519, "Ed25519");
    test_wraps();
    test_hash();

    return tap_done();
}
