"""Makes ../data/aead.jsonl with docs/python/aead.py.

    python make_aead_vectors.py            writes it
    python make_aead_vectors.py --check    fails when the committed file differs

Randomness and time are replaced by a seeded generator, so two runs make the same bytes.
../data/README.md describes the file.
"""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "docs" / "python"))

import aead
from netaio.common import AuthFields, Body, Message

FILE = HERE.parent / "data" / "aead.jsonl"
ROLES = {"client": 1, "server": 2, "node": 3}
FIELDS = [{}, {"rid": 2**40 + 1}, {"b": b"bytes", "a": "text", "rid": -1, "zz": None, "list": [1, 2.5]}]
MESSAGES = [(0, b"", b""), (1, b"echo", b"hi"), (31, b"a/uri", bytes(range(256))), (8, b"news", b"x" * 200)]

random = Random("netaio aead vectors")


def line(name: str, role: str, plain: bool, fields: dict, message: tuple) -> dict:
    secret, context, salt = random.randbytes(32), random.choice([b"", b"a context"]), random.randbytes(8)
    unix = 1_700_000_000 + random.randrange(10**6)
    aead.urandom, aead.time = lambda size: salt, lambda: unix + 0.75
    config = {"secret": secret, "context": context, "role": role, "encrypt_uri": not plain}
    config |= {"field": "inner"} if plain else {}
    plugin = aead.Aead(config)
    plugin.sender = random.randbytes(8)
    kind, uri, content = message
    sealed = plugin.encrypt(Message.prepare(Body.prepare(content, uri), kind, AuthFields(fields)))
    values = {
        "name": name,
        "secret": secret,
        "context": context,
        "field": plugin.field,
        "plain_uri": plain,
        "direction": ROLES[role],
        "sender": plugin.sender,
        "unix": unix,
        "random": salt,
        "type": kind,
        "uri": uri,
        "content": content,
        "auth": AuthFields(fields).encode(),
        "frame": sealed.encode(),
    }
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in values.items()}


def main() -> None:
    aead_types()
    choices = product(ROLES, [False, True], FIELDS, MESSAGES)
    lines = [line(f"{number}", *choice) for number, choice in enumerate(choices, 1)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if "--check" in sys.argv:
        if FILE.read_text() != text:
            sys.exit(f"{FILE.name} is not what this makes")
    else:
        FILE.write_text(text)


def aead_types() -> None:
    import steps

    steps.use_types(steps.ALL_TYPES)


main()
