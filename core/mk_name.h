/*
 * mk_name: the identifiers that stand in records, requests and paths.
 *
 * They become path segments of the services' URIs, so what is let in here
 * cannot name another resource of the service.  It may end in ".php" or the
 * like: who compares whole URIs has to see to that.  docs/FORMAT.md,
 * "Identifiers".
 */

#ifndef MK_NAME_H
#define MK_NAME_H

#include "mk_bytes.h"


#define MK_NAME_MAX   128

/* bytes that are no character */
#define MK_NAME_NONE  0


/* capsule id, jti: [A-Za-z0-9_-]{1,128} */
int mk_name_is_id(mk_bytes_t text);

/* payloadId: [A-Za-z0-9_-]{1,64} */
int mk_name_is_payload_id(mk_bytes_t text);

/*
 * identity, policy, vault: 1 to 128 bytes of UTF-8 without control
 * characters (C0, DEL, C1) and without / \ ? # %, and not "." or ".."
 */
int mk_name_is_identity(mk_bytes_t text);

/*
 * text of a file name or media type: at most max bytes of UTF-8 without
 * control characters; may be empty
 */
int mk_name_is_text(mk_bytes_t text, size_t max);

/* 1 if text is well-formed UTF-8 (RFC 3629) */
int mk_name_is_utf8(mk_bytes_t text);

/*
 * 1 if point is not seen and changes how a reader sees what is beside it: a
 * control, a line or paragraph separator, or a format character that turns
 * the direction of writing (UAX #9) or has no glyph.  U+200C and U+200D are
 * none of them: words and emoji need these.  docs/FORMAT.md, "Capsule".
 */
int mk_name_is_hidden(uint32_t point);

/* 1 if there is such a character in text, or a byte that is none */
int mk_name_hides(mk_bytes_t text);

/*
 * The sender's text as it is shown to people: '_' in the place of each hidden
 * character, and of each byte that is none; out has room for text.len bytes.
 * Points to text if nothing is hidden there, else to out.
 */
mk_bytes_t mk_name_show(mk_bytes_t text, uint8_t *out);

/*
 * How many bytes (1 to 4) the first character of data takes, and which one
 * it is; MK_NAME_NONE if it is not well-formed (RFC 3629, section 4), and
 * then *point says nothing.  len is at least 1.
 */
size_t mk_name_char(const uint8_t *data, size_t len, uint32_t *point);


#endif /* MK_NAME_H */
