/*
 * fixtures: keys, records, signatures and content, as large as they may be.
 */

#include "fixtures.h"

#include "mk_author.h"
#include "mk_dagpb.h"
#include "mk_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define COSTS_CID  \
    "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"


costs_t  costs;


void
costs_need(int made, const char *what)
{
    if (!made) {
        fprintf(stderr, "costs: no %s\n", what);
        exit(1);
    }
}


mk_bytes_t
costs_bytes(const void *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


mk_bytes_t
costs_text(const char *text)
{
    return costs_bytes(text, strlen(text));
}


static EVP_PKEY_CTX *
costs_make_bare(mk_key_type_t type)
{
    EVP_PKEY      *pair;
    mk_key_t      *own, *peer;
    EVP_PKEY_CTX  *ctx;

    own = mk_key_generate(type);
    peer = mk_key_generate(type);
    costs_need(own != NULL && peer != NULL, "keys");

    pair = mk_key_pair(own);
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    costs_need(ctx != NULL && EVP_PKEY_derive_init(ctx) == 1
               && EVP_PKEY_derive_set_peer(ctx, mk_key_pkey(peer)) == 1,
               "exchange");
    EVP_PKEY_free(pair);

    return ctx;
}


/* an entry of a set */
static json_t *
costs_make_jwk(const mk_key_t *key, const char *kid)
{
    char    *text;
    size_t   len;
    json_t  *jwk;

    costs_need(mk_key_to_jwk(key, "o", &text, &len), "JWK");
    jwk = json_loads(text, 0, NULL);
    free(text);

    if (kid != NULL) {
        json_object_set_new(jwk, "kid", json_string(kid));
    }

    return jwk;
}


/* n new keys, or "key" alone */
static mk_bytes_t
costs_make_set(mk_key_type_t type, size_t n, const mk_key_t *key,
    const char *kid)
{
    char      *text;
    size_t     i;
    json_t    *keys, *set;
    mk_key_t  *fresh;

    keys = json_array();

    for (i = 0; i < n; i++) {
        fresh = key == NULL ? mk_key_generate(type) : NULL;
        json_array_append_new(keys, costs_make_jwk(key == NULL ? fresh : key,
                                                   kid));
        mk_key_free(fresh);
    }

    set = json_pack("{s:o}", "keys", keys);
    text = json_dumps(set, JSON_COMPACT);
    json_decref(set);
    costs_need(text != NULL, "set");

    return costs_text(text);
}


static mk_jwks_t *
costs_make_jwks(mk_bytes_t text)
{
    size_t       left_out;
    mk_jwks_t   *jwks;
    const char  *why;

    jwks = mk_jwks_parse((const char *) text.data, text.len, &left_out, &why);
    costs_need(jwks != NULL && left_out == 0, "JWKS");

    return jwks;
}


static mk_bytes_t
costs_make_record(const mk_author_recipient_t *recipients, size_t n)
{
    char               *text;
    size_t              len;
    json_t             *capsule, *record;
    mk_cid_t            cid;
    mk_key_t           *owner;
    const char         *why;
    mk_author_facts_t   facts;

    memset(&facts, 0, sizeof(facts));
    owner = mk_key_generate(MK_KEY_ED25519);
    costs_need(owner != NULL
               && mk_cid_parse(COSTS_CID, strlen(COSTS_CID), &cid),
               "CID");

    facts.id = "c";
    facts.cid = &cid;
    facts.owner = "o";
    facts.iat = COSTS_NOW;
    facts.payload_id = "p";
    facts.header = costs.header;
    facts.size = 1;
    facts.capability_issuer = "o";
    facts.capability_open = 1;
    facts.capability_download = 1;

    costs_need(mk_author_capsule(&facts, owner, costs.data_key, recipients, n,
                                 &capsule, &why)
               == MK_OK,
               "capsule");

    record = mk_author_record(capsule, 0);
    text = mk_json_print(record, &len);
    json_decref(record);
    json_decref(capsule);
    mk_key_free(owner);
    costs_need(text != NULL, "record");

    return costs_bytes(text, len);
}


static mk_capsule_t *
costs_make_capsule(mk_bytes_t record)
{
    mk_capsule_t  *capsule;

    costs_need(mk_capsule_read_record(record, &capsule) == MK_OK, "capsule");

    return capsule;
}


/* as many wraps as a record takes, each for another key of the ring */
static void
costs_make_recipients(void)
{
    size_t                 i;
    mk_key_t              *key;
    mk_author_recipient_t  recipients[MK_CAPSULE_WRAPS_MAX];

    costs.p256 = mk_key_generate(MK_KEY_P256);
    costs.x25519 = mk_key_generate(MK_KEY_X25519);
    costs.ring = mk_keyring_create();

    recipients[0].identity = "e";
    recipients[0].key = costs.p256;
    costs.small_record = costs_make_record(recipients, 1);
    costs.to_p256 = costs_make_capsule(costs.small_record);

    recipients[0].key = costs.x25519;
    costs.to_x25519 = costs_make_capsule(costs_make_record(recipients, 1));

    for (i = 0; i < MK_CAPSULE_WRAPS_MAX; i++) {
        key = mk_key_generate(MK_KEY_X25519);
        costs_need(key != NULL && mk_keyring_add(costs.ring, "e", key)
                                  == MK_OK, "ring");
        recipients[i].identity = "e";
        recipients[i].key = key;
    }

    costs.large_record = costs_make_record(recipients, MK_CAPSULE_WRAPS_MAX);
    costs.to_all = costs_make_capsule(costs.large_record);
}


/*
 * Writes "begin", and a list of small numbers that fills the text up to its
 * end; returns the text's length.
 */
static size_t
costs_pad(char *text, size_t len, size_t size, const char *begin)
{
    len += (size_t) snprintf(text + len, size - len, "%s:[0", begin);

    while (len + 4 <= size) {
        memcpy(text + len, ",0", 2);
        len += 2;
    }

    memcpy(text + len, "]}", 2);

    return len + 2;
}


static mk_bytes_t
costs_make_brackets(void)
{
    char    *text;
    size_t   len;

    text = malloc(MK_JSON_MAX + 1);
    costs_need(text != NULL, "memory");
    len = costs_pad(text, 0, MK_JSON_MAX, "{\"a\"");

    return costs_bytes(text, len);
}


static void
costs_make_jws(const mk_key_t *key, mk_bytes_t payload, const char *typ,
    mk_bytes_t *compact)
{
    char    *texts[3], *text;
    size_t   size;

    costs_need(mk_jws_sign(key, typ, payload, &texts[0], &texts[1],
                           &texts[2])
               == MK_OK, "signature");

    size = strlen(texts[0]) + strlen(texts[1]) + strlen(texts[2]) + 3;
    text = malloc(size);
    costs_need(text != NULL, "memory");
    snprintf(text, size, "%s.%s.%s", texts[0], texts[1], texts[2]);

    free(texts[0]);
    free(texts[1]);
    free(texts[2]);

    *compact = costs_text(text);
}


/* a JWS, its key, and as many other keys with that kid as a set takes */
static void
costs_make_signature(mk_key_type_t type, mk_jwks_t **own, mk_jwks_t **crowd,
    mk_jws_t *jws)
{
    mk_key_t    *key;
    mk_bytes_t   compact;
    const char  *why;

    key = mk_key_generate(type);
    costs_need(key != NULL, "key");

    *own = costs_make_jwks(costs_make_set(type, 1, key, NULL));
    *crowd = costs_make_jwks(costs_make_set(type, MK_JWKS_KID_MAX, NULL,
                                            mk_key_kid(key)));

    costs_make_jws(key, costs_text("{\"v\":1,\"id\":\"a capsule\"}"), "t",
                   &compact);
    costs_need(mk_jws_read_compact(compact, MK_INVALID_CAPSULE, jws, &why)
               == MK_OK, "JWS");

    mk_key_free(key);
}


/* the longest token: what it says is padded */
static void
costs_make_token(void)
{
    char       json[MK_JWS_COMPACT_MAX], begin[256];
    size_t     len;
    mk_key_t  *key;

    snprintf(begin, sizeof(begin),
             "{\"iss\":\"o\",\"sub\":\"e\",\"exp\":%d,\"jti\":\"j\","
             "\"cap\":{\"capsule\":\"c\",\"actions\":[\"open\"]},\"pad\"",
             COSTS_NOW + 10);
    len = costs_pad(json, 0, (MK_JWS_COMPACT_MAX - 300) / 4 * 3, begin);

    key = mk_key_generate(MK_KEY_P256);
    costs_make_jws(key, costs_bytes(json, len), MK_TOKEN_CAPABILITY_TYP,
                   &costs.token);
    costs.issuers = costs_make_jwks(costs_make_set(MK_KEY_P256, 1, key,
                                                   NULL));
    mk_key_free(key);
}


static void
costs_make_content(void)
{
    size_t            i;
    uint8_t          *sealed, *bytes, *node;
    uint64_t         *sizes;
    mk_floe_t        *floe;
    mk_bytes_t        none;
    mk_dagpb_link_t  *links;

    none = costs_bytes(NULL, 0);
    costs.data_key = mk_secret_create(MK_FLOE_KEY);
    costs.plain = calloc(1, COSTS_SEGMENT);
    sealed = malloc(COSTS_SEGMENT);
    bytes = malloc(MK_BLOCK_MAX);
    links = calloc(MK_DAGPB_LINKS_MAX, sizeof(mk_dagpb_link_t));
    sizes = calloc(MK_DAGPB_LINKS_MAX, sizeof(uint64_t));
    costs_need(costs.data_key != NULL && costs.plain != NULL && sealed != NULL
               && bytes != NULL && links != NULL && sizes != NULL, "memory");

    floe = mk_floe_seal_create(costs.data_key, none, COSTS_SEGMENT,
                               costs.header);
    costs_need(floe != NULL
               && mk_floe_seal_segment(floe, 0, 0, costs_bytes(costs.plain,
                                       COSTS_SEGMENT - MK_FLOE_OVERHEAD),
                                       sealed)
                  == MK_OK
               && mk_floe_open_create(costs.data_key, none, costs.header,
                                      &costs.floe)
                  == MK_OK, "segment");
    mk_floe_free(floe);
    costs.segment = costs_bytes(sealed, COSTS_SEGMENT);

    for (i = 0; i < MK_BLOCK_MAX; i++) {
        bytes[i] = (uint8_t) (i * 167 + i / 256);
    }

    costs.block = costs_bytes(bytes, MK_BLOCK_MAX);

    for (i = 0; i < MK_DAGPB_LINKS_MAX; i++) {
        links[i].size = 1;
        costs_need(mk_cid_parse(COSTS_CID, strlen(COSTS_CID), &links[i].cid),
                   "CID");
    }

    costs_need(mk_dagpb_encode(links, sizes, MK_DAGPB_LINKS_MAX, &node,
                               &costs.node.len) == MK_OK, "node");
    costs.node.data = node;
    free(links);
    free(sizes);
}


void
costs_make(void)
{
    costs.bare_p256 = costs_make_bare(MK_KEY_P256);
    costs.bare_x25519 = costs_make_bare(MK_KEY_X25519);

    costs_make_content();
    costs_make_recipients();
    costs_make_signature(MK_KEY_P256, &costs.es256, &costs.crowd_es256,
                         &costs.by_es256);
    costs_make_signature(MK_KEY_ED25519, &costs.ed25519,
                         &costs.crowd_ed25519, &costs.by_ed25519);
    costs_make_token();
    costs.brackets = costs_make_brackets();
    costs.set = costs_make_set(MK_KEY_P256, MK_JWKS_MAX, NULL, NULL);
}
