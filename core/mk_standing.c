/*
 * mk_standing: active or revoked, a member or not.
 */

#include "mk_standing.h"


mk_status_t
mk_standing_read_state(const json_t *answer, mk_status_t refused,
    int *active)
{
    int64_t        revoked_at;
    const json_t  *status;

    *active = 0;

    if (mk_json_object(answer, "status", &status) != 1
        || mk_json_integer(status, "revokedAt", &revoked_at) < 0
        || revoked_at < 0)
    {
        return refused;
    }

    if (mk_json_is(status, "state", "active")) {
        *active = 1;
        return MK_OK;
    }

    return mk_json_is(status, "state", "revoked") ? MK_OK : refused;
}


mk_status_t
mk_standing_capability(mk_bytes_t text)
{
    int           active;
    json_t       *answer;
    mk_status_t   status;

    status = mk_json_parse(text, MK_METADATA_PROVIDER_ERROR, &answer);
    if (status != MK_OK) {
        return status;
    }

    status = mk_standing_read_state(answer, MK_METADATA_PROVIDER_ERROR,
                                    &active);
    json_decref(answer);

    if (status != MK_OK) {
        return status;
    }

    return active ? MK_OK : MK_CAPABILITY_DENIED;
}


mk_status_t
mk_standing_member(mk_bytes_t text)
{
    int           is_boolean, member;
    json_t       *answer;
    mk_status_t   status;

    status = mk_json_parse(text, MK_VAULT_PROVIDER_ERROR, &answer);
    if (status != MK_OK) {
        return status;
    }

    is_boolean = mk_json_boolean(answer, "member", &member);
    json_decref(answer);

    if (is_boolean != 1) {
        return MK_VAULT_PROVIDER_ERROR;
    }

    return member ? MK_OK : MK_VAULT_DENIED;
}
