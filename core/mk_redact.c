/*
 * mk_redact: masks secrets in text that is going to be logged.
 */

#include "mk_mask.h"
#include "mk_redact.h"
#include "mk_redact_names.h"
#include "mk_redact_rules.h"
#include "mk_scheme.h"
#include "mk_work.h"

#include <string.h>


/* what masks overwrite may have ended a value: the text is read again */
#define MK_REDACT_PASSES  4


void
mk_redact_sort(mk_bytes_t *names, size_t n)
{
    mk_redact_names_sort(names, n);
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


/* --- one text ------------------------------------------------------------- */


/* What is to be masked of a text, and who wants to know. */
typedef struct {
    mk_redact_rules_run_t  run;         /* not masked yet */
    mk_redact_rules_run_t  next;        /* behind it */
    uint8_t               *text;        /* NULL: nobody writes */
    unsigned               again:1;
    size_t                 masked;      /* how many runs */
} mk_redact_pass_t;


static void
mk_redact_put(const mk_redact_scan_t *s, mk_redact_pass_t *pass)
{
    size_t  len;

    len = pass->run.end - pass->run.start;

    MK_WORK(len);

    if (len > 0 && (!pass->again
                    || !mk_mask_is(s->text.data + pass->run.start, len)))
    {
        pass->masked++;

        if (pass->text != NULL) {
            mk_mask_put(s->rules->key, pass->text + pass->run.start, len);
        }
    }

    pass->run = pass->next;
    pass->next.start = 0;
    pass->next.end = 0;
}


static void
mk_redact_join(mk_redact_rules_run_t *run, const mk_redact_rules_run_t *other)
{
    if (run->end == 0) {
        *run = *other;
        return;
    }

    run->start = run->start < other->start ? run->start : other->start;
    run->end = run->end > other->end ? run->end : other->end;
}


/*
 * What overlaps is one run.  What does not is another: the byte between two
 * ends the first one's value.
 */
static void
mk_redact_add(mk_redact_pass_t *pass, const mk_redact_rules_run_t *found)
{
    mk_redact_rules_run_t  behind;

    if (pass->run.end == 0
        || (found->start <= pass->run.end && found->end >= pass->run.start))
    {
        mk_redact_join(&pass->run, found);

    } else {
        behind = *found;

        if (found->start < pass->run.start) {
            behind = pass->run;
            pass->run = *found;
        }

        mk_redact_join(&pass->next, &behind);
    }

    if (pass->next.end > 0 && pass->next.start <= pass->run.end) {
        mk_redact_join(&pass->run, &pass->next);
        pass->next.start = 0;
        pass->next.end = 0;
    }
}


/* how many bytes there are a secret or a token; 0: none */
static size_t
mk_redact_secret_at(const mk_redact_scan_t *s, size_t pos)
{
    size_t  secret, token;

    secret = mk_needles_at(s->rules->secrets, s->rules->nsecrets, s->text,
                           pos, s->cut);
    token = mk_needles_at(s->rules->tokens, s->rules->ntokens, s->text, pos,
                          s->cut);

    return secret > token ? secret : token;
}


/*
 * A secret may begin anywhere, also in what looks like an escape.  Of one
 * that is long only the end may be the beginning of another.
 */
static void
mk_redact_secrets(mk_redact_scan_t *s, mk_redact_pass_t *pass, size_t next,
    size_t *from)
{
    size_t                 pos, len;
    mk_redact_rules_run_t  found;

    for (pos = *from > s->pos ? *from : s->pos; pos < next; pos++) {

        if (pos == pass->run.end) {
            mk_redact_put(s, pass);
        }

        len = mk_redact_secret_at(s, pos);

        if (len > 0) {
            found.start = pos;
            found.end = pos + len;
            mk_redact_add(pass, &found);

            *from = pos + (len > MK_NEEDLES_PREFIX ? len - MK_NEEDLES_PREFIX
                                                   : 1);
            pos = *from - 1;
        }
    }
}


/*
 * All rules look at the text as it came, also inside of what another one has
 * found: what is masked lies behind them.
 */
static void
mk_redact_scan(mk_redact_scan_t *s, mk_redact_pass_t *pass)
{
    size_t                 from;
    mk_percent_t           unit;
    mk_redact_rules_run_t  run;

    from = 0;

    while (s->pos < s->text.len) {
        unit = mk_redact_scan_read(s, s->pos);

        while (pass->run.end > 0 && s->pos >= pass->run.end) {

            if (s->pos == pass->run.end) {
                s->prev.c = '*';
                s->prev.level = 0;
            }

            mk_redact_put(s, pass);
        }

        if (mk_redact_rules_at(s, &run)) {
            mk_redact_add(pass, &run);
        }

        mk_redact_secrets(s, pass, s->pos + unit.len, &from);
        mk_redact_scan_step(s, unit, s->pos >= pass->run.start
                                     && s->pos < pass->run.end);

        if (pass->text == NULL && pass->masked > 0) {
            return;
        }
    }

    mk_redact_put(s, pass);
    mk_redact_put(s, pass);
}


/* text is NULL where it is only to be known whether there is something */
static size_t
mk_redact_part(const mk_redact_t *rules, mk_redact_kind_t kind, uint8_t *text,
    mk_bytes_t part, int cut)
{
    size_t            i, n;
    mk_redact_scan_t  s;
    mk_redact_pass_t  pass;

    n = 0;

    for (i = 0; i < MK_REDACT_PASSES; i++) {
        MK_WORK_PASS();

        memset(&pass, 0, sizeof(pass));
        pass.text = text;
        pass.again = rules->again || i > 0;

        mk_redact_scan_init(&s, rules, kind, part);
        s.cut = cut;
        mk_redact_scan(&s, &pass);
        n += pass.masked;

        if (text == NULL || pass.masked == 0) {
            break;
        }
    }

    return n;
}


/* --- request lines -------------------------------------------------------- */


static mk_bytes_t
mk_redact_slice(mk_bytes_t text, size_t start, size_t end)
{
    mk_bytes_t  slice;

    slice.data = text.data + start;
    slice.len = end - start;

    return slice;
}


static int
mk_redact_is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}


/* where the version begins, or what is left ends */
static size_t
mk_redact_version(mk_bytes_t line, size_t pos)
{
    size_t  p;

    for (p = line.len; p >= pos + 6; p--) {
        MK_WORK(1);

        if (memcmp(line.data + p - 6, " HTTP/", 6) == 0) {
            return p - 6;
        }
    }

    return line.len;
}


/* what a line that was not understood has behind its last " HTTP/" */
static size_t
mk_redact_behind(const mk_redact_t *rules, uint8_t *text, mk_bytes_t line,
    size_t version)
{
    size_t  pos;

    pos = version + sizeof(" HTTP/") - 1;

    return mk_redact_part(rules, MK_REDACT_LINE,
                          text == NULL ? NULL : text + pos,
                          mk_redact_slice(line, pos, line.len),
                          !rules->whole);
}


/*
 * Method and version stand for themselves, whatever they are called; so does
 * the method of a line that nginx did not understand, if it has a version.
 * Without one it may be a header's line, or a body.
 */
static size_t
mk_redact_request(const mk_redact_t *rules, uint8_t *text, mk_bytes_t line)
{
    size_t      n, method, start, end;
    mk_bytes_t  part;

    for (method = 0; method < line.len; method++) {
        MK_WORK(1);

        if (mk_redact_is_space(line.data[method])) {
            break;
        }
    }

    n = 0;
    start = method;

    if (rules->unparsed) {
        end = mk_redact_version(line, method);

        if (end == line.len) {
            return mk_redact_part(rules, MK_REDACT_LINE, text, line,
                                  !rules->whole);
        }

        part = mk_redact_slice(line, 0, method);
        n = mk_redact_part(rules, MK_REDACT_TARGET, text, part, 0)
            + mk_redact_behind(rules, text, line, end);

    } else {
        while (start < line.len && mk_redact_is_space(line.data[start])) {
            MK_WORK(1);
            start++;
        }

        for (end = start; end < line.len; end++) {
            MK_WORK(1);

            if (mk_redact_is_space(line.data[end])) {
                break;
            }
        }
    }

    part = mk_redact_slice(line, start, end);

    return n + mk_redact_part(rules, MK_REDACT_TARGET,
                              text == NULL ? NULL : text + start, part,
                              !rules->whole && end == line.len);
}


/* --- what is called from outside ------------------------------------------ */


static size_t
mk_redact_any(const mk_redact_t *rules, uint8_t *text, mk_bytes_t bytes)
{
    return rules->kind == MK_REDACT_REQUEST
           ? mk_redact_request(rules, text, bytes)
           : mk_redact_part(rules, rules->kind, text, bytes, !rules->whole);
}


size_t
mk_redact_text(const mk_redact_t *rules, uint8_t *text, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = text;
    bytes.len = len;

    return mk_redact_any(rules, text, bytes);
}


int
mk_redact_finds(const mk_redact_t *rules, mk_bytes_t text)
{
    return mk_redact_any(rules, NULL, text) > 0;
}
