/*
 * mk_denylist: what the operator does not serve, whatever else says yes.
 *
 * An array that is sorted by a hash, then by the bytes.  The hash is for
 * speed only and has no key: whoever makes values whose hashes are the same
 * makes the comparisons of a binary search longer, and nothing more.
 */

#include "mk_denylist_internal.h"
#include "mk_denylist_reader.h"

#include <stdlib.h>
#include <string.h>


/* FNV-1a, 64 bits */
#define MK_DENYLIST_HASH_SEED   UINT64_C(0xcbf29ce484222325)
#define MK_DENYLIST_HASH_PRIME  UINT64_C(0x100000001b3)


/* --- comparing ------------------------------------------------------------ */


void
mk_denylist_key(mk_denylist_entry_t *entry, mk_denylist_kind_t kind,
    const uint8_t *value, size_t len)
{
    size_t    i;
    uint64_t  hash;

    hash = (MK_DENYLIST_HASH_SEED ^ (uint64_t) kind) * MK_DENYLIST_HASH_PRIME;

    for (i = 0; i < len; i++) {
        hash = (hash ^ value[i]) * MK_DENYLIST_HASH_PRIME;
    }

    entry->hash = hash;
    entry->at = 0;
    entry->kind = (uint8_t) kind;
    entry->len = (uint8_t) len;
}


int
mk_denylist_order(const mk_denylist_entry_t *a, const uint8_t *a_value,
    const mk_denylist_entry_t *b, const uint8_t *b_value)
{
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }

    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }

    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    return memcmp(a_value, b_value, a->len);
}


static int
mk_denylist_search(const mk_denylist_t *list, const mk_denylist_entry_t *key,
    const uint8_t *value)
{
    int                         order;
    size_t                      low, high, mid;
    const mk_denylist_entry_t  *entry;

    low = 0;
    high = list->n;

    while (low < high) {
        mid = low + (high - low) / 2;
        entry = &list->entries[mid];

        order = mk_denylist_order(key, value, entry,
                                  list->values + entry->at);
        if (order == 0) {
            return 1;
        }

        if (order < 0) {
            high = mid;

        } else {
            low = mid + 1;
        }
    }

    return 0;
}


static int
mk_denylist_find(const mk_denylist_t *list, mk_denylist_kind_t kind,
    const uint8_t *value, size_t len)
{
    mk_denylist_entry_t  key;

    if (list == NULL || len == 0) {
        return 0;
    }

    mk_denylist_key(&key, kind, value, len);

    return mk_denylist_search(list, &key, value)
           || (list->also != NULL
               && mk_denylist_search(list->also, &key, value));
}


int
mk_denylist_has(const mk_denylist_t *list, mk_denylist_kind_t kind,
    mk_bytes_t value)
{
    if (kind == MK_DENYLIST_CID || value.len > MK_NAME_MAX) {
        return 0;
    }

    return mk_denylist_find(list, kind, value.data, value.len);
}


int
mk_denylist_has_cid(const mk_denylist_t *list, const mk_cid_t *cid)
{
    size_t   len;
    uint8_t  hash[MK_MULTIHASH_MAX];

    len = mk_multihash_write(&cid->hash, hash);

    return mk_denylist_find(list, MK_DENYLIST_CID, hash, len);
}


/* --- making and freeing --------------------------------------------------- */


mk_status_t
mk_denylist_parse(mk_bytes_t text, mk_denylist_t **list, const char **why)
{
    mk_status_t            status;
    mk_denylist_reader_t  *reader;

    *list = NULL;

    status = mk_denylist_reader_create(text, &reader, why);

    while (status == MK_OK && *list == NULL) {
        status = mk_denylist_reader_step(reader, text.len + 1, list, why);
    }

    mk_denylist_reader_free(reader);

    return status;
}


void
mk_denylist_free(mk_denylist_t *list)
{
    if (list == NULL) {
        return;
    }

    free(list->entries);
    free(list->values);
    free(list);
}


/* --- what is known of it -------------------------------------------------- */


void
mk_denylist_also(mk_denylist_t *list, const mk_denylist_t *also)
{
    list->also = also;
}


size_t
mk_denylist_entries(const mk_denylist_t *list)
{
    return list->n;
}


size_t
mk_denylist_bad(const mk_denylist_t *list, const mk_denylist_bad_t **bad)
{
    *bad = list->bad;

    return list->nbad;
}
