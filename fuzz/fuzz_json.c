/*
 * fuzz_json: strict JSON; what is read can be printed and is the same.
 */

#include "fuzz.h"
#include "mk_json.h"

#include <stdlib.h>
#include <string.h>


static size_t
depth(const json_t *value)
{
    size_t  i, deepest, d;
    void   *at;

    deepest = 0;

    for (i = 0; i < json_array_size(value); i++) {
        d = depth(json_array_get(value, i));
        deepest = d > deepest ? d : deepest;
    }

    if (json_is_object(value)) {
        union { const json_t *in; json_t *out; } object = { value };

        for (at = json_object_iter(object.out); at != NULL;
             at = json_object_iter_next(object.out, at))
        {
            d = depth(json_object_iter_value(at));
            deepest = d > deepest ? d : deepest;
        }
    }

    return deepest + (json_is_object(value) || json_is_array(value));
}


/* each getter says the kind of a member, and gives nothing of another kind */
static void
check_member(const json_t *object, const char *name, const json_t *member)
{
    int            flag;
    size_t         len;
    uint8_t        bytes[16];
    int64_t        number;
    mk_bytes_t     text;
    const json_t  *inner;

    FUZZ_HOLDS(mk_json_string(object, name, &text)
               == (json_is_string(member) ? 1 : -1));
    FUZZ_HOLDS(json_is_string(member) || (text.data == NULL
                                          && text.len == 0));
    FUZZ_HOLDS(!json_is_string(member)
               || memchr(text.data, '\0', text.len + 1)
                  == text.data + text.len);

    FUZZ_HOLDS(mk_json_integer(object, name, &number)
               == (json_is_integer(member) ? 1 : -1));
    FUZZ_HOLDS(json_is_integer(member) || number == 0);

    FUZZ_HOLDS(mk_json_boolean(object, name, &flag)
               == (json_is_boolean(member) ? 1 : -1));
    FUZZ_HOLDS(flag == (json_is_true(member) ? 1 : 0));

    FUZZ_HOLDS(mk_json_object(object, name, &inner)
               == (json_is_object(member) ? 1 : -1));
    FUZZ_HOLDS(inner == (json_is_object(member) ? member : NULL));

    FUZZ_HOLDS(mk_json_array(object, name, &inner)
               == (json_is_array(member) ? 1 : -1));
    FUZZ_HOLDS(inner == (json_is_array(member) ? member : NULL));

    if (mk_json_base64url(object, name, bytes, sizeof(bytes), &len) != 1) {
        FUZZ_HOLDS(len == 0 && fuzz_is_zero(bytes, sizeof(bytes)));
    }

    FUZZ_HOLDS(!json_is_string(member)
               || mk_json_is(object, name, (const char *) text.data));
    FUZZ_HOLDS(!json_is_string(member) || mk_json_names(member, text));
}


static void
check_object(json_t *object)
{
    char         *text;
    void         *at;
    size_t        len;
    json_t       *again;
    mk_status_t   status;

    FUZZ_HOLDS(depth(object) <= MK_JSON_DEPTH_MAX);

    for (at = json_object_iter(object); at != NULL;
         at = json_object_iter_next(object, at))
    {
        check_member(object, json_object_iter_key(at),
                     json_object_iter_value(at));
    }

    text = mk_json_print(object, &len);
    FUZZ_HOLDS(text != NULL && text[len] == '\0');

    status = mk_json_parse(fuzz_bytes(text, len), MK_INVALID_REQUEST, &again);

    /* a number may be printed longer than it was written */

    FUZZ_HOLDS(len > MK_JSON_MAX || status == MK_OK);
    FUZZ_HOLDS(len > MK_JSON_MAX || json_equal(object, again));

    json_decref(again);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t       *object;
    uint8_t      *copy;
    mk_status_t   status;

    copy = fuzz_copy(fuzz_bytes(data, size));
    status = mk_json_parse(fuzz_bytes(copy, size), MK_INVALID_REQUEST,
                           &object);

    /* there is memory: bad text is bad text */

    FUZZ_HOLDS(status == MK_OK || status == MK_INVALID_REQUEST);
    FUZZ_HOLDS((status == MK_OK) == (object != NULL));
    FUZZ_HOLDS(status != MK_OK || json_is_object(object));
    FUZZ_HOLDS(status != MK_OK || size <= MK_JSON_MAX);

    if (status == MK_OK) {
        check_object(object);
    }

    json_decref(object);
    free(copy);

    return 0;
}
