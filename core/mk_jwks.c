#include "mk_jwks.h"

#include "mk_json.h"
#include "mk_key_internal.h"
#include "mk_name.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    mk_key_t      *key;
    const json_t  *identity;    /* inside the set's text */
    unsigned       repeated:1;  /* adds nothing to what stands before it */
} mk_jwks_entry_t;


struct mk_jwks_s {
    json_t           *text;
    size_t            n;
    mk_jwks_entry_t   entries[MK_JWKS_MAX];
};


static int
mk_jwks_is_identity(const json_t *value)
{
    mk_bytes_t  name;

    if (!json_is_string(value)) {
        return 0;
    }

    name.data = (const uint8_t *) json_string_value(value);
    name.len = json_string_length(value);

    return mk_name_is_identity(name);
}


/* one identity, or a list of 1 to MK_JWKS_NAMES_MAX; all of them sound */
static const json_t *
mk_jwks_identity(const json_t *jwk)
{
    size_t         i;
    const json_t  *value;

    value = json_object_get(jwk, "identity");

    if (!json_is_array(value)) {
        return mk_jwks_is_identity(value) ? value : NULL;
    }

    if (json_array_size(value) == 0
        || json_array_size(value) > MK_JWKS_NAMES_MAX)
    {
        return NULL;
    }

    for (i = 0; i < json_array_size(value); i++) {
        if (!mk_jwks_is_identity(json_array_get(value, i))) {
            return NULL;
        }
    }

    return value;
}


/* the i-th name of a key that is used; 0 if there are no more */
static int
mk_jwks_name(const mk_jwks_entry_t *entry, size_t i, mk_bytes_t *name)
{
    const json_t  *value;

    value = json_is_array(entry->identity)
            ? json_array_get(entry->identity, i)
            : i == 0 ? entry->identity : NULL;

    if (value == NULL) {
        return 0;
    }

    name->data = (const uint8_t *) json_string_value(value);
    name->len = json_string_length(value);

    return 1;
}


/* 1 if the member is not there, or is that text */
static int
mk_jwks_allows(const json_t *jwk, const char *name, const char *value)
{
    mk_bytes_t  text;

    switch (mk_json_string(jwk, name, &text)) {

    case 0:
        return 1;

    case 1:
        return strcmp((const char *) text.data, value) == 0;

    default:
        return 0;
    }
}


/* RFC 7517 section 4: what the key says of itself does not forbid it */
static int
mk_jwks_may_verify(const json_t *jwk, mk_key_type_t type)
{
    mk_bytes_t     verify;
    const json_t  *ops;

    verify.data = (const uint8_t *) "verify";
    verify.len = sizeof("verify") - 1;

    ops = json_object_get(jwk, "key_ops");

    if (ops != NULL && (!json_is_array(ops) || !mk_json_names(ops, verify))) {
        return 0;
    }

    if (!mk_jwks_allows(jwk, "use", "sig")) {
        return 0;
    }

    switch (type) {

    case MK_KEY_P256:
        return mk_jwks_allows(jwk, "alg", "ES256");

    case MK_KEY_ED25519:
        /* RFC 9864, and the older name of RFC 8037 */
        return mk_jwks_allows(jwk, "alg", "Ed25519")
               || mk_jwks_allows(jwk, "alg", "EdDSA");

    default:
        return 0;
    }
}


/* 1 if the earlier entry has the same key, kid and names, or more names */
static int
mk_jwks_covers(const mk_jwks_entry_t *earlier, const mk_jwks_entry_t *entry)
{
    size_t      i;
    mk_bytes_t  name;

    if (strcmp(mk_key_kid(earlier->key), mk_key_kid(entry->key)) != 0
        || strcmp(mk_key_thumbprint(earlier->key),
                  mk_key_thumbprint(entry->key))
           != 0)
    {
        return 0;
    }

    for (i = 0; mk_jwks_name(entry, i, &name); i++) {
        if (!mk_json_names(earlier->identity, name)) {
            return 0;
        }
    }

    return 1;
}


static int
mk_jwks_is_repeated(const mk_jwks_t *jwks, const mk_jwks_entry_t *entry)
{
    size_t  i;

    for (i = 0; i < jwks->n; i++) {
        if (mk_jwks_covers(&jwks->entries[i], entry)) {
            return 1;
        }
    }

    return 0;
}


/* 1 if the key is used, 0 if it is left out */
static int
mk_jwks_add(mk_jwks_t *jwks, const json_t *jwk)
{
    mk_key_t         *key;
    const char       *why;
    const json_t     *identity;
    mk_jwks_entry_t  *entry;

    identity = mk_jwks_identity(jwk);
    if (identity == NULL) {
        return 0;
    }

    key = mk_key_from_object(jwk, &why);
    if (key == NULL) {
        return 0;
    }

    if (!mk_jwks_may_verify(jwk, mk_key_type(key))) {
        mk_key_free(key);
        return 0;
    }

    entry = &jwks->entries[jwks->n];
    entry->key = key;
    entry->identity = identity;
    entry->repeated = mk_jwks_is_repeated(jwks, entry) != 0;

    jwks->n++;

    return 1;
}


/*
 * Whoever sends a signature chooses its kid, and that it fits none of the
 * keys: each of them is a verification.
 */
static int
mk_jwks_is_crowded(const mk_jwks_t *jwks)
{
    size_t                  i, k;
    mk_bytes_t              kid, name;
    const mk_jwks_entry_t  *entry;

    for (i = 0; i < jwks->n; i++) {
        entry = &jwks->entries[i];

        kid.data = (const uint8_t *) mk_key_kid(entry->key);
        kid.len = strlen(mk_key_kid(entry->key));

        for (k = 0; mk_jwks_name(entry, k, &name); k++) {
            if (mk_jwks_find(jwks, kid, name, MK_JWKS_KID_MAX) != NULL) {
                return 1;
            }
        }
    }

    return 0;
}


/* NULL if it is a set of keys of which none need be refused for all */
static const char *
mk_jwks_refusal(const json_t *keys)
{
    size_t         i;
    const json_t  *jwk;

    if (json_array_size(keys) > MK_JWKS_MAX) {
        return "holds too many keys";
    }

    for (i = 0; i < json_array_size(keys); i++) {
        jwk = json_array_get(keys, i);

        if (!json_is_object(jwk)) {
            return "holds a key that is not a JSON object";
        }

        /* whoever reads this file could sign: better said than left out */
        if (json_object_get(jwk, "d") != NULL) {
            return "holds a private key where public ones belong";
        }
    }

    return NULL;
}


mk_jwks_t *
mk_jwks_parse(const char *json, size_t len, size_t *left_out,
    const char **why)
{
    size_t         i, left;
    mk_jwks_t     *jwks;
    mk_bytes_t     text;
    const json_t  *keys;

    *left_out = 0;
    *why = "could not be loaded";
    left = 0;

    jwks = calloc(1, sizeof(mk_jwks_t));
    if (jwks == NULL) {
        return NULL;
    }

    text.data = (const uint8_t *) json;
    text.len = len;

    if (mk_json_parse(text, MK_INVALID_REQUEST, &jwks->text) != MK_OK
        || mk_json_array(jwks->text, "keys", &keys) != 1)
    {
        *why = "is not a JWK Set";
        goto failed;
    }

    *why = mk_jwks_refusal(keys);
    if (*why != NULL) {
        goto failed;
    }

    for (i = 0; i < json_array_size(keys); i++) {
        left += !mk_jwks_add(jwks, json_array_get(keys, i));
    }

    if (jwks->n == 0) {
        *why = "holds no key that can verify and says whose it is";
        goto failed;
    }

    if (mk_jwks_is_crowded(jwks)) {
        *why = "holds more than 4 keys with one kid for one identity";
        goto failed;
    }

    *left_out = left;

    return jwks;

failed:

    mk_jwks_free(jwks);

    return NULL;
}


void
mk_jwks_free(mk_jwks_t *jwks)
{
    size_t  i;

    if (jwks == NULL) {
        return;
    }

    for (i = 0; i < jwks->n; i++) {
        mk_key_free(jwks->entries[i].key);
    }

    json_decref(jwks->text);
    free(jwks);
}


size_t
mk_jwks_count(const mk_jwks_t *jwks)
{
    return jwks->n;
}


const mk_key_t *
mk_jwks_find(const mk_jwks_t *jwks, mk_bytes_t kid, mk_bytes_t identity,
    size_t n)
{
    size_t                  i;
    mk_bytes_t              own;
    const mk_jwks_entry_t  *entry;

    for (i = 0; i < jwks->n; i++) {
        entry = &jwks->entries[i];

        own.data = (const uint8_t *) mk_key_kid(entry->key);
        own.len = strlen(mk_key_kid(entry->key));

        if (!entry->repeated
            && mk_bytes_equal(own, kid)
            && mk_json_names(entry->identity, identity)
            && n-- == 0)
        {
            return entry->key;
        }
    }

    return NULL;
}
