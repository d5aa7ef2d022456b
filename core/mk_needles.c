/*
 * mk_needles: whether one of many known values stands at a place of a text.
 */

#include "mk_needles.h"

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


/* the first one whose next byte is not less than c */
static const mk_bytes_t *
mk_needles_bound(const mk_needles_range_t *range, unsigned c)
{
    const mk_bytes_t  *low, *high, *mid;

    low = range->first;
    high = range->last;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (mid->data[range->depth] < c) {
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

    r = *range;

    if (r.first < r.last && r.first->len == r.depth) {
        r.first++;                  /* has no next byte, and is the first */
    }

    if (r.first == r.last) {
        return 0;
    }

    if (r.first->data[r.depth] != c || (r.last - 1)->data[r.depth] != c) {
        r.first = mk_needles_bound(&r, c);
        r.last = mk_needles_bound(&r, c + 1U);

        if (r.first == r.last) {
            return 0;
        }
    }

    r.depth++;
    *range = r;

    return 1;
}


static size_t
mk_needles_walk(const mk_bytes_t *needles, size_t n, mk_bytes_t text,
    size_t start, int decode)
{
    size_t              pos, len;
    mk_percent_t        unit;
    mk_needles_range_t  range;

    range.first = needles;
    range.last = needles + n;
    range.depth = 0;

    len = 0;

    for (pos = start; pos < text.len; pos += unit.len) {
        unit.c = text.data[pos];
        unit.len = 1;

        if (decode) {
            unit = mk_percent_read(text, pos);
        }

        if (!mk_needles_narrow(&range, unit.c)) {

            /* as written, where it looks like an escape */

            if (unit.len == 1 || !mk_needles_narrow(&range, '%')) {
                break;
            }

            unit.len = 1;
        }

        if (range.first->len == range.depth
            || range.depth >= MK_NEEDLES_PREFIX)
        {
            len = pos + unit.len - start;
        }
    }

    if (range.depth >= MK_NEEDLES_SHORTEST
        && (pos >= text.len || text.data[pos] == '\r'
            || text.data[pos] == '\n'))
    {
        len = pos - start;
    }

    return len;
}


size_t
mk_needles_at(const mk_bytes_t *needles, size_t n, mk_bytes_t text,
    size_t pos)
{
    size_t  plain, decoded;

    if (n == 0) {
        return 0;
    }

    plain = mk_needles_walk(needles, n, text, pos, 0);
    decoded = mk_needles_walk(needles, n, text, pos, 1);

    return plain > decoded ? plain : decoded;
}
