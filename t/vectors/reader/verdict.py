"""The order of an open (services.md section 4), up to the data key."""

from cryptography.exceptions import InvalidTag

from producer import b64u, capsule, floe, hpke, jose

from . import record, strict
from .refusal import Refusal, need

P256_P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1


def our_wrap(wraps, identity, key):
    kid = jose.thumbprint(key.public_key())
    mine = [wrap for wrap in wraps
            if (wrap["recipient"], wrap["kid"]) == (identity, kid)]
    need(len(mine) < 2, record.CAPSULE, "two wraps")
    need(mine, "recipient_not_authorized")
    need(mine[0]["alg"] == capsule.WRAP_ALG[hpke.kem_of(key)],
         record.CAPSULE, "alg of our wrap")
    return mine[0]


def unwrap(wrap, key, payload):
    enc, ct = (b64u.decode(wrap[member]) for member in ("enc", "ct"))
    try:
        if hpke.is_p256(key):
            need(len(enc) == 65 and enc[0] == 4, "key_unwrap_failed", "enc")
            need(int.from_bytes(enc[1:33], "big") < P256_P,
                 "key_unwrap_failed", "not reduced")
        data_key = hpke.open_(key, enc, capsule.WRAP_INFO,
                              capsule.wrap_aad(payload), ct)
    except (ValueError, InvalidTag):
        raise Refusal("key_unwrap_failed") from None
    need(len(data_key) == 32, "key_unwrap_failed", "length")
    return data_key


def header(core, data_key):
    content = core["content"]
    data = b64u.decode(content["header"])
    try:
        message = floe.open_header(
            data_key, data, capsule.payload_aad(content["payloadId"]))
    except floe.FloeError as error:
        raise Refusal("invalid_envelope", str(error)) from None
    need(message.segment in (65536, 262144, 1048576), "invalid_envelope")
    return message


def decide(vector, trusted, keys, now):
    """(core, FLOE message) of a share that may be fetched."""
    need(strict.is_id(vector["id"]), "invalid_request")
    c, state = record.answer(vector["record_status"],
                             b64u.decode(vector["record"]))
    core, wraps = record.capsule_of(c, vector["id"], trusted)
    need(now >= core.get("nbf", 0), "share_not_yet_valid")
    need("exp" not in core or now < core["exp"], "share_expired")
    need(state == "active", "share_revoked")
    key = keys.get(vector["identity"])
    need(key is not None, "identity_not_found")
    wrap = our_wrap(wraps, vector["identity"], key)
    need(vector["action"] == "open" or core.get("allowDownload", True),
         "download_not_allowed")
    need("vaultId" not in core, "vault_provider_error")
    wanted = core.get("capability")
    need(wanted is None or vector["action"] not in wanted.get(
        "actions", ("open", "download")), "capability_required")
    if "policyId" in core:
        need("policy" in vector, "policy_provider_required")
        need(vector["policy"], "policy_denied")
    return core, header(core, unwrap(wrap, key, c["payload"]))
