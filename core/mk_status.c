/*
 * mk_status: the one table of outcomes.
 */

#include "mk_status.h"

#include <string.h>


typedef struct {
    const char  *name;
    int          http;
    const char  *title;
    const char  *suggestion;
} mk_status_row_t;


static const mk_status_row_t  mk_status_rows[MK_STATUS_COUNT] = {

    [MK_OK] = { "ok", 200, "Opened", "" },

    [MK_INVALID_REQUEST] = { "invalid_request", 400,
        "The request is malformed",
        "Check the address: it must name one share." },

    [MK_CAPSULE_NOT_FOUND] = { "capsule_not_found", 404,
        "There is no such share",
        "Check the address, or ask the sender for a new one." },

    [MK_INVALID_CAPSULE] = { "invalid_capsule", 502,
        "The share's record cannot be accepted",
        "Ask the sender to share the file again." },

    [MK_SHARE_NOT_YET_VALID] = { "share_not_yet_valid", 403,
        "The share is not valid yet",
        "Try again after the time that the sender named." },

    [MK_SHARE_EXPIRED] = { "share_expired", 410,
        "The share has expired",
        "Ask the sender to share the file again." },

    [MK_SHARE_REVOKED] = { "share_revoked", 410,
        "The share was revoked",
        "Ask the sender whether the file is still shared." },

    [MK_IDENTITY_NOT_FOUND] = { "identity_not_found", 403,
        "This gateway does not act for that identity",
        "Ask the gateway's operator which identities it serves." },

    [MK_RECIPIENT_NOT_AUTHORIZED] = { "recipient_not_authorized", 403,
        "The file was not shared with this gateway's identity",
        "Ask the sender to share the file with this gateway's identity." },

    [MK_KEY_UNWRAP_FAILED] = { "key_unwrap_failed", 403,
        "The share's key does not open",
        "Ask the sender to share the file again with the current key." },

    [MK_VAULT_DENIED] = { "vault_denied", 403,
        "The file belongs to a vault that this identity is no member of",
        "Ask the vault's owner for membership." },

    [MK_VAULT_PROVIDER_ERROR] = { "vault_provider_error", 503,
        "Vault membership could not be established",
        "Try again later, or tell the gateway's operator." },

    [MK_CAPABILITY_REQUIRED] = { "capability_required", 401,
        "A capability token is required",
        "Send the capability token that was issued for this share." },

    [MK_CAPABILITY_DENIED] = { "capability_denied", 403,
        "The capability token was not accepted",
        "Ask the issuer for a new capability token." },

    [MK_POLICY_PROVIDER_REQUIRED] = { "policy_provider_required", 503,
        "The share needs a policy decision and no policy service is set",
        "Tell the gateway's operator to configure a policy service." },

    [MK_POLICY_PROVIDER_ERROR] = { "policy_provider_error", 503,
        "The policy service gave no valid answer",
        "Try again later, or tell the gateway's operator." },

    [MK_POLICY_DENIED] = { "policy_denied", 403,
        "The policy does not allow this",
        "Ask the sender or the policy's owner for access." },

    [MK_DOWNLOAD_NOT_ALLOWED] = { "download_not_allowed", 403,
        "The file may be viewed but not downloaded",
        "Open the file in the browser instead." },

    [MK_METADATA_PROVIDER_ERROR] = { "metadata_provider_error", 503,
        "The metadata service gave no valid answer",
        "Try again later, or tell the gateway's operator." },

    [MK_PROVIDER_HTTP_ERROR] = { "provider_http_error", 502,
        "Every IPFS gateway answered with a failure",
        "Try again later, or ask the sender whether the file is stored." },

    [MK_PROVIDER_REQUEST_FAILED] = { "provider_request_failed", 504,
        "No IPFS gateway gave a valid answer in time",
        "Try again later, or tell the gateway's operator." },

    [MK_CID_MISMATCH] = { "cid_mismatch", 502,
        "The stored bytes are not the file that was shared",
        "Try again later, or ask the sender to store the file again." },

    [MK_INVALID_ENVELOPE] = { "invalid_envelope", 502,
        "The stored file is not sealed as its share says",
        "Ask the sender to share the file again." },

    [MK_LINK_INVALID] = { "link_invalid", 403,
        "The link is not valid",
        "Check that the whole link was copied, or ask for a new one." },

    [MK_LINK_EXPIRED] = { "link_expired", 410,
        "The link has expired",
        "Ask the sender for a new link." },

    [MK_LINK_USED_UP] = { "link_used_up", 410,
        "The link was used as often as it may be",
        "Ask the sender for a new link." },

    [MK_RANGE_NOT_SATISFIABLE] = { "range_not_satisfiable", 416,
        "The asked range is not in the file",
        "Ask for a range inside the file, or for the whole file." },

    [MK_INPUT_TOO_LARGE] = { "input_too_large", 413,
        "The file is larger than this gateway serves",
        "Ask the gateway's operator for the limit." },

    [MK_GATEWAY_OVERLOADED] = { "gateway_overloaded", 503,
        "The gateway has no room for another file now",
        "Try again in a few seconds." },

    [MK_INTERNAL_ERROR] = { "internal_error", 500,
        "The gateway failed",
        "Try again later, or tell the gateway's operator." },
};


static const mk_status_row_t *
mk_status_row(mk_status_t status)
{
    if ((unsigned) status >= MK_STATUS_COUNT) {
        status = MK_INTERNAL_ERROR;
    }

    return &mk_status_rows[status];
}


const char *
mk_status_name(mk_status_t status)
{
    return mk_status_row(status)->name;
}


int
mk_status_http(mk_status_t status)
{
    return mk_status_row(status)->http;
}


const char *
mk_status_title(mk_status_t status)
{
    return mk_status_row(status)->title;
}


const char *
mk_status_suggestion(mk_status_t status)
{
    return mk_status_row(status)->suggestion;
}


mk_status_t
mk_status_from_name(const char *name)
{
    int  i;

    for (i = 0; i < MK_STATUS_COUNT; i++) {
        if (strcmp(mk_status_rows[i].name, name) == 0) {
            return (mk_status_t) i;
        }
    }

    return MK_STATUS_COUNT;
}
