"""Shares that open."""

import json

from producer import cid as cids
from producer import b64u, floe, jose, unixfs

from . import keyset
from .case import FUTURE, IAT, PAST, case, content, to
from .objects import FINE, KIB, LEAF, SEG, Object, noise


def add_to(book, tiny, medium):
    capsules(book, tiny)
    members(book, tiny)
    times(book, tiny)
    recipients(book, tiny)
    records(book, tiny)
    roots(book, tiny)
    sizes(book)
    trees(book, medium)


def capsules(book, tiny):
    case(book, "ok-p256", "Recipient with a P-256 key, owner with Ed25519.",
         "ok", tiny)
    case(book, "ok-x25519", "Recipient with an X25519 key.", "ok", tiny,
         recipients=["bob"], identity="bob")
    case(book, "ok-es256", "The owner signs with ES256; the trusted key has "
         "a kid of its own, no thumbprint.", "ok", tiny,
         key=keyset.OWNER_ES256, kid=keyset.ES256_KID)
    case(book, "ok-es256-second-identity", "The owner is the second name in "
         "the key's array of identities.", "ok", tiny,
         key=keyset.OWNER_ES256, kid=keyset.ES256_KID,
         core=to(owner="owner-two"))
    case(book, "ok-download", "A download where nothing forbids it.", "ok",
         tiny, action="download")
    case(book, "ok-download-allowed", "allowDownload is true.", "ok", tiny,
         action="download", core=to(allowDownload=True))
    case(book, "ok-open-without-download", "allowDownload is false, but it "
         "is only looked at.", "ok", tiny, core=to(allowDownload=False))
    case(book, "ok-policy-allows", "Bound to a policy, which says yes.",
         "ok", tiny, core=to(policyId="policy 1"), extra={"policy": True})
    case(book, "ok-capability-for-other-action", "A capability is required "
         "for downloads only; this is an open.", "ok", tiny,
         core=to(capability={"issuer": "owner", "actions": ["download"]}))
    case(book, "ok-insecure-any-owner", "No trusted owners: the signature of "
         "a stranger does not matter.", "ok", tiny, key=keyset.MALLORY,
         owners="insecure_any")
    case(book, "ok-members-in-other-order", "The payload's members stand in "
         "reverse order, with white space.", "ok", tiny,
         payload_text=lambda text: reversed_members(text))


def reversed_members(text):
    core = json.loads(text)
    turned = dict(reversed(list(core.items())))
    return json.dumps(turned, indent=2) + "\n"


def members(book, tiny):
    case(book, "ok-name-and-type", "A file name and a media type.", "ok",
         tiny, core=content(name="Über uns \"1\".txt", type="text/plain"),
         extra={"name_text": "Über uns \"1\".txt", "type": "text/plain"})
    name = "é" * 127 + "x"
    case(book, "ok-name-of-255-bytes", "The longest name, counted in bytes.",
         "ok", tiny, core=content(name=name), extra={"name_text": name})
    unknown = {"futureMember": {"a": [1, None, 2.5]}}

    def everywhere(record):
        record.update(unknown)
        record["status"].update(unknown)
        record["capsule"].update(unknown)
        record["capsule"]["wraps"][0].update(unknown)

    def in_payload(core):
        core.update(unknown)
        core["content"].update(unknown)

    case(book, "ok-unknown-members", "Members that nobody knows, in every "
         "object of the record and of the payload.", "ok", tiny,
         core=in_payload, record=everywhere)
    case(book, "ok-unknown-protected-member", "A protected header member "
         "that nobody knows, and which no crit names.", "ok", tiny,
         protected=to(futureMember=1))
    case(book, "ok-id-of-128", "The longest id.", "ok", tiny,
         core=to(id="Az09_-" + "x" * 122), asked="Az09_-" + "x" * 122)
    case(book, "ok-identifiers-in-utf8", "A policy id of 128 bytes of UTF-8.",
         "ok", tiny, core=to(policyId="ü" * 64), extra={"policy": True})


def times(book, tiny):
    for name, comment, core in (
            ("exp-far", "Expires in the year 2100.", to(exp=FUTURE)),
            ("exp-int64-max", "The largest time: adding a clock skew must "
             "not overflow.", to(exp=2 ** 63 - 1)),
            ("nbf-past", "Valid since long ago.", to(nbf=PAST)),
            ("nbf-zero", "Zero is a time.", to(nbf=0, iat=0))):
        case(book, "ok-" + name, comment, "ok", tiny, core=core)
    case(book, "ok-exp-in-a-second", "exp is one second after now.", "ok",
         tiny, core=to(exp=FUTURE), extra={"now": FUTURE - 1})
    case(book, "ok-nbf-now", "nbf is now.", "ok", tiny, core=to(nbf=IAT),
         extra={"now": IAT})


def recipients(book, tiny):
    everyone = ["carol", "bob", "alice"]
    case(book, "ok-several-wraps", "Three recipients, ours is the last.",
         "ok", tiny, recipients=everyone)
    case(book, "ok-several-wraps-x25519", "Three recipients, ours is the "
         "one with X25519.", "ok", tiny, recipients=everyone, identity="bob")

    def foreign(wraps):
        return [dict(wraps[0], alg="X-FUTURE-KEM"), wraps[1]]

    case(book, "ok-unknown-alg-in-other-wrap", "Somebody else's wrap has an "
         "algorithm that nobody knows.", "ok", tiny,
         recipients=["bob", "alice"], wraps=foreign)
    old = ("alice", keyset.OLD_ALICE.public_key())
    case(book, "ok-same-name-other-kid", "Two wraps for alice: the first is "
         "for a key that she had before.", "ok", tiny,
         recipients=[old, "alice"])
    mine = ("somebody", keyset.PUBLIC["alice"])
    case(book, "ok-same-kid-other-name", "Alice's key also stands under "
         "another name.", "ok", tiny, recipients=[mine, "alice"])
    case(book, "ok-256-wraps", "As many wraps as there may be, ours is the "
         "last.", "ok", tiny, identity="bob", recipients=["bob"],
         wraps=lambda wraps: crowd(255) + wraps)


def crowd(count):
    """Wraps for people that we do not know, as short as can be."""
    pub = keyset.STRANGER.public_key()
    one = {"kid": jose.thumbprint(pub), "alg": "X-FUTURE-KEM",
           "enc": b64u.encode(bytes(32)), "ct": b64u.encode(bytes(48))}
    return [dict(one, recipient=f"r{i}") for i in range(count)]


def nested(levels):
    return "[" * levels + "]" * levels


def with_member(member):
    """A hook on the record's text: one more member at its end."""
    return lambda text: text[:-1] + "," + member + "}"


def padded(size):
    """A hook on the record's text: an unknown member fills it up."""
    def hook(text):
        room = size - len(text.encode()) - len(',"pad":""')
        return with_member('"pad":"' + "x" * room + '"')(text)
    return hook


def records(book, tiny):
    case(book, "ok-record-8-levels", "Nested as deep as may be: the answer "
         "itself is the first of eight levels.", "ok", tiny,
         record_text=with_member('"deep":' + nested(7)))
    case(book, "ok-record-64-kib", "An answer of exactly 65536 bytes.", "ok",
         tiny, record_text=padded(65536))
    case(book, "ok-record-white-space", "White space around the JSON text is "
         "part of it (RFC 8259 section 2).", "ok", tiny,
         record_text=lambda text: " \n" + text + "\r\n\t")


def roots(book, tiny):
    v1 = tiny.root
    case(book, "ok-cid-upper-base32", "The CID in multibase B.", "ok", tiny,
         root_text=cids.upper(v1))
    case(book, "ok-cid-base58", "A CIDv1 in multibase z.", "ok", tiny,
         root_text=cids.z(v1))
    for name, code in (("sha2-512", cids.SHA2_512),
                       ("blake2b-256", cids.BLAKE2B_256)):
        root = unixfs.Builder(book.put, code=code).leaf(tiny.body).cid
        case(book, "ok-root-" + name, f"The root's hash is {name}.", "ok",
             tiny, root=root)
    root = unixfs.v0_2015(book.put, [tiny.body]).cid
    case(book, "ok-root-v0", "A CIDv0: a dag-pb file of one block.", "ok",
         tiny, root=root)
    case(book, "ok-root-v0-as-v1", "The same block by its CIDv1 in multibase "
         "b; the block is the one of the CIDv0.", "ok", tiny,
         root=cids.v1(book.get(root), cids.DAG_PB))
    book.put(book.get(root), cids.v1(book.get(root), cids.DAG_PB))


def sizes(book):
    room = SEG - floe.OVERHEAD
    for name, comment, size, segment, shape in (
            ("empty", "An empty file: one final segment of 32 bytes.", 0,
             SEG, {}),
            ("one-byte", "One byte.", 1, SEG, {}),
            ("exactly-one-segment", "Exactly one segment's payload: the "
             "final segment is a full one.", room, SEG, {"leaf": LEAF}),
            ("one-byte-more-than-a-segment", "One segment's payload and a "
             "byte.", room + 1, SEG, {"leaf": LEAF}),
            ("exactly-two-segments", "An exact multiple of a segment's "
             "payload.", 2 * room, SEG, {"leaf": SEG}),
            ("segment-256k", "Segments of 262144 bytes.", 262144, 256 * KIB,
             {"leaf": 256 * KIB}),
            ("segment-1m", "Segments of 1048576 bytes, in leaves of as "
             "much.", (1 << 20) - 32 + 100, 1 << 20, {})):
        obj = Object(name, noise(name, size), segment).publish(book, **shape)
        case(book, "ok-" + name, comment, "ok", obj)


def trees(book, medium):
    case(book, "ok-two-levels-of-links", "Raw leaves below interior nodes.",
         "ok", medium)
    case(book, "ok-two-levels-of-links-insecure", "The same, as one streams "
         "it from an owner whom nobody knows.", "ok", medium,
         key=keyset.MALLORY, owners="insecure_any")
    builder = unixfs.Builder(book.put)
    fine = [builder.leaf(c) for c in unixfs.chunks([medium.body],
                                                   FINE["leaf"])]
    for name, comment, root in (
            ("one-level-of-links", "All leaves below the root.",
             builder.parent(fine)),
            ("narrow-tree", "Two links in a node: six levels.",
             builder.balanced(fine, 2)),
            ("uneven", "Leaves at three depths.", builder.uneven(fine, 9)),
            ("v0-dag-pb-leaves", "CIDv0 throughout, dag-pb leaves.",
             unixfs.v0_2015(book.put, [medium.body], leaf=LEAF, width=4))):
        case(book, "ok-" + name, comment, "ok", medium, root=root.cid)
    across = unixfs.chunks([medium.body[57344:73728]], 5000)
    mixed = fine[:7] + [builder.leaf(c) for c in across] + fine[9:]
    case(book, "ok-leaf-across-segments", "A leaf holds the end of one "
         "segment and the start of the next; leaves differ in size.", "ok",
         medium, root=builder.parent(mixed).cid)
