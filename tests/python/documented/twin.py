"""How the tests start and stop the scripts of this folder.

Each script is a scenario of netaio's own documentation, cut down to what it shows, with the
Python package on one side; our side is in tests/tests/documented. A server prints its port
and ends with its standard input. A client is given the port, asserts what it was told, and
ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Awaitable

import netaio  # noqa: F401 -- it sets its loggers' levels as it is imported

for name in ("netaio.server", "netaio.client", "netaio.node"):
    logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def say(*words) -> None:
    print(*words, flush=True)


async def told() -> str:
    """The next line that the test says; empty at its end."""
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return line.strip()


async def until(condition) -> None:
    """Waits for what no event tells; the test that started this has a limit."""
    while not condition():
        await asyncio.sleep(0.005)


async def serve(server) -> None:
    serving = asyncio.create_task(server.start())
    await until(lambda: serving.done() or getattr(server, "server", None) and server.server.sockets)
    if serving.done():
        serving.result()
    say(server.server.sockets[0].getsockname()[1])


async def serve_to_the_end(server) -> None:
    await serve(server)
    while await told():
        pass


def run(main: Awaitable[None]) -> None:
    """Ends without waiting for open connections, which hold `TCPServer.stop` up."""
    try:
        asyncio.new_event_loop().run_until_complete(main)
    except BaseException:
        logging.exception("failed")
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)
