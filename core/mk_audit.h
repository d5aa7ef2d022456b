/*
 * mk_audit: what the audit log says of an open, as one line of JSON.
 *
 * Facts in, a line out.  Names are those of the Elastic Common Schema and of
 * docs/DIRECTIVES.md, "The audit log", dots and all, as the ecs-logging
 * libraries write them.  Whatever bytes the facts hold, the line is one JSON
 * object in UTF-8, ends with its only line feed, and is never longer than
 * MK_AUDIT_LINE_MAX.
 *
 * There is no member for a key, a token, a file's name or its content, so
 * that none can be filled in.
 */

#ifndef MK_AUDIT_H
#define MK_AUDIT_H

#include "mk_action.h"
#include "mk_checks.h"


/*
 * With its line feed.  One less than PIPE_BUF is on Linux: the line, and one
 * byte in front of it, are written at once to a pipe too.
 */
#define MK_AUDIT_LINE_MAX     4095

/*
 * Bytes of a text in the line, as it is escaped there.  What is longer is
 * cut at a character's end and closed by U+2026.  No text that mk_name lets
 * through is cut.
 */
#define MK_AUDIT_ID_MAX       128      /* ids, CIDs, addresses */
#define MK_AUDIT_TEXT_MAX     256
#define MK_AUDIT_SUBJECT_MAX  512


/* What the line is about. */
typedef enum {
    MK_AUDIT_DECISION = 0,
    MK_AUDIT_COMPLETE,      /* the ends of a stream: all was sent */
    MK_AUDIT_ABORTED,       /* a failure ended it */
    MK_AUDIT_CLIENT_GONE,   /* the client did; also before a decision */
    MK_AUDIT_SHUTDOWN       /* the server did; also before a decision */
} mk_audit_event_t;


/* Borrowed.  A text of no bytes is not known and has no member. */
typedef struct {
    mk_audit_event_t  event;
    int64_t           seconds;      /* now, since the epoch */
    unsigned          milliseconds; /* of that second: 0 to 999 */
    uint64_t          duration;     /* since the request: milliseconds */

    mk_status_t       outcome;      /* not of the last two events */
    mk_action_t       action;
    mk_check_t        check;        /* where the open stands, or stood */
    mk_check_t        reached;      /* those before it were made */
    unsigned          applies;      /* one bit for each mk_check_t */

    mk_bytes_t        request_id;
    mk_bytes_t        client_ip;    /* an address of IPv4 or IPv6 */
    mk_bytes_t        subject;
    mk_bytes_t        capsule;
    mk_bytes_t        cid;          /* in text */
    mk_bytes_t        owner;
    mk_bytes_t        identity;
    mk_bytes_t        vault;
    mk_bytes_t        policy;
    mk_bytes_t        token_ref;
    mk_bytes_t        gateway;

    uint64_t          policy_ms;
    uint64_t          gateways_failed;
    int               http;         /* status; 0: none was sent */
    uint64_t          sent;         /* bytes of the body */
    uint64_t          first;        /* of the range */
    uint64_t          len;
    uint64_t          size;         /* of the file */

    unsigned          has_policy_ms:1;
    unsigned          has_gateways_failed:1;
    unsigned          has_sent:1;
    unsigned          has_range:1;  /* len 0: none of it exists */
} mk_audit_facts_t;


/*
 * Writes the line, not NUL closed, and returns its length; 0 for a time that
 * RFC 3339 cannot say.  facts->check passed or failed, by the outcome; the
 * others before facts->reached passed, where they apply; the rest was
 * skipped.  Both are the same but for the denylist, which is asked a second
 * time when the record is there.
 */
size_t mk_audit_print(const mk_audit_facts_t *facts,
    char line[MK_AUDIT_LINE_MAX]);

/*
 * Writes text as it stands between the quotes of a JSON string: in UTF-8,
 * U+FFFD for each byte that is none, escaped what is a control, ends a line
 * or turns the direction of writing.  At most size bytes (at least 3), cut
 * as above; returns how many.
 */
size_t mk_audit_escape(mk_bytes_t text, char *out, size_t size);


#endif /* MK_AUDIT_H */
