/*
 * mk_denylist: what the operator does not serve, whatever else says yes.
 *
 * A text in UTF-8 (docs/FORMAT.md, "Denylist"), a line for each entry:
 *
 *     kind TAB value TAB reason
 *
 * with kind one of capsule, cid, owner, identity, jti.  The reason is for
 * people: a line without one denies, and so does one whose reason is no
 * text.  Spaces around a field do not count, nor does a byte order mark.
 * LF, CRLF and CR alone end a line.  Empty lines and those that begin with
 * '#' are skipped.
 *
 * A line that cannot be read denies nothing; it is counted and named, and
 * the others hold.
 *
 * CIDs are compared by multihash alone: whatever version, multibase or codec
 * a CID is written with, the bytes behind it are the same.  The codec says
 * how to read a block, and a switch that somebody can pass by with another
 * reading of the same block is none.
 */

#ifndef MK_DENYLIST_H
#define MK_DENYLIST_H

#include "mk_cid.h"
#include "mk_name.h"


/* bytes and lines of one text, comments included */
#define MK_DENYLIST_TEXT_MAX   33554432
#define MK_DENYLIST_LINES_MAX  262144

/* lines that could not be read and are named; further ones are counted */
#define MK_DENYLIST_BAD_MAX    8


typedef enum {
    MK_DENYLIST_CAPSULE = 0,
    MK_DENYLIST_CID,
    MK_DENYLIST_OWNER,
    MK_DENYLIST_IDENTITY,
    MK_DENYLIST_JTI,
    MK_DENYLIST_KINDS
} mk_denylist_kind_t;


/* A line that denies nothing, and a static phrase that says why. */
typedef struct {
    size_t       line;      /* from 1 */
    const char  *why;
} mk_denylist_bad_t;


typedef struct mk_denylist_s  mk_denylist_t;


/*
 * Reads a text; nothing of it is borrowed.  MK_OK and *list (owned, freed by
 * mk_denylist_free).  Otherwise *list is NULL and *why a static phrase:
 * MK_INVALID_REQUEST for a text that is above a limit or in UTF-16,
 * MK_INTERNAL_ERROR for no memory.  An empty text denies nothing.
 */
mk_status_t mk_denylist_parse(mk_bytes_t text, mk_denylist_t **list,
    const char **why);

void mk_denylist_free(mk_denylist_t *list);

/*
 * 1 if a line names the value.  Not for MK_DENYLIST_CID, which has a function
 * of its own: it is never found here.  A list of NULL names nothing.  The
 * time is logarithmic in the number of lines, whatever the values are.
 */
int mk_denylist_has(const mk_denylist_t *list, mk_denylist_kind_t kind,
    mk_bytes_t value);
int mk_denylist_has_cid(const mk_denylist_t *list, const mk_cid_t *cid);

/*
 * From now on the list names what "also" names, too; "also" is borrowed, and
 * what is behind it in turn is not looked at.  NULL: no longer.
 */
void mk_denylist_also(mk_denylist_t *list, const mk_denylist_t *also);

/* lines that deny, those that are said twice counted twice */
size_t mk_denylist_entries(const mk_denylist_t *list);

/*
 * How many lines could not be read; *bad (borrowed) are the first of them,
 * at most MK_DENYLIST_BAD_MAX.
 */
size_t mk_denylist_bad(const mk_denylist_t *list,
    const mk_denylist_bad_t **bad);


#endif /* MK_DENYLIST_H */
