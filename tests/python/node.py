"""A real netaio UDPNode with the store of `store.py`, that obeys orders.

Prints `bound HOST PORT` when it is ready, then obeys as `orders.py` says. It ends with its
standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import socket

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
    parser.add_argument("--group", default="224.0.0.1")
    parser.add_argument("--multicast-port", type=int, help="over the loopback interface")
    orders.outer_options(parser)
    orders.peer_options(parser)
    store.options(parser)
    return parser.parse_args()


def address(order: dict) -> tuple[str, int]:
    host, port = order["to"].rsplit(":", 1)
    return host, int(port)


async def obey(node: UDPNode, unasked: orders.Unasked, order: dict) -> dict:
    op = order["op"]
    if op == "next":
        return await unasked.next(order)
    if op == "peers":
        return await orders.peers(node, order)
    if op in orders.KINDS:
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
    if op == "send":
        node.send(orders.message(order), address(order), **orders.inner(order))
    elif op == "notify":
        node.notify(orders.uri(order), orders.message(order), **orders.inner(order))
    elif op == "broadcast":
        node.broadcast(orders.message(order), **orders.inner(order))
    elif op == "multicast":
        node.multicast(orders.message(order), **orders.inner(order))
    elif op == "manage":
        await node.manage_peers_automatically(
            order["every"], orders.uri(order), order["silence"], **orders.inner(order)
        )
    elif op == "unmanage":
        await node.stop_peer_management(orders.uri(order))
    elif op == "close":
        await node.stop()
    else:
        raise ValueError(op)
    return orders.DONE


async def run(args: argparse.Namespace) -> None:
    node = UDPNode(
        args.port,
        args.address,
        args.group,
        local_peer=orders.local_peer(args),
        # Without a network the own IP is the loopback interface's, and whoever is there would
        # be ignored. Across a network it is what it is for.
        ignore_own_ip=args.address != "127.0.0.1",
        **orders.outer(args),
    )
    store.add_store(node, args)
    known = [kind for kind in MessageType if kind not in REQUESTS]
    unasked = orders.Unasked(node, [*known, steps.ALL_TYPES.CUSTOM_41])
    await node.start()
    host, node.port = node.transport.get_extra_info("sockname")
    print("bound", host, node.port, flush=True)
    if args.multicast_port is not None:
        sock = node.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))
        node.port = args.multicast_port
    await orders.carry_out(lambda order: obey(node, unasked, order))


asyncio.run(run(options()))
