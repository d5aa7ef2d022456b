"""The collection: blocks and vectors are gathered, then written at once."""

import hashlib
import json

from producer import b64u
from producer import cid as cids

HTTP = {
    "ok": 200, "invalid_request": 400, "capsule_not_found": 404,
    "invalid_capsule": 502, "share_not_yet_valid": 403,
    "share_expired": 410, "share_revoked": 410, "identity_not_found": 403,
    "recipient_not_authorized": 403, "key_unwrap_failed": 403,
    "vault_provider_error": 503, "capability_required": 401,
    "policy_provider_required": 503, "policy_denied": 403,
    "download_not_allowed": 403, "metadata_provider_error": 503,
    "provider_http_error": 502, "cid_mismatch": 502,
    "invalid_envelope": 502,
}


class Book:
    def __init__(self):
        self.blocks = {}        # file name: bytes
        self.vectors = {}       # name: the JSON object
        self.keys = {}          # file name: bytes

    def put(self, data, cid):
        self.blocks[cids.text(cid)] = data

    def get(self, cid):
        return self.blocks[cids.text(cid)]

    def altered(self, vector, data):
        """A block that is not what its name says; returns its file."""
        name = "altered/" + vector
        self.blocks[name] = data
        return name

    def add(self, name, comment, outcome, record, root, released=b"",
            asked=None, identity="alice", action="open",
            owners="owners.jwks", status=200, **optional):
        """optional: policy, blocks, zeros, missing, name_text, type, now."""
        if name in self.vectors:
            raise ValueError("twice: " + name)
        http = 200 if released else HTTP[outcome]
        vector = {
            "name": name, "comment": comment,
            "id": name if asked is None else asked,
            "identity": identity, "action": action, "owners": owners,
            "outcome": outcome, "http": http,
            "released": hashlib.sha256(released).hexdigest(),
            "released_size": len(released), "root": cids.text(root),
            "blocks": {}, "missing": [], "record_status": status,
            "record": b64u.encode(record)}
        vector.update(optional)
        self.vectors[name] = vector

    def files(self):
        """Every file below t/vectors that this book is the source of."""
        for name, data in self.keys.items():
            yield "keys/" + name, data
        for name, data in self.blocks.items():
            yield "blocks/" + name, data
        for name, vector in self.vectors.items():
            text = json.dumps(vector, indent=2, ensure_ascii=False) + "\n"
            yield f"capsule/{name}.json", text.encode()
