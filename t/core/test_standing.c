/*
 * What the metadata service says of capabilities and members: the literal
 * words, and everything that only looks like them.
 */

#include "mk_standing.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


#define BAD_STATE   MK_METADATA_PROVIDER_ERROR
#define BAD_MEMBER  MK_VAULT_PROVIDER_ERROR


typedef struct {
    const char   *name;
    const char   *text;
    mk_status_t   status;
} test_row_t;


static const test_row_t  test_members[] = {
    { "a member", "{\"member\":true}", MK_OK },
    { "a member, with white space", " {\r\n \"member\" : true\t} \n", MK_OK },
    { "a member, and more", "{\"since\":1,\"member\":true,\"x\":[]}", MK_OK },
    { "no member", "{\"member\":false}", MK_VAULT_DENIED },
    { "nothing", "", BAD_MEMBER },
    { "white space", " \n", BAD_MEMBER },
    { "an empty object", "{}", BAD_MEMBER },
    { "the bare word", "true", BAD_MEMBER },
    { "a string", "{\"member\":\"true\"}", BAD_MEMBER },
    { "one", "{\"member\":1}", BAD_MEMBER },
    { "zero", "{\"member\":0}", BAD_MEMBER },
    { "null", "{\"member\":null}", BAD_MEMBER },
    { "a list", "{\"member\":[true]}", BAD_MEMBER },
    { "an object", "{\"member\":{\"member\":true}}", BAD_MEMBER },
    { "a list of it", "[{\"member\":true}]", BAD_MEMBER },
    { "nested", "{\"data\":{\"member\":true}}", BAD_MEMBER },
    { "another case", "{\"Member\":true}", BAD_MEMBER },
    { "another word", "{\"members\":true}", BAD_MEMBER },
    { "True", "{\"member\":True}", BAD_MEMBER },
    { "twice", "{\"member\":false,\"member\":true}", BAD_MEMBER },
    { "twice the same", "{\"member\":true,\"member\":true}", BAD_MEMBER },
    { "twice, escaped", "{\"member\":false,\"\\u006dember\":true}",
      BAD_MEMBER },
    { "trailing bytes", "{\"member\":true}x", BAD_MEMBER },
    { "two answers", "{\"member\":true}{\"member\":false}", BAD_MEMBER },
    { "a comma at the end", "{\"member\":true,}", BAD_MEMBER },
    { "a comment", "{\"member\":true/**/}", BAD_MEMBER },
    { "a byte order mark", "\xef\xbb\xbf{\"member\":true}", BAD_MEMBER },
    { "bad UTF-8", "{\"member\":true,\"x\":\"\xff\"}", BAD_MEMBER },
    { "a NUL in a string", "{\"member\":true,\"x\":\"\\u0000\"}",
      BAD_MEMBER },
    { "too deep", "{\"member\":true,\"x\":[[[[[[[[1]]]]]]]]}", BAD_MEMBER },
    { "a status", "{\"status\":{\"state\":\"active\"}}", BAD_MEMBER },
};


static const test_row_t  test_capabilities[] = {
    { "active", "{\"status\":{\"state\":\"active\"}}", MK_OK },
    { "active, and more",
      "{\"jti\":\"j\",\"status\":{\"state\":\"active\",\"x\":null}}", MK_OK },
    { "revoked", "{\"status\":{\"state\":\"revoked\"}}",
      MK_CAPABILITY_DENIED },
    { "revoked, with the time",
      "{\"status\":{\"state\":\"revoked\",\"revokedAt\":17}}",
      MK_CAPABILITY_DENIED },
    { "revoked at a text",
      "{\"status\":{\"state\":\"revoked\",\"revokedAt\":\"17\"}}",
      BAD_STATE },
    { "revoked at a negative time",
      "{\"status\":{\"state\":\"revoked\",\"revokedAt\":-1}}", BAD_STATE },
    { "active, revoked at a fraction",
      "{\"status\":{\"state\":\"active\",\"revokedAt\":1.5}}", BAD_STATE },
    { "nothing", "", BAD_STATE },
    { "an empty object", "{}", BAD_STATE },
    { "an empty status", "{\"status\":{}}", BAD_STATE },
    { "a status of null", "{\"status\":null}", BAD_STATE },
    { "a status that is the word", "{\"status\":\"active\"}", BAD_STATE },
    { "a status that is true", "{\"status\":true}", BAD_STATE },
    { "a status in a list", "{\"status\":[{\"state\":\"active\"}]}",
      BAD_STATE },
    { "a state without status", "{\"state\":\"active\"}", BAD_STATE },
    { "a state of true", "{\"status\":{\"state\":true}}", BAD_STATE },
    { "a state of null", "{\"status\":{\"state\":null}}", BAD_STATE },
    { "a list of states", "{\"status\":{\"state\":[\"active\"]}}",
      BAD_STATE },
    { "an unknown state", "{\"status\":{\"state\":\"paused\"}}", BAD_STATE },
    { "an empty state", "{\"status\":{\"state\":\"\"}}", BAD_STATE },
    { "another case", "{\"status\":{\"state\":\"Active\"}}", BAD_STATE },
    { "a longer word", "{\"status\":{\"state\":\"active \"}}", BAD_STATE },
    { "a shorter word", "{\"status\":{\"state\":\"activ\"}}", BAD_STATE },
    { "a state twice",
      "{\"status\":{\"state\":\"revoked\",\"state\":\"active\"}}",
      BAD_STATE },
    { "a status twice",
      "{\"status\":{\"state\":\"revoked\"},\"status\":{\"state\":\"active\"}}",
      BAD_STATE },
    { "trailing bytes", "{\"status\":{\"state\":\"active\"}}}", BAD_STATE },
    { "a member", "{\"member\":true}", BAD_STATE },
};


/* memory of the text's own size, without a NUL: a byte too far is seen */
static mk_status_t
read_exact(mk_status_t (*reader)(mk_bytes_t), const char *text, size_t len)
{
    uint8_t      *copy;
    mk_bytes_t    bytes;
    mk_status_t   status;

    copy = malloc(len > 0 ? len : 1);
    memcpy(copy, text, len);

    bytes.data = copy;
    bytes.len = len;

    status = reader(bytes);
    free(copy);

    return status;
}


static void
read_rows(const char *what, const test_row_t *rows, size_t n,
    mk_status_t (*reader)(mk_bytes_t))
{
    size_t  i;

    for (i = 0; i < n; i++) {
        is_status(read_exact(reader, rows[i].text, strlen(rows[i].text)),
                  rows[i].status, "%s: %s", what, rows[i].name);
    }
}


/* every beginning of a yes, every byte of it changed to every other */
static void
damage(const char *what, const char *yes, mk_status_t (*reader)(mk_bytes_t))
{
    int     bad, byte;
    char    copy[64];
    size_t  i, len;

    len = strlen(yes);
    bad = 0;

    for (i = 0; i < len; i++) {
        bad += read_exact(reader, yes, i) == MK_OK;
    }

    is_int(bad, 0, "%s: no beginning of a yes is one", what);

    bad = 0;

    for (i = 0; i < len; i++) {
        for (byte = 0; byte < 256; byte++) {
            memcpy(copy, yes, len);
            copy[i] = (char) byte;

            bad += copy[i] != yes[i]
                   && read_exact(reader, copy, len) == MK_OK;
        }
    }

    is_int(bad, 0, "%s: a yes with another byte is none", what);
}


static void
limits(void)
{
    char        *text;
    mk_bytes_t   bytes;

    text = malloc(MK_JSON_MAX + 1);
    memset(text, ' ', MK_JSON_MAX + 1);
    memcpy(text, "{\"member\":true}", 15);

    bytes.data = (const uint8_t *) text;
    bytes.len = MK_JSON_MAX;
    is_status(mk_standing_member(bytes), MK_OK, "an answer of the limit");

    bytes.len = MK_JSON_MAX + 1;
    is_status(mk_standing_member(bytes), BAD_MEMBER, "one byte more");

    free(text);
}


static void
states(void)
{
    int         active;
    json_t     *json;
    mk_bytes_t  text;

    static const char  words[] = "{\"status\":{\"state\":\"active\"}}";

    text.data = (const uint8_t *) words;
    text.len = sizeof(words) - 1;

    mk_json_parse(text, MK_INVALID_REQUEST, &json);
    active = 7;
    is_status(mk_standing_read_state(json, MK_INVALID_REQUEST, &active),
              MK_OK, "a state");
    is_int(active, 1, "is active");
    json_object_clear(json);
    is_status(mk_standing_read_state(json, MK_INVALID_REQUEST, &active),
              MK_INVALID_REQUEST, "no state: the caller's outcome");
    is_int(active, 0, "is not active");
    json_decref(json);
}


int
main(void)
{
    read_rows("vault", test_members,
              sizeof(test_members) / sizeof(test_members[0]),
              mk_standing_member);
    read_rows("capability", test_capabilities,
              sizeof(test_capabilities) / sizeof(test_capabilities[0]),
              mk_standing_capability);

    damage("vault", "{\"member\":true}", mk_standing_member);
    damage("capability", "{\"status\":{\"state\":\"active\"}}",
           mk_standing_capability);

    limits();
    states();

    return tap_done();
}
