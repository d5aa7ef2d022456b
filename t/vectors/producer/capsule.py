"""Capsules (format.md section 2) and the records that carry them.

A Share is built in the order of the format. Between the steps stand hooks,
so that a vector can spoil exactly one of them and the rest stays sound.
"""

import hashlib
from dataclasses import dataclass, field

from . import b64u, floe, hpke, jose

PROFILE = "meshkit-gateway/1"
CONTENT_ALG = "FLOE-A256GCM-SHA384"
TYP = "meshkit-capsule+json"
WRAP_INFO = b"meshkit/wrap/1"
WRAP_ALG = {hpke.KEM_P256: "HPKE-P256-SHA256-A256GCM",
            hpke.KEM_X25519: "HPKE-X25519-SHA256-A256GCM"}


def payload_aad(payload_id):
    return b"meshkit/payload/1\0" + payload_id.encode()


@dataclass
class Sealed:
    """A sealed object: what a capsule has to know of it."""
    payload_id: str
    data_key: bytes
    header: bytes
    size: int


def content(sealed):
    return {"alg": CONTENT_ALG, "header": b64u.encode(sealed.header),
            "payloadId": sealed.payload_id, "size": sealed.size}


def seal(payload_id, segment, rng, **bad):
    """Start a sealed object: its FLOE message and its data key."""
    key = rng(32)
    return key, floe.start(key, payload_aad(payload_id), segment, rng, **bad)


def wrap_aad(payload):
    return hashlib.sha256(payload.encode()).digest()


def wrap(name, pub, data_key, payload, rng, info=WRAP_INFO):
    """One entry of wraps; payload is the capsule's member."""
    enc, ct = hpke.seal(pub, info, wrap_aad(payload), data_key, rng)
    return {"recipient": name, "kid": jose.thumbprint(pub),
            "alg": WRAP_ALG[hpke.kem_of(pub)],
            "enc": b64u.encode(enc), "ct": b64u.encode(ct)}


def keep(value):
    return value


@dataclass
class Share:
    core: dict
    key: object                     # the owner's private signing key
    data_key: bytes
    recipients: list                # of (name, public key)
    rng: object
    kid: str = None
    state: str = "active"
    hooks: dict = field(default_factory=dict)

    def _hook(self, name, value):
        """Hooks change a value in place or return another."""
        changed = self.hooks.get(name, keep)(value)
        return value if changed is None else changed

    def _signed(self):
        core = self._hook("core", self.core)
        text = self._hook("payload_text", jose.dumps(core))
        if isinstance(text, str):
            text = text.encode()
        payload = self._hook("payload_b64", b64u.encode(text))
        head = {"alg": jose.alg_of(self.key),
                "kid": self.kid or jose.thumbprint(self.key.public_key()),
                "typ": TYP}
        head = jose.dumps(self._hook("protected", head))
        head = self._hook("protected_text", head)
        if isinstance(head, str):
            head = head.encode()
        head = self._hook("protected_b64", b64u.encode(head))
        signed = (head + "." + payload).encode()
        signature = self._hook("signature", jose.sign(self.key, signed))
        return payload, head, b64u.encode(signature)

    def capsule(self):
        payload, head, signature = self._signed()
        bound = self._hook("wrapped_payload", payload)
        wraps = [wrap(name, pub, self.data_key, bound, self.rng)
                 for name, pub in self.recipients]
        wraps = self._hook("wraps", wraps)
        capsule = {"profile": PROFILE, "payload": payload,
                   "protected": head, "signature": signature,
                   "wraps": wraps}
        return self._hook("capsule", capsule)

    def record(self):
        """The exact body of the metadata service's answer."""
        record = {"capsule": self.capsule(),
                  "status": {"state": self.state}}
        if self.state == "revoked":
            record["status"]["revokedAt"] = 1750000000
        text = jose.dumps(self._hook("record", record))
        text = self._hook("record_text", text)
        return text if isinstance(text, bytes) else text.encode()
