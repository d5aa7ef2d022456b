"""Gateways that serve wrong bytes, or none."""

from producer import cid as cids
from producer import floe, unixfs

from .case import case, content
from .objects import SEG

WRONG, NONE = "cid_mismatch", "provider_http_error"
LIMIT = 2 << 20


def add_to(book, tiny, medium):
    wrong(book, tiny, medium)
    missing(book, tiny, medium)
    too_large(book, medium)


def places(book, medium):
    """(name, CID, whole segments before it)"""
    nodes = unixfs.links_of(book.get(medium.root))
    leaves = [leaf for node in nodes
              for leaf in unixfs.links_of(book.get(node))]
    return (("root", medium.root, 0), ("first-node", nodes[0], 0),
            ("third-node", nodes[2], 2), ("first-leaf", leaves[0], 0),
            ("middle-leaf", leaves[17], 2), ("last-leaf", leaves[-1], 3))


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def wrong(book, tiny, medium):
    def bad(name, comment, data, obj, at, segments):
        name = "block-" + name
        case(book, name, comment, WRONG, obj, released=obj.prefix(segments),
             extra={"blocks": {cids.text(at): book.altered(name, data)}})

    sound = book.get(tiny.root)
    bad("flipped-only", "One bit of the only block is flipped.",
        flip(sound, 100), tiny, tiny.root, 0)
    for name, at, segments in places(book, medium):
        data = book.get(at)
        bad("flipped-" + name, "One bit is flipped: " + name + ".",
            flip(data, len(data) // 2), medium, at, segments)
    middle = places(book, medium)[4]
    data, at = book.get(middle[1]), middle[1]
    for name, comment, served in (
            ("truncated", "The last byte of a leaf is missing.", data[:-1]),
            ("half", "Half of a leaf.", data[:4096]),
            ("empty", "A leaf without a byte.", b""),
            ("longer", "A byte behind a leaf.", data + b"\0"),
            ("of-another-leaf", "Another leaf's bytes.",
             book.get(places(book, medium)[3][1])),
            ("of-html", "A page instead of a leaf.",
             b"<!doctype html><title>Sign in</title>\n")):
        bad(name, comment, served, medium, at, 2)


def missing(book, tiny, medium):
    def gone(name, obj, at, segments):
        case(book, "missing-" + name, "The gateway says 404: " + name + ".",
             NONE, obj, released=obj.prefix(segments),
             extra={"missing": [cids.text(at)]})

    gone("only", tiny, tiny.root, 0)
    for name, at, segments in places(book, medium):
        gone(name, medium, at, segments)


def too_large(book, medium):
    """Zeros with the right hash, just above the limit; not stored."""
    big, served = of_zeros(LIMIT + 33)
    case(book, "block-too-large", "The only block is above 2 MiB: 33 bytes, "
         "so that there is a plaintext of that size. Its hash is right.",
         WRONG, medium, root=big.cid, extra=served,
         core=content(size=plain_size(big.size)))
    big, served = of_zeros(LIMIT + 1)
    nodes = unixfs.links_of(book.get(medium.root))
    leaf = unixfs.links_of(book.get(nodes[1]))[0]
    children = [unixfs.Child(nodes[0], SEG, SEG),
                unixfs.Child(leaf, SEG // 8, SEG // 8), big]
    root = unixfs.Builder(book.put).parent(children)
    case(book, "block-too-large-leaf", "The last part is a leaf of 2 MiB and "
         "one byte; hash and size are right.", WRONG, medium, root=root.cid,
         released=medium.prefix(1), extra=served,
         core=content(size=plain_size(root.size)))


def of_zeros(size):
    cid = cids.v1(bytes(size))
    return (unixfs.Child(cid, size, size), {"zeros": {cids.text(cid): size}})


def plain_size(body):
    """The plaintext size that makes a body of this size."""
    return body - floe.OVERHEAD * -(-body // SEG)
