"""C2SP FLOE with AES-256-GCM and HKDF-Expand-SHA-384 (format.md section 1).

The header stays apart from the body, as in a capsule.
"""

import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER_LEN = 74
OVERHEAD = 32
ROTATION = 1 << 20
FULL = b"\xff\xff\xff\xff"


class FloeError(ValueError):
    pass


def params(segment, aead=0, kdf=0, iv_len=32):
    return struct.pack(">BBII", aead, kdf, segment, iv_len)


def segments_of(size, segment):
    return max(1, -(-size // (segment - OVERHEAD)))


def body_size(size, segment):
    return size + OVERHEAD * segments_of(size, segment)


class Floe:
    """One message: the key, the header's first half and the aad."""

    def __init__(self, key, prefix, aad, rotation=ROTATION):
        self.key = key
        self.prefix = prefix            # params and IV
        self.aad = aad
        self.rotation = rotation
        self.segment = struct.unpack(">I", prefix[2:6])[0]
        self.message_key = self._derive(key, b"MESSAGE_KEY:")

    def _derive(self, key, purpose):
        # HKDF-Expand of one block: T(1) = HMAC(key, info || 01)
        info = self.prefix + purpose + self.aad
        return hmac.digest(key, info + b"\x01", "sha384")

    def header(self):
        return self.prefix + self._derive(self.key, b"HEADER_TAG:")[:32]

    def _cipher(self, index):
        first = index - index % self.rotation
        purpose = b"DEK:" + struct.pack(">Q", first)
        return AESGCM(self._derive(self.message_key, purpose)[:32])

    def seal_segment(self, index, plain, final, rng, flag=None, length=None):
        """flag and length are for those who want to lie."""
        if length is None:
            length = (struct.pack(">I", len(plain) + OVERHEAD) if final
                      else FULL)
        if flag is None:
            flag = b"\x01" if final else b"\x00"
        iv = rng(12)
        aad = struct.pack(">Q", index) + flag
        return length + iv + self._cipher(index).encrypt(iv, plain, aad)

    def open_segment(self, index, data, final):
        want = struct.pack(">I", len(data)) if final else FULL
        if data[:4] != want or len(data) < OVERHEAD:
            raise FloeError("length field")
        if not final and len(data) != self.segment:
            raise FloeError("short segment")
        aad = struct.pack(">Q", index) + (b"\x01" if final else b"\x00")
        try:
            return self._cipher(index).decrypt(data[4:16], data[16:], aad)
        except InvalidTag:
            raise FloeError("segment tag") from None


def start(key, aad, segment, rng, **bad):
    """A new message; rng gives its IV."""
    return Floe(key, params(segment, **bad) + rng(32), aad)


def open_header(key, header, aad, rotation=ROTATION):
    floe = Floe(key, header[:42], aad, rotation)
    if header[:2] != b"\0\0" or header[6:10] != struct.pack(">I", 32):
        raise FloeError("parameters")
    if not hmac.compare_digest(floe.header(), header):
        raise FloeError("header tag")
    return floe


def seal(floe, chunks, rng):
    """Yield the sealed segments of a stream of byte strings."""
    room = floe.segment - OVERHEAD
    index, held = 0, b""
    for chunk in chunks:
        held += chunk
        while len(held) > room:
            yield floe.seal_segment(index, held[:room], False, rng)
            index, held = index + 1, held[room:]
    yield floe.seal_segment(index, held, True, rng)


def open_body(floe, body):
    """Open a whole body, a last empty segment allowed as FLOE does."""
    out, index = [], 0
    while body[:4] == FULL:
        out.append(floe.open_segment(index, body[:floe.segment], False))
        body, index = body[floe.segment:], index + 1
    out.append(floe.open_segment(index, body, True))
    return b"".join(out)
