"""The sealed objects that the vectors share.

Most vectors are about a capsule and use TINY, one raw block. Those about
segments and trees use MEDIUM: four segments, the last one short, in raw
leaves of 8 KiB, eight to a node: so each node below the root is a segment.
What the vectors have in common is stored once.
"""

import copy

from producer import capsule, floe, unixfs
from producer.stream import Stream

KIB = 1024
SEG = 64 * KIB
LEAF = SEG // 2
FINE = {"leaf": SEG // 8, "width": 8}
TEXT = (b"This is a small file. It was sealed by the producer of the "
        b"vectors, which shares no code with the module that opens it.\n")


class Object:
    """A sealed object: its plaintext, its segments, its root."""

    def __init__(self, label, plain, segment=SEG, **bad):
        self.rng = Stream("object " + label)
        self.plain = plain
        self.payload_id = label
        self.data_key, self.floe = capsule.seal(label, segment, self.rng,
                                                **bad)
        self.segments = list(floe.seal(self.floe, [plain], self.rng))
        self.sealed = capsule.Sealed(label, self.data_key,
                                     self.floe.header(), len(plain))
        self.root = None

    @property
    def body(self):
        return b"".join(self.segments)

    def prefix(self, segments):
        """The plaintext of the first so many segments."""
        return self.plain[:segments * (self.floe.segment - floe.OVERHEAD)]

    def changed(self, segments):
        """The same object with other segments under the same header."""
        other = copy.copy(self)
        other.segments = segments
        return other

    def publish(self, book, build=unixfs.v1_2025, **shape):
        self.root = build(book.put, [self.body], **shape).cid
        return self


def noise(label, size):
    return Stream("plain " + label)(size)


def tiny(book):
    return Object("tiny", TEXT).publish(book)


def medium(book):
    plain = noise("medium", 3 * (SEG - floe.OVERHEAD) + 20000)
    return Object("medium", plain).publish(book, **FINE)
