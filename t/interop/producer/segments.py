"""Segments of one object on both sides of a change of keys, which no file of
less than 64 GiB has: one line of JSON for each, from the producer of
t/vectors."""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, "t/vectors")

from producer import floe  # noqa: E402

key = bytes(range(32))
parameters = floe.params(65536) + bytes(32)
cipher = floe.Floe(key, parameters, b"meshkit/payload/1\0p")

for index in (0, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 32, 2 ** 40 - 1):
    plain = b"segment %d" % index
    sealed = cipher.seal_segment(index, plain, True, os.urandom)
    print(json.dumps({"key": key.hex(), "parameters": parameters.hex(),
                      "payloadId": "p", "index": index,
                      "sealed": sealed.hex(), "plain": plain.hex()}))
