/*
 * share: one good share for the tests, and what a gateway makes of it.
 */

#include "share.h"

#include "dag.h"
#include "mk_author.h"
#include "mk_opener.h"
#include "mk_sealer.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define SHARE_PAYLOAD_ID  "pay_1"


static void
share_need(int made, const char *what)
{
    if (!made) {
        tap_diag("no %s", what);
        exit(1);
    }
}


static mk_jwks_t *
share_jwks(const mk_key_t *key, const char *identity)
{
    char        *jwk, *text;
    size_t       len, left_out;
    json_t      *set;
    mk_jwks_t   *jwks;
    const char  *why;

    share_need(mk_key_to_jwk(key, identity, &jwk, &len), "JWK");
    set = json_pack("{s:[o]}", "keys", json_loadb(jwk, len, 0, NULL));
    text = mk_json_print(set, &len);
    jwks = mk_jwks_parse(text, len, &left_out, &why);

    free(text);
    json_decref(set);
    free(jwk);

    return jwks;
}


/* the body is one block: the sealer hands it out once */
static int
share_keep(void *data, const mk_cid_t *cid, mk_bytes_t block)
{
    share_t  *share = data;

    if (share->body != NULL) {
        return 0;
    }

    share->body = malloc(block.len);
    if (share->body == NULL) {
        return 0;
    }

    memcpy(share->body, block.data, block.len);
    share->body_len = block.len;
    share->cid = *cid;

    return 1;
}


static void
share_seal(share_t *share)
{
    mk_sealer_t         *sealer;
    mk_sealer_result_t   result;

    sealer = mk_sealer_create(share->data_key, SHARE_PAYLOAD_ID,
                              MK_PROFILE_SEGMENT_SMALL, share_keep, share);
    share_need(sealer != NULL
               && mk_sealer_write(sealer, share->plain, share->size) == MK_OK
               && mk_sealer_finish(sealer, &result) == MK_OK,
               "sealed object");
    memcpy(share->header, result.header, MK_FLOE_HEADER);
    mk_sealer_free(sealer);
}


static void
share_write_record(share_t *share)
{
    json_t                 *capsule, *record;
    const char             *why;
    mk_author_facts_t       facts;
    mk_author_recipient_t   recipient;

    memset(&facts, 0, sizeof(facts));
    facts.id = SHARE_ID;
    facts.cid = &share->cid;
    facts.owner = SHARE_OWNER;
    facts.iat = SHARE_NOW - 100;
    facts.exp = SHARE_NOW + 100;
    facts.nbf = SHARE_NOW - 100;
    facts.policy_id = "policy";
    facts.vault_id = "vault";
    facts.payload_id = SHARE_PAYLOAD_ID;
    facts.header = share->header;
    facts.size = share->size;
    facts.name = "a.txt";
    facts.type = "text/plain";

    recipient.identity = SHARE_IDENTITY;
    recipient.key = share->alice;

    share_need(mk_author_capsule(&facts, share->owner, share->data_key,
                                 &recipient, 1, &capsule, &why)
               == MK_OK,
               "capsule");

    record = mk_author_record(capsule, 0);
    share->record = mk_json_print(record, &share->record_len);
    share_need(share->record != NULL, "record");

    json_decref(record);
    json_decref(capsule);
}


void
share_make(share_t *share, size_t size, mk_key_type_t owner,
    mk_key_type_t recipient)
{
    size_t     i;
    mk_key_t  *key;

    memset(share, 0, sizeof(*share));

    share->owner = mk_key_generate(owner);
    share->owners = share_jwks(share->owner, SHARE_OWNER);
    share_need(share->owners != NULL, "owners");

    key = mk_key_generate(recipient);
    share->alice = key;
    share->ring = mk_keyring_create();
    share_need(key != NULL && mk_keyring_add(share->ring, SHARE_IDENTITY, key)
                              == MK_OK,
               "recipient");

    share->data_key = mk_secret_create(MK_FLOE_KEY);
    share->plain = malloc(size + 1);
    share->size = size;
    share_need(share->data_key != NULL && share->plain != NULL, "memory");

    for (i = 0; i < MK_FLOE_KEY; i++) {
        mk_secret_bytes(share->data_key)[i] = (uint8_t) (i * 7 + 1);
    }

    for (i = 0; i < size; i++) {
        share->plain[i] = (uint8_t) (i * 167 + i / 256);
    }

    share_seal(share);
    share_write_record(share);
}


void
share_clear(share_t *share)
{
    mk_key_free(share->owner);
    mk_jwks_free(share->owners);
    mk_keyring_free(share->ring);
    mk_secret_free(share->data_key);
    free(share->plain);
    free(share->body);
    free(share->record);
    memset(share, 0, sizeof(*share));
}


static mk_bytes_t
share_text(const char *text)
{
    return dag_bytes((const uint8_t *) text, strlen(text));
}


/* checks and unwrap of a capsule that was read */
static mk_status_t
share_accept(const share_t *share, const mk_capsule_t *capsule,
    int any_owner)
{
    const char         *why;
    mk_status_t         status;
    mk_secret_t        *key;
    mk_checks_facts_t   facts;
    mk_checks_found_t   found;

    memset(&facts, 0, sizeof(facts));
    facts.capsule = capsule;
    facts.id = share_text(SHARE_ID);
    facts.identity = share_text(SHARE_IDENTITY);
    facts.action = MK_ACTION_DOWNLOAD;
    facts.owners = any_owner ? NULL : share->owners;
    facts.insecure_any_owner = any_owner != 0;
    facts.keyring = share->ring;
    facts.now = SHARE_NOW;

    status = mk_checks_local(&facts, &found, &why);

    if (status != MK_OK) {
        return found.key == NULL && found.wrap == NULL && why != NULL
               ? status : MK_STATUS_COUNT;
    }

    status = mk_capsule_unwrap(capsule, found.wrap, found.key, &key);

    if ((status == MK_OK) != (key != NULL)
        || (status == MK_OK && !mk_secret_equal(key, share->data_key)))
    {
        status = MK_STATUS_COUNT;
    }

    mk_secret_free(key);

    return status;
}


mk_status_t
share_unlock(const share_t *share, const char *record, size_t len,
    int any_owner)
{
    mk_status_t    status;
    mk_capsule_t  *capsule;

    status = mk_capsule_read_record(dag_bytes((const uint8_t *) record, len),
                                    &capsule);
    if (status != MK_OK) {
        return capsule == NULL ? status : MK_STATUS_COUNT;
    }

    status = share_accept(share, capsule, any_owner);
    mk_capsule_free(capsule);

    return status;
}


mk_capsule_t *
share_capsule(const share_t *share)
{
    mk_capsule_t  *capsule;

    mk_capsule_read_record(share_text(share->record), &capsule);

    return capsule;
}


/* Takes out what can be read; holds it against the plaintext. */
static mk_status_t
share_drain(const share_t *share, mk_opener_t *opener, uint64_t first,
    share_opened_t *opened)
{
    size_t       len;
    uint8_t     *plain;
    mk_status_t  status;

    for ( ;; ) {
        status = mk_opener_read(opener, &plain, &len);

        if (status != MK_OK || len == 0) {
            break;
        }

        if (len > share->size - first - opened->released
            || memcmp(plain, share->plain + first + opened->released, len)
               != 0)
        {
            opened->authentic = 0;
            return MK_STATUS_COUNT;
        }

        opened->released += len;
    }

    /* a refusal gives out nothing */

    if (status != MK_OK && plain != NULL) {
        opened->authentic = 0;
    }

    return (status != MK_OK && len != 0) ? MK_STATUS_COUNT : status;
}


share_opened_t
share_open(const share_t *share, const mk_capsule_t *capsule,
    uint64_t first, uint64_t len)
{
    uint64_t            position;
    mk_opener_t        *opener;
    share_opened_t      opened;
    const dag_block_t  *block;

    memset(&opened, 0, sizeof(opened));
    opened.authentic = 1;
    opened.status = mk_opener_create(capsule, share->data_key, first, len,
                                     &opener);
    if (opened.status != MK_OK) {
        return opened;
    }

    while (opened.status == MK_OK && !mk_opener_done(opener)) {
        block = mk_opener_next(opener, 0) == NULL
                ? NULL : dag_find(mk_opener_next(opener, 0));

        if (block == NULL) {
            opened.status = MK_STATUS_COUNT;
            break;
        }

        position = mk_opener_position(opener);
        opened.status = mk_opener_block(opener,
                                        dag_bytes(block->bytes, block->len),
                                        &opened.blame);

        if (mk_opener_position(opener) != position
                                          + (opened.status == MK_OK))
        {
            opened.authentic = 0;
        }

        if (opened.status == MK_OK) {
            opened.status = share_drain(share, opener, first, &opened);
        }
    }

    if (opened.status == MK_OK && opened.released != len) {
        opened.status = MK_STATUS_COUNT;
    }

    mk_opener_free(opener);

    return opened;
}
