/*
 * mk_json: strict JSON for text that somebody else wrote.
 *
 * jansson, with what it leaves open closed: at most MK_JSON_MAX bytes and
 * MK_JSON_DEPTH_MAX levels (looked at before jansson allocates), UTF-8,
 * no duplicate names, nothing behind the value, no NUL in strings, a number
 * that is asked for as an integer is written as one.
 */

#ifndef MK_JSON_H
#define MK_JSON_H

#include <jansson.h>

#include "mk_bytes.h"
#include "mk_status.h"


#define MK_JSON_MAX        (64 * 1024)
#define MK_JSON_DEPTH_MAX  8


/*
 * Reads an object.  MK_OK: *object is owned, to be freed by json_decref.
 * "refused" (the caller's outcome for bad text), *object NULL: anything that
 * is not one strict JSON object.  MK_INTERNAL_ERROR: no memory.
 */
mk_status_t mk_json_parse(mk_bytes_t text, mk_status_t refused,
    json_t **object);

/*
 * Members.  Each returns 1 if the member is there and of its kind (the value
 * is borrowed from object), 0 if it is not there, -1 if it is there and is
 * something else; then the output is zeroed.  A JSON null is something else.
 */
int mk_json_string(const json_t *object, const char *name, mk_bytes_t *value);
int mk_json_integer(const json_t *object, const char *name, int64_t *value);
int mk_json_boolean(const json_t *object, const char *name, int *value);
int mk_json_object(const json_t *object, const char *name,
    const json_t **value);
int mk_json_array(const json_t *object, const char *name,
    const json_t **value);

/*
 * Decodes a base64url member into out (at most out_size bytes).  Returns as
 * above; -1 also for text that is not strict base64url or does not fit.
 */
int mk_json_base64url(const json_t *object, const char *name, uint8_t *out,
    size_t out_size, size_t *out_len);

/* 1 if the member is there and is exactly the string "word", else 0 */
int mk_json_is(const json_t *object, const char *name, const char *word);

/* 1 if value is the string "text", or an array of strings that has it */
int mk_json_names(const json_t *value, mk_bytes_t text);

/*
 * Adds value under name and takes it over.  A value of NULL (no memory to
 * make it) and a failure to add it both set *failed, which is never cleared,
 * so that an object can be built without a question behind each line.
 * json_pack cannot do that: what it marks as optional it silently leaves out
 * where memory ran out.
 */
void mk_json_set(json_t *object, const char *name, json_t *value,
    int *failed);

/*
 * Prints an object without white space.  The text is owned, NUL closed,
 * *len long and freed by free(); NULL and *len 0 if there is no memory.
 */
char *mk_json_print(const json_t *object, size_t *len);


#endif /* MK_JSON_H */
