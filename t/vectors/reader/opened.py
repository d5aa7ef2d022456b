"""The whole story: a vector in, its outcome and its plaintext out."""

from producer import cid as cids
from producer import floe

from . import link, verdict, walk
from .refusal import Refusal, need


def segments(leaves, size, total):
    """Yield (segment, whether it is the last), each once it is complete."""
    held = b""
    for leaf in leaves:
        held += leaf
        while len(held) >= min(size, total):
            total -= size
            yield held[:size], total <= 0
            held = held[size:]
            if total <= 0:
                return


def plaintext(core, message, fetch):
    """Yield authentic segments."""
    total = floe.body_size(core["content"]["size"], message.segment)

    def fits(size):
        need(size == total, "invalid_envelope")

    leaves = walk.Walk(fetch).visit(core["root"], link.parse(core["root"]),
                                    size_check=fits)
    cut = segments(leaves, message.segment, total)
    for index, (data, final) in enumerate(cut):
        try:
            yield message.open_segment(index, data, final)
        except floe.FloeError as error:
            raise Refusal("invalid_envelope", str(error)) from None


def run(vector, trusted, keys, now, fetch):
    """(outcome, plaintext, root)"""
    out, root = [], None
    try:
        core, message = verdict.decide(vector, trusted, keys, now)
        root = cids.text(core["root"])
        for segment in plaintext(core, message, fetch):
            out.append(segment)
        return "ok", b"".join(out), root
    except Refusal as refusal:
        return refusal.code, b"".join(out), root
