/*
 * meshkitctl keygen: a new key of an identity.
 */

#include "cli.h"

#include <string.h>

#include "files.h"
#include "keys.h"
#include "names.h"
#include "options.h"
#include "report.h"


typedef struct {
    const char  *type;
    const char  *identity;
    const char  *out;
    const char  *public_out;
    int          force;
    int          json;
} keygen_options_t;


static const options_row_t  keygen_rows[] = {
    { "type", OPTIONS_REQUIRED, "TYPE",
      "p256, x25519 (opens) or ed25519 (signs)",
      offsetof(keygen_options_t, type) },
    { "identity", OPTIONS_REQUIRED, "ID", "whose key it is",
      offsetof(keygen_options_t, identity) },
    { "out", OPTIONS_REQUIRED, "KEY.pem", "the private key, PEM, mode 0600",
      offsetof(keygen_options_t, out) },
    { "public", OPTIONS_TEXT, "KEY.jwk", "the public key, JWK",
      offsetof(keygen_options_t, public_out) },
    { "force", OPTIONS_FLAG, NULL, "overwrite files that exist",
      offsetof(keygen_options_t, force) },
    { "json", OPTIONS_FLAG, NULL, "print the result as JSON",
      offsetof(keygen_options_t, json) },
};

static const options_command_t  keygen_command = {
    .name = "keygen",
    .about =
        "Makes a key and prints its kid (RFC 7638 thumbprint).  The private\n"
        "key stays on this machine; the public one, which names its\n"
        "identity, is what others need to share with it or to trust it.",
    .session =
        "  $ meshkitctl keygen --type x25519 --identity alice \\\n"
        "        --out alice.pem --public alice.jwk",
    .rows = keygen_rows,
    .nrows = sizeof(keygen_rows) / sizeof(keygen_rows[0]),
};


static int
keygen_check(const keygen_options_t *o)
{
    int          rc;
    const char  *taken;

    if (keys_type(o->type) == MK_KEY_NONE) {
        (void) report_usage("--type is p256, x25519 or ed25519");
        return REPORT_USAGE;
    }

    rc = names_check_identity("--identity", o->identity);
    if (rc != REPORT_OK || o->force) {
        return rc;
    }

    taken = files_exists(o->out) ? o->out : NULL;

    if (taken == NULL && o->public_out != NULL
        && files_exists(o->public_out))
    {
        taken = o->public_out;
    }

    if (taken != NULL) {
        report_error("%s exists", taken);
        report_hint("--force overwrites it; what was shared with a lost key "
                    "cannot be opened again");
        return REPORT_IO;
    }

    return REPORT_OK;
}


static int
keygen_save_private(const keygen_options_t *o, const mk_key_t *key)
{
    int         rc;
    char       *pem;
    mk_bytes_t  text;

    if (!mk_key_to_pem(key, &pem, &text.len)) {
        report_error("the key cannot be written");
        return REPORT_INTERNAL;
    }

    text.data = (const uint8_t *) pem;

    rc = files_save(o->out, text, 0600, o->force);
    mk_key_wipe(pem, text.len);

    return rc;
}


static int
keygen_save_public(const keygen_options_t *o, const mk_key_t *key)
{
    int         rc;
    char       *jwk;
    mk_bytes_t  text;

    if (o->public_out == NULL) {
        return REPORT_OK;
    }

    if (!mk_key_to_jwk(key, o->identity, &jwk, &text.len)) {
        report_error("the public key cannot be written");
        return REPORT_INTERNAL;
    }

    text.data = (const uint8_t *) jwk;

    rc = files_save(o->public_out, text, 0644, o->force);
    mk_key_wipe(jwk, text.len);

    return rc;
}


static int
keygen_report(const keygen_options_t *o, const mk_key_t *key)
{
    return report_fact(json_pack("{s:s, s:s, s:s, s:s, s:s*}",
                                 "kid", mk_key_thumbprint(key),
                                 "type", o->type,
                                 "identity", o->identity,
                                 "private", o->out,
                                 "public", o->public_out),
                       "kid");
}


int
keygen_main(int argc, char **argv)
{
    int               rc;
    mk_key_t         *key;
    keygen_options_t  o;

    memset(&o, 0, sizeof(o));

    if (!options_parse(&keygen_command, argc, argv, &o, &rc)) {
        return rc;
    }

    report_use_json(o.json);

    rc = keygen_check(&o);
    if (rc != REPORT_OK) {
        return rc;
    }

    key = mk_key_generate(keys_type(o.type));
    if (key == NULL) {
        report_error("the key cannot be made");
        return REPORT_INTERNAL;
    }

    rc = keygen_save_private(&o, key);

    if (rc == REPORT_OK) {
        rc = keygen_save_public(&o, key);
    }

    if (rc == REPORT_OK) {
        rc = keygen_report(&o, key);
    }

    mk_key_free(key);

    return rc;
}
