"""A real netaio UDPNode with the store of `store.py`, that obeys orders.

Prints `bound HOST PORT` when it is ready, then obeys as `orders.py` says. It ends with its
standard input.
"""

from __future__ import annotations

import argparse
import asyncio

from netaio import UDPNode
from netaio.common import MessageType

import orders
import steps
import store

REQUESTS = {
    MessageType.REQUEST_URI,
    MessageType.CREATE_URI,
    MessageType.UPDATE_URI,
    MessageType.DELETE_URI,
    MessageType.SUBSCRIBE_URI,
    MessageType.UNSUBSCRIBE_URI,
    MessageType.PUBLISH_URI,
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    orders.outer_options(parser)
    store.options(parser)
    return parser.parse_args()


def address(order: dict) -> tuple[str, int]:
    host, port = order["to"].rsplit(":", 1)
    return host, int(port)


async def obey(node: UDPNode, unasked: orders.Unasked, order: dict) -> dict:
    op = order["op"]
    if op == "next":
        return await unasked.next(order)
    if op == "close":
        await node.stop()
        return orders.DONE
    if op == "send":
        node.send(orders.message(order), address(order), **orders.inner(order))
        return orders.DONE
    return orders.shown(
        await node.request(
            orders.uri(order),
            address(order),
            timeout=order["timeout"],
            message_type=orders.KINDS[op],
            content=orders.content(order),
            **orders.inner(order),
        )
    )


async def run(args: argparse.Namespace) -> None:
    # A machine without a network has no own IP but the loopback interface's, and
    # would ignore whoever is there.
    node = UDPNode(args.port, args.address, ignore_own_ip=False, **orders.outer(args))
    store.add_store(node, args)
    known = [kind for kind in MessageType if kind not in REQUESTS]
    unasked = orders.Unasked(node, [*known, steps.ALL_TYPES.CUSTOM_41])
    await node.start()
    host, node.port = node.transport.get_extra_info("sockname")
    print("bound", host, node.port, flush=True)
    await orders.carry_out(lambda order: obey(node, unasked, order))


asyncio.run(run(options()))
