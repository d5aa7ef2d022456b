/*
 * A denylist's text in portions: of whatever size, they give what reading at
 * once gives, and each costs no more than its size.
 */

#include "mk_denylist_reader.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define TEST_RAW   "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

#define TEST_MANY  5000


static mk_bytes_t
bytes_of(const char *text, size_t len)
{
    mk_bytes_t  out;

    out.data = (const uint8_t *) text;
    out.len = len;

    return out;
}


/* The list, and how many portions it took; NULL, and why. */
static mk_denylist_t *
read_by(const char *text, size_t len, size_t portion, size_t *portions,
    const char **why)
{
    mk_status_t            status;
    mk_denylist_t         *list;
    mk_denylist_reader_t  *reader;

    list = NULL;
    *portions = 0;

    status = mk_denylist_reader_create(bytes_of(text, len), &reader, why);

    while (status == MK_OK && list == NULL) {
        status = mk_denylist_reader_step(reader, portion, &list, why);
        (*portions)++;
    }

    mk_denylist_reader_free(reader);

    return list;
}


static int
names(const mk_denylist_t *list, const char *value)
{
    return mk_denylist_has(list, MK_DENYLIST_JTI,
                           bytes_of(value, strlen(value)));
}


static void
test_portions(void)
{
    static const char  text[] =
        "\xef\xbb\xbf# a list\r\njti\tone\tx\r\n\r\rjti\ttwo\rnonsense\n"
        "cid\t" TEST_RAW "\tx\n\n\njti\tone\nvault\tv\njti \t three \t\t\n"
        "jti\tlast";

    static const size_t  sizes[] = { 1, 2, 3, 7, 64, 1000 };

    size_t                    i, portions;
    mk_cid_t                  cid;
    const char               *why;
    mk_denylist_t            *list;
    const mk_denylist_bad_t  *bad;

    mk_cid_parse(TEST_RAW, strlen(TEST_RAW), &cid);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {

        list = read_by(text, sizeof(text) - 1, sizes[i], &portions, &why);

        ok(list != NULL && why == NULL && mk_denylist_entries(list) == 6
           && names(list, "one") && names(list, "two") && names(list, "three")
           && names(list, "last") && !names(list, "four")
           && mk_denylist_has_cid(list, &cid),
           "portions of %zu: every entry", sizes[i]);
        ok(list != NULL && mk_denylist_bad(list, &bad) == 2
           && bad[0].line == 6 && bad[1].line == 11,
           "portions of %zu: every unreadable line", sizes[i]);
        ok(portions >= sizeof(text) / (sizes[i] + 40),
           "portions of %zu: %zu of them", sizes[i], portions);

        mk_denylist_free(list);
    }
}


/* What the portions are at most: the text, and the levels of the sort. */
static size_t
bound(size_t len, size_t n, size_t portion)
{
    size_t  level, width;

    level = 0;

    for (width = 1; width < n; width *= 2) {
        level++;
    }

    return (len + level * n) / portion + 2;
}


static void
is_bounded(const char *text, size_t len, size_t n, const char *name)
{
    size_t          portions, most;
    const char     *why;
    mk_denylist_t  *list;

    enum { PORTION = 1000 };

    list = read_by(text, len, PORTION, &portions, &why);
    most = bound(len, n, PORTION);

    ok(list != NULL && mk_denylist_entries(list) == n,
       "%s: %zu entries", name, n);
    ok(portions <= most, "%s: %zu portions, at most %zu", name, portions,
       most);

    mk_denylist_free(list);
}


/* Neither what stands in a list nor its order makes it cost more. */
static void
test_bounds(void)
{
    char    *text;
    size_t   i, len;

    text = malloc(TEST_MANY * 64);

    for (len = 0, i = 0; i < TEST_MANY; i++) {
        len += (size_t) snprintf(text + len, 64, "jti\tj-%zu\tx\n", i);
    }

    is_bounded(text, len, TEST_MANY, "many");

    for (len = 0, i = 0; i < TEST_MANY; i++) {
        len += (size_t) snprintf(text + len, 64, "jti\tsame\tx\n");
    }

    is_bounded(text, len, TEST_MANY, "one, many times");

    memset(text, '#', TEST_MANY * 64);
    is_bounded(text, TEST_MANY * 64, 0, "one long line");

    memset(text, '\n', TEST_MANY * 40);
    is_bounded(text, TEST_MANY * 40, 0, "nothing but lines");

    free(text);
}


/* Left in the middle: nothing is kept, nothing leaks. */
static void
test_left(void)
{
    static const char  text[] = "jti\ta\njti\tb\njti\tc\njti\td\n";

    size_t                 i, steps;
    const char            *why;
    mk_status_t            status;
    mk_denylist_t         *list;
    mk_denylist_reader_t  *reader;

    for (steps = 0; steps < 20; steps++) {

        status = mk_denylist_reader_create(bytes_of(text, sizeof(text) - 1),
                                           &reader, &why);
        list = NULL;

        for (i = 0; status == MK_OK && list == NULL && i < steps; i++) {
            status = mk_denylist_reader_step(reader, 2, &list, &why);
        }

        is_status(status, MK_OK, "left behind %zu portions", steps);
        mk_denylist_free(list);
        mk_denylist_reader_free(reader);
    }

    mk_denylist_reader_free(NULL);
}


static void
test_refused(void)
{
    char           *text;
    size_t          portions;
    const char     *why;
    mk_denylist_t  *list;

    text = malloc(MK_DENYLIST_LINES_MAX + 1);
    memset(text, '\n', MK_DENYLIST_LINES_MAX + 1);

    list = read_by(text, MK_DENYLIST_LINES_MAX + 1, 1000, &portions, &why);
    ok(list == NULL && why != NULL && strstr(why, "lines") != NULL,
       "one line too many");
    is_int(portions, MK_DENYLIST_LINES_MAX / 1000 + 1,
           "is noticed where it stands");

    list = read_by("\xff\xfej\0", 4, 1000, &portions, &why);
    ok(list == NULL && why != NULL && portions == 0, "UTF-16, at once");

    free(text);
}


int
main(void)
{
    test_portions();
    test_bounds();
    test_left();
    test_refused();

    return tap_done();
}
