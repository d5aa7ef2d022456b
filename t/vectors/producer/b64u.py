"""base64url without padding (RFC 4648 section 5)."""

import base64

ALPHABET = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
            "abcdefghijklmnopqrstuvwxyz0123456789-_")


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    """Strict: our alphabet, no padding, unused bits zero."""
    if any(c not in ALPHABET for c in text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise ValueError("unused bits are set")
    return data


def with_trailing_bits(text):
    """The same bytes to a careless decoder: an unused bit is set."""
    if len(text) % 4 not in (2, 3):
        raise ValueError("no unused bits in this text")
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) + 1]
