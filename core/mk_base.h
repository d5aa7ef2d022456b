/*
 * mk_base: strict base64url, base32 and base58btc.
 *
 * One text for each run of bytes: no padding, no white space, unused
 * trailing bits are zero, one case at a time.  Public data only, except
 * where base64url carries a secret: the decoder takes no branch on what a
 * byte's value is beyond whether it is in the alphabet.
 */

#ifndef MK_BASE_H
#define MK_BASE_H

#include <stddef.h>
#include <stdint.h>


/* how many characters n bytes need, without the closing NUL */
#define MK_BASE64URL_LEN(n)  (((n) * 4 + 2) / 3)
#define MK_BASE32_LEN(n)     (((n) * 8 + 4) / 5)

/* the longest base58btc text that is read: a CID of 160 bytes fits */
#define MK_BASE58_TEXT_MAX   220


/*
 * Decoders.  Read len characters, write at most out_size bytes, set *out_len
 * and return 1.  Return 0, with out zeroed and *out_len 0, if the text is
 * not exactly what the encoder would write or does not fit.
 */

/* RFC 4648 section 5, without padding */
int mk_base64url_decode(const char *text, size_t len, uint8_t *out,
    size_t out_size, size_t *out_len);

/* RFC 4648 section 6, without padding; upper: 'A'..'Z', else 'a'..'z' */
int mk_base32_decode(const char *text, size_t len, int upper, uint8_t *out,
    size_t out_size, size_t *out_len);

/* base58btc (draft-msporny-base58); a leading '1' is a zero byte */
int mk_base58_decode(const char *text, size_t len, uint8_t *out,
    size_t out_size, size_t *out_len);


/*
 * Encoders.  Write the text and a closing NUL into out, return the length
 * of the text; 0 (and an empty text) if out_size is too small, or if len is
 * 0.  Base58 is for CIDv0: at most 64 bytes of input.
 */
size_t mk_base64url_encode(const uint8_t *data, size_t len, char *out,
    size_t out_size);
size_t mk_base32_encode(const uint8_t *data, size_t len, char *out,
    size_t out_size);
size_t mk_base58_encode(const uint8_t *data, size_t len, char *out,
    size_t out_size);


#endif /* MK_BASE_H */
