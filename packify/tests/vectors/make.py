"""Writes vectors.jsonl beside itself: what packify 0.4.0 makes of some 400 inputs.

Each line is {"packed": hex, "repacked": hex of pack(unpack(packed))}, or {"packed": hex,
"error": text} where unpack refuses. Run with packify 0.4.0 installed; same output every time.
"""

import json
import random
import struct
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from packify import pack, unpack

NONE, BYTES, BYTEARRAY, STR, INT, NEG, BOOL, FLOAT, DECIMAL = range(9)
LIST, SET, TUPLE, DICT, BIG_INT, BIG_NEG = range(10, 16)
PACKABLE = 20
WIDTHS = {1: 0x40, 2: 0x80, 4: 0xC0}

rng = random.Random(20250901)


def prefixed(kind, payload, width=1):
    """Bytes, bytearray, str or decimal, with a length of `width` bytes."""
    return bytes([WIDTHS[width] | kind]) + len(payload).to_bytes(width, "big") + payload


def decimal(text, width=1):
    return prefixed(DECIMAL, text.encode(), width)


def container(kind, items, count_width=1, item_width=1):
    head = bytes([WIDTHS[count_width] | kind, WIDTHS[item_width]])
    lens = b"".join(len(item).to_bytes(item_width, "big") for item in items)
    return head + len(items).to_bytes(count_width, "big") + lens + b"".join(items)


def pair(key, value, **widths):
    return container(TUPLE, [key, value], **widths)


def big(negative, magnitude, high=0):
    kind = BIG_NEG if negative else BIG_INT
    return bytes([high | kind]) + len(magnitude).to_bytes(4, "big") + magnitude


def sized(negative, magnitude):
    return bytes([NEG if negative else INT, len(magnitude)]) + magnitude


def every_code():
    """Each of the 256 codes, before bytes that many types can be read from."""
    for code in range(256):
        if code & 0x3F in (*range(9), *range(10, 16), PACKABLE, 9, 16, 63):
            yield bytes([code]) + bytes([1, 0, 1, 1, 0, 0, 0, 1, 1])


def scalars():
    for value in (None, True, False, b"", b"abc", bytearray(b"abc"), "", "h\u00e9\u6f22\U0001f600"):
        yield pack(value)
    for byte in (0, 1, 2, 128, 255):
        yield bytes([BOOL, byte])
    for number in (0.0, -0.0, 1.5, -1e300, 5e-324, float("inf"), float("-inf"), float("nan")):
        yield pack(number)
    yield bytes.fromhex("07 7ff0000000000001")
    yield bytes.fromhex("07 fff800000000beef")
    for size in (255, 256, 65535, 65536):
        yield pack(b"x" * size)[:9] if size > 300 else pack(b"x" * size)
    for width in WIDTHS:
        for kind in (BYTES, BYTEARRAY, STR):
            yield prefixed(kind, b"ab", width)
    for text in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\0", b"\xef\xbb\xbf"):
        yield prefixed(STR, text)


def ints():
    for exponent in (0, 8, 16, 32, 64, 128):
        for number in (2**exponent - 1, 2**exponent, -(2**exponent) + 1, -(2**exponent)):
            yield pack(number)
    for size in (254, 255, 256, 257):
        for number in (256**size - 1, -(256**size) + 1, 256 ** (size - 1)):
            yield pack(number)
    for code in ("45 00", "85 0000", "c5 00000000", "84 0007", "c4 00000100", "c5 00010000"):
        yield bytes.fromhex(code)
    for magnitude in (b"", b"\0", b"\7", b"\0\0\0\0\0\1\0", b"\0" * 255, b"\0" * 250 + b"\1" * 5):
        yield sized(False, magnitude)
        yield sized(True, magnitude)
    for magnitude in (b"", b"\0\0", b"\1\2\3\4\5", b"\0" * 300 + b"\1", b"\xff" * 256):
        for high in (0, 0x40, 0xC0):
            yield big(high == 0x40, magnitude, high)


def decimals():
    texts = """0 -0 -0.000 +1 1. .1 00 0.E5 12.300 1e5 1E-6 1E-7 0E-7 123E-6 123E-9 12345E+3 1E+00005
        _1 1_0 +_1 1_E_+_5 inf -iNfinity I_nf infinity nan NaN00 nan0012 -snan007 sNaN Infinit
        1E 1E+ . - _ E5 .E1 --1 1e+-5 1.5.2 0x10 nan+1 snan.
        1E+999999999999999999 1E+1000000000000000000 10E+999999999999999999 0E+1000000000000000000
        1E-1999999999999999997 1E-1999999999999999998 0E-1999999999999999998 1E99999999999999999999
        0.00E-1999999999999999995 0.000E+999999999999999999 123456789012345678901234567890.5""".split()
    spaced = ["", " 1_0 ", "\x1c1\x1f", "\u00a01\u2003", "_ 1", "1 _", "1 2", "1\0", "\u200b1", "\u0661\u0662", "\u00b2"]
    for text in texts + spaced:
        yield decimal(text)
    yield decimal("1", 2)
    yield decimal("1", 4)
    yield prefixed(DECIMAL, b"\xff")
    yield decimal("9" * 300 + "e-100", 2)


def containers():
    one, text = pack(1), pack("a")
    for kind in (LIST, SET, TUPLE):
        for count_width in WIDTHS:
            for item_width in WIDTHS:
                yield container(kind, [text, one], count_width, item_width)
        yield container(kind, [])
    for count_width in WIDTHS:
        for item_width in WIDTHS:
            item = pair(text, one, count_width=count_width, item_width=item_width)
            yield container(DICT, [item], count_width, item_width)
    for width in (0, 0x41, 0x7F, 0xFF, 0x20):
        yield bytes([0x40 | LIST, width, 0])
    yield pack([None] * 256)
    yield pack([b"x" * 260, [], (), {}, set()])
    yield container(LIST, [b""])
    yield container(LIST, [one + b"behind", text + b"\0"])
    yield container(LIST, [container(LIST, [one]) + b"behind"]) + b"behind"
    yield bytes.fromhex("4a 40 02 02 ff 4401 4402")
    yield bytes.fromhex("ca c0 ffffffff 00000000")
    yield container(LIST, [pack("x")])[:-1]
    nested = one
    for depth in range(32):
        nested = container((LIST, TUPLE)[depth % 2], [nested], 1, 2)
    yield nested


def dicts_and_sets():
    one, text, yes = pack(1), pack("a"), pack(True)
    same = [one, yes, pack(1.0), decimal("1.0"), sized(False, b"\0\1"), bytes([BOOL, 9])]
    for first in same:
        yield container(SET, [first, *same])
        yield container(DICT, [pair(key, pack(n)) for n, key in enumerate([first, *same])])
    nan, quiet = pack(float("nan")), decimal("nan")
    yield container(SET, [nan, nan, quiet, quiet])
    yield container(DICT, [pair(nan, pack(2)), pair(nan, one), pair(quiet, one), pair(quiet, one)])
    yield container(SET, [pack(0.5), decimal("0.5"), decimal("0.50"), decimal("0.500E0"), decimal("1E-1"), pack(0.1)])
    yield container(SET, [pack(0.1), decimal(str(Decimal(0.1)))])
    yield container(SET, [pack(10**22), pack(1e22), decimal("1E22"), pack(1e23), pack(10**23), decimal("1e23")])
    yield container(SET, [pack(float("inf")), decimal("inf"), decimal("-inf"), decimal("Infinity")])
    yield container(SET, [pack(0), pack(-0.0), decimal("-0E5"), pack(False)])
    yield container(SET, [pack((1, "a")), pack((True, "a")), pack((1.0, "a")), pack((1, "b"))])
    yield container(SET, [text, pack(b"a"), prefixed(STR, b"a", 4)])
    yield container(SET, [pack(2**2000), decimal(str(2**2000), 2)], 1, 2)
    for unhashable in ([], {}, set(), bytearray(b"x"), ([],), (1, (bytearray(),)), Decimal("sNaN"), (Decimal("sNaN1"),)):
        yield container(SET, [one, pack(unhashable)])
        yield container(DICT, [pair(pack(unhashable), one)])
        yield container(DICT, [pair(one, pack(unhashable))])
    for item in (one, pack([1, 2]), pack((1,)), pack((1, 2, 3)), pack(()), pair(one, one) + b"behind", b""):
        yield container(DICT, [pair(text, one), item])
    yield container(DICT, [pair(one + b"behind", text + b"behind")])
    yield container(DICT, [pair(text, one), pair(text, yes), pair(prefixed(STR, b"a", 2), pack(b"last"))])
    yield pack({"nonce": b"1" * 16, "ts": b"abcd", "hmac": b"h" * 32})
    yield pack({"ts": 1700000000, b"k": None, 7: [1, {"deep": {(1, 2)}}], None: 0.5, True: {}})
    yield pack({str(n): b"v" * (n * 30) for n in range(12)})
    yield pack((b"id", pack({"pubkey": b"k" * 32})))
    yield container(DICT, [pair(pack(n), pack("v" * n), item_width=2) for n in (40, 3, 300, 7)], 1, 2)


def packables():
    for width in WIDTHS:
        yield bytes([WIDTHS[width] | PACKABLE]) + (1).to_bytes(width, "big") + (2).to_bytes(width, "big") + b"Axy"
    yield bytes.fromhex("54 01 05 41")
    yield bytes.fromhex("54 01 00 ff")


def anything(depth):
    roll = rng.randrange(12 if depth else 8)
    if roll < 8:
        return (
            lambda: rng.choice((None, True, False)),
            lambda: rng.randbytes(rng.randrange(20)),
            lambda: "".join(rng.choices("ab \u00e9\u6f22", k=rng.randrange(8))),
            lambda: rng.randrange(-300, 300),
            lambda: rng.getrandbits(rng.choice((16, 32, 33, 70))),
            lambda: struct.unpack("!d", rng.randbytes(8))[0],
            lambda: Decimal(rng.randrange(-10000, 10000)).scaleb(rng.randrange(-9, 9)),
            lambda: rng.choice(("ts", "nonce", "hmac", "iv")),
        )[roll]()
    items = [anything(depth - 1) for _ in range(rng.randrange(5))]
    if roll == 8:
        return items
    if roll == 9:
        return tuple(items)
    keys = {str(n) if isinstance(item, (list, dict, set, tuple)) else item for n, item in enumerate(items)}
    return keys if roll == 10 else {key: anything(depth - 1) for key in sorted(keys, key=pack)}


def mutated(packed):
    packed = bytearray(packed)
    at = rng.randrange(len(packed))
    match rng.randrange(4):
        case 0:
            packed[at] ^= 1 << rng.randrange(8)
        case 1:
            packed[at] = rng.randrange(256)
        case 2:
            del packed[at]
        case 3:
            del packed[at:]
    return bytes(packed)


def inputs():
    yield b""
    for part in (every_code, scalars, ints, decimals, containers, dicts_and_sets, packables):
        yield from part()
    for _ in range(25):
        packed = pack(anything(3))
        yield packed
        yield mutated(packed)
        yield mutated(packed)
    auth = pack({"nonce": b"1" * 16, "ts": b"abcd", "hmac": b"h" * 32})
    for end in range(0, len(auth), 9):
        yield auth[:end]


def main():
    assert version("packify") == "0.4.0"
    lines = []
    for packed in dict.fromkeys(inputs()):
        line = {"packed": packed.hex()}
        try:
            line["repacked"] = pack(unpack(packed)).hex()
        except Exception as error:
            line["error"] = str(error)
        lines.append(json.dumps(line))
    Path(__file__).with_name("vectors.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
