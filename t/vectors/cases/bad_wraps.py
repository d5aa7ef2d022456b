"""Wraps that are malformed, and wraps that do not open."""

import hashlib

from producer import b64u, capsule, hpke

from . import keyset
from .case import FUTURE, case, to, without
from .good import crowd

BAD, SHUT = "invalid_capsule", "key_unwrap_failed"
P256_P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
P256_B = int("5ac635d8aa3a93e7b3ebbd55769886bc"
             "651d06b0cc53b0f63bce3c3e27d2604b", 16)
AS_BOB = {"recipients": ["bob"], "identity": "bob"}


def add_to(book, tiny):
    def wrong(name, comment, outcome, **how):
        case(book, "wrap-" + name, comment, outcome, tiny, **how)

    members(wrong)
    lists(wrong)
    bound(wrong, tiny.data_key)
    flips(wrong)
    points(wrong, tiny.data_key)
    low_order(wrong, tiny)
    keys(wrong)


def mine(hook):
    """A hook on wraps: change the first one."""
    return lambda wraps: hook(wraps[0])


def members(wrong):
    for member in ("recipient", "kid", "alg", "enc", "ct"):
        wrong(f"without-{member}", f"{member} is missing.", BAD,
              wraps=mine(without(member)))
        wrong(f"{member}-number", f"{member} is a number.", BAD,
              wraps=mine(to(**{member: 1})))
    wrong("without-kid-other", "kid is missing in somebody else's wrap.",
          BAD, recipients=["bob", "alice"], wraps=mine(without("kid")))
    for name, recipient in (("empty", ""), ("slash", "a/b"),
                            ("line-feed", "a\nb"), ("129", "x" * 129)):
        wrong(f"recipient-{name}", "A recipient that is no identity, in "
              "somebody else's wrap.", BAD, recipients=["bob", "alice"],
              wraps=mine(to(recipient=recipient)))
    wrong("alg-unknown", "Our wrap's algorithm is unknown.", BAD,
          wraps=mine(to(alg="HPKE-P384-SHA384-A256GCM")))
    wrong("alg-of-other-key", "X25519 is named for our P-256 key.", BAD,
          wraps=mine(to(alg="HPKE-X25519-SHA256-A256GCM")))
    wrong("alg-of-other-key-x25519", "P-256 is named for our X25519 key.",
          BAD, wraps=mine(to(alg="HPKE-P256-SHA256-A256GCM")), **AS_BOB)
    for member in ("enc", "ct"):
        wrong(f"{member}-padded", f"{member} is padded.", BAD,
              wraps=mine(lambda wrap, m=member: to(
                  **{m: wrap[m] + "="})(wrap)), **AS_BOB)
        wrong(f"{member}-not-base64url", f"{member} is no base64url.", BAD,
              wraps=mine(lambda wrap, m=member: to(
                  **{m: "!" + wrap[m][1:]})(wrap)))


def lists(wrong):
    wrong("element-string", "An element of wraps is a string.", BAD,
          wraps=lambda wraps: wraps + ["alice"])
    wrong("element-null", "An element of wraps is null.", BAD,
          wraps=lambda wraps: [None] + wraps)
    wrong("two-mine", "Two wraps for alice's key, both open.", BAD,
          recipients=["alice", "alice"])
    wrong("two-mine-one-shut", "Two wraps for alice's key, one opens.", BAD,
          recipients=["alice", "alice"],
          wraps=mine(lambda wrap: flip(wrap, "ct", 0)))
    wrong("257", "One wrap too many.", BAD, identity="bob",
          recipients=["bob"], wraps=lambda wraps: crowd(256) + wraps)


def flip(wrap, member, at):
    data = bytearray(b64u.decode(wrap[member]))
    data[at] ^= 1
    wrap[member] = b64u.encode(bytes(data))


def bound(wrong, data_key):
    def again(**how):
        return lambda c: wrap_again(c, data_key, **how)

    wrong("payload-edited", "The payload was edited and signed again after "
          "the wrap was made.", SHUT, core=to(exp=FUTURE),
          wrapped_payload=lambda payload: b64u.encode(
              b64u.decode(payload).replace(b'"exp":4102444800',
                                           b'"exp":1600000000')))
    wrong("payload-of-another-share", "The wrap belongs to another payload.",
          SHUT, wrapped_payload=lambda payload: "e30")
    wrong("aad-of-decoded-payload", "The aad is the hash of the payload's "
          "bytes, not of the member's text.", SHUT,
          capsule=lambda c: wrap_again(c, data_key, aad=hashlib.sha256(
              b64u.decode(c["payload"])).digest()))
    wrong("aad-not-hashed", "The aad is the payload member itself.", SHUT,
          capsule=lambda c: wrap_again(c, data_key,
                                       aad=c["payload"].encode()))
    wrong("info-other", "Wrapped with another info.", SHUT,
          capsule=again(info=b"meshkit/wrap/2"))
    wrong("info-empty", "Wrapped without info.", SHUT,
          capsule=again(info=b""))
    wrong("for-other-key", "The wrap names alice's key but is for another.",
          SHUT, capsule=again(pub=keyset.OLD_ALICE.public_key()))


def wrap_again(c, data_key, info=capsule.WRAP_INFO, aad=None, pub=None):
    """A sound HPKE message, but for what is given."""
    rng = keyset.Stream("wrap again " + c["payload"])
    aad = aad or capsule.wrap_aad(c["payload"])
    enc, ct = hpke.seal(pub or keyset.PUBLIC["alice"], info, aad, data_key,
                        rng)
    c["wraps"][0].update(enc=b64u.encode(enc), ct=b64u.encode(ct))


def flips(wrong):
    for name, people in (("p256", {}), ("x25519", AS_BOB)):
        wrong(f"enc-flipped-{name}", "One bit of enc is flipped.", SHUT,
              wraps=mine(lambda wrap: flip(wrap, "enc", -1)), **people)
        wrong(f"ct-flipped-{name}", "One bit of ct is flipped.", SHUT,
              wraps=mine(lambda wrap: flip(wrap, "ct", 5)), **people)
        wrong(f"tag-flipped-{name}", "One bit of the tag is flipped.", SHUT,
              wraps=mine(lambda wrap: flip(wrap, "ct", -1)), **people)
    wrong("ct-shorter-than-tag", "ct has 15 bytes.", SHUT,
          wraps=mine(to(ct=b64u.encode(bytes(15)))))


def points(wrong, data_key):
    point = hpke.public_bytes(keyset.OLD_ALICE.public_key())
    odd = bytes([2 + (point[-1] & 1)])
    zero_y = pow(P256_B, (P256_P + 1) // 4, P256_P).to_bytes(32, "big")
    for name, comment, true, enc in (
            ("compressed", "A compressed point.", point, odd + point[1:33]),
            ("hybrid", "A hybrid point.", point,
             bytes([odd[0] + 4]) + point[1:]),
            ("64-bytes", "A point without its first byte.", point,
             point[1:]),
            ("66-bytes", "A byte too many.", point, point + b"\0"),
            ("x-not-reduced", "x is the prime, for zero.",
             b"\x04" + bytes(32) + zero_y,
             b"\x04" + P256_P.to_bytes(32, "big") + zero_y)):
        wrong("enc-" + name, comment + " Everything else is made to fit it.",
              SHUT, capsule=lambda c, true=true, enc=enc: fitted(
                  c, true, enc, data_key))
    for name, comment, enc in (
            ("off-curve", "A point that is not on the curve.",
             point[:-1] + bytes([point[-1] ^ 1])),
            ("zero", "The point (0, 0).", b"\x04" + bytes(64)),
            ("infinity", "The point at infinity.", b"\0"),
            ("empty", "No byte.", b"")):
        wrong("enc-" + name, comment, SHUT,
              wraps=mine(to(enc=b64u.encode(enc))))
    for size in (31, 33):
        wrong(f"enc-x25519-{size}-bytes", f"enc has {size} bytes.", SHUT,
              wraps=mine(to(enc=b64u.encode(b"\x09" * size))), **AS_BOB)


def fitted(c, true, enc, data_key):
    """Sealed for the point true, which enc writes in its own way."""
    pub = hpke.ec.EllipticCurvePublicKey.from_encoded_point(
        hpke.ec.SECP256R1(), true)
    ct = hpke.seal_with(hpke.KEM_P256, hpke.exchange(keyset.ALICE, pub), enc,
                        hpke.public_bytes(keyset.PUBLIC["alice"]),
                        capsule.WRAP_INFO, capsule.wrap_aad(c["payload"]),
                        data_key)
    c["wraps"][0].update(enc=b64u.encode(enc), ct=b64u.encode(ct))


# Points of small order on curve25519 and what they are called.
LOW = (("zero", bytes(32)), ("one", b"\x01" + bytes(31)),
       ("order-8", bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46a"
                                 "da098deb9c32b1fd866205165f49b800")),
       ("minus-one", b"\xec" + b"\xff" * 30 + b"\x7f"),
       ("prime", b"\xed" + b"\xff" * 30 + b"\x7f"))


def low_order(wrong, tiny):
    for name, enc in LOW:
        wrong("x25519-" + name, "enc is a point of small order, so the "
              "shared secret is zero; everything else is made to fit, and "
              "whoever accepts zero gets the data key.", SHUT,
              capsule=lambda c, enc=enc: zero_secret(c, enc, tiny.data_key),
              **AS_BOB)


def zero_secret(c, enc, data_key):
    pub = hpke.public_bytes(keyset.PUBLIC["bob"])
    ct = hpke.seal_with(hpke.KEM_X25519, bytes(32), enc, pub,
                        capsule.WRAP_INFO, capsule.wrap_aad(c["payload"]),
                        data_key)
    c["wraps"][0].update(enc=b64u.encode(enc), ct=b64u.encode(ct))


def keys(wrong):
    for size in (0, 16, 31, 33, 64):
        wrong(f"data-key-of-{size}", f"The wrap opens and holds {size} "
              "bytes.", SHUT, capsule=lambda c, n=size: held(c, n))
    wrong("data-key-other", "The wrap opens and holds 32 other bytes: the "
          "FLOE header's tag does not fit that key.", "invalid_envelope",
          capsule=lambda c: held(c, 32))


def held(c, size):
    rng = keyset.Stream("data key " + c["payload"])
    c["wraps"] = [capsule.wrap("alice", keyset.PUBLIC["alice"], rng(size),
                               c["payload"], rng)]
