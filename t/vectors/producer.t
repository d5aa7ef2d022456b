#!/usr/bin/python3
"""TAP: the producer against published values and against itself."""

import io
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from cryptography.hazmat.primitives.asymmetric import ec, x25519  # noqa: E402
from producer import (b64u, car, cid, floe, hpke, jose, stream,  # noqa: E402
                      unixfs)

ROOT = pathlib.Path(__file__).resolve().parents[2]
KATS = ROOT.parent / "shared" / "vectors"
done = failed = 0


def check(name, good):
    global done, failed
    done += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {done} - {name}")


def skip(name, why):
    global done
    done += 1
    print(f"ok {done} - {name} # skip {why}")


def read_hex(path):
    return bytes.fromhex(path.read_text().strip())


def test_floe_answers():
    files = sorted((KATS / "floe").glob("*_ct.txt"))
    if not files:
        skip("FLOE known answers", "../shared/vectors/floe is not there")
    for path in files:
        sealed = read_hex(path)
        plain = read_hex(path.with_name(path.name.replace("_ct", "_pt")))
        rotation = 4 if "rotation" in path.name else floe.ROTATION
        message = floe.open_header(bytes(32), sealed[:74], b"This is AAD",
                                   rotation)
        check("FLOE opens " + path.name,
              floe.open_body(message, sealed[74:]) == plain)


def test_floe_own():
    rng = stream.Stream("test floe")
    for size in (0, 1, 65504, 65505, 131008):
        plain = rng(size)
        message = floe.start(bytes(32), b"aad", 65536, rng)
        body = b"".join(floe.seal(message, [plain], rng))
        again = floe.open_header(bytes(32), message.header(), b"aad")
        check(f"FLOE opens its own {size} bytes, of the stated size",
              floe.open_body(again, body) == plain
              and len(body) == floe.body_size(size, 65536))


RFC9180 = {
    "A.1 X25519": (
        "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
        "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
        "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
        "6d8770ac83d07bea87e13c512a"),
    "A.3 P-256": (
        "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb",
        "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
        "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325a"
        "c98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18"
        "c4",
        "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f"
        "9076ac232e3ab2523f39513434"),
}


def private_from(name, value):
    if "P-256" in name:
        return ec.derive_private_key(int(value, 16), ec.SECP256R1())
    return x25519.X25519PrivateKey.from_private_bytes(bytes.fromhex(value))


def test_hpke():
    for name, (eph, priv, enc, ct) in RFC9180.items():
        mine = private_from(name, priv)
        info = b"Ode on a Grecian Urn"
        plain = b"Beauty is truth, truth beauty"
        got = hpke.seal(mine.public_key(), info, b"Count-0", plain, None,
                        aead=1, private=private_from(name, eph))
        check(f"HPKE gives the values of RFC 9180 {name}",
              (got[0].hex(), got[1].hex()) == (enc, ct))
        rng = stream.Stream("test hpke")
        enc, ct = hpke.seal(mine.public_key(), b"i", b"a", plain, rng)
        check(f"HPKE with AES-256 opens its own, {name}",
              hpke.open_(mine, enc, b"i", b"a", ct) == plain)


def test_jose():
    key = ec.derive_private_key(int(
        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        16), ec.SECP256R1())
    check("ES256 gives the signature of RFC 6979 A.2.5",
          jose.sign(key, b"sample").hex() ==
          "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
          "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8")
    pub = jose.from_jwk({
        "kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    check("the thumbprint is that of RFC 8037 A.3",
          jose.thumbprint(pub) ==
          "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")


def test_cids():
    hello = cid.v1(b"hello world")
    check("a raw CIDv1 is the known one", cid.text(hello) ==
          "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e")
    check("its text gives its binary", cid.from_text(cid.text(hello)) ==
          hello)
    store = {}

    def put(data, name):
        store[name] = data

    builder = unixfs.Builder(put, v0=True, dag_leaves=True)
    known = {b"hello world\n":
             "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
             b"": "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"}
    for data, name in known.items():
        check("a dag-pb file of one block is " + name,
              cid.text(builder.leaf(data).cid) == name)
    test_tree(store, put)


def test_tree(store, put):
    data = stream.Stream("test tree")(1000)
    for name, build in (("balanced", unixfs.v1_2025),
                        ("v0", unixfs.v0_2015), ("uneven", unixfs.trickle)):
        top = build(put, [data], leaf=64, width=3)
        check(f"{name}: the size is known at the root", top.size == 1000)
        out = io.BytesIO()
        car.write(out, top.cid, store.__getitem__)
        blocks = list(car.walk(top.cid, store.__getitem__))
        check(f"{name}: the CAR holds the header and every block",
              len(out.getvalue()) == len(car.header(top.cid)) + sum(
                  len(car.section(*each)) for each in blocks))
    simple = KATS / "car" / "gateway-conformance" / "gateway-raw-block.car"
    if not simple.exists():
        return skip("a CAR written by others", "the file is not there")
    check("the CAR header is the one that others write",
          car_header_matches(simple.read_bytes()))


def car_header_matches(data):
    at = data.index(b"\xd8\x2a\x58") + 3
    root = data[at + 2:at + 1 + data[at]]
    return data.startswith(car.header(root))


def test_b64u():
    for text in ("QQ==", "QR", "Q Q", "Q", "+w", "QQ\n"):
        try:
            b64u.decode(text)
            check("base64url refuses " + repr(text), False)
        except ValueError:
            check("base64url refuses " + repr(text), True)


def main():
    for test in (test_floe_answers, test_floe_own, test_hpke, test_jose,
                 test_cids, test_b64u):
        test()
    print(f"1..{done}")
    sys.exit(failed > 0)


main()
