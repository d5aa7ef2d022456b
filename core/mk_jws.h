/*
 * mk_jws: JSON Web Signature, flattened and compact (RFC 7515, RFC 8037).
 *
 * Algorithms: Ed25519 (its RFC 9864 name), ES256 (r || s), HS256.  The
 * algorithm is taken from the key and must equal the header's.  "crit" is
 * refused, since no extension is understood; so are "b64", an unprotected
 * header and an unknown "alg".
 */

#ifndef MK_JWS_H
#define MK_JWS_H

#include "mk_json.h"
#include "mk_jwks.h"
#include "mk_signature.h"


/* base64url text of a protected header */
#define MK_JWS_HEADER_MAX     4096

/* a compact token, all of it */
#define MK_JWS_COMPACT_MAX    8192

/* the longest signature; HS256 has MK_SIGNATURE_HMAC bytes */
#define MK_JWS_SIGNATURE      MK_SIGNATURE_LEN

typedef enum {
    MK_JWS_ALG_NONE = 0,
    MK_JWS_ALG_ED25519,
    MK_JWS_ALG_ES256,
    MK_JWS_ALG_HS256
} mk_jws_alg_t;


/*
 * A JWS taken apart, nothing verified.  The texts are borrowed, header and
 * payload are owned.
 */
typedef struct {
    mk_jws_alg_t  alg;
    mk_bytes_t    kid;              /* empty if there is none */
    mk_bytes_t    typ;              /* empty if there is none */
    mk_bytes_t    protected_text;   /* base64url, as it was signed */
    mk_bytes_t    payload_text;     /* base64url, as it was signed */
    uint8_t       signature[MK_JWS_SIGNATURE];
    size_t        signature_len;
    json_t       *header;           /* kid and typ point into it */
    uint8_t      *payload;          /* the bytes that payload_text stands for */
    size_t        payload_len;      /* at most MK_JSON_MAX */
} mk_jws_t;


/*
 * Takes three base64url texts apart.  MK_OK, or "refused" for anything
 * malformed, or MK_INTERNAL_ERROR.  On failure *jws is zeroed, and *why says
 * what is wrong (static, for logs); else it is NULL.  Always followed by
 * mk_jws_clear.
 */
mk_status_t mk_jws_read(mk_bytes_t protected_text, mk_bytes_t payload_text,
    mk_bytes_t signature_text, mk_status_t refused, mk_jws_t *jws,
    const char **why);

/* The same for compact form: three parts and two dots. */
mk_status_t mk_jws_read_compact(mk_bytes_t text, mk_status_t refused,
    mk_jws_t *jws, const char **why);

void mk_jws_clear(mk_jws_t *jws);

/*
 * MK_OK if the signature over protected || '.' || payload is by key, and
 * the header's alg is the key's; "refused" if not; MK_INTERNAL_ERROR: no
 * memory.
 */
mk_status_t mk_jws_verify(const mk_jws_t *jws, const mk_key_t *key,
    mk_status_t refused);

/*
 * The same with the keys of jwks whose kid is the header's and that may
 * speak for identity; one of them must fit.  "refused" also if the header
 * has no kid.
 */
mk_status_t mk_jws_verify_by(const mk_jws_t *jws, const mk_jwks_t *jwks,
    mk_bytes_t identity, mk_status_t refused);

/* The same with a shared key (mk_signature_hmac_verify), for HS256 only. */
mk_status_t mk_jws_verify_hmac(const mk_jws_t *jws, const mk_secret_t *key,
    mk_status_t refused);

/*
 * Signs.  payload is the bytes to be signed (at most MK_JSON_MAX), typ the
 * header's; kid is mk_key_kid(key).  Sets three owned, NUL closed base64url
 * texts, freed by free().  MK_OK or MK_INTERNAL_ERROR (wrong kind of key, no
 * memory); then all three are NULL.
 */
mk_status_t mk_jws_sign(const mk_key_t *key, const char *typ,
    mk_bytes_t payload, char **protected_text, char **payload_text,
    char **signature_text);

/* The same with a shared key: HS256, without "kid". */
mk_status_t mk_jws_sign_hmac(const mk_secret_t *key, const char *typ,
    mk_bytes_t payload, char **protected_text, char **payload_text,
    char **signature_text);


#endif /* MK_JWS_H */
