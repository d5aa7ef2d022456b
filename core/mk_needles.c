/*
 * mk_needles: whether one of many known values stands at a place of a text.
 */

#include "mk_needles.h"
#include "mk_work.h"

#include <stdlib.h>
#include <string.h>


/* The values that fit so far: their first depth bytes are the same. */
typedef struct {
    const mk_bytes_t  *first;
    const mk_bytes_t  *last;        /* behind the last one */
    size_t             depth;
} mk_needles_range_t;


static int
mk_needles_compare(const void *one, const void *two)
{
    int                rc;
    const mk_bytes_t  *a = one;
    const mk_bytes_t  *b = two;

    rc = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

    return rc != 0 ? rc : (a->len > b->len) - (a->len < b->len);
}


size_t
mk_needles_sort(mk_bytes_t *needles, size_t n)
{
    size_t  i, left;

    left = 0;

    for (i = 0; i < n; i++) {
        if (needles[i].len >= MK_NEEDLES_SHORTEST) {
            needles[left++] = needles[i];
        }
    }

    if (left == 0) {
        return 0;
    }

    qsort(needles, left, sizeof(mk_bytes_t), mk_needles_compare);

    n = left;
    left = 1;

    for (i = 1; i < n; i++) {
        if (mk_needles_compare(&needles[i], &needles[left - 1]) != 0) {
            needles[left++] = needles[i];
        }
    }

    return left;
}


/*
 * The first one whose next byte is not less than c, looked for from the front
 * in steps that double: a search costs by what it leaves out, and all of a
 * walk together leave out no more than there is.
 */
static const mk_bytes_t *
mk_needles_lower(const mk_needles_range_t *range, unsigned c)
{
    size_t             step;
    const mk_bytes_t  *low, *high, *mid;

    low = range->first;
    high = range->last;

    for (step = 1; (size_t) (high - low) > step; step *= 2) {
        MK_WORK(1);

        if (low[step - 1].data[range->depth] >= c) {
            high = low + step;
            break;
        }

        low += step;
    }

    while (low < high) {
        MK_WORK(1);
        mid = low + (high - low) / 2;

        if (mid->data[range->depth] < c) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low;
}


/* behind the last one whose next byte is not more than c, from the back */
static const mk_bytes_t *
mk_needles_upper(const mk_needles_range_t *range, unsigned c)
{
    size_t             step;
    const mk_bytes_t  *low, *high, *mid;

    low = range->first;
    high = range->last;

    for (step = 1; (size_t) (high - low) > step; step *= 2) {
        MK_WORK(1);

        if ((high - step)->data[range->depth] <= c) {
            low = high - step;
            break;
        }

        high -= step;
    }

    while (low < high) {
        MK_WORK(1);
        mid = low + (high - low) / 2;

        if (mid->data[range->depth] <= c) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low;
}


/* 1 if there are such with that byte next; 0 leaves the range as it is */
static int
mk_needles_narrow(mk_needles_range_t *range, uint8_t c)
{
    mk_needles_range_t  r;

    MK_WORK(1);
    r = *range;

    if (r.first < r.last && r.first->len == r.depth) {
        r.first++;                  /* has no next byte, and is the first */
    }

    if (r.first == r.last) {
        return 0;
    }

    if (r.first->data[r.depth] != c || (r.last - 1)->data[r.depth] != c) {
        r.first = mk_needles_lower(&r, c);
        r.last = mk_needles_upper(&r, c);

        if (r.first == r.last) {
            return 0;
        }
    }

    r.depth++;
    *range = r;

    return 1;
}


/*
 * Takes one character of the text.  A secret may have percent signs of its
 * own, so that each level is tried, the deepest first.  0: none fits.
 */
static size_t
mk_needles_step(mk_needles_range_t *range, mk_bytes_t text, size_t pos,
    size_t levels, size_t *deepest)
{
    size_t        level;
    mk_percent_t  unit;

    for (level = levels; level > 0 && text.data[pos] == '%';
         level = unit.level - 1)
    {
        unit = mk_percent_read_level(text, pos, level);

        if (unit.level == 0) {
            break;
        }

        if (unit.level > *deepest) {
            *deepest = unit.level;
        }

        if (mk_needles_narrow(range, unit.c)) {
            return unit.len;
        }
    }

    if (mk_needles_narrow(range, text.data[pos])) {
        return 1;
    }

    return levels > 0 && text.data[pos] == '+' && mk_needles_narrow(range, ' ')
           ? 1 : 0;
}


/* decodes no deeper than so many levels; *deepest is what there was to read */
static size_t
mk_needles_walk(const mk_needles_range_t *all, mk_bytes_t text, size_t start,
    size_t levels, size_t *deepest, int cut)
{
    size_t              pos, len, taken;
    mk_needles_range_t  range;

    range = *all;
    len = 0;
    *deepest = 0;

    for (pos = start; pos < text.len; pos += taken) {

        taken = mk_needles_step(&range, text, pos, levels, deepest);

        if (taken == 0) {
            break;
        }

        if (range.first->len == range.depth
            || range.depth >= MK_NEEDLES_PREFIX)
        {
            len = pos + taken - start;
        }
    }

    if (cut && range.depth >= MK_NEEDLES_SHORTEST
        && (pos >= text.len || text.data[pos] == '\r'
            || text.data[pos] == '\n'))
    {
        len = pos - start;
    }

    return len;
}


size_t
mk_needles_at(const mk_bytes_t *needles, size_t n, mk_bytes_t text,
    size_t pos, int cut)
{
    size_t              len, levels, deepest, longest;
    mk_needles_range_t  all;

    if (n == 0) {
        return 0;
    }

    all.first = needles;
    all.last = needles + n;
    all.depth = 0;

    longest = mk_needles_walk(&all, text, pos, MK_PERCENT_LEVELS, &deepest,
                              cut);

    while (deepest > 0) {
        levels = deepest - 1;
        len = mk_needles_walk(&all, text, pos, levels, &deepest, cut);
        longest = len > longest ? len : longest;
    }

    return longest;
}
