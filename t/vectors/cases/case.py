"""One vector: a sound share of an object, with one thing done to it."""

from producer import capsule
from producer import cid as cids
from producer.stream import Stream

from . import keyset

HOOKS = ("core", "payload_text", "payload_b64", "protected",
         "protected_text", "protected_b64", "signature", "wrapped_payload",
         "wraps", "capsule", "record", "record_text")
IAT = 1740000000
PAST, FUTURE = 1600000000, 4102444800


def to(**members):
    """A hook: set these members."""
    return lambda value: value.update(members)


def without(*members):
    """A hook: take these members away."""
    def hook(value):
        for member in members:
            del value[member]
    return hook


def content(**members):
    """A hook on the core: set these members of content."""
    return lambda core: core["content"].update(members)


def core_of(name, obj, root_text=None):
    return {"v": 1, "id": name,
            "cid": cids.text(obj.root) if root_text is None else root_text,
            "owner": "owner",
            "iat": IAT, "content": capsule.content(obj.sealed)}


def share(name, obj, recipients=("alice",), key=keyset.OWNER, kid=None,
          state="active", root_text=None, core=None, **hooks):
    """core and the other hooks as in producer/capsule.py."""
    people = [(who, keyset.PUBLIC[who]) if isinstance(who, str) else who
              for who in recipients]
    if core is not None:
        hooks["core"] = core
    return capsule.Share(core_of(name, obj, root_text), key, obj.data_key,
                         people, Stream("share " + name), kid, state, hooks)


def case(book, name, comment, outcome, obj, root=None, released=None,
         asked=None, identity="alice", action="open", owners="owners.jwks",
         status=200, extra=None, **how):
    """extra: members of the vector; how: arguments of share()."""
    if root is not None and "root_text" not in how:
        how["root_text"] = cids.text(root)
    if released is None:
        released = obj.plain if outcome == "ok" else b""
    book.add(name, comment, outcome, share(name, obj, **how).record(),
             root or obj.root, released, asked, identity, action, owners,
             status, **(extra or {}))
