"""Nodes for trees that lie: every part of a node can be said."""

from producer import cid as cids
from producer import unixfs
from producer.unixfs import Child

from .case import case, content


class Tree:
    """MEDIUM taken apart: leaves, the nodes above them, the root."""

    def __init__(self, book, medium):
        self.book, self.medium = book, medium
        self.builder = unixfs.Builder(book.put)
        self.leaves = [self.builder.leaf(c) for c in
                       unixfs.chunks([medium.body], 8192)]
        self.groups = [self.leaves[i:i + 8]
                       for i in range(0, len(self.leaves), 8)]
        self.nodes = [self.builder.parent(g) for g in self.groups]

    def put(self, block):
        cid = cids.v1(block, cids.DAG_PB)
        self.book.put(block, cid)
        return cid

    def pb(self, children, sizes=None, filesize="sum", type_=unixfs.FILE,
           data=None, links=None, extra=b""):
        """The bytes of a node; what is not given is sound."""
        if sizes is None:
            sizes = [child.size for child in children]
        if filesize == "sum":
            filesize = sum(sizes) + len(data or b"")
        if links is None:
            links = [unixfs.link(c.cid, c.stored) for c in children]
        return unixfs.node(links, unixfs.data_message(
            type_, data, filesize, sizes, extra))

    def root(self, children=None, **lies):
        """Store a root that lies; the children are the four nodes."""
        return self.put(self.pb(children or self.nodes, **lies))

    def above(self, node_block, index=2, size=None):
        """A sound root over the nodes, one of which is this block."""
        nodes = list(self.nodes)
        nodes[index] = Child(self.put(node_block),
                             size or nodes[index].size, len(node_block))
        return self.root(nodes)

    def replaced(self, at, *leaves):
        """A sound tree with other leaves in the place of leaf at."""
        group = list(self.groups[at // 8])
        group[at % 8:at % 8 + 1] = leaves
        return self.above(self.pb(group), at // 8)

    def data(self, at):
        return self.book.get(self.leaves[at].cid)

    def lie(self, name, comment, root, segments=0, outcome="cid_mismatch",
            size=None, **how):
        if size is not None:
            how["core"] = content(size=size)
        case(self.book, name, comment, outcome, self.medium, root=root,
             released=(None if outcome == "ok"
                       else self.medium.prefix(segments)), **how)
