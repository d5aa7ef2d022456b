/*
 * What is masked of a line, and what is not.  In a row's text that stands
 * between braces, which are not part of it.
 */

#include "mk_mask.h"
#include "mk_redact.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>


#define JWS  "eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiJhIn0.c2lnbmF0dXJl-_"


typedef struct {
    const char  *name;
    const char  *text;
} redact_case_t;


static const redact_case_t  cases[] = {
    { "an argument", "GET /a?token={s3cr3t} HTTP/1.1" },
    { "the last one", "/a?b=1&token={s3cr3t}" },
    { "one of several", "/a?token={s3cr3t}&b=1" },
    { "twice", "/a?token={one}&b=1&token={other}" },
    { "in capitals", "/a?TOKEN={s3cr3t}" },
    { "an escaped letter", "/a?%74oken={s3cr3t}" },
    { "an escaped equals sign", "/a?token%3D{s3cr3t}" },
    { "behind a semicolon", "/a?b=1;token={s3cr3t}" },
    { "a semicolon does not end it", "/a?token={s3;cr3t}" },
    { "nor an escaped ampersand", "/a?token={s3%26cr3t}&b=1" },
    { "a number sign", "/a?token={s3#cr3t}" },
    { "a quote inside", "\"/a?token={s3\"cr3t}\", b" },
    { "a URL in a URL", "/a?u=%2Fb%3Ftoken%3D{s3cr3t}%26c%3D1&d=1" },
    { "two levels deep", "/a?u=%252Fb%253Ftoken%253D{s3cr3t}%2526c%253D1" },
    { "a line that is cut", "request: \"GET /a?token={s3c}" },
    { "and ended", "request: \"GET /a?token={s3c}\n" },
    { "another name", "/a?mytoken=s3cr3t&token2=x&to=y" },
    { "no value", "/a?token=&b=1" },
    { "no equals sign", "/a?token&b=1" },
    { "the name at the very end", "/a?token" },
    { "a header", "\"X-Key: {s3cr3t}\"\n" },
    { "in small letters", "\"x-key:{s3cr3t}\"" },
    { "of CGI", "param: \"HTTP_X_KEY: {s3cr3t}\"" },
    { "spaces and quotes in it", "X-Key : {a \"b\", c}\r\nHost: d\r\n" },
    { "up to what nginx adds",
      "line: \"X-Key: {s3cr3t\", previous value: \"X-Key: a}\""
      ", client: 192.0.2.1, server: b" },
    { "a client on a unix socket",
      "line: \"X-Key: {s3cr3t}\", client: unix:, server: b" },
    { "not up to what the client adds",
      "line: \"X-Key: {a\", client: s3cr3t}\", client: ::1, server: b" },
    { "nor where nginx adds nothing",
      "\"X-Key: {a, client: s3cr3t, server: b, client: 1.2.3.4}\"" },
    { "another name", "Monkey: a, X-Keys: b, XX-Key2: c" },
    { "no value", "X-Key: \r\nHost: a" },
    { "in a path", "GET /X-Key:/../admin?user=7 HTTP/1.1" },
    { "behind a quote there", "GET /\"X-Key:/../admin?user=7 HTTP/1.1" },
    { "in a query", "GET /a?b=1,X-Key:/../admin HTTP/1.1" },
    { "behind another word", "my_x-key: a, my.x-key: b, my-x-key: c" },
    { "no colon", "X-Key" },
    { "a bearer token", "Authorized: Bearer {s3cr3t}, x" },
    { "in an argument", "/a?auth=Bearer%20{s3cr3t}&b=1" },
    { "a plus sign", "/a?auth=bearer+{s3cr3t}" },
    { "a password", "var: \"basic {dXNlcjpwYXNz==}\"" },
    { "nginx's own word", "was provided for basic authentication, client" },
    { "a challenge", "Bearer realm=\"a\", Basic realm=\"b\"" },
    { "a bearer of news", "forbearer x, Bearer" },
    { "a token in a path", "GET /Bearer%20{a}/../admin HTTP/1.1" },
    { "none there", "GET /bearer%20/../admin?user=7 HTTP/1.1" },
    { "a plus sign in a path", "GET /basic+{1}/../admin?user=7 HTTP/1.1" },
    { "with an escaped slash", "GET /basic+{1}%2f..%252fadmin HTTP/1.1" },
    { "the version is none", "GET /bearer HTTP/1.1\", a" },
    { "in a decoded path", "open() \"/h/bearer {a}/b\" failed" },
    { "no header there", "open() \"/h/a x-key: b/c\" failed (2: No such" },
    { "nor behind a space", "GET /?a=basic%20 HTTP/1.1\", a" },
    { "nor a URL behind a method", "\"BEARER /admin?user=7 HTTP/1.1\", a" },
    { "an argument in a path", "GET /token={a}/../admin HTTP/1.1" },
    { "a JWS in the path", "/open/{" JWS "}/a.txt" },
    { "at the end", "/open/{" JWS "}" },
    { "in quotes", "\"{" JWS "}\"" },
    { "behind an escaped slash", "/a?u=%2Fb%2F{" JWS "}%2Fc" },
    { "with escaped dots", "/{eyJhbGciOiJFZERTQSJ9%2EeyJqdGki%2ec2ln}/b" },
    { "with escaped letters", "/{%65yJhbGciOiJFZERTQSJ9.e30.c2ln}/b" },
    { "cut by nginx", "line: \"{eyJhbGciOiJFZERTQSJ9.eyJq}...\"" },
    { "cut by the line's end", "/{eyJhbG}" },
    { "cut and ended", "/{eyJhbG}\n" },
    { "written with spaces", "/{ewogImFsZyI6ICJFZERTQSIg.e30.c2ln}" },
    { "with white space in front", "/{IHsiYWxnIjoiRWREU0EifQ.e30.c2ln}/a" },
    { "a new line", "/{CnsiYWxnIjoiRWREU0EifQ.e30}/a" },
    { "an id that begins like that", "/IHsiYWxnIjoiRWREU0EifQ/a" },
    { "a password in a URL", "GET http://{u:s3cr3t}@a/b HTTP/1.1" },
    { "with an escaped one", "/?u=http%3A%2F%2F{u%3As3:c@r3t}%40a%2Fb" },
    { "with escapes of its own", "a http://{u:s%2Fcr%20%3t}@a/b" },
    { "a token as the user's name", "http://{s3cr3t}@a:80/, http://{s3c:}@a/" },
    { "cut in front of the host", "GET /?a, http://{u:s3c}" },
    { "cut and ended", "GET /?a, u=http%3A%2F%2F{u%3As3c}\n" },
    { "a port is none", "http://a:80/b@c, http://a:80?b@c" },
    { "the next argument is none", "/?u=http://a&b=c@d" },
    { "too short for one", "/eyJhbG/a" },
    { "letters in front", "/QmeyJhbGciOiJFZERTQSJ9" },
    { "a name like it", "/eyes/{eyJ}" },
    { "a secret", "/p/{the-link-secret}/x" },
    { "escaped", "/p/{the%2Dlink%2dsecret}" },
    { "escaped twice", "/p/{the%252Dlink-secret}" },
    { "behind a percent sign", "/p/%{the-link-secret}" },
    { "in an escape", "/p/%{41bcdefgh!}" },
    { "cut", "/p/{the-link}\n" },
    { "escaped as a whole", "/p/{%74he%2dlin%6B-secret}/x" },
    { "with a percent sign, escaped", "/p/{per%2525cent/Sign}/x" },
    { "as the user's name", "://{the-link-secret:x}@" },
    { "up to another rule", "/?u={the-link-secret}://{b}@c" },
    { "beyond what a rule takes", "/?token={a}{&and-another!}&b" },
    { "around what a rule looks for", "/?{another&token}={a}&b" },
    { "a token", "/p/{of-a\"service,;&}/x" },
    { "behind a scheme", "\"Bearer {of-a\"service,;&}\"" },
    { "escaped", "/?key={of-a%22service,;%26}&a" },
    { "between secrets", "{the-link-secret}/{of-a\"service,;&}/{41bcdefgh!}" },
    { "another", "/p/the-link-secrat" },
    { "a short one is not looked for", "/p/tiny/" },
    { "an escape that is none", "/%" },
    { "half of one", "/%4" },
    { "of no digits", "/%zz?token={a}" },
    { "three levels deep", "/a?u=b%25253Ftoken%25253D{s3cr3t}%252526c" },
    { "no deeper", "%25252525252525252525token=a" },
    { "nothing", "" },
};


static mk_bytes_t
text(const char *s)
{
    mk_bytes_t  bytes;

    bytes.data = (const uint8_t *) s;
    bytes.len = strlen(s);

    return bytes;
}


static mk_secret_t  *key;
static mk_bytes_t    args[1], headers[2], secrets[6], tokens[2];
static mk_redact_t   rules;


static void
setup(void)
{
    key = mk_token_ref_key();

    args[0] = text("token");
    headers[0] = text("Authorization");
    headers[1] = text("X-Key");
    secrets[0] = text("the-link-secret");
    secrets[1] = text("tiny");
    secrets[2] = text("41bcdefgh!");
    secrets[3] = text("per%25cent/Sign");
    secrets[4] = text("&and-another!");
    secrets[5] = text("another&token");
    tokens[0] = text("of-a\"service,;&");
    tokens[1] = text("of-another-service");

    rules.args = args;
    rules.nargs = 1;
    rules.headers = headers;
    rules.nheaders = 2;
    rules.secrets = secrets;
    rules.nsecrets = mk_needles_sort(secrets, 6);
    rules.tokens = tokens;
    rules.ntokens = mk_needles_sort(tokens, 2);
    rules.key = key;
    rules.again = 1;
}


/* takes the braces out; what stood between them is masked in want */
static size_t
expand(const char *row, char *from, char *want)
{
    size_t  n, start;

    start = 0;

    for (n = 0; *row != '\0'; row++) {

        if (*row == '{') {
            start = n;

        } else if (*row == '}') {
            mk_mask_put(key, (uint8_t *) want + start, n - start);

        } else {
            from[n] = *row;
            want[n++] = *row;
        }
    }

    from[n] = '\0';
    want[n] = '\0';

    return n;
}


static void
rows(void)
{
    int                   masked;
    char                 *got, *want;
    size_t                i, len, n;
    const redact_case_t  *c;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];
        got = malloc(strlen(c->text) + 1);
        want = malloc(strlen(c->text) + 1);
        len = expand(c->text, got, want);
        masked = strcmp(got, want) != 0;

        is_int(mk_redact_finds(&rules, text(got)), masked,
               "%s: whether there is something", c->name);
        n = mk_redact_text(&rules, (uint8_t *) got, len);
        is_str(got, want, "%s", c->name);
        ok((n > 0) == masked
           && mk_redact_text(&rules, (uint8_t *) got, len) == 0
           && strcmp(got, want) == 0, "%s: once is enough", c->name);

        free(got);
        free(want);
    }
}


static void
masks(void)
{
    char  ref[MK_TOKEN_REF + 1];
    char  value[] = "Bearer a-long-secret";
    char  eight[] = "8 bytes.";
    char  nine[] = "9 bytes..";

    mk_token_ref_print(key, text("a-long-secret"), ref);
    mk_redact_value(key, (uint8_t *) value, strlen(value));
    ok(strncmp(value, "Bearer ", 7) == 0 && strncmp(value + 7, ref, 8) == 0
       && strcmp(value + 15, "*****") == 0,
       "the token's reference, and asterisks up to its length");

    mk_redact_value(key, (uint8_t *) eight, 8);
    is_str(eight, "********", "eight bytes are asterisks");

    mk_redact_value(key, (uint8_t *) nine, 9);
    ok(mk_mask_is((uint8_t *) nine, 9) && nine[8] == '*' && nine[0] != '*',
       "nine have a reference");

    memcpy(nine, "deadbeef*", 9);
    mk_redact_value(key, (uint8_t *) nine, 9);
    ok(mk_mask_is((uint8_t *) nine, 9) && memcmp(nine, "deadbeef", 8) != 0,
       "what a client masks itself is masked");

    ok(mk_mask_is((const uint8_t *) "", 0), "nothing needs no mask");
    ok(!mk_mask_is((const uint8_t *) "12345678", 8), "eight digits do");
    ok(!mk_mask_is((const uint8_t *) "1234567G*", 9), "and what is no digit");
    ok(!mk_mask_is((const uint8_t *) "12345678*x", 10),
       "and what stands between asterisks");
}


/* no text makes it slow: as many bytes as nginx's largest buffers, and more */
static void
hostile(void)
{
    size_t    i, n, len;
    uint8_t  *buffer;

    static const char *const  pieces[] = {
        "Authorization: ", "Authorization:\"", "token=", "token%253D",
        "X-Key: , client: ", "Bearer ", "bearer+", "basic a\"", "%25", "%",
        "eyJ", "eyJ-", "ewo_", "ewo.", "the-link-", "the-link%2D", "eyJhbG ",
    };

    len = 4 << 20;
    buffer = malloc(len);

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        for (n = 0; n < len; n++) {
            buffer[n] = (uint8_t) pieces[i][n % strlen(pieces[i])];
        }

        mk_redact_text(&rules, buffer, len);
        ok(mk_redact_text(&rules, buffer, len) == 0,
           "4 MiB of \"%s\"", pieces[i]);
    }

    free(buffer);
}


/* a secret longer than what has to fit, and one that only begins like it */
static void
prefix(void)
{
    char         line[400], secret[201];
    mk_bytes_t   one;
    mk_redact_t  long_rules;

    memset(secret, 'a', 200);
    secret[200] = '\0';
    one = text(secret);

    memset(&long_rules, 0, sizeof(long_rules));
    long_rules.secrets = &one;
    long_rules.nsecrets = mk_needles_sort(&one, 1);
    long_rules.key = key;

    memset(line, 'b', sizeof(line));
    memset(line + 10, 'a', 100);
    ok(mk_redact_text(&long_rules, (uint8_t *) line, sizeof(line)) == 1
       && mk_mask_is((uint8_t *) line + 10, 100) && line[110] == 'b'
       && line[9] == 'b', "the first half of a secret");

    memset(line, 'b', sizeof(line));
    memset(line + 10, 'a', MK_NEEDLES_PREFIX - 1);
    ok(mk_redact_text(&long_rules, (uint8_t *) line, sizeof(line)) == 0,
       "not what is shorter than MK_NEEDLES_PREFIX");

    memset(line + 400 - 20, 'a', 20);
    ok(mk_redact_text(&long_rules, (uint8_t *) line, sizeof(line)) == 1,
       "but its beginning, where the line is cut");
}


/* the same text by other rules; the row is as those of cases[] */
static void
row_by(const mk_redact_t *by, const char *row, const char *name)
{
    size_t  len;
    char    got[200], want[200];

    len = expand(row, got, want);
    is_int(mk_redact_finds(by, text(got)), strcmp(got, want) != 0,
           "%s: whether there is something", name);
    mk_redact_text(by, (uint8_t *) got, len);
    is_str(got, want, "%s", name);
}


static void
flags(void)
{
    mk_redact_t  by;

    by = rules;
    by.again = 0;
    row_by(&by, "/a?token={deadbeef*******}&b=1", "a forged mask");

    by = rules;
    by.bare = 1;
    row_by(&by, "\"X-Key: {a, client: 1.2.3.4, server: s3cr3t}\"",
           "a header may look like what nginx adds");

    by = rules;
    by.unparsed = 1;
    row_by(&by, "\"GET /a?token={a\" b\t\", s3c&r3t HTTP/1.0 x} HTTP/1.1\", h",
           "a request line that was not understood");
    row_by(&by, "GET /a?token={a\" s3cr3t}\n", "one without a version");

    by = rules;
    by.whole = 1;
    row_by(&by, "/p/the-link", "the beginning of a secret, and no more");
    row_by(&by, "/p/eyJhbG", "the beginning of a JWS, and no more");
    row_by(&by, "http://a:80", "a host, and no more");
}


typedef struct {
    mk_redact_kind_t  kind;
    const char       *text;
} redact_kind_t;


static const redact_kind_t  kinds[] = {

    /* whatever a method or a version is called, it is shown */

    { MK_REDACT_REQUEST, "BEARER /admin?user=7 HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET /bearer HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET /?a=basic%20 HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET /token= HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET /eyJ HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET /x-key:/../admin HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET /\"x-key:a\", HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET  /a?token={a\",x}  HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET /a?token={a}" },
    { MK_REDACT_REQUEST, "THE-LINK-SECRET /{the-link-secret} HTTP/1.1" },
    { MK_REDACT_REQUEST, "the-link-secret / HTTP/1.1" },
    { MK_REDACT_REQUEST, "GET" },
    { MK_REDACT_REQUEST, "GET " },
    { MK_REDACT_REQUEST, "" },

    /* of a path no more than what is between two slashes */

    { MK_REDACT_TARGET, "/a/token={b}/c?token={d/e}&f" },
    { MK_REDACT_TARGET, "/a/token={b}%2fc%2Fd" },
    { MK_REDACT_TARGET, "/a/bearer+{b}%252Fc?auth=bearer+{d/e}&f" },
    { MK_REDACT_TARGET, "/://{a:b}@/../c" },
    { MK_REDACT_TARGET, "/://a:b%2f..%2fc@/d" },
    { MK_REDACT_TARGET, "http://{a:b%2fc}@d/e" },
    { MK_REDACT_TARGET, "/a#token={b}&c" },
    { MK_REDACT_PATH, "/a b/token={c d?e}/f" },
    { MK_REDACT_PATH, "/bearer {a}/b" },
    { MK_REDACT_PATH, "/a x-key: b\" x-key: c" },
    { MK_REDACT_QUERY, "a=/b&auth=basic%20{c/d}&token={e/f}" },
    { MK_REDACT_QUERY, "a=x-key:%20b&c=1" },
    { MK_REDACT_QUERY, "u=http://{a:b}@c/d&e=f@g" },
};


static const char *const  unparsed[] = {
    "G@T /a?token={b c&d \"e} HTTP/9.1",
    "G@T /token={b c}/d HTTP/9.1",
    "token={a} /admin HTTP/1.1",
    "bearer /admin HTTP/1.1",
    "x-key: /admin HTTP/1.1",
    "eyJ /admin HTTP/1.1",
    "X-Key: {s3cr3t}",
    "Bearer {s3cr3t}",
    "token={s3cr3t&a}",
    "GET /a b?token={c} HTTP/1.0",
    "GET /a HTTP/1.1&token={s3cr3t}",
    "GET /a?b= HTTP/token={s3cr3t}",
    "GET /a HTTP/9.9 Bearer {s3cr3t}",
    "GET /x-key:/../a HTTP/1.1 {the-link-secret}",
    "GET /bearer%20/../a HTTP/1.1 x",
};


static void
by_kind(void)
{
    size_t       i;
    mk_redact_t  by;

    by = rules;
    by.whole = 1;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        by.kind = kinds[i].kind;
        row_by(&by, kinds[i].text, kinds[i].text);
    }

    by.kind = MK_REDACT_REQUEST;
    by.unparsed = 1;

    for (i = 0; i < sizeof(unparsed) / sizeof(unparsed[0]); i++) {
        row_by(&by, unparsed[i], unparsed[i]);
    }
}


/* many values with as much in common as can be, in a text made of that */
static void
many(void)
{
    size_t       i, n, len;
    uint8_t     *values, *line;
    clock_t      start;
    mk_bytes_t  *list;
    mk_redact_t  by;

    enum { VALUES = 3000, EACH = MK_NEEDLES_PREFIX + 4 };

    len = 1 << 20;
    line = malloc(len);
    values = malloc(VALUES * EACH);
    list = malloc(VALUES * sizeof(mk_bytes_t));

    for (i = 0; i < VALUES; i++) {
        memset(values + i * EACH, 'a', EACH);
        values[i * EACH + MK_NEEDLES_PREFIX - 1] = (uint8_t) ('c' + i % 16);
        values[i * EACH + MK_NEEDLES_PREFIX] = (uint8_t) (1 + i / 16);
        list[i].data = values + i * EACH;
        list[i].len = EACH;
    }

    n = mk_needles_sort(list, VALUES);
    ok(n == VALUES, "%d values", VALUES);
    ok(mk_needles_sort(list, n) == n, "sorted twice is sorted once");

    memset(&by, 0, sizeof(by));
    by.secrets = list;
    by.nsecrets = n;
    by.key = key;

    for (i = 0; i < len; i++) {
        line[i] = i % MK_NEEDLES_PREFIX == MK_NEEDLES_PREFIX - 1 ? 'b' : 'a';
    }

    start = clock();
    ok(mk_redact_text(&by, line, len) == 0, "none is in 1 MiB");
    ok((clock() - start) / CLOCKS_PER_SEC < 30, "and that is known soon");

    for (i = 0; i < VALUES; i++) {
        memset(line, 'b', 400);
        memcpy(line + 9, values + i * EACH, EACH);

        if (mk_redact_text(&by, line, 400) != 1
            || !mk_mask_is(line + 9, EACH) || line[9 + EACH] != 'b')
        {
            break;
        }
    }

    ok(i == VALUES, "each of them is found, and all of it");

    free(list);
    free(values);
    free(line);
}


int
main(void)
{
    setup();
    rows();
    masks();
    prefix();
    flags();
    by_kind();
    many();
    hostile();
    mk_secret_free(key);

    return tap_done();
}
