"""From the metadata service's answer to a capsule that may be opened."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    encode_dss_signature)

from producer import capsule, jose
from producer.hpke import P256_ORDER

from . import link, strict
from .refusal import Refusal, need

ANSWER, CAPSULE = "metadata_provider_error", "invalid_capsule"
ALGS = ("Ed25519", "ES256")


def parsed(data, code):
    try:
        return strict.loads(data)
    except (ValueError, UnicodeError) as error:
        raise Refusal(code, str(error)) from None


def binary(value):
    try:
        return strict.binary(value)
    except ValueError as error:
        raise Refusal(CAPSULE, str(error)) from None


def answer(status, body):
    """(capsule, state)"""
    need(status != 404, "capsule_not_found")
    need(status == 200 and len(body) <= 65536, ANSWER)
    record = parsed(body, ANSWER)
    need(isinstance(record.get("capsule"), dict), ANSWER)
    state = record.get("status")
    need(isinstance(state, dict), ANSWER)
    need(state.get("state") in ("active", "revoked"), ANSWER)
    return record["capsule"], state["state"]


def is_capability(value):
    if not (isinstance(value, dict)
            and strict.is_identifier(value.get("issuer"))):
        return False
    actions = value.get("actions", [])
    return isinstance(actions, list) and all(
        each in ("open", "download") for each in actions)


OPTIONAL = {"exp": strict.is_time, "nbf": strict.is_time,
            "policyId": strict.is_identifier,
            "vaultId": strict.is_identifier, "capability": is_capability,
            "allowDownload": lambda value: isinstance(value, bool)}


def core_of(text, asked):
    core = parsed(binary(text), CAPSULE)
    need(type(core.get("v")) is int and core["v"] == 1, CAPSULE, "v")
    need(strict.is_id(core.get("id")) and core["id"] == asked, CAPSULE, "id")
    need(strict.is_identifier(core.get("owner")), CAPSULE, "owner")
    need(strict.is_time(core.get("iat")), CAPSULE, "iat")
    for member, good in OPTIONAL.items():
        need(member not in core or good(core[member]), CAPSULE, member)
    try:
        core["root"] = link.from_text(core.get("cid", ""))
    except (ValueError, TypeError, AttributeError):
        raise Refusal(CAPSULE, "cid") from None
    content(core.get("content"))
    return core


def content(value):
    need(isinstance(value, dict), CAPSULE, "content")
    need(value.get("alg") == capsule.CONTENT_ALG, CAPSULE, "alg")
    need(len(binary(value.get("header"))) == 74, CAPSULE, "header")
    need(strict.is_id(value.get("payloadId"), 64), CAPSULE, "payloadId")
    need(strict.is_time(value.get("size")), CAPSULE, "size")
    need(value["size"] < 2 ** 63 - 2 ** 58, CAPSULE, "size too large")
    for member, most in (("name", 255), ("type", None)):
        need(member not in value or strict.is_text(value[member], most),
             CAPSULE, member)


def wraps_of(c):
    wraps = c.get("wraps")
    need(isinstance(wraps, list) and len(wraps) <= 256, CAPSULE, "wraps")
    for wrap in wraps:
        need(isinstance(wrap, dict), CAPSULE, "wrap")
        need(strict.is_identifier(wrap.get("recipient")), CAPSULE)
        need(all(isinstance(wrap.get(m), str) for m in ("kid", "alg")),
             CAPSULE)
        binary(wrap.get("enc")), binary(wrap.get("ct"))
    return wraps


def verify(pub, signature, signed):
    """Whether a signature holds; the algorithm is the key's."""
    if len(signature) != 64:
        return False
    try:
        if jose.alg_of(pub) == "Ed25519":
            pub.verify(signature, signed)
            return True
        r, s = (int.from_bytes(signature[i:i + 32], "big") for i in (0, 32))
        if not (0 < r < P256_ORDER and 0 < s < P256_ORDER):
            return False
        pub.verify(encode_dss_signature(r, s), signed,
                   ec.ECDSA(hashes.SHA256()))
        return True
    except InvalidSignature:
        return False


def check_signature(c, owner, trusted):
    """trusted: list of JWKs, or None where nobody is."""
    head = parsed(binary(c.get("protected")), CAPSULE)
    need("crit" not in head and "header" not in c, CAPSULE, "header")
    need(head.get("typ") == capsule.TYP, CAPSULE, "typ")
    need(head.get("alg") in ALGS, CAPSULE, "alg")
    need(isinstance(head.get("kid"), str) and head["kid"], CAPSULE, "kid")
    signature = binary(c.get("signature"))
    need(len(signature) == 64, CAPSULE, "signature")
    if trusted is None:
        return
    signed = (c["protected"] + "." + c["payload"]).encode()
    for key in trusted:
        names = key.get("identity", [])
        names = [names] if isinstance(names, str) else names
        pub = jose.from_jwk(key)
        if (key["kid"] == head["kid"] and owner in names
                and jose.alg_of(pub) == head["alg"]
                and verify(pub, signature, signed)):
            return
    raise Refusal(CAPSULE, "signature")


def capsule_of(c, asked, trusted):
    need(c.get("profile") == capsule.PROFILE, CAPSULE, "profile")
    need(isinstance(c.get("payload"), str), CAPSULE, "payload")
    core = core_of(c["payload"], asked)
    check_signature(c, core["owner"], trusted)
    return core, wraps_of(c)
