/*
 * meshkitctl seal: a file into encrypted blocks, and the owner's capsule.
 */

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "blockstore.h"
#include "files.h"
#include "keys.h"
#include "mk_author.h"
#include "mk_name.h"
#include "mk_sealer.h"
#include "names.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "times.h"


/* bytes of plaintext in memory at one time */
#define SEAL_PIECE  (256 * 1024)

#define SEAL_SEGMENT  262144


typedef struct {
    const char            *file;
    const char            *owner;
    const char            *sign;
    const char            *key;
    const char            *capsule;
    const char            *segment;
    const char            *name;
    const char            *type;
    const char            *id;
    int                    force;
    int                    json;
    blockstore_targets_t   to;
} seal_options_t;


/* All that lives while a file is sealed. */
typedef struct {
    seal_options_t       o;
    uint32_t             segment;
    mk_key_t            *sign;
    mk_key_t            *key;
    mk_secret_t         *data_key;
    blockstore_t        *store;
    char                 id[NAMES_ID];
    char                 payload_id[NAMES_ID];
    mk_sealer_result_t   result;
} seal_t;


static const options_row_t  seal_rows[] = {
    { "owner", OPTIONS_REQUIRED, "ID", "the identity that seals",
      offsetof(seal_options_t, owner) },
    { "sign", OPTIONS_REQUIRED, "OWNER-SIGN.pem",
      "the owner's signing key",
      offsetof(seal_options_t, sign) },
    { "key", OPTIONS_REQUIRED, "OWNER.pem",
      "the owner's key to open with",
      offsetof(seal_options_t, key) },
    { "capsule", OPTIONS_REQUIRED, "OUT.json", "the owner's capsule",
      offsetof(seal_options_t, capsule) },
    { "blocks", OPTIONS_TEXT, "DIR", "write blocks as files, named by CID",
      offsetof(seal_options_t, to.blocks) },
    { "car", OPTIONS_TEXT, "FILE", "write blocks as a CARv1 file",
      offsetof(seal_options_t, to.car) },
    { "kubo", OPTIONS_TEXT, "URL", "put blocks into a Kubo node and pin them",
      offsetof(seal_options_t, to.kubo) },
    { "token-file", OPTIONS_TEXT, "FILE", "bearer token for Kubo",
      offsetof(seal_options_t, to.token_file) },
    { "token-env", OPTIONS_TEXT, "NAME",
      "the same, from an environment variable",
      offsetof(seal_options_t, to.token_env) },
    { "segment", OPTIONS_TEXT, "BYTES",
      "65536, 262144 (default) or 1048576",
      offsetof(seal_options_t, segment) },
    { "name", OPTIONS_TEXT, "NAME", "file name; default: FILE's own",
      offsetof(seal_options_t, name) },
    { "type", OPTIONS_TEXT, "TYPE", "media type; default: none",
      offsetof(seal_options_t, type) },
    { "id", OPTIONS_TEXT, "ID", "the capsule's id; default: random",
      offsetof(seal_options_t, id) },
    { "force", OPTIONS_FLAG, NULL, "overwrite a capsule that exists",
      offsetof(seal_options_t, force) },
    { "json", OPTIONS_FLAG, NULL, "print the result as JSON",
      offsetof(seal_options_t, json) },
};

static const options_command_t  seal_command = {
    .name = "seal",
    .operand = "FILE",
    .operand_at = offsetof(seal_options_t, file),
    .about =
        "Encrypts FILE (- is standard input) under a new key, cuts it into\n"
        "blocks for IPFS, and writes the owner's capsule, which holds that\n"
        "key for the owner alone.  At least one of --blocks, --car and\n"
        "--kubo says where the blocks go.  Share the file from the capsule\n"
        "afterwards.",
    .session =
        "  $ meshkitctl seal report.pdf --owner alice --sign alice-sign.pem "
        "\\\n"
        "        --key alice.pem --capsule report.capsule --blocks blocks \\\n"
        "        --type application/pdf",
    .rows = seal_rows,
    .nrows = sizeof(seal_rows) / sizeof(seal_rows[0]),
};


static int
seal_parse_segment(seal_t *s)
{
    size_t  i;

    static const struct {
        const char  *text;
        uint32_t     bytes;
    } lengths[] = {
        { "65536", 65536 }, { "262144", 262144 }, { "1048576", 1048576 },
    };

    s->segment = SEAL_SEGMENT;

    if (s->o.segment == NULL) {
        return REPORT_OK;
    }

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        if (strcmp(s->o.segment, lengths[i].text) == 0) {
            s->segment = lengths[i].bytes;
            return REPORT_OK;
        }
    }

    return report_usage("--segment is 65536, 262144 or 1048576");
}


/* The file's name as it will be shown; NULL: none. */
static const char *
seal_name(const seal_t *s)
{
    const char  *name;

    name = s->o.name;

    if (name == NULL && strcmp(s->o.file, "-") != 0) {
        name = files_base(s->o.file);
    }

    return (name == NULL || *name == '\0') ? NULL : name;
}


/* What a reader would refuse is said before anything is sealed. */
static int
seal_check_texts(const seal_t *s)
{
    if (!mk_name_is_text(names_bytes(seal_name(s)), MK_CAPSULE_TEXT_MAX)) {
        (void) report_usage("the file's name is not text of at most %d bytes",
                            MK_CAPSULE_TEXT_MAX);
        report_hint("give it another with --name");
        return REPORT_USAGE;
    }

    if (mk_name_hides(names_bytes(seal_name(s)))) {
        (void) report_usage("the file's name has characters that are not "
                            "seen or turn the direction of writing");
        report_hint("give it another with --name");
        return REPORT_USAGE;
    }

    if (!mk_name_is_text(names_bytes(s->o.type), MK_CAPSULE_TEXT_MAX)
        || mk_name_hides(names_bytes(s->o.type)))
    {
        return report_usage("--type is not text of at most %d bytes",
                            MK_CAPSULE_TEXT_MAX);
    }

    return REPORT_OK;
}


/* The capsule comes last: that it can be written is tried first. */
static int
seal_check_capsule(const seal_options_t *o)
{
    int          rc;
    files_out_t  probe;

    if (!o->force && files_exists(o->capsule)) {
        report_error("%s exists", o->capsule);
        report_hint("--force overwrites it; a file whose capsules are all "
                    "lost cannot be opened again");
        return REPORT_IO;
    }

    rc = files_create(&probe, o->capsule, 0644);
    files_discard(&probe);

    return rc;
}


static int
seal_check(seal_t *s)
{
    int              rc;
    seal_options_t  *o;

    o = &s->o;

    if (o->to.blocks == NULL && o->to.car == NULL && o->to.kubo == NULL) {
        return report_usage("one of --blocks, --car and --kubo is needed");
    }

    if (o->to.kubo == NULL
        && (o->to.token_file != NULL || o->to.token_env != NULL))
    {
        return report_usage("a token is for --kubo");
    }

    rc = seal_parse_segment(s);

    if (rc == REPORT_OK) {
        rc = names_check_identity("--owner", o->owner);
    }

    if (rc == REPORT_OK) {
        rc = names_check_id("--id", o->id);
    }

    if (rc == REPORT_OK) {
        rc = seal_check_texts(s);
    }

    return (rc == REPORT_OK) ? seal_check_capsule(o) : rc;
}


/* Keys, a fresh data key, ids; then the place for the blocks. */
static int
seal_prepare(seal_t *s)
{
    int  rc;

    rc = keys_read_private(s->o.sign, KEYS_TO_SIGN, &s->sign);

    if (rc == REPORT_OK) {
        rc = keys_read_private(s->o.key, KEYS_TO_OPEN, &s->key);
    }

    if (rc != REPORT_OK) {
        return rc;
    }

    s->data_key = mk_secret_create(MK_FLOE_KEY);

    if (s->data_key == NULL
        || RAND_priv_bytes(mk_secret_bytes(s->data_key), MK_FLOE_KEY) != 1
        || !names_draw(s->id) || !names_draw(s->payload_id))
    {
        report_error("a key cannot be drawn");
        return REPORT_INTERNAL;
    }

    return blockstore_create(&s->o.to, &s->store);
}


static int
seal_open_file(const char *path, int *fd, uint64_t *size)
{
    struct stat  st;

    *size = 0;

    if (strcmp(path, "-") == 0) {
        *fd = STDIN_FILENO;
        return REPORT_OK;
    }

    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd == -1) {
        report_error("cannot read %s: %s", path, strerror(errno));
        return REPORT_IO;
    }

    if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *size = (uint64_t) st.st_size;
    }

    return REPORT_OK;
}


static int
seal_pour(seal_t *s, int fd, uint64_t size, mk_sealer_t *sealer,
    uint8_t *piece)
{
    ssize_t      n;
    mk_status_t  status;
    progress_t   progress;

    progress_start(&progress, "sealing", size);
    status = MK_OK;

    while ((n = read(fd, piece, SEAL_PIECE)) > 0) {
        status = mk_sealer_write(sealer, piece, (size_t) n);
        if (status != MK_OK) {
            break;
        }

        progress_add(&progress, (uint64_t) n);
    }

    progress_end(&progress);

    if (n < 0) {
        report_error("cannot read %s: %s", s->o.file, strerror(errno));
        return REPORT_IO;
    }

    if (status == MK_OK) {
        status = mk_sealer_finish(sealer, &s->result);
    }

    if (blockstore_failed(s->store) != REPORT_OK) {
        return blockstore_failed(s->store);
    }

    return (status == MK_OK) ? REPORT_OK : report_outcome(status, NULL);
}


static int
seal_body(seal_t *s)
{
    int           rc, fd;
    uint8_t      *piece;
    uint64_t      size;
    mk_sealer_t  *sealer;

    rc = seal_open_file(s->o.file, &fd, &size);
    if (rc != REPORT_OK) {
        return rc;
    }

    piece = malloc(SEAL_PIECE);
    sealer = mk_sealer_create(s->data_key, s->payload_id, s->segment,
                              blockstore_put, s->store);

    if (piece == NULL || sealer == NULL) {
        rc = report_no_memory();

    } else {
        rc = seal_pour(s, fd, size, sealer, piece);
    }

    mk_sealer_free(sealer);

    /* plaintext is no key, and still nobody else's business */
    files_wipe((char *) piece, SEAL_PIECE);

    if (fd != STDIN_FILENO) {
        (void) close(fd);
    }

    return rc;
}


/* bytes of the sealed object: what the CAR is written to */
static uint64_t
seal_body_size(const seal_t *s)
{
    return s->result.size + MK_FLOE_OVERHEAD
                            * mk_floe_segments(s->result.size, s->segment);
}


static int
seal_write_capsule(const seal_t *s, const json_t *capsule)
{
    int         rc;
    char       *text;
    mk_bytes_t  bytes;

    text = json_dumps(capsule, JSON_COMPACT);
    if (text == NULL) {
        return report_no_memory();
    }

    bytes.data = (const uint8_t *) text;
    bytes.len = strlen(text);

    rc = files_save(s->o.capsule, bytes, 0644, s->o.force);
    free(text);

    return rc;
}


static int
seal_author(seal_t *s, const char *id)
{
    int                     rc;
    json_t                 *capsule;
    const char             *why;
    mk_status_t             status;
    mk_author_facts_t       facts;
    mk_author_recipient_t   owner;

    memset(&facts, 0, sizeof(facts));
    facts.id = id;
    facts.cid = &s->result.cid;
    facts.owner = s->o.owner;
    facts.iat = times_now();
    facts.payload_id = s->payload_id;
    facts.header = s->result.header;
    facts.size = s->result.size;
    facts.name = seal_name(s);
    facts.type = s->o.type;

    owner.identity = s->o.owner;
    owner.key = s->key;

    why = NULL;
    status = mk_author_capsule(&facts, s->sign, s->data_key, &owner, 1,
                               &capsule, &why);
    if (status == MK_INVALID_REQUEST) {
        return report_usage("no reader would take the capsule: %s", why);
    }

    if (status != MK_OK) {
        return report_outcome(status, why);
    }

    rc = seal_write_capsule(s, capsule);
    json_decref(capsule);

    return rc;
}


static int
seal_report(const seal_t *s, const char *id)
{
    char  cid[MK_CID_PRINT_MAX];

    (void) mk_cid_print(&s->result.cid, cid);

    return report_facts(json_pack("{s:s, s:s, s:I, s:I, s:s}",
                                  "id", id,
                                  "cid", cid,
                                  "size", (json_int_t) s->result.size,
                                  "blocks", (json_int_t) s->result.blocks,
                                  "capsule", s->o.capsule));
}


static int
seal_run(seal_t *s)
{
    int          rc;
    const char  *id;

    rc = seal_prepare(s);

    if (rc == REPORT_OK) {
        rc = seal_body(s);
    }

    if (rc == REPORT_OK) {
        rc = blockstore_finish(s->store, &s->result.cid, seal_body_size(s));
    }

    if (rc != REPORT_OK) {
        return rc;
    }

    id = (s->o.id == NULL) ? s->id : s->o.id;

    rc = seal_author(s, id);
    if (rc != REPORT_OK) {
        return rc;
    }

    return seal_report(s, id);
}


int
seal_main(int argc, char **argv)
{
    int     rc;
    seal_t  s;

    memset(&s, 0, sizeof(s));

    if (!options_parse(&seal_command, argc, argv, &s.o, &rc)) {
        return rc;
    }

    report_use_json(s.o.json);

    rc = seal_check(&s);

    if (rc == REPORT_OK) {
        rc = seal_run(&s);
    }

    blockstore_free(s.store);
    mk_secret_free(s.data_key);
    mk_key_free(s.key);
    mk_key_free(s.sign);

    return rc;
}
