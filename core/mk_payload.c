/*
 * mk_payload: every member of the core JSON, with its type and its limits.
 */

#include "mk_payload.h"


/* The readers of members return 1, 0 or -1, as those of mk_json do. */

static int
mk_payload_time(const json_t *object, const char *name, int64_t *value)
{
    int  rc;

    rc = mk_json_integer(object, name, value);

    return rc == 1 && *value < 0 ? -1 : rc;
}


static int
mk_payload_identity(const json_t *object, const char *name,
    mk_bytes_t *value)
{
    int  rc;

    rc = mk_json_string(object, name, value);

    return rc == 1 && !mk_name_is_identity(*value) ? -1 : rc;
}


static int
mk_payload_text(const json_t *object, const char *name, mk_bytes_t *value)
{
    int  rc;

    rc = mk_json_string(object, name, value);

    return rc == 1 && !mk_name_is_text(*value, MK_CAPSULE_TEXT_MAX) ? -1 : rc;
}


/*
 * What the sender calls the file.  Whoever asks gets it as it is shown, so that
 * no header, page, terminal or policy is taken in by the rest.
 */
static int
mk_payload_label(const json_t *object, const char *name, uint8_t *shown,
    mk_bytes_t *value)
{
    int  rc;

    rc = mk_payload_text(object, name, value);

    if (rc == 1) {
        *value = mk_name_show(*value, shown);
    }

    return rc;
}


/* Each part returns NULL, or what is wrong with it. */

static const char *
mk_payload_read_names(const json_t *json, mk_capsule_t *capsule)
{
    int64_t     version;
    mk_bytes_t  cid;

    if (mk_json_integer(json, "v", &version) != 1
        || version != MK_PROFILE_VERSION)
    {
        return "\"v\" is not 1";
    }

    if (mk_json_string(json, "id", &capsule->id) != 1
        || !mk_name_is_id(capsule->id))
    {
        return "\"id\" is not a capsule id";
    }

    if (mk_json_string(json, "cid", &cid) != 1
        || !mk_cid_parse((const char *) cid.data, cid.len, &capsule->cid))
    {
        return "\"cid\" is not a CID of a kind that is read";
    }

    if (mk_payload_identity(json, "owner", &capsule->owner) != 1) {
        return "\"owner\" is not an identity";
    }

    return NULL;
}


static const char *
mk_payload_read_times(const json_t *json, mk_capsule_t *capsule)
{
    int  rc;

    if (mk_payload_time(json, "iat", &capsule->iat) != 1) {
        return "\"iat\" is not a time";
    }

    rc = mk_payload_time(json, "exp", &capsule->exp);
    if (rc < 0) {
        return "\"exp\" is not a time";
    }

    capsule->has_exp = rc == 1;

    rc = mk_payload_time(json, "nbf", &capsule->nbf);
    if (rc < 0) {
        return "\"nbf\" is not a time";
    }

    capsule->has_nbf = rc == 1;

    return NULL;
}


/*
 * An action that is not known demands something that is not known either:
 * it is refused, not skipped.
 */
static int
mk_payload_read_actions(const json_t *actions, mk_capsule_t *capsule)
{
    size_t         i;
    mk_bytes_t     text;
    mk_action_t    action;
    const json_t  *item;

    if (json_array_size(actions) == 0) {
        return 0;
    }

    for (i = 0; i < json_array_size(actions); i++) {
        item = json_array_get(actions, i);

        if (!json_is_string(item)) {
            return 0;
        }

        text.data = (const uint8_t *) json_string_value(item);
        text.len = json_string_length(item);

        if (!mk_action_parse(text, &action)) {
            return 0;
        }

        if (action == MK_ACTION_OPEN) {
            capsule->capability_open = 1;

        } else {
            capsule->capability_download = 1;
        }
    }

    return 1;
}


static const char *
mk_payload_read_capability(const json_t *json, mk_capsule_t *capsule)
{
    int            rc;
    const json_t  *capability, *actions;

    rc = mk_json_object(json, "capability", &capability);
    if (rc < 0) {
        return "\"capability\" is not an object";
    }

    if (rc == 0) {
        return NULL;
    }

    capsule->has_capability = 1;

    if (mk_payload_identity(capability, "issuer",
                            &capsule->capability_issuer)
        != 1)
    {
        return "\"capability.issuer\" is not an identity";
    }

    rc = mk_json_array(capability, "actions", &actions);

    if (rc == 0) {
        capsule->capability_open = 1;
        capsule->capability_download = 1;
        return NULL;
    }

    if (rc < 0 || !mk_payload_read_actions(actions, capsule)) {
        return "\"capability.actions\" is not a list of known actions";
    }

    return NULL;
}


static const char *
mk_payload_read_bindings(const json_t *json, mk_capsule_t *capsule)
{
    int  rc, allow;

    if (mk_payload_identity(json, "policyId", &capsule->policy_id) < 0) {
        return "\"policyId\" is not an identifier";
    }

    if (mk_payload_identity(json, "vaultId", &capsule->vault_id) < 0) {
        return "\"vaultId\" is not an identifier";
    }

    rc = mk_json_boolean(json, "allowDownload", &allow);
    if (rc < 0) {
        return "\"allowDownload\" is not a boolean";
    }

    capsule->allow_download = rc == 0 || allow;

    return mk_payload_read_capability(json, capsule);
}


/*
 * Bounds the size so that size + 32 n can neither overflow nor mean more
 * segments than FLOE has.  Whether the header's parameters are those of the
 * profile is found where it is opened.
 */
static int
mk_payload_size_fits(const mk_capsule_t *capsule)
{
    uint32_t  length;

    length = mk_floe_segment_length(capsule->header);

    if (length == 0) {
        length = MK_FLOE_SEGMENT_MAX;
    }

    return capsule->size
           <= MK_FLOE_SEGMENTS_MAX * (length - MK_FLOE_OVERHEAD);
}


static const char *
mk_payload_read_content(const json_t *json, mk_capsule_t *capsule)
{
    size_t         len;
    int64_t        size;
    const json_t  *content;

    if (mk_json_object(json, "content", &content) != 1) {
        return "\"content\" is not an object";
    }

    if (!mk_json_is(content, "alg", MK_PROFILE_CONTENT)) {
        return "\"content.alg\" is not " MK_PROFILE_CONTENT;
    }

    if (mk_json_base64url(content, "header", capsule->header,
                          sizeof(capsule->header), &len)
        != 1
        || len != sizeof(capsule->header))
    {
        return "\"content.header\" is not a FLOE header";
    }

    if (mk_json_string(content, "payloadId", &capsule->payload_id) != 1
        || !mk_name_is_payload_id(capsule->payload_id))
    {
        return "\"content.payloadId\" is not a payload id";
    }

    if (mk_json_integer(content, "size", &size) != 1 || size < 0) {
        return "\"content.size\" is not a size";
    }

    capsule->size = (uint64_t) size;

    if (!mk_payload_size_fits(capsule)) {
        return "\"content.size\" is more than can be sealed";
    }

    if (mk_payload_label(content, "name", capsule->shown[0], &capsule->name)
        < 0)
    {
        return "\"content.name\" is too long or has control characters";
    }

    if (mk_payload_label(content, "type", capsule->shown[1], &capsule->type)
        < 0)
    {
        return "\"content.type\" is too long or has control characters";
    }

    return NULL;
}


mk_status_t
mk_payload_read(mk_bytes_t text, mk_capsule_t *capsule, const char **why)
{
    mk_status_t  status;

    *why = NULL;

    status = mk_json_parse(text, MK_INVALID_CAPSULE, &capsule->payload);

    if (status != MK_OK) {
        *why = status == MK_INTERNAL_ERROR ? "no memory"
                                           : "the payload is not strict JSON";
        return status;
    }

    *why = mk_payload_read_names(capsule->payload, capsule);

    if (*why == NULL) {
        *why = mk_payload_read_times(capsule->payload, capsule);
    }

    if (*why == NULL) {
        *why = mk_payload_read_bindings(capsule->payload, capsule);
    }

    if (*why == NULL) {
        *why = mk_payload_read_content(capsule->payload, capsule);
    }

    return *why == NULL ? MK_OK : MK_INVALID_CAPSULE;
}
