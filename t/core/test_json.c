/*
 * Strict JSON: what is refused, and that a member of another kind is never
 * taken for one that is not there.
 */

#include "mk_json.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    const char  *name;
    const char  *text;
    size_t       len;
} test_text_t;

#define TEXT(s)  s, sizeof(s) - 1


static const test_text_t  test_good[] = {
    { "an empty object", TEXT("{}") },
    { "white space around it", TEXT(" \t\r\n{ } \n") },
    { "8 levels", TEXT("{\"a\":[[[[[[[]]]]]]]}") },
    { "brackets inside strings do not nest",
      TEXT("{\"a\":\"[[[[[[[[[[{{{{\\\"[[[[\"}") },
    { "a closing bracket inside a string", TEXT("{\"a\":\"]}\"}") },
    { "an escaped backslash ends a string", TEXT("{\"a\":\"\\\\\"}") },
    { "UTF-8 of four bytes", TEXT("{\"a\":\"\xf0\x9f\x90\x91\"}") },
    { "a surrogate pair", TEXT("{\"a\":\"\\ud83d\\udc11\"}") },
    { "siblings of the same name in different objects",
      TEXT("{\"a\":{\"b\":1},\"c\":{\"b\":2}}") },
    { "the largest integer", TEXT("{\"a\":9223372036854775807}") },
};


static const test_text_t  test_bad[] = {
    { "nothing", TEXT("") },
    { "white space", TEXT("  ") },
    { "an array at the top", TEXT("[]") },
    { "a string at the top", TEXT("\"a\"") },
    { "null at the top", TEXT("null") },
    { "a number at the top", TEXT("1") },
    { "9 levels", TEXT("{\"a\":[[[[[[[[]]]]]]]]}") },
    { "9 levels that never close", TEXT("{\"a\":[[[[[[[[") },
    { "trailing text", TEXT("{}x") },
    { "a second value", TEXT("{}{}") },
    { "a trailing NUL", TEXT("{}\0") },
    { "a closing bracket too many", TEXT("{}}") },
    { "a closing bracket first", TEXT("}{") },
    { "a byte order mark", TEXT("\xef\xbb\xbf{}") },
    { "a duplicate name", TEXT("{\"a\":1,\"a\":1}") },
    { "a duplicate name behind an escape", TEXT("{\"a\":1,\"\\u0061\":1}") },
    { "a duplicate name further down",
      TEXT("{\"a\":{\"b\":1,\"c\":[],\"b\":2}}") },
    { "a raw NUL in a string", TEXT("{\"a\":\"b\0c\"}") },
    { "an escaped NUL in a string", TEXT("{\"a\":\"b\\u0000c\"}") },
    { "an escaped NUL in a name", TEXT("{\"a\\u0000\":1}") },
    { "a raw newline in a string", TEXT("{\"a\":\"\n\"}") },
    { "a lone high surrogate", TEXT("{\"a\":\"\\ud800\"}") },
    { "a lone low surrogate", TEXT("{\"a\":\"\\udc00\"}") },
    { "UTF-8 that is too long", TEXT("{\"a\":\"\xc0\xaf\"}") },
    { "a surrogate in UTF-8", TEXT("{\"a\":\"\xed\xa0\x80\"}") },
    { "beyond U+10FFFF", TEXT("{\"a\":\"\xf4\x90\x80\x80\"}") },
    { "UTF-8 cut short", TEXT("{\"a\":\"\xf0\x9f\x90\"}") },
    { "a lone continuation byte", TEXT("{\"a\":\"\x80\"}") },
    { "a trailing comma", TEXT("{\"a\":1,}") },
    { "a comment", TEXT("{/* a */}") },
    { "single quotes", TEXT("{'a':1}") },
    { "a name without quotes", TEXT("{a:1}") },
    { "a leading zero", TEXT("{\"a\":01}") },
    { "a plus sign", TEXT("{\"a\":+1}") },
    { "a number without digits", TEXT("{\"a\":-}") },
    { "a fraction without digits", TEXT("{\"a\":1.}") },
    { "NaN", TEXT("{\"a\":NaN}") },
    { "True", TEXT("{\"a\":True}") },
    { "an integer beyond 64 bits", TEXT("{\"a\":9223372036854775808}") },
    { "a real that overflows", TEXT("{\"a\":1e999}") },
    { "an unknown escape", TEXT("{\"a\":\"\\x41\"}") },
    { "an unclosed string", TEXT("{\"a\":\"b") },
    { "an unclosed object", TEXT("{\"a\":1") },
    { "an escape at the end", TEXT("{\"a\":\"\\") },
    { "brackets crossed", TEXT("{\"a\":[}]") },
};


static mk_status_t
parse(const char *text, size_t len, json_t **object)
{
    mk_bytes_t  bytes = { (const uint8_t *) text, len };

    return mk_json_parse(bytes, MK_LINK_INVALID, object);
}


static void
test_texts(void)
{
    size_t   i;
    json_t  *object;

    for (i = 0; i < sizeof(test_good) / sizeof(test_good[0]); i++) {
        is_status(parse(test_good[i].text, test_good[i].len, &object), MK_OK,
                  "read: %s", test_good[i].name);
        json_decref(object);
    }

    for (i = 0; i < sizeof(test_bad) / sizeof(test_bad[0]); i++) {
        object = (json_t *) &object;

        is_status(parse(test_bad[i].text, test_bad[i].len, &object),
                  MK_LINK_INVALID, "refused: %s", test_bad[i].name);
        ok(object == NULL, "no object: %s", test_bad[i].name);
    }
}


static void
test_size(void)
{
    char    *text;
    json_t  *object;

    text = malloc(MK_JSON_MAX + 1);
    if (text == NULL) {
        ok(0, "memory for the test");
        return;
    }

    memset(text, ' ', MK_JSON_MAX + 1);
    memcpy(text, "{}", 2);

    is_status(parse(text, MK_JSON_MAX, &object), MK_OK, "exactly 64 KiB");
    json_decref(object);

    is_status(parse(text, MK_JSON_MAX + 1, &object), MK_LINK_INVALID,
              "one byte above 64 KiB");

    free(text);
}


/* every prefix of a good text is refused, and none is read beyond its end */
static void
test_cut(void)
{
    static const char  text[] = "{\"a\":[1,-2.5e3,\"\\u00e9\\\"\",true,null]}";

    char    *copy;
    size_t   i, refused;
    json_t  *object;

    refused = 0;

    for (i = 0; i < sizeof(text) - 1; i++) {
        copy = malloc(i + 1);
        if (copy == NULL) {
            break;
        }

        memcpy(copy, text, i);

        if (parse(copy, i, &object) == MK_LINK_INVALID) {
            refused++;
        }

        free(copy);
    }

    is_int(refused, sizeof(text) - 1, "a text cut anywhere is refused");
}


static void
test_members(void)
{
    static const char  text[] =
        "{\"s\":\"text\",\"e\":\"\",\"i\":-7,\"r\":1.0,\"x\":1e2,\"t\":true,"
        "\"f\":false,\"n\":null,\"o\":{},\"a\":[],\"b\":\"AQID\","
        "\"p\":\"AQI=\",\"z\":\"AQJ\"}";

    int            flag;
    json_t        *object;
    size_t         len;
    int64_t        number;
    uint8_t        out[3];
    mk_bytes_t     value;
    const json_t  *member;

    is_status(parse(text, sizeof(text) - 1, &object), MK_OK, "members");

    is_int(mk_json_string(object, "s", &value), 1, "a string");
    is_mem(value.data, value.len, "text", 4, "a string's bytes");
    is_int(mk_json_string(object, "e", &value), 1, "an empty string is there");
    is_int(mk_json_string(object, "-", &value), 0, "a string that is not");
    ok(value.data == NULL && value.len == 0, "nothing is empty");
    is_int(mk_json_string(object, "i", &value), -1, "an integer is no string");
    is_int(mk_json_string(object, "n", &value), -1, "null is no string");

    is_int(mk_json_integer(object, "i", &number), 1, "an integer");
    is_int(number, -7, "an integer's value");
    is_int(mk_json_integer(object, "-", &number), 0, "no integer");
    is_int(mk_json_integer(object, "r", &number), -1, "1.0 is no integer");
    is_int(mk_json_integer(object, "x", &number), -1, "1e2 is no integer");
    is_int(mk_json_integer(object, "t", &number), -1, "true is no integer");
    is_int(mk_json_integer(object, "n", &number), -1, "null is no integer");
    is_int(number, 0, "and the output is zero");

    is_int(mk_json_boolean(object, "t", &flag), 1, "a boolean");
    is_int(flag, 1, "true");
    is_int(mk_json_boolean(object, "f", &flag), 1, "another");
    is_int(flag, 0, "false");
    is_int(mk_json_boolean(object, "-", &flag), 0, "no boolean");
    is_int(mk_json_boolean(object, "i", &flag), -1, "a number is no boolean");
    is_int(mk_json_boolean(object, "s", &flag), -1, "a string is no boolean");

    is_int(mk_json_object(object, "o", &member), 1, "an object");
    is_int(mk_json_object(object, "-", &member), 0, "no object");
    is_int(mk_json_object(object, "a", &member), -1, "an array is no object");
    ok(member == NULL, "and the output is NULL");

    is_int(mk_json_array(object, "a", &member), 1, "an array");
    is_int(mk_json_array(object, "-", &member), 0, "no array");
    is_int(mk_json_array(object, "o", &member), -1, "an object is no array");

    is_int(mk_json_base64url(object, "b", out, 3, &len), 1, "base64url");
    is_mem(out, len, "\1\2\3", 3, "base64url's bytes");
    is_int(mk_json_base64url(object, "b", out, 2, &len), -1,
           "base64url that does not fit");
    is_int(len, 0, "and its length is zero");
    is_int(mk_json_base64url(object, "p", out, 3, &len), -1, "padding");
    is_int(mk_json_base64url(object, "z", out, 3, &len), -1,
           "bits behind the last byte");
    is_int(mk_json_base64url(object, "-", out, 3, &len), 0, "no base64url");
    is_int(mk_json_base64url(object, "i", out, 3, &len), -1,
           "an integer is no base64url");

    json_decref(object);
}


static void
test_names(void)
{
    static const char  text[] =
        "{\"s\":\"bob\",\"a\":[\"alice\",\"bob\"],\"m\":[\"bob\",1],"
        "\"l\":[[\"bob\"]],\"o\":{\"bob\":\"bob\"},\"e\":[],\"n\":\"\"}";

    json_t            *object;
    const mk_bytes_t   bob = { (const uint8_t *) "bob", 3 };
    const mk_bytes_t   bo = { (const uint8_t *) "bo", 2 };
    const mk_bytes_t   none = { NULL, 0 };

    is_status(parse(text, sizeof(text) - 1, &object), MK_OK, "names");

#define NAMES(member, name)                                                 \
    mk_json_names(json_object_get(object, member), name)

    is_int(mk_json_is(object, "s", "bob"), 1, "a member is a word");
    is_int(mk_json_is(object, "s", "bo"), 0, "and not its beginning");
    is_int(mk_json_is(object, "s", "bobby"), 0, "nor more than itself");
    is_int(mk_json_is(object, "n", ""), 1, "an empty word");
    is_int(mk_json_is(object, "-", ""), 0, "which is not there");
    is_int(mk_json_is(object, "a", "bob"), 0, "an array is no word");

    is_int(NAMES("s", bob), 1, "a string names itself");
    is_int(NAMES("s", bo), 0, "a prefix is another name");
    is_int(NAMES("a", bob), 1, "an array names what it has");
    is_int(NAMES("m", bob), 0, "a number makes it no array of strings");
    is_int(NAMES("l", bob), 0, "an array inside an array names nothing");
    is_int(NAMES("o", bob), 0, "an object names nothing");
    is_int(NAMES("e", bob), 0, "an empty array names nothing");
    is_int(NAMES("n", none), 1, "the empty string names itself");
    is_int(NAMES("e", none), 0, "an empty array has no empty name");
    is_int(NAMES("-", bob), 0, "what is not there names nothing");

    json_decref(object);
}


static void
test_writing(void)
{
    int      failed;
    char    *text;
    size_t   len;
    json_t  *object;

    failed = 0;
    object = json_object();

    mk_json_set(object, "a", json_string("b\n\"\xc3\xa9"), &failed);
    mk_json_set(object, "c", json_integer(-1), &failed);
    is_int(failed, 0, "members are set");

    text = mk_json_print(object, &len);
    is_mem(text, len, "{\"a\":\"b\\n\\\"\xc3\xa9\",\"c\":-1}", 22,
           "and printed");
    free(text);

    mk_json_set(object, "d", NULL, &failed);
    is_int(failed, 1, "a value that could not be made is a failure");
    mk_json_set(object, "e", json_true(), &failed);
    is_int(failed, 1, "which a success does not undo");

    failed = 0;
    mk_json_set(NULL, "a", json_integer(1), &failed);
    is_int(failed, 1, "so is an object that could not be made");

    ok(mk_json_print(NULL, &len) == NULL && len == 0,
       "and it is not printed");

    json_decref(object);
}


int
main(void)
{
    test_texts();
    test_size();
    test_cut();
    test_members();
    test_names();
    test_writing();

    return tap_done();
}
