"""Capsules that are wrong outside of their payload: the JWS's members."""

import json

from producer import b64u, jose

from . import keyset
from .case import case, to, without

ERROR = "invalid_capsule"


def add_to(book, tiny):
    def bad(name, comment, outcome=ERROR, **how):
        case(book, "capsule-" + name, comment, outcome, tiny, **how)

    members(bad)
    encodings(bad)
    protected(bad)
    protected_text(bad)


def members(bad):
    for member, kind in (("profile", 1), ("payload", {}), ("protected", {}),
                         ("signature", 1), ("wraps", {})):
        bad(f"without-{member}", f"{member} is missing.",
            capsule=without(member))
        bad(f"{member}-of-wrong-type", f"{member} has the wrong type.",
            capsule=to(**{member: kind}))
        bad(f"{member}-null", f"{member} is null.",
            capsule=to(**{member: None}))
    bad("empty", "An empty object.", capsule=lambda c: {})
    bad("profile-unknown", "A profile that nobody knows.",
        capsule=to(profile="meshkit-gateway/2"))
    bad("profile-upper-case", "A profile is compared exactly.",
        capsule=to(profile="MeshKit-Gateway/1"))
    bad("profile-longer", "A good profile with something behind it.",
        capsule=to(profile="meshkit-gateway/1x"))
    bad("payload-empty", "An empty payload.", payload_b64=lambda text: "")
    bad("signature-empty", "An empty signature.", capsule=to(signature=""))
    bad("unprotected-header", "An unprotected header, though it only says "
        "what nobody asks.", capsule=to(header={"x": 1}))
    bad("unprotected-header-empty", "An unprotected header without a member.",
        capsule=to(header={}))
    bad("unprotected-kid", "kid stands in the unprotected header only.",
        capsule=to(header={"kid": keyset.trusted(keyset.OWNER)["kid"]}),
        protected=without("kid"))


def pad_core(core):
    """An unknown member gives the payload one byte over three."""
    core["pad"] = ""
    while len(jose.dumps(core).encode()) % 3 != 1:
        core["pad"] += "x"


def pad_head(head):
    head["pad"] = ""
    while len(jose.dumps(head).encode()) % 3 != 1:
        head["pad"] += "x"


def in_capsule(member, change):
    """A hook on the capsule: change the text of a member."""
    def hook(capsule):
        capsule[member] = change(capsule[member])
    return hook


def standard(text):
    """The same bytes in the other alphabet."""
    return text.replace("-", "+").replace("_", "/")


def two_of_the_alphabet(core):
    core["pad"] = "~~~???>>>~~~"
    while not set("-_") & set(b64u.encode(jose.dumps(core).encode())):
        core["pad"] += "~"


def encodings(bad):
    for what, pad in (("payload", {"core": pad_core}),
                      ("protected", {"protected": pad_head})):
        hook = what + "_b64"
        for name, comment, change in (
                ("padded", "is padded", lambda text: text + "=="),
                ("trailing-bits", "has an unused bit set",
                 b64u.with_trailing_bits),
                ("space", "has a space inside",
                 lambda text: text[:8] + " " + text[8:]),
                ("line-feed", "ends in a line feed",
                 lambda text: text + "\n")):
            bad(f"{what}-{name}", f"{what} {comment}; it is signed as it "
                "stands, and a careless decoder gives the right bytes.",
                **pad, **{hook: change})
    bad("payload-standard-alphabet", "payload is in the alphabet with + and "
        "/; it is signed as it stands.", core=two_of_the_alphabet,
        payload_b64=standard)
    bad("signature-padded", "signature is padded.",
        capsule=in_capsule("signature", lambda text: text + "=="))
    bad("signature-trailing-bits", "signature has an unused bit set.",
        capsule=in_capsule("signature", b64u.with_trailing_bits))


def swapped(head):
    return dict(head, alg="ES256")


def protected(bad):
    for member in ("alg", "kid", "typ"):
        bad(f"protected-without-{member}", f"{member} is missing.",
            protected=without(member))
        bad(f"protected-{member}-of-wrong-type", f"{member} is a number.",
            protected=to(**{member: 1}))
    for alg in ("none", "None", "HS256", "EdDSA", "ES384", "ed25519", ""):
        bad(f"protected-alg-{alg or 'empty'}{'-upper' * (alg == 'None')}",
            f"alg is {alg!r}; the signature is Ed25519 over it.",
            protected=to(alg=alg))
    bad("protected-alg-none-unsigned", "alg none and an empty signature.",
        protected=to(alg="none"), signature=lambda s: b"")
    bad("protected-alg-of-other-key", "alg ES256 with an Ed25519 key: the "
        "algorithm is the key's.", protected=swapped)
    bad("protected-alg-of-other-key-es256", "alg Ed25519 with a P-256 key.",
        key=keyset.OWNER_ES256, kid=keyset.ES256_KID,
        protected=to(alg="Ed25519"))
    bad("protected-kid-unknown", "kid names no trusted key; the signature is "
        "by one.", protected=to(kid="nobody"))
    bad("protected-kid-empty", "An empty kid.", protected=to(kid=""))
    for name, typ in (("jose", "JOSE"), ("prefix", "application/"
                                         "meshkit-capsule+json"),
                      ("upper-case", "MeshKit-Capsule+JSON"),
                      ("link", "meshkit-link+jwt"),
                      ("capability", "meshkit-capability+jwt")):
        bad(f"protected-typ-{name}", f"typ is {typ}; it is compared exactly.",
            protected=to(typ=typ))
    for name, crit in (("exp", ["exp"]), ("b64", ["b64"]), ("empty", []),
                       ("null", None)):
        bad(f"protected-crit-{name}", f"crit is {json.dumps(crit)}: we "
            "understand no extension.", protected=to(crit=crit))
    mine = keyset.MALLORY.public_key()
    bad("protected-jwk", "Mallory's key in the header, used for the "
        "signature: only trusted keys count.", key=keyset.MALLORY,
        protected=to(jwk=jose.jwk(mine)))


def protected_text(bad):
    bad("protected-empty", "An empty protected header.",
        protected_b64=lambda text: "")
    bad("protected-not-json", "protected is not JSON.",
        protected_text=lambda text: text[1:])
    bad("protected-array", "protected is an array.",
        protected_text=lambda text: "[" + text + "]")
    bad("protected-trailing", "Something behind the JSON text.",
        protected_text=lambda text: text + "x")
    bad("protected-duplicate", "alg stands twice.",
        protected_text=lambda text: text[:-1] + ',"alg":"none"}')
    bad("protected-utf8", "A byte that never stands in UTF-8.",
        protected_text=lambda text: text[:-1].encode() + b',"x":"\xff"}')
