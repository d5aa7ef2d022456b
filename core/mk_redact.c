/*
 * mk_redact: masks secrets in text that is going to be logged.
 */

#include "mk_mask.h"
#include "mk_redact.h"

#include <string.h>


/* "%25253D" is "=" three levels deep; a deeper one is not decoded */
#define MK_REDACT_LEVELS  3

/* a JWS is not shorter than that, unless the line ends in it */
#define MK_REDACT_JWS     16


/* One character as a URL's reader sees it. */
typedef struct {
    uint8_t  c;
    size_t   len;       /* bytes that it takes */
    size_t   level;     /* 0: stands for itself */
} mk_redact_unit_t;


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


static int
mk_redact_hex(uint8_t c)
{
    c = mk_redact_lower(c);

    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : -1;
}


/* pos is inside of the text */
static mk_redact_unit_t
mk_redact_read(const mk_redact_scan_t *s, size_t pos)
{
    int               high, low;
    size_t            p, level;
    mk_redact_unit_t  unit;

    unit.c = s->text[pos];
    unit.len = 1;
    unit.level = 0;

    if (unit.c != '%') {
        return unit;
    }

    p = pos + 1;

    for (level = 1; level <= MK_REDACT_LEVELS; level++) {

        if (s->len - p < 2) {
            break;
        }

        high = mk_redact_hex(s->text[p]);
        low = mk_redact_hex(s->text[p + 1]);

        if (high < 0 || low < 0) {
            break;
        }

        unit.c = (uint8_t) (high << 4 | low);
        unit.len = p + 2 - pos;
        unit.level = level;

        if (unit.c != '%') {
            break;
        }

        p += 2;
    }

    return unit;
}


/* --- values --------------------------------------------------------------- */


/*
 * "Bearer", "Basic" and the spaces behind it at pos: how many bytes these
 * are, 0: neither.
 */
static size_t
mk_redact_scheme(const mk_redact_scan_t *s, size_t pos)
{
    size_t            i, n, start;
    mk_redact_unit_t  unit;

    static const char *const  schemes[] = { "bearer", "basic" };

    start = pos;

    for (i = 0; i < 2; i++) {
        pos = start;

        for (n = 0; schemes[i][n] != '\0' && pos < s->len; n++) {
            unit = mk_redact_read(s, pos);

            if (mk_redact_lower(unit.c) != (uint8_t) schemes[i][n]) {
                break;
            }

            pos += unit.len;
        }

        if (schemes[i][n] != '\0') {
            continue;
        }

        for (n = 0; pos < s->len; n++) {
            unit = mk_redact_read(s, pos);

            if (unit.c != ' ' && unit.c != '\t' && unit.c != '+') {
                break;
            }

            pos += unit.len;
        }

        return n > 0 ? pos - start : 0;
    }

    return 0;
}


void
mk_redact_value(const mk_secret_t *key, uint8_t *value, size_t len)
{
    size_t            n;
    mk_redact_scan_t  s;

    memset(&s, 0, sizeof(s));
    s.text = value;
    s.len = len;
    n = mk_redact_scheme(&s, 0);


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


/* where the value ends whose "=" stood so many levels deep */
static size_t
mk_redact_arg_end(const mk_redact_scan_t *s, size_t pos, size_t level)
{
    mk_redact_unit_t  unit;

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
mk_redact_arg(mk_redact_scan_t *s, mk_bytes_t name)
{
    size_t            i, pos;
    mk_redact_unit_t  unit;

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
    s->end = mk_redact_arg_end(s, pos, unit.level);

    return 1;
}


/* the value goes to the line's end, or to what nginx writes behind it */
static size_t
mk_redact_header_end(const mk_redact_scan_t *s, size_t pos)
{
    size_t  end, p;

    static const char  suffix[] = ", client: ";

    for (end = pos; !mk_redact_is_line_end(s, end); end++) { /* void */ }

    for (p = end; p >= pos + sizeof(suffix) - 1; p--) {
        if (memcmp(s->text + p - (sizeof(suffix) - 1), suffix,
                   sizeof(suffix) - 1)
            == 0)
        {
            end = p - (sizeof(suffix) - 1);
            break;
        }
    }

    return end > pos && s->text[end - 1] == '"' ? end - 1 : end;
}


static int
mk_redact_header(mk_redact_scan_t *s, mk_bytes_t name)
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

    s->end = mk_redact_header_end(s, pos);
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
    size_t            n;
    mk_redact_unit_t  unit;

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


/* a JSON object in base64url begins with one of these */
static int
mk_redact_is_object(const uint8_t begin[3])
{
    return memcmp(begin, "eyJ", 3) == 0 || memcmp(begin, "eyA", 3) == 0
           || memcmp(begin, "ewo", 3) == 0 || memcmp(begin, "ew0", 3) == 0
           || memcmp(begin, "ewk", 3) == 0;
}


static int
mk_redact_jws(mk_redact_scan_t *s)
{
    size_t            n, pos;
    uint8_t           begin[3];
    mk_redact_unit_t  unit;

    if (mk_redact_is_alnum(s->prev)) {
        return 0;
    }

    n = 0;
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

        if (n == 3 && !mk_redact_is_object(begin)) {
            return 0;
        }

        if (unit.c != '.') {
            s->end = pos + unit.len;    /* the dots behind it are nginx's */
        }
    }

    return n >= MK_REDACT_JWS || (n >= 3 && mk_redact_is_line_end(s, pos));
}


static int
mk_redact_secret(mk_redact_scan_t *s, mk_bytes_t secret)
{
    size_t            n, pos;
    mk_redact_unit_t  unit;

    if (secret.len < MK_REDACT_SHORTEST) {
        return 0;
    }

    pos = s->pos;

    for (n = 0; n < secret.len && pos < s->len; n++) {
        unit = mk_redact_read(s, pos);

        if (unit.c != secret.data[n]) {

            /* as written, where it looks like an escape */

            if (s->text[pos] != secret.data[n]) {
                break;
            }

            unit.len = 1;
        }

        pos += unit.len;
    }

    s->start = s->pos;
    s->end = pos;

    return n == secret.len || n >= MK_REDACT_PREFIX
           || (n >= MK_REDACT_SHORTEST && mk_redact_is_line_end(s, pos));
}


/* --- the text ------------------------------------------------------------- */


static int
mk_redact_secrets(const mk_redact_t *rules, mk_redact_scan_t *s)
{
    size_t  i;

    for (i = 0; i < rules->nsecrets; i++) {
        if (mk_redact_secret(s, rules->secrets[i])) {
            return 1;
        }
    }

    return 0;
}


static int
mk_redact_names(const mk_redact_t *rules, mk_redact_scan_t *s)
{
    size_t  i;

    for (i = 0; i < rules->nheaders; i++) {
        if (mk_redact_header(s, rules->headers[i])) {
            return 1;
        }
    }

    for (i = 0; i < rules->nargs; i++) {
        if (mk_redact_arg(s, rules->args[i])) {
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
    size_t            next;
    mk_redact_unit_t  unit;

    while (s->pos < s->len) {
        unit = mk_redact_read(s, s->pos);
        next = s->pos + unit.len;

        if ((mk_redact_names(rules, s) || mk_redact_credentials(s)
             || mk_redact_jws(s) || mk_redact_secrets(rules, s))
            && s->end > s->start)
        {
            s->pos = s->end;
            s->prev = '*';

            if (!mk_mask_is(s->text + s->start, s->end - s->start)) {
                return 1;
            }

            continue;
        }

        for (s->pos++; s->pos < next; s->pos++) {
            if (mk_redact_secrets(rules, s)) {
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
