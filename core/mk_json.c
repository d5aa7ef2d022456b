/*
 * mk_json: strict JSON on top of jansson.
 */

#include "mk_json.h"

#include "mk_base.h"

#include <stdlib.h>
#include <string.h>


/*
 * Looks at size and depth before anything is allocated.  Brackets inside
 * strings do not nest; whether the text is JSON at all is jansson's question.
 */
static int
mk_json_within_limits(mk_bytes_t text)
{
    int      in_string;
    size_t   i, depth;
    uint8_t  c;

    if (text.len == 0 || text.len > MK_JSON_MAX) {
        return 0;
    }

    in_string = 0;
    depth = 0;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (in_string) {
            if (c == '\\') {
                i++;

            } else if (c == '"') {
                in_string = 0;
            }

            continue;
        }

        switch (c) {

        case '"':
            in_string = 1;
            break;

        case '{':
        case '[':
            if (++depth > MK_JSON_DEPTH_MAX) {
                return 0;
            }

            break;

        case '}':
        case ']':
            if (depth == 0) {
                return 0;
            }

            depth--;
            break;

        default:
            break;
        }
    }

    return !in_string && depth == 0;
}


/*
 * What jansson allocates with while it reads, and whether that failed.  Its
 * own word is not enough: where its buffer for tokens cannot grow, version
 * 2.14 loses a character without an error, and where that is the quote at
 * the end of a string it reads and writes beyond.  So nothing is allocated
 * behind a failure, which ends the reading at the string's copy, and what
 * was read is not used.
 */
static json_malloc_t  mk_json_allocate;
static int            mk_json_failed;


static void *
mk_json_malloc(size_t size)
{
    void  *memory;

    memory = mk_json_failed ? NULL : mk_json_allocate(size);

    if (memory == NULL) {
        mk_json_failed = 1;
    }

    return memory;
}


/* NULL if it is no JSON, or where memory ran out */
static json_t *
mk_json_load(mk_bytes_t text)
{
    json_t       *value;
    json_free_t   release;

    json_get_alloc_funcs(&mk_json_allocate, &release);
    json_set_alloc_funcs(mk_json_malloc, release);
    mk_json_failed = 0;

    /* without JSON_ALLOW_NUL and JSON_DISABLE_EOF_CHECK both are refused */
    value = json_loadb((const char *) text.data, text.len,
                       JSON_REJECT_DUPLICATES, NULL);

    json_set_alloc_funcs(mk_json_allocate, release);

    if (mk_json_failed) {
        json_decref(value);
        value = NULL;
    }

    return value;
}


mk_status_t
mk_json_parse(mk_bytes_t text, mk_status_t refused, json_t **object)
{
    json_t  *value;

    *object = NULL;

    if (!mk_json_within_limits(text)) {
        return refused;
    }

    value = mk_json_load(text);

    if (value == NULL) {
        return mk_json_failed ? MK_INTERNAL_ERROR : refused;
    }

    if (!json_is_object(value)) {
        json_decref(value);
        return refused;
    }

    *object = value;

    return MK_OK;
}


int
mk_json_string(const json_t *object, const char *name, mk_bytes_t *value)
{
    const json_t  *member;

    value->data = NULL;
    value->len = 0;

    member = json_object_get(object, name);
    if (member == NULL) {
        return 0;
    }

    if (!json_is_string(member)) {
        return -1;
    }

    value->data = (const uint8_t *) json_string_value(member);
    value->len = json_string_length(member);

    return 1;
}


int
mk_json_integer(const json_t *object, const char *name, int64_t *value)
{
    const json_t  *member;

    *value = 0;

    member = json_object_get(object, name);
    if (member == NULL) {
        return 0;
    }

    if (!json_is_integer(member)) {
        return -1;
    }

    *value = json_integer_value(member);

    return 1;
}


int
mk_json_boolean(const json_t *object, const char *name, int *value)
{
    const json_t  *member;

    *value = 0;

    member = json_object_get(object, name);
    if (member == NULL) {
        return 0;
    }

    if (!json_is_boolean(member)) {
        return -1;
    }

    *value = json_is_true(member);

    return 1;
}


int
mk_json_object(const json_t *object, const char *name, const json_t **value)
{
    const json_t  *member;

    *value = NULL;

    member = json_object_get(object, name);
    if (member == NULL) {
        return 0;
    }

    if (!json_is_object(member)) {
        return -1;
    }

    *value = member;

    return 1;
}


int
mk_json_array(const json_t *object, const char *name, const json_t **value)
{
    const json_t  *member;

    *value = NULL;

    member = json_object_get(object, name);
    if (member == NULL) {
        return 0;
    }

    if (!json_is_array(member)) {
        return -1;
    }

    *value = member;

    return 1;
}


int
mk_json_base64url(const json_t *object, const char *name, uint8_t *out,
    size_t out_size, size_t *out_len)
{
    int         rc;
    mk_bytes_t  text;

    memset(out, 0, out_size);
    *out_len = 0;

    rc = mk_json_string(object, name, &text);
    if (rc != 1) {
        return rc;
    }

    if (!mk_base64url_decode((const char *) text.data, text.len, out,
                             out_size, out_len))
    {
        return -1;
    }

    return 1;
}


static int
mk_json_same(const json_t *value, mk_bytes_t text)
{
    return json_string_length(value) == text.len
           && (text.len == 0
               || memcmp(json_string_value(value), text.data, text.len) == 0);
}


int
mk_json_is(const json_t *object, const char *name, const char *word)
{
    mk_bytes_t     text;
    const json_t  *member;

    text.data = (const uint8_t *) word;
    text.len = strlen(word);

    member = json_object_get(object, name);

    return json_is_string(member) && mk_json_same(member, text);
}


int
mk_json_names(const json_t *value, mk_bytes_t text)
{
    int            found;
    size_t         i;
    const json_t  *item;

    if (json_is_string(value)) {
        return mk_json_same(value, text);
    }

    if (!json_is_array(value)) {
        return 0;
    }

    found = 0;

    /* to the end: one item of another kind makes it no array of strings */
    for (i = 0; i < json_array_size(value); i++) {
        item = json_array_get(value, i);

        if (!json_is_string(item)) {
            return 0;
        }

        if (mk_json_same(item, text)) {
            found = 1;
        }
    }

    return found;
}


void
mk_json_set(json_t *object, const char *name, json_t *value, int *failed)
{
    if (json_object_set_new(object, name, value) != 0) {
        *failed = 1;
    }
}


/*
 * Twice, the first time to count: json_dumps grows a buffer as it goes, and
 * drops the name of a member for which that fails.
 */
char *
mk_json_print(const json_t *object, size_t *len)
{
    char    *text;
    size_t   size;

    *len = 0;

    size = json_dumpb(object, NULL, 0, JSON_COMPACT);
    if (size == 0) {
        return NULL;
    }

    text = malloc(size + 1);
    if (text == NULL) {
        return NULL;
    }

    if (json_dumpb(object, text, size, JSON_COMPACT) != size) {
        free(text);
        return NULL;
    }

    text[size] = '\0';
    *len = size;

    return text;
}
