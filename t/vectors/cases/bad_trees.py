"""Trees of wrong shape, kind or encoding; every hash is right.

What is seen at the root releases nothing. What is seen in the third node or
below it releases the two segments before.
"""

from producer import cid as cids
from producer import unixfs
from producer.unixfs import Child

from .bad_sizes import NOTHING, TWO

TYPES = (("raw", 0), ("directory", 1), ("metadata", 3), ("symlink", 4),
         ("hamt", 5), ("7", 7), ("absent", None))


def add_to(tree, tiny):
    inline(tree)
    names(tree)
    types(tree)
    codecs(tree)
    hashes(tree)
    links(tree)
    relabelled(tree, tiny)
    chains(tree, tiny)
    bombs(tree)


def inline(tree):
    rest = tree.builder.parent(tree.groups[0][1:])
    tree.lie("tree-d6-inline-data", "D6: the root holds the first 8192 bytes "
             "itself, the rest is below; all sizes agree." + NOTHING,
             tree.root([rest] + tree.nodes[1:], data=tree.data(0)))
    block = tree.pb(tree.groups[2][1:], data=tree.data(16))
    tree.lie("tree-d6-inline-data-below", "D6: the same in the third node."
             + TWO, tree.above(block), 2)


def names(tree):
    def named(name):
        return tree.root(links=[unixfs.link(n.cid, n.stored, name)
                                for n in tree.nodes])

    tree.lie("tree-d7-link-name", "D7: the links have names." + NOTHING,
             named(b"a"))
    tree.lie("ok-links-without-name", "D7: the links have no Name, which "
             "equals an empty one.", named(None), outcome="ok")


def types(tree):
    for name, type_ in TYPES:
        good = type_ == unixfs.RAW_TYPE
        row = "D9" if type_ in (0, 1, 3, 4, 5) else "D19"
        prefix = "ok-" if good else f"tree-{row.lower()}-"
        outcome = "ok" if good else "cid_mismatch"
        said = f"{row}: %s is of UnixFS type {name}."
        tree.lie(f"{prefix}root-type-{name}", said % "the root"
                 + NOTHING * (not good), tree.root(type_=type_),
                 outcome=outcome)
        tree.lie(f"{prefix}node-type-{name}", said % "the third node"
                 + TWO * (not good), tree.above(
                     tree.pb(tree.groups[2], type_=type_)), 2,
                 outcome=outcome)
        block = unixfs.node([], unixfs.data_message(type_, tree.data(17),
                                                    8192))
        leaf = Child(tree.put(block), 8192, len(block))
        tree.lie(f"{prefix}leaf-type-{name}", said % "a leaf"
                 + TWO * (not good), tree.replaced(17, leaf), 2,
                 outcome=outcome)


def linked(tree, cid, data):
    """A tree whose leaf 17 is linked by this CID."""
    tree.book.put(data, cid)
    return tree.replaced(17, Child(cid, 8192, len(data)))


def codecs(tree):
    data = tree.data(17)
    envelope = unixfs.node([], unixfs.data_message(unixfs.FILE, data, 8192))
    grown = Child(cids.v1(envelope), len(envelope), len(envelope))
    tree.book.put(envelope, grown.cid)
    group = list(tree.groups[2])
    group[1] = grown
    extra = len(envelope) - 8192
    block = tree.pb(group)
    tree.lie("tree-d10-dag-pb-as-raw", "D10: a dag-pb leaf is linked with "
             "the codec raw, so its envelope is content. The tree is sound, "
             "the capsule's size agrees; FLOE decides. Two segments are "
             "released.", tree.above(block, 2, 65536 + extra), 2,
             outcome="invalid_envelope",
             size=len(tree.medium.plain) + extra)
    tree.lie("tree-d11-raw-as-dag-pb", "D11: a raw leaf is linked with the "
             "codec dag-pb." + TWO,
             linked(tree, cids.v1(data, cids.DAG_PB), data), 2)
    for name, codec in (("dag-cbor", cids.DAG_CBOR),
                        ("dag-json", cids.DAG_JSON),
                        ("libp2p-key", cids.LIBP2P_KEY)):
        tree.lie("tree-d12-child-" + name, f"D12: a leaf has the codec "
                 f"{name}." + TWO, linked(tree, cids.v1(data, codec), data),
                 2)


def hashes(tree):
    data = tree.data(17)
    for name, code in (("sha2-512", cids.SHA2_512),
                       ("blake2b-256", cids.BLAKE2B_256)):
        tree.lie("ok-leaf-" + name, f"One leaf's hash is {name}.",
                 linked(tree, cids.v1(data, code=code), data), outcome="ok")
    v0 = unixfs.Builder(tree.book.put, v0=True, dag_leaves=True).leaf(data)
    tree.lie("ok-mixed-leaves", "One leaf is dag-pb with a CIDv0, the others "
             "are raw.", tree.replaced(17, v0), outcome="ok")
    for name, code in (("sha1", cids.SHA1), ("sha3-256", cids.SHA3_256)):
        tree.lie("tree-d20-child-" + name, f"D20, N5: a leaf's hash is {name}."
                 + TWO, linked(tree, cids.v1(data, code=code), data), 2)
    for length in (20, 31):
        tree.lie(f"tree-n4-child-digest-{length}", "N4: a leaf's digest is "
                 f"cut to {length} bytes." + TWO, linked(
                     tree, cids.v1(data, length=length), data), 2)
    for size in (20, 129):
        pair = [tree.builder.leaf(data[:-size])]
        identity = cids.v1(data[-size:], code=cids.IDENTITY)
        tree.book.put(data[-size:], identity)
        pair.append(Child(identity, size, size))
        tree.lie(f"tree-d14-identity-{size}", f"D14: {size} bytes are in an "
                 "identity CID; all sizes agree." + TWO,
                 tree.replaced(17, *pair), 2)


def links(tree):
    leaf = tree.leaves[17]

    def spoiled(link):
        made = [unixfs.link(c.cid, c.stored) for c in tree.groups[2]]
        made[1] = link
        return tree.above(tree.pb(tree.groups[2], links=made))

    cid, tsize = unixfs.field(1, leaf.cid), unixfs.field(3, leaf.stored)
    name = unixfs.field(2, b"")
    for row, what, comment, link in (
            ("d13", "tail", "a byte behind the CID in a link's Hash.",
             unixfs.link(leaf.cid + b"\0", 1)),
            ("d21", "hash-missing", "a link without Hash.", name + tsize),
            ("d21", "hash-empty", "a link with an empty Hash.",
             unixfs.link(b"", 1)),
            ("d21", "hash-garbage", "a Hash that is no CID.",
             unixfs.link(b"\x05garbage", 1)),
            ("d21", "hash-twice", "Hash stands twice.",
             cid + cid + name + tsize),
            ("d21", "fields-reordered", "Name stands before Hash.",
             name + cid + tsize),
            ("d21", "tsize-first", "Tsize stands before Hash.",
             tsize + cid + name),
            ("d21", "unknown-field", "a link has a field 4.",
             cid + name + tsize + unixfs.field(4, 1)),
            ("d21", "hash-as-number", "Hash has the wrong wire type.",
             unixfs.field(1, 7) + name + tsize)):
        tree.lie(f"tree-{row}-link-{what}", f"{row.upper()}: {comment}" + TWO,
                 spoiled(link), 2)


def relabelled(tree, tiny):
    book = tree.book
    block = book.get(tree.medium.root)
    root = cids.v1(block)
    book.put(block, root)
    tree.lie("root-dag-pb-as-raw", "N2: the root node is named with the codec "
             "raw, so its envelope is the content. That is sound, but not "
             "of the capsule's size." + NOTHING, root,
             outcome="invalid_envelope")
    root = cids.v1(tiny.body, cids.DAG_PB)
    book.put(tiny.body, root)
    tree.lie("root-raw-as-dag-pb", "N2: a raw block is named with the codec "
             "dag-pb: it does not parse." + NOTHING, root,
             size=len(tiny.plain))


def chain(tree, leaf, levels):
    top = tree.builder.leaf(leaf)
    for _ in range(levels - 1):
        top = tree.builder.parent([top])
    return top.cid


def chains(tree, tiny):
    from .case import case
    book = tree.book
    case(book, "ok-8-levels", "D15: the root is the first of eight levels, "
         "the only leaf is the eighth.", "ok", tiny,
         root=chain(tree, tiny.body, 8))
    for levels in (9, 50):
        case(book, f"tree-d15-{levels}-levels", f"D15: {levels} levels, one "
             "link in each; the leaf is the last one. Nothing is released.",
             "cid_mismatch", tiny, root=chain(tree, tiny.body, levels))


def bombs(tree):
    top = tree.builder.leaf(tree.medium.body[:65536])
    for _ in range(5):
        top = tree.builder.parent([top] * 174)
    tree.lie("tree-d16-bomb", "D16: 174 links to the same node, five times: "
             "ten petabytes, all sizes agree. The root is not of the "
             "capsule's size." + NOTHING, top.cid,
             outcome="invalid_envelope")
