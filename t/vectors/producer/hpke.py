"""HPKE base mode, one message (RFC 9180).

KEMs: DHKEM(P-256, HKDF-SHA256), DHKEM(X25519, HKDF-SHA256).
KDF: HKDF-SHA256. AEAD: AES-128-GCM (for the RFC's values) or AES-256-GCM.
"""

import hmac
import struct

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (Encoding,
                                                          PublicFormat)

P256_ORDER = int("ffffffff00000000ffffffffffffffff"
                 "bce6faada7179e84f3b9cac2fc632551", 16)
KEM_P256, KEM_X25519, KDF_SHA256 = 0x0010, 0x0020, 0x0001
AEAD_KEY_LEN = {1: 16, 2: 32}
AES_256 = 2


def is_p256(key):
    return isinstance(key, (ec.EllipticCurvePublicKey,
                            ec.EllipticCurvePrivateKey))


def kem_of(key):
    return KEM_P256 if is_p256(key) else KEM_X25519


def public_bytes(pub):
    if is_p256(pub):
        return pub.public_bytes(Encoding.X962,
                                PublicFormat.UncompressedPoint)
    return pub.public_bytes(Encoding.Raw, PublicFormat.Raw)


def p256_private(data):
    """A private key from bytes, reduced into the group."""
    scalar = int.from_bytes(data, "big") % (P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def ephemeral(pub, rng):
    if is_p256(pub):
        return p256_private(rng(32))
    return x25519.X25519PrivateKey.from_private_bytes(rng(32))


def exchange(private, pub):
    if is_p256(private):
        return private.exchange(ec.ECDH(), pub)
    return private.exchange(pub)


def _extract(salt, suite, label, ikm):
    return hmac.digest(salt or bytes(32),
                       b"HPKE-v1" + suite + label + ikm, "sha256")


def _expand(prk, suite, label, info, length):
    info = (struct.pack(">H", length) + b"HPKE-v1" + suite + label + info)
    return hmac.digest(prk, info + b"\x01", "sha256")[:length]


def shared_secret(kem, dh, enc, recipient):
    suite = b"KEM" + struct.pack(">H", kem)
    prk = _extract(b"", suite, b"eae_prk", dh)
    return _expand(prk, suite, b"shared_secret", enc + recipient, 32)


def schedule(kem, secret, info, aead=AES_256):
    """The key and the base nonce of base mode without a PSK."""
    suite = b"HPKE" + struct.pack(">HHH", kem, KDF_SHA256, aead)
    context = (b"\0" + _extract(b"", suite, b"psk_id_hash", b"")
               + _extract(b"", suite, b"info_hash", info))
    prk = _extract(secret, suite, b"secret", b"")
    return (_expand(prk, suite, b"key", context, AEAD_KEY_LEN[aead]),
            _expand(prk, suite, b"base_nonce", context, 12))


def seal_with(kem, dh, enc, recipient, info, aad, plain, aead=AES_256):
    """Everything after the exchange: lets a test choose dh and enc."""
    secret = shared_secret(kem, dh, enc, recipient)
    key, nonce = schedule(kem, secret, info, aead)
    return AESGCM(key).encrypt(nonce, plain, aad)


def seal(pub, info, aad, plain, rng, aead=AES_256, private=None):
    """Return (enc, ciphertext)."""
    private = private or ephemeral(pub, rng)
    enc = public_bytes(private.public_key())
    dh = exchange(private, pub)
    return enc, seal_with(kem_of(pub), dh, enc, public_bytes(pub), info,
                          aad, plain, aead)


def open_(private, enc, info, aad, sealed, aead=AES_256):
    if is_p256(private):
        pub = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), enc)
    else:
        pub = x25519.X25519PublicKey.from_public_bytes(enc)
    secret = shared_secret(kem_of(private), exchange(private, pub), enc,
                           public_bytes(private.public_key()))
    key, nonce = schedule(kem_of(private), secret, info, aead)
    return AESGCM(key).decrypt(nonce, sealed, aad)
