/*
 * mk_jws: taking a JWS apart, verifying and making one.
 */

#include "mk_jws.h"

#include "mk_base.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    const char    *name;
    mk_jws_alg_t   alg;
    size_t         signature_len;
} mk_jws_row_t;


static const mk_jws_row_t  mk_jws_rows[] = {
    { "Ed25519", MK_JWS_ALG_ED25519, MK_JWS_SIGNATURE  },
    { "ES256",   MK_JWS_ALG_ES256,   MK_JWS_SIGNATURE  },
    { "HS256",   MK_JWS_ALG_HS256,   MK_SIGNATURE_HMAC },
};

#define MK_JWS_ROWS  (sizeof(mk_jws_rows) / sizeof(mk_jws_rows[0]))


/* NULL for an algorithm that is none of ours, "none" among them */
static const mk_jws_row_t *
mk_jws_row_of_header(const json_t *header)
{
    size_t  i;

    for (i = 0; i < MK_JWS_ROWS; i++) {
        if (mk_json_is(header, "alg", mk_jws_rows[i].name)) {
            return &mk_jws_rows[i];
        }
    }

    return NULL;
}


static const mk_jws_row_t *
mk_jws_row(mk_jws_alg_t alg)
{
    size_t  i;

    for (i = 0; i < MK_JWS_ROWS; i++) {
        if (mk_jws_rows[i].alg == alg) {
            return &mk_jws_rows[i];
        }
    }

    return NULL;
}


/* the algorithm is a property of the key, never of the text */
static mk_jws_alg_t
mk_jws_alg_of(const mk_key_t *key)
{
    switch (mk_key_type(key)) {

    case MK_KEY_ED25519:
        return MK_JWS_ALG_ED25519;

    case MK_KEY_P256:
        return MK_JWS_ALG_ES256;

    default:
        return MK_JWS_ALG_NONE;
    }
}


static mk_status_t
mk_jws_read_header(mk_bytes_t text, mk_status_t refused, mk_jws_t *jws,
    const char **why)
{
    size_t               len;
    uint8_t              bytes[MK_JWS_HEADER_MAX];
    mk_bytes_t           json;
    mk_status_t          status;
    const mk_jws_row_t  *row;

    *why = "its header is not strict JSON in base64url";

    if (text.len > MK_JWS_HEADER_MAX
        || !mk_base64url_decode((const char *) text.data, text.len, bytes,
                                sizeof(bytes), &len))
    {
        return refused;
    }

    json.data = bytes;
    json.len = len;

    status = mk_json_parse(json, refused, &jws->header);
    if (status != MK_OK) {
        return status;
    }

    /* no extension is understood, and "b64" (RFC 7797) is one */
    if (json_object_get(jws->header, "crit") != NULL
        || json_object_get(jws->header, "b64") != NULL)
    {
        *why = "its header has \"crit\" or \"b64\"";
        return refused;
    }

    row = mk_jws_row_of_header(jws->header);
    if (row == NULL) {
        *why = "its \"alg\" is none that is known, as Ed25519 or ES256";
        return refused;
    }

    if (mk_json_string(jws->header, "kid", &jws->kid) < 0
        || mk_json_string(jws->header, "typ", &jws->typ) < 0)
    {
        *why = "its \"kid\" or \"typ\" is no string";
        return refused;
    }

    jws->alg = row->alg;
    jws->signature_len = row->signature_len;
    jws->protected_text = text;

    return MK_OK;
}


static mk_status_t
mk_jws_read_payload(mk_bytes_t text, mk_status_t refused, mk_jws_t *jws)
{
    size_t  room;

    if (text.len > MK_BASE64URL_LEN(MK_JSON_MAX)) {
        return refused;
    }

    room = text.len / 4 * 3 + 3;

    jws->payload = malloc(room);
    if (jws->payload == NULL) {
        return MK_INTERNAL_ERROR;
    }

    if (!mk_base64url_decode((const char *) text.data, text.len,
                             jws->payload, room, &jws->payload_len))
    {
        return refused;
    }

    jws->payload_text = text;

    return MK_OK;
}


static mk_status_t
mk_jws_read_signature(mk_bytes_t text, mk_status_t refused, mk_jws_t *jws)
{
    size_t  len;

    if (!mk_base64url_decode((const char *) text.data, text.len,
                             jws->signature, sizeof(jws->signature), &len)
        || len != jws->signature_len)
    {
        return refused;
    }

    return MK_OK;
}


mk_status_t
mk_jws_read(mk_bytes_t protected_text, mk_bytes_t payload_text,
    mk_bytes_t signature_text, mk_status_t refused, mk_jws_t *jws,
    const char **why)
{
    mk_status_t  status;

    memset(jws, 0, sizeof(*jws));

    status = mk_jws_read_header(protected_text, refused, jws, why);

    if (status == MK_OK) {
        *why = "its signature is not as long as those of its \"alg\"";
        status = mk_jws_read_signature(signature_text, refused, jws);
    }

    if (status == MK_OK) {
        *why = "its payload is too long or not base64url";
        status = mk_jws_read_payload(payload_text, refused, jws);
    }

    if (status == MK_OK) {
        *why = NULL;
        return MK_OK;
    }

    if (status == MK_INTERNAL_ERROR) {
        *why = "no memory";
    }

    mk_jws_clear(jws);

    return status;
}


/* takes what stands before the first dot off the front of *text */
static int
mk_jws_take_part(mk_bytes_t *text, mk_bytes_t *part)
{
    const uint8_t  *dot;

    dot = memchr(text->data, '.', text->len);
    if (dot == NULL) {
        return 0;
    }

    part->data = text->data;
    part->len = (size_t) (dot - text->data);

    text->data = dot + 1;
    text->len -= part->len + 1;

    return 1;
}


mk_status_t
mk_jws_read_compact(mk_bytes_t text, mk_status_t refused, mk_jws_t *jws,
    const char **why)
{
    mk_bytes_t  protected_text, payload_text;

    memset(jws, 0, sizeof(*jws));

    if (text.len == 0 || text.len > MK_JWS_COMPACT_MAX
        || !mk_jws_take_part(&text, &protected_text)
        || !mk_jws_take_part(&text, &payload_text))
    {
        *why = "not a JWS in compact form";
        return refused;
    }

    /* a third dot is not in the alphabet of what is left */
    return mk_jws_read(protected_text, payload_text, text, refused, jws,
                       why);
}


void
mk_jws_clear(mk_jws_t *jws)
{
    json_decref(jws->header);
    free(jws->payload);

    memset(jws, 0, sizeof(*jws));
}


/* protected || '.' || payload (RFC 7515 section 5.1), owned */
static uint8_t *
mk_jws_input(mk_bytes_t protected_text, mk_bytes_t payload_text, size_t *len)
{
    uint8_t  *input;

    *len = protected_text.len + 1 + payload_text.len;

    input = malloc(*len);
    if (input == NULL) {
        return NULL;
    }

    memcpy(input, protected_text.data, protected_text.len);
    input[protected_text.len] = '.';

    if (payload_text.len > 0) {
        memcpy(input + protected_text.len + 1, payload_text.data,
               payload_text.len);
    }

    return input;
}


/*
 * Holds the signature against key or secret, of which one is NULL; the caller
 * has made sure that the algorithm is that key's.
 */
static mk_status_t
mk_jws_check(const mk_jws_t *jws, const mk_key_t *key,
    const mk_secret_t *secret, mk_status_t refused)
{
    uint8_t      *input;
    mk_bytes_t    data;
    mk_status_t   status;

    input = mk_jws_input(jws->protected_text, jws->payload_text, &data.len);
    if (input == NULL) {
        return MK_INTERNAL_ERROR;
    }

    data.data = input;

    if (key != NULL) {
        status = mk_signature_verify(key, data, jws->signature, refused);

    } else {
        status = mk_signature_hmac_verify(secret, data, jws->signature,
                                          refused);
    }

    free(input);

    return status;
}


mk_status_t
mk_jws_verify(const mk_jws_t *jws, const mk_key_t *key, mk_status_t refused)
{
    if (jws->alg == MK_JWS_ALG_NONE || jws->alg != mk_jws_alg_of(key)) {
        return refused;
    }

    return mk_jws_check(jws, key, NULL, refused);
}


mk_status_t
mk_jws_verify_by(const mk_jws_t *jws, const mk_jwks_t *jwks,
    mk_bytes_t identity, mk_status_t refused)
{
    size_t           n;
    mk_status_t      status;
    const mk_key_t  *key;

    if (jws->kid.len == 0) {
        return refused;
    }

    /* keys may share a kid: then the signature says which of them it is by */
    for (n = 0; /* void */ ; n++) {
        key = mk_jwks_find(jwks, jws->kid, identity, n);

        if (key == NULL) {
            return refused;
        }

        status = mk_jws_verify(jws, key, refused);

        if (status != refused) {
            return status;
        }
    }
}


mk_status_t
mk_jws_verify_hmac(const mk_jws_t *jws, const mk_secret_t *key,
    mk_status_t refused)
{
    if (jws->alg != MK_JWS_ALG_HS256) {
        return refused;
    }

    return mk_jws_check(jws, NULL, key, refused);
}


static char *
mk_jws_encode(mk_bytes_t bytes)
{
    char    *text;
    size_t   size;

    if (bytes.len > MK_JSON_MAX) {
        return NULL;
    }

    size = MK_BASE64URL_LEN(bytes.len) + 1;

    text = malloc(size);
    if (text == NULL) {
        return NULL;
    }

    mk_base64url_encode(bytes.data, bytes.len, text, size);

    return text;
}


static char *
mk_jws_header_text(mk_jws_alg_t alg, const char *kid, const char *typ)
{
    int          failed;
    char        *text, *json;
    json_t      *header;
    mk_bytes_t   bytes;

    failed = 0;
    text = NULL;
    json = NULL;
    bytes.len = 0;

    header = json_object();
    mk_json_set(header, "alg", json_string(mk_jws_row(alg)->name), &failed);

    if (kid != NULL) {
        mk_json_set(header, "kid", json_string(kid), &failed);
    }

    mk_json_set(header, "typ", json_string(typ), &failed);

    if (!failed) {
        json = mk_json_print(header, &bytes.len);
    }

    if (json != NULL) {
        bytes.data = (const uint8_t *) json;
        text = mk_jws_encode(bytes);
    }

    free(json);
    json_decref(header);

    return text;
}


/* one of key and secret is NULL; texts are all set or all NULL */
static mk_status_t
mk_jws_make(const mk_key_t *key, const mk_secret_t *secret, mk_jws_alg_t alg,
    const char *typ, mk_bytes_t payload, char *texts[3])
{
    uint8_t      *input, signature[MK_JWS_SIGNATURE];
    mk_bytes_t    header, body, data, tag;
    mk_status_t   status;

    texts[2] = NULL;
    texts[1] = mk_jws_encode(payload);
    texts[0] = mk_jws_header_text(alg, key != NULL ? mk_key_kid(key) : NULL,
                                  typ);

    if (texts[0] == NULL || texts[1] == NULL) {
        goto failed;
    }

    header.data = (const uint8_t *) texts[0];
    header.len = strlen(texts[0]);
    body.data = (const uint8_t *) texts[1];
    body.len = strlen(texts[1]);

    input = mk_jws_input(header, body, &data.len);
    if (input == NULL) {
        goto failed;
    }

    data.data = input;

    status = key != NULL ? mk_signature_sign(key, data, signature)
                         : mk_signature_hmac_sign(secret, data, signature);

    free(input);

    if (status != MK_OK) {
        goto failed;
    }

    tag.data = signature;
    tag.len = mk_jws_row(alg)->signature_len;

    texts[2] = mk_jws_encode(tag);
    if (texts[2] == NULL) {
        goto failed;
    }

    return MK_OK;

failed:

    free(texts[1]);
    free(texts[0]);
    texts[1] = NULL;
    texts[0] = NULL;

    return MK_INTERNAL_ERROR;
}


mk_status_t
mk_jws_sign(const mk_key_t *key, const char *typ, mk_bytes_t payload,
    char **protected_text, char **payload_text, char **signature_text)
{
    char          *texts[3] = { NULL, NULL, NULL };
    mk_status_t    status;
    mk_jws_alg_t   alg;

    alg = mk_jws_alg_of(key);

    status = alg == MK_JWS_ALG_NONE
             ? MK_INTERNAL_ERROR
             : mk_jws_make(key, NULL, alg, typ, payload, texts);

    *protected_text = texts[0];
    *payload_text = texts[1];
    *signature_text = texts[2];

    return status;
}


mk_status_t
mk_jws_sign_hmac(const mk_secret_t *key, const char *typ, mk_bytes_t payload,
    char **protected_text, char **payload_text, char **signature_text)
{
    char         *texts[3] = { NULL, NULL, NULL };
    mk_status_t   status;

    status = mk_jws_make(NULL, key, MK_JWS_ALG_HS256, typ, payload, texts);

    *protected_text = texts[0];
    *payload_text = texts[1];
    *signature_text = texts[2];

    return status;
}
