/*
 * fuzz_key: PEM, DER in PEM, JWK, coordinates in a JWK, JWK Sets.
 */

#include "fuzz.h"
#include "mk_pkey.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* the public part, printed and read again, is the same */
static void
check_public(const mk_key_t *key)
{
    char        *jwk;
    size_t       len;
    mk_key_t    *again;
    const char  *why;

    FUZZ_HOLDS(mk_key_type(key) != MK_KEY_NONE);
    FUZZ_HOLDS(strlen(mk_key_thumbprint(key)) == MK_KEY_THUMBPRINT);
    FUZZ_HOLDS(strlen(mk_key_kid(key)) > 0
               && strlen(mk_key_kid(key)) <= MK_KEY_KID_MAX);

    FUZZ_HOLDS(mk_key_to_jwk(key, NULL, &jwk, &len));
    FUZZ_HOLDS(strlen(jwk) == len);

    again = mk_key_from_jwk(jwk, len, &why);
    FUZZ_HOLDS(again != NULL && why == NULL);
    FUZZ_HOLDS(!mk_key_is_private(again));
    FUZZ_HOLDS(mk_key_type(again) == mk_key_type(key));
    FUZZ_HOLDS(strcmp(mk_key_thumbprint(again), mk_key_thumbprint(key))
               == 0);
    FUZZ_HOLDS(strcmp(mk_key_kid(again), mk_key_kid(key)) == 0);

    mk_key_free(again);
    mk_key_wipe(jwk, len);
}


static void
check_private(const mk_key_t *key)
{
    char        *pem;
    size_t       len;
    mk_key_t    *again;
    const char  *why;

    FUZZ_HOLDS(mk_key_is_private(key));
    FUZZ_HOLDS(mk_key_to_pem(key, &pem, &len));

    again = mk_key_from_pem(pem, len, &why);
    FUZZ_HOLDS(again != NULL && why == NULL);
    FUZZ_HOLDS(mk_key_is_private(again));
    FUZZ_HOLDS(strcmp(mk_key_thumbprint(again), mk_key_thumbprint(key))
               == 0);

    mk_key_free(again);
    mk_key_wipe(pem, len);
}


static void
from_pem(mk_bytes_t text)
{
    uint8_t     *copy;
    mk_key_t    *key;
    const char  *why;

    copy = fuzz_copy(text);
    why = NULL;
    key = mk_key_from_pem((const char *) copy, text.len, &why);
    FUZZ_HOLDS((key == NULL) == (why != NULL));

    if (key != NULL) {
        check_private(key);
        check_public(key);
    }

    mk_key_free(key);
    free(copy);
}


/* any DER, in sound PEM */
static void
from_der(mk_bytes_t der)
{
    char        *text;
    size_t       n, room;
    mk_bytes_t   line;

    if (der.len > 4096) {
        return;
    }

    room = 2 * der.len + 128;
    text = malloc(room);
    n = (size_t) snprintf(text, room, "-----BEGIN PRIVATE KEY-----\n");

    while (der.len > 0) {
        line = fuzz_take(&der, 48);
        n += (size_t) EVP_EncodeBlock((unsigned char *) text + n, line.data,
                                      (int) line.len);
        text[n++] = '\n';
    }

    n += (size_t) snprintf(text + n, room - n, "-----END PRIVATE KEY-----\n");
    from_pem(fuzz_bytes(text, n));
    free(text);
}


/* the "kid" of the text, or the thumbprint, and nothing else */
static void
check_kid(const mk_key_t *key, mk_bytes_t text)
{
    json_t      *jwk;
    mk_bytes_t   kid;

    FUZZ_HOLDS(mk_json_parse(text, MK_INVALID_REQUEST, &jwk) == MK_OK);

    if (mk_json_string(jwk, "kid", &kid) != 1) {
        kid = fuzz_text(mk_key_thumbprint(key));
    }

    FUZZ_HOLDS(mk_bytes_equal(kid, fuzz_text(mk_key_kid(key))));
    json_decref(jwk);
}


static void
from_jwk(mk_bytes_t text)
{
    uint8_t     *copy;
    mk_key_t    *key;
    const char  *why;

    copy = fuzz_copy(text);
    why = NULL;
    key = mk_key_from_jwk((const char *) copy, text.len, &why);
    FUZZ_HOLDS((key == NULL) == (why != NULL));

    if (key != NULL) {
        FUZZ_HOLDS(!mk_key_is_private(key));
        check_public(key);
        check_kid(key, text);
    }

    mk_key_free(key);
    free(copy);
}


static void
from_coordinates(mk_bytes_t in)
{
    char        *x, *y, text[512];
    const char  *kind;

    static const char *const  kinds[] = {
        "\"kty\":\"EC\",\"crv\":\"P-256\"",
        "\"kty\":\"OKP\",\"crv\":\"X25519\"",
        "\"kty\":\"OKP\",\"crv\":\"Ed25519\""
    };

    kind = kinds[fuzz_number(&in, 3)];
    x = fuzz_base64url(fuzz_take(&in, MK_PKEY_COORDINATE));
    y = fuzz_base64url(fuzz_take(&in, MK_PKEY_COORDINATE));
    snprintf(text, sizeof(text), "{%s,\"x\":\"%s\",\"y\":\"%s\"}", kind, x,
             y);
    from_jwk(fuzz_text(text));

    free(y);
    free(x);
}


static void
from_jwks(mk_bytes_t text)
{
    size_t           n, left_out;
    uint8_t         *copy;
    mk_jwks_t       *jwks;
    const char      *why;
    const mk_key_t  *key;

    copy = fuzz_copy(text);
    jwks = mk_jwks_parse((const char *) copy, text.len, &left_out, &why);
    FUZZ_HOLDS((jwks == NULL) == (why != NULL));

    if (jwks == NULL) {
        FUZZ_HOLDS(left_out == 0);
        free(copy);
        return;
    }

    FUZZ_HOLDS(mk_jwks_count(jwks) > 0);
    FUZZ_HOLDS(mk_jwks_count(jwks) + left_out <= MK_JWKS_MAX);

    /* a seed's kid and identity; each key is found once */

    for (n = 0; n <= MK_JWKS_MAX; n++) {
        key = mk_jwks_find(jwks, fuzz_text("k"), fuzz_text("owner"), n);

        if (key == NULL) {
            break;
        }

        FUZZ_HOLDS(mk_key_type(key) != MK_KEY_X25519);
        FUZZ_HOLDS(!mk_key_is_private(key));
        check_public(key);
    }

    FUZZ_HOLDS(n <= mk_jwks_count(jwks));
    FUZZ_HOLDS(mk_jwks_find(jwks, fuzz_text("k"), fuzz_text(""), 0) == NULL);

    mk_jwks_free(jwks);
    free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mk_bytes_t  in;

    in = fuzz_bytes(data, size);

    switch (fuzz_byte(&in) % 5) {

    case 0:
        from_pem(in);
        break;

    case 1:
        from_der(in);
        break;

    case 2:
        from_jwk(in);
        break;

    case 3:
        from_coordinates(in);
        break;

    default:
        from_jwks(in);
        break;
    }

    FUZZ_HOLDS(ERR_peek_error() == 0);

    return 0;
}
