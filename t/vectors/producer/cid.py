"""Content identifiers: CIDv0 and CIDv1, in binary and in text."""

import base64
import hashlib

RAW, DAG_PB, DAG_CBOR, LIBP2P_KEY = 0x55, 0x70, 0x71, 0x72
DAG_JSON = 0x0129
IDENTITY, SHA1, SHA2_256, SHA2_512 = 0x00, 0x11, 0x12, 0x13
SHA3_256, BLAKE2B_256 = 0x16, 0xb220

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

DIGESTS = {
    IDENTITY: lambda data: data,
    SHA1: lambda data: hashlib.sha1(data).digest(),
    SHA2_256: lambda data: hashlib.sha256(data).digest(),
    SHA2_512: lambda data: hashlib.sha512(data).digest(),
    SHA3_256: lambda data: hashlib.sha3_256(data).digest(),
    BLAKE2B_256: lambda data: hashlib.blake2b(data, digest_size=32).digest(),
}


def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def multihash(data, code=SHA2_256, length=None):
    digest = DIGESTS[code](data)[:length]
    return varint(code) + varint(len(digest)) + digest


def v0(data):
    return multihash(data)


def v1(data, codec=RAW, code=SHA2_256, length=None):
    return b"\x01" + varint(codec) + multihash(data, code, length)


def is_v0(cid):
    return len(cid) == 34 and cid[:2] == b"\x12\x20"


def codec_of(cid):
    """Of one of our own CIDs: the codecs used for blocks take one byte."""
    return DAG_PB if is_v0(cid) else cid[1]


def base58(data):
    n = int.from_bytes(data, "big")
    out = ""
    while n:
        n, digit = divmod(n, 58)
        out = BASE58[digit] + out
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + out


def base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


def text(cid):
    """The canonical text: Qm... for v0, lower-case base32 for v1."""
    return base58(cid) if is_v0(cid) else "b" + base32(cid)


def upper(cid):
    return "B" + base32(cid).upper()


def z(cid):
    return "z" + base58(cid)


def hex_(cid):
    return "f" + cid.hex()


def from_text(value):
    """Of a canonical text only."""
    if value.startswith("Qm"):
        n = 0
        for char in value:
            n = n * 58 + BASE58.index(char)
        return n.to_bytes(34, "big")
    body = value[1:].upper()
    return base64.b32decode(body + "=" * (-len(body) % 8))
