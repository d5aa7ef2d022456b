"""From a root CID to the file's bytes, one leaf after the other."""

import hashlib

from producer import cid as cids

from . import link
from .refusal import Refusal, need

BAD = "cid_mismatch"
LEVELS, LINKS, BLOCK = 8, 8192, 2 << 20


def digest(code, data):
    name = {cids.SHA2_256: "sha256", cids.SHA2_512: "sha512"}.get(code)
    if name is None:
        return hashlib.blake2b(data, digest_size=32).digest()
    return hashlib.new(name, data).digest()


def number(data):
    try:
        return link.varint(data, 10)
    except ValueError:
        raise Refusal(BAD, "varint") from None


def fields(data, kinds):
    """Yield (field, value); kinds says which wire type a field has."""
    while data:
        key, data = number(data)
        need(kinds.get(key >> 3) == key & 7, BAD, "field")
        value, data = number(data)
        need(value < 2 ** 64, BAD, "number")
        if key & 7 == 2:
            need(value <= len(data), BAD, "length")
            value, data = data[:value], data[value:]
        yield key >> 3, value


def pb_node(data):
    """(list of (CID, name), UnixFS message)"""
    links, message, order = [], None, ""
    for tag, value in fields(data, {1: 2, 2: 2}):
        order += "LD"[tag == 1]
        if tag == 1:
            need(message is None, BAD, "Data twice")
            message = value
        else:
            links.append(pb_link(value))
    need(message is not None, BAD, "no Data")
    need("D" in (order[0], order[-1]), BAD, "Data between links")
    return links, message


def pb_link(data):
    found = list(fields(data, {1: 2, 2: 2, 3: 0}))
    tags = [tag for tag, _ in found]
    need(tags == sorted(set(tags)) and 1 in tags, BAD, "link fields")
    found = dict(found)
    need(found.get(2, b"") == b"", BAD, "link name")
    try:
        return found[1], link.parse(found[1])
    except ValueError:
        raise Refusal(BAD, "link CID") from None


def unixfs(message):
    """(data, filesize, blocksizes) of a file."""
    once, sizes = {}, []
    kinds = {1: 0, 2: 2, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0, 8: 2}
    for tag, value in fields(message, kinds):
        if tag == 4:
            sizes.append(value)
            continue
        need(tag not in once, BAD, "UnixFS field twice")
        once[tag] = value
    need(once.get(1) in (0, 2), BAD, "UnixFS type")
    return once.get(2, b""), once.get(3, 0), sizes


class Walk:
    """fetch(cid) gives bytes, or None for a 404."""

    def __init__(self, fetch):
        self.fetch = fetch

    def block(self, cid, code, wanted):
        data = self.fetch(cid)
        need(data is not None, "provider_http_error", cids.text(cid))
        need(len(data) <= BLOCK and digest(code, data) == wanted, BAD)
        return data

    def node(self, data, level):
        """(leaf's bytes or None, children, size)"""
        links, message = pb_node(data)
        inline, filesize, sizes = unixfs(message)
        need(len(links) == len(sizes) <= LINKS, BAD, "counts")
        need(filesize == len(inline) + sum(sizes) < 2 ** 63, BAD, "sum")
        if not links:
            return inline, [], filesize
        need(not inline and 0 not in sizes and level < LEVELS, BAD)
        return None, list(zip(links, sizes)), filesize

    def visit(self, cid, parsed, level=1, want=None, size_check=None):
        """Yield the leaves; want is the size that the parent says."""
        codec, code, wanted = parsed
        data = self.block(cid, code, wanted)
        if codec == cids.RAW:
            leaf, children, size = data, [], len(data)
        else:
            leaf, children, size = self.node(data, level)
        need(want is None or size == want, BAD, "child's size")
        if size_check:
            size_check(size)
        if leaf is not None:
            yield leaf
        for (child, kind), size in children:
            yield from self.visit(child, kind, level + 1, size)
