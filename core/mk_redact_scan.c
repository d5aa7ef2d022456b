/*
 * mk_redact_scan: a text as mk_redact looks at it.
 */

#include "mk_redact_scan.h"
#include "mk_work.h"

#include <string.h>


/* the longest address of a client, and more */
#define MK_REDACT_SCAN_ADDRESS  64


void
mk_redact_scan_init(mk_redact_scan_t *s, const mk_redact_t *rules,
    mk_redact_kind_t kind, mk_bytes_t text)
{
    memset(s, 0, sizeof(mk_redact_scan_t));

    s->rules = rules;
    s->kind = kind;
    s->text = text;
    s->where = kind == MK_REDACT_PATH ? MK_REDACT_SCAN_PATH
               : kind == MK_REDACT_QUERY ? MK_REDACT_SCAN_QUERY
               : MK_REDACT_SCAN_TEXT;
}


mk_percent_t
mk_redact_scan_read(const mk_redact_scan_t *s, size_t pos)
{
    return mk_percent_read(s->text, pos);
}


/*
 * nginx writes decoded paths between quotes, with whatever is in them.  The
 * client can write a quote, too, but no line's end.
 */
static void
mk_redact_scan_quote(mk_redact_scan_t *s, size_t pos, uint8_t before)
{
    const uint8_t  *text = s->text.data;

    if (s->quoted) {
        if (mk_redact_scan_is_close(s, pos)) {
            s->quoted = 0;
            s->where = MK_REDACT_SCAN_TEXT;
        }

        return;
    }

    if (s->where == MK_REDACT_SCAN_TEXT && (before == ' ' || pos == 0)
        && s->text.len - pos > 1 && text[pos + 1] == '/')
    {
        s->quoted = 1;
    }
}


/*
 * In a line white space ends a URL, and no quote: that may be the client's.
 * What is decoded (MK_REDACT_PATH) may have any character.
 */
void
mk_redact_scan_step(mk_redact_scan_t *s, mk_percent_t unit, int secret)
{
    size_t   pos;
    uint8_t  before;

    pos = s->pos;
    before = s->prev.level == 0 ? s->prev.c : '%';

    s->pos += unit.len;
    s->prev = unit;

    if (secret || unit.level > 0) {
        return;
    }

    if (s->kind == MK_REDACT_LINE
        && (unit.c == '\r' || unit.c == '\n'
            || (unit.c <= ' ' && !s->quoted)))
    {
        s->quoted = 0;
        s->where = MK_REDACT_SCAN_TEXT;

    } else if (s->kind == MK_REDACT_LINE && unit.c == '"') {
        mk_redact_scan_quote(s, pos, before);

    } else if (unit.c == '/' && s->where == MK_REDACT_SCAN_TEXT) {
        s->where = MK_REDACT_SCAN_PATH;

    } else if ((unit.c == '?' || unit.c == '#') && s->kind != MK_REDACT_PATH) {
        s->where = MK_REDACT_SCAN_QUERY;
    }
}


int
mk_redact_scan_is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


int
mk_redact_scan_is_line_end(const mk_redact_scan_t *s, size_t pos)
{
    return pos >= s->text.len || s->text.data[pos] == '\r'
           || s->text.data[pos] == '\n';
}


int
mk_redact_scan_is_close(const mk_redact_scan_t *s, size_t pos)
{
    const uint8_t  *text = s->text.data;

    return text[pos] == '"'
           && (mk_redact_scan_is_line_end(s, pos + 1) || text[pos + 1] == ' '
               || (text[pos + 1] == ','
                   && (mk_redact_scan_is_line_end(s, pos + 2)
                       || text[pos + 2] == ' ')));
}


size_t
mk_redact_scan_spaces(const mk_redact_scan_t *s, size_t pos)
{
    while (pos < s->text.len
           && (s->text.data[pos] == ' ' || s->text.data[pos] == '\t'))
    {
        MK_WORK(1);
        pos++;
    }

    return pos;
}


/* --- lines ---------------------------------------------------------------- */


/* what was remembered of another line is forgotten */
static size_t
mk_redact_scan_line(mk_redact_scan_t *s, size_t pos)
{
    if (pos < s->line) {
        return s->line;
    }

    s->message = 0;
    s->version = 0;

    for (s->line = pos; !mk_redact_scan_is_line_end(s, s->line); s->line++) {
        MK_WORK(1);
    }

    return s->line;
}


/* what nginx writes behind a message: ", client: 192.0.2.1, server: " */
static int
mk_redact_scan_is_suffix(const mk_redact_scan_t *s, size_t pos)
{
    size_t          start, len;
    uint8_t         c;
    const uint8_t  *text = s->text.data;

    static const char  client[] = ", client: ";
    static const char  server[] = ", server: ";

    MK_WORK(1);
    len = s->text.len;

    if (len - pos < sizeof(client) - 1
        || memcmp(text + pos, client, sizeof(client) - 1) != 0)
    {
        return 0;
    }

    pos += sizeof(client) - 1;
    start = pos;

    if (len - pos > 5 && memcmp(text + pos, "unix:", 5) == 0) {
        pos += 5;
    }

    for ( /* void */ ; pos < len && pos - start < MK_REDACT_SCAN_ADDRESS; pos++)
    {
        MK_WORK(1);
        c = text[pos];

        if (c != '.' && c != ':' && (c < '0' || c > '9')
            && (c < 'a' || c > 'f') && (c < 'A' || c > 'F'))
        {
            break;
        }
    }

    return pos > start && len - pos >= sizeof(server) - 1
           && memcmp(text + pos, server, sizeof(server) - 1) == 0;
}


/*
 * Nothing else than the last one is nginx's own: a client can write the same.
 * What was looked at once has none, wherever the next value begins.
 */
size_t
mk_redact_scan_message(mk_redact_scan_t *s, size_t pos)
{
    size_t  end, p;

    end = mk_redact_scan_line(s, pos);

    if (s->message == 0) {
        s->message = end;

        for (p = end; p > pos && !s->rules->bare; p--) {
            if (mk_redact_scan_is_suffix(s, p - 1)) {
                s->message = p - 1;
                break;
            }
        }
    }

    if (s->message >= pos) {
        end = s->message;
    }

    return end > pos && s->text.data[end - 1] == '"' ? end - 1 : end;
}


size_t
mk_redact_scan_version(mk_redact_scan_t *s, size_t pos)
{
    size_t  end, p;

    end = mk_redact_scan_line(s, pos);

    if (s->version == 0) {
        s->version = end;

        for (p = end; p >= pos + 6; p--) {
            MK_WORK(1);

            if (memcmp(s->text.data + p - 6, " HTTP/", 6) == 0) {
                s->version = p - 6;
                break;
            }
        }
    }

    return s->version >= pos ? s->version : end;
}


/* --- where values end ----------------------------------------------------- */


static int
mk_redact_scan_ends_segment(const mk_redact_scan_t *s, mk_percent_t unit)
{
    return s->where == MK_REDACT_SCAN_PATH
           && (unit.c == '/' || (s->kind != MK_REDACT_PATH
                                 && (unit.c == '?' || unit.c == '#')));
}


static int
mk_redact_scan_ends_arg(const mk_redact_scan_t *s, size_t pos,
    mk_percent_t unit)
{
    return s->kind == MK_REDACT_LINE && unit.level == 0
           && (unit.c == ' ' || unit.c == '\t'
               || mk_redact_scan_is_line_end(s, pos)
               || mk_redact_scan_is_close(s, pos));
}


size_t
mk_redact_scan_arg(mk_redact_scan_t *s, size_t pos, size_t level)
{
    int           unparsed;
    size_t       *known, end;
    mk_percent_t  unit;

    known = &s->args[s->where == MK_REDACT_SCAN_PATH][level];

    if (pos < *known) {
        return *known;
    }

    unparsed = s->rules->unparsed;
    end = unparsed && s->kind == MK_REDACT_LINE
          ? mk_redact_scan_version(s, pos) : s->text.len;

    while (pos < end) {
        unit = mk_redact_scan_read(s, pos);

        if (mk_redact_scan_ends_segment(s, unit)
            || (!unparsed && ((unit.c == '&' && unit.level <= level)
                              || mk_redact_scan_ends_arg(s, pos, unit))))
        {
            break;
        }

        pos += unit.len;
    }

    *known = pos < end ? pos : end;

    return *known;
}


size_t
mk_redact_scan_credentials(mk_redact_scan_t *s, size_t pos)
{
    size_t       *known;
    mk_percent_t  unit;

    known = &s->credentials[s->where == MK_REDACT_SCAN_PATH];

    if (pos < *known) {
        return *known;
    }

    while (pos < s->text.len) {
        unit = mk_redact_scan_read(s, pos);

        if (mk_redact_scan_ends_segment(s, unit)
            || unit.c <= ' ' || unit.c == '"' || unit.c == ','
            || unit.c == ';' || unit.c == '&')
        {
            break;
        }

        pos += unit.len;
    }

    *known = pos;

    return pos;
}


const mk_redact_scan_run_t *
mk_redact_scan_run(mk_redact_scan_t *s, size_t pos)
{
    mk_percent_t           unit;
    mk_redact_scan_run_t  *run = &s->run;

    if (pos < run->end) {
        return run;
    }

    run->last = pos;
    run->dot = 0;

    while (pos < s->text.len) {
        unit = mk_redact_scan_read(s, pos);

        if (unit.c == '.') {
            run->dot = pos;

        } else if (mk_redact_scan_is_alnum(unit.c) || unit.c == '-'
                   || unit.c == '_')
        {
            run->last = pos + unit.len;

        } else {
            break;
        }

        pos += unit.len;
    }

    run->end = pos;

    return run;
}
