"""Answers of the metadata service that are none."""

from .case import case, to, without
from .good import nested, padded, with_member

ERROR = "metadata_provider_error"


def add_to(book, tiny):
    def bad(name, comment, outcome=ERROR, **how):
        case(book, "record-" + name, comment, outcome, tiny, **how)

    shape(bad)
    lexical(bad)
    limits(bad)
    statuses(bad)


def replaced(old, new):
    """A hook on the record's text."""
    def hook(text):
        if text.count(old) != 1:
            raise ValueError("not once: " + old)
        return text.replace(old, new)
    return hook


def shape(bad):
    bad("without-capsule", "No capsule.", record=without("capsule"))
    bad("capsule-null", "The capsule is null.", record=to(capsule=None))
    bad("capsule-string", "The capsule is a string. A choice: the answer "
        "holds no capsule, so it is the answer that is bad.",
        record=to(capsule="eyJ9"))
    bad("capsule-array", "The capsule is an array. The same choice.",
        record=lambda r: {"capsule": [r["capsule"]], "status": r["status"]})
    bad("without-status", "No status: fail closed.",
        record=without("status"))
    bad("status-null", "The status is null.", record=to(status=None))
    bad("status-string", "The status is the word, not an object.",
        record=to(status="active"))
    bad("status-empty", "A status without a state.", record=to(status={}))
    bad("state-unknown", "A state that nobody knows.",
        record=to(status={"state": "suspended"}))
    bad("state-upper-case", "A state is compared exactly.",
        record=to(status={"state": "Active"}))
    bad("state-true", "A state that is no string.",
        record=to(status={"state": True}))
    bad("state-with-nul", "A state that begins like a good one, with an "
        "escaped NUL behind it.",
        record_text=replaced('"active"', '"active\\u0000"'))
    bad("state-in-capsule", "The status stands in the capsule, where it is "
        "an unknown member.", record=lambda r: {
            "capsule": dict(r["capsule"], status=r["status"])})
    bad("array", "The answer is an array.", record=lambda r: [r])
    bad("string", "The answer is a string.", record=lambda r: "active")
    bad("null", "The answer is null.", record_text=lambda text: "null")


def lexical(bad):
    bad("empty", "An empty body.", record_text=lambda text: "")
    bad("html", "A page instead of JSON.",
        record_text=lambda text: "<!doctype html><title>Sign in</title>")
    bad("truncated", "The last brace is missing.",
        record_text=lambda text: text[:-1])
    bad("truncated-half", "Half of the answer.",
        record_text=lambda text: text[:len(text) // 2])
    bad("trailing-brace", "A brace too many.",
        record_text=lambda text: text + "}")
    bad("trailing-object", "A second JSON text behind the first.",
        record_text=lambda text: text + "\n{}")
    bad("trailing-nul", "A NUL byte behind the JSON text.",
        record_text=lambda text: text + "\0")
    bad("trailing-comma", "A comma before the last brace.",
        record_text=lambda text: text[:-1] + ",}")
    bad("comment", "A comment is no JSON.",
        record_text=lambda text: text + "/* */")
    bad("single-quotes", "Quotes of the wrong kind.",
        record_text=with_member("'x':1"))
    bad("nan", "NaN is no JSON.", record_text=with_member('"x":NaN'))
    bad("byte-order-mark", "A byte order mark at the start.",
        record_text=lambda text: "\ufeff" + text)
    bad("utf-16", "Right but for the encoding.",
        record_text=lambda text: text.encode("utf-16-le"))
    for name, comment, octets in (
            ("utf8-lone-byte", "A byte that never stands in UTF-8.",
             b"\xff"),
            ("utf8-overlong", "An overlong slash.", b"\xc0\xaf"),
            ("utf8-surrogate", "A surrogate in UTF-8.", b"\xed\xa0\x80"),
            ("utf8-cut", "A sequence that ends too early.", b"\xe2\x82")):
        bad(name, comment + " It stands in an unknown member.",
            record_text=raw_member(octets))
    bad("control-in-string", "A line feed in a string, not escaped.",
        record_text=with_member('"x":"a\nb"'))
    duplicates(bad)


def raw_member(octets):
    return lambda text: (text[:-1].encode() + b',"x":"' + octets + b'"}')


def duplicates(bad):
    bad("duplicate-status", "status stands twice: revoked, then active.",
        state="revoked",
        record_text=with_member('"status":{"state":"active"}'))
    bad("duplicate-unknown", "An unknown member stands twice.",
        record_text=with_member('"x":1,"x":1'))
    bad("duplicate-state", "state stands twice.", record_text=replaced(
        '"state":"active"', '"state":"revoked","state":"active"'))
    bad("duplicate-in-capsule", "profile stands twice in the capsule. The "
        "record is one JSON text, so this is the answer's fault.",
        record_text=replaced('"profile":',
                             '"profile":"meshkit-gateway/2","profile":'))
    bad("duplicate-in-wrap", "recipient stands twice in a wrap.",
        record_text=replaced('"recipient":',
                             '"recipient":"bob","recipient":'))
    bad("duplicate-escaped", "The second one is written with an escape.",
        record_text=with_member('"st\\u0061tus":{"state":"active"}'))


def limits(bad):
    bad("9-levels", "One level too deep, arrays in an unknown member; the "
        "answer itself is the first level.",
        record_text=with_member('"deep":' + nested(8)))
    bad("9-levels-of-objects", "One level too deep, objects.",
        record_text=with_member('"deep":' + '{"a":' * 7 + "{}" + "}" * 7))
    bad("very-deep", "Eight thousand levels.",
        record_text=with_member('"deep":' + nested(8000)))
    bad("oversize", "65537 bytes.", record_text=padded(65537))
    bad("oversize-white-space", "65537 bytes, the last ones white space.",
        record_text=lambda text: text + " " * (65537 - len(text)))


def statuses(bad):
    bad("http-404", "The service knows no such capsule.",
        "capsule_not_found", status=404,
        record_text=lambda text: '{"error":"not found"}')
    bad("http-404-with-record", "The body would be right, but 404 counts.",
        "capsule_not_found", status=404)
    for status in (201, 204, 206, 302, 400, 401, 403, 410, 429, 500, 503):
        body = "" if status == 204 else None
        bad(f"http-{status}", f"HTTP {status}: only 200 is an answer"
            + (", the body would be right." if body is None else "."),
            status=status, record_text=lambda text, b=body: (
                text if b is None else b))
