"""Strict JSON and the kinds of its members."""

import json
import re

from producer import b64u

LEVELS = 8


def pairs(items):
    value = dict(items)
    if len(value) != len(items):
        raise ValueError("duplicate key")
    return value


def refuse(constant):
    raise ValueError("no JSON: " + constant)


def depth(value):
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def integer(text):
    value = int(text)
    if not -2 ** 63 <= value < 2 ** 63:
        raise ValueError("integer out of range")
    return value


def loads(data):
    """Bytes to an object; ValueError for all that is not strict."""
    text = data.decode("utf-8")
    try:
        value = json.loads(text, object_pairs_hook=pairs,
                           parse_constant=refuse, parse_int=integer)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(value, dict) or depth(value) > LEVELS:
        raise ValueError("no object, or too deep")
    json.dumps(value, ensure_ascii=False).encode()
    return value


def is_time(value):
    return type(value) is int and value >= 0


def is_text(value, most=None):
    return (isinstance(value, str)
            and not re.search("[\0-\x1f\x7f-\x9f]", value)
            and (most is None or len(value.encode()) <= most))


def is_id(value, most=128):
    return (isinstance(value, str) and
            re.fullmatch("[A-Za-z0-9_-]{1,%d}" % most, value) is not None)


def is_identifier(value):
    return (is_text(value, 128) and value not in ("", ".", "..")
            and not set(value) & set("/\\?#%"))


def binary(value):
    if not isinstance(value, str):
        raise ValueError("no string")
    return b64u.decode(value)
