/*
 * keys: reads key files, and says what is wrong with them.
 */

#include "keys.h"

#include <string.h>
#include <sys/stat.h>

#include "files.h"
#include "mk_json.h"
#include "report.h"


/* a key set: MK_JWKS_MAX keys of generous length */
#define KEYS_JWKS_MAX  (1024 * 1024)


static const char *const  keys_names[] = {
    [MK_KEY_NONE] = "none",
    [MK_KEY_P256] = "p256",
    [MK_KEY_X25519] = "x25519",
    [MK_KEY_ED25519] = "ed25519",
};


const char *
keys_type_name(mk_key_type_t type)
{
    return keys_names[type];
}


mk_key_type_t
keys_type(const char *name)
{
    mk_key_type_t  type;

    for (type = MK_KEY_P256; type <= MK_KEY_ED25519; type++) {
        if (strcmp(name, keys_names[type]) == 0) {
            return type;
        }
    }

    return MK_KEY_NONE;
}


static int
keys_check_use(const char *path, keys_use_t use, const mk_key_t *key)
{
    mk_key_type_t  type;

    type = mk_key_type(key);

    if (use == KEYS_TO_OPEN && type == MK_KEY_ED25519) {
        report_error("%s is an ed25519 key, which only signs", path);
        report_hint("make one with meshkitctl keygen --type x25519");
        return REPORT_KEY;
    }

    if (use == KEYS_TO_SIGN && type == MK_KEY_X25519) {
        report_error("%s is an x25519 key, which cannot sign", path);
        report_hint("make one with meshkitctl keygen --type ed25519");
        return REPORT_KEY;
    }

    return REPORT_OK;
}


static void
keys_check_mode(const char *path)
{
    struct stat  st;

    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)
        && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    {
        report_warning("%s is a private key that others can read", path);
        report_hint("chmod 600 %s", path);
    }
}


/* Does the member "identity", where there is one, name the identity? */
static int
keys_check_identity(const char *path, mk_bytes_t text, const char *identity)
{
    int            ok;
    json_t        *jwk;
    mk_bytes_t     name;
    const json_t  *member;

    if (mk_json_parse(text, MK_INVALID_REQUEST, &jwk) != MK_OK) {
        return REPORT_OK;
    }

    name.data = (const uint8_t *) identity;
    name.len = strlen(identity);

    member = json_object_get(jwk, "identity");
    ok = (member == NULL || mk_json_names(member, name));
    json_decref(jwk);

    if (!ok) {
        report_error("%s is the key of another identity than %s", path,
                     identity);
        return REPORT_KEY;
    }

    return REPORT_OK;
}


static int
keys_read_pem(const char *path, const char *pem, size_t len, keys_use_t use,
    mk_key_t **key)
{
    int          rc;
    const char  *why;

    keys_check_mode(path);

    *key = mk_key_from_pem(pem, len, &why);
    if (*key == NULL) {
        report_error("%s %s", path, why);
        return REPORT_KEY;
    }

    rc = keys_check_use(path, use, *key);
    if (rc != REPORT_OK) {
        mk_key_free(*key);
        *key = NULL;
    }

    return rc;
}


int
keys_read_private(const char *path, keys_use_t use, mk_key_t **key)
{
    int      rc;
    char    *pem;
    size_t   len;

    *key = NULL;

    rc = files_read(path, MK_KEY_TEXT_MAX, &pem, &len);
    if (rc != REPORT_OK) {
        return rc;
    }

    rc = keys_read_pem(path, pem, len, use, key);
    files_wipe(pem, len);

    return rc;
}


static int
keys_read_jwk(const char *path, const char *identity, mk_bytes_t text,
    mk_key_t **key)
{
    int          rc;
    const char  *why;

    *key = mk_key_from_jwk((const char *) text.data, text.len, &why);
    if (*key == NULL) {
        report_error("%s %s", path, why);
        return REPORT_KEY;
    }

    rc = keys_check_use(path, KEYS_TO_OPEN, *key);

    if (rc == REPORT_OK) {
        rc = keys_check_identity(path, text, identity);
    }

    if (rc != REPORT_OK) {
        mk_key_free(*key);
        *key = NULL;
    }

    return rc;
}


int
keys_read_recipient(const char *path, const char *identity, mk_key_t **key)
{
    int         rc;
    char       *data;
    size_t      len;
    mk_bytes_t  text;

    *key = NULL;

    rc = files_read(path, MK_KEY_TEXT_MAX, &data, &len);
    if (rc != REPORT_OK) {
        return rc;
    }

    if (data[strspn(data, " \t\r\n")] == '{') {
        text.data = (const uint8_t *) data;
        text.len = len;
        rc = keys_read_jwk(path, identity, text, key);

    } else {
        rc = keys_read_pem(path, data, len, KEYS_TO_OPEN, key);
    }

    files_wipe(data, len);

    return rc;
}


int
keys_read_trusted(const char *path, mk_jwks_t **jwks)
{
    int          rc;
    char        *text;
    size_t       len, left_out;
    const char  *why;

    *jwks = NULL;

    rc = files_read(path, KEYS_JWKS_MAX, &text, &len);
    if (rc != REPORT_OK) {
        return rc;
    }

    *jwks = mk_jwks_parse(text, len, &left_out, &why);
    files_wipe(text, len);

    if (*jwks == NULL) {
        report_error("%s %s", path, why);
        report_hint("a key set is {\"keys\":[...]}, its keys as written by "
                    "meshkitctl keygen --public");
        return REPORT_KEY;
    }

    if (left_out > 0) {
        report_warning("%zu keys of %s are not used", left_out, path);
    }

    return REPORT_OK;
}
