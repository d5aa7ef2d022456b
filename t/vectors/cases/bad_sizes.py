"""Trees that lie about sizes; every hash is right.

What is seen at the root releases nothing. What is seen in the third node or
below it releases the two segments before.
"""

from producer import unixfs
from producer.unixfs import Child

NOTHING = " Seen at the root, so nothing is released."
TWO = " Seen in the third node, so two segments are released."


def add_to(tree):
    counts(tree)
    filesizes(tree)
    leaves(tree)
    nodes(tree)
    overflows(tree)
    empty_children(tree)
    tsizes(tree)


def counts(tree):
    a, b, c, d = [node.size for node in tree.nodes]
    for name, comment, sizes in (
            ("fewer", "One blocksize fewer than links; the sum is right.",
             [a, b, c + d]),
            ("more", "One blocksize more than links; the sum is right.",
             [a, b, c, 1, d - 1]),
            ("none", "Links, and no blocksize.", [])):
        tree.lie("tree-d1-blocksizes-" + name, "D1: " + comment + NOTHING,
                 tree.root(sizes=sizes, filesize=a + b + c + d))
    tree.lie("tree-d1-blocksizes-fewer-below", "D1: in the third node." + TWO,
             tree.above(tree.pb(tree.groups[2],
                                sizes=[8192] * 6 + [16384])), 2)
    block = unixfs.node([], unixfs.data_message(
        unixfs.FILE, tree.data(17), 8192, [8192]))
    leaf = Child(tree.put(block), 8192, len(block))
    tree.lie("tree-d1-blocksize-in-leaf", "D1: a dag-pb leaf with data, no "
             "link and a blocksize." + TWO, tree.replaced(17, leaf), 2)


def filesizes(tree):
    total = sum(node.size for node in tree.nodes)
    for name, value in (("plus-1", total + 1), ("minus-1", total - 1),
                        ("zero", 0), ("2-63", 2 ** 63),
                        ("2-64-minus-1", 2 ** 64 - 1), ("absent", None)):
        tree.lie("tree-d2-filesize-" + name, f"D2: the root's filesize is "
                 f"{value}, its blocksizes are right." + NOTHING,
                 tree.root(filesize=value))
    tree.lie("tree-d2-filesize-plus-1-as-capsule", "D2: the root's filesize "
             "is one too many, and the capsule's size agrees with it."
             + NOTHING, tree.root(filesize=total + 1),
             size=len(tree.medium.plain) + 1)
    for name, value in (("plus-1", 65537), ("minus-1", 65535),
                        ("absent", None)):
        tree.lie(f"tree-d2-filesize-{name}-below", "D2: the filesize of the "
                 f"third node is {value}, its blocksizes are right." + TWO,
                 tree.above(tree.pb(tree.groups[2], filesize=value)), 2)
    for name, value in (("plus-1", 8193), ("minus-1", 8191),
                        ("absent", None)):
        block = unixfs.node([], unixfs.data_message(
            unixfs.FILE, tree.data(17), value))
        leaf = Child(tree.put(block), 8192, len(block))
        tree.lie(f"tree-d2-filesize-{name}-leaf", "D2: a dag-pb leaf of 8192 "
                 f"bytes has the filesize {value}." + TWO,
                 tree.replaced(17, leaf), 2)


def recut(tree, at, by):
    """Leaves at and at+1, their border moved by so many bytes."""
    both = tree.data(at) + tree.data(at + 1)
    cut = 8192 + by
    return [tree.builder.leaf(both[:cut]), tree.builder.leaf(both[cut:])]


def leaves(tree):
    for name, by in (("shorter", -10), ("longer", 10)):
        for where, at in (("first", 0), ("middle", 17)):
            group = list(tree.groups[at // 8])
            group[at % 8:at % 8 + 2] = recut(tree, at, by)
            block = tree.pb(group, sizes=[8192] * 8)
            tree.lie(f"tree-d3-{where}-leaf-{name}", "D3: a leaf is "
                     f"{name} by 10 bytes than its blocksize, the next one "
                     "makes up for it. The concatenation is the file; "
                     "the segments before that leaf are released.",
                     tree.above(block, at // 8), at // 8)
    last = tree.data(26)
    for name, data in (("shorter", last[:-10]), ("longer", last + b"0123")):
        group = tree.groups[3][:-1] + [tree.builder.leaf(data)]
        block = tree.pb(group, sizes=[8192, 8192, len(last)])
        tree.lie(f"tree-d3-last-leaf-{name}", f"D3: the last leaf is {name} "
                 "than its blocksize. The three segments before are "
                 "released.", tree.above(block, 3), 3)
    block = unixfs.node([], unixfs.data_message(
        unixfs.FILE, tree.data(17)[:-1], 8191))
    leaf = Child(tree.put(block), 8192, len(block))
    tree.lie("tree-d3-dag-pb-leaf-shorter", "D3: a dag-pb leaf, sound in "
             "itself, is shorter than its blocksize." + TWO,
             tree.replaced(17, leaf), 2)


def nodes(tree):
    whole = tree.groups[2] + tree.groups[3]
    for name, count in (("shorter", 7), ("longer", 9)):
        pair = [tree.builder.parent(whole[:count]),
                tree.builder.parent(whole[count:])]
        sizes = [node.size for node in tree.nodes]
        root = tree.root(tree.nodes[:2] + pair, sizes=sizes)
        tree.lie(f"tree-d3-node-{name}", "D3: the third node, sound in "
                 f"itself, is a leaf {name} than the root's blocksize; the "
                 "fourth makes up for it." + TWO, root, 2)


def overflows(tree):
    sizes = [node.size for node in tree.nodes]
    wrapped = [sizes[0] + 2 ** 63, sizes[1] + 2 ** 63] + sizes[2:]
    tree.lie("tree-d4-sum-wraps", "D4: the blocksizes sum up to filesize "
             "modulo 2^64." + NOTHING,
             tree.root(sizes=wrapped, filesize=sum(sizes)))
    wrapped = sizes[:2] + [2 ** 64 - 1, sizes[2] + sizes[3] + 1]
    tree.lie("tree-d4-minus-one", "D4: a blocksize of 2^64 - 1 takes one "
             "away from the sum." + NOTHING,
             tree.root(sizes=wrapped, filesize=sum(sizes)))
    tree.lie("tree-d4-huge", "D4: a blocksize of 2^62, and a filesize that "
             "agrees: the tree is sound as far as one sees, but not of the "
             "capsule's size." + NOTHING,
             tree.root(sizes=sizes[:3] + [2 ** 62]),
             outcome="invalid_envelope")
    tree.lie("tree-d4-above-2-63", "D4: the same above 2^63. A choice: such "
             "a sum is refused as a contradiction." + NOTHING,
             tree.root(sizes=sizes[:3] + [2 ** 63]))
    huge = unixfs.cids.varint(4 << 3) + b"\xff" * 10 + b"\x01"
    tree.lie("tree-d4-varint-too-long", "D4: a blocksize of eleven varint "
             "bytes." + NOTHING, tree.root(sizes=sizes[:3], extra=huge,
                                           filesize=sum(sizes)))


def empty_children(tree):
    nothing = tree.builder.leaf(b"")
    tree.lie("tree-d17-empty-child", "D17: one of the root's children is "
             "empty, and its blocksize says so." + NOTHING,
             tree.root(tree.nodes[:2] + [nothing] + tree.nodes[2:]))
    tree.lie("tree-d17-empty-child-below", "D17: the same in the third node."
             + TWO, tree.above(tree.pb([nothing] + tree.groups[2])), 2)
    root = tree.root(tree.nodes[:3] + [nothing],
                     sizes=[node.size for node in tree.nodes])
    tree.lie("tree-d3-empty-leaf", "D3: the last child is empty, its "
             "blocksize is not. Three segments are released.", root, 3)


def tsizes(tree):
    for name, value in (("zero", 0), ("absent", None), ("huge", 2 ** 62)):
        links = [unixfs.link(node.cid, value) for node in tree.nodes]
        tree.lie("ok-tsize-" + name, f"D5: Tsize is {value} in every link of "
                 "the root. It is a hint that nobody needs.",
                 tree.root(links=links), outcome="ok")
