#include "mk_heap.h"

#include <openssl/crypto.h>

#include <stdint.h>


#define MK_HEAP_WORD    64
#define MK_HEAP_UNITS   (MK_HEAP_REGION / MK_HEAP_UNIT)
#define MK_HEAP_WORDS   (MK_HEAP_UNITS / MK_HEAP_WORD)

#define MK_HEAP_FULL    UINT64_MAX
#define MK_HEAP_NONE    SIZE_MAX

_Static_assert(MK_HEAP_LONG / MK_HEAP_UNIT % MK_HEAP_WORD == 0,
               "no word has units of both kinds");


typedef struct {
    uint8_t   *start;
    size_t     singles;             /* units for single ones, in front */
    size_t     lowest;              /* no word of these below it, or of the */
    size_t     lowest_long;         /* ... others, has a free unit */
    uint64_t   used[MK_HEAP_WORDS];
    uint64_t   first[MK_HEAP_WORDS];    /* units that begin an allocation */
} mk_heap_region_t;


static struct {
    mk_heap_map_pt    map;
    size_t            nregions;
    size_t            room;         /* units for single ones in all regions */
    size_t            singles;      /* allocated units of both kinds */
    size_t            longs;
    size_t            base;         /* singles, when the limit was set */
    size_t            reserved;
    size_t            limit;
    mk_heap_region_t  regions[MK_HEAP_REGIONS];
} mk_heap;


static int
mk_heap_get(const uint64_t *bits, size_t i)
{
    return (int) (bits[i / MK_HEAP_WORD] >> i % MK_HEAP_WORD & 1);
}


static void
mk_heap_set(uint64_t *bits, size_t i)
{
    bits[i / MK_HEAP_WORD] |= UINT64_C(1) << i % MK_HEAP_WORD;
}


static void
mk_heap_clear(uint64_t *bits, size_t i)
{
    bits[i / MK_HEAP_WORD] &= ~(UINT64_C(1) << i % MK_HEAP_WORD);
}


static size_t
mk_heap_units(size_t len)
{
    return (len + MK_HEAP_UNIT - 1) / MK_HEAP_UNIT;
}


static mk_heap_region_t *
mk_heap_add(size_t singles)
{
    mk_heap_region_t  *region;

    if (mk_heap.nregions == MK_HEAP_REGIONS) {
        return NULL;
    }

    region = &mk_heap.regions[mk_heap.nregions];

    region->start = mk_heap.map();
    if (region->start == NULL) {
        return NULL;
    }

    region->singles = singles;
    region->lowest_long = singles / MK_HEAP_WORD;

    mk_heap.nregions++;
    mk_heap.room += singles;

    return region;
}


int
mk_heap_init(mk_heap_map_pt map)
{
    mk_heap.map = map;

    return mk_heap.nregions > 0
           || mk_heap_add(MK_HEAP_UNITS - MK_HEAP_LONG / MK_HEAP_UNIT) != NULL;
}


int
mk_heap_is_set_up(void)
{
    return mk_heap.nregions > 0;
}


static mk_heap_region_t *
mk_heap_find(const void *p)
{
    size_t     i;
    uintptr_t  at, start;

    at = (uintptr_t) p;

    for (i = 0; i < mk_heap.nregions; i++) {
        start = (uintptr_t) mk_heap.regions[i].start;

        if (at >= start && at - start < MK_HEAP_REGION) {
            return &mk_heap.regions[i];
        }
    }

    return NULL;
}


/* the lowest free unit of those for single ones */
static size_t
mk_heap_find_single(mk_heap_region_t *region)
{
    size_t    i;
    uint64_t  word;

    while (region->lowest < region->singles / MK_HEAP_WORD) {
        word = region->used[region->lowest];

        for (i = 0; i < MK_HEAP_WORD; i++) {
            if ((word >> i & 1) == 0) {
                return region->lowest * MK_HEAP_WORD + i;
            }
        }

        region->lowest++;
    }

    return MK_HEAP_NONE;
}


/* the first of n free units side by side, of those for longer ones */
static size_t
mk_heap_find_long(mk_heap_region_t *region, size_t n)
{
    size_t  i, run;

    while (region->lowest_long < MK_HEAP_WORDS
           && region->used[region->lowest_long] == MK_HEAP_FULL)
    {
        region->lowest_long++;
    }

    run = 0;

    for (i = region->lowest_long * MK_HEAP_WORD; i < MK_HEAP_UNITS; i++) {

        if (i % MK_HEAP_WORD == 0
            && region->used[i / MK_HEAP_WORD] == MK_HEAP_FULL)
        {
            run = 0;
            i += MK_HEAP_WORD - 1;
            continue;
        }

        run = mk_heap_get(region->used, i) ? 0 : run + 1;

        if (run == n) {
            return i + 1 - n;
        }
    }

    return MK_HEAP_NONE;
}


/* a region with n free units; if there is none, one more, of that kind only */
static mk_heap_region_t *
mk_heap_find_room(size_t n, size_t *unit)
{
    size_t             i;
    mk_heap_region_t  *region;

    for (i = 0; i < mk_heap.nregions; i++) {
        region = &mk_heap.regions[i];
        *unit = n == 1 ? mk_heap_find_single(region)
                       : mk_heap_find_long(region, n);

        if (*unit != MK_HEAP_NONE) {
            return region;
        }
    }

    *unit = 0;

    return mk_heap_add(n == 1 ? MK_HEAP_UNITS : 0);
}


static void
mk_heap_count(size_t n, int sign)
{
    size_t  *counter;

    counter = n == 1 ? &mk_heap.singles : &mk_heap.longs;
    *counter = sign > 0 ? *counter + n : *counter - n;
}


void *
mk_heap_alloc(size_t len)
{
    size_t             i, n, unit;
    mk_heap_region_t  *region;

    if (len == 0 || len > MK_HEAP_MAX || mk_heap.nregions == 0) {
        return NULL;
    }

    n = mk_heap_units(len);

    region = mk_heap_find_room(n, &unit);
    if (region == NULL) {
        return NULL;
    }

    for (i = unit; i < unit + n; i++) {
        mk_heap_set(region->used, i);
    }

    mk_heap_set(region->first, unit);
    mk_heap_count(n, 1);

    /* it was mapped so, or wiped */

    return region->start + unit * MK_HEAP_UNIT;
}


/* whether an allocation of n units begins at this one, and ends there */
static int
mk_heap_is_one(const mk_heap_region_t *region, size_t unit, size_t n)
{
    size_t  i;

    if (n == 0 || n > MK_HEAP_UNITS - unit
        || (n == 1) != (unit < region->singles)
        || !mk_heap_get(region->first, unit))
    {
        return 0;
    }

    for (i = unit + 1; i < unit + n; i++) {
        if (!mk_heap_get(region->used, i) || mk_heap_get(region->first, i)) {
            return 0;
        }
    }

    return i == MK_HEAP_UNITS || !mk_heap_get(region->used, i)
           || mk_heap_get(region->first, i);
}


void
mk_heap_free(void *p, size_t len)
{
    size_t             i, n, at, unit, *lowest;
    mk_heap_region_t  *region;

    region = mk_heap_find(p);
    OPENSSL_assert(region != NULL);

    n = mk_heap_units(len);
    at = (size_t) ((uint8_t *) p - region->start);
    unit = at / MK_HEAP_UNIT;

    OPENSSL_assert(at % MK_HEAP_UNIT == 0 && mk_heap_is_one(region, unit, n));

    OPENSSL_cleanse(p, n * MK_HEAP_UNIT);

    for (i = unit; i < unit + n; i++) {
        mk_heap_clear(region->used, i);
    }

    mk_heap_clear(region->first, unit);
    mk_heap_count(n, -1);

    lowest = n == 1 ? &region->lowest : &region->lowest_long;

    if (unit / MK_HEAP_WORD < *lowest) {
        *lowest = unit / MK_HEAP_WORD;
    }
}


int
mk_heap_holds(const void *p)
{
    return mk_heap_find(p) != NULL;
}


/* maps until there is room for n single units beside the base */
static int
mk_heap_have(size_t n)
{
    while (mk_heap.room - mk_heap.base < n + MK_HEAP_SPARE_UNITS) {
        if (mk_heap_add(MK_HEAP_UNITS) == NULL) {
            return 0;
        }
    }

    return 1;
}


int
mk_heap_set_limit(size_t limit, size_t ready)
{
    size_t  unit;

    if (mk_heap.nregions == 0) {
        return 0;
    }

    mk_heap.base = mk_heap.singles;
    mk_heap.limit = limit;
    mk_heap.reserved = 0;

    return mk_heap_have(ready)
           && mk_heap_find_room(mk_heap_units(MK_HEAP_SPARE_LONG), &unit)
              != NULL;
}


int
mk_heap_reserve(size_t n)
{
    if (mk_heap.limit - mk_heap.reserved < n
        || !mk_heap_have(mk_heap.reserved + n))
    {
        return 0;
    }

    mk_heap.reserved += n;

    return 1;
}


void
mk_heap_release(size_t n)
{
    OPENSSL_assert(n <= mk_heap.reserved);

    mk_heap.reserved -= n;
}


void
mk_heap_state(mk_heap_state_t *state)
{
    state->size = mk_heap.nregions * MK_HEAP_REGION;
    state->used = (mk_heap.singles + mk_heap.longs) * MK_HEAP_UNIT;
    state->reserved = mk_heap.reserved;
    state->limit = mk_heap.limit;
}


void *
mk_heap_region(size_t i)
{
    return i < mk_heap.nregions ? mk_heap.regions[i].start : NULL;
}
