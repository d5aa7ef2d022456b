"""Signatures that do not hold, and owners that are not trusted."""

from producer import b64u, jose

from . import keyset
from .case import case, to

ERROR = "invalid_capsule"
ED25519_ORDER = 2 ** 252 + 27742317777372353535851937790883648493
BY_ES256 = {"key": keyset.OWNER_ES256, "kid": keyset.ES256_KID}
OWNER_KID = jose.thumbprint(keyset.OWNER.public_key())


def add_to(book, tiny):
    def bad(name, comment, outcome=ERROR, **how):
        case(book, "signature-" + name, comment, outcome, tiny, **how)

    owners(bad)
    shapes(bad)
    forged(bad)


def flip(signature):
    return signature[:20] + bytes([signature[20] ^ 1]) + signature[21:]


def plus_order(signature):
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    return signature[:32] + s.to_bytes(32, "little")


def owners(bad):
    bad("by-stranger", "Signed by Mallory, whom nobody trusts.",
        key=keyset.MALLORY)
    bad("by-stranger-es256", "The same with ES256.",
        key=keyset.MALLORY_ES256)
    bad("by-stranger-as-owner", "Signed by Mallory under the kid of the "
        "owner's key.", key=keyset.MALLORY, kid=OWNER_KID)
    bad("by-stranger-as-owner-es256", "Signed by Mallory under the kid of "
        "the owner's other key.", key=keyset.MALLORY_ES256,
        kid=keyset.ES256_KID)
    bad("by-other-owner", "Signed by a trusted owner, in the name of "
        "another.", key=keyset.OTHER_OWNER)
    bad("owner-not-of-key", "The owner is somebody whom the key does not "
        "name.", core=to(owner="mallory"))
    bad("owner-not-of-key-es256", "The same, for a key with several names.",
        core=to(owner="other-owner"), **BY_ES256)
    bad("owner-prefix", "The owner is the beginning of the key's name.",
        core=to(owner="own"))
    bad("by-nameless-key", "A trusted key without an identity is not used.",
        key=keyset.NAMELESS)
    bad("by-recipient", "Signed with alice's key, which is there to open.",
        key=keyset.ALICE)


def shapes(bad):
    bad("der", "ES256 as DER instead of r and s.",
        capsule=lambda capsule: in_der(capsule), **BY_ES256)
    for name, kind in (("ed25519", {}), ("es256", BY_ES256)):
        bad(f"flipped-{name}", "One bit flipped.", signature=flip, **kind)
        bad(f"63-bytes-{name}", "The last byte is missing.",
            signature=lambda s: s[:-1], **kind)
        bad(f"65-bytes-{name}", "A byte too many.",
            signature=lambda s: s + b"\0", **kind)
        bad(f"zero-{name}", "All bytes are zero.",
            signature=lambda s: bytes(64), **kind)
    bad("s-plus-order", "Ed25519 with s + L, which RFC 8032 5.1.7 refuses.",
        signature=plus_order)
    bad("es256-r-is-order", "ES256 with r = n and s = n.", signature=lambda
        s: keyset.hpke.P256_ORDER.to_bytes(32, "big") * 2, **BY_ES256)


def in_der(capsule):
    signed = (capsule["protected"] + "." + capsule["payload"]).encode()
    capsule["signature"] = b64u.encode(
        jose.sign(keyset.OWNER_ES256, signed, der=True))


def resigned(change):
    """A hook on the capsule: another payload under the same signature."""
    def hook(capsule):
        text = b64u.decode(capsule["payload"]).decode()
        capsule["payload"] = b64u.encode(change(text).encode())
    return hook


def other_header(capsule):
    text = b64u.decode(capsule["protected"]).decode()
    capsule["protected"] = b64u.encode((text[:-1] + ',"x":1}').encode())


def forged(bad):
    later = resigned(lambda text: text.replace("1740000000", "1740000001"))
    bad("payload-edited", "The payload was edited after it was signed.",
        capsule=later)
    bad("payload-white-space", "The payload says the same in other bytes: "
        "a space was added.", capsule=resigned(lambda text: text + " "))
    bad("protected-edited", "The protected header was edited after it was "
        "signed.", capsule=other_header)
    bad("payload-edited-insecure", "No trusted owners, so the signature is "
        "not looked at; the wrap is bound to the payload all the same.",
        "key_unwrap_failed", capsule=later, owners="insecure_any")
