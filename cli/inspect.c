/*
 * meshkitctl inspect: what a capsule says, without its sealed keys.
 */

#include "cli.h"

#include <string.h>

#include "capsules.h"
#include "keys.h"
#include "options.h"
#include "report.h"
#include "times.h"


typedef struct {
    const char  *file;
    const char  *owners;
    int          json;
} inspect_options_t;


static const options_row_t  inspect_rows[] = {
    { "owners", OPTIONS_TEXT, "JWKS",
      "trusted owners: check the signature",
      offsetof(inspect_options_t, owners) },
    { "json", OPTIONS_FLAG, NULL, "print the result as JSON",
      offsetof(inspect_options_t, json) },
};

static const options_command_t  inspect_command = {
    .name = "inspect",
    .operand = "FILE",
    .operand_at = offsetof(inspect_options_t, file),
    .about =
        "Prints the terms of a capsule, or of a record that holds one.  Of a\n"
        "wrap it shows for whom it is and under which key, never the sealed\n"
        "key.  Without --owners nothing says that the terms are true.",
    .session =
        "  $ meshkitctl inspect report.capsule --owners owners.jwks",
    .rows = inspect_rows,
    .nrows = sizeof(inspect_rows) / sizeof(inspect_rows[0]),
};


/* JSON strings; NULL (absent) for an empty text, which "s:o*" leaves out. */
static json_t *
inspect_text(mk_bytes_t text)
{
    if (text.len == 0) {
        return NULL;
    }

    return json_stringn((const char *) text.data, text.len);
}


static json_t *
inspect_time(int64_t moment, unsigned is_there)
{
    char  text[TIMES_TEXT];

    return is_there ? json_string(times_print(moment, text)) : NULL;
}


static json_t *
inspect_capability(const mk_capsule_t *c)
{
    json_t  *actions;

    if (!c->has_capability) {
        return NULL;
    }

    actions = json_array();

    if (c->capability_open) {
        (void) json_array_append_new(actions, json_string("open"));
    }

    if (c->capability_download) {
        (void) json_array_append_new(actions, json_string("download"));
    }

    return json_pack("{s:o*, s:o}", "issuer",
                     inspect_text(c->capability_issuer), "for", actions);
}


/* For whom and under which key: enc and ct stay where they are. */
static json_t *
inspect_wraps(const mk_capsule_t *c)
{
    size_t            i;
    json_t           *wraps;
    const mk_wrap_t  *w;

    wraps = json_array();

    for (i = 0; i < c->nwraps; i++) {
        w = &c->wraps[i];

        (void) json_array_append_new(wraps,
                   json_pack("{s:o*, s:o*, s:o*}",
                             "recipient", inspect_text(w->recipient),
                             "kid", inspect_text(w->kid),
                             "alg", inspect_text(w->alg)));
    }

    return wraps;
}


static json_t *
inspect_facts(const capsules_t *file, const char *signature)
{
    char                 cid[MK_CID_PRINT_MAX];
    const char          *state;
    const mk_capsule_t  *c;

    c = file->capsule;
    (void) mk_cid_print(&c->cid, cid);

    state = NULL;
    if (file->is_record) {
        state = c->revoked ? "revoked" : "active";
    }

    return json_pack("{s:o*, s:s, s:s*, s:o*, s:s, s:o*, s:o*, s:o*, s:o*, "
                     "s:o*, s:o*, s:b, s:I, s:o*, s:o*, s:o*, s:I, s:s, "
                     "s:o}",
                     "id", inspect_text(c->id),
                     "profile", MK_PROFILE_NAME,
                     "state", state,
                     "owner", inspect_text(c->owner),
                     "cid", cid,
                     "created", inspect_time(c->iat, 1),
                     "expires", inspect_time(c->exp, c->has_exp),
                     "notBefore", inspect_time(c->nbf, c->has_nbf),
                     "policy", inspect_text(c->policy_id),
                     "vault", inspect_text(c->vault_id),
                     "capability", inspect_capability(c),
                     "download", (int) c->allow_download,
                     "size", (json_int_t) c->size,
                     "name", inspect_text(c->name),
                     "type", inspect_text(c->type),
                     "payload", inspect_text(c->payload_id),
                     "segment", (json_int_t)
                     mk_floe_segment_length(c->header),
                     "signature", signature,
                     "wrap", inspect_wraps(c));
}


static int
inspect_check(const inspect_options_t *o, const capsules_t *file,
    mk_status_t *status)
{
    int         rc;
    mk_jwks_t  *owners;

    *status = MK_OK;

    if (o->owners == NULL) {
        return REPORT_OK;
    }

    rc = keys_read_trusted(o->owners, &owners);
    if (rc != REPORT_OK) {
        return rc;
    }

    *status = capsules_verify(file->capsule, owners);
    mk_jwks_free(owners);

    return REPORT_OK;
}


static int
inspect_file(const inspect_options_t *o, const capsules_t *file)
{
    int           rc;
    const char   *signature;
    mk_status_t   status;

    rc = inspect_check(o, file, &status);
    if (rc != REPORT_OK) {
        return rc;
    }

    signature = (o->owners == NULL) ? "not checked"
                : (status == MK_OK) ? "valid, of a trusted owner"
                                    : "not of a trusted owner";

    rc = report_facts(inspect_facts(file, signature));
    if (rc != REPORT_OK || status == MK_OK) {
        return rc;
    }

    /* standard output has its document: one is enough */
    report_use_json(0);

    return report_outcome(status, "its signature is not of a trusted owner");
}


int
inspect_main(int argc, char **argv)
{
    int                rc;
    capsules_t         file;
    inspect_options_t  o;

    memset(&o, 0, sizeof(o));

    if (!options_parse(&inspect_command, argc, argv, &o, &rc)) {
        return rc;
    }

    report_use_json(o.json);

    rc = capsules_read_file(o.file, &file);
    if (rc != REPORT_OK) {
        return rc;
    }

    rc = inspect_file(&o, &file);
    capsules_clear(&file);

    return rc;
}
