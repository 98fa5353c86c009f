"""Makes the test vectors in ../data with the real netaio 0.0.9 and packify 0.4.0.

    python make_vectors.py            writes them
    python make_vectors.py --check    fails when the committed files differ

Every verdict and every decoded field comes from the package at the time of making, and
each frame also goes through a real `TCPServer`. Randomness and time are replaced by a
seeded generator, so two runs make the same bytes. ../data/README.md describes the files.
"""

from __future__ import annotations

import json
import math
import sys
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from random import Random
from zlib import crc32

import netaio.auth
import netaio.cipher
import netaio.crypto
import packify
from netaio.common import AuthFields, Body, Header, Message, MessageType
from netaio.server import TCPServer

import steps

DATA = Path(__file__).resolve().parent.parent / "data"
BASE = list(MessageType)
SIZES = [0, 1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 1000]
SECRET = "shared secret"
KEY = "shared key"
ADMIN = "admin secret"
INNER_KEY = "inner key"
DEFAULT_NAMES = {"hmac": "hmac", "nonce": "nonce", "ts": "ts", "iv": "iv"}
# The most uri and content that `Body.prepare` takes.
MOST = 65_422

random = Random("netaio test vectors")


class Draws:
    """Stands in for the operating system's randomness and clock, and remembers."""

    def __init__(self) -> None:
        self.ivs: list[bytes] = []
        self.cuts: list[int] = []
        self.now = 1_700_000_000

    def nonce(self, size: int) -> bytes:
        return random.randbytes(size)

    def iv(self, size: int) -> bytes:
        self.ivs.append(random.randbytes(size))
        return self.ivs[-1]

    def cut(self, low: int, high: int) -> int:
        self.cuts.append(random.randint(low, high))
        return self.cuts[-1]

    def time(self) -> float:
        self.now += 1
        return self.now + 0.75


draws = Draws()
netaio.auth.urandom = draws.nonce
netaio.auth.time = draws.time
netaio.crypto.urandom = draws.iv
netaio.cipher.randint = draws.cut


def pattern(size: int) -> bytes:
    return random.randbytes(size)


# ---------------------------------------------------------------- frames by hand


def raw(kind: int, auth: bytes, body: bytes, *, auth_length=None, body_length=None, checksum=None):
    """A frame of these sections, with lengths and checksum that may lie."""
    return (
        kind.to_bytes(1, "big")
        + (len(auth) if auth_length is None else auth_length).to_bytes(2, "big")
        + (len(body) if body_length is None else body_length).to_bytes(2, "big")
        + (crc32(body) if checksum is None else checksum).to_bytes(4, "big")
        + auth
        + body
    )


def body_of(uri: bytes, content: bytes, uri_length=None) -> bytes:
    return (len(uri) if uri_length is None else uri_length).to_bytes(2, "big") + uri + content


def mac_of(secret: str, nonce, ts: bytes, body: bytes) -> bytes:
    return netaio.crypto.hmac(sha256(secret.encode()).digest(), nonce, ts + body)


def crypt(key: str, iv, data: bytes) -> bytes:
    return netaio.crypto.symcrypt(sha256(key.encode()).digest(), iv, data)


def pre(kind: int, payload: bytes, width: int = 1) -> bytes:
    """A length-prefixed packify value in a width of one's own choice (1, 2 or 4)."""
    return bytes([{1: 0x40, 2: 0x80, 4: 0xC0}[width] | kind]) + len(payload).to_bytes(width, "big") + payload


def seq(kind: int, items: list[bytes], width: int = 1, item_width: int = 1, lengths=None, count=None) -> bytes:
    """A packify container in widths of one's own choice, with lengths that may lie."""
    code = {1: 0x40, 2: 0x80, 4: 0xC0}
    lengths = [len(item) for item in items] if lengths is None else lengths
    return (
        bytes([code[width] | kind, code[item_width]])
        + (len(items) if count is None else count).to_bytes(width, "big")
        + b"".join(length.to_bytes(item_width, "big") for length in lengths)
        + b"".join(items)
    )


LIST, SET, TUPLE, DICT = 10, 11, 12, 13
pack = packify.pack
EMPTY = pack({})


def dict_of(*pairs: tuple[bytes, bytes]) -> bytes:
    """A packed dict of packed keys and values, in this order."""
    items = [seq(TUPLE, list(pair), item_width=1 if max(map(len, pair)) < 256 else 2) for pair in pairs]
    return seq(DICT, items, item_width=1 if all(len(item) < 256 for item in items) else 2)


def field(value: bytes, key: str = "f") -> bytes:
    """An auth section with one field of this packed value."""
    return dict_of((pack(key), value))


# ---------------------------------------------------------------- accepted frames

accepted: list[dict] = []
refused: list[dict] = []
differ: list[dict] = []


def given_fields(fields: dict) -> list[list[str]]:
    pairs = sorted((pack(pair), pack(pair[0]), pack(pair[1])) for pair in fields.items())
    return [[key.hex(), value.hex()] for _, key, value in pairs]


def plugins(line: dict):
    names = line["names"] or DEFAULT_NAMES
    auth_names = tuple((f"{name}_field", names[name]) for name in ("hmac", "nonce", "ts"))
    return (
        steps.hmac_plugin(line["secret"], auth_names),
        steps.cipher_plugin(line["key"], not line["plain_uri"], (("iv_field", names["iv"]),)),
        steps.inner_hmac(line["inner_secret"]),
        steps.inner_cipher(line["inner_key"]),
    )


def layers(secret=None, key=None, plain_uri=False, inner_secret=None, inner_key=None, names=None):
    return {
        "secret": secret,
        "key": key,
        "plain_uri": plain_uri,
        "inner_secret": inner_secret,
        "inner_key": inner_key,
        "names": {**DEFAULT_NAMES, **names} if names else None,
    }


def judge(line: dict, types):
    """What the package does with a line's frame, by both ways of asking."""
    frame = bytes.fromhex(line["frame"])
    known = plugins(line)
    steps.use_types(types)
    try:
        wire, message, rest = steps.receive(frame, *known, types=types)
        verdict = None
    except steps.Refused as error:
        wire = message = rest = None
        verdict = error
    handled = steps.through_server(frame, *known, types=types)
    if (handled is None) != (message is None):
        raise AssertionError(f"{line['name']}: the steps and the server disagree")
    if handled is not None and handled.body != message.body:
        raise AssertionError(f"{line['name']}: the steps and the server read different bodies")
    return wire, message, rest, verdict


def accept(name: str, frame: bytes, layer: dict, sealed: dict | None, given=None) -> dict:
    """Adds a frame that the package accepts, with everything that it reads."""
    line = {"name": name, "frame": frame.hex(), **layer}
    types = steps.ALL_TYPES if frame[0] > 30 else steps.BASE_TYPES
    wire, message, rest, verdict = judge(line, types)
    if verdict is not None:
        raise AssertionError(f"{name}: refused at {verdict.stage}: {verdict.error}")
    if rest:
        raise AssertionError(f"{name}: {rest} bytes left over")
    line |= {
        "type": int(message.header.message_type),
        "uri": message.body.uri.hex(),
        "content": message.body.content.hex(),
        "auth": steps.packed_fields(wire),
        "checksum": wire.header.checksum,
        "canonical": wire.encode() == frame,
        "given": given,
        "sealed": sealed,
    }
    accepted.append(line)
    return line


def seal(name: str, kind, uri: bytes, content: bytes, layer: dict, fields: dict | None = None) -> dict:
    """Adds a frame that the package made."""
    types = steps.ALL_TYPES if kind > 30 else steps.BASE_TYPES
    steps.use_types(types)
    fields = dict(fields or {})
    given = given_fields(fields)
    line = {"name": name, **layer}
    auth, cipher, inner_auth, inner_cipher = plugins(line)
    server = TCPServer(message_type_class=types, auth_plugin=auth, cipher_plugin=cipher)
    draws.ivs.clear()
    draws.cuts.clear()
    message = Message.prepare(Body.prepare(content, uri), types(kind), AuthFields(fields))
    message = server.prepare_message(message, auth_plugin=inner_auth, cipher_plugin=inner_cipher)
    frame = message.encode()

    names = layer["names"] or DEFAULT_NAMES
    wire = message.auth_data.fields
    sealed = {}
    if auth is not None:
        sealed["nonce"] = wire[names["nonce"]].hex()
        sealed["ts"] = int.from_bytes(wire[names["ts"]], "big")
    if cipher is not None:
        sealed["iv"] = wire[names["iv"]].hex()
        if not layer["plain_uri"]:
            sealed["cut"] = draws.cuts[0]
    if inner_auth is not None:
        sealed["inner_nonce"] = wire["nonce"].hex()
        sealed["inner_ts"] = int.from_bytes(wire["ts"], "big")
    if inner_cipher is not None:
        sealed["inner_iv"] = wire["vi"].hex()
    line = accept(name, frame, layer, sealed, given)
    if not line["canonical"]:
        raise AssertionError(f"{name}: the package does not make its own frame again")
    return line


OUTER = {
    "plain": {},
    "hmac": {"secret": SECRET},
    "cipher": {"key": KEY},
    "cipher-plain-uri": {"key": KEY, "plain_uri": True},
    "both": {"secret": SECRET, "key": KEY},
    "both-plain-uri": {"secret": SECRET, "key": KEY, "plain_uri": True},
}
INNER = {
    "": {},
    "-inner-hmac": {"inner_secret": ADMIN},
    "-inner-cipher": {"inner_key": INNER_KEY},
    "-inner-both": {"inner_secret": ADMIN, "inner_key": INNER_KEY},
}


def types_and_sizes() -> None:
    turn = 0
    for uri in SIZES:
        for content in SIZES:
            kind = BASE[turn % len(BASE)]
            turn += 1
            seal(f"size-{uri}-{content}", kind, pattern(uri), pattern(content), layers())
    for kind in BASE:
        for outer in ("plain", "both"):
            seal(f"type-{kind.name.lower()}-{outer}", kind, b"some/uri", b"content", layers(**OUTER[outer]))
    for kind in (31, 32, 64, 99, 127, 128, 200, 254, 255):
        for outer in ("plain", "hmac", "cipher", "both"):
            seal(f"type-{kind}-{outer}", kind, b"custom", pattern(20), layers(**OUTER[outer]))
    seal("echo", MessageType.REQUEST_URI, b"echo", b"hi", layers())
    if accepted[-1]["frame"] != "0000030008339503ac4d40000004" + b"echohi".hex():
        raise AssertionError("the protocol page's example is not what the package makes")


def layers_and_sizes() -> None:
    turn = 0
    for outer, outer_layer in OUTER.items():
        for inner, inner_layer in INNER.items():
            if (outer, inner) == ("plain", ""):
                continue
            sizes = list(zip(SIZES, SIZES[turn % 12 :] + SIZES[: turn % 12]))
            if inner:
                sizes = sizes[turn % 3 :: 3]
            for uri, content in sizes:
                kind = BASE[turn % len(BASE)]
                turn += 1
                seal(
                    f"{outer}{inner}-{uri}-{content}",
                    kind,
                    pattern(uri),
                    pattern(content),
                    layers(**outer_layer, **inner_layer),
                )
    for number in range(12):
        # Many cuts of one short message, the first and last place among them.
        seal(f"cut-{number}", MessageType.REQUEST_URI, b"a", b"b", layers(key=KEY))
    for secret in ("", "s", "schlüssel ☂", "x" * 64, "x" * 137, "nul\0nul"):
        name = f"{len(secret)}"
        seal(f"secret-{name}", MessageType.OK, b"uri", b"content", layers(secret=secret))
        seal(f"key-{name}", MessageType.OK, b"uri", b"content", layers(key=secret))
    seal("body-uri-200-of-ff", MessageType.OK, b"\xff" * 200, b"", layers())
    seal("body-uri-nul", MessageType.OK, b"\0", b"\0\0", layers())
    seal("body-uri-utf8", MessageType.REQUEST_URI, "straße/☂".encode(), "☂".encode(), layers())
    seal("body-of-a-frame", MessageType.OK, b"f", bytes.fromhex(accepted[0]["frame"]), layers())


def largest() -> None:
    seal("largest-plain", MessageType.RESPOND_URI, b"big", pattern(MOST - 3), layers())
    # The length of the uri is part of what is encrypted, so two bytes less.
    seal("largest-both", MessageType.CREATE_URI, b"big", pattern(MOST - 5), layers(secret=SECRET, key=KEY))
    body = body_of(b"bigger", pattern(65_535 - 8))
    accept("decoder-body-65535", raw(1, EMPTY, body), layers(), None, [])


def plugin_fields() -> None:
    own = {"hmac": "signature", "nonce": "n", "ts": "when", "iv": "vector"}
    for outer in ("hmac", "cipher", "both", "both-plain-uri"):
        for inner in ("", "-inner-both"):
            layer = layers(**OUTER[outer], **INNER[inner], names=own)
            seal(f"names-{outer}{inner}", MessageType.UPDATE_URI, b"uri", b"content", layer)
    for one in own:
        layer = layers(secret=SECRET, key=KEY, names={one: own[one]})
        seal(f"names-only-{one}", MessageType.UPDATE_URI, b"uri", b"content", layer)

    nonce = bytes(range(16))
    cases = {
        "nonce": {"nonce": nonce},
        "ts-bytes": {"ts": b"abcd"},
        "nonce-ts": {"nonce": b"1" * 16, "ts": b"abcd"},
        "ts-int": {"ts": 1_234_567_890},
        "ts-int-1": {"ts": 1},
        "ts-int-0": {"ts": 0},
        "ts-int-max": {"ts": 2**32 - 1},
        "ts-bytes-0": {"ts": bytes(4)},
        "ts-bytes-max": {"ts": b"\xff" * 4},
        "nonce-short": {"nonce": b"short"},
        "nonce-long": {"nonce": bytes(17)},
        "nonce-empty": {"nonce": b""},
        "hmac": {"hmac": b"to be overwritten"},
        "all-and-more": {"nonce": nonce, "ts": 7, "hmac": None, "more": [1, 2], "iv": b"old"},
        "oddts-2-bytes": {"ts": b"\1\2"},
        "oddts-empty": {"ts": b""},
        "oddts-6-bytes": {"ts": b"\0\0\1\2\3\4"},
    }
    for name, fields in cases.items():
        for outer in ("hmac", "both"):
            seal(f"given-{name}-{outer}", MessageType.OK, b"uri", b"content", layers(**OUTER[outer]), fields)
    seal("given-iv-cipher", MessageType.OK, b"uri", b"content", layers(key=KEY), {"iv": b"overwritten"})
    seal(
        "given-nonce-inner",
        MessageType.OK,
        b"uri",
        b"content",
        layers(secret=SECRET, inner_secret=ADMIN),
        {"nonce": nonce, "ts": 99},
    )
    for size in (0, 1, 8, 15, 17, 32, 100):
        iv = pattern(size)
        body = body_of(b"uri", crypt(KEY, iv, b"content"))
        accept(f"iv-{size}-plain-uri", raw(1, pack({"iv": iv}), body), layers(key=KEY, plain_uri=True), None)
        secret = crypt(KEY, iv, body_of(b"uri", b"content"))
        accept(f"iv-{size}", raw(1, pack({"iv": iv}), body_of(secret[:4], secret[4:])), layers(key=KEY), None)
    iv = pattern(16)
    secret = crypt(KEY, iv, body_of(b"uri", b"content"))
    for cut in (0, len(secret)):
        # The package never cuts here, and reads it all the same.
        frame = raw(1, pack({"iv": iv}), body_of(secret[:cut], secret[cut:]))
        accept(f"cut-at-{'start' if cut == 0 else 'end'}", frame, layers(key=KEY), None)
    frame = raw(1, pack({"iv": bytearray(iv)}), body_of(secret[:4], secret[4:]))
    accept("iv-bytearray", frame, layers(key=KEY), None)
    for ts in (1, 255, 1_700_000_000, 2**32 - 1):
        nonce = pattern(16)
        body = body_of(b"uri", b"content")
        mac = mac_of(SECRET, nonce, ts.to_bytes(4, "big"), body)
        frame = raw(0, pack({"nonce": nonce, "ts": ts, "hmac": mac}), body)
        accept(f"ts-int-on-the-wire-{ts}", frame, layers(secret=SECRET), None)
    body = body_of(b"uri", b"content")
    nonce = pattern(16)
    mac = mac_of(SECRET, nonce, bytes(4), body)
    frame = raw(0, pack({"nonce": nonce, "ts": bytes(4), "hmac": mac}), body)
    accept("ts-zero-bytes-on-the-wire", frame, layers(secret=SECRET), None)


def values() -> dict[str, object]:
    deep_list: object = 1
    for _ in range(20):
        deep_list = [deep_list]
    deep_tuple: object = ()
    for _ in range(20):
        deep_tuple = (deep_tuple,)
    deep_dict: object = {}
    for _ in range(8):
        deep_dict = {"d": deep_dict}
    table: dict[str, object] = {"none": None, "true": True, "false": False}
    for size in (0, 1, 16, 32, 255, 256, 300, 1000):
        table[f"bytes-{size}"] = pattern(size)
    for size in (0, 1, 255, 256):
        table[f"bytearray-{size}"] = bytearray(pattern(size))
    table |= {
        "str-empty": "",
        "str-ascii": "text",
        "str-nul": "\0",
        "str-utf8": "grüße ☂ 𝄞",
        "str-255": "x" * 255,
        "str-256": "x" * 256,
        "str-256-bytes": "ü" * 128,
    }
    for number in (0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**31, 2**32 - 1, 2**32, 2**40, 2**63, 2**64, 2**64 - 1):
        table[f"int-{number}"] = number
        if number:
            table[f"int-minus-{number}"] = -number
    for size in (16, 32, 100, 254, 255, 256, 257, 1000):
        table[f"int-of-{size}-bytes"] = 2 ** (8 * size) - 3
        table[f"int-of-{size}-bytes-negative"] = -(2 ** (8 * size - 1))
    for name, number in {
        "0": 0.0,
        "minus-0": -0.0,
        "1": 1.0,
        "pi": math.pi,
        "least": 5e-324,
        "most": sys.float_info.max,
        "infinity": math.inf,
        "minus-infinity": -math.inf,
        "nan": math.nan,
        "minus-nan": -math.nan,
    }.items():
        table[f"float-{name}"] = number
    for text in (
        "0", "-0", "0.00", "1", "-1.50", "3.14159265358979323846264338327950288", "1E+5", "1.0E-7",
        "-1.2E-400", "9E+999999", "NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity",
    ):
        table[f"decimal-{text}"] = Decimal(text)
    table["decimal-300-digits"] = Decimal("7" * 300)
    table |= {
        "list-empty": [],
        "list-mixed": [None, True, 1, -1, 1.5, "s", b"b", Decimal("1.1"), (), {}],
        "list-200": list(range(200)),
        "list-300": [None] * 300,
        "list-long-item": ["short", "x" * 300],
        "list-long-only-item": [b"x" * 256],
        "list-equal": [1, 1, 1],
        "list-deep": deep_list,
        "set-empty": set(),
        "set-ints": {3, 1, 2, 300, 70_000, -1},
        "set-strs": {"b", "a", "ab", ""},
        "set-mixed": {None, "1", b"1", 1.5, (1, 2), Decimal("2.5"), 7},
        "set-100": set(range(100)),
        "set-of-tuples": {(1,), (1, 2), ()},
        "tuple-empty": (),
        "tuple-one": (1,),
        "tuple-mixed": ("a", b"a", ["a"], {"a"}, {"a": "a"}),
        "tuple-deep": deep_tuple,
        "dict-empty": {},
        "dict-one": {"key": "value"},
        "dict-100": {f"key {number}": number for number in range(100)},
        "dict-keys": {None: 1, 5: 2, "5": 3, b"5": 4, (5,): 5, 5.5: 6, Decimal("5.25"): 7},
        "dict-deep": deep_dict,
        "dict-of-everything": {"l": [1, {"s": {1, 2}}], "t": (None, b""), "d": {"e": bytearray(b"f")}},
        "peer": packify.pack((b"id", packify.pack({"name": "peer", "port": 8888}))),
    }
    return table


def auth_values() -> None:
    for turn, (name, value) in enumerate(values().items()):
        kind = BASE[turn % len(BASE)]
        seal(f"auth-{name}", kind, b"uri", b"content", layers(), {"field": value})
    keys: dict[str, object] = {
        "none": None, "true": True, "int": 42, "negative": -42, "huge": 2**100, "float": 1.25,
        "decimal": Decimal("1.25"), "bytes": b"key", "empty-bytes": b"", "empty-str": "", "nan": math.nan,
        "tuple": ("a", 1), "nested-tuple": (("a",), (b"b", None)), "long": "k" * 300, "utf8": "ключ",
    }
    for name, key in keys.items():
        seal(f"auth-key-{name}", MessageType.OK, b"uri", b"content", layers(), {key: b"value"})
    seal("auth-keys-all", MessageType.OK, b"uri", b"content", layers(), {key: 1 for key in keys.values()})
    for count in (2, 3, 10, 50, 200):
        fields = {f"field {number}": pattern(number % 7) for number in range(count)}
        for outer in ("plain", "both"):
            seal(f"auth-fields-{count}-{outer}", MessageType.OK, b"uri", b"", layers(**OUTER[outer]), fields)
    mixed = {"a": 1, "b": [1, "two", b"three"], 4: {"five": 6.0}, None: None, "z": Decimal("1.0")}
    for outer, outer_layer in OUTER.items():
        for inner, inner_layer in INNER.items():
            layer = layers(**outer_layer, **inner_layer)
            seal(f"auth-mixed-{outer}{inner}", MessageType.NOTIFY_URI, b"uri", b"content", layer, mixed)
    # Filled up to our limit of 8,192 bytes for an auth section.
    room = 8192 - len(pack({"f": bytes(8000)})) + 8000
    for size in (room - 1, room):
        seal(f"auth-section-{8192 - room + size}", MessageType.OK, b"", b"", layers(), {"f": pattern(size)})


def widths() -> None:
    """Encodings that packify reads and would not write."""
    key = pack("f")
    body = body_of(b"uri", b"content")
    cases = {
        "trailing-1": EMPTY + b"\0",
        "trailing-3": field(pack(1)) + b"abc",
        "trailing-another-dict": EMPTY + field(pack(1)),
        "dict-count-2-bytes": seq(DICT, [], 2),
        "dict-count-4-bytes": seq(DICT, [], 4),
        "dict-items-2-bytes": seq(DICT, [], 1, 2),
        "dict-items-4-bytes": seq(DICT, [seq(TUPLE, [key, b"\0"])], 1, 4),
        "dict-all-4-bytes": seq(DICT, [seq(TUPLE, [key, b"\0"], 4, 4)], 4, 4),
        "dict-unsorted": dict_of((pack("b"), pack(1)), (pack("a"), pack(2))),
        "dict-duplicate-key": dict_of((key, pack(1)), (key, pack(2))),
        "dict-duplicate-key-widths": dict_of((pre(3, b"f", 2), pack(1)), (key, pack(2))),
        "tuple-trailing": seq(DICT, [seq(TUPLE, [key, pack(1)]) + b"xx"]),
        "key-trailing": seq(DICT, [seq(TUPLE, [key + b"xx", pack(1)])]),
        "value-trailing": field(pack(1) + b"xx"),
        "key-2-bytes": dict_of((pre(3, b"f", 2), pack(1))),
        "key-4-bytes": dict_of((pre(3, b"f", 4), pack(1))),
        "bool-2": field(b"\x06\x02"),
        "bool-ff": field(b"\x06\xff"),
        "bool-code-46": field(b"\x46\x01"),
        "bool-code-c6": field(b"\xc6\x00"),
        "none-code-40": field(b"\x40"),
        "none-code-80": field(b"\x80"),
        "none-code-c0": field(b"\xc0"),
        "none-trailing": field(b"\x00abc"),
        "float-code-47": field(b"\x47" + pack(1.5)[1:]),
        "float-code-c7": field(b"\xc7" + pack(1.5)[1:] + b"xx"),
        "int-0-in-2": field(b"\x84\0\0"),
        "int-1-in-2": field(b"\x84\0\1"),
        "int-1-in-4": field(b"\xc4\0\0\0\1"),
        "int-size-0": field(b"\x04\0"),
        "int-size-1": field(b"\x04\1\7"),
        "int-leading-zeros": field(b"\x04\x09" + bytes(8) + b"\7"),
        "int-size-255-zeros": field(b"\x04\xff" + bytes(255)),
        "negative-0": field(b"\x45\0"),
        "negative-0-size-0": field(b"\x05\0"),
        "negative-1-in-2": field(b"\x85\0\1"),
        "negative-leading-zeros": field(b"\x05\4\0\0\0\5"),
        "big-int-size-0": field(b"\x0e\0\0\0\0"),
        "big-int-small": field(b"\x0e\0\0\0\1\7"),
        "big-int-code-4e": field(b"\x4e\0\0\0\1\7"),
        "big-int-leading-zeros": field(b"\x0e\0\0\1\x2c" + bytes(299) + b"\7"),
        "big-negative-small": field(b"\x0f\0\0\0\1\7"),
        "big-negative-zero": field(b"\xcf\0\0\0\1\0"),
        "list-wide": field(seq(LIST, [pack(1), pack(2)], 2, 2)),
        "list-items-trailing": field(seq(LIST, [pack(1) + b"x", pack(2) + b"yy"])),
        "set-unsorted": field(seq(SET, [pack(2), pack(1)])),
        "set-equal-items": field(seq(SET, [pack(1), pack(1)])),
        "set-equal-items-widths": field(seq(SET, [pack(1), b"\x84\0\1"])),
        "set-of-equal-tuples": field(seq(SET, [pack(()), seq(TUPLE, [], 4)])),
        "nested-dict-unsorted": field(dict_of((pack("b"), pack(1)), (pack("a"), pack(2)))),
    }
    for code, name in ((1, "bytes"), (2, "bytearray"), (3, "str")):
        for width in (2, 4):
            cases[f"{name}-{width}-bytes"] = field(pre(code, b"abc", width))
            cases[f"{name}-empty-{width}-bytes"] = field(pre(code, b"", width))
    for width in (2, 4):
        cases[f"decimal-{width}-bytes"] = field(pre(8, b"1.5", width))
        cases[f"tuple-{width}-bytes"] = field(seq(TUPLE, [pack(1)], width, width))
        cases[f"set-{width}-bytes"] = field(seq(SET, [pack(1)], width, width))
    for turn, (name, auth) in enumerate(cases.items()):
        line = accept(f"widths-{name}", raw(BASE[turn % len(BASE)], auth, body), layers(), None)
        if line["canonical"]:
            raise AssertionError(f"widths-{name} is canonical")
    nonce, iv = pattern(16), pattern(16)
    secret = crypt(KEY, iv, body)
    sealed = body_of(secret[:5], secret[5:])
    mac = mac_of(SECRET, nonce, b"abcd", sealed)
    auth = dict_of(
        (pre(3, b"nonce", 4), pre(1, nonce, 2)),
        (pre(3, b"hmac", 2), pre(1, mac, 4)),
        (pack("ts"), pre(1, b"abcd", 2) + b"rest"),
        (pack("iv"), pre(1, iv, 4)),
    )
    accept("widths-sealed", raw(0, auth + b"behind", sealed), layers(secret=SECRET, key=KEY), None)


# ---------------------------------------------------------------- refused frames


def record(name, why, layer_name, row, frame: bytes, layer: dict, python: str) -> dict:
    line = {"name": name, "frame": frame.hex(), "why": why, "layer": layer_name}
    wire, message, rest, verdict = judge({**line, **layer}, steps.BASE_TYPES)
    found = "accepts" if verdict is None else "refuses"
    if found != python:
        raise AssertionError(f"{name}: the package {found}: {verdict and verdict.error}")
    line |= {
        "python": found,
        "stage": verdict.stage if verdict else None,
        "effect": verdict.effect if verdict else None,
        "row": row,
        **layer,
    }
    return line


def refuse(name, why, layer_name, row, frame, layer=None, python="refuses") -> None:
    """Adds a frame that this implementation refuses; `python` is what the package does."""
    refused.append(record(name, why, layer_name, row, frame, layer or layers(), python))


def frame_level() -> None:
    whole = bytes.fromhex("0000030008339503ac4d400000046563686f6869")
    refuse("empty", "truncated header", "frame", None, b"")
    for size in range(1, 9):
        refuse(f"header-{size}-of-9", "truncated header", "frame", None, whole[:size])
    for size in (9, 10, 11):
        refuse(f"auth-cut-at-{size}", "truncated auth section", "frame", None, whole[:size])
    for size in range(12, 20, 2):
        refuse(f"body-cut-at-{size}", "truncated body", "frame", None, whole[:size])
    body = body_of(b"echo", b"hi")
    refuse("auth-length-1-more", "truncated body", "frame", None, raw(0, EMPTY, body, auth_length=4))
    refuse("auth-length-65535", "truncated auth section", "frame", None, raw(0, EMPTY, body, auth_length=65_535))
    refuse("body-length-1-more", "truncated body", "frame", None, raw(0, EMPTY, body, body_length=9))
    refuse("body-length-65535", "truncated body", "frame", None, raw(0, EMPTY, body, body_length=65_535))
    known = {int(kind) for kind in MessageType}
    for kind in [k for k in range(31) if k not in known] + [31, 42, 64, 128, 200, 254, 255]:
        refuse(f"type-{kind}", "unknown type", "frame", 7, raw(kind, EMPTY, body))
    refuse("type-14-header-only", "unknown type", "frame", 7, raw(14, EMPTY, body)[:9])
    frames = {line["name"]: line["frame"] for line in accepted}
    for outer in ("hmac", "both"):
        frame = b"\x1d" + bytes.fromhex(frames[f"type-99-{outer}"])[1:]
        refuse(f"type-changed-to-29-{outer}", "unknown type", "frame", 7, frame, layers(**OUTER[outer]))
    for size in (8193, 8300, 20_000):
        room = size - len(pack({"f": bytes(size - 300)})) + size - 300
        frame = raw(0, pack({"f": bytes(room)}), body)
        refuse(f"auth-section-{size}", "auth too long", "frame", None, frame, python="accepts")
    frame = raw(0, EMPTY + bytes(8190), body)
    refuse("auth-section-8193-trailing", "auth too long", "frame", None, frame, python="accepts")


def auth_level() -> None:
    body = body_of(b"echo", b"hi")
    key = pack("f")
    garbage = {
        "zeros-of-code-1": b"\x01\0\0",
        "ff": b"\xff" * 8,
        "ascii": b"hello world",
        "code-09": b"\x49\x01x",
        "code-10": b"\x50\x01x",
        "code-3f": b"\x7f\x01x",
        "dict-cat0": b"\x0d\x40\0",
        "dict-code-only": b"\x4d",
        "dict-no-count": b"\x4d\x40",
        "dict-item-width-0": b"\x4d\x00\0",
        "dict-item-width-1": b"\x4d\x01\0",
        "dict-item-width-41": b"\x4d\x41\0",
        "dict-item-width-ff": b"\x4d\xff\0",
        "dict-table-short": b"\x4d\x40\5\1\1",
        "dict-items-short": seq(DICT, [b"\0"], lengths=[9]),
        "dict-count-max": b"\xcd\xc0\xff\xff\xff\xff",
        "dict-lengths-overflow": seq(DICT, [b"\0", b"\0"], 1, 4, lengths=[2**32 - 1, 2]),
        "dict-item-empty": seq(DICT, [b""]),
        "dict-item-not-tuple": seq(DICT, [pack(1)]),
        "dict-item-list": seq(DICT, [pack(["a", 1])]),
        "dict-item-tuple-1": seq(DICT, [pack(("a",))]),
        "dict-item-tuple-3": seq(DICT, [pack(("a", 1, 2))]),
        "dict-item-tuple-0": seq(DICT, [pack(())]),
        "dict-key-list": dict_of((pack([]), pack(1))),
        "dict-key-dict": dict_of((pack({}), pack(1))),
        "dict-key-set": dict_of((pack(set()), pack(1))),
        "dict-key-bytearray": dict_of((pack(bytearray(b"f")), pack(1))),
        "dict-key-tuple-of-list": dict_of((pack(([],)), pack(1))),
        "dict-key-decimal-snan": dict_of((pack(Decimal("sNaN")), pack(1))),
        "value-empty": dict_of((key, b"")),
        "value-unknown-code": field(b"\x20"),
        "value-str-cat0": field(b"\x03\1x"),
        "value-bytes-cat0": field(b"\x01\1x"),
        "value-decimal-cat0": field(b"\x08\0011"),
        "value-list-cat0": field(b"\x0a\x40\0"),
        "value-str-no-length": field(b"\x43"),
        "value-str-short": field(b"\x43\5abc"),
        "value-bytes-short": field(b"\x41\5abc"),
        "value-bytes-half-length": field(b"\x81\1"),
        "value-bytes-length-max": field(b"\xc1\xff\xff\xff\xffx"),
        "value-bytearray-short": field(b"\x82\0\5abc"),
        "value-str-not-utf8": field(b"\x43\2\xc3\x28"),
        "value-str-surrogate": field(b"\x43\3\xed\xa0\x80"),
        "value-str-overlong": field(b"\x43\2\xc0\x80"),
        "value-str-cut-utf8": field(b"\x43\2\xe2\x98"),
        "value-int-1-missing": field(b"\x44"),
        "value-int-2-short": field(b"\x84\1"),
        "value-int-4-short": field(b"\xc4\1\2\3"),
        "value-int-0-no-size": field(b"\x04"),
        "value-int-0-short": field(b"\x04\5abc"),
        "value-negative-short": field(b"\x05\5abc"),
        "value-big-int-no-size": field(b"\x0e\0\0"),
        "value-big-int-short": field(b"\x0e\0\0\1\0abc"),
        "value-big-int-max": field(b"\x0e\xff\xff\xff\xffabc"),
        "value-big-negative-short": field(b"\x0f\0\0\0\2a"),
        "value-bool-missing": field(b"\x06"),
        "value-float-short": field(b"\x07" + bytes(7)),
        "value-decimal-short": field(b"\x48\5 1"),
        "value-decimal-empty": field(pre(8, b"")),
        "value-decimal-words": field(pre(8, b"one")),
        "value-decimal-two-points": field(pre(8, b"1.2.3")),
        "value-decimal-no-exponent": field(pre(8, b"1e")),
        "value-decimal-point": field(pre(8, b".")),
        "value-decimal-hex": field(pre(8, b"0x10")),
        "value-decimal-not-utf8": field(pre(8, b"\xff")),
        "value-list-items-short": field(seq(LIST, [pack(1)], lengths=[3])),
        "value-list-item-width": field(b"\x4a\x02\0"),
        "value-set-of-lists": field(seq(SET, [pack([])])),
        "value-set-of-dicts": field(seq(SET, [pack({})])),
        "value-set-of-sets": field(seq(SET, [pack(set())])),
        "value-set-of-bytearray": field(seq(SET, [pack(bytearray())])),
        "value-set-of-tuple-of-list": field(seq(SET, [pack(([],))])),
        "value-dict-bad-item": field(seq(DICT, [pack(1)])),
        "value-dict-bad-key": field(dict_of((pack([]), pack(1)))),
        "key-str-short": seq(DICT, [seq(TUPLE, [b"\x43\5ab", pack(1)])]),
    }
    for name, auth in garbage.items():
        refuse(f"packify-{name}", "auth not packify", "auth", 8, raw(0, auth, body))
    signed = {"nonce": bytes(16), "ts": b"abcd", "hmac": bytes(32)}
    cut = pack(signed)[:-1]
    refuse("packify-signed-cut", "auth not packify", "auth", 8, raw(0, cut, body), layers(secret=SECRET))
    # Packable types are only known where somebody injects them; netaio does not.
    packable = b"\x54\1\1Ax"
    refuse("packable-value", "packable in auth", "auth", 8, raw(0, field(packable), body))
    refuse("packable-whole", "packable in auth", "auth", 8, raw(0, packable, body))
    refuse("packable-short", "auth not packify", "auth", 8, raw(0, field(b"\x54\1\5Ax"), body))

    others = {
        "none": None, "true": True, "bytes": b"abc", "bytearray": bytearray(b"abc"), "str": "abc", "int": 7,
        "negative": -7, "big-int": 2**2100, "float": 1.5, "decimal": Decimal("1.5"), "list": [], "set": {1},
        "list-of-pairs": [("nonce", b"1"), ("ts", b"2")], "tuple": ("a", 1), "tuple-empty": (),
    }
    for name, value in others.items():
        frame = raw(0, pack(value), body)
        refuse(f"not-a-dict-{name}", "auth not a dict", "auth", 9, frame, python="accepts")
        if name in ("list", "none", "tuple"):
            refuse(f"not-a-dict-{name}-hmac", "auth not a dict", "auth", 9, frame, layers(secret=SECRET))
            refuse(f"not-a-dict-{name}-cipher", "auth not a dict", "auth", 9, frame, layers(key=KEY))

    def nested(kind: int, depth: int, core: bytes) -> bytes:
        value = core
        for _ in range(depth):
            width = 1 if len(value) < 256 else 2
            value = seq(kind, [value], item_width=width)
        return value

    for depth in (40, 64, 100, 200, 300):
        frame = raw(0, field_any(nested(LIST, depth, pack(1))), body)
        refuse(f"list-{depth}-deep", "too deep", "auth", 10, frame, python="accepts")
    for depth in (40, 300):
        frame = raw(0, field_any(nested(TUPLE, depth, pack(()))), body)
        refuse(f"tuple-{depth}-deep", "too deep", "auth", 10, frame, python="accepts")
    value: bytes = EMPTY
    for _ in range(40):
        value = field_any(value)
    refuse("dict-40-deep", "too deep", "auth", 10, raw(0, value, body), python="accepts")
    frame = raw(0, nested(LIST, 100, pack(1)), body)
    refuse("list-100-deep-no-dict", "too deep", "auth", 10, frame, python="accepts")
    key_deep = seq(DICT, [seq(TUPLE, [nested(TUPLE, 40, pack(())), pack(1)])])
    refuse("key-40-deep", "too deep", "auth", 10, raw(0, key_deep, body), python="accepts")
    for depth in (1200, 1500):
        frame = raw(0, field_any(nested(LIST, depth, pack(1))), body)
        refuse(f"list-{depth}-deep", "too deep", "auth", 10, frame)
    frame = raw(0, nested(SET, 1500, pack(1)), body)
    refuse("set-1500-deep-no-dict", "too deep", "auth", 10, frame)

    many = {
        "list-1100": [None] * 1100,
        "list-2500": [None] * 2500,
        "tuple-1100": (None,) * 1100,
        "set-1100": set(range(1100)),
        "lists-40-of-40": [[None] * 40] * 40,
    }
    for name, value in many.items():
        frame = raw(0, pack({"f": value}), body)
        refuse(f"many-{name}", "too many items", "auth", 11, frame, python="accepts")
    frame = raw(0, pack([None] * 1100), body)
    refuse("many-list-1100-no-dict", "too many items", "auth", 11, frame, python="accepts")


def field_any(value: bytes) -> bytes:
    """`field` for values of any length."""
    wide = 1 if len(value) < 240 else 2
    return seq(DICT, [seq(TUPLE, [pack("f"), value], item_width=wide)], item_width=wide)


def body_level() -> None:
    refuse("body-0", "body under 2 bytes", "body", 8, raw(0, EMPTY, b""))
    refuse("body-1", "body under 2 bytes", "body", 8, raw(0, EMPTY, b"\0"))
    refuse("body-1-hmac", "body under 2 bytes", "body", 8, raw(0, EMPTY, b"\0"), layers(secret=SECRET))
    for name, body in {
        "1-of-0": b"\0\1",
        "5-of-4": body_of(b"echo", b"", 5),
        "7-of-6": body_of(b"echo", b"hi", 7),
        "65535-of-0": b"\xff\xff",
        "65535-of-6": body_of(b"echo", b"hi", 65_535),
        "256-of-255": body_of(bytes(255), b"", 256),
    }.items():
        refuse(f"uri-{name}", "uri past body", "body", 8, raw(0, EMPTY, body))
    frame = raw(0, EMPTY, body_of(b"echo", b"hi", 7), checksum=0)
    refuse("uri-7-of-6-and-checksum", "uri past body", "body", 8, frame)
    body = body_of(b"echo", b"hi")
    for name, checksum in {
        "0": 0,
        "max": 2**32 - 1,
        "plus-1": crc32(body) + 1,
        "swapped": int.from_bytes(crc32(body).to_bytes(4, "little"), "big"),
        "of-the-content": crc32(b"hi"),
        "of-the-rest": crc32(EMPTY + body),
    }.items():
        refuse(f"checksum-{name}", "checksum", "checksum", 6, raw(0, EMPTY, body, checksum=checksum))
    refuse("checksum-cipher", "checksum", "checksum", 6, raw(0, EMPTY, body, checksum=1), layers(key=KEY))
    refuse("checksum-both", "checksum", "checksum", 6, raw(0, EMPTY, body, checksum=1), layers(**OUTER["both"]))
    for bit in (0, 9, 33, 63):
        flipped = bytearray(raw(0, EMPTY, body_of(b"echo", b"hi!!")))
        # The first two bits would move the end of the uri.
        flipped[9 + 3 + 2 + bit // 8] ^= 1 << (bit % 8)
        refuse(f"checksum-body-bit-{bit}", "checksum", "checksum", 6, bytes(flipped))
    for bit in (0, 15, 31):
        flipped = bytearray(raw(0, EMPTY, body))
        flipped[5 + bit // 8] ^= 1 << (bit % 8)
        refuse(f"checksum-own-bit-{bit}", "checksum", "checksum", 6, bytes(flipped))
    frame = raw(0, EMPTY, body, body_length=7, checksum=crc32(body))
    refuse("checksum-body-length-1-less", "checksum", "checksum", 6, frame)


def hmac_level() -> None:
    layer = layers(secret=SECRET)
    body = body_of(b"echo", b"hi")
    nonce = pattern(16)
    ts = (1_700_000_000).to_bytes(4, "big")
    mac = mac_of(SECRET, nonce, ts, body)
    good = {"nonce": nonce, "ts": ts, "hmac": mac}

    def signed(fields: dict, of: bytes = body, kind: int = 0) -> bytes:
        return raw(kind, pack(fields), of)

    steps.receive(signed(good), steps.hmac_plugin(SECRET))
    refuse("hmac-no-fields", "hmac missing", "hmac", None, raw(0, EMPTY, body), layer)
    for name in ("hmac", "nonce", "ts"):
        without = {key: value for key, value in good.items() if key != name}
        refuse(f"{name}-missing", f"{name} missing", "hmac", None, signed(without), layer)
        why = "nonce missing" if name == "hmac" else "hmac missing"
        refuse(f"{name}-only", why, "hmac", None, signed({name: good[name]}), layer)
        why = "ts not bytes or u32" if name == "ts" else f"{name} not bytes"
        refuse(f"{name}-none", why, "hmac", 5, signed({**good, name: None}), layer)
        as_bytes_key = {key: value for key, value in good.items() if key != name} | {name.encode(): good[name]}
        refuse(f"{name}-key-is-bytes", f"{name} missing", "hmac", None, signed(as_bytes_key), layer)
    other_case = {key.upper(): value for key, value in good.items()}
    refuse("names-in-capitals", "hmac missing", "hmac", None, signed(other_case), layer)

    wrong = {
        "zeros": bytes(32),
        "of-another-secret": mac_of("another secret", nonce, ts, body),
        "of-an-empty-secret": mac_of("", nonce, ts, body),
        "of-another-body": mac_of(SECRET, nonce, ts, body_of(b"echo", b"ho")),
        "of-another-ts": mac_of(SECRET, nonce, bytes(4), body),
        "of-another-nonce": mac_of(SECRET, bytes(16), ts, body),
        "without-ts": mac_of(SECRET, nonce, b"", body),
        "of-the-content": mac_of(SECRET, nonce, ts, b"hi"),
        "reversed": mac[::-1],
        "stock-hmac-sha256": stock_hmac(nonce, ts + body),
    }
    for name, value in wrong.items():
        refuse(f"hmac-{name}", "hmac wrong", "hmac", None, signed({**good, "hmac": value}), layer)
    for bit in (0, 7, 100, 255):
        flipped = bytearray(mac)
        flipped[bit // 8] ^= 1 << (bit % 8)
        refuse(f"hmac-bit-{bit}", "hmac wrong", "hmac", None, signed({**good, "hmac": bytes(flipped)}), layer)
    for name, value in {"nonce": nonce, "ts": ts}.items():
        for bit in (0, 8 * len(value) - 1):
            flipped = bytearray(value)
            flipped[bit // 8] ^= 1 << (bit % 8)
            refuse(f"hmac-{name}-bit-{bit}", "hmac wrong", "hmac", None, signed({**good, name: bytes(flipped)}), layer)
    for name, changed in {
        "uri": body_of(b"ecno", b"hi"),
        "content": body_of(b"echo", b"ho"),
        "uri-length": body_of(b"ech", b"ohi"),
        "longer": body + b"\0",
        "shorter": body[:-1],
    }.items():
        refuse(f"hmac-body-{name}", "hmac wrong", "hmac", None, signed(good, changed), layer)
    refuse("hmac-wrong-secret", "hmac wrong", "hmac", None, signed(good), layers(secret="another secret"))
    refuse("hmac-own-names", "hmac missing", "hmac", None, signed(good), layers(secret=SECRET, names={"hmac": "mac"}))
    both = raw(0, pack({**good, "iv": bytes(16)}), body)
    refuse("hmac-wrong-secret-both", "hmac wrong", "hmac", None, both, layers(secret="another secret", key=KEY))

    for size in (0, 1, 16, 31, 33, 64):
        value = (mac + mac)[:size]
        refuse(f"hmac-{size}-bytes", "hmac length", "hmac", None, signed({**good, "hmac": value}), layer)
    for name, value in {
        "str-32": "h" * 32, "str-hex": mac.hex(), "int": int.from_bytes(mac, "big"), "true": True, "float": 1.5,
        "decimal": Decimal(1), "dict-empty": {}, "list-empty": [], "list-of-strs": ["a"] * 32, "set": set(range(32)),
    }.items():
        row = 1 if name.startswith(("list", "set", "dict")) else 5
        refuse(f"hmac-{name}", "hmac not bytes", "hmac", row, signed({**good, "hmac": value}), layer)
    for name, value in {
        "bytearray": bytearray(mac), "list": list(mac), "tuple": tuple(mac), "dict": dict(enumerate(mac)),
    }.items():
        frame = signed({**good, "hmac": value})
        refuse(f"hmac-as-{name}", "hmac not bytes", "hmac", 1, frame, layer, python="accepts")
    # The differences of the bytes are summed, so one item can take all the others back.
    balanced = [-1 - ((sum(mac[1:]) - 1) ^ mac[0])] + [0] * 31
    assert sum(item ^ byte for item, byte in zip(balanced, mac)) == 0
    frame = signed({**good, "hmac": balanced})
    refuse("hmac-list-balanced", "hmac not bytes", "hmac", 1, frame, layer, python="accepts")
    tries = 0
    while True:
        # Forged without the secret: only the server's yes tells.
        forged = {"nonce": tries.to_bytes(16, "big"), "ts": ts, "hmac": [-4096] + [0] * 31}
        try:
            steps.receive(signed(forged), steps.hmac_plugin(SECRET))
            break
        except steps.Refused:
            tries += 1
    refuse("hmac-list-forged", "hmac not bytes", "hmac", 1, signed(forged), layer, python="accepts")

    def signed_with(nonce, ts, mac_ts: bytes, mac_nonce=None) -> bytes:
        mac = mac_of(SECRET, nonce if mac_nonce is None else mac_nonce, mac_ts, body)
        return signed({"nonce": nonce, "ts": ts, "hmac": mac})

    for size in (0, 1, 8, 15, 17, 32, 200):
        nonce_of = pattern(size)
        frame = signed_with(nonce_of, ts, ts)
        refuse(f"nonce-{size}-bytes", "nonce length", "hmac", 2, frame, layer, python="accepts")
    frame = signed_with(bytearray(nonce), ts, ts)
    refuse("nonce-bytearray", "nonce not bytes", "hmac", 2, frame, layer, python="accepts")
    for name, value in {
        "str": "n" * 16, "int": 5, "float": 1.5, "list": list(nonce), "tuple": tuple(nonce), "dict": {}, "true": True,
        "decimal": Decimal(3),
    }.items():
        refuse(f"nonce-{name}", "nonce not bytes", "hmac", 5, signed({**good, "nonce": value}), layer)

    for size in (0, 1, 3, 5, 8, 100):
        value = pattern(size)
        frame = signed_with(nonce, value, value)
        refuse(f"ts-{size}-bytes", "ts length", "hmac", 2, frame, layer, python="accepts")
    frame = signed_with(nonce, bytearray(ts), ts)
    refuse("ts-bytearray", "ts not bytes or u32", "hmac", 2, frame, layer, python="accepts")
    frame = signed_with(nonce, True, b"\0\0\0\1")
    refuse("ts-true", "ts not bytes or u32", "hmac", 2, frame, layer, python="accepts")
    for name, value, mac_ts in (
        ("false", False, bytes(4)), ("negative", -1, b"\xff" * 4), ("2-to-32", 2**32, bytes(4)), ("huge", 2**200, bytes(4)),
        ("str", "abcd", b"abcd"), ("float", 1.5, b"abcd"), ("decimal", Decimal(5), b"\0\0\0\5"), ("list", list(ts), ts),
        ("tuple", tuple(ts), ts), ("dict", {}, ts), ("set", set(), ts),
    ):
        refuse(f"ts-{name}", "ts not bytes or u32", "hmac", 5, signed_with(nonce, value, mac_ts), layer)
    # An int zero is the package's "missing"; four zero bytes are not.
    refuse("ts-int-0", "ts missing", "hmac", None, signed_with(nonce, 0, bytes(4)), layer)

    for uri in (b"", b"n", b"note", b"a longer uri"):
        # An honest note whose content is itself a body: what is before goes over into ts.
        command = body_of(b"delete/me", b"")
        before = len(uri).to_bytes(2, "big") + uri
        fields = {"nonce": nonce, "ts": ts + before, "hmac": mac_of(SECRET, nonce, ts, before + command)}
        frame = signed(fields, command, int(MessageType.DELETE_URI))
        name = f"ts-takes-{len(before)}-bytes-of-the-body"
        refuse(name, "ts length", "hmac", 2, frame, layer, python="accepts")
    # The other way round: the end of ts becomes the front of the body.
    given = body_of(b"", body)
    fields = {"nonce": nonce, "ts": ts[:2], "hmac": mac_of(SECRET, nonce, ts[:2] + given, b"")}
    refuse("ts-gives-bytes-to-the-body", "ts length", "hmac", 2, signed(fields, given), layer, python="accepts")

    inner = layers(inner_secret=ADMIN)
    admin = {"nonce": nonce, "ts": ts, "camh": mac_of(ADMIN, nonce, ts, body)}
    steps.receive(raw(2, pack(admin), body), inner_auth=steps.inner_hmac(ADMIN))
    refuse("inner-hmac-missing", "hmac missing", "hmac", None, raw(2, EMPTY, body), inner)
    refuse("inner-hmac-in-the-outer-field", "hmac missing", "hmac", None, signed(good, kind=2), inner)
    admin_wrong = {**admin, "camh": mac_of(SECRET, nonce, ts, body)}
    refuse("inner-hmac-wrong", "hmac wrong", "hmac", None, raw(2, pack(admin_wrong), body), inner)
    two = layers(secret=SECRET, inner_secret=ADMIN)
    fields = {**good, **admin_wrong}
    refuse("inner-hmac-wrong-under-hmac", "hmac wrong", "hmac", None, raw(2, pack(fields), body), two)
    fields = {**good, **admin, "hmac": bytes(32)}
    refuse("outer-hmac-wrong-over-inner", "hmac wrong", "hmac", None, raw(2, pack(fields), body), two)
    refuse("inner-hmac-missing-under-hmac", "hmac missing", "hmac", None, signed(good, kind=2), two)
    for kind in (MessageType.ERROR, MessageType.AUTH_ERROR):
        frame = raw(int(kind), pack(admin_wrong), body)
        name = f"inner-hmac-wrong-{kind.name.lower()}"
        refuse(name, "hmac wrong", "hmac", 3, frame, inner, python="accepts")
        frame = raw(int(kind), EMPTY, body)
        name = f"inner-hmac-missing-{kind.name.lower()}"
        refuse(name, "hmac missing", "hmac", 3, frame, inner, python="accepts")


def stock_hmac(nonce: bytes, message: bytes) -> bytes:
    import hmac

    key = netaio.crypto.derive_key(sha256(SECRET.encode()).digest(), nonce, b"mac")
    return hmac.new(key, message, "sha256").digest()


def cipher_level() -> None:
    body = body_of(b"echo", b"hi")
    iv = pattern(16)
    sealed = crypt(KEY, iv, body)
    good = body_of(sealed[:3], sealed[3:])
    for name, layer in {"": layers(key=KEY), "-plain-uri": layers(key=KEY, plain_uri=True)}.items():
        refuse(f"iv-missing{name}", "iv missing", "cipher", None, raw(0, EMPTY, good), layer)
        refuse(f"iv-in-another-field{name}", "iv missing", "cipher", None, raw(0, pack({"vi": iv}), good), layer)
        refuse(f"iv-key-is-bytes{name}", "iv missing", "cipher", None, raw(0, pack({b"iv": iv}), good), layer)
        for kind, value in {
            "none": None, "str": "i" * 16, "int": 5, "float": 1.5, "list": list(iv), "tuple": tuple(iv), "true": True,
            "dict": {},
        }.items():
            frame = raw(0, pack({"iv": value}), good)
            refuse(f"iv-{kind}{name}", "iv not bytes", "cipher", 5, frame, layer)
    layer = layers(key=KEY, names={"iv": "vector"})
    refuse("iv-own-name", "iv missing", "cipher", None, raw(0, pack({"iv": iv}), good), layer)
    inner = layers(inner_key=INNER_KEY)
    refuse("inner-iv-missing", "iv missing", "cipher", None, raw(0, pack({"iv": iv}), body), inner)
    refuse("inner-iv-int", "iv not bytes", "cipher", 5, raw(0, pack({"vi": 5}), body), inner)
    nonce, ts = pattern(16), b"abcd"
    fields = {"nonce": nonce, "ts": ts, "hmac": mac_of(SECRET, nonce, ts, good)}
    refuse("iv-missing-under-hmac", "iv missing", "cipher", None, raw(0, pack(fields), good), layers(**OUTER["both"]))

    # The package cuts the uri short here; PROTOCOL says that the message is dropped.
    layer = layers(key=KEY)
    for name, plain in {
        "empty": b"",
        "1-byte": b"\0",
        "1-byte-ff": b"\xff",
        "1-of-0": b"\0\1",
        "5-of-4": body_of(b"echo", b"", 5),
        "7-of-6": body_of(b"echo", b"hi", 7),
        "65535-of-6": body_of(b"echo", b"hi", 65_535),
    }.items():
        ct = crypt(KEY, iv, plain)
        frame = raw(0, pack({"iv": iv}), body_of(ct[:1], ct[1:]))
        why = "decrypted body under 2 bytes" if len(plain) < 2 else "decrypted uri past end"
        refuse(f"decrypted-{name}", why, "cipher", None, frame, layer, python="accepts")
    ct = crypt(KEY, iv, body_of(b"echo", b"hi", 7))
    sealed_body = body_of(ct[:1], ct[1:])
    fields = {"iv": iv, "nonce": nonce, "ts": ts, "hmac": mac_of(SECRET, nonce, ts, sealed_body)}
    frame = raw(0, pack(fields), sealed_body)
    refuse("decrypted-7-of-6-both", "decrypted uri past end", "cipher", None, frame, layers(**OUTER["both"]), python="accepts")
    made = 0
    for number in range(20):
        wrong = f"wrong key {number}"
        plain = crypt(wrong, iv, sealed)
        if int.from_bytes(plain[:2], "big") > len(plain) - 2 and made < 4:
            made += 1
            frame = raw(0, pack({"iv": iv}), good)
            refuse(f"wrong-key-{number}", "decrypted uri past end", "cipher", None, frame, layers(key=wrong), python="accepts")
    plain_frame = raw(0, pack({"iv": bytes(16)}), body)
    refuse("plain-frame-to-a-cipher", "decrypted uri past end", "cipher", None, plain_frame, layers(key=KEY), python="accepts")


# ---------------------------------------------------------------- where we may differ


def differing() -> None:
    """Frames on which the two may differ without either being wrong: what the package
    does is written down, and a test says for each what this implementation does."""
    body = body_of(b"echo", b"hi")

    def note(name: str, about: str, frame: bytes, layer: dict | None = None) -> None:
        layer = layer or layers()
        line = {"name": name, "about": about, "frame": frame.hex(), **layer}
        wire, message, _, verdict = judge(line, steps.BASE_TYPES)
        line |= {
            "python": "accepts" if verdict is None else "refuses",
            "stage": verdict.stage if verdict else None,
            "type": int(message.header.message_type) if message else None,
            "uri": message.body.uri.hex() if message else None,
            "content": message.body.content.hex() if message else None,
            "auth": steps.packed_fields(wire) if wire else None,
        }
        differ.append(line)

    note("auth-length-0", "PROTOCOL 1: never sent, read as empty", raw(0, b"", body))
    note("auth-length-0-body-empty-uri", "PROTOCOL 1: never sent, read as empty", raw(10, b"", body_of(b"", b"")))
    equal = "numbers that are equal in Python are one key or item there"
    note("key-1-and-true", equal, raw(0, dict_of((pack(True), pack("a")), (pack(1), pack("b"))), body))
    note("key-1-and-float", equal, raw(0, dict_of((pack(1), pack("a")), (pack(1.0), pack("b"))), body))
    note("key-1-and-decimal", equal, raw(0, dict_of((pack(1), pack("a")), (pack(Decimal("1.0")), pack("b"))), body))
    note("key-zeros", equal, raw(0, dict_of((pack(0.0), pack("a")), (pack(-0.0), pack("b"))), body))
    note("key-two-nans", equal, raw(0, dict_of((pack(math.nan), pack("a")), (pack(math.nan), pack("b"))), body))
    note("set-1-true-float", equal, raw(0, field(seq(SET, [pack(1), pack(True), pack(1.0)])), body))
    note("set-tuples", equal, raw(0, field(seq(SET, [pack((1,)), pack((True,))])), body))
    text = "Decimal() reads this text and packs it again in another form"
    for name, digits in {
        "spaces": " 1.5 ", "underscore": "1_000", "plus": "+1", "point-first": ".5", "point-last": "5.", "exponent": "1e5",
        "nan": "nan", "inf": "inf", "infinity": "-INFINITY", "leading-zeros": "007", "arabic": "\u0661\u0662",
        "snan": "snan7", "newline": "1\n", "exponent-max": "1e999999999999999999",
    }.items():
        note(f"decimal-{name}", text, raw(0, field(pre(8, digits.encode())), body))
    past = "Decimal()'s exponent limits"
    note("decimal-exponent-past", past, raw(0, field(pre(8, b"1e1000000000000000000")), body))
    note("decimal-exponent-past-low", past, raw(0, field(pre(8, b"1e-2000000000000000000")), body))
    most = "decrypt builds a body, and building has the limit of 65,422 that decoding lacks"
    iv = bytes(16)
    content = pattern(MOST + 1 - 4)
    plain_uri = body_of(b"echo", crypt(KEY, iv, content))
    note("decrypted-65423-plain-uri", most, raw(0, pack({"iv": iv}), plain_uri), layers(key=KEY, plain_uri=True))


# ---------------------------------------------------------------- files


def make() -> dict[str, str]:
    steps.quiet()
    types_and_sizes()
    layers_and_sizes()
    largest()
    plugin_fields()
    auth_values()
    widths()
    frame_level()
    auth_level()
    body_level()
    hmac_level()
    cipher_level()
    differing()
    files = {}
    for name, lines in (("frames", accepted), ("refused", refused), ("differ", differ)):
        names = [line["name"] for line in lines]
        twice = {each for each in names if names.count(each) > 1}
        if twice:
            raise AssertionError(f"{name}: used twice: {sorted(twice)}")
        files[f"{name}.jsonl"] = "".join(
            json.dumps(line, separators=(",", ":"), ensure_ascii=True) + "\n" for line in lines
        )
    return files


def main() -> int:
    files = make()
    if sys.argv[1:] == ["--check"]:
        stale = [
            name
            for name, text in files.items()
            if not (DATA / name).exists() or (DATA / name).read_text("ascii") != text
        ]
        for name in stale:
            print(f"tests/data/{name} is not what make_vectors.py makes: run it", file=sys.stderr)
        return 1 if stale else 0
    if sys.argv[1:]:
        print("usage: make_vectors.py [--check]", file=sys.stderr)
        return 2
    DATA.mkdir(exist_ok=True)
    for name, text in files.items():
        (DATA / name).write_text(text, "ascii")
        print(f"{name}: {text.count(chr(10))} lines, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
