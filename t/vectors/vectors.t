#!/usr/bin/python3
"""TAP: the vectors are what the producer makes, and mean what they say."""

import hashlib
import json
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from producer import cid as cids  # noqa: E402
from producer import jose  # noqa: E402
from reader import opened  # noqa: E402

NOW = 1770000000


def owners(name):
    if name == "insecure_any":
        return None
    return json.loads((HERE / "keys" / name).read_text())["keys"]


def gateway(vector):
    """The fetch of this vector's gateway."""
    def fetch(cid):
        name = cids.text(cid)
        if name in vector["missing"]:
            return None
        if name in vector.get("zeros", {}):
            return bytes(vector["zeros"][name])
        path = HERE / "blocks" / vector["blocks"].get(name, name)
        return path.read_bytes() if path.exists() else None
    return fetch


def differences(vector, keys):
    """What is not as the vector says."""
    code, plain, root = opened.run(
        vector, owners(vector["owners"]), keys, vector.get("now", NOW),
        gateway(vector))
    if code != vector["outcome"]:
        yield f"outcome {code}, wanted {vector['outcome']}"
    if hashlib.sha256(plain).hexdigest() != vector["released"]:
        yield f"released {len(plain)}, wanted {vector['released_size']}"
    if root not in (None, vector["root"]):
        yield f"root {root}, wanted {vector['root']}"


def regenerated():
    made = subprocess.run([HERE / "make-vectors", "--check"],
                          capture_output=True, text=True)
    return made.returncode == 0, made.stdout


def main():
    keys = {who: jose.load_pem((HERE / "keys" / (who + ".pem")).read_bytes())
            for who in ("alice", "bob", "carol")}
    paths = sorted((HERE / "capsule").glob("*.json"))
    print(f"1..{len(paths) + 1}")
    same, output = regenerated()
    print(f"{'' if same else 'not '}ok 1 - the committed files are those "
          "that the producer makes")
    if not same:
        print("# " + output.replace("\n", "\n# "))
    failed = not same
    for number, path in enumerate(paths, 2):
        wrong = list(differences(json.loads(path.read_text()), keys))
        failed |= bool(wrong)
        print(f"{'not ' if wrong else ''}ok {number} - {path.stem}")
        for line in wrong:
            print("# " + line)
    sys.exit(failed)


main()
