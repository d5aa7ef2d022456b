/*
 * mk_pkey: OpenSSL's keys of the three types, and their public bytes.
 *
 * A public key's bytes are those of RFC 9180 section 4.1, RFC 7748 and RFC
 * 8032: an uncompressed point of 65 bytes for P-256, else 32 bytes.
 */

#ifndef MK_PKEY_H
#define MK_PKEY_H

#include "mk_key.h"
#include "mk_secret.h"


#define MK_PKEY_COORDINATE  32
#define MK_PKEY_POINT       (1 + 2 * MK_PKEY_COORDINATE)
#define MK_PKEY_OKP         32
#define MK_PKEY_PUBLIC_MAX  MK_PKEY_POINT
#define MK_PKEY_PRIVATE     32

/* SEC 1 section 2.3.3: what an uncompressed point begins with */
#define MK_PKEY_UNCOMPRESSED  0x04


/* NULL for MK_KEY_NONE or if OpenSSL fails; the caller owns it */
EVP_PKEY *mk_pkey_generate(mk_key_type_t type);

/*
 * MK_KEY_NONE for a key of any other type, and for P-256 with parameters
 * that are spelled out instead of named (RFC 5480 section 2.1.1).
 */
mk_key_type_t mk_pkey_type(const EVP_PKEY *pkey);

/* 1 and *len bytes, or 0 with both zeroed if OpenSSL fails */
int mk_pkey_public(const EVP_PKEY *pkey, uint8_t out[MK_PKEY_PUBLIC_MAX],
    size_t *len);

/*
 * The private part of a key, MK_PKEY_PRIVATE bytes, of P-256 in the machine's
 * order; the caller owns it.  NULL for a public key, or if OpenSSL fails.
 */
mk_secret_t *mk_pkey_number(const EVP_PKEY *pkey);

/*
 * The key with that private part and that public one, which belong together;
 * the caller owns it, and frees it as soon as it can: OpenSSL wipes the
 * private part then, but has it in ordinary memory up to there.
 */
EVP_PKEY *mk_pkey_pair(mk_key_type_t type, mk_secret_t *number,
    mk_bytes_t public);

/*
 * The public key with those bytes; the caller owns it.  NULL if they have
 * another length, are no point of P-256 (SP 800-56A section 5.6.2.3.3), or
 * if OpenSSL fails.
 */
EVP_PKEY *mk_pkey_from_public(mk_key_type_t type, mk_bytes_t bytes);

/*
 * The private key with those MK_PKEY_PRIVATE bytes, big-endian for P-256; the
 * caller owns it and wipes the bytes.  The public part of a P-256 key comes
 * from "public" (a point, RFC 5480 section 2.2), or is computed if that is
 * empty.  As mk_pkey_pair's, it is to be freed soon.  NULL if the two do not
 * belong together, and on any other failure.
 */
EVP_PKEY *mk_pkey_from_private(mk_key_type_t type, mk_bytes_t bytes,
    mk_bytes_t public);


#endif /* MK_PKEY_H */
