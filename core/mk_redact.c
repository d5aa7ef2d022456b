/*
 * mk_redact: masks secrets in text that is going to be logged.
 */

#include "mk_mask.h"
#include "mk_redact.h"
#include "mk_scheme.h"

#include <string.h>


/* a JWS is not shorter than that, unless the line ends in it */
#define MK_REDACT_JWS      16

/* the longest address of a client, and more */
#define MK_REDACT_ADDRESS  64


/* The text, where it is looked at, and what is found there. */
typedef struct {
    const uint8_t  *text;
    size_t          len;
    size_t          pos;
    uint8_t         prev;       /* the character before pos */
    size_t          start;      /* of the run to mask */
    size_t          end;
} mk_redact_scan_t;


/* --- characters ----------------------------------------------------------- */


static uint8_t
mk_redact_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t) (c | 0x20) : c;
}


static int
mk_redact_is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9')
           || (mk_redact_lower(c) >= 'a' && mk_redact_lower(c) <= 'z');
}


static int
mk_redact_is_base64url(uint8_t c)
{
    return mk_redact_is_alnum(c) || c == '-' || c == '_';
}


static int
mk_redact_is_line_end(const mk_redact_scan_t *s, size_t pos)
{
    return pos >= s->len || s->text[pos] == '\r' || s->text[pos] == '\n';
}


static size_t
mk_redact_skip_spaces(const mk_redact_scan_t *s, size_t pos)
{
    while (pos < s->len && (s->text[pos] == ' ' || s->text[pos] == '\t')) {
        pos++;
    }

    return pos;
}


/* pos is inside of the text */
static mk_percent_t
mk_redact_read(const mk_redact_scan_t *s, size_t pos)
{
    mk_bytes_t  text;

    text.data = s->text;
    text.len = s->len;

    return mk_percent_read(text, pos);
}


/* --- values --------------------------------------------------------------- */


/* "Bearer", "Basic" and the spaces behind it at pos: how many bytes, or 0 */
static size_t
mk_redact_scheme(const mk_redact_scan_t *s, size_t pos)
{
    mk_bytes_t  text;

    text.data = s->text;
    text.len = s->len;

    return mk_scheme_at(text, pos);
}


void
mk_redact_value(const mk_secret_t *key, uint8_t *value, size_t len)
{
    size_t      n;
    mk_bytes_t  text;

    text.data = value;
    text.len = len;
    n = mk_scheme_at(text, 0);

    mk_mask_put(key, value + n, len - n);
}


/* --- what is looked for --------------------------------------------------- */


/*
 * A quote closes if nothing of a URL can follow: nginx writes what the client
 * sent as it is.
 */
static int
mk_redact_is_close(const mk_redact_scan_t *s, size_t pos)
{
    return s->text[pos] == '"'
           && (mk_redact_is_line_end(s, pos + 1) || s->text[pos + 1] == ' '
               || (s->text[pos + 1] == ','
                   && (mk_redact_is_line_end(s, pos + 2)
                       || s->text[pos + 2] == ' ')));
}


/* of a request line that nginx does not understand: all but its version */
static size_t
mk_redact_line_end(const mk_redact_scan_t *s, size_t pos)
{
    size_t  end, p;

    for (end = pos; !mk_redact_is_line_end(s, end); end++) { /* void */ }

    for (p = end; p >= pos + 6; p--) {
        if (memcmp(s->text + p - 6, " HTTP/", 6) == 0) {
            return p - 6;
        }
    }

    return end;
}


/* where the value ends whose "=" stood so many levels deep */
static size_t
mk_redact_arg_end(const mk_redact_scan_t *s, size_t pos, size_t level)
{
    mk_percent_t  unit;

    while (pos < s->len) {
        unit = mk_redact_read(s, pos);

        if ((unit.c == '&' && unit.level <= level)
            || (unit.level == 0 && (unit.c == ' ' || unit.c == '\t'
                                    || mk_redact_is_line_end(s, pos)
                                    || mk_redact_is_close(s, pos))))
        {
            break;
        }

        pos += unit.len;
    }

    return pos;
}


static int
mk_redact_arg(const mk_redact_t *rules, mk_redact_scan_t *s, mk_bytes_t name)
{
    size_t        i, pos;
    mk_percent_t  unit;

    pos = s->pos;

    if (mk_redact_is_base64url(s->prev) || s->prev == '.' || s->prev == '~') {
        return 0;
    }

    for (i = 0; i <= name.len; i++) {

        if (pos >= s->len) {
            return 0;
        }

        unit = mk_redact_read(s, pos);
        pos += unit.len;

        if (mk_redact_lower(unit.c)
            != (i < name.len ? mk_redact_lower(name.data[i]) : '='))
        {
            return 0;
        }
    }

    s->start = pos;
    s->end = rules->unparsed ? mk_redact_line_end(s, pos)
                             : mk_redact_arg_end(s, pos, unit.level);

    return 1;
}


/* what nginx writes behind a message: ", client: 192.0.2.1, server: " */
static int
mk_redact_is_suffix(const mk_redact_scan_t *s, size_t pos)
{
    size_t   start;
    uint8_t  c;

    static const char  client[] = ", client: ";
    static const char  server[] = ", server: ";

    if (s->len - pos < sizeof(client) - 1
        || memcmp(s->text + pos, client, sizeof(client) - 1) != 0)
    {
        return 0;
    }

    pos += sizeof(client) - 1;
    start = pos;

    if (s->len - pos > 5 && memcmp(s->text + pos, "unix:", 5) == 0) {
        pos += 5;
    }

    for ( /* void */ ; pos < s->len && pos - start < MK_REDACT_ADDRESS; pos++) {
        c = mk_redact_lower(s->text[pos]);

        if (c != '.' && c != ':' && (c < '0' || c > '9')
            && (c < 'a' || c > 'f'))
        {
            break;
        }
    }

    return pos > start && s->len - pos >= sizeof(server) - 1
           && memcmp(s->text + pos, server, sizeof(server) - 1) == 0;
}


/* the value goes to the line's end, or to what nginx writes behind it */
static size_t
mk_redact_header_end(const mk_redact_t *rules, const mk_redact_scan_t *s,
    size_t pos)
{
    size_t  end, p;

    for (end = pos; !mk_redact_is_line_end(s, end); end++) { /* void */ }

    for (p = end; p > pos && !rules->bare; p--) {
        if (mk_redact_is_suffix(s, p - 1)) {
            end = p - 1;
            break;
        }
    }

    return end > pos && s->text[end - 1] == '"' ? end - 1 : end;
}


static int
mk_redact_header(const mk_redact_t *rules, mk_redact_scan_t *s,
    mk_bytes_t name)
{
    size_t   i, pos;
    uint8_t  c, want;

    if (mk_redact_is_alnum(s->prev) || s->prev == '-'
        || s->len - s->pos <= name.len)
    {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        c = mk_redact_lower(s->text[s->pos + i]);
        want = mk_redact_lower(name.data[i]);

        if (c != want && !((c == '-' || c == '_')
                           && (want == '-' || want == '_')))
        {
            return 0;
        }
    }

    pos = mk_redact_skip_spaces(s, s->pos + name.len);

    if (pos >= s->len || s->text[pos] != ':') {
        return 0;
    }

    pos = mk_redact_skip_spaces(s, pos + 1);

    s->end = mk_redact_header_end(rules, s, pos);
    s->start = pos + mk_redact_scheme(s, pos);

    return s->start <= s->end;
}


/*
 * "for basic authentication" and 'Bearer realm="..."' are no credentials:
 * a word, and the name of a parameter.
 */
static int
mk_redact_is_word(const mk_redact_scan_t *s, size_t pos, size_t end,
    int basic)
{
    while (pos < end && ((s->text[pos] >= 'a' && s->text[pos] <= 'z')
                         || s->text[pos] == '_'))
    {
        pos++;
    }

    return (basic && pos == end)
           || (pos + 1 == end && s->text[pos] == '=' && end < s->len
               && s->text[end] == '"');
}


static int
mk_redact_credentials(mk_redact_scan_t *s)
{
    size_t        n;
    mk_percent_t  unit;

    if (mk_redact_is_alnum(s->prev)) {
        return 0;
    }

    n = mk_redact_scheme(s, s->pos);
    if (n == 0) {
        return 0;
    }

    s->start = s->pos + n;
    s->end = s->start;

    while (s->end < s->len) {
        unit = mk_redact_read(s, s->end);

        if (unit.c <= ' ' || unit.c == '"' || unit.c == ','
            || unit.c == ';' || unit.c == '&')
        {
            break;
        }

        s->end += unit.len;
    }

    return !mk_redact_is_word(s, s->start, s->end,
                              mk_redact_lower(s->text[s->pos + 1]) == 'a');
}


/* how a JSON object begins in base64url, and with white space in front */
static int
mk_redact_begins(const uint8_t begin[3], const char *kinds)
{
    for ( /* void */ ; *kinds != '\0'; kinds += 3) {
        if (memcmp(begin, kinds, 3) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
mk_redact_jws(mk_redact_scan_t *s)
{
    int           spaced;
    size_t        n, pos, dots;
    uint8_t       begin[3];
    mk_percent_t  unit;

    if (mk_redact_is_alnum(s->prev)) {
        return 0;
    }

    n = 0;
    dots = 0;
    spaced = 0;
    s->start = s->pos;
    s->end = s->pos;

    for (pos = s->pos; pos < s->len; pos += unit.len) {
        unit = mk_redact_read(s, pos);

        if (!mk_redact_is_base64url(unit.c) && unit.c != '.') {
            break;
        }

        if (n < 3) {
            begin[n] = unit.c;
        }

        n++;

        if (n == 3 && !mk_redact_begins(begin, "eyJeyAewoew0ewk")) {
            spaced = mk_redact_begins(begin, "IHsCnsDXsCXs");

            if (!spaced) {
                return 0;
            }
        }

        dots += unit.c == '.';

        if (unit.c != '.') {
            s->end = pos + unit.len;    /* the dots behind it are nginx's */
        }
    }

    if (spaced) {
        return n >= MK_REDACT_JWS && dots > 0;      /* an id may begin so */
    }

    return n >= MK_REDACT_JWS || (n >= 3 && mk_redact_is_line_end(s, pos));
}


static int
mk_redact_secret(const mk_redact_t *rules, mk_redact_scan_t *s)
{
    mk_bytes_t  text;

    text.data = s->text;
    text.len = s->len;

    s->start = s->pos;
    s->end = s->pos + mk_needles_at(rules->secrets, rules->nsecrets, text,
                                    s->pos);

    return s->end > s->start;
}


/* the password of "://name:password@" (RFC 3986, section 3.2.1) */
static int
mk_redact_userinfo(mk_redact_scan_t *s)
{
    size_t        n, pos;
    mk_percent_t  unit;

    s->start = 0;
    s->end = 0;

    for (n = 0, pos = s->pos; pos < s->len; n++, pos += unit.len) {
        unit = mk_redact_read(s, pos);

        if (n < 3) {
            if (unit.c != (uint8_t) "://"[n]) {
                return 0;
            }

            continue;
        }

        if (unit.c <= ' ' || unit.c == '/' || unit.c == '?' || unit.c == '#'
            || unit.c == '"')
        {
            break;
        }

        if (unit.c == ':' && s->start == 0) {
            s->start = pos + unit.len;

        } else if (unit.c == '@' && s->start != 0) {
            s->end = pos;
        }
    }

    return s->end > s->start;
}


/* --- the text ------------------------------------------------------------- */


static int
mk_redact_names(const mk_redact_t *rules, mk_redact_scan_t *s)
{
    size_t  i;

    for (i = 0; i < rules->nheaders; i++) {
        if (mk_redact_header(rules, s, rules->headers[i])) {
            return 1;
        }
    }

    for (i = 0; i < rules->nargs; i++) {
        if (mk_redact_arg(rules, s, rules->args[i])) {
            return 1;
        }
    }

    return 0;
}


/*
 * Finds the next run that is not masked yet.  A secret may begin anywhere,
 * also in what looks like an escape; the rest begins with a character.
 */
static int
mk_redact_next(const mk_redact_t *rules, mk_redact_scan_t *s)
{
    size_t        next;
    mk_percent_t  unit;

    while (s->pos < s->len) {
        unit = mk_redact_read(s, s->pos);
        next = s->pos + unit.len;

        if ((mk_redact_names(rules, s) || mk_redact_credentials(s)
             || mk_redact_jws(s) || mk_redact_userinfo(s)
             || mk_redact_secret(rules, s))
            && s->end > s->start)
        {
            s->pos = s->end;
            s->prev = '*';

            if (!rules->again
                || !mk_mask_is(s->text + s->start, s->end - s->start))
            {
                return 1;
            }

            continue;
        }

        for (s->pos++; s->pos < next; s->pos++) {
            if (mk_redact_secret(rules, s)) {
                s->pos = s->end;
                s->prev = '*';
                return 1;
            }
        }

        s->prev = unit.c;
    }

    return 0;
}


size_t
mk_redact_text(const mk_redact_t *rules, uint8_t *text, size_t len)
{
    size_t            n;
    mk_redact_scan_t  s;

    memset(&s, 0, sizeof(s));
    s.text = text;
    s.len = len;

    for (n = 0; mk_redact_next(rules, &s); n++) {
        mk_mask_put(rules->key, text + s.start, s.end - s.start);
    }

    return n;
}


int
mk_redact_finds(const mk_redact_t *rules, mk_bytes_t text)
{
    mk_redact_scan_t  s;

    memset(&s, 0, sizeof(s));
    s.text = text.data;
    s.len = text.len;

    return mk_redact_next(rules, &s);
}
