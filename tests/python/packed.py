"""Values of Python in packify's format, and a program that has them as structs.

    packed.py ask --port N      a real netaio TCPClient. It asks for `same` with each of SAMPLES,
                                and wants the same back; then what is no sample, and wants an ERROR.
                                Prints `done`, or fails.
    packed.py answer            a real netaio TCPServer. Prints `listening HOST PORT`; it takes a
                                sample for `take` and answers OK, or ERROR with what differs, and
                                answers REQUEST_URI `N` with the sample of that number.
                                It ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from decimal import Decimal

from netaio import TCPClient, TCPServer
from netaio.common import MessageType, make_error_msg, make_ok_msg, make_respond_uri_msg
from packify import pack, unpack

SAMPLES = [
    {
        "name": "roof \u00e9\u6f22",
        "raw": bytes(range(256)),
        "count": 7,
        "negative": -(2**63),
        "large": 2**128 - 1,
        "celsius": 21.5,
        "on": True,
        "note": None,
        "readings": [1.5, -0.25, float("inf")],
        "place": (3, "x", False),
        "tags": {"hot", "wet"},
        "levels": {1: "low", -2: "lower"},
        "mode": {"Fast": 9},
        "price": Decimal("1.10"),
        "any": [2**200, bytearray(b"ab"), {(1, "a"): {None, 2.5}}, {}, set(), ()],
    },
    {
        "name": "",
        "raw": b"",
        "count": 0,
        "negative": 0,
        "large": 0,
        "celsius": -1e300,
        "on": False,
        "note": "n" * 300,
        "readings": [float(n) for n in range(2000)],
        "place": (255, "", True),
        "tags": set(),
        "levels": {n: str(n) for n in range(300)},
        "mode": "Slow",
        "price": Decimal("-0E-7"),
        "any": None,
    },
]
WRONG = [
    (pack({**SAMPLES[0], "celsius": "warm"}), 'celsius: found str "warm", expected f64'),
    (pack({**SAMPLES[0], "readings": [1.5, b"2"]}), "readings[1]: found 1 bytes, expected f64"),
    (pack({}), "missing field `name`"),
    (pack(SAMPLES[0])[:-1], "at byte "),
    (b"", "at byte 0: code needs 1 bytes, 0 are left"),
]


async def ask(port: int) -> None:
    client = TCPClient("127.0.0.1", port)
    await client.connect()
    for sample in SAMPLES:
        answer = await client.create(b"same", pack(sample))
        assert answer.header.message_type is MessageType.OK, answer
        assert unpack(answer.body.content) == sample, unpack(answer.body.content)
        # Bytes are equal where types are too: 1, 1.0 and True are not.
        assert answer.body.content == pack(sample), answer.body.content
    for content, text in WRONG:
        answer = await client.create(b"same", content)
        assert answer.header.message_type is MessageType.ERROR, answer
        said = answer.body.content.decode()
        assert said.startswith("the content as packify: " + text), said
    await client.close()
    print("done", flush=True)


async def answer() -> None:
    server = TCPServer(0, "127.0.0.1")

    @server.on((MessageType.CREATE_URI, b"take"))
    def take(message, _writer):
        got = unpack(message.body.content)
        for sample in SAMPLES:
            if got == sample and pack(got) == pack(sample) == message.body.content:
                return make_ok_msg("the same", message.body.uri)
        return make_error_msg(f"no sample is {got}", message.body.uri)

    @server.on(MessageType.REQUEST_URI)
    def give(message, _writer):
        sample = SAMPLES[int(message.body.uri)]
        return make_respond_uri_msg(pack({**sample, "new": 1}), message.body.uri)

    serving = asyncio.create_task(server.start())
    while not serving.done() and not (hasattr(server, "server") and server.server.sockets):
        await asyncio.sleep(0.001)
    host, port = server.server.sockets[0].getsockname()[:2]
    print("listening", host, port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["ask", "answer"])
    parser.add_argument("--port", type=int)
    args = parser.parse_args()
    asyncio.run(ask(args.port) if args.role == "ask" else answer())


main()
