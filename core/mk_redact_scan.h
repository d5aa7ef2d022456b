/*
 * mk_redact_scan: a text as mk_redact looks at it, from its beginning to its
 * end.
 *
 * Where a value ends is remembered for all that begin in front of that place,
 * so that no byte is looked at twice for the same question.
 */

#ifndef MK_REDACT_SCAN_H
#define MK_REDACT_SCAN_H

#include "mk_percent.h"
#include "mk_redact.h"


/* What the place is in: a value of a path ends at the next slash. */
typedef enum {
    MK_REDACT_SCAN_TEXT,
    MK_REDACT_SCAN_PATH,
    MK_REDACT_SCAN_QUERY
} mk_redact_scan_where_t;


/* A run of base64url and dots. */
typedef struct {
    size_t  end;
    size_t  last;       /* behind its last character that is no dot */
    size_t  dot;        /* its last dot; 0: none */
} mk_redact_scan_run_t;


typedef struct {
    const mk_redact_t      *rules;
    mk_redact_kind_t        kind;
    mk_bytes_t              text;
    size_t                  pos;
    mk_percent_t            prev;       /* the character before pos */
    mk_redact_scan_where_t  where;
    int                     quoted;     /* a path, from quote to quote */
    int                     cut;        /* the text may be, at its end */

    /* what is remembered; each holds from where it was looked for on */

    size_t                  line;       /* the end of the line */
    size_t                  message;    /* what nginx adds; 0: not known */
    size_t                  version;    /* the last " HTTP/"; 0: not known */
    size_t                  args[2][MK_PERCENT_LEVELS + 1];
    size_t                  credentials[2];
    mk_redact_scan_run_t    run;
} mk_redact_scan_t;


void mk_redact_scan_init(mk_redact_scan_t *s, const mk_redact_t *rules,
    mk_redact_kind_t kind, mk_bytes_t text);

/* the character at pos, which is inside of the text */
mk_percent_t mk_redact_scan_read(const mk_redact_scan_t *s, size_t pos);

/* goes on behind the character at pos; what is secret delimits nothing */
void mk_redact_scan_step(mk_redact_scan_t *s, mk_percent_t unit, int secret);

int mk_redact_scan_is_alnum(uint8_t c);

/* 1 if pos is behind a line or the text */
int mk_redact_scan_is_line_end(const mk_redact_scan_t *s, size_t pos);

/*
 * 1 if a quote closes here: nothing of a URL can follow.  nginx writes what
 * the client sent as it is, with the quotes in it.
 */
int mk_redact_scan_is_close(const mk_redact_scan_t *s, size_t pos);

/* behind the spaces and tabs at pos */
size_t mk_redact_scan_spaces(const mk_redact_scan_t *s, size_t pos);

/*
 * Where a header's value ends that begins at pos: at the line's end, or at
 * what nginx adds to its message, a quote in front aside.
 */
size_t mk_redact_scan_message(mk_redact_scan_t *s, size_t pos);

/* where a request line's version begins behind pos, or the line ends */
size_t mk_redact_scan_version(mk_redact_scan_t *s, size_t pos);

/* where an argument's value ends whose "=" stood so many levels deep */
size_t mk_redact_scan_arg(mk_redact_scan_t *s, size_t pos, size_t level);

/* where what follows "Bearer " ends */
size_t mk_redact_scan_credentials(mk_redact_scan_t *s, size_t pos);

/* the run of base64url and dots that pos is in */
const mk_redact_scan_run_t *mk_redact_scan_run(mk_redact_scan_t *s,
    size_t pos);


#endif /* MK_REDACT_SCAN_H */
