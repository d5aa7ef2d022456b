/*
 * fixtures: what the steps of bench/costs.c are given.
 */

#ifndef FIXTURES_H
#define FIXTURES_H

#include "mk_capsule.h"
#include "mk_jwks.h"
#include "mk_keyring.h"

#include <openssl/evp.h>


#define COSTS_NOW      1700000000
#define COSTS_SEGMENT  MK_PROFILE_SEGMENT_LARGE


/* What the steps are given.  Made once, and left to the end of the process. */
typedef struct {
    EVP_PKEY_CTX   *bare_p256;
    EVP_PKEY_CTX   *bare_x25519;
    mk_keyring_t   *ring;           /* MK_KEYRING_MAX keys of "edge" */
    mk_key_t       *p256;
    mk_key_t       *x25519;
    mk_capsule_t   *to_p256;
    mk_capsule_t   *to_x25519;
    mk_capsule_t   *to_all;
    mk_bytes_t      small_record;
    mk_bytes_t      large_record;
    mk_bytes_t      brackets;       /* the slowest text of MK_JSON_MAX */
    mk_jwks_t      *es256;
    mk_jwks_t      *ed25519;
    mk_jwks_t      *crowd_es256;    /* the most keys with one kid */
    mk_jwks_t      *crowd_ed25519;
    mk_bytes_t      set;            /* the text of MK_JWKS_MAX keys */
    mk_jws_t        by_es256;
    mk_jws_t        by_ed25519;
    mk_jwks_t      *issuers;
    mk_bytes_t      token;          /* of MK_JWS_COMPACT_MAX bytes */
    mk_secret_t    *data_key;
    mk_floe_t      *floe;
    uint8_t         header[MK_FLOE_HEADER];
    mk_bytes_t      segment;
    uint8_t        *plain;
    mk_bytes_t      block;          /* MK_BLOCK_MAX bytes */
    mk_bytes_t      node;           /* with MK_DAGPB_LINKS_MAX links */
} costs_t;


extern costs_t  costs;


/* ends the process if something could not be made */
void costs_need(int made, const char *what);

mk_bytes_t costs_bytes(const void *data, size_t len);
mk_bytes_t costs_text(const char *text);

/* fills "costs" */
void costs_make(void);


#endif /* FIXTURES_H */
