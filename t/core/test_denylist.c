/*
 * The denylist: which lines deny what, which are named as unreadable, and
 * how large a text may be.
 */

#include "mk_denylist.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* one multihash: as raw and as dag-pb, in three multibases, and as v0 */
#define TEST_RAW   "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
#define TEST_UPPER "BAFKREIGH2AKISCAILDCQABSYG3DFR6CHU3FGPREGIYMSCK7E7AQA4S52ZY"
#define TEST_OTHER "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"


static mk_bytes_t
bytes(const char *text)
{
    mk_bytes_t  out;

    out.data = (const uint8_t *) text;
    out.len = strlen(text);

    return out;
}


static mk_denylist_t *
list_of(const char *text, size_t len)
{
    uint8_t        *copy;
    mk_bytes_t      in;
    const char     *why;
    mk_status_t     status;
    mk_denylist_t  *list;

    /* of its very size, for the sanitizers, and gone behind the call */

    copy = malloc(len + (len == 0));
    memcpy(copy, text, len);
    in.data = copy;
    in.len = len;

    status = mk_denylist_parse(in, &list, &why);
    free(copy);

    if (status != MK_OK || list == NULL || why != NULL) {
        return NULL;
    }

    return list;
}


static void
is_denied(const char *text, mk_denylist_kind_t kind, const char *value,
    int want, const char *name)
{
    mk_denylist_t  *list;

    list = list_of(text, strlen(text));
    ok(list != NULL && mk_denylist_has(list, kind, bytes(value)) == want,
       "%s", name);
    mk_denylist_free(list);
}


static void
test_lines(void)
{
    static const struct {
        const char          *text;
        mk_denylist_kind_t   kind;
        const char          *value;
        int                  denied;
        const char          *name;
    } rows[] = {
        { "capsule\tcap_1\tleaked\n", MK_DENYLIST_CAPSULE, "cap_1", 1,
          "a capsule" },
        { "owner\tolga\tleft\n", MK_DENYLIST_OWNER, "olga", 1, "an owner" },
        { "identity\talice\tlost\n", MK_DENYLIST_IDENTITY, "alice", 1,
          "an identity" },
        { "jti\tj-1\tstolen\n", MK_DENYLIST_JTI, "j-1", 1, "a token" },
        { "owner\tJ\xc3\xb6rg Wu\tx\n", MK_DENYLIST_OWNER,
          "J\xc3\xb6rg Wu", 1, "an owner in UTF-8, with a space" },
        { "capsule\tcap_1\tx\n", MK_DENYLIST_CAPSULE, "cap_2", 0,
          "not another one" },
        { "capsule\tcap_1\tx\n", MK_DENYLIST_CAPSULE, "cap_", 0,
          "not its beginning" },
        { "capsule\tcap_1\tx\n", MK_DENYLIST_CAPSULE, "cap_12", 0,
          "not what begins like it" },
        { "capsule\tcap_1\tx\n", MK_DENYLIST_CAPSULE, "CAP_1", 0,
          "case matters" },
        { "capsule\tcap_1\tx\n", MK_DENYLIST_CAPSULE, "", 0, "not nothing" },
        { "capsule\tcap_1\tx\n", MK_DENYLIST_JTI, "cap_1", 0,
          "nor the same value of another kind" },
        { "owner\tolga\tx\n", MK_DENYLIST_IDENTITY, "olga", 0,
          "an owner may still be shared with" },

        { "capsule\tcap_1", MK_DENYLIST_CAPSULE, "cap_1", 1,
          "a last line without an end, and without a reason" },
        { "capsule\tcap_1\n", MK_DENYLIST_CAPSULE, "cap_1", 1, "no reason" },
        { "capsule\tcap_1\t\n", MK_DENYLIST_CAPSULE, "cap_1", 1,
          "an empty reason" },
        { "capsule\tcap_1\ta\tb\tc\n", MK_DENYLIST_CAPSULE, "cap_1", 1,
          "a reason with tabs" },
        { "capsule\tcap_1\t\xff\x01\xc3\n", MK_DENYLIST_CAPSULE, "cap_1", 1,
          "a reason that is no text" },
        { "capsule\tcap_1\tx\r\njti\tj\r\n", MK_DENYLIST_JTI, "j", 1,
          "CRLF, and no reason" },
        { "capsule\tcap_1\tx\rjti\tj\tx\r", MK_DENYLIST_CAPSULE, "cap_1", 1,
          "CR alone" },
        { "capsule\tcap_1\tx\rjti\tj\tx\r", MK_DENYLIST_JTI, "j", 1,
          "and the entry behind it" },
        { "capsule\tcap_1\rjti\tj", MK_DENYLIST_JTI, "j", 1,
          "the last of them without an end" },
        { "capsule\tcap_1\tx\rjti\tj\n", MK_DENYLIST_JTI, "j", 1,
          "CR in a line that LF ends" },
        { "# c\rjti\tj\n", MK_DENYLIST_JTI, "j", 1, "CR behind a comment" },
        { "jti\tj\r\r\njti\tk\r\r\n", MK_DENYLIST_JTI, "k", 1, "CR CR LF" },
        { "\rjti\tj", MK_DENYLIST_JTI, "j", 1, "CR first of all" },
        { "jti\rj", MK_DENYLIST_JTI, "j", 0, "CR divides no fields" },
        { "\xef\xbb\xbf" "capsule\tcap_1\tx\n", MK_DENYLIST_CAPSULE, "cap_1",
          1, "a byte order mark" },
        { "  capsule \t cap_1  \tx\n", MK_DENYLIST_CAPSULE, "cap_1", 1,
          "spaces around the fields" },
        { "# c\n\n \t \n\t# d\ncapsule\tcap_1\n", MK_DENYLIST_CAPSULE,
          "cap_1", 1, "behind comments and empty lines" },
        { "#capsule\tcap_1\tx\n", MK_DENYLIST_CAPSULE, "cap_1", 0,
          "a comment denies nothing" },
        { "capsule\ta\ncapsule\ta\ncapsule\tb\n", MK_DENYLIST_CAPSULE, "a", 1,
          "a line twice" },
        { "capsule\ta\ncapsule\ta\ncapsule\tb\n", MK_DENYLIST_CAPSULE, "b", 1,
          "and one behind it" },
    };

    size_t  i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_denied(rows[i].text, rows[i].kind, rows[i].value, rows[i].denied,
                  rows[i].name);
    }

    ok(mk_denylist_has(NULL, MK_DENYLIST_JTI, bytes("j")) == 0,
       "no list names nothing");
}


static void
test_bad_lines(void)
{
    static const struct {
        const char  *line;
        const char  *why;
    } rows[] = {
        { "capsule cap_1 x", "TAB" },
        { "capsule", "TAB" },
        { "\tcap_1\tx", "kind" },
        { "Capsule\tcap_1\tx", "kind" },
        { "capsules\tcap_1\tx", "kind" },
        { "vault\tv\tx", "kind" },
        { "capsule\t\tx", "value" },
        { "capsule\t  \tx", "value" },
        { "capsule\tcap.1\tx", "value" },
        { "capsule\tcap_1 # x", "value" },
        { "capsule\t\xef\xbb\xbf" "cap_1\tx", "value" },
        { "jti\tj\x01\tx", "value" },
        { "owner\ta/b\tx", "value" },
        { "owner\t..\tx", "value" },
        { "identity\t\xff\tx", "value" },
        { "identity\t\xc0\xaf\tx", "value" },
        { "cid\tbafkrei\tx", "value" },
        { "cid\t/ipfs/" TEST_RAW "\tx", "value" },
        { "cid\tm" TEST_RAW "\tx", "value" },
    };

    char                      text[512];
    size_t                    i;
    mk_denylist_t            *list;
    const mk_denylist_bad_t  *bad;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {

        snprintf(text, sizeof(text), "jti\tbefore\n%s\njti\tbehind\n",
                 rows[i].line);
        list = list_of(text, strlen(text));

        ok(list != NULL && mk_denylist_bad(list, &bad) == 1
           && bad[0].line == 2 && strstr(bad[0].why, rows[i].why) != NULL,
           "named, with its number: %s", rows[i].line);
        ok(list != NULL && mk_denylist_entries(list) == 2
           && mk_denylist_has(list, MK_DENYLIST_JTI, bytes("before"))
           && mk_denylist_has(list, MK_DENYLIST_JTI, bytes("behind")),
           "the others hold");
        mk_denylist_free(list);
    }
}


/* NUL bytes, and values that are too long */
static void
test_odd_bytes(void)
{
    char                      text[4096];
    size_t                    len;
    mk_bytes_t                value;
    mk_denylist_t            *list;
    const mk_denylist_bad_t  *bad;

    list = list_of("jti\ta\0b\tx\njti\tc\t\0\nj\0ti\td\n", 25);
    ok(list != NULL && mk_denylist_bad(list, &bad) == 2
       && bad[0].line == 1 && bad[1].line == 3,
       "a NUL in a kind or a value is named");
    ok(!mk_denylist_has(list, MK_DENYLIST_JTI, bytes("a"))
       && mk_denylist_has(list, MK_DENYLIST_JTI, bytes("c")),
       "and in a reason it does not matter");
    mk_denylist_free(list);

    memset(text, 'a', sizeof(text));
    memcpy(text, "jti\t", 4);
    len = 4 + MK_NAME_MAX + 1;
    list = list_of(text, len);
    ok(list != NULL && mk_denylist_bad(list, &bad) == 1,
       "an id of %d bytes is none", MK_NAME_MAX + 1);
    mk_denylist_free(list);

    list = list_of(text, len - 1);
    value.data = (const uint8_t *) text + 4;
    value.len = MK_NAME_MAX;
    ok(mk_denylist_has(list, MK_DENYLIST_JTI, value), "one of %d is",
       MK_NAME_MAX);
    value.len++;
    ok(!mk_denylist_has(list, MK_DENYLIST_JTI, value),
       "which a longer value is not");
    mk_denylist_free(list);

    text[5] = '\t';
    list = list_of(text, sizeof(text));
    ok(mk_denylist_has(list, MK_DENYLIST_JTI, bytes("a")),
       "a reason may be long");
    mk_denylist_free(list);
}


static void
test_cids(void)
{
    char            text[1024], v0[MK_CID_PRINT_MAX];
    mk_cid_t        cid, twin, other;
    mk_denylist_t  *list;

    mk_cid_parse(TEST_RAW, strlen(TEST_RAW), &cid);
    mk_cid_parse(TEST_OTHER, strlen(TEST_OTHER), &other);
    twin = cid;
    twin.version = 0;
    twin.codec = MK_CID_CODEC_DAG_PB;
    mk_cid_print(&twin, v0);

    list = list_of("cid\t" TEST_UPPER "\tx\n", strlen("cid\t" TEST_UPPER
                                                      "\tx\n"));
    ok(mk_denylist_has_cid(list, &cid), "a CID in another multibase");
    ok(mk_denylist_has_cid(list, &twin), "its twin of version 0");
    twin.version = 1;
    ok(mk_denylist_has_cid(list, &twin), "and the one of codec dag-pb");
    ok(!mk_denylist_has_cid(list, &other), "not another one");
    ok(!mk_denylist_has(list, MK_DENYLIST_CID, bytes(TEST_UPPER)),
       "a CID's text is never compared");
    mk_denylist_free(list);

    snprintf(text, sizeof(text), "cid\t%s", v0);
    list = list_of(text, strlen(text));
    ok(mk_denylist_has_cid(list, &cid), "a line of version 0");
    cid.hash.digest[31] ^= 1;
    ok(!mk_denylist_has_cid(list, &cid), "not with another digest");
    memset(&cid, 0, sizeof(cid));
    ok(!mk_denylist_has_cid(list, &cid), "nor a CID of nothing");
    mk_denylist_free(list);
}


static void
test_also(void)
{
    mk_cid_t        cid;
    mk_denylist_t  *old, *new;

    mk_cid_parse(TEST_RAW, strlen(TEST_RAW), &cid);
    old = list_of("jti\told\ncid\t" TEST_RAW, strlen("jti\told\ncid\t"
                                                     TEST_RAW));
    new = list_of("jti\tnew", 7);

    mk_denylist_also(new, old);
    ok(mk_denylist_has(new, MK_DENYLIST_JTI, bytes("old"))
       && mk_denylist_has(new, MK_DENYLIST_JTI, bytes("new"))
       && mk_denylist_has_cid(new, &cid), "both lists count");
    ok(!mk_denylist_has(old, MK_DENYLIST_JTI, bytes("new")),
       "but not the other way round");
    is_int(mk_denylist_entries(new), 1, "each has its own entries");

    mk_denylist_also(new, NULL);
    ok(!mk_denylist_has(new, MK_DENYLIST_JTI, bytes("old"))
       && mk_denylist_has(new, MK_DENYLIST_JTI, bytes("new")),
       "until the old one is let go");

    mk_denylist_free(old);
    mk_denylist_free(new);

    new = list_of("", 0);
    ok(new != NULL && mk_denylist_entries(new) == 0
       && !mk_denylist_has(new, MK_DENYLIST_JTI, bytes("old")),
       "an empty text denies nothing");
    mk_denylist_free(new);
    mk_denylist_free(NULL);
}


static mk_status_t
status_of(const char *text, size_t len, const char **why)
{
    mk_bytes_t      in;
    mk_status_t     status;
    mk_denylist_t  *list;

    in.data = (const uint8_t *) text;
    in.len = len;

    status = mk_denylist_parse(in, &list, why);

    if (status != MK_OK && (list != NULL || *why == NULL)) {
        status = MK_STATUS_COUNT;
    }

    mk_denylist_free(list);

    return status;
}


static void
test_limits(void)
{
    char        *text;
    size_t       len;
    const char  *why;

    text = malloc(MK_DENYLIST_TEXT_MAX + 1);
    memset(text, '#', MK_DENYLIST_TEXT_MAX + 1);
    len = MK_DENYLIST_TEXT_MAX;

    is_status(status_of(text, len, &why), MK_OK, "the largest text");
    is_status(status_of(text, len + 1, &why), MK_INVALID_REQUEST,
              "one byte more");

    memset(text, '\n', MK_DENYLIST_LINES_MAX + 1);
    len = MK_DENYLIST_LINES_MAX;
    is_status(status_of(text, len, &why), MK_OK, "as many lines as may be");
    is_status(status_of(text, len + 1, &why), MK_INVALID_REQUEST,
              "one line more");

    is_status(status_of("\xff\xfe" "j\0t\0i\0", 8, &why), MK_INVALID_REQUEST,
              "UTF-16, little endian");
    is_status(status_of("\xfe\xff\0j", 4, &why), MK_INVALID_REQUEST,
              "UTF-16, big endian");
    ok(strstr(why, "UTF-8") != NULL, "and it says what to do");

    free(text);
}


/* every entry of a large list is found, and only the first bad lines named */
static void
test_many(void)
{
    char                     *text, value[32];
    size_t                    i, len, found, wrong;
    mk_denylist_t            *list;
    const mk_denylist_bad_t  *bad;

    enum { MANY = 100000 };

    text = malloc(MANY * 32);
    len = 0;

    for (i = 0; i < MANY; i++) {
        len += (size_t) snprintf(text + len, 32, "%s\tv-%zu\tx\n",
                                 i % 1000 == 0 ? "none"
                                 : i % 2 ? "capsule" : "owner", i);
    }

    list = list_of(text, len);
    found = 0;
    wrong = 0;

    for (i = 0; i < MANY; i++) {
        snprintf(value, sizeof(value), "v-%zu", i);
        found += mk_denylist_has(list, i % 2 ? MK_DENYLIST_CAPSULE
                                             : MK_DENYLIST_OWNER,
                                 bytes(value));
        wrong += mk_denylist_has(list, i % 2 ? MK_DENYLIST_OWNER
                                             : MK_DENYLIST_CAPSULE,
                                 bytes(value));
    }

    is_int(found, MANY - MANY / 1000, "every entry of many is found");
    is_int(wrong, 0, "and under its own kind only");
    is_int(mk_denylist_entries(list), MANY - MANY / 1000, "they are counted");
    is_int(mk_denylist_bad(list, &bad), MANY / 1000, "and so are bad lines");
    is_int(bad[MK_DENYLIST_BAD_MAX - 1].line,
           (MK_DENYLIST_BAD_MAX - 1) * 1000 + 1,
           "of which the first are named");

    mk_denylist_free(list);
    free(text);
}


int
main(void)
{
    test_lines();
    test_bad_lines();
    test_odd_bytes();
    test_cids();
    test_also();
    test_limits();
    test_many();

    return tap_done();
}
