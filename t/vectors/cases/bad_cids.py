"""Root CIDs that we refuse, by kind and by text."""

from producer import b64u
from producer import cid as cids

from .case import case

ERROR = "invalid_capsule"


def add_to(book, tiny):
    body, root = tiny.body, tiny.root

    def bad(name, comment, text):
        case(book, "cid-" + name, comment, ERROR, tiny, root_text=text)

    kinds(bad, body)
    texts(bad, root)
    binaries(bad, root, body)


def kinds(bad, body):
    for name, codec in (("dag-cbor", cids.DAG_CBOR),
                        ("dag-json", cids.DAG_JSON),
                        ("libp2p-key", cids.LIBP2P_KEY), ("car", 0x0202),
                        ("codec-zero", 0)):
        bad(name, f"The codec is {name}.", cids.text(cids.v1(body, codec)))
    for name, code in (("sha1", cids.SHA1), ("sha3-256", cids.SHA3_256),
                       ("identity", cids.IDENTITY)):
        data = body if name != "identity" else body[:64]
        bad(name, f"The hash is {name}.",
            cids.text(cids.v1(data, code=code)))
    blake3 = b"\x01\x55\x1e\x20" + bytes(32)
    bad("blake3", "The hash is blake3.", cids.text(blake3))
    bad("identity-empty", "The empty identity CID, which every gateway "
        "serves.", "bafkqaaa")


def texts(bad, root):
    good = cids.text(root)
    v0 = cids.base58(root[2:])
    for name, comment, text in (
            ("empty", "No text.", ""),
            ("garbage", "Not a CID.", "not a cid"),
            ("base16", "Multibase f.", cids.hex_(root)),
            ("base64url", "Multibase u.", "u" + b64u.encode(root)),
            ("without-multibase", "The multibase prefix is missing.",
             good[1:]),
            ("path", "A path instead of a CID.", "/ipfs/" + good),
            ("sub-path", "A CID and a path below it.", good + "/a"),
            ("query", "A CID and a query.", good + "?format=raw"),
            ("space", "A space in front.", " " + good),
            ("line-feed", "A line feed at the end.", good + "\n"),
            ("nul", "A NUL at the end.", good + "\0"),
            ("base32-padded", "Base32 with padding.", good + "======"),
            ("base32-truncated", "The last character is missing.",
             good[:-1]),
            ("base32-bad-character", "A character that base32 has not.",
             good[:20] + "1" + good[21:]),
            ("base58-bad-character", "A character that base58 has not.",
             v0[:20] + "0" + v0[21:]),
            ("v0-truncated", "45 characters of a CIDv0.", v0[:-1]),
            ("v0-longer", "47 characters.", v0 + "1"),
            ("v0-lower-case", "N3: a CIDv0 as a host name would have it.",
             v0.lower()),
            ("v0-in-multibase", "A CIDv0 behind multibase z.", "z" + v0),
            ("v0-in-base32", "A CIDv0 behind multibase b.",
             "b" + cids.base32(root[2:]))):
        bad("text-" + name, comment, text)
    bits = "abcdefghijklmnopqrstuvwxyz234567"
    last = bits[bits.index(good[-1]) + 1]
    bad("text-base32-trailing-bits", "An unused bit of base32 is set.",
        good[:-1] + last)


def binaries(bad, root, body):
    digest = root[4:]
    half = cids.DIGESTS[cids.SHA2_512](body)[:32]
    for name, comment, binary in (
            ("version-0", "Version 0 in a CIDv1's place.",
             b"\0" + root[1:]),
            ("version-2", "Version 2.", b"\2" + root[1:]),
            ("digest-truncated", "A digest of 20 bytes, and a length that "
             "says so.", root[:3] + b"\x14" + digest[:20]),
            ("digest-short", "A digest of 31 bytes, and a length that says "
             "so.", root[:3] + b"\x1f" + digest[:31]),
            ("digest-missing-byte", "The length says 32, 31 bytes follow.",
             root[:-1]),
            ("digest-empty", "A digest of no byte.", root[:3] + b"\0"),
            ("digest-truncated-sha2-512", "32 bytes of sha2-512.",
             b"\x01\x55\x13\x20" + half),
            ("trailing-byte", "A byte behind the digest.", root + b"\0"),
            ("varint-overlong-version", "The version as 81 00.",
             b"\x81\x00" + root[1:]),
            ("varint-overlong-codec", "The codec as d5 00.",
             b"\x01\xd5\x00" + root[2:]),
            ("varint-overlong-length", "The length as a0 00.",
             root[:3] + b"\xa0\x00" + digest),
            ("varint-endless", "A codec of ten bytes.",
             b"\x01" + b"\xff" * 10 + root[2:]),
            ("only-version", "Nothing behind the version.", b"\x01")):
        bad(name, comment, "b" + cids.base32(binary))
