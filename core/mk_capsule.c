/*
 * mk_capsule: the record, the capsule in it, and its wraps.
 */

#include "mk_capsule.h"

#include "mk_payload.h"
#include "mk_standing.h"
#include "mk_wrap.h"

#include <stdlib.h>
#include <string.h>


static int
mk_capsule_read_wrap(const json_t *json, mk_wrap_t *wrap)
{
    return json_is_object(json)
           && mk_json_string(json, "recipient", &wrap->recipient) == 1
           && mk_name_is_identity(wrap->recipient)
           && mk_json_string(json, "kid", &wrap->kid) == 1
           && wrap->kid.len > 0
           && mk_json_string(json, "alg", &wrap->alg) == 1
           && mk_json_string(json, "enc", &wrap->enc_text) == 1
           && mk_json_string(json, "ct", &wrap->ct_text) == 1;
}


static mk_status_t
mk_capsule_read_wraps(const json_t *json, mk_capsule_t *capsule)
{
    size_t         i, count;
    const json_t  *wraps;

    if (mk_json_array(json, "wraps", &wraps) != 1) {
        return MK_INVALID_CAPSULE;
    }

    count = json_array_size(wraps);

    if (count > MK_CAPSULE_WRAPS_MAX) {
        return MK_INVALID_CAPSULE;
    }

    if (count == 0) {
        return MK_OK;
    }

    capsule->wraps = calloc(count, sizeof(mk_wrap_t));
    if (capsule->wraps == NULL) {
        return MK_INTERNAL_ERROR;
    }

    for (i = 0; i < count; i++) {
        if (!mk_capsule_read_wrap(json_array_get(wraps, i),
                                  &capsule->wraps[i]))
        {
            return MK_INVALID_CAPSULE;
        }
    }

    capsule->nwraps = count;

    return MK_OK;
}


static mk_status_t
mk_capsule_read_jws(const json_t *json, mk_capsule_t *capsule)
{
    mk_bytes_t   protected_text, payload_text, signature_text, payload;
    const char  *why;
    mk_status_t  status;

    /*
     * "header" is the unprotected one, "signatures" is the general form,
     * which must not stand beside the flattened one (RFC 7515 section 7.2.2)
     */
    if (json_object_get(json, "header") != NULL
        || json_object_get(json, "signatures") != NULL)
    {
        return MK_INVALID_CAPSULE;
    }

    if (mk_json_string(json, "protected", &protected_text) != 1
        || mk_json_string(json, "payload", &payload_text) != 1
        || mk_json_string(json, "signature", &signature_text) != 1)
    {
        return MK_INVALID_CAPSULE;
    }

    status = mk_jws_read(protected_text, payload_text, signature_text,
                         MK_INVALID_CAPSULE, &capsule->jws, &why);
    if (status != MK_OK) {
        return status;
    }

    payload.data = capsule->jws.payload;
    payload.len = capsule->jws.payload_len;

    return mk_payload_read(payload, capsule, &why);
}


static mk_status_t
mk_capsule_read_object(const json_t *json, mk_capsule_t *capsule)
{
    mk_status_t  status;

    if (!mk_json_is(json, "profile", MK_PROFILE_NAME)) {
        return MK_INVALID_CAPSULE;
    }

    status = mk_capsule_read_jws(json, capsule);
    if (status != MK_OK) {
        return status;
    }

    return mk_capsule_read_wraps(json, capsule);
}


static mk_status_t
mk_capsule_read_answer(const json_t *record, mk_capsule_t *capsule)
{
    int            active;
    mk_status_t    status;
    const json_t  *json;

    if (mk_json_object(record, "capsule", &json) != 1) {
        return MK_METADATA_PROVIDER_ERROR;
    }

    status = mk_standing_read_state(record, MK_METADATA_PROVIDER_ERROR,
                                    &active);
    if (status != MK_OK) {
        return status;
    }

    capsule->revoked = !active;

    return mk_capsule_read_object(json, capsule);
}


static mk_status_t
mk_capsule_read_text(mk_bytes_t text, mk_status_t refused,
    mk_status_t (*reader)(const json_t *, mk_capsule_t *), mk_capsule_t **out)
{
    mk_status_t    status;
    mk_capsule_t  *capsule;

    *out = NULL;

    capsule = calloc(1, sizeof(mk_capsule_t));
    if (capsule == NULL) {
        return MK_INTERNAL_ERROR;
    }

    status = mk_json_parse(text, refused, &capsule->record);

    if (status == MK_OK) {
        status = reader(capsule->record, capsule);
    }

    if (status != MK_OK) {
        mk_capsule_free(capsule);
        return status;
    }

    *out = capsule;

    return MK_OK;
}


mk_status_t
mk_capsule_read_record(mk_bytes_t text, mk_capsule_t **capsule)
{
    return mk_capsule_read_text(text, MK_METADATA_PROVIDER_ERROR,
                                mk_capsule_read_answer, capsule);
}


mk_status_t
mk_capsule_read(mk_bytes_t text, mk_capsule_t **capsule)
{
    return mk_capsule_read_text(text, MK_INVALID_CAPSULE,
                                mk_capsule_read_object, capsule);
}


void
mk_capsule_free(mk_capsule_t *capsule)
{
    if (capsule == NULL) {
        return;
    }

    mk_jws_clear(&capsule->jws);
    json_decref(capsule->payload);
    json_decref(capsule->record);
    free(capsule->wraps);
    free(capsule);
}


uint32_t
mk_capsule_segment_length(const uint8_t header[MK_FLOE_HEADER])
{
    uint32_t  length;

    length = mk_floe_segment_length(header);

    switch (length) {

    case MK_PROFILE_SEGMENT_SMALL:
    case MK_PROFILE_SEGMENT:
    case MK_PROFILE_SEGMENT_LARGE:
        return length;

    default:
        return 0;
    }
}


uint64_t
mk_capsule_body_size(const mk_capsule_t *capsule)
{
    uint32_t  length;

    length = mk_capsule_segment_length(capsule->header);
    if (length == 0) {
        return 0;
    }

    return capsule->size
           + MK_FLOE_OVERHEAD * mk_floe_segments(capsule->size, length);
}


int
mk_capsule_requires_token(const mk_capsule_t *capsule, mk_action_t action)
{
    return action == MK_ACTION_DOWNLOAD ? capsule->capability_download
                                        : capsule->capability_open;
}


size_t
mk_capsule_floe_aad(const mk_capsule_t *capsule,
    uint8_t out[MK_CAPSULE_AAD_MAX])
{
    /* with its NUL, which is the zero byte between the two */
    memcpy(out, MK_PROFILE_FLOE_AAD, sizeof(MK_PROFILE_FLOE_AAD));
    memcpy(out + sizeof(MK_PROFILE_FLOE_AAD), capsule->payload_id.data,
           capsule->payload_id.len);

    return sizeof(MK_PROFILE_FLOE_AAD) + capsule->payload_id.len;
}


mk_status_t
mk_capsule_find_wrap(const mk_capsule_t *capsule, mk_bytes_t identity,
    mk_bytes_t kid, const mk_wrap_t **wrap)
{
    size_t            i;
    const mk_wrap_t  *item;

    *wrap = NULL;

    for (i = 0; i < capsule->nwraps; i++) {
        item = &capsule->wraps[i];

        if (!mk_bytes_equal(item->recipient, identity)
            || !mk_bytes_equal(item->kid, kid))
        {
            continue;
        }

        if (*wrap != NULL) {
            *wrap = NULL;
            return MK_INVALID_CAPSULE;
        }

        *wrap = item;
    }

    return *wrap == NULL ? MK_RECIPIENT_NOT_AUTHORIZED : MK_OK;
}


mk_status_t
mk_capsule_unwrap(const mk_capsule_t *capsule, const mk_wrap_t *wrap,
    const mk_key_t *key, mk_secret_t **data_key)
{
    return mk_wrap_open(wrap, capsule->jws.payload_text, key, data_key);
}
