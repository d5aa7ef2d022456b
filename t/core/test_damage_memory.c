/*
 * No memory, anywhere on the way from a record to plaintext and back: the
 * n-th allocation fails, for every n, in the core and in jansson, and once
 * more with OpenSSL's.  It never ends in a crash, in half an output or in a
 * yes that is none; nothing leaks (the sanitizers and valgrind look).
 *
 * The linker replaces malloc, calloc and realloc for this test (--wrap);
 * jansson and OpenSSL are told.
 */

#include "dag.h"
#include "mk_author.h"
#include "mk_opener.h"
#include "mk_sealer.h"
#include "mk_standing.h"
#include "mk_token.h"
#include "share.h"
#include "tap.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);


/* allocations until one fails; below zero: none does */
static long  countdown = -1;

/* whether all behind it fail too, and whether there was one */
static int   for_good;
static int   was_refused;

/* whether OpenSSL's count */
static int   openssl_counts;


static int
is_refused(void)
{
    if (countdown != 0) {
        countdown -= countdown > 0;
        return 0;
    }

    if (!for_good) {
        countdown = -1;
    }

    was_refused = 1;

    return 1;
}


void *
__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return is_refused() ? NULL : __real_calloc(n, size);
}


void *
__wrap_realloc(void *old, size_t size)
{
    return is_refused() ? NULL : __real_realloc(old, size);
}


static void *
openssl_malloc(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return openssl_counts && is_refused() ? NULL : __real_malloc(size);
}


static void *
openssl_realloc(void *old, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return openssl_counts && is_refused() ? NULL : __real_realloc(old, size);
}


static void
openssl_free(void *old, const char *file, int line)
{
    (void) file;
    (void) line;

    free(old);
}


/* does something that allocates; MK_STATUS_COUNT: not as it should be */
typedef mk_status_t (*task_pt)(void);


/*
 * Where the core or jansson gets no memory, the outcome is
 * MK_INTERNAL_ERROR.  OpenSSL can do without some of its allocations, and
 * calls others a signature that does not fit; a yes is looked at by the task.
 */
static void
every_allocation(const char *name, task_pt task, long least)
{
    long         n, odd, wrong, limit;
    mk_status_t  status;

    is_status(task(), MK_OK, "%s", name);

    odd = 0;
    wrong = 0;
    limit = 100000;

    for (n = 0; n < limit; n++) {
        was_refused = 0;
        countdown = n;
        status = task();
        countdown = -1;

        if (!was_refused) {
            break;
        }

        odd += status != MK_INTERNAL_ERROR;
        wrong += status == MK_STATUS_COUNT;
    }

    ERR_clear_error();

    is_int(wrong, 0, "%s: each of %ld allocations fails, nothing is half",
           name, n);
    ok(n >= least && n < limit, "%s: there are some", name);
    ok(openssl_counts || odd == 0, "%s: as no memory", name);
    is_status(task(), MK_OK, "%s: with memory it goes on", name);
}


/*
 * jansson 2.14 loses a character where its buffer for tokens cannot grow,
 * which is at 15, 31, ... characters: the quote behind "b" is the first.
 */
static mk_status_t
text_task(void)
{
    json_t       *json;
    mk_bytes_t    jti;
    mk_status_t   status;

    static const char  text[] =
        "{\"a\":1,\"b\":\"0123456789abcd\","
        "\"jti\":\"0123456789-abcdefghijklmnopqrstuvwxyz\","
        "\"x\":[\"ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789-0123456789-01234"
        "56789-0123456789\"]}";
    static const char  value[] = "0123456789-abcdefghijklmnopqrstuvwxyz";

    status = mk_json_parse(dag_bytes((const uint8_t *) text,
                                     sizeof(text) - 1),
                           MK_INVALID_REQUEST, &json);
    if (status != MK_OK) {
        return json == NULL ? status : MK_STATUS_COUNT;
    }

    mk_json_string(json, "jti", &jti);

    if (jti.len != sizeof(value) - 1
        || memcmp(jti.data, value, jti.len) != 0
        || json_string_length(json_array_get(json_object_get(json, "x"), 0))
           != 70)
    {
        status = MK_STATUS_COUNT;
    }

    json_decref(json);

    return status;
}


static share_t        share;
static mk_capsule_t  *capsule;


static mk_status_t
record_task(void)
{
    return share_unlock(&share, share.record, share.record_len, 0);
}


static mk_status_t
opener_task(void)
{
    share_opened_t  opened;

    opened = share_open(&share, capsule, 10, share.size - 10);

    if (!opened.authentic
        || (opened.status == MK_OK && opened.released != share.size - 10)
        || opened.blame == MK_BLAME_SOURCE
        || opened.blame == MK_BLAME_OBJECT)
    {
        return MK_STATUS_COUNT;
    }

    return opened.status;
}


/* the sealed blocks, put together, are as long as they must be */
static int
keep(void *data, const mk_cid_t *cid, mk_bytes_t block)
{
    (void) cid;

    *(size_t *) data += block.len;

    return 1;
}


static mk_status_t
sealer_task(void)
{
    size_t               sealed;
    mk_status_t          status;
    mk_sealer_t         *sealer;
    mk_sealer_result_t   result, zero;

    sealed = 0;
    memset(&result, 0, sizeof(result));
    memset(&zero, 0, sizeof(zero));
    sealer = mk_sealer_create(share.data_key, "pay_1",
                              MK_PROFILE_SEGMENT_SMALL, keep, &sealed);
    if (sealer == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = mk_sealer_write(sealer, share.plain, share.size);

    if (status == MK_OK) {
        status = mk_sealer_finish(sealer, &result);
    }

    mk_sealer_free(sealer);

    if (status == MK_OK ? sealed != share.body_len
                        : memcmp(&result, &zero, sizeof(zero)) != 0)
    {
        return MK_STATUS_COUNT;
    }

    return status;
}


static json_t  *authored;

/* all that is signed is the same each time; wraps are not */
static const char *const  signed_members[] = {
    "profile", "payload", "protected", "signature"
};


static mk_status_t
author_task(void)
{
    size_t                  i;
    json_t                 *json;
    const char             *why;
    mk_status_t             status;
    mk_author_facts_t       facts;
    mk_author_recipient_t   recipient;

    memset(&facts, 0, sizeof(facts));
    facts.id = SHARE_ID;
    facts.cid = &share.cid;
    facts.owner = SHARE_OWNER;
    facts.exp = SHARE_NOW + 1;
    facts.policy_id = "policy";
    facts.vault_id = "a vault with quite a long name";
    facts.capability_issuer = "ines";
    facts.capability_open = 1;
    facts.payload_id = "pay_1";
    facts.header = share.header;
    facts.size = share.size;
    facts.name = "b.txt";

    recipient.identity = SHARE_IDENTITY;
    recipient.key = share.alice;

    status = mk_author_capsule(&facts, share.owner, share.data_key,
                               &recipient, 1, &json, &why);
    if (status != MK_OK) {
        return json == NULL ? status : MK_STATUS_COUNT;
    }

    if (authored == NULL) {
        authored = json_incref(json);
    }

    for (i = 0; i < 4; i++) {
        if (!json_equal(json_object_get(json, signed_members[i]),
                        json_object_get(authored, signed_members[i])))
        {
            status = MK_STATUS_COUNT;
        }
    }

    if (json_array_size(json_object_get(json, "wraps")) != 1) {
        status = MK_STATUS_COUNT;
    }

    json_decref(json);

    return status;
}


#define RECIPIENTS  20

/* to a capsule of many wraps; the others stay, also where it fails */
static mk_status_t
add_wrap_task(void)
{
    size_t                  n;
    const char             *why;
    mk_status_t             status;
    mk_author_recipient_t   recipient;

    recipient.identity = SHARE_IDENTITY;
    recipient.key = share.alice;

    status = mk_author_add_wrap(authored, share.data_key, &recipient, &why);
    n = json_array_size(json_object_get(authored, "wraps"));

    return n == RECIPIENTS + 1 && json_object_size(authored) == 5
           ? status : MK_STATUS_COUNT;
}


static void
add_recipients(void)
{
    char                    name[32];
    size_t                  i;
    const char             *why;
    mk_author_recipient_t   recipient;

    recipient.identity = name;
    recipient.key = share.alice;

    for (i = 0; i < RECIPIENTS; i++) {
        snprintf(name, sizeof(name), "recipient %zu", i);
        mk_author_add_wrap(authored, share.data_key, &recipient, &why);
    }
}


static mk_status_t
record_of_author_task(void)
{
    char         *text;
    size_t        len;
    json_t       *record;
    mk_status_t   status;

    record = mk_author_record(authored, SHARE_NOW);
    text = record == NULL ? NULL : mk_json_print(record, &len);
    json_decref(record);

    if (text == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = share_unlock(&share, text, len, 0);
    free(text);

    /* what was revoked may not open because memory ran out */

    return status == MK_SHARE_REVOKED ? MK_OK
           : status == MK_OK ? MK_STATUS_COUNT : status;
}


static mk_status_t
key_task(void)
{
    int          done;
    char        *pem, *jwk, set[1024];
    size_t       len, left_out;
    mk_key_t    *key;
    mk_jwks_t   *jwks;
    const char  *why;

    done = mk_key_to_pem(share.owner, &pem, &len);

    if (!done) {
        return pem == NULL && len == 0 ? MK_INTERNAL_ERROR : MK_STATUS_COUNT;
    }

    key = mk_key_from_pem(pem, len, &why);
    mk_key_wipe(pem, len);

    if (key == NULL) {
        return MK_INTERNAL_ERROR;
    }

    done = mk_key_to_jwk(key, "olga", &jwk, &len);
    mk_key_free(key);

    if (!done) {
        return jwk == NULL && len == 0 ? MK_INTERNAL_ERROR : MK_STATUS_COUNT;
    }

    key = mk_key_from_jwk(jwk, len, &why);
    snprintf(set, sizeof(set), "{\"keys\":[%s]}", jwk);
    mk_key_wipe(jwk, len);

    if (key == NULL) {
        return MK_INTERNAL_ERROR;
    }

    mk_key_free(key);

    jwks = mk_jwks_parse(set, strlen(set), &left_out, &why);

    if (jwks == NULL) {
        return left_out == 0 ? MK_INTERNAL_ERROR : MK_STATUS_COUNT;
    }

    mk_jwks_free(jwks);

    return MK_OK;
}


static mk_status_t
token_task(void)
{
    char            *parts[3], token[2048];
    mk_link_t        link;
    const char      *why;
    mk_status_t      status;
    mk_link_keys_t   keys;
    mk_secret_t     *secrets[1];
    static const char  claims[] =
        "{\"cap\":\"cap_1\",\"as\":\"alice\",\"exp\":1700000100,"
        "\"jti\":\"j1\"}";

    secrets[0] = share.data_key;
    memset(&keys, 0, sizeof(keys));
    keys.hmac = secrets;
    keys.nhmac = 1;
    keys.jwks = share.owners;

    status = mk_jws_sign_hmac(share.data_key, MK_TOKEN_LINK_TYP,
                              dag_bytes((const uint8_t *) claims,
                                        sizeof(claims) - 1),
                              &parts[0], &parts[1], &parts[2]);
    if (status != MK_OK) {
        return parts[0] == NULL && parts[1] == NULL && parts[2] == NULL
               ? status : MK_STATUS_COUNT;
    }

    snprintf(token, sizeof(token), "%s.%s.%s", parts[0], parts[1], parts[2]);
    free(parts[2]);
    free(parts[1]);
    free(parts[0]);

    status = mk_token_link(dag_bytes((const uint8_t *) token, strlen(token)),
                           &keys, SHARE_NOW, 0, &link, &why);

    return (link.jti[0] != '\0') == (status == MK_OK) ? status
                                                      : MK_STATUS_COUNT;
}


/* what is said of a member and of a capability: no memory is neither */
static mk_status_t
standing_task(void)
{
    mk_status_t  status;

    static const char  text[] =
        "{\"member\":true,\"status\":{\"state\":\"active\"}}";

    status = mk_standing_member(dag_bytes((const uint8_t *) text,
                                          sizeof(text) - 1));
    if (status != MK_OK) {
        return status;
    }

    return mk_standing_capability(dag_bytes((const uint8_t *) text,
                                            sizeof(text) - 1));
}


static void
all_tasks(const char *whose)
{
    char  name[64];

    snprintf(name, sizeof(name), "%s: a text", whose);
    every_allocation(name, text_task, 10);
    snprintf(name, sizeof(name), "%s: a record", whose);
    every_allocation(name, record_task, 50);
    snprintf(name, sizeof(name), "%s: an opener", whose);
    every_allocation(name, opener_task, 3);
    snprintf(name, sizeof(name), "%s: a sealer", whose);
    every_allocation(name, sealer_task, 5);
    snprintf(name, sizeof(name), "%s: an author", whose);
    every_allocation(name, author_task, 50);
    add_recipients();
    snprintf(name, sizeof(name), "%s: one more recipient", whose);
    every_allocation(name, add_wrap_task, 50);
    snprintf(name, sizeof(name), "%s: its record", whose);
    every_allocation(name, record_of_author_task, 50);
    json_decref(authored);
    authored = NULL;

    snprintf(name, sizeof(name), "%s: keys", whose);
    every_allocation(name, key_task, 20);
    snprintf(name, sizeof(name), "%s: a member", whose);
    every_allocation(name, standing_task, 10);
    snprintf(name, sizeof(name), "%s: a link", whose);
    every_allocation(name, token_task, 20);
}


int
main(void)
{
    size_t           half;
    mk_dagpb_link_t  links[2];

    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc,
                                 openssl_free)
        != 1)
    {
        tap_skip_all("OpenSSL has its memory already");
    }

    json_set_alloc_funcs(__wrap_malloc, free);

    share_make(&share, 70000, MK_KEY_ED25519, MK_KEY_P256);
    capsule = share_capsule(&share);

    /* two leaves, so that a segment is put together */

    half = share.body_len / 2;
    links[0] = dag_keep(share.body, half, MK_CID_CODEC_RAW, half);
    links[1] = dag_keep(share.body + half, share.body_len - half,
                        MK_CID_CODEC_RAW, share.body_len - half);
    capsule->cid = dag_node(links, 2).cid;

    all_tasks("core and jansson");

    openssl_counts = 1;
    all_tasks("and OpenSSL");

    for_good = 1;
    openssl_counts = 0;
    all_tasks("for good");

    mk_capsule_free(capsule);
    dag_forget();
    share_clear(&share);

    return tap_done();
}
