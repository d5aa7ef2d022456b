#include "mk_keyring.h"

#include "mk_name.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    char       identity[MK_NAME_MAX + 1];
    mk_key_t  *key;
} mk_keyring_entry_t;


struct mk_keyring_s {
    size_t              n;
    mk_keyring_entry_t  entries[MK_KEYRING_MAX];    /* by kid, then identity */
};


mk_keyring_t *
mk_keyring_create(void)
{
    return calloc(1, sizeof(mk_keyring_t));
}


void
mk_keyring_free(mk_keyring_t *ring)
{
    size_t  i;

    if (ring == NULL) {
        return;
    }

    for (i = 0; i < ring->n; i++) {
        mk_key_free(ring->entries[i].key);
    }

    free(ring);
}


/* the first entry from "from" on that is of identity; ring->n if none is */
static size_t
mk_keyring_next(const mk_keyring_t *ring, mk_bytes_t identity, size_t from)
{
    size_t       i;
    const char  *name;

    for (i = from; i < ring->n; i++) {
        name = ring->entries[i].identity;

        if (identity.len > 0 && strlen(name) == identity.len
            && memcmp(name, identity.data, identity.len) == 0)
        {
            break;
        }
    }

    return i;
}


/* below, at or above 0 as the entry stands before, at or behind the key */
static int
mk_keyring_compare(const mk_keyring_entry_t *entry, mk_bytes_t identity,
    mk_bytes_t kid)
{
    int     order;
    size_t  len;

    order = memcmp(mk_key_thumbprint(entry->key), kid.data,
                   MK_KEY_THUMBPRINT);
    if (order != 0) {
        return order;
    }

    len = strlen(entry->identity);
    order = memcmp(entry->identity, identity.data,
                   len < identity.len ? len : identity.len);
    if (order != 0) {
        return order;
    }

    return (len > identity.len) - (len < identity.len);
}


/* the first entry that does not stand before the key; ring->n if all do */
static size_t
mk_keyring_search(const mk_keyring_t *ring, mk_bytes_t identity,
    mk_bytes_t kid)
{
    size_t  low, high, middle;

    low = 0;
    high = ring->n;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (mk_keyring_compare(&ring->entries[middle], identity, kid) < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


mk_status_t
mk_keyring_add(mk_keyring_t *ring, const char *identity, mk_key_t *key)
{
    size_t               place;
    mk_bytes_t           name, kid;
    mk_keyring_entry_t  *entry;

    if (key == NULL) {
        return MK_INTERNAL_ERROR;
    }

    name.data = (const uint8_t *) identity;
    name.len = strlen(identity);

    kid.data = (const uint8_t *) mk_key_thumbprint(key);
    kid.len = MK_KEY_THUMBPRINT;

    if (!mk_name_is_identity(name) || !mk_key_is_private(key)
        || ring->n == MK_KEYRING_MAX
        || mk_keyring_find(ring, name, kid) != NULL)
    {
        mk_key_free(key);
        return MK_INVALID_REQUEST;
    }

    place = mk_keyring_search(ring, name, kid);
    entry = &ring->entries[place];
    memmove(entry + 1, entry,
            (ring->n - place) * sizeof(mk_keyring_entry_t));
    ring->n++;

    memcpy(entry->identity, identity, name.len + 1);
    entry->key = key;

    return MK_OK;
}


int
mk_keyring_has(const mk_keyring_t *ring, mk_bytes_t identity)
{
    size_t         i;
    mk_key_type_t  type;

    for (i = mk_keyring_next(ring, identity, 0); i < ring->n;
         i = mk_keyring_next(ring, identity, i + 1))
    {
        type = mk_key_type(ring->entries[i].key);

        if (type == MK_KEY_P256 || type == MK_KEY_X25519) {
            return 1;
        }
    }

    return 0;
}


size_t
mk_keyring_place(const mk_keyring_t *ring, mk_bytes_t identity,
    mk_bytes_t kid)
{
    size_t  place;

    if (kid.len != MK_KEY_THUMBPRINT || identity.len == 0) {
        return MK_KEYRING_MAX;
    }

    place = mk_keyring_search(ring, identity, kid);

    if (place == ring->n
        || mk_keyring_compare(&ring->entries[place], identity, kid) != 0)
    {
        return MK_KEYRING_MAX;
    }

    return place;
}


const mk_key_t *
mk_keyring_find(const mk_keyring_t *ring, mk_bytes_t identity,
    mk_bytes_t kid)
{
    size_t  place;

    place = mk_keyring_place(ring, identity, kid);

    return place == MK_KEYRING_MAX ? NULL : ring->entries[place].key;
}
