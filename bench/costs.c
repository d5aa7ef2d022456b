/*
 * What each cryptographic step costs that a stranger can cause by a request:
 * processor time, the median of runs that take turns, and the same as a
 * multiple of one bare exchange with P-256.  The table "What a request costs"
 * in docs/DESIGN.md is of these rows.  Ends by itself within seconds.
 */

#define _POSIX_C_SOURCE  200809L

#include "fixtures.h"

#include "mk_checks.h"
#include "mk_dagpb.h"
#include "mk_token.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define COSTS_HEAP    (4 * 1024 * 1024)
#define COSTS_ROUNDS  15
#define COSTS_MICROS  1000          /* a run lasts about as long */


typedef struct {
    const char  *name;
    int        (*call)(void);       /* 1, or 0 if it failed */
    unsigned     times;             /* calls in a run */
    double       micros[COSTS_ROUNDS];
} costs_step_t;


static int
costs_derive(EVP_PKEY_CTX *ctx)
{
    size_t   len;
    uint8_t  out[32];

    len = sizeof(out);

    return EVP_PKEY_derive(ctx, out, &len) == 1;
}


static int
costs_bare_p256(void)
{
    return costs_derive(costs.bare_p256);
}


static int
costs_bare_x25519(void)
{
    return costs_derive(costs.bare_x25519);
}


static int
costs_unwrap(const mk_capsule_t *capsule, const mk_key_t *key)
{
    mk_status_t   status;
    mk_secret_t  *opened;

    status = mk_capsule_unwrap(capsule, &capsule->wraps[0], key, &opened);
    mk_secret_free(opened);

    return status == MK_OK;
}


static int
costs_unwrap_p256(void)
{
    return costs_unwrap(costs.to_p256, costs.p256);
}


static int
costs_unwrap_x25519(void)
{
    return costs_unwrap(costs.to_x25519, costs.x25519);
}


static int
costs_es256(void)
{
    return mk_jws_verify_by(&costs.by_es256, costs.es256, costs_text("o"),
                            MK_INVALID_CAPSULE)
           == MK_OK;
}


static int
costs_ed25519(void)
{
    return mk_jws_verify_by(&costs.by_ed25519, costs.ed25519,
                            costs_text("o"), MK_INVALID_CAPSULE)
           == MK_OK;
}


static int
costs_crowd_es256(void)
{
    return mk_jws_verify_by(&costs.by_es256, costs.crowd_es256,
                            costs_text("o"), MK_INVALID_CAPSULE)
           == MK_INVALID_CAPSULE;
}


static int
costs_crowd_ed25519(void)
{
    return mk_jws_verify_by(&costs.by_ed25519, costs.crowd_ed25519,
                            costs_text("o"), MK_INVALID_CAPSULE)
           == MK_INVALID_CAPSULE;
}


static int
costs_token(void)
{
    const char        *why;
    mk_capability_t    capability;
    mk_token_facts_t   facts;

    memset(&facts, 0, sizeof(facts));
    facts.capsule = costs.to_p256;
    facts.issuers = costs.issuers;
    facts.identity = costs_text("e");
    facts.now = COSTS_NOW;

    return mk_token_capability(costs.token, &facts, &capability, &why)
           == MK_OK;
}


static int
costs_read(mk_bytes_t text)
{
    mk_status_t    status;
    mk_capsule_t  *capsule;

    status = mk_capsule_read_record(text, &capsule);
    mk_capsule_free(capsule);

    return status == MK_OK;
}


static int
costs_small_record(void)
{
    return costs_read(costs.small_record);
}


static int
costs_large_record(void)
{
    return costs_read(costs.large_record);
}


static int
costs_brackets(void)
{
    json_t       *json;
    mk_status_t   status;

    status = mk_json_parse(costs.brackets, MK_INVALID_REQUEST, &json);
    json_decref(json);

    return status == MK_OK;
}


/* all but the signature */
static int
costs_checks(void)
{
    const char         *why;
    mk_checks_facts_t   facts;
    mk_checks_found_t   found;

    memset(&facts, 0, sizeof(facts));
    facts.capsule = costs.to_all;
    facts.id = costs_text("c");
    facts.identity = costs_text("e");
    facts.insecure_any_owner = 1;
    facts.keyring = costs.ring;
    facts.now = COSTS_NOW;

    return mk_checks_local(&facts, &found, &why) == MK_OK;
}


static int
costs_header(void)
{
    mk_floe_t    *floe;
    mk_status_t   status;

    status = mk_floe_open_create(costs.data_key, costs_bytes(NULL, 0),
                                 costs.header, &floe);
    mk_floe_free(floe);

    return status == MK_OK;
}


static int
costs_segment(void)
{
    return mk_floe_open_segment(costs.floe, 0, 0, costs.segment, costs.plain)
           == MK_OK;
}


static int
costs_hash(uint32_t code)
{
    mk_multihash_t  hash;

    return mk_multihash_of(code, costs.block.data, costs.block.len, &hash)
           == MK_OK;
}


static int
costs_sha2_256(void)
{
    return costs_hash(MK_MULTIHASH_SHA2_256);
}


static int
costs_sha2_512(void)
{
    return costs_hash(MK_MULTIHASH_SHA2_512);
}


static int
costs_blake2b(void)
{
    return costs_hash(MK_MULTIHASH_BLAKE2B_256);
}


static int
costs_node(void)
{
    mk_status_t      status;
    mk_dagpb_node_t  node;

    status = mk_dagpb_decode(costs.node, &node);
    mk_dagpb_clear(&node);

    return status == MK_OK;
}


static int
costs_set(void)
{
    size_t       left_out;
    mk_jwks_t   *jwks;
    const char  *why;

    jwks = mk_jwks_parse((const char *) costs.set.data, costs.set.len,
                         &left_out, &why);
    mk_jwks_free(jwks);

    return jwks != NULL;
}


static costs_step_t  costs_steps[] = {
    { .name = "exchange with P-256, bare", .call = costs_bare_p256 },
    { .name = "exchange with X25519, bare", .call = costs_bare_x25519 },
    { .name = "record with one wrap, read", .call = costs_small_record },
    { .name = "record with 256 wraps, read", .call = costs_large_record },
    { .name = "JSON of 64 KiB, the slowest", .call = costs_brackets },
    { .name = "signature, ES256", .call = costs_es256 },
    { .name = "signature, Ed25519", .call = costs_ed25519 },
    { .name = "signature by none of 4, ES256", .call = costs_crowd_es256 },
    { .name = "signature by none of 4, Ed25519",
      .call = costs_crowd_ed25519 },
    { .name = "wrap found, 256 wraps, 256 keys", .call = costs_checks },
    { .name = "capability token of 8 KiB, ES256", .call = costs_token },
    { .name = "unwrap, P-256", .call = costs_unwrap_p256 },
    { .name = "unwrap, X25519", .call = costs_unwrap_x25519 },
    { .name = "FLOE header", .call = costs_header },
    { .name = "FLOE segment of 1 MiB", .call = costs_segment },
    { .name = "block of 2 MiB, sha2-256", .call = costs_sha2_256 },
    { .name = "block of 2 MiB, sha2-512", .call = costs_sha2_512 },
    { .name = "block of 2 MiB, blake2b-256", .call = costs_blake2b },
    { .name = "node of 8192 links, read", .call = costs_node },
    { .name = "JWK Set of 256 keys (nginx -t)", .call = costs_set },
};

#define COSTS_STEPS  (sizeof(costs_steps) / sizeof(costs_steps[0]))


/* processor time of so many calls, in microseconds */
static double
costs_time(const costs_step_t *step, unsigned times)
{
    unsigned         i;
    struct timespec  from, to;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);

    for (i = 0; i < times; i++) {
        costs_need(step->call(), step->name);
    }

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);

    return (double) (to.tv_sec - from.tv_sec) * 1e6
           + (double) (to.tv_nsec - from.tv_nsec) / 1e3;
}


static int
costs_compare(const void *one, const void *two)
{
    double  a, b;

    memcpy(&a, one, sizeof(a));
    memcpy(&b, two, sizeof(b));

    return (a > b) - (a < b);
}


static double
costs_median(costs_step_t *step)
{
    qsort(step->micros, COSTS_ROUNDS, sizeof(step->micros[0]), costs_compare);

    return step->micros[COSTS_ROUNDS / 2];
}


int
main(void)
{
    double         base, micros;
    size_t         i, round;
    costs_step_t  *step;

    CRYPTO_secure_malloc_init(COSTS_HEAP, 16);
    costs_make();

    for (i = 0; i < COSTS_STEPS; i++) {
        step = &costs_steps[i];
        micros = costs_time(step, 1);
        micros = costs_time(step, 1);
        step->times = 1 + (unsigned) (COSTS_MICROS / micros);
    }

    for (round = 0; round < COSTS_ROUNDS; round++) {
        for (i = 0; i < COSTS_STEPS; i++) {
            step = &costs_steps[i];
            step->micros[round] = costs_time(step, step->times)
                                  / step->times;
        }
    }

    base = costs_median(&costs_steps[0]);
    printf("%-34s %10s %10s\n", "step", "us", "exchanges");

    for (i = 0; i < COSTS_STEPS; i++) {
        micros = costs_median(&costs_steps[i]);
        printf("%-34s %10.1f %10.2f\n", costs_steps[i].name, micros,
               micros / base);
    }

    return 0;
}
