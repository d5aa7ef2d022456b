/*
 * mk_redact_names: the names of arguments and headers, for mk_redact.
 */

#include "mk_redact_names.h"
#include "mk_work.h"

#include <stdlib.h>


static uint8_t
mk_redact_names_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t) (c | 0x20) : c;
}


static uint8_t
mk_redact_names_fold(uint8_t c)
{
    return c == '_' ? '-' : mk_redact_names_lower(c);
}


int
mk_redact_names_may(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.'
           || c == '~';
}


/* the order of sorted names, in which "-" and "_" are the same */
static int
mk_redact_names_compare(const void *one, const void *two)
{
    size_t             i;
    uint8_t            c, d;
    const mk_bytes_t  *a = one;
    const mk_bytes_t  *b = two;

    for (i = 0; i < a->len && i < b->len; i++) {
        MK_WORK(1);

        c = mk_redact_names_fold(a->data[i]);
        d = mk_redact_names_fold(b->data[i]);

        if (c != d) {
            return c < d ? -1 : 1;
        }
    }

    return (a->len > b->len) - (a->len < b->len);
}


void
mk_redact_names_sort(mk_bytes_t *names, size_t n)
{
    if (n > 1) {
        qsort(names, n, sizeof(mk_bytes_t), mk_redact_names_compare);
    }
}


/* both have the same length */
static int
mk_redact_names_same(mk_bytes_t a, mk_bytes_t b)
{
    size_t  i;

    for (i = 0; i < a.len; i++) {
        if (mk_redact_names_lower(a.data[i])
            != mk_redact_names_lower(b.data[i]))
        {
            return 0;
        }
    }

    return 1;
}


int
mk_redact_names_has(const mk_bytes_t *names, size_t n, mk_bytes_t name,
    int dashes)
{
    size_t  low, high, mid;

    low = 0;
    high = n;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (mk_redact_names_compare(&names[mid], &name) < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    for ( /* void */ ; low < n; low++) {

        if (mk_redact_names_compare(&names[low], &name) != 0) {
            return 0;
        }

        if (dashes || mk_redact_names_same(names[low], name)) {
            return 1;
        }
    }

    return 0;
}
