"""Sealed objects that are wrong, in blocks whose hashes are right."""

import struct

from producer import b64u, capsule, floe, unixfs
from producer.stream import Stream

from .case import case, content
from .objects import FINE, SEG, TEXT, Object, noise

ERROR = "invalid_envelope"
ROOM = SEG - floe.OVERHEAD


def add_to(book, tiny, medium):
    def bad(name, comment, obj, released=0, **how):
        """released: whole segments of the object."""
        case(book, "floe-" + name, comment, ERROR, obj,
             released=obj.prefix(released), **how)

    headers(book, bad, tiny)
    parameters(book, bad)
    tampered(book, bad, medium)
    moved(book, bad, medium)
    lengths(book, bad, medium)
    ends(book, bad, medium)
    sizes(book, bad, tiny, medium)
    older(book, bad)


def flipped(data, at):
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def headers(book, bad, tiny):
    header = tiny.sealed.header
    for name, comment, at in (("iv", "One bit of the IV is flipped.", 10),
                              ("tag", "One bit of the tag is flipped.", 42),
                              ("tag-end", "The tag's last bit is flipped.",
                               73)):
        bad("header-" + name, comment, tiny, core=content(
            header=b64u.encode(flipped(header, at))))
    another = Object("another", TEXT).publish(book)
    bad("header-of-another", "The header of another object.", tiny,
        core=content(header=b64u.encode(another.sealed.header)))
    bad("object-of-another", "The CID of another object of the same size.",
        tiny, root=another.root)
    bad("payload-id-other", "Another payloadId: it is part of the aad.",
        tiny, core=content(payloadId="tinier"))
    bad("payload-id-longer", "The payloadId with something behind it.", tiny,
        core=content(payloadId="tiny2"))


class Claim(Object):
    """One segment under a header with other parameters, its tag right."""

    def __init__(self, label, book, segment=SEG, aad=None, **bad):
        rng = Stream("object " + label)
        self.plain, self.payload_id = TEXT, label
        self.data_key = rng(32)
        aad = capsule.payload_aad(label) if aad is None else aad
        self.floe = floe.start(self.data_key, aad, segment, rng, **bad)
        self.segments = [self.floe.seal_segment(0, TEXT, True, rng)]
        self.sealed = capsule.Sealed(label, self.data_key,
                                     self.floe.header(), len(TEXT))
        self.publish(book)


def parameters(book, bad):
    for name, value in (("0", 0), ("32", 32), ("4096", 4096),
                        ("65535", 65535), ("65537", 65537),
                        ("131072", 131072), ("2097152", 2097152),
                        ("little-endian", 0x00000100),
                        ("4294967295", 2 ** 32 - 1)):
        bad("segment-length-" + name, f"Segments of {value} bytes. The "
            "header's tag is right, and the size fits.",
            Claim("segment-length-" + name, book, value))
    for name, comment, params in (
            ("aead-1", "Another AEAD.", {"aead": 1}),
            ("kdf-1", "Another KDF.", {"kdf": 1}),
            ("iv-length-16", "An IV of 16 bytes.", {"iv_len": 16}),
            ("iv-length-0", "An IV of no byte.", {"iv_len": 0})):
        bad(name, comment + " The header's tag is right.",
            Claim(name, book, **params))
    for name, aad in (("empty", b""), ("without-prefix", b"bare-aad"),
                      ("with-slash", b"meshkit/payload/1/bare-aad")):
        bad("aad-" + name, f"The object was sealed with the aad {aad!r}.",
            Claim("bare-aad", book, aad=aad))


def publish(book, medium, index, segment):
    """MEDIUM with one segment in another's place."""
    segments = list(medium.segments)
    segments[index] = segment
    return medium.changed(segments).publish(book, **FINE)


def tampered(book, bad, medium):
    names = ((0, "first"), (2, "middle"), (3, "last"))
    for index, name in names:
        segment = medium.segments[index]
        for what, comment, at in (
                ("tag", "The tag's last bit is flipped", -1),
                ("ciphertext", "A bit of the ciphertext is flipped", 9000),
                ("iv", "A bit of the IV is flipped", 4)):
            bad(f"{what}-{name}", f"{comment}, in segment {index} of 4.",
                publish(book, medium, index, flipped(segment, at)), index)


def moved(book, bad, medium):
    one, two, three, four = medium.segments
    rng = Stream("floe moved")
    message = medium.floe

    def put(segments):
        return medium.changed(segments).publish(book, **FINE)

    bad("swapped", "Segments 1 and 2 have changed places.",
        put([one, three, two, four]), 1)
    bad("repeated", "Segment 1 stands in the place of segment 2, too.",
        put([one, two, two, four]), 2)
    bad("first-repeated", "Segment 0 stands in the place of segment 1.",
        put([one, one, three, four]), 1)
    tail = medium.plain[3 * ROOM:]
    shifted = message.seal_segment(4, tail, True, rng)
    bad("index-off-by-one", "Segment 3 was sealed as segment 4.",
        publish(book, medium, 3, shifted), 3)
    alien = floe.start(medium.data_key, message.aad, SEG, rng)
    foreign = alien.seal_segment(3, tail, True, rng)
    bad("foreign", "Segment 3 is of another message under the same data key.",
        publish(book, medium, 3, foreign), 3)


def lengths(book, bad, medium):
    last, rng = medium.segments[3], Stream("floe lengths")

    def length(segment, value):
        return struct.pack(">I", value) + segment[4:]

    for name, index, value in (
            ("last-plus-1", 3, len(last) + 1),
            ("last-minus-1", 3, len(last) - 1), ("last-zero", 3, 0),
            ("last-31", 3, 31), ("last-full", 3, SEG),
            ("last-not-final", 3, 2 ** 32 - 1),
            ("first-own-length", 0, SEG), ("first-zero", 0, 0),
            ("middle-own-length", 2, SEG), ("middle-short", 2, 32)):
        bad("length-" + name, f"The length field of segment {index} of 4 is "
            f"{value}.", publish(book, medium, index, length(
                medium.segments[index], value)), index)
    little = struct.pack("<I", len(last)) + last[4:]
    bad("length-last-little-endian", "The last length is little-endian.",
        publish(book, medium, 3, little), 3)
    final = medium.floe.seal_segment(1, medium.plain[ROOM:2 * ROOM], True,
                                     rng)
    bad("final-too-early", "Segment 1 of 4 is a sound final segment.",
        publish(book, medium, 1, final), 1)
    flagged = medium.floe.seal_segment(1, medium.plain[ROOM:2 * ROOM], False,
                                       rng, flag=b"\x01")
    bad("flag-too-early", "Segment 1 of 4 has the final flag in its aad, and "
        "the length field of the others.",
        publish(book, medium, 1, flagged), 1)


def ends(book, bad, medium):
    rng = Stream("floe ends")
    tail = medium.plain[3 * ROOM:]
    unflagged = medium.floe.seal_segment(3, tail, True, rng, flag=b"\x00")
    bad("final-flag-missing", "The last segment has its length, but no final "
        "flag in its aad.", publish(book, medium, 3, unflagged), 3)
    cut = medium.changed(medium.segments[:3]).publish(book, **FINE)
    bad("last-dropped", "The last segment is missing: the file is shorter "
        "than the capsule says.", cut)
    bad("last-dropped-size-fits", "The last segment is missing, and the "
        "capsule's size says so: the third one is not final.", cut, 2,
        core=content(size=3 * ROOM))
    cut = medium.changed(medium.segments[1:]).publish(book, **FINE)
    bad("first-dropped-size-fits", "The first segment is missing, and the "
        "capsule's size says so.", cut,
        core=content(size=len(medium.plain) - ROOM))
    whole = Object("extra-final", noise("extra-final", ROOM))
    first = whole.floe.seal_segment(0, whole.plain, False, rng)
    empty = whole.floe.seal_segment(1, b"", True, rng)
    whole = whole.changed([first, empty]).publish(book, **FINE)
    bad("extra-empty-final", "A further, empty final segment: legal FLOE, "
        "refused here, because the number of segments follows from the "
        "size.", whole)
    alone = whole.changed([first]).publish(book, **FINE)
    bad("no-final-segment", "One full segment that is not the final one.",
        alone)


def sizes(book, bad, tiny, medium):
    for obj, name in ((tiny, "one"), (medium, "many")):
        for change in (-32, -1, 1, 32, ROOM):
            size = len(obj.plain) + change
            if size < 0:
                continue
            word = "smaller" if change < 0 else "larger"
            bad(f"size-{word}-by-{abs(change)}-{name}", "The capsule's size "
                f"is {word} by {abs(change)}; all hashes are right.", obj,
                core=content(size=size))
    bad("size-zero", "The capsule's size is zero.", tiny,
        core=content(size=0))
    more = tiny.changed(tiny.segments + [b"\0"]).publish(book)
    bad("trailing-byte", "A byte behind the final segment.", more)
    bad("trailing-byte-size-fits", "The same, and the capsule's size says "
        "so.", more, core=content(size=len(tiny.plain) + 1))
    nothing = tiny.changed([]).publish(book, build=empty_block)
    bad("no-body", "The object is a block of no byte.", nothing)
    bad("no-body-size-zero", "The same, for an empty file.", nothing,
        core=content(size=0))
    empty = Object("empty-cut", b"")
    cut = empty.changed([empty.segments[0][:31]]).publish(book)
    bad("body-of-31", "A final segment of 31 bytes.", cut)
    broken = empty.changed([flipped(empty.segments[0], -1)]).publish(book)
    bad("empty-file-tag", "An empty file whose segment's tag is wrong.",
        broken)


def empty_block(put, pieces):
    return unixfs.Builder(put).leaf(b"".join(pieces))


def older(book, bad):
    blob = b"EMSH\x01" + noise("emsh", 295)
    old = Object("emsh", noise("emsh plain", 268))
    bad("emsh", "An older password blob: it begins with EMSH. Its size fits, "
        "so that the bytes are looked at; log and suggestion name it.",
        old.changed([blob]).publish(book))
    bad("emsh-size-differs", "The same with a size that does not fit.",
        old.changed([blob + b"x"]).publish(book))
