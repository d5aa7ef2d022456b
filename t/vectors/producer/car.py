"""CARv1 in DFS order, a block repeated whenever the walk meets it."""

from . import cid as cids
from . import unixfs


def header(root):
    """dag-cbor {"roots": [root], "version": 1}, in canonical order."""
    link = b"\0" + root
    cbor = (b"\xa2" + b"\x65roots" + b"\x81\xd8\x2a\x58"
            + bytes([len(link)]) + link + b"\x67version\x01")
    return cids.varint(len(cbor)) + cbor


def section(cid, block):
    return cids.varint(len(cid) + len(block)) + cid + block


def walk(root, get):
    """Yield (cid, block) depth first; get(cid) gives a block."""
    todo = [root]
    while todo:
        cid = todo.pop()
        block = get(cid)
        yield cid, block
        if cids.codec_of(cid) == cids.DAG_PB:
            todo.extend(reversed(unixfs.links_of(block)))


def write(out, root, get):
    out.write(header(root))
    for cid, block in walk(root, get):
        out.write(section(cid, block))
