"""Capsules whose signed payload is wrong; signature and wrap fit it."""

from producer import b64u

from .case import FUTURE, PAST, case, content, to, without

ERROR = "invalid_capsule"


def add_to(book, tiny):
    def bad(name, comment, **how):
        how.setdefault("outcome", ERROR)
        case(book, "core-" + name, comment, obj=tiny, **how)

    def each(member, values, hook=to, **how):
        """values: of (name, value); one vector for each."""
        for name, value in values:
            shown = repr(value)
            if len(shown) > 60:
                shown = shown[:57] + "..."
            bad(f"{member}-{name}".lower(), f"{member} is {shown}.",
                core=hook(**{member: value}), **how)

    text(bad)
    required(bad)
    each("v", (("2", 2), ("0", 0), ("string", "1"), ("true", True),
               ("float", 1.0), ("null", None)))
    ids(each, bad)
    times(each)
    optional(each)
    of_content(each, bad, tiny)


def text(bad):
    bad("not-json", "The payload is not JSON.",
        payload_text=lambda text: text[1:])
    bad("array", "The payload is an array.",
        payload_text=lambda text: "[" + text + "]")
    bad("trailing", "Something behind the JSON text.",
        payload_text=lambda text: text + "x")
    bad("truncated", "The last brace is missing.",
        payload_text=lambda text: text[:-1])
    bad("utf8", "A byte that never stands in UTF-8.",
        payload_text=lambda text: text[:-1].encode() + b',"x":"\xff"}')
    bad("9-levels", "Nested too deep, even by itself.",
        payload_text=lambda text: text[:-1] + ',"x":' + "[" * 8 + "]" * 8
        + "}")
    bad("duplicate-exp", "exp stands twice: past, then future.",
        core=to(exp=PAST),
        payload_text=lambda text: text[:-1] + f',"exp":{FUTURE}}}')
    bad("duplicate-in-content", "size stands twice in content.",
        payload_text=lambda text: text.replace('"size":', '"size":1,"size":'))


def required(bad):
    for member in ("v", "id", "cid", "owner", "iat", "content"):
        bad(f"without-{member}", f"{member} is missing.",
            core=without(member))
    for member in ("alg", "header", "payloadId", "size"):
        bad(f"without-content-{member}".lower(),
            f"content.{member} is missing.",
            core=lambda core, m=member: without(m)(core["content"]))


IDENTIFIERS = (("empty", ""), ("number", 1), ("null", None), ("dot", "."),
               ("dot-dot", ".."), ("slash", "a/b"), ("backslash", "a\\b"),
               ("question-mark", "a?b"), ("hash", "a#b"),
               ("percent", "a%2fb"), ("line-feed", "a\nb"), ("nul", "a\0"),
               ("delete", "a\x7f"), ("129-bytes", "a" * 129),
               ("130-bytes-of-utf8", "ü" * 65))


def ids(each, bad):
    each("id", (("number", 1), ("null", None), ("empty", ""),
                ("space", "core id"), ("dot", "core.id"),
                ("slash", "core/id"), ("129", "x" * 129)))
    bad("id-of-another", "The id is not the one that was asked for.",
        core=to(id="core-id-of-somebody"))
    bad("id-other-case", "The id differs in case only.",
        core=to(id="Core-Id-Other-Case"))
    bad("id-longer", "The asked id with something behind it.",
        core=lambda core: to(id=core["id"] + "x")(core))
    bad("id-nul", "The asked id, a NUL, and something behind it.",
        core=lambda core: to(id=core["id"] + "\0x")(core))
    # Nobody is trusted here, so that only the identifier is wrong.
    each("owner", IDENTIFIERS, owners="insecure_any")
    each("policyId", IDENTIFIERS)
    each("vaultId", IDENTIFIERS)


TIMES = (("negative", -1), ("float", 4102444800.5), ("string", "4102444800"),
         ("null", None), ("true", True), ("too-large", 2 ** 63))


def times(each):
    each("iat", TIMES + (("without-fraction", 1e9),))
    each("exp", TIMES)
    each("nbf", (("negative", -1), ("float", 1600000000.5),
                 ("string", "1600000000"), ("null", None), ("false", False)))


def optional(each):
    each("allowDownload", (("null", None), ("string", "false"),
                           ("number", 0)))
    each("capability", (
        ("null", None), ("string", "owner"), ("array", []), ("empty", {}),
        ("issuer-number", {"issuer": 1}), ("issuer-empty", {"issuer": ""}),
        ("issuer-slash", {"issuer": "a/b"}),
        ("actions-null", {"issuer": "owner", "actions": None}),
        ("actions-string", {"issuer": "owner", "actions": "download"}),
        ("actions-number", {"issuer": "owner", "actions": [1]})))


def changed_header(tiny, change):
    return b64u.encode(change(tiny.sealed.header))


def of_content(each, bad, tiny):
    each("content", (("null", None), ("string", "x"), ("array", [])))

    def inner(member, values):
        each(member, values, hook=content)

    inner("alg", (("unknown", "FLOE-A256GCM-SHA512"), ("number", 1),
                  ("lower-case", "floe-a256gcm-sha384"), ("empty", "")))
    header = tiny.sealed.header
    inner("header", (
        ("73", b64u.encode(header[:-1])), ("75", b64u.encode(header + b"x")),
        ("empty", ""), ("number", 1),
        ("padded", b64u.encode(header) + "="),
        ("trailing-bits", b64u.with_trailing_bits(b64u.encode(header))),
        ("space", b64u.encode(header) + " ")))
    inner("payloadId", (("empty", ""), ("number", 1), ("space", "a b"),
                        ("65", "x" * 65), ("dot", "a.b")))
    inner("size", (("negative", -1), ("float", float(len(tiny.plain))),
                   ("string", str(len(tiny.plain))), ("null", None),
                   ("true", True), ("too-large", 2 ** 63)))
    inner("name", (
        ("line-feed", "a\nb"), ("carriage-return", "a\rSet-Cookie: b"),
        ("nul", "a\0b"), ("tab", "a\tb"), ("delete", "a\x7fb"),
        ("number", 1), ("null", None), ("256-bytes", "x" * 256),
        ("256-bytes-of-utf8", "é" * 128)))
    inner("type", (("line-feed", "text/plain\nX: y"),
                   ("carriage-return", "text/plain\r"),
                   ("nul", "text/plain\0"), ("number", 1), ("null", None)))
    bad("name-lone-surrogate", "name is half of a surrogate pair, escaped; "
        "it has no UTF-8.", core=content(name="@"),
        payload_text=lambda text: text.replace('"@"', '"\\ud800"'))
    bad("size-int64-max", "size is 2^63 - 1: with FLOE's overhead it cannot "
        "be counted. A choice: no such object can be, so the capsule is "
        "wrong.", core=content(size=2 ** 63 - 1))
