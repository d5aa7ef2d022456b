"""dag-pb and UnixFS messages that are malformed; every hash is right."""

from producer import cid as cids
from producer import floe, unixfs
from producer.unixfs import Child, field

from .bad_sizes import NOTHING, TWO
from .case import case, content
from .objects import Object, noise


def add_to(tree, tiny):
    messages(tree)
    unixfs_messages(tree)
    single(tree, tiny)
    many_links(tree)


def parts(tree):
    links = [field(2, unixfs.link(n.cid, n.stored)) for n in tree.nodes]
    sizes = [n.size for n in tree.nodes]
    data = field(1, unixfs.data_message(unixfs.FILE, None, sum(sizes),
                                        sizes))
    return links, data


def messages(tree):
    links, data = parts(tree)
    every = b"".join(links)
    tree.lie("ok-data-before-links", "dag-pb with Data before Links: writers "
             "do it the other way round, readers accept either. A choice.",
             tree.put(data + every), outcome="ok")
    for what, comment, block in (
            ("data-twice", "Data stands twice.", every + data + data),
            ("data-between-links", "Data stands between the links.",
             links[0] + data + b"".join(links[1:])),
            ("data-first-and-last", "Data stands before and behind.",
             data + every + data),
            ("unknown-field", "the node has a field 3.",
             every + data + field(3, 1)),
            ("data-as-number", "Data has the wrong wire type.",
             every + field(1, 5)),
            ("truncated", "the node's last byte is missing.",
             (every + data)[:-1]),
            ("trailing-zero", "a zero byte behind the node.",
             every + data + b"\0"),
            ("group-wire-type", "a wire type that protobuf gave up.",
             every + data + b"\x1b")):
        tree.lie("tree-d21-node-" + what, "D21: " + comment + NOTHING,
                 tree.put(block))
    for what, comment, block in (
            ("empty", "a block of no byte, with the codec dag-pb.", b""),
            ("links-only", "links, and no Data.", every),
            ("data-empty", "an empty UnixFS message.", every + field(1, b"")),
            ("data-garbage", "Data that is no UnixFS message.",
             every + field(1, b"\xff\xff\xff\xff"))):
        tree.lie("tree-d19-node-" + what, "D19: " + comment + NOTHING,
                 tree.put(block))


def unixfs_messages(tree):
    sizes = [n.size for n in tree.nodes]
    total = field(3, sum(sizes))
    type_, listed = field(1, 2), b"".join(field(4, n) for n in sizes)
    links, _ = parts(tree)

    def root(message):
        return tree.put(b"".join(links) + field(1, message))

    packed = b"".join(cids.varint(n) for n in sizes)
    tree.lie("tree-d8-blocksizes-packed", "D8: packed blocksizes. A choice: "
             "no writer makes them, so they are refused." + NOTHING,
             root(type_ + total + field(4, packed)))
    for what, comment, message in (
            ("type-twice", "Type stands twice.",
             type_ + type_ + total + listed),
            ("type-directory-then-file", "Type stands twice, and differs.",
             field(1, 1) + type_ + total + listed),
            ("filesize-twice", "filesize stands twice, and differs.",
             type_ + field(3, 1) + total + listed),
            ("type-as-bytes", "Type has the wrong wire type.",
             field(1, b"\x02") + total + listed),
            ("truncated", "the UnixFS message ends inside a number.",
             type_ + total + listed + b"\x20\xff")):
        tree.lie("tree-d21-unixfs-" + what, "D21: " + comment + NOTHING,
                 root(message))
    mtime = field(8, field(1, 1700000000))
    tree.lie("ok-mode-and-mtime", "The root has UnixFS 1.5's mode and mtime.",
             root(type_ + total + listed + field(7, 0o644) + mtime),
             outcome="ok")
    data = tree.data(17)
    message = type_ + field(2, data[:1]) + field(2, data) + field(3, 8192)
    block = unixfs.node([], message)
    leaf = Child(tree.put(block), 8192, len(block))
    tree.lie("tree-d21-unixfs-data-twice", "D21: a leaf's data stands twice, "
             "and differs." + TWO, tree.replaced(17, leaf), 2)


def single(tree, tiny):
    """A file of one dag-pb block."""
    body = tiny.body

    def one(name, comment, outcome, message, size=None):
        root = tree.put(unixfs.node([], message))
        how = {} if size is None else {"core": content(size=size)}
        case(tree.book, name, comment, outcome, tiny, root=root, **how)

    make = unixfs.data_message
    one("ok-single-dag-pb", "The file is one dag-pb block with a CIDv1.",
        "ok", make(unixfs.FILE, body, len(body)))
    one("ok-single-dag-pb-type-raw", "The same, of UnixFS type Raw.", "ok",
        make(unixfs.RAW_TYPE, body, len(body)))
    for name, value in (("plus-1", len(body) + 1), ("zero", 0),
                        ("absent", None)):
        one(f"tree-d2-single-filesize-{name}", "D2: a file of one dag-pb "
            f"block whose filesize is {value}." + NOTHING, "cid_mismatch",
            make(unixfs.FILE, body, value))
    one("tree-single-without-data", "A dag-pb file without data and link, "
        "whose filesize is the right one." + NOTHING, "cid_mismatch",
        make(unixfs.FILE, None, len(body)))
    one("tree-single-empty-file", "A sound, empty UnixFS file: FLOE has no "
        "object of no byte." + NOTHING, "invalid_envelope",
        make(unixfs.FILE, None, 0), size=0)
    one("tree-single-symlink", "D9: the file's bytes are a symbolic link's "
        "target." + NOTHING, "cid_mismatch",
        make(unixfs.SYMLINK, body, len(body)))


def many_links(tree):
    """One link for every byte of the body."""
    for links, outcome in ((8192, "ok"), (8193, "cid_mismatch")):
        obj = Object(f"links-{links}", noise("links", links - floe.OVERHEAD))
        build = unixfs.Builder(tree.book.put)
        top = build.parent([build.leaf(bytes([c])) for c in obj.body])
        name = "ok-8192-links" if outcome == "ok" else "tree-d18-8193-links"
        case(tree.book, name, f"D18: a node with {links} links, each to a "
             "leaf of one byte; many leaves are the same.", outcome, obj,
             root=top.cid)
