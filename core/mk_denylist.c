/*
 * mk_denylist: what the operator does not serve, whatever else says yes.
 *
 * An array that is sorted by a hash, then by the bytes.  The hash is for
 * speed only and has no key: whoever makes values whose hashes are the same
 * makes the comparisons of a binary search longer, and nothing more.
 */

#include "mk_denylist.h"

#include <stdlib.h>
#include <string.h>


/* FNV-1a, 64 bits */
#define MK_DENYLIST_HASH_SEED   UINT64_C(0xcbf29ce484222325)
#define MK_DENYLIST_HASH_PRIME  UINT64_C(0x100000001b3)


typedef struct {
    uint64_t        hash;
    const uint8_t  *value;      /* of a CID, its multihash */
    uint8_t         kind;
    uint8_t         len;        /* MK_NAME_MAX and MK_MULTIHASH_MAX fit */
} mk_denylist_entry_t;


struct mk_denylist_s {
    const mk_denylist_t  *also;
    size_t                n;
    mk_denylist_entry_t  *entries;
    size_t                used;
    uint8_t              *values;       /* one behind the other */
    size_t                nbad;
    mk_denylist_bad_t     bad[MK_DENYLIST_BAD_MAX];
};


/* --- comparing ------------------------------------------------------------ */


static void
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
    entry->value = value;
    entry->kind = (uint8_t) kind;
    entry->len = (uint8_t) len;
}


static int
mk_denylist_compare(const void *one, const void *two)
{
    const mk_denylist_entry_t  *a = one;
    const mk_denylist_entry_t  *b = two;

    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }

    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }

    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    return memcmp(a->value, b->value, a->len);
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

    if (list->n > 0
        && bsearch(&key, list->entries, list->n, sizeof(mk_denylist_entry_t),
                   mk_denylist_compare)
           != NULL)
    {
        return 1;
    }

    return list->also != NULL && list->also->n > 0
           && bsearch(&key, list->also->entries, list->also->n,
                      sizeof(mk_denylist_entry_t), mk_denylist_compare)
              != NULL;
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


/* --- reading -------------------------------------------------------------- */


static int
mk_denylist_is_utf16(mk_bytes_t text)
{
    return text.len >= 2
           && (memcmp(text.data, "\xff\xfe", 2) == 0
               || memcmp(text.data, "\xfe\xff", 2) == 0);
}


static int
mk_denylist_is_blank(uint8_t c, int tab)
{
    return c == ' ' || (tab && c == '\t');
}


/* without spaces at both ends, and without tabs if asked for */
static mk_bytes_t
mk_denylist_trim(mk_bytes_t text, int tab)
{
    while (text.len > 0 && mk_denylist_is_blank(text.data[0], tab)) {
        text.data++;
        text.len--;
    }

    while (text.len > 0
           && mk_denylist_is_blank(text.data[text.len - 1], tab))
    {
        text.len--;
    }

    return text;
}


/* what stands before the next byte c, which is taken too; all, if none is */
static mk_bytes_t
mk_denylist_until(mk_bytes_t *in, uint8_t c)
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
mk_denylist_kind(mk_bytes_t word, mk_denylist_kind_t *kind)
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
mk_denylist_value(mk_denylist_kind_t kind, mk_bytes_t text, uint8_t *out)
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


/*
 * The next line.  CR alone ends one, too: else all that stands behind it
 * would be taken for the reason of the first entry.
 */
static mk_bytes_t
mk_denylist_next(mk_bytes_t *in)
{
    size_t      n;
    mk_bytes_t  out;

    for (n = 0; n < in->len; n++) {
        if (in->data[n] == '\n' || in->data[n] == '\r') {
            break;
        }
    }

    (void) mk_bytes_take(in, n, &out);

    /* of CRLF both */

    n = in->len >= 2 && memcmp(in->data, "\r\n", 2) == 0 ? 2
        : in->len > 0;

    in->data += n;
    in->len -= n;

    return out;
}


/* NULL, or why the line denies nothing */
static const char *
mk_denylist_line(mk_denylist_t *list, mk_bytes_t line)
{
    size_t              len;
    mk_bytes_t          word, value;
    mk_denylist_kind_t  kind;

    value = mk_denylist_trim(line, 1);

    if (value.len == 0 || value.data[0] == '#') {
        return NULL;
    }

    if (memchr(line.data, '\t', line.len) == NULL) {
        return "it has no TAB behind a kind";
    }

    word = mk_denylist_trim(mk_denylist_until(&line, '\t'), 0);
    value = mk_denylist_trim(mk_denylist_until(&line, '\t'), 0);

    if (!mk_denylist_kind(word, &kind)) {
        return "its kind is not capsule, cid, owner, identity or jti";
    }

    len = mk_denylist_value(kind, value, list->values + list->used);

    if (len == 0) {
        return "its value is none of that kind";
    }

    mk_denylist_key(&list->entries[list->n++], kind,
                    list->values + list->used, len);
    list->used += len;

    return NULL;
}


static void
mk_denylist_lines(mk_denylist_t *list, mk_bytes_t text)
{
    size_t       line;
    const char  *why;

    for (line = 1; text.len > 0; line++) {

        why = mk_denylist_line(list, mk_denylist_next(&text));

        if (why == NULL) {
            continue;
        }

        if (list->nbad < MK_DENYLIST_BAD_MAX) {
            list->bad[list->nbad].line = line;
            list->bad[list->nbad].why = why;
        }

        list->nbad++;
    }
}


static size_t
mk_denylist_count(mk_bytes_t text)
{
    size_t  n;

    for (n = 0; text.len > 0; n++) {
        (void) mk_denylist_next(&text);
    }

    return n;
}


mk_status_t
mk_denylist_parse(mk_bytes_t text, mk_denylist_t **list, const char **why)
{
    size_t          lines;
    mk_denylist_t  *new;

    *list = NULL;
    *why = NULL;

    if (text.len > MK_DENYLIST_TEXT_MAX) {
        *why = "it is too large";
        return MK_INVALID_REQUEST;
    }

    if (mk_denylist_is_utf16(text)) {
        *why = "it is in UTF-16, save it as UTF-8";
        return MK_INVALID_REQUEST;
    }

    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }

    lines = mk_denylist_count(text);

    if (lines > MK_DENYLIST_LINES_MAX) {
        *why = "it has too many lines";
        return MK_INVALID_REQUEST;
    }

    *why = "there is no memory";

    new = calloc(1, sizeof(mk_denylist_t));
    if (new == NULL) {
        return MK_INTERNAL_ERROR;
    }

    new->entries = malloc((lines + 1) * sizeof(mk_denylist_entry_t));
    new->values = malloc(text.len + 1);

    if (new->entries == NULL || new->values == NULL) {
        mk_denylist_free(new);
        return MK_INTERNAL_ERROR;
    }

    mk_denylist_lines(new, text);

    qsort(new->entries, new->n, sizeof(mk_denylist_entry_t),
          mk_denylist_compare);

    *list = new;
    *why = NULL;

    return MK_OK;
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
