/*
 * mk_redact: masks secrets in text that is going to be logged.
 *
 * Masked, in place, is
 *
 *   - the value of a named argument; a name and its "=" are found in any
 *     letter case, percent-encoded, and inside of a URL that is itself an
 *     argument, up to three levels deep
 *   - the value of a named header, up to the line's end or to what nginx
 *     writes behind its message (", client: 192.0.2.1, server: "); "-" and
 *     "_" are the same
 *   - what follows "Bearer " or "Basic " (RFC 6750, RFC 7617)
 *   - a JWS in compact form (RFC 7515), of which a cut line may show the
 *     beginning only, percent-encoded or not
 *   - name and password in "://name:password@": a token may be either; of a
 *     cut line, whatever is between "://" and its end
 *   - each secret that is given, percent-encoded or not; of one that is
 *     longer than MK_NEEDLES_PREFIX, whatever begins with so many of its bytes
 *
 * Each of them is looked for in all of the text, also inside of what another
 * one has found; what overlaps is one mask.
 *
 * None takes more than its value, so that nobody hides where he went by what
 * he writes around it.  In a path a value ends at the next "/", however deep
 * that is encoded, and there are no headers.  In a query it ends at "&"; of a
 * request line that was not understood, at the last " HTTP/".
 *
 * What comes in its place is mk_mask.h's.  Where rules say "again", what has
 * that shape already is left as it is.  Elsewhere a client that writes a mask
 * itself gets another one: it can forge none.
 *
 * Time is linear in the text: see docs/DESIGN.md, "Cost".  Nothing is
 * allocated but what OpenSSL's HMAC needs, and only where there is something
 * to mask.
 */

#ifndef MK_REDACT_H
#define MK_REDACT_H

#include "mk_needles.h"
#include "mk_token_ref.h"


/* What a text is. */
typedef enum {
    MK_REDACT_LINE = 0,         /* anything, with words */
    MK_REDACT_REQUEST,          /* a request line */
    MK_REDACT_TARGET,           /* of a request, or another URL */
    MK_REDACT_PATH,             /* decoded: it may have any character */
    MK_REDACT_QUERY             /* arguments */
} mk_redact_kind_t;


/*
 * All borrowed.  Names are of [A-Za-z0-9_-.~], at most 64 of them, and sorted
 * by mk_redact_sort; secrets and tokens are sorted by mk_needles_sort.
 */
typedef struct {
    const mk_bytes_t   *args;
    size_t              nargs;
    const mk_bytes_t   *headers;
    size_t              nheaders;
    const mk_bytes_t   *secrets;
    size_t              nsecrets;
    const mk_bytes_t   *tokens;     /* further secrets, those of all texts */
    size_t              ntokens;
    const mk_secret_t  *key;        /* of the token_refs */
    mk_redact_kind_t    kind;
    unsigned            again:1;    /* text may be masked: such runs stay */
    unsigned            bare:1;     /* nginx adds nothing behind a message */
    unsigned            unparsed:1; /* a request line was not understood */
    unsigned            whole:1;    /* the text is not cut at its end */
} mk_redact_t;


/* Sorts names of arguments, or of headers, in place. */
void mk_redact_sort(mk_bytes_t *names, size_t n);

/* Returns how many runs were masked, those that were left aside. */
size_t mk_redact_text(const mk_redact_t *rules, uint8_t *text, size_t len);

/* 1 if mk_redact_text would mask something */
int mk_redact_finds(const mk_redact_t *rules, mk_bytes_t text);

/*
 * Masks a value as a whole, a "Bearer " or "Basic " in front aside.
 */
void mk_redact_value(const mk_secret_t *key, uint8_t *value, size_t len);


#endif /* MK_REDACT_H */
