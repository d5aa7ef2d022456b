/*
 * mk_der: one element of DER after the other (X.690 section 10), in place.
 *
 * For private keys: OpenSSL's decoders copy what they read into memory that
 * they do not wipe.
 */

#ifndef MK_DER_H
#define MK_DER_H

#include "mk_bytes.h"


/* the longest element; tags are of one byte */
#define MK_DER_MAX  65535

#define MK_DER_INTEGER       0x02
#define MK_DER_BIT_STRING    0x03
#define MK_DER_OCTET_STRING  0x04
#define MK_DER_OID           0x06
#define MK_DER_SEQUENCE      0x30

/* [n], constructed */
#define MK_DER_CONTEXT(n)    (0xa0 | (n))


/*
 * Takes the element with this tag off the front of *in; *content is what is
 * in it.  1, or 0 with *content empty and *in unchanged: another tag, cut
 * short, a length that is not minimal or above MK_DER_MAX.
 */
int mk_der_take(mk_bytes_t *in, unsigned tag, mk_bytes_t *content);

/* 1 if the next element has this tag */
int mk_der_is(mk_bytes_t in, unsigned tag);

/* The same as take, for an INTEGER that has to be "value" (0 to 127). */
int mk_der_take_number(mk_bytes_t *in, unsigned value);


#endif /* MK_DER_H */
