"""Keys as JWK and PEM, and flattened JWS with Ed25519 and ES256."""

import hashlib
import hmac
import json

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    encode_dss_signature)
from cryptography.hazmat.primitives import serialization as ser

from . import b64u
from .hpke import P256_ORDER


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def jwk(pub):
    """The required members only, as RFC 7638 hashes them."""
    if isinstance(pub, ec.EllipticCurvePublicKey):
        n = pub.public_numbers()
        return {"crv": "P-256", "kty": "EC",
                "x": b64u.encode(n.x.to_bytes(32, "big")),
                "y": b64u.encode(n.y.to_bytes(32, "big"))}
    crv = ("Ed25519" if isinstance(pub, ed25519.Ed25519PublicKey)
           else "X25519")
    raw = pub.public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw)
    return {"crv": crv, "kty": "OKP", "x": b64u.encode(raw)}


def from_jwk(key):
    x = b64u.decode(key["x"])
    if key["kty"] == "EC":
        return ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), b"\x04" + x + b64u.decode(key["y"]))
    kind = {"X25519": x25519.X25519PublicKey,
            "Ed25519": ed25519.Ed25519PublicKey}[key["crv"]]
    return kind.from_public_bytes(x)


def thumbprint(pub):
    """RFC 7638: the members above in this order, without white space."""
    text = json.dumps(jwk(pub), separators=(",", ":"), sort_keys=True)
    return b64u.encode(hashlib.sha256(text.encode()).digest())


def pem(private):
    return private.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8,
                                 ser.NoEncryption())


def load_pem(data):
    return ser.load_pem_private_key(data, password=None)


def alg_of(key):
    if isinstance(key, (ec.EllipticCurvePrivateKey,
                        ec.EllipticCurvePublicKey)):
        return "ES256"
    return "Ed25519"


def _rfc6979(secret, digest):
    """The candidates for k, so that ES256 is deterministic too."""
    seed = (secret.to_bytes(32, "big")
            + (int.from_bytes(digest, "big") % P256_ORDER)
            .to_bytes(32, "big"))
    v, k = b"\x01" * 32, bytes(32)
    for mark in (b"\0", b"\x01"):
        k = hmac.digest(k, v + mark + seed, "sha256")
        v = hmac.digest(k, v, "sha256")
    while True:
        v = hmac.digest(k, v, "sha256")
        candidate = int.from_bytes(v, "big")
        if 0 < candidate < P256_ORDER:
            yield candidate
        k = hmac.digest(k, v + b"\0", "sha256")
        v = hmac.digest(k, v, "sha256")


def es256(private, message):
    """ECDSA with the k of RFC 6979; returns the integers r and s."""
    secret = private.private_numbers().private_value
    digest = hashlib.sha256(message).digest()
    for k in _rfc6979(secret, digest):
        point = ec.derive_private_key(k, ec.SECP256R1()).public_key()
        r = point.public_numbers().x % P256_ORDER
        s = (pow(k, -1, P256_ORDER)
             * (int.from_bytes(digest, "big") + r * secret) % P256_ORDER)
        if r and s:
            return r, s


def sign(private, message, der=False):
    """A JWS signature; der gives what JWS does not want."""
    if alg_of(private) == "Ed25519":
        return private.sign(message)
    r, s = es256(private, message)
    if der:
        return encode_dss_signature(r, s)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
