/*
 * mk_scheme: the name of an authentication scheme (RFC 6750, RFC 7617).
 */

#ifndef MK_SCHEME_H
#define MK_SCHEME_H

#include "mk_percent.h"


/*
 * "Bearer" or "Basic", in any case of letters, and the spaces behind it, each
 * also percent-encoded: how many bytes these are at pos, 0: neither.
 */
size_t mk_scheme_at(mk_bytes_t text, size_t pos);


#endif /* MK_SCHEME_H */
