"""UnixFS files: the two messages, and the shapes that builders give them."""

from dataclasses import dataclass

from . import cid as cids

RAW_TYPE, DIRECTORY, FILE, METADATA, SYMLINK, HAMT = range(6)
MIB = 1 << 20


def field(number, value):
    """One protobuf field: an int is a varint, bytes are a string."""
    if isinstance(value, int):
        return cids.varint(number << 3) + cids.varint(value)
    return (cids.varint(number << 3 | 2) + cids.varint(len(value))
            + bytes(value))


def data_message(type_=FILE, data=None, filesize=None, blocksizes=(),
                 extra=b""):
    """The UnixFS message; None leaves a field out."""
    out = b"" if type_ is None else field(1, type_)
    if data is not None:
        out += field(2, data)
    if filesize is not None:
        out += field(3, filesize)
    for size in blocksizes:
        out += field(4, size)
    return out + extra


def link(cid, tsize=None, name=b"", extra=b""):
    """A PBLink message; None leaves a field out."""
    out = field(1, cid)
    if name is not None:
        out += field(2, name)
    if tsize is not None:
        out += field(3, tsize)
    return out + extra


def node(links, data):
    """A dag-pb node of PBLink messages and a data message."""
    return b"".join(field(2, each) for each in links) + field(1, data)


@dataclass
class Child:
    """What a parent knows: the CID, file bytes below, stored bytes below."""
    cid: bytes
    size: int
    stored: int


class Builder:
    """Builds trees; put(bytes, cid) stores a block."""

    def __init__(self, put, v0=False, dag_leaves=False, code=cids.SHA2_256,
                 leaf_type=FILE):
        self.put = put
        self.v0 = v0
        self.dag_leaves = dag_leaves
        self.code = code
        self.leaf_type = leaf_type

    def store(self, data, codec):
        if codec == cids.DAG_PB and self.v0:
            cid = cids.v0(data)
        else:
            cid = cids.v1(data, codec, self.code)
        self.put(data, cid)
        return cid

    def leaf(self, data):
        if not self.dag_leaves:
            return Child(self.store(data, cids.RAW), len(data), len(data))
        block = node([], data_message(self.leaf_type, data or None,
                                      len(data)))
        return Child(self.store(block, cids.DAG_PB), len(data), len(block))

    def parent(self, children, type_=FILE):
        sizes = [child.size for child in children]
        block = node([link(c.cid, c.stored) for c in children],
                     data_message(type_, None, sum(sizes), sizes))
        stored = len(block) + sum(child.stored for child in children)
        return Child(self.store(block, cids.DAG_PB), sum(sizes), stored)

    def balanced(self, children, width):
        """All leaves at one depth, nodes filled from the left."""
        level = list(children)
        while len(level) > 1:
            level = [self.parent(level[i:i + width])
                     for i in range(0, len(level), width)]
        return level[0]

    def uneven(self, children, width):
        """Leaves first, then one deeper tree: trickle-like."""
        if len(children) <= width:
            return self.parent(children)
        deeper = self.uneven(children[width:], width)
        return self.parent(children[:width] + [deeper])


def chunks(pieces, size):
    """Cut a stream of byte strings anew into strings of one size."""
    held = b""
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held


def v1_2025(put, pieces, leaf=MIB, width=1024):
    """Profile unixfs-v1-2025; one leaf is the file itself."""
    builder = Builder(put)
    return builder.balanced([builder.leaf(c) for c in chunks(pieces, leaf)],
                            width)


def v0_2015(put, pieces, leaf=MIB // 4, width=174):
    """Profile unixfs-v0-2015: dag-pb leaves, CIDv0."""
    builder = Builder(put, v0=True, dag_leaves=True)
    return builder.balanced([builder.leaf(c) for c in chunks(pieces, leaf)],
                            width)


def trickle(put, pieces, leaf=MIB // 4, width=4):
    """Leaves at different depths, dag-pb leaves of type Raw."""
    builder = Builder(put, dag_leaves=True, leaf_type=RAW_TYPE)
    return builder.uneven([builder.leaf(c) for c in chunks(pieces, leaf)],
                          width)


def links_of(block):
    """The CIDs that one of our own nodes links to, in order."""
    return [f[1] for n, value in _fields(block) if n == 2
            for f in _fields(value) if f[0] == 1]


def _fields(message):
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value, at = _varint(message, at)
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        yield key >> 3, value


def _varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return n, at
