#!/usr/bin/python3
"""Opens a share with the vectors' reader; plaintext goes to standard output.

    open-with-reader.py RECORD ID IDENTITY KEY.pem OWNERS.jwks BLOCKS
"""

import json
import pathlib
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent
                       / "vectors"))

from producer import b64u, cid, jose  # noqa: E402
from reader import opened  # noqa: E402


def main(record, share, identity, pem, owners, blocks):
    def fetch(wanted):
        path = pathlib.Path(blocks) / cid.text(wanted)
        return path.read_bytes() if path.exists() else None

    vector = {"id": share, "identity": identity, "action": "open",
              "record_status": 200,
              "record": b64u.encode(pathlib.Path(record).read_bytes())}
    outcome, plain, _ = opened.run(
        vector, json.loads(pathlib.Path(owners).read_text())["keys"],
        {identity: jose.load_pem(pathlib.Path(pem).read_bytes())},
        time.time(), fetch)
    sys.stdout.buffer.write(plain)
    sys.stderr.write(outcome + "\n")
    sys.exit(outcome != "ok")


main(*sys.argv[1:])
