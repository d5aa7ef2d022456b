/*
 * mk_base: strict base64url, base32 and base58btc.
 *
 * Base64url may carry a secret, so it is arithmetic: no table is looked up
 * at a place that depends on the text, and nothing is refused before the
 * whole text was read.
 */

#include "mk_base.h"

#include <openssl/crypto.h>
#include <string.h>


/* the longest input of the base58btc encoder, and the digits it can need */
#define MK_BASE58_DATA_MAX    64
#define MK_BASE58_DIGITS_MAX  88        /* ceil(64 * 8 / log2(58)) */

/* the words that the decoder can need, and the digits of one: 58^5 */
#define MK_BASE58_WORDS_MAX   41    /* ceil(MK_BASE58_TEXT_MAX log2(58) / 32) */
#define MK_BASE58_FACTOR      656356768u


static const char  mk_base32_lower[] = "abcdefghijklmnopqrstuvwxyz234567";

static const char  mk_base58_alphabet[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";


static int
mk_base_refuse(uint8_t *out, size_t out_size, size_t *out_len)
{
    if (out_size > 0) {
        OPENSSL_cleanse(out, out_size);
    }

    *out_len = 0;

    return 0;
}


static size_t
mk_base_too_small(char *out, size_t out_size)
{
    if (out_size > 0) {
        out[0] = '\0';
    }

    return 0;
}


/* 0xff if low <= c <= high, else 0; all three are below 256 */
static uint32_t
mk_base_within(uint32_t c, uint32_t low, uint32_t high)
{
    return (((low - 1 - c) & (c - high - 1)) >> 8) & 0xff;
}


/* the six bits of a base64url character; 0xff in *bad if it is none */
static uint32_t
mk_base64url_value(uint32_t c, uint32_t *bad)
{
    uint32_t  upper, lower, digit, minus, under;

    upper = mk_base_within(c, 'A', 'Z');
    lower = mk_base_within(c, 'a', 'z');
    digit = mk_base_within(c, '0', '9');
    minus = mk_base_within(c, '-', '-');
    under = mk_base_within(c, '_', '_');

    *bad |= 0xff & ~(upper | lower | digit | minus | under);

    return ((upper & (c - 'A')) | (lower & (c - 'a' + 26))
            | (digit & (c - '0' + 52)) | (minus & 62) | (under & 63)) & 0x3f;
}


/* the character of six bits */
static char
mk_base64url_char(uint32_t v)
{
    return (char) ((mk_base_within(v, 0, 25) & (v + 'A'))
                   | (mk_base_within(v, 26, 51) & (v - 26 + 'a'))
                   | (mk_base_within(v, 52, 61) & (v - 52 + '0'))
                   | (mk_base_within(v, 62, 62) & '-')
                   | (mk_base_within(v, 63, 63) & '_'));
}


int
mk_base64url_decode(const char *text, size_t len, uint8_t *out,
    size_t out_size, size_t *out_len)
{
    size_t    i, n, need;
    uint32_t  bits, acc, bad;

    need = len / 4 * 3 + (len % 4) * 6 / 8;

    if (len % 4 == 1 || need > out_size) {
        return mk_base_refuse(out, out_size, out_len);
    }

    n = 0;
    acc = 0;
    bad = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        acc = (acc << 6) | mk_base64url_value((uint8_t) text[i], &bad);
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t) (acc >> bits);
            acc &= (1u << bits) - 1;
        }
    }

    /* what is left in acc are the unused trailing bits */

    if ((bad | acc) != 0) {
        return mk_base_refuse(out, out_size, out_len);
    }

    *out_len = n;

    return 1;
}


size_t
mk_base64url_encode(const uint8_t *data, size_t len, char *out,
    size_t out_size)
{
    size_t    i, n;
    uint32_t  bits, acc;

    if (len == 0 || len > SIZE_MAX / 8
        || MK_BASE64URL_LEN(len) >= out_size)
    {
        return mk_base_too_small(out, out_size);
    }

    n = 0;
    acc = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        acc = (acc << 8) | data[i];
        bits += 8;

        while (bits >= 6) {
            bits -= 6;
            out[n++] = mk_base64url_char((acc >> bits) & 0x3f);
        }

        acc &= (1u << bits) - 1;
    }

    if (bits > 0) {
        out[n++] = mk_base64url_char((acc << (6 - bits)) & 0x3f);
    }

    out[n] = '\0';

    return n;
}


/* the five bits of a base32 character; -1 if it is none */
static int
mk_base32_value(int upper, uint8_t c)
{
    int  letter, digit;

    letter = c - (upper ? 'A' : 'a');
    digit = c - '2';
    digit = (digit >= 0 && digit < 6) ? digit + 26 : -1;

    return (letter >= 0 && letter < 26) ? letter : digit;
}


int
mk_base32_decode(const char *text, size_t len, int upper, uint8_t *out,
    size_t out_size, size_t *out_len)
{
    int       value;
    size_t    i, n, need;
    uint32_t  bits, acc;

    need = len / 8 * 5 + (len % 8) * 5 / 8;

    if (need > out_size) {
        return mk_base_refuse(out, out_size, out_len);
    }

    n = 0;
    acc = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        value = mk_base32_value(upper, (uint8_t) text[i]);

        if (value < 0) {
            return mk_base_refuse(out, out_size, out_len);
        }

        acc = (acc << 5) | (uint32_t) value;
        bits += 5;

        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t) (acc >> bits);
            acc &= (1u << bits) - 1;
        }
    }

    /* a whole unused character, or unused bits that are not zero */

    if (bits >= 5 || acc != 0) {
        return mk_base_refuse(out, out_size, out_len);
    }

    *out_len = n;

    return 1;
}


size_t
mk_base32_encode(const uint8_t *data, size_t len, char *out, size_t out_size)
{
    size_t    i, n;
    uint32_t  bits, acc;

    if (len == 0 || len > SIZE_MAX / 16 || MK_BASE32_LEN(len) >= out_size) {
        return mk_base_too_small(out, out_size);
    }

    n = 0;
    acc = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        acc = (acc << 8) | data[i];
        bits += 8;

        while (bits >= 5) {
            bits -= 5;
            out[n++] = mk_base32_lower[(acc >> bits) & 0x1f];
        }

        acc &= (1u << bits) - 1;
    }

    if (bits > 0) {
        out[n++] = mk_base32_lower[(acc << (5 - bits)) & 0x1f];
    }

    out[n] = '\0';

    return n;
}


/* the digit of a base58btc character; -1 if it is none */
static int
mk_base58_value(uint8_t c)
{
    /* from '0' on */

    static const int8_t  digits[] = {
        -1,  0,  1,  2,  3,  4,  5,  6,  7,  8, -1, -1, -1, -1, -1, -1,
        -1,  9, 10, 11, 12, 13, 14, 15, 16, -1, 17, 18, 19, 20, 21, -1,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, -1, -1, -1, -1, -1,
        -1, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, -1, 44, 45, 46,
        47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57,
    };

    return (c < '0' || c > 'z') ? -1 : digits[c - '0'];
}


/*
 * The number that a text is, little-endian, in n words; 0 if it is none.
 * Five digits at a time: what the number is multiplied by then still fits a
 * word.
 */
static int
mk_base58_number(const char *text, size_t len,
    uint32_t num[MK_BASE58_WORDS_MAX], size_t *n)
{
    int       value;
    size_t    i, j;
    uint32_t  digits, factor;
    uint64_t  carry;

    *n = 0;

    for (i = 0; i < len; /* void */) {

        digits = 0;

        for (factor = 1; factor < MK_BASE58_FACTOR && i < len; factor *= 58) {
            value = mk_base58_value((uint8_t) text[i++]);

            if (value < 0) {
                return 0;
            }

            digits = digits * 58 + (uint32_t) value;
        }

        carry = digits;

        for (j = 0; j < *n; j++) {
            carry += (uint64_t) factor * num[j];
            num[j] = (uint32_t) carry;
            carry >>= 32;
        }

        if (carry > 0) {
            num[(*n)++] = (uint32_t) carry;
        }
    }

    return 1;
}


int
mk_base58_decode(const char *text, size_t len, uint8_t *out, size_t out_size,
    size_t *out_len)
{
    size_t    i, n, words, zeros;
    uint32_t  num[MK_BASE58_WORDS_MAX];

    for (zeros = 0; zeros < len && text[zeros] == '1'; zeros++) {
        /* void */
    }

    if (len > MK_BASE58_TEXT_MAX
        || !mk_base58_number(text + zeros, len - zeros, num, &words))
    {
        return mk_base_refuse(out, out_size, out_len);
    }

    /* the highest word is not 0, but its highest bytes may be */

    n = words * 4;

    for (i = 4; words > 0 && num[words - 1] >> (8 * (i - 1)) == 0; i--) {
        n--;
    }

    if (n > out_size || zeros > out_size - n) {
        return mk_base_refuse(out, out_size, out_len);
    }

    for (i = 0; i < zeros; i++) {
        out[i] = 0;
    }

    for (i = 0; i < n; i++) {
        out[zeros + n - 1 - i] = (uint8_t) (num[i / 4] >> (8 * (i % 4)));
    }

    *out_len = zeros + n;

    return 1;
}


size_t
mk_base58_encode(const uint8_t *data, size_t len, char *out, size_t out_size)
{
    size_t    i, j, n, zeros;
    uint8_t   num[MK_BASE58_DIGITS_MAX];   /* little-endian, n digits */
    uint32_t  carry;

    if (len == 0 || len > MK_BASE58_DATA_MAX) {
        return mk_base_too_small(out, out_size);
    }

    for (zeros = 0; zeros < len && data[zeros] == 0; zeros++) {
        /* void */
    }

    n = 0;
    memset(num, 0, sizeof(num));

    for (i = zeros; i < len; i++) {
        carry = data[i];

        for (j = 0; j < n; j++) {
            carry += 256u * num[j];
            num[j] = (uint8_t) (carry % 58);
            carry /= 58;
        }

        for ( /* void */ ; carry > 0; carry /= 58) {
            num[n++] = (uint8_t) (carry % 58);
        }
    }

    if (zeros + n >= out_size) {
        return mk_base_too_small(out, out_size);
    }

    for (i = 0; i < zeros; i++) {
        out[i] = '1';
    }

    for (i = 0; i < n; i++) {
        out[zeros + i] = mk_base58_alphabet[num[n - 1 - i]];
    }

    out[zeros + n] = '\0';

    return zeros + n;
}
