"""A real netaio TCPClient that obeys orders.

Prints `connected HOST PORT` first (or `failed TEXT` and ends), then obeys as `orders.py` says.
It ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio

from netaio import TCPClient

import orders
import steps


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    orders.outer_options(parser)
    orders.peer_options(parser)
    return parser.parse_args()


async def obey(client: TCPClient, unasked: orders.Unasked, order: dict) -> dict:
    op = order["op"]
    if op == "next":
        return await unasked.next(order)
    if op == "peers":
        return await orders.peers(client, order)
    if op in orders.KINDS:
        return orders.shown(
            await client.request(
                orders.uri(order),
                timeout=order["timeout"],
                message_type=orders.KINDS[op],
                content=orders.content(order),
                **orders.inner(order),
            )
        )
    if op == "send":
        await client.send(orders.message(order), **orders.inner(order))
    elif op == "manage":
        await client.manage_peers_automatically(orders.uri(order), **orders.inner(order))
    elif op == "unmanage":
        await client.stop_peer_management(orders.uri(order))
    elif op == "close":
        await client.close()
    else:
        raise ValueError(op)
    return orders.DONE


async def run(args: argparse.Namespace) -> None:
    local = orders.local_peer(args)
    client = TCPClient(args.host, args.port, local_peer=local, **orders.outer(args))
    unasked = orders.Unasked(client, steps.ALL_TYPES)
    try:
        await client.connect()
    except OSError as error:
        print("failed", error, flush=True)
        return
    # Before any request: without a loop of its own, a request with inner plugins
    # applies them twice to the answer.
    await client.start_receive_loop()
    print("connected", args.host, args.port, flush=True)
    await orders.carry_out(lambda order: obey(client, unasked, order))


asyncio.run(run(options()))
