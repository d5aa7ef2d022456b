/*
 * What it costs to mask a text, in steps: however it is made, twice the text
 * is twice the work, and a byte costs no more than docs/DESIGN.md says.
 */

#include "mk_redact.h"
#include "mk_work.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>


/* docs/DESIGN.md, "Cost": steps for each byte, of rules and of values */
#define COST_RULES   100
#define COST_VALUES  1000

/* twice the text, and a little for what its end decides */
#define COST_TWICE   2.2

/* what costs no more for each byte need not be proportional */
#define COST_CHEAP   20

#define COST_TEXT    1536
#define COST_NAMES   64
#define COST_MANY    512
#define COST_FRONTS  11


/* Rules with names and values as bad as can be. */
typedef struct {
    const char   *name;
    mk_redact_t   rules;
    mk_bytes_t    names[2 * COST_NAMES];
    mk_bytes_t    values[COST_MANY];
    char          text[COST_NAMES + COST_MANY][80];
} cost_rules_t;


static const char *const  words[] = {

    /* each way in which a JWS begins, and what keeps its run going */

    "eyJ", "eyA", "ewo", "ew0", "ewk", "IHs", "Cns", "DXs", "CXs",
    "-eyJ", "-eyA", "-ewo", "-ew0", "-ewk", "-IHs", "-Cns", "-DXs", "-CXs",
    "_IHs.", ".IHs", "%2DIHs", "%252DIHs", "-%49%48%73", "-eyJ.", "eyJ\n",

    /* schemes */

    "Bearer ", "bearer+", "Basic ", "basic a\"", "basic%20", "bearer%2520",
    "Bearer Bearer", "basic _", "bearer a=\"", "Bearer     ", "basic\t",
    "basic a_", "/bearer+", "?basic%20",

    /* names */

    "Authorization: ", "Authorization:\"", "Authorization      ",
    "authorization : \"", "HTTP_AUTHORIZATION:", "_authorization", "cookie:",
    "Cookie: , client: ::1, server: ", ", client: 1.2.3.4, server: a ",
    ", client: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "token=", "token%3D", "token%253D", "token%25253D", "token=&", "token=\"",
    "token=\", ", "token= HTTP/", "?token=", "/token=", "&token%3d&", "token",
    "%74oken=", "token=a HTTP/1.1 ", "token=\n", "\ntoken= HTTP/1.1",

    /* users */

    "://", ":///", "://:", "://a@", "://a:b@", "%3A%2F%2F", ":%2F%252F",
    "%253A%252F%252F", ":/%252F", "://%2F", "?://&", "://@", "@", ":/",

    /* percent signs */

    "%", "%2", "%25", "%2525", "%252525", "%25252525", "%61", "%2561",
    "%252561", "%41%42", "%zz", "%%%25",

    /* values, and what is almost one */

    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaab", "a", "ab", "b",
    "the-link-", "the-link%2D", "the-link-secret", "llllllll",
    "%61%61%61%61%61%61%61", "%2561%2561%2561%2561", "a+a+a+a+a+",

    /* what is between them */

    " ", "\t", "\"", "\", ", "/", "?", "#", "&", ";", ",", ".", "-", "*",
    "deadbeef*", "********", "\r\n", "\n", "http://", "GET /", " HTTP/1.1",
    "name=value; ", "a=b&c=d&", "x", "0123456789abcdef", "\x01", "\x80",
};

#define WORDS  (sizeof(words) / sizeof(words[0]))


static mk_secret_t   *key;
static cost_rules_t   few, nasty;


static mk_bytes_t
text(const char *s)
{
    mk_bytes_t  bytes;

    bytes.data = (const uint8_t *) s;
    bytes.len = strlen(s);

    return bytes;
}


static void
setup_few(void)
{
    few.name = "few names";
    few.names[0] = text("token");
    few.names[1] = text("Authorization");
    few.names[2] = text("Cookie");
    few.values[0] = text("the-link-secret");
    few.values[1] = text("llllllll");

    few.rules.args = few.names;
    few.rules.nargs = 1;
    few.rules.headers = few.names + 1;
    few.rules.nheaders = 2;
    few.rules.secrets = few.values;
    few.rules.nsecrets = mk_needles_sort(few.values, 2);
    few.rules.key = key;
}


/* as many names as there may be, all alike, and values that branch often */
static void
setup_nasty(void)
{
    char    *s;
    size_t   i;

    nasty.name = "many names";

    for (i = 0; i < COST_NAMES; i++) {
        s = nasty.text[i];
        memset(s, i % 2 == 0 ? 'a' : 'o', 1 + i);
        nasty.names[i] = text(s);
        nasty.names[COST_NAMES + i] = text(s);
    }

    nasty.names[0] = text("token");
    nasty.names[COST_NAMES] = text("Authorization");
    mk_redact_sort(nasty.names, COST_NAMES);
    mk_redact_sort(nasty.names + COST_NAMES, COST_NAMES);

    for (i = 0; i < COST_MANY; i++) {
        s = nasty.text[COST_NAMES + i];
        memset(s, 'a', MK_NEEDLES_PREFIX + 1);
        s[1 + i % (MK_NEEDLES_PREFIX - 2)] = (char) ('A' + i / 30);
        s[MK_NEEDLES_PREFIX - 1] = i % 2 == 0 ? 'B' : 'c';
        nasty.values[i] = text(s);
    }

    nasty.rules.args = nasty.names;
    nasty.rules.nargs = COST_NAMES;
    nasty.rules.headers = nasty.names + COST_NAMES;
    nasty.rules.nheaders = COST_NAMES;
    nasty.rules.secrets = nasty.values;
    nasty.rules.nsecrets = mk_needles_sort(nasty.values, COST_MANY);
    nasty.rules.key = key;
}


/* how many steps it takes to mask so many bytes of the text, and each time */
static double
steps_of(const mk_redact_t *rules, const uint8_t *from, size_t len,
    double *once)
{
    uint8_t  *copy;

    copy = malloc(len);
    memcpy(copy, from, len);

    mk_work_steps = 0;
    mk_work_passes = 0;
    mk_redact_text(rules, copy, len);

    free(copy);
    *once = (double) mk_work_steps / (double) mk_work_passes;

    return (double) mk_work_steps;
}


/* the dearest byte of all so far */
static double  dearest;


/*
 * 1 if the text costs what it may, by every kind.  The same all over, twice
 * of it is twice the work.
 */
static int
is_fair(const cost_rules_t *by, const uint8_t *from, int even,
    const char *what)
{
    double       half, whole, all, bound;
    unsigned     i, kind;
    mk_redact_t  rules;

    bound = by->rules.nsecrets > 2 ? COST_RULES + COST_VALUES : COST_RULES;

    for (i = 0; i < 3 * (MK_REDACT_QUERY + 1); i++) {
        kind = i / 3;
        rules = by->rules;
        rules.kind = (mk_redact_kind_t) kind;
        rules.again = i % 3 == 0;
        rules.bare = i % 3 == 1;
        rules.unparsed = i % 3 == 2;

        steps_of(&rules, from, COST_TEXT / 2, &half);
        all = steps_of(&rules, from, COST_TEXT, &whole);
        dearest = all / COST_TEXT > dearest ? all / COST_TEXT : dearest;

        if (all > bound * COST_TEXT
            || (even && whole > half * COST_TWICE
                && whole > COST_CHEAP * COST_TEXT))
        {
            tap_diag("%s, kind %u, rules %u: %.0f steps for %d bytes, each "
                     "time %.0f, %.0f for half of them: %s", by->name, kind,
                     i % 3, all, COST_TEXT, whole, half, what);
            return 0;
        }
    }

    return 1;
}


static void
fill(uint8_t *to, const char *front, const char *piece)
{
    size_t  n, len;

    len = strlen(front);
    memcpy(to, front, len);

    for (n = len; n < COST_TEXT; n++) {
        to[n] = (uint8_t) piece[(n - len) % strlen(piece)];
    }
}


/* one word over and over, and behind so many words that open something */
static void
repeated(const cost_rules_t *by, size_t most)
{
    int       fair;
    size_t    i, k;
    uint8_t  *line;

    static const char *const  fronts[COST_FRONTS] = {
        "", "token=", "/", "?", "GET /", "Cookie: ", "://", "Bearer ",
        "eyJ", "IHs", "\"",
    };

    line = malloc(COST_TEXT);

    for (i = 0; i < WORDS; i++) {
        fair = 1;

        for (k = 0; k < most && fair; k++) {
            fill(line, fronts[k], words[i]);
            fair = is_fair(by, line, 1, words[i]);
        }

        ok(fair, "%s: word %d over and over", by->name, (int) i);
    }

    free(line);
}


/* each pair of words, over and over */
static void
paired(const cost_rules_t *by)
{
    int       fair;
    char      piece[200];
    size_t    i, k, len;
    uint8_t  *line;

    line = malloc(COST_TEXT);

    for (i = 0; i < WORDS; i++) {
        fair = 1;
        len = strlen(words[i]);
        memcpy(piece, words[i], len);

        for (k = i % 9; k < WORDS && fair; k += 9) {
            memcpy(piece + len, words[k], strlen(words[k]) + 1);
            fill(line, "", piece);
            fair = is_fair(by, line, 1, piece);
        }

        ok(fair, "%s: word %d and others", by->name, (int) i);
    }

    free(line);
}


/* words in any order; the seed is a part of the test */
static void
mixed(const cost_rules_t *by)
{
    int          fair;
    size_t       i, n, len;
    uint8_t     *line;
    uint32_t     random;
    const char  *word;

    line = malloc(COST_TEXT + 200);
    random = 1;
    fair = 1;

    for (i = 0; i < 60 && fair; i++) {

        for (n = 0; n < COST_TEXT; n += len) {
            random = random * 1664525u + 1013904223u;
            word = words[(random >> 8) % WORDS];
            len = strlen(word);
            memcpy(line + n, word, len);
        }

        fair = is_fair(by, line, 0, "words in any order");
    }

    ok(fair, "%s: words in any order", by->name);
    free(line);
}


/* as many tokens of services as there are values, and one of them */
static void
with_tokens(void)
{
    double       one, all, ignored;
    uint8_t     *line;
    mk_redact_t  rules;

    line = malloc(COST_TEXT);
    fill(line, "", "GET /a/page?of=it, client: 127.0.0.1, ");

    rules = few.rules;
    rules.tokens = nasty.values;
    rules.ntokens = 1;
    one = steps_of(&rules, line, COST_TEXT, &ignored);

    rules.ntokens = nasty.rules.nsecrets;
    all = steps_of(&rules, line, COST_TEXT, &ignored);

    ok(all < one + COST_CHEAP * COST_TEXT,
       "%d tokens cost no more than a search among them",
       (int) rules.ntokens);
    ok(is_fair(&few, line, 1, "a line"), "nor does a line without them");

    free(line);
}


int
main(void)
{
    key = mk_token_ref_key();

    setup_few();
    setup_nasty();

    repeated(&few, COST_FRONTS);
    paired(&few);
    mixed(&few);
    tap_diag("few names: at most %.1f steps a byte", dearest);
    dearest = 0;
    repeated(&nasty, 2);
    mixed(&nasty);
    with_tokens();
    tap_diag("many names: at most %.1f steps a byte", dearest);

    mk_secret_free(key);

    return tap_done();
}
