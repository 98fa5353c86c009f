"""A real netaio TCPServer with the store of `store.py`, that obeys orders.

Prints one line, `listening HOST PORT`, when it is ready, then obeys as `orders.py` says. It ends
with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from netaio import TCPServer

import orders
import store


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    orders.outer_options(parser)
    orders.peer_options(parser)
    store.options(parser)
    return parser.parse_args()


async def obey(server: TCPServer, order: dict) -> dict:
    op = order["op"]
    if op == "peers":
        return await orders.peers(server, order)
    if op == "notify":
        await server.notify(orders.uri(order), orders.message(order), **orders.inner(order))
    elif op == "broadcast":
        await server.broadcast(orders.message(order), **orders.inner(order))
    elif op == "manage":
        await server.manage_peers_automatically(orders.uri(order), **orders.inner(order))
    elif op == "unmanage":
        await server.stop_peer_management(orders.uri(order))
    elif op != "close":
        raise ValueError(op)
    return orders.DONE


async def run(args: argparse.Namespace) -> None:
    local = orders.local_peer(args)
    server = TCPServer(args.port, args.host, local_peer=local, **orders.outer(args))
    store.add_store(server, args)
    serving = asyncio.create_task(server.start())
    while not serving.done() and not (hasattr(server, "server") and server.server.sockets):
        await asyncio.sleep(0.001)
    if serving.done():
        serving.result()
    host, port = server.server.sockets[0].getsockname()[:2]
    print("listening", host, port, flush=True)
    await orders.carry_out(lambda order: obey(server, order))


def main() -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(run(options()))
    sys.stdout.flush()
    # Not `server.stop()`: open connections hold it up from Python 3.12 on.
    os._exit(0)


main()
