/*
 * mk_denylist_reader: a denylist's text, read in portions.
 *
 * Lines become entries, and the entries are sorted from the bottom up: runs
 * of one become runs of two, then of four, until there is one run.  That can
 * be left and taken up at each entry, and takes the same time whatever the
 * entries are.
 */

#include "mk_denylist_reader.h"
#include "mk_denylist_internal.h"

#include <stdlib.h>
#include <string.h>


/* the shortest line that denies, with its end: a kind, TAB, one character */
#define MK_DENYLIST_READER_LINE_MIN  6


struct mk_denylist_reader_s {
    mk_denylist_t        *list;     /* in the making */
    mk_bytes_t            text;     /* from the next line on */
    size_t                seen;     /* of that: bytes that end no line */
    size_t                line;     /* lines before it */
    mk_denylist_entry_t  *sorted;   /* runs of "width" are merged into it */
    size_t                width;    /* 0: not yet */
    size_t                first;    /* of the two runs that are merged */
    size_t                left;     /* the next entry of either */
    size_t                right;
};


/* --- a line --------------------------------------------------------------- */


static int
mk_denylist_reader_is_blank(uint8_t c, int tab)
{
    return c == ' ' || (tab && c == '\t');
}


/* without spaces at both ends, and without tabs if asked for */
static mk_bytes_t
mk_denylist_reader_trim(mk_bytes_t text, int tab)
{
    while (text.len > 0 && mk_denylist_reader_is_blank(text.data[0], tab)) {
        text.data++;
        text.len--;
    }

    while (text.len > 0
           && mk_denylist_reader_is_blank(text.data[text.len - 1], tab))
    {
        text.len--;
    }

    return text;
}


/* what stands before the next byte c, which is taken too; all, if none is */
static mk_bytes_t
mk_denylist_reader_until(mk_bytes_t *in, uint8_t c)
{
    size_t          n;
    mk_bytes_t      out;
    const uint8_t  *end;

    end = in->len == 0 ? NULL : memchr(in->data, c, in->len);
    n = end == NULL ? in->len : (size_t) (end - in->data);

    (void) mk_bytes_take(in, n, &out);

    if (end != NULL) {
        in->data++;
        in->len--;
    }

    return out;
}


static int
mk_denylist_reader_kind(mk_bytes_t word, mk_denylist_kind_t *kind)
{
    static const char *const  kinds[MK_DENYLIST_KINDS] = {
        "capsule", "cid", "owner", "identity", "jti",
    };

    int  i;

    for (i = 0; i < MK_DENYLIST_KINDS; i++) {
        if (strlen(kinds[i]) == word.len
            && memcmp(kinds[i], word.data, word.len) == 0)
        {
            *kind = (mk_denylist_kind_t) i;
            return 1;
        }
    }

    return 0;
}


/*
 * Writes the value as it is compared; its length, 0 if it is none of that
 * kind.  It is never longer than its text: a multihash is binary.
 */
static size_t
mk_denylist_reader_value(mk_denylist_kind_t kind, mk_bytes_t text, uint8_t *out)
{
    mk_cid_t  cid;

    if (kind == MK_DENYLIST_CID) {
        return mk_cid_parse((const char *) text.data, text.len, &cid)
               ? mk_multihash_write(&cid.hash, out) : 0;
    }

    if (kind == MK_DENYLIST_OWNER || kind == MK_DENYLIST_IDENTITY) {
        if (!mk_name_is_identity(text)) {
            return 0;
        }

    } else if (!mk_name_is_id(text)) {
        return 0;
    }

    memcpy(out, text.data, text.len);

    return text.len;
}


/* NULL, or why the line denies nothing */
static const char *
mk_denylist_reader_line(mk_denylist_t *list, mk_bytes_t line)
{
    size_t                len;
    mk_bytes_t            word, value;
    mk_denylist_kind_t    kind;
    mk_denylist_entry_t  *entry;

    value = mk_denylist_reader_trim(line, 1);

    if (value.len == 0 || value.data[0] == '#') {
        return NULL;
    }

    if (memchr(line.data, '\t', line.len) == NULL) {
        return "it has no TAB behind a kind";
    }

    word = mk_denylist_reader_trim(mk_denylist_reader_until(&line, '\t'), 0);
    value = mk_denylist_reader_trim(mk_denylist_reader_until(&line, '\t'), 0);

    if (!mk_denylist_reader_kind(word, &kind)) {
        return "its kind is not capsule, cid, owner, identity or jti";
    }

    len = mk_denylist_reader_value(kind, value, list->values + list->used);

    if (len == 0) {
        return "its value is none of that kind";
    }

    entry = &list->entries[list->n++];

    mk_denylist_key(entry, kind, list->values + list->used, len);
    entry->at = (uint32_t) list->used;
    list->used += len;

    return NULL;
}


/* --- lines ---------------------------------------------------------------- */


/*
 * 1 and the next line, if its end is among the next bytes, of which there are
 * "portion".  CR alone ends one, too: else all that stands behind it would be
 * taken for the reason of the first entry.
 */
static int
mk_denylist_reader_next(mk_denylist_reader_t *reader, size_t *portion,
    mk_bytes_t *line)
{
    size_t       n;
    mk_bytes_t  *in;

    in = &reader->text;

    for (n = reader->seen; n < in->len; n++) {

        if (in->data[n] == '\n' || in->data[n] == '\r') {
            break;
        }

        if (*portion == 0) {
            reader->seen = n;
            return 0;
        }

        (*portion)--;
    }

    (void) mk_bytes_take(in, n, line);

    /* of CRLF both */

    n = in->len >= 2 && memcmp(in->data, "\r\n", 2) == 0 ? 2
        : in->len > 0;

    in->data += n;
    in->len -= n;

    reader->seen = 0;
    *portion -= *portion > 0;

    return 1;
}


/* The lines of this portion; MK_OK, or *why. */
static mk_status_t
mk_denylist_reader_lines(mk_denylist_reader_t *reader, size_t *portion,
    const char **why)
{
    mk_bytes_t      line;
    const char     *bad;
    mk_denylist_t  *list;

    list = reader->list;

    while (reader->text.len > 0 && *portion > 0) {

        if (!mk_denylist_reader_next(reader, portion, &line)) {
            break;
        }

        if (++reader->line > MK_DENYLIST_LINES_MAX) {
            *why = "it has too many lines";
            return MK_INVALID_REQUEST;
        }

        bad = mk_denylist_reader_line(list, line);

        if (bad == NULL) {
            continue;
        }

        if (list->nbad < MK_DENYLIST_BAD_MAX) {
            list->bad[list->nbad].line = reader->line;
            list->bad[list->nbad].why = bad;
        }

        list->nbad++;
    }

    return MK_OK;
}


/* --- order ---------------------------------------------------------------- */


/* Two runs that stand one behind the other, from "first" on. */
static void
mk_denylist_reader_pair(mk_denylist_reader_t *reader, size_t first)
{
    size_t  n;

    n = reader->list->n;

    reader->first = first;
    reader->left = first;
    reader->right = n - first < reader->width ? n : first + reader->width;
}


/* What runs of "width" were merged into is what is merged next. */
static void
mk_denylist_reader_widen(mk_denylist_reader_t *reader)
{
    mk_denylist_entry_t  *sorted;

    sorted = reader->sorted;
    reader->sorted = reader->list->entries;
    reader->list->entries = sorted;

    reader->width *= 2;

    mk_denylist_reader_pair(reader, 0);
}


/* 1 if the pair is merged, 0 if the portion is used up. */
static int
mk_denylist_reader_merge(mk_denylist_reader_t *reader, size_t *portion)
{
    int                         from_left;
    size_t                      middle, end, n;
    const uint8_t              *values;
    const mk_denylist_entry_t  *in, *a, *b;

    n = reader->list->n;
    in = reader->list->entries;
    values = reader->list->values;

    middle = n - reader->first < reader->width
             ? n : reader->first + reader->width;
    end = n - middle < reader->width ? n : middle + reader->width;

    while (reader->left < middle || reader->right < end) {

        if (*portion == 0) {
            return 0;
        }

        (*portion)--;

        from_left = reader->left < middle;

        if (from_left && reader->right < end) {
            a = &in[reader->left];
            b = &in[reader->right];

            from_left = mk_denylist_order(a, values + a->at,
                                          b, values + b->at) <= 0;
        }

        n = reader->left + reader->right - middle;

        reader->sorted[n] = from_left ? in[reader->left++]
                                      : in[reader->right++];
    }

    mk_denylist_reader_pair(reader, end);

    return 1;
}


/* 1 if all is in order, 0 if the portion is used up. */
static int
mk_denylist_reader_sort(mk_denylist_reader_t *reader, size_t *portion)
{
    if (reader->width == 0) {
        reader->width = 1;
        mk_denylist_reader_pair(reader, 0);
    }

    while (reader->width < reader->list->n) {

        while (reader->first < reader->list->n) {
            if (!mk_denylist_reader_merge(reader, portion)) {
                return 0;
            }
        }

        mk_denylist_reader_widen(reader);
    }

    return 1;
}


/* --- the whole ------------------------------------------------------------ */


static int
mk_denylist_reader_is_utf16(mk_bytes_t text)
{
    return text.len >= 2
           && (memcmp(text.data, "\xff\xfe", 2) == 0
               || memcmp(text.data, "\xfe\xff", 2) == 0);
}


mk_status_t
mk_denylist_reader_create(mk_bytes_t text, mk_denylist_reader_t **reader,
    const char **why)
{
    size_t                 most;
    mk_denylist_t         *list;
    mk_denylist_reader_t  *new;

    *reader = NULL;
    *why = NULL;

    if (text.len > MK_DENYLIST_TEXT_MAX) {
        *why = "it is too large";
        return MK_INVALID_REQUEST;
    }

    if (mk_denylist_reader_is_utf16(text)) {
        *why = "it is in UTF-16, save it as UTF-8";
        return MK_INVALID_REQUEST;
    }

    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }

    *why = "there is no memory";

    new = calloc(1, sizeof(mk_denylist_reader_t));
    list = calloc(1, sizeof(mk_denylist_t));

    if (new == NULL || list == NULL) {
        free(new);
        free(list);
        return MK_INTERNAL_ERROR;
    }

    new->list = list;
    new->text = text;

    most = text.len / MK_DENYLIST_READER_LINE_MIN + 1;

    if (most > MK_DENYLIST_LINES_MAX) {
        most = MK_DENYLIST_LINES_MAX;
    }

    list->entries = malloc(most * sizeof(mk_denylist_entry_t));
    list->values = malloc(text.len + 1);
    new->sorted = malloc(most * sizeof(mk_denylist_entry_t));

    if (list->entries == NULL || list->values == NULL || new->sorted == NULL)
    {
        mk_denylist_reader_free(new);
        return MK_INTERNAL_ERROR;
    }

    *reader = new;
    *why = NULL;

    return MK_OK;
}


mk_status_t
mk_denylist_reader_step(mk_denylist_reader_t *reader, size_t portion,
    mk_denylist_t **list, const char **why)
{
    mk_status_t  status;

    *list = NULL;
    *why = NULL;

    status = mk_denylist_reader_lines(reader, &portion, why);

    if (status != MK_OK) {
        return status;
    }

    if (reader->text.len == 0 && mk_denylist_reader_sort(reader, &portion)) {
        *list = reader->list;
        reader->list = NULL;
    }

    return MK_OK;
}


void
mk_denylist_reader_free(mk_denylist_reader_t *reader)
{
    if (reader == NULL) {
        return;
    }

    mk_denylist_free(reader->list);
    free(reader->sorted);
    free(reader);
}
