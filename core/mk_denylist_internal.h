/*
 * mk_denylist_internal: what a list is made of, for mk_denylist_reader.
 */

#ifndef MK_DENYLIST_INTERNAL_H
#define MK_DENYLIST_INTERNAL_H

#include "mk_denylist.h"


typedef struct {
    uint64_t   hash;
    uint32_t   at;      /* the value's place; of a CID, its multihash */
    uint8_t    kind;
    uint8_t    len;     /* MK_NAME_MAX and MK_MULTIHASH_MAX fit */
} mk_denylist_entry_t;


/* The entries are sorted as mk_denylist_order says. */
struct mk_denylist_s {
    const mk_denylist_t  *also;
    size_t                n;
    mk_denylist_entry_t  *entries;
    size_t                used;
    uint8_t              *values;       /* one behind the other */
    size_t                nbad;
    mk_denylist_bad_t     bad[MK_DENYLIST_BAD_MAX];
};


/* An entry's hash, kind and length; its value is not copied, nor its place. */
void mk_denylist_key(mk_denylist_entry_t *entry, mk_denylist_kind_t kind,
    const uint8_t *value, size_t len);

/* Below 0, 0 or above it, as a comes before, is, or comes behind b. */
int mk_denylist_order(const mk_denylist_entry_t *a, const uint8_t *a_value,
    const mk_denylist_entry_t *b, const uint8_t *b_value);


#endif /* MK_DENYLIST_INTERNAL_H */
