/*
 * fuzz_denylist: a denylist's text, and what it denies.
 *
 * The input is a value, a NUL, and the text.  The lines are read once more
 * here, one by one and without an array: both must find the same.  So must a
 * reading in portions, and those must be no more than the text allows.
 */

#include "fuzz.h"
#include "mk_denylist_reader.h"

#include <stdlib.h>
#include <string.h>


static const char *const  kinds[MK_DENYLIST_KINDS] = {
    "capsule", "cid", "owner", "identity", "jti",
};


/* the text between two columns, without spaces around it */
static mk_bytes_t
between(const uint8_t *from, const uint8_t *to)
{
    while (from < to && *from == ' ') {
        from++;
    }

    while (from < to && to[-1] == ' ') {
        to--;
    }

    return fuzz_bytes(from, (size_t) (to - from));
}


static const uint8_t *
first(const uint8_t *from, const uint8_t *to, uint8_t c)
{
    while (from < to && *from != c) {
        from++;
    }

    return from;
}


/* the kind of a line and its value; -1: unreadable, -2: nothing */
static int
line_of(const uint8_t *from, const uint8_t *to, mk_bytes_t *value)
{
    int             i;
    mk_cid_t        cid;
    mk_bytes_t      word;
    const uint8_t  *p;

    for (p = from; p < to && (*p == ' ' || *p == '\t'); p++) {
        /* void */
    }

    if (p == to || *p == '#') {
        return -2;
    }

    p = first(from, to, '\t');
    word = between(from, p);
    *value = p == to ? fuzz_bytes(p, 0)
                     : between(p + 1, first(p + 1, to, '\t'));

    for (i = 0; i < MK_DENYLIST_KINDS; i++) {
        if (mk_bytes_equal(word, fuzz_text(kinds[i]))) {
            break;
        }
    }

    switch (i) {

    case MK_DENYLIST_CAPSULE:
    case MK_DENYLIST_JTI:
        return mk_name_is_id(*value) ? i : -1;

    case MK_DENYLIST_OWNER:
    case MK_DENYLIST_IDENTITY:
        return mk_name_is_identity(*value) ? i : -1;

    case MK_DENYLIST_CID:
        return mk_cid_parse((const char *) value->data, value->len, &cid)
               ? i : -1;

    default:
        return -1;
    }
}


typedef struct {
    size_t  entries;
    size_t  bad;
    int     names[MK_DENYLIST_KINDS];   /* the wanted value, by kind */
} expected_t;


static void
expect_line(const mk_denylist_t *list, const mk_denylist_bad_t *bad,
    size_t n, int kind, mk_bytes_t value, mk_bytes_t wanted,
    expected_t *expected)
{
    mk_cid_t  cid, other;

    if (kind == -1) {
        if (expected->bad < MK_DENYLIST_BAD_MAX) {
            FUZZ_HOLDS(bad[expected->bad].line == n);
            FUZZ_HOLDS(bad[expected->bad].why != NULL);
        }

        expected->bad++;
        return;
    }

    if (kind < 0) {
        return;
    }

    expected->entries++;

    if (kind != MK_DENYLIST_CID) {
        FUZZ_HOLDS(mk_denylist_has(list, (mk_denylist_kind_t) kind, value));
        expected->names[kind] |= mk_bytes_equal(value, wanted);
        return;
    }

    FUZZ_HOLDS(mk_cid_parse((const char *) value.data, value.len, &cid));
    FUZZ_HOLDS(mk_denylist_has_cid(list, &cid));

    expected->names[kind] |=
        mk_cid_parse((const char *) wanted.data, wanted.len, &other)
        && mk_multihash_equal(&cid.hash, &other.hash);
}


static void
compare(const mk_denylist_t *list, mk_bytes_t text, mk_bytes_t wanted)
{
    int                       kind;
    size_t                    n;
    mk_cid_t                  cid;
    expected_t                expected;
    mk_bytes_t                value;
    const uint8_t            *p, *end, *next;
    const mk_denylist_bad_t  *bad;

    memset(&expected, 0, sizeof(expected));
    (void) mk_denylist_bad(list, &bad);

    p = text.data;
    end = p + text.len;

    if (text.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    for (n = 1; p < end; n++) {
        next = first(p, first(p, end, '\n'), '\r');
        kind = line_of(p, next, &value);
        expect_line(list, bad, n, kind, value, wanted, &expected);

        if (end - next >= 2 && next[0] == '\r' && next[1] == '\n') {
            next++;
        }

        p = next == end ? end : next + 1;
    }

    FUZZ_HOLDS(mk_denylist_entries(list) == expected.entries);
    FUZZ_HOLDS(mk_denylist_bad(list, &bad) == expected.bad);

    for (kind = 0; kind < MK_DENYLIST_KINDS; kind++) {
        if (kind != MK_DENYLIST_CID) {
            FUZZ_HOLDS(mk_denylist_has(list, (mk_denylist_kind_t) kind,
                                       wanted) == expected.names[kind]);
        }
    }

    FUZZ_HOLDS(!mk_denylist_has(list, MK_DENYLIST_CID, wanted));

    if (mk_cid_parse((const char *) wanted.data, wanted.len, &cid)) {
        FUZZ_HOLDS(mk_denylist_has_cid(list, &cid)
                   == expected.names[MK_DENYLIST_CID]);
    }
}


/* The list, by portions; NULL if the text is refused. */
static mk_denylist_t *
by_portions(mk_bytes_t text, size_t portion)
{
    size_t                 n, most;
    const char            *why;
    mk_status_t            status;
    mk_denylist_t         *list;
    mk_denylist_reader_t  *reader;

    list = NULL;

    /* of sorting: no more than the text's length, 16 times */

    most = 17 * text.len / portion + 2;

    status = mk_denylist_reader_create(text, &reader, &why);

    for (n = 0; status == MK_OK && list == NULL; n++) {
        FUZZ_HOLDS(n < most);
        status = mk_denylist_reader_step(reader, portion, &list, &why);
    }

    FUZZ_HOLDS((status == MK_OK) == (why == NULL));

    mk_denylist_reader_free(reader);

    return list;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t        *copy;
    mk_bytes_t      in, wanted, text;
    const char     *why;
    mk_status_t     status;
    mk_denylist_t  *list, *same;

    in = fuzz_bytes(data, size);
    wanted = fuzz_part(&in);
    copy = fuzz_copy(in);
    text = fuzz_bytes(copy, in.len);

    status = mk_denylist_parse(text, &list, &why);
    same = by_portions(text, 1 + wanted.len % 64);

    FUZZ_HOLDS((list == NULL) == (same == NULL));

    if (status == MK_OK) {
        FUZZ_HOLDS(why == NULL);
        compare(list, text, wanted);
        compare(same, text, wanted);

    } else {
        FUZZ_HOLDS(status == MK_INVALID_REQUEST);
        FUZZ_HOLDS(list == NULL && why != NULL);
        FUZZ_HOLDS(text.len > MK_DENYLIST_LINES_MAX
                   || (text.len >= 2 && text.data[0] >= 0xfe
                       && (text.data[0] ^ text.data[1]) == 1));
    }

    mk_denylist_free(list);
    mk_denylist_free(same);
    free(copy);

    return 0;
}
