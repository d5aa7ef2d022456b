/*
 * meshkitctl open: what a gateway does, for one file.
 */

#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capsules.h"
#include "fetch.h"
#include "files.h"
#include "keys.h"
#include "mk_checks.h"
#include "names.h"
#include "options.h"
#include "progress.h"
#include "records.h"
#include "report.h"
#include "times.h"
#include "urls.h"


typedef struct {
    const char       *share;
    const char       *as;
    const char       *key;
    const char       *owners;
    int               any_owner;
    records_place_t   place;
    const char       *blocks;
    options_list_t    gateways;
    const char       *out;
    const char       *action;
    int               json;
} open_options_t;


/* All that lives while a file is opened. */
typedef struct {
    open_options_t   o;
    mk_action_t      action;
    mk_keyring_t    *keyring;
    mk_jwks_t       *owners;
    capsules_t       share;
    mk_secret_t     *data_key;
    mk_opener_t     *opener;
    files_out_t      out;
    progress_t       progress;
} open_t;


static const options_row_t  open_rows[] = {
    { "as", OPTIONS_REQUIRED, "ID", "the identity to open as",
      offsetof(open_options_t, as) },
    { "key", OPTIONS_REQUIRED, "KEY.pem", "that identity's private key",
      offsetof(open_options_t, key) },
    { "owners", OPTIONS_TEXT, "JWKS", "owners whose shares are opened",
      offsetof(open_options_t, owners) },
    { "insecure-any-owner", OPTIONS_FLAG, NULL,
      "believe whoever signed the share",
      offsetof(open_options_t, any_owner) },
    { "metadata", OPTIONS_TEXT, "DIR", "look ID up in DIR/v1/capsules",
      offsetof(open_options_t, place.dir) },
    { "metadata-url", OPTIONS_TEXT, "URL", "look ID up in URL/v1/capsules",
      offsetof(open_options_t, place.url) },
    { "token-file", OPTIONS_TEXT, "FILE", "bearer token for the metadata URL",
      offsetof(open_options_t, place.token_file) },
    { "token-env", OPTIONS_TEXT, "NAME",
      "the same, from an environment variable",
      offsetof(open_options_t, place.token_env) },
    { "blocks", OPTIONS_TEXT, "DIR", "take blocks from a directory",
      offsetof(open_options_t, blocks) },
    { "gateway", OPTIONS_LIST, "URL", "blocks from an IPFS gateway",
      offsetof(open_options_t, gateways) },
    { "out", OPTIONS_TEXT, "FILE",
      "when all is verified; default: - (stream)",
      offsetof(open_options_t, out) },
    { "action", OPTIONS_TEXT, "ACTION", "open (default) or download",
      offsetof(open_options_t, action) },
    { "json", OPTIONS_FLAG, NULL,
      "print the result as JSON; needs --out FILE",
      offsetof(open_options_t, json) },
};

static const options_command_t  open_command = {
    .name = "open",
    .operand = "ID|CAPSULE.json",
    .operand_at = offsetof(open_options_t, share),
    .about =
        "Checks a share as a gateway does, takes its blocks from a directory\n"
        "or from IPFS gateways (in the order given, the next one where one\n"
        "fails), verifies each against the CID and writes the plaintext.\n"
        "With --metadata or --metadata-url the share is an id, else a file.\n"
        "A share that needs a policy, a vault or a capability is refused:\n"
        "those services are a gateway's.",
    .session =
        "  $ meshkitctl open kmCvM7zVzOyTTgMpHJ5u_A --as edge "
        "--key edge.pem \\\n"
        "        --owners owners.jwks --metadata metadata --blocks blocks \\\n"
        "        --out report.pdf",
    .rows = open_rows,
    .nrows = sizeof(open_rows) / sizeof(open_rows[0]),
};


static int
open_to_stdout(const open_t *s)
{
    return s->o.out == NULL || strcmp(s->o.out, "-") == 0;
}


static int
open_has_place(const open_t *s)
{
    return s->o.place.dir != NULL || s->o.place.url != NULL;
}


static int
open_check_sources(const open_t *s)
{
    int     rc;
    size_t  i;

    if ((s->o.blocks == NULL) == (s->o.gateways.count == 0)) {
        return report_usage("one of --blocks and --gateway is needed");
    }

    for (i = 0; i < s->o.gateways.count; i++) {
        rc = urls_check(s->o.gateways.items[i]);
        if (rc != REPORT_OK) {
            return rc;
        }
    }

    return REPORT_OK;
}


static int
open_check_out(const open_t *s)
{
    if (!open_to_stdout(s)) {
        return REPORT_OK;
    }

    if (s->o.json) {
        return report_usage("--json needs --out FILE");
    }

    if (s->o.out == NULL && isatty(STDOUT_FILENO)) {
        (void) report_usage("standard output is a terminal");
        report_hint("name a file with --out, or say --out -");
        return REPORT_USAGE;
    }

    return REPORT_OK;
}


static int
open_check(open_t *s)
{
    int          rc;
    const char  *action;

    if ((s->o.owners == NULL) == (s->o.any_owner == 0)) {
        return report_usage("one of --owners and --insecure-any-owner is "
                            "needed");
    }

    action = (s->o.action == NULL) ? "open" : s->o.action;

    if (!mk_action_parse(names_bytes(action), &s->action)) {
        return report_usage("--action is open or download");
    }

    if (!open_has_place(s)
        && (s->o.place.token_file != NULL || s->o.place.token_env != NULL))
    {
        return report_usage("a token is for --metadata-url");
    }

    rc = names_check_identity("--as", s->o.as);

    if (rc == REPORT_OK && open_has_place(s)) {
        rc = names_check_id("ID", s->o.share);
    }

    if (rc == REPORT_OK) {
        rc = open_check_sources(s);
    }

    return (rc == REPORT_OK) ? open_check_out(s) : rc;
}


static int
open_read_keys(open_t *s)
{
    int          rc;
    mk_key_t    *key;
    mk_status_t  status;

    rc = keys_read_private(s->o.key, KEYS_TO_OPEN, &key);
    if (rc != REPORT_OK) {
        return rc;
    }

    s->keyring = mk_keyring_create();
    if (s->keyring == NULL) {
        mk_key_free(key);
        return report_no_memory();
    }

    status = mk_keyring_add(s->keyring, s->o.as, key);
    if (status != MK_OK) {
        return report_outcome(status, NULL);
    }

    if (s->o.owners != NULL) {
        return keys_read_trusted(s->o.owners, &s->owners);
    }

    report_warning("whoever signed the share is believed");

    return REPORT_OK;
}


static int
open_look_up(open_t *s)
{
    int          rc;
    char        *text;
    records_t    records;
    mk_bytes_t   bytes;
    mk_status_t  status;

    if (!open_has_place(s)) {
        return capsules_read_file(s->o.share, &s->share);
    }

    rc = records_open(&s->o.place, &records);

    if (rc != REPORT_OK) {
        records_close(&records);
        return rc;
    }

    status = records_read(&records, s->o.share, &text, &bytes.len);
    records_close(&records);

    if (status == MK_OK) {
        bytes.data = (const uint8_t *) text;

        /* here a bare capsule, without a status, is no answer */
        status = mk_capsule_read_record(bytes, &s->share.capsule);
        free(text);
    }

    return (status == MK_OK) ? REPORT_OK : report_outcome(status, NULL);
}


/* What only a gateway can ask about: refused in a gateway's order. */
static mk_status_t
open_check_services(const open_t *s)
{
    const mk_capsule_t  *c;

    c = s->share.capsule;

    if (c->vault_id.len > 0) {
        return MK_VAULT_PROVIDER_ERROR;
    }

    if (mk_capsule_requires_token(c, s->action)) {
        return MK_CAPABILITY_REQUIRED;
    }

    if (c->policy_id.len > 0) {
        return MK_POLICY_PROVIDER_REQUIRED;
    }

    return MK_OK;
}


static int
open_unlock(open_t *s)
{
    const char          *why;
    mk_status_t          status;
    mk_checks_facts_t    facts;
    mk_checks_found_t    found;
    const mk_capsule_t  *c;

    c = s->share.capsule;

    memset(&facts, 0, sizeof(facts));
    facts.capsule = c;
    facts.id = open_has_place(s) ? names_bytes(s->o.share) : c->id;
    facts.identity = names_bytes(s->o.as);
    facts.action = s->action;
    facts.owners = s->owners;
    facts.insecure_any_owner = (s->o.any_owner != 0);
    facts.keyring = s->keyring;
    facts.now = times_now();

    why = NULL;
    status = mk_checks_local(&facts, &found, &why);

    if (status == MK_OK) {
        why = "the command line asks no such service";
        status = open_check_services(s);
    }

    if (status == MK_OK) {
        why = NULL;
        status = mk_capsule_unwrap(c, found.wrap, found.key, &s->data_key);
    }

    if (status == MK_OK) {
        status = mk_opener_create(c, s->data_key, 0, c->size, &s->opener);
    }

    return (status == MK_OK) ? REPORT_OK : report_outcome(status, why);
}


/* A fetch_sink_pt. */
static int
open_write(void *data, mk_bytes_t piece)
{
    int      rc;
    open_t  *s;

    s = data;

    rc = open_to_stdout(s)
         ? files_write_fd(STDOUT_FILENO, piece, "standard output")
         : files_write(&s->out, piece);

    progress_add(&s->progress, piece.len);

    return rc == REPORT_OK;
}


static int
open_fetch(open_t *s)
{
    int           rc;
    fetch_plan_t  plan;

    memset(&plan, 0, sizeof(plan));
    plan.blocks = s->o.blocks;
    plan.gateways = &s->o.gateways;
    plan.sink = open_write;
    plan.data = s;

    if (!open_to_stdout(s)) {
        rc = files_create(&s->out, s->o.out, 0600);
        if (rc != REPORT_OK) {
            return rc;
        }
    }

    progress_start(&s->progress, "opening", s->share.capsule->size);
    rc = fetch_all(&plan, s->opener);
    progress_end(&s->progress);

    if (open_to_stdout(s)) {
        return rc;
    }

    if (rc != REPORT_OK) {
        files_discard(&s->out);
        return rc;
    }

    return files_commit(&s->out, 1);
}


static int
open_report(const open_t *s)
{
    const mk_capsule_t  *c;

    if (open_to_stdout(s)) {
        return REPORT_OK;
    }

    c = s->share.capsule;

    return report_facts(json_pack("{s:s, s:s%, s:s, s:I, s:s}",
                                  "outcome", mk_status_name(MK_OK),
                                  "id", (const char *) c->id.data, c->id.len,
                                  "identity", s->o.as,
                                  "size", (json_int_t) c->size,
                                  "out", s->o.out));
}


static int
open_run(open_t *s)
{
    int  rc;

    rc = open_check(s);

    if (rc == REPORT_OK) {
        rc = open_read_keys(s);
    }

    if (rc == REPORT_OK) {
        rc = open_look_up(s);
    }

    if (rc == REPORT_OK) {
        rc = open_unlock(s);
    }

    if (rc == REPORT_OK) {
        rc = open_fetch(s);
    }

    return (rc == REPORT_OK) ? open_report(s) : rc;
}


int
open_main(int argc, char **argv)
{
    int     rc;
    open_t  s;

    memset(&s, 0, sizeof(s));

    if (!options_parse(&open_command, argc, argv, &s.o, &rc)) {
        return rc;
    }

    report_use_json(s.o.json && !open_to_stdout(&s));

    rc = open_run(&s);

    mk_opener_free(s.opener);
    mk_secret_free(s.data_key);
    capsules_clear(&s.share);
    mk_jwks_free(s.owners);
    mk_keyring_free(s.keyring);

    return rc;
}
