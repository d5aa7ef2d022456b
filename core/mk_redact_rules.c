/*
 * mk_redact_rules: what mk_redact looks for at one place of a text.
 */

#include "mk_redact_names.h"
#include "mk_redact_rules.h"
#include "mk_scheme.h"

#include <string.h>


/* a JWS is not shorter than that, unless the line ends in it */
#define MK_REDACT_RULES_JWS  16


/* how CGI begins the name of a header */
#define MK_REDACT_RULES_CGI  "HTTP_"
#define MK_REDACT_RULES_CGI_LEN  (sizeof(MK_REDACT_RULES_CGI) - 1)


/* What stands at a place: a name of so many characters, and where it ends. */
typedef struct {
    uint8_t  text[MK_REDACT_RULES_CGI_LEN + MK_REDACT_NAME_MAX];
    size_t   len;
    size_t   end;
    int      plain;     /* nothing of it is percent-encoded */
} mk_redact_rules_name_t;


static int
mk_redact_rules_is_url(const mk_redact_scan_t *s)
{
    return s->where != MK_REDACT_SCAN_TEXT;
}


/* --- names ---------------------------------------------------------------- */


/* 0: none begins here, or it is too long to be one that is looked for */
static int
mk_redact_rules_name(const mk_redact_scan_t *s, mk_redact_rules_name_t *name)
{
    size_t        pos;
    mk_percent_t  unit;

    name->len = 0;
    name->plain = 1;

    if (mk_redact_names_may(s->prev.c)) {
        return 0;
    }

    for (pos = s->pos; pos < s->text.len; pos += unit.len) {
        unit = mk_redact_scan_read(s, pos);

        if (!mk_redact_names_may(unit.c)) {
            break;
        }

        if (name->len == sizeof(name->text)) {
            return 0;
        }

        name->text[name->len++] = unit.c;
        name->plain &= unit.level == 0;
    }

    name->end = pos;

    return name->len > 0;
}


static int
mk_redact_rules_arg(mk_redact_scan_t *s, const mk_redact_rules_name_t *name,
    mk_redact_rules_run_t *run)
{
    mk_bytes_t    text;
    mk_percent_t  unit;

    if (name->end >= s->text.len) {
        return 0;
    }

    unit = mk_redact_scan_read(s, name->end);
    text.data = name->text;
    text.len = name->len;

    if (unit.c != '='
        || !mk_redact_names_has(s->rules->args, s->rules->nargs, text, 0))
    {
        return 0;
    }

    run->start = name->end + unit.len;
    run->end = mk_redact_scan_arg(s, run->start, unit.level);

    return 1;
}


/* what stands in front of a header's name, where it is one */
static int
mk_redact_rules_is_front(const mk_redact_scan_t *s)
{
    static const char  front[] = " \t\r\n\"'([{,;<>|";

    return s->pos == 0
           || (s->prev.level == 0
               && memchr(front, s->prev.c, sizeof(front) - 1) != NULL);
}


/* also as CGI calls it: HTTP_COOKIE */
static int
mk_redact_rules_is_header(const mk_redact_scan_t *s,
    const mk_redact_rules_name_t *name)
{
    size_t      i;
    mk_bytes_t  text;

    static const char  cgi[] = MK_REDACT_RULES_CGI;

    text.data = name->text;
    text.len = name->len;

    if (mk_redact_names_has(s->rules->headers, s->rules->nheaders, text, 1)) {
        return 1;
    }

    for (i = 0; i < MK_REDACT_RULES_CGI_LEN; i++) {
        if (i >= name->len || (name->text[i] & ~0x20) != (cgi[i] & ~0x20)) {
            return 0;
        }
    }

    text.data += MK_REDACT_RULES_CGI_LEN;
    text.len -= MK_REDACT_RULES_CGI_LEN;

    return mk_redact_names_has(s->rules->headers, s->rules->nheaders, text, 1);
}


/* in a URL there is none, whatever looks like it */
static int
mk_redact_rules_header(mk_redact_scan_t *s, const mk_redact_rules_name_t *name,
    mk_redact_rules_run_t *run)
{
    size_t  pos;

    if (s->kind != MK_REDACT_LINE || mk_redact_rules_is_url(s)
        || !name->plain || !mk_redact_rules_is_front(s))
    {
        return 0;
    }

    pos = mk_redact_scan_spaces(s, name->end);

    if (pos >= s->text.len || s->text.data[pos] != ':'
        || !mk_redact_rules_is_header(s, name))
    {
        return 0;
    }

    pos = mk_redact_scan_spaces(s, pos + 1);

    run->end = mk_redact_scan_message(s, pos);
    run->start = pos + mk_scheme_at(s->text, pos);

    return 1;
}


/* --- values --------------------------------------------------------------- */


/* the URL behind a method that is called so, or the version behind a path */
static int
mk_redact_rules_is_http(const mk_redact_scan_t *s,
    const mk_redact_rules_run_t *run)
{
    size_t          len;
    const uint8_t  *text = s->text.data;

    len = s->text.len;

    return (len - run->start >= 5
            && memcmp(text + run->start, "HTTP/", 5) == 0)
           || (text[run->start] == '/' && len - run->end >= 6
               && memcmp(text + run->end, " HTTP/", 6) == 0);
}


/*
 * "for basic authentication" and 'Bearer realm="..."' are no credentials: a
 * word, and the name of a parameter.
 */
static int
mk_redact_rules_is_word(const mk_redact_scan_t *s,
    const mk_redact_rules_run_t *run, int basic)
{
    size_t          pos, len;
    const uint8_t  *text = s->text.data;

    len = s->text.len;

    for (pos = run->start; pos < run->end; pos++) {
        mk_redact_scan_read(s, pos);

        if ((text[pos] < 'a' || text[pos] > 'z') && text[pos] != '_') {
            break;
        }
    }

    return (basic && pos == run->end)
           || (pos + 1 == run->end && text[pos] == '=' && run->end < len
               && text[run->end] == '"');
}


static int
mk_redact_rules_credentials(mk_redact_scan_t *s, mk_redact_rules_run_t *run)
{
    int           basic;
    size_t        n;
    mk_percent_t  unit;

    if (mk_redact_scan_is_alnum(s->prev.c)) {
        return 0;
    }

    n = mk_scheme_at(s->text, s->pos);
    if (n == 0) {
        return 0;
    }

    run->start = s->pos + n;

    if (run->start >= s->text.len) {
        return 0;
    }

    run->end = mk_redact_scan_credentials(s, run->start);

    unit = mk_redact_scan_read(s, s->pos);
    unit = mk_redact_scan_read(s, s->pos + unit.len);
    basic = (unit.c | 0x20) == 'a';

    return !mk_redact_rules_is_http(s, run)
           && !mk_redact_rules_is_word(s, run, basic);
}


/* how a JSON object begins in base64url, and with white space in front */
static int
mk_redact_rules_begins(const uint8_t begin[3], const char *kinds)
{
    for ( /* void */ ; *kinds != '\0'; kinds += 3) {
        if (memcmp(begin, kinds, 3) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
mk_redact_rules_jws(mk_redact_scan_t *s, mk_redact_rules_run_t *run)
{
    int                          spaced;
    size_t                       n, pos;
    uint8_t                      begin[3];
    mk_percent_t                 unit;
    const mk_redact_scan_run_t  *known;

    if (mk_redact_scan_is_alnum(s->prev.c)) {
        return 0;
    }

    for (n = 0, pos = s->pos; n < 3; n++, pos += unit.len) {

        if (pos >= s->text.len) {
            return 0;
        }

        unit = mk_redact_scan_read(s, pos);
        begin[n] = unit.c;
    }

    spaced = mk_redact_rules_begins(begin, "IHsCnsDXsCXs");

    if (!spaced && !mk_redact_rules_begins(begin, "eyJeyAewoew0ewk")) {
        return 0;
    }

    known = mk_redact_scan_run(s, s->pos);

    for ( /* void */ ; n < MK_REDACT_RULES_JWS && pos < known->end; n++) {
        unit = mk_redact_scan_read(s, pos);
        pos += unit.len;
    }

    run->start = s->pos;
    run->end = known->last;         /* the dots behind it are nginx's */

    if (n < MK_REDACT_RULES_JWS) {
        return !spaced && s->cut && mk_redact_scan_is_line_end(s, known->end);
    }

    return !spaced || known->dot > s->pos;      /* an id may begin so */
}


/*
 * What stands in "://name:password@" (RFC 3986, section 3.2.1).  Where the
 * text may be cut in front of the "@", what is left may be no host.
 */
static int
mk_redact_rules_userinfo(mk_redact_scan_t *s, mk_redact_rules_run_t *run)
{
    size_t        n, pos;
    mk_percent_t  unit, slash;

    for (n = 0, pos = s->pos; n < 3; n++, pos += slash.len) {

        if (pos >= s->text.len) {
            return 0;
        }

        slash = mk_redact_scan_read(s, pos);

        if (slash.c != (uint8_t) "://"[n]) {
            return 0;
        }
    }

    run->start = pos;
    run->end = pos;

    for ( /* void */ ; pos < s->text.len; pos += unit.len) {
        unit = mk_redact_scan_read(s, pos);

        if (unit.c == '@') {
            run->end = pos;
        }

        /* in a path a slash is one however deep it is encoded */

        if (((unit.c == '/' || unit.c == '?' || unit.c == '#')
             && (unit.level <= slash.level
                 || s->where == MK_REDACT_SCAN_PATH))
            || (unit.c == '&' && unit.level <= slash.level
                && s->where == MK_REDACT_SCAN_QUERY)
            || (s->kind == MK_REDACT_LINE && unit.level == 0
                && (unit.c <= ' ' || mk_redact_scan_is_close(s, pos))))
        {
            break;
        }
    }

    if (s->cut && run->end == run->start
        && mk_redact_scan_is_line_end(s, pos))
    {
        run->end = pos;
    }

    return 1;
}


/* --- all of them ---------------------------------------------------------- */


static void
mk_redact_rules_add(mk_redact_rules_run_t *run,
    const mk_redact_rules_run_t *other)
{
    if (other->end <= other->start) {
        return;
    }

    if (run->end <= run->start) {
        *run = *other;
        return;
    }

    run->start = run->start < other->start ? run->start : other->start;
    run->end = run->end > other->end ? run->end : other->end;
}


/* each rule is asked: what one finds is no reason not to look further */
int
mk_redact_rules_at(mk_redact_scan_t *s, mk_redact_rules_run_t *run)
{
    mk_redact_rules_run_t   found;
    mk_redact_rules_name_t  name;

    run->start = 0;
    run->end = 0;

    if (mk_redact_rules_name(s, &name)) {

        if (mk_redact_rules_arg(s, &name, &found)) {
            mk_redact_rules_add(run, &found);
        }

        if (mk_redact_rules_header(s, &name, &found)) {
            mk_redact_rules_add(run, &found);
        }
    }

    if (mk_redact_rules_credentials(s, &found)) {
        mk_redact_rules_add(run, &found);
    }

    if (mk_redact_rules_jws(s, &found)) {
        mk_redact_rules_add(run, &found);
    }

    if (mk_redact_rules_userinfo(s, &found)) {
        mk_redact_rules_add(run, &found);
    }

    return run->end > run->start;
}
