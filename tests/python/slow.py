"""A real netaio TCPClient that reads nothing until it is told to, and then to the end.

Prints `connected`, waits for a line, then prints `END MESSAGES BYTES`: how the stream ended for
it, how many messages came before that, and how many bytes of one more.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from netaio import TCPClient


async def run(args: argparse.Namespace) -> None:
    client = TCPClient(args.host, args.port)
    await client.connect()
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    messages = 0
    try:
        while True:
            message = await client.receive_once()
            assert message is not None, "a message was refused"
            messages += 1
    except asyncio.IncompleteReadError as error:
        print(type(error).__name__, messages, len(error.partial), flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("--host", required=True)
parser.add_argument("--port", type=int, required=True)
asyncio.run(run(parser.parse_args()))
