/*
 * meshkitctl share: a sealed file for others, on terms.
 */

#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "capsules.h"
#include "keys.h"
#include "names.h"
#include "options.h"
#include "recipients.h"
#include "records.h"
#include "report.h"
#include "terms.h"
#include "times.h"


typedef struct {
    const char       *file;
    const char       *key;
    const char       *sign;
    const char       *id;
    int               same_payload;
    int               json;
    options_list_t    to;
    terms_options_t   terms;
    records_place_t   place;
} share_options_t;


/* All that lives while a file is shared. */
typedef struct {
    share_options_t   o;
    capsules_t        source;       /* the owner's own capsule */
    mk_key_t         *sign;
    mk_key_t         *key;
    mk_secret_t      *data_key;
    recipients_t      recipients;
    records_t         records;
    char              drawn[NAMES_ID];
    const char       *id;
    json_t           *capsule;      /* a new one, as it is published */
} share_t;


/* Texts of a capsule, NUL closed, as mk_author_facts_t wants them. */
typedef struct {
    char  owner[MK_NAME_MAX + 1];
    char  payload_id[MK_NAME_MAX + 1];
    char  name[MK_CAPSULE_TEXT_MAX + 1];
    char  type[MK_CAPSULE_TEXT_MAX + 1];
} share_texts_t;


static const options_row_t  share_rows[] = {
    { "key", OPTIONS_REQUIRED, "OWNER.pem",
      "the owner's key, which opens the capsule",
      offsetof(share_options_t, key) },
    { "sign", OPTIONS_REQUIRED, "OWNER-SIGN.pem", "the owner's signing key",
      offsetof(share_options_t, sign) },
    { "to", OPTIONS_LIST, "ID=KEY",
      "an identity and its public key",
      offsetof(share_options_t, to) },
    { "id", OPTIONS_TEXT, "ID", "id of the share; default: random",
      offsetof(share_options_t, id) },
    { "expires", OPTIONS_TEXT, "TIME",
      "+7d (s m h d w), NumericDate or RFC 3339",
      offsetof(share_options_t, terms.expires) },
    { "not-before", OPTIONS_TEXT, "TIME", "not to be opened before",
      offsetof(share_options_t, terms.not_before) },
    { "policy", OPTIONS_TEXT, "ID", "a policy service decides on each open",
      offsetof(share_options_t, terms.policy) },
    { "vault", OPTIONS_TEXT, "ID", "only for members of this vault",
      offsetof(share_options_t, terms.vault) },
    { "capability-issuer", OPTIONS_TEXT, "ID",
      "a capability token of this issuer is needed",
      offsetof(share_options_t, terms.issuer) },
    { "capability-for", OPTIONS_TEXT, "ACTIONS",
      "open, download or open,download (default)",
      offsetof(share_options_t, terms.capability_for) },
    { "no-download", OPTIONS_FLAG, NULL, "may be viewed, not downloaded",
      offsetof(share_options_t, terms.no_download) },
    { "same-payload", OPTIONS_FLAG, NULL,
      "add recipients to the capsule as it is signed",
      offsetof(share_options_t, same_payload) },
    { "metadata", OPTIONS_TEXT, "DIR", "write DIR/v1/capsules/ID",
      offsetof(share_options_t, place.dir) },
    { "metadata-url", OPTIONS_TEXT, "URL", "PUT URL/v1/capsules/ID",
      offsetof(share_options_t, place.url) },
    { "token-file", OPTIONS_TEXT, "FILE", "bearer token for the URL",
      offsetof(share_options_t, place.token_file) },
    { "token-env", OPTIONS_TEXT, "NAME",
      "the same, from an environment variable",
      offsetof(share_options_t, place.token_env) },
    { "unsafe-store", OPTIONS_FLAG, NULL,
      "use a URL where a revocation can be lost",
      offsetof(share_options_t, place.unsafe) },
    { "json", OPTIONS_FLAG, NULL, "print the result as JSON",
      offsetof(share_options_t, json) },
};

static const options_command_t  share_command = {
    .name = "share",
    .operand = "CAPSULE.json",
    .operand_at = offsetof(share_options_t, file),
    .about =
        "Opens the owner's CAPSULE.json, wraps the file's key for others,\n"
        "signs the terms and publishes the record.  Prints the id.  Each\n"
        "share is a new capsule with an id of its own, which can be revoked\n"
        "alone; --same-payload adds recipients to the one that is there, on\n"
        "its terms.  The file itself is not touched.",
    .session =
        "  $ meshkitctl share report.capsule --key alice.pem \\\n"
        "        --sign alice-sign.pem --to edge=edge.jwk --expires +7d \\\n"
        "        --metadata metadata",
    .rows = share_rows,
    .nrows = sizeof(share_rows) / sizeof(share_rows[0]),
};


static int
share_check(share_t *s)
{
    int  rc;

    if (s->o.same_payload && (terms_given(&s->o.terms) || s->o.id != NULL)) {
        return report_usage("--same-payload keeps the terms and the id that "
                            "are signed");
    }

    rc = names_check_id("--id", s->o.id);

    if (rc == REPORT_OK) {
        rc = records_open(&s->o.place, &s->records);
    }

    if (rc == REPORT_OK) {
        rc = recipients_read(&s->o.to, &s->recipients);
    }

    return rc;
}


/*
 * Anybody can wrap a key for the owner, so the capsule must be the owner's
 * own: else this would sign what somebody else put there.
 */
static int
share_open_source(share_t *s)
{
    const char          *why;
    mk_status_t          status;
    const mk_wrap_t     *wrap;
    const mk_capsule_t  *capsule;

    capsule = s->source.capsule;

    status = mk_checks_header(capsule, &why);
    if (status != MK_OK) {
        return report_outcome(status, why);
    }

    status = mk_jws_verify(&capsule->jws, s->sign, MK_INVALID_CAPSULE);
    if (status != MK_OK) {
        return report_outcome(status, "it is not signed by --sign");
    }

    status = mk_capsule_find_wrap(capsule, capsule->owner,
                                  names_bytes(mk_key_thumbprint(s->key)),
                                  &wrap);
    if (status != MK_OK) {
        return report_outcome(status, "it is not wrapped for --key");
    }

    status = mk_capsule_unwrap(capsule, wrap, s->key, &s->data_key);

    return (status == MK_OK) ? REPORT_OK : report_outcome(status, NULL);
}


static int
share_read(share_t *s)
{
    int  rc;

    rc = keys_read_private(s->o.key, KEYS_TO_OPEN, &s->key);

    if (rc == REPORT_OK) {
        rc = keys_read_private(s->o.sign, KEYS_TO_SIGN, &s->sign);
    }

    if (rc == REPORT_OK) {
        rc = capsules_read_file(s->o.file, &s->source);
    }

    if (rc == REPORT_OK) {
        rc = share_open_source(s);
    }

    return rc;
}


/* The reader saw to it that each fits. */
static const char *
share_text(mk_bytes_t text, char *out, size_t size)
{
    if (text.len == 0 || text.len >= size) {
        return NULL;
    }

    memcpy(out, text.data, text.len);
    out[text.len] = '\0';

    return out;
}


static void
share_copy_facts(const share_t *s, const char *id, mk_author_facts_t *facts,
    share_texts_t *texts)
{
    const mk_capsule_t  *c;

    c = s->source.capsule;

    memset(facts, 0, sizeof(*facts));
    facts->id = id;
    facts->cid = &c->cid;
    facts->owner = share_text(c->owner, texts->owner, sizeof(texts->owner));
    facts->iat = times_now();
    facts->payload_id = share_text(c->payload_id, texts->payload_id,
                                   sizeof(texts->payload_id));
    facts->header = c->header;
    facts->size = c->size;
    facts->name = share_text(c->name, texts->name, sizeof(texts->name));
    facts->type = share_text(c->type, texts->type, sizeof(texts->type));
}


/* A new capsule of the same sealed object, on terms of its own. */
static int
share_new_capsule(const share_t *s, const char *id, json_t **capsule)
{
    int                 rc;
    const char         *why;
    mk_status_t         status;
    share_texts_t       texts;
    mk_author_facts_t   facts;

    *capsule = NULL;

    share_copy_facts(s, id, &facts, &texts);

    rc = terms_read(&s->o.terms, &facts);
    if (rc != REPORT_OK) {
        return rc;
    }

    why = NULL;
    status = mk_author_capsule(&facts, s->sign, s->data_key,
                               s->recipients.list, s->recipients.count,
                               capsule, &why);
    if (status == MK_INVALID_REQUEST) {
        return report_usage("no reader would take the capsule: %s", why);
    }

    return (status == MK_OK) ? REPORT_OK : report_outcome(status, why);
}


static int
share_record(json_t *capsule, json_t **record)
{
    *record = mk_author_record(capsule, 0);

    return (*record == NULL) ? report_no_memory() : REPORT_OK;
}


/* The same one each time, so that it is known again. */
static int
share_make_new(void *data, const capsules_t *published, json_t **record)
{
    share_t  *s;

    (void) published;

    s = data;

    return share_record(s->capsule, record);
}


static int
share_make_trial(void *data, const char *id, json_t **record)
{
    int      rc;
    json_t  *capsule;

    rc = share_new_capsule(data, id, &capsule);

    if (rc == REPORT_OK) {
        rc = share_record(capsule, record);
    }

    json_decref(capsule);

    return rc;
}


/*
 * What is published under this payload goes on holding its recipients; a
 * revoked share stays revoked.
 */
static int
share_check_published(const share_t *s, const capsules_t *published)
{
    if (published->capsule->revoked) {
        return report_outcome(MK_SHARE_REVOKED, "as it is published");
    }

    if (!json_equal(json_object_get(published->json, "payload"),
                    json_object_get(s->source.json, "payload")))
    {
        report_error("the share that is published as %s is another one",
                     s->id);
        return REPORT_IO;
    }

    return REPORT_OK;
}


static int
share_add(const share_t *s, json_t *capsule)
{
    size_t        i;
    const char   *why;
    mk_status_t   status;

    why = NULL;

    for (i = 0; i < s->recipients.count; i++) {
        status = mk_author_add_wrap(capsule, s->data_key,
                                    &s->recipients.list[i], &why);
        if (status != MK_OK) {
            return report_outcome(status, why);
        }
    }

    return REPORT_OK;
}


static int
share_make_same(void *data, const capsules_t *published, json_t **record)
{
    int       rc;
    json_t   *capsule;
    share_t  *s;

    s = data;

    if (published != NULL) {
        rc = share_check_published(s, published);
        if (rc != REPORT_OK) {
            return rc;
        }
    }

    capsule = json_deep_copy(published == NULL ? s->source.json
                                               : published->json);
    if (capsule == NULL) {
        return report_no_memory();
    }

    rc = share_add(s, capsule);

    if (rc == REPORT_OK) {
        rc = share_record(capsule, record);
    }

    json_decref(capsule);

    return rc;
}


static int
share_publish(share_t *s)
{
    int       rc;
    change_t  change;

    memset(&change, 0, sizeof(change));
    change.id = s->id;
    change.creates = 1;
    change.make_trial = share_make_trial;
    change.data = s;

    if (s->o.same_payload) {
        change.make = share_make_same;
        return records_change(&s->records, &change);
    }

    change.fresh = 1;
    change.make = share_make_new;

    rc = share_new_capsule(s, s->id, &s->capsule);

    return (rc == REPORT_OK) ? records_change(&s->records, &change) : rc;
}


static int
share_report(const share_t *s)
{
    size_t   i;
    json_t  *to;

    to = json_array();

    for (i = 0; i < s->recipients.count; i++) {
        if (json_array_append_new(to,
                                  json_string(s->recipients.list[i].identity))
            == -1)
        {
            json_decref(to);
            return report_no_memory();
        }
    }

    return report_fact(json_pack("{s:s, s:o}", "id", s->id,
                                 "recipients", to), "id");
}


static int
share_run(share_t *s)
{
    int   rc;
    char  own[MK_NAME_MAX + 1];

    rc = share_read(s);
    if (rc != REPORT_OK) {
        return rc;
    }

    if (!names_draw(s->drawn)) {
        report_error("an id cannot be drawn");
        return REPORT_INTERNAL;
    }

    s->id = (s->o.id == NULL) ? s->drawn : s->o.id;

    if (s->o.same_payload) {
        s->id = share_text(s->source.capsule->id, own, sizeof(own));
    }

    rc = share_publish(s);

    return (rc == REPORT_OK) ? share_report(s) : rc;
}


int
share_main(int argc, char **argv)
{
    int      rc;
    share_t  s;

    memset(&s, 0, sizeof(s));

    if (!options_parse(&share_command, argc, argv, &s.o, &rc)) {
        return rc;
    }

    report_use_json(s.o.json);

    rc = share_check(&s);

    if (rc == REPORT_OK) {
        rc = share_run(&s);
    }

    json_decref(s.capsule);
    records_close(&s.records);
    recipients_clear(&s.recipients);
    mk_secret_free(s.data_key);
    capsules_clear(&s.source);
    mk_key_free(s.sign);
    mk_key_free(s.key);

    return rc;
}
