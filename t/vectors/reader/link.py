"""CIDs that are accepted: parsed from text and from binary."""

import base64

from producer import cid as cids

NATURAL = {cids.SHA2_256: 32, cids.SHA2_512: 64, cids.BLAKE2B_256: 32}


def varint(data, most=9):
    """(value, rest); minimal, at most 9 bytes."""
    value = shift = 0
    for at, byte in enumerate(data[:most]):
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            if byte == 0 and at > 0:
                raise ValueError("not minimal")
            return value, data[at + 1:]
    raise ValueError("varint")


def parse(data):
    """(codec, hash, digest)"""
    if cids.is_v0(data):
        return cids.DAG_PB, cids.SHA2_256, data[2:]
    version, rest = varint(data)
    codec, rest = varint(rest)
    code, rest = varint(rest)
    length, rest = varint(rest)
    if (version != 1 or codec not in (cids.RAW, cids.DAG_PB)
            or NATURAL.get(code) != length or len(rest) != length):
        raise ValueError("a CID that we refuse")
    return codec, code, rest


def unbase58(text):
    n = 0
    for char in text:
        n = n * 58 + cids.BASE58.index(char)
    return n.to_bytes((n.bit_length() + 7) // 8, "big")


def from_text(text):
    """The binary form of a text in v0, b, B or z."""
    if len(text) == 46 and text.startswith("Qm"):
        data = unbase58(text)
        if not cids.is_v0(data):
            raise ValueError("CIDv0")
        return data
    kind, body = text[:1], text[1:]
    if kind == "z":
        data = unbase58(body)
    elif kind == "b" and body == body.lower() or \
            kind == "B" and body == body.upper():
        body = body.upper()
        data = base64.b32decode(body + "=" * (-len(body) % 8))
        if cids.base32(data).upper() != body:
            raise ValueError("trailing bits")
    else:
        raise ValueError("multibase")
    if data[:1] == b"\x12":
        raise ValueError("CIDv0 behind a multibase prefix")
    parse(data)
    return data
