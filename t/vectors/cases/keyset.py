"""The keys of the vectors. Everybody knows them: they are for tests only."""

import json

from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

from producer import hpke, jose
from producer.stream import Stream


def p256(name):
    return hpke.p256_private(Stream("key " + name)(32))


def of_x25519(name):
    return x25519.X25519PrivateKey.from_private_bytes(
        Stream("key " + name)(32))


def of_ed25519(name):
    return ed25519.Ed25519PrivateKey.from_private_bytes(
        Stream("key " + name)(32))


# Who opens.
ALICE, BOB, CAROL = p256("alice"), of_x25519("bob"), p256("carol")
# Whom the gateway has no key of: alice's old key, and others.
OLD_ALICE, STRANGER = p256("old alice"), of_x25519("stranger")

# Who signs. The kid of the second one is set, not a thumbprint.
OWNER = of_ed25519("owner-ed25519")
OWNER_ES256 = p256("owner-es256")
ES256_KID = "owner-es256-2025"
OTHER_OWNER = of_ed25519("other-owner")
NAMELESS = of_ed25519("nameless")
MALLORY = of_ed25519("mallory")
MALLORY_ES256 = p256("mallory-es256")

PUBLIC = {"alice": ALICE.public_key(), "bob": BOB.public_key(),
          "carol": CAROL.public_key()}

README = """These keys are for tests only: they are public and made from a \
fixed seed. Never use them for anything else.
"""


def trusted(private, identity=None, kid=None):
    pub = private.public_key()
    key = dict(jose.jwk(pub), use="sig", alg=jose.alg_of(private),
               kid=kid or jose.thumbprint(pub))
    if identity is not None:
        key["identity"] = identity
    return key


def add_to(book):
    privates = {"alice": ALICE, "bob": BOB, "carol": CAROL,
                "owner-ed25519": OWNER, "owner-es256": OWNER_ES256,
                "other-owner-ed25519": OTHER_OWNER,
                "nameless-ed25519": NAMELESS, "mallory-ed25519": MALLORY,
                "mallory-es256": MALLORY_ES256}
    for name, key in privates.items():
        book.keys[name + ".pem"] = jose.pem(key)
    owners = [trusted(OWNER, "owner"),
              trusted(OWNER_ES256, ["owner", "owner-two"], ES256_KID),
              trusted(OTHER_OWNER, "other-owner"),
              trusted(NAMELESS)]
    readers = [dict(jose.jwk(pub), use="enc", kid=jose.thumbprint(pub),
                    identity=name) for name, pub in PUBLIC.items()]
    for name, keys in (("owners", owners), ("recipients", readers)):
        text = json.dumps({"keys": keys}, indent=2) + "\n"
        book.keys[name + ".jwks"] = text.encode()
    book.keys["README"] = README.encode()
