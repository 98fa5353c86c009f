"""Makes ../data/x25519.jsonl with the real netaio 0.0.9 and PyNaCl.

    python make_x25519_vectors.py            writes it
    python make_x25519_vectors.py --check    fails when the committed file differs

Randomness and time are replaced by a seeded generator, so two runs make the same bytes.
Each frame goes through the package's plugin again, and each verdict is its own.
../data/README.md describes the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

import nacl.public
import netaio.asymmetric
import netaio.auth
import packify
from netaio.common import Body, Message, MessageType

import steps
import x25519

FILE = Path(__file__).resolve().parent.parent / "data" / "x25519.jsonl"
BASE = list(MessageType)
SECRET = "shared secret"

random = Random("netaio x25519 vectors")
drawn: dict = {}


def draw(name: str, value):
    drawn[name] = value
    return value


nacl.public.random = lambda size: draw("nonce", random.randbytes(size))
netaio.asymmetric.randint = lambda low, high: draw("cut", random.randint(low, high))
netaio.auth.urandom = lambda size: draw("hmac_nonce", random.randbytes(size))
netaio.auth.time = lambda: draw("ts", 1_700_000_000 + len(lines)) + 0.75

lines: list[dict] = []


def hexed(value):
    return value.hex() if isinstance(value, bytes) else value


def add(name: str, why: str | None, receiver: bytes, sender_data: bytes, encrypt_uri: bool, frame: bytes, **more):
    """Adds a frame and what the package's receiver makes of it; `why` is null where it opens."""
    auth = steps.hmac_plugin(more.get("secret"))
    try:
        message = x25519.open_frame(receiver, sender_data, encrypt_uri, frame, auth)
    except Exception as error:
        if why is None:
            raise AssertionError(f"{name}: refused: {error!r}") from None
        message, raised = None, type(error).__name__
    else:
        raised = None
    if why is not None and message is not None:
        raise AssertionError(f"{name}: accepted, although {why}")
    line = {
        "name": name,
        "receiver": receiver,
        "sender_data": sender_data,
        "encrypt_uri": encrypt_uri,
        "secret": None,
        "frame": frame,
        "why": why,
        "raises": raised,
        "type": None if message is None else int(message.header.message_type),
        "uri": None if message is None else message.body.uri,
        "content": None if message is None else message.body.content,
        "sealed": None,
        **more,
    }
    lines.append({key: hexed(value) for key, value in line.items()})


def seal(name: str, sender: bytes, receiver: bytes, encrypt_uri: bool, uri: bytes, content: bytes, secret=None):
    """Adds a frame that the package makes."""
    kind = BASE[len(lines) % len(BASE)]
    drawn.clear()
    theirs = x25519.introduction(receiver)
    frame = x25519.seal(sender, theirs, encrypt_uri, kind, uri, content, steps.hmac_plugin(secret)).encode()
    names = ("nonce", "cut", "hmac_nonce", "ts")
    sealed = {
        "sender": sender.hex(),
        "receiver_data": theirs.hex(),
        **{name: hexed(drawn.get(name)) for name in names},
    }
    add(name, None, receiver, x25519.introduction(sender), encrypt_uri, frame, secret=secret, sealed=sealed)
    if (lines[-1]["uri"], lines[-1]["content"]) != (uri.hex(), content.hex()):
        raise AssertionError(f"{name}: the package does not open what it seals")
    return frame


def with_body(frame: bytes, body: bytes) -> bytes:
    """The frame's type and fields around another body section."""
    message = x25519.parse(frame)
    return Message.prepare(Body.decode(body), message.header.message_type, message.auth_data).encode()


def body_of(frame: bytes) -> bytes:
    return x25519.parse(frame).body.encode()


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def accepted() -> None:
    ours, theirs = random.randbytes(32), random.randbytes(32)
    sizes = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 1000]
    for encrypt_uri, name in ((False, "plain-uri"), (True, "hidden-uri")):
        for size, uri in zip(sizes, [3, 0, 1, 3, 31, 32, 33, 255, 0, 16, 3, 1, 5]):
            seal(f"{name}-{uri}-{size}", ours, theirs, encrypt_uri, random.randbytes(uri), random.randbytes(size))
        for number in range(3):
            seal(f"{name}-hmac-{number}", theirs, ours, encrypt_uri, b"uri", b"content", SECRET)
    for seed in (b"\0" * 32, b"\xff" * 32, b"seed" * 8, random.randbytes(32)):
        for encrypt_uri in (False, True):
            seal(f"seed-{seed[:4].hex()}-{encrypt_uri}", seed, ours, encrypt_uri, b"uri", b"content")
    seal("oneself", ours, ours, False, b"uri", b"content")


# The points of low order, and one of them with the bit that X25519 ignores.
PRIME = 2**255 - 19
WEAK = {
    "zero": 0,
    "one": 1,
    "minus-one": PRIME - 1,
    "p": PRIME,
    "p-plus-one": PRIME + 1,
    "order-8": 325606250916557431795983626356110631294008115727848805560023387167927233504,
    "order-8-too": 39382357235489614581723060781553021112529911719440698176882885853963445705823,
    "one-and-the-high-bit": 1 + 2**255,
}


def refused() -> None:
    ours, theirs, third = (random.randbytes(32) for _ in range(3))
    data, others = x25519.introduction(ours), x25519.introduction(third)
    for encrypt_uri, name in ((False, "plain-uri"), (True, "hidden-uri")):
        kind = MessageType.REQUEST_URI
        frame = x25519.seal(ours, x25519.introduction(theirs), encrypt_uri, kind, b"uri", b"content").encode()
        body = body_of(frame)
        start = 2 if encrypt_uri else 5
        for what, at in (("nonce", 0), ("tag", 24), ("text", 40), ("last", len(body) - start - 1)):
            changed = with_body(frame, flip(body, start + at))
            add(f"{name}-{what}", "changed", theirs, data, encrypt_uri, changed)
        for left in (0, 23, 24, 39, 40):
            short = (b"\0\0" if encrypt_uri else body[:5]) + body[start : start + left]
            add(f"{name}-{left}-bytes", "changed", theirs, data, encrypt_uri, with_body(frame, short))
        add(f"{name}-mode", "changed", theirs, data, not encrypt_uri, frame)
        add(f"{name}-another-sender", "changed", theirs, others, encrypt_uri, frame)
        add(f"{name}-another-receiver", "changed", third, data, encrypt_uri, frame)
    key = bytes(x25519.plugin(ours, False).pubk)
    no_key = {
        "none": {},
        "short": {"pubkey": key[:31]},
        "long": {"pubkey": key + b"\0"},
        "bytearray": {"pubkey": bytearray(key)},
        "str": {"pubkey": "k" * 32},
        "bytes-name": {b"pubkey": key},
        "list": [("pubkey", key)],
    }
    for name, value in no_key.items():
        add(f"no-key-{name}", "no key", theirs, packify.pack(value), False, frame)
    add("no-key-no-packify", "no key", theirs, b"\xff", False, frame)
    for name, number in WEAK.items():
        weak = packify.pack({"pubkey": number.to_bytes(32, "little")})
        add(f"weak-key-{name}", "weak key", theirs, weak, False, frame)
        if lines[-1]["raises"] != "RuntimeError":
            raise AssertionError(f"{name} is no weak key to libsodium")


def main() -> int:
    steps.quiet()
    accepted()
    refused()
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    if sys.argv[1:] == ["--check"]:
        if FILE.exists() and FILE.read_text("ascii") == text:
            return 0
        print("tests/data/x25519.jsonl is not what make_x25519_vectors.py makes: run it", file=sys.stderr)
        return 1
    if sys.argv[1:]:
        print("usage: make_x25519_vectors.py [--check]", file=sys.stderr)
        return 2
    FILE.write_text(text, "ascii")
    print(f"{FILE.name}: {len(lines)} lines, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
