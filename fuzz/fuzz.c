/*
 * fuzz: the few words that the fuzz targets need.
 */

#include "fuzz.h"

#include "mk_base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FUZZ_KEYS      "t/vectors/keys/"
#define FUZZ_KEYS_MAX  8


typedef struct {
    char       name[32];
    mk_key_t  *key;
} fuzz_entry_t;


static fuzz_entry_t  fuzz_entries[FUZZ_KEYS_MAX];
static mk_jwks_t    *fuzz_jwks;


void
fuzz_broken(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}


mk_bytes_t
fuzz_bytes(const void *data, size_t len)
{
    mk_bytes_t  bytes;

    bytes.data = data;
    bytes.len = len;

    return bytes;
}


mk_bytes_t
fuzz_text(const char *text)
{
    return fuzz_bytes(text, strlen(text));
}


int
fuzz_is_zero(const void *data, size_t len)
{
    size_t          i;
    const uint8_t  *bytes = data;

    for (i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            return 0;
        }
    }

    return 1;
}


uint8_t
fuzz_byte(mk_bytes_t *in)
{
    mk_bytes_t  byte;

    return mk_bytes_take(in, 1, &byte) ? byte.data[0] : 0;
}


uint32_t
fuzz_number(mk_bytes_t *in, uint32_t below)
{
    uint32_t  value;

    value = fuzz_byte(in);

    if (below > 256) {
        value = value << 8 | fuzz_byte(in);
    }

    if (below > 65536) {
        value = value << 8 | fuzz_byte(in);
    }

    return below == 0 ? 0 : value % below;
}


uint64_t
fuzz_u64(mk_bytes_t *in)
{
    size_t    i;
    uint64_t  value;

    value = 0;

    for (i = 0; i < 8; i++) {
        value = value << 8 | fuzz_byte(in);
    }

    return value;
}


mk_bytes_t
fuzz_take(mk_bytes_t *in, size_t most)
{
    mk_bytes_t  out;

    mk_bytes_take(in, in->len < most ? in->len : most, &out);

    return out;
}


mk_bytes_t
fuzz_part(mk_bytes_t *in)
{
    mk_bytes_t      part;
    const uint8_t  *end;

    end = in->len == 0 ? NULL : memchr(in->data, '\0', in->len);

    part = fuzz_take(in, end == NULL ? in->len : (size_t) (end - in->data));
    fuzz_byte(in);

    return part;
}


uint8_t *
fuzz_copy(mk_bytes_t bytes)
{
    uint8_t  *copy;

    copy = malloc(bytes.len);

    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }

    return copy;
}


char *
fuzz_base64url(mk_bytes_t bytes)
{
    char    *text;
    size_t   size;

    size = MK_BASE64URL_LEN(bytes.len) + 1;
    text = malloc(size);
    mk_base64url_encode(bytes.data, bytes.len, text, size);

    return text;
}


char *
fuzz_compact(mk_bytes_t header, mk_bytes_t payload, const mk_key_t *key,
    const mk_secret_t *secret)
{
    char        *head, *body, *tail, *text;
    size_t       n, size;
    uint8_t      signature[MK_SIGNATURE_LEN];
    mk_status_t  status;

    head = fuzz_base64url(header);
    body = fuzz_base64url(payload);
    size = strlen(head) + strlen(body) + 2 * MK_SIGNATURE_LEN;
    text = malloc(size);
    n = (size_t) snprintf(text, size, "%s.%s", head, body);

    status = key != NULL
             ? mk_signature_sign(key, fuzz_bytes(text, n), signature)
             : mk_signature_hmac_sign(secret, fuzz_bytes(text, n), signature);
    FUZZ_HOLDS(status == MK_OK);

    tail = fuzz_base64url(fuzz_bytes(signature, key != NULL
                                                ? MK_SIGNATURE_LEN
                                                : MK_SIGNATURE_HMAC));
    snprintf(text + n, size - n, ".%s", tail);

    free(tail);
    free(body);
    free(head);

    return text;
}


static char *
fuzz_slurp(const char *name, size_t *len)
{
    char   path[64], *text;
    FILE  *file;

    snprintf(path, sizeof(path), FUZZ_KEYS "%s", name);

    file = fopen(path, "rb");
    FUZZ_HOLDS(file != NULL);

    text = malloc(MK_KEY_TEXT_MAX);
    *len = fread(text, 1, MK_KEY_TEXT_MAX, file);
    fclose(file);

    return text;
}


const mk_key_t *
fuzz_key(const char *name)
{
    char          file[48], *text;
    size_t        i, len;
    const char   *why;

    for (i = 0; i < FUZZ_KEYS_MAX && fuzz_entries[i].key != NULL; i++) {
        if (strcmp(fuzz_entries[i].name, name) == 0) {
            return fuzz_entries[i].key;
        }
    }

    FUZZ_HOLDS(i < FUZZ_KEYS_MAX);

    snprintf(file, sizeof(file), "%s.pem", name);
    snprintf(fuzz_entries[i].name, sizeof(fuzz_entries[i].name), "%s", name);
    text = fuzz_slurp(file, &len);
    fuzz_entries[i].key = mk_key_from_pem(text, len, &why);
    FUZZ_HOLDS(fuzz_entries[i].key != NULL);
    free(text);

    return fuzz_entries[i].key;
}


const mk_jwks_t *
fuzz_owners(void)
{
    char        *text;
    size_t       len, left_out;
    const char  *why;

    if (fuzz_jwks == NULL) {
        text = fuzz_slurp("owners.jwks", &len);
        fuzz_jwks = mk_jwks_parse(text, len, &left_out, &why);
        FUZZ_HOLDS(fuzz_jwks != NULL);
        free(text);
    }

    return fuzz_jwks;
}
