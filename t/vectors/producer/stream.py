"""Deterministic bytes: the same label always gives the same stream."""

import hashlib
import os

SEED = b"ngx_meshkit_module test vectors 1"


class Stream:
    """SHAKE-256 in counter mode over a fixed seed and a label."""

    def __init__(self, label):
        self.label = label.encode()
        self.counter = 0
        self.rest = b""

    def __call__(self, n):
        parts = [self.rest]
        have = len(self.rest)
        while have < n:
            block = hashlib.shake_256(
                SEED + b"\0" + self.label + b"\0"
                + self.counter.to_bytes(8, "big")).digest(4096)
            self.counter += 1
            have += len(block)
            parts.append(block)
        data = b"".join(parts)
        self.rest = data[n:]
        return data[:n]


def system(n):
    """The same interface over the system's generator."""
    return os.urandom(n)
