"""What a server, a client and a node do when lines of JSON on their standard input say so.

Each order is answered by one line of JSON; anything wrong by {"error": text}, and what does
not come within "timeout" seconds by {"timeout": true}. `to` is an address such as
"127.0.0.1:8888", of a node's orders only; a client has its server.

    {"op": "request"|"create"|"update"|"delete", "to", "uri": hex, "content": hex, "timeout": s,
     "inner_secret": str|null, "inner_key": str|null}
        -> {"type": n, "name": str, "uri": hex, "content": hex, "rid": n|null, "change": str|null,
            both from the auth fields of these names}
    {"op": "request", "uri": hex, "content": hex, "timeout": s, "seed": hex}
        -> as above, with an inner X25519 cipher
    {"op": "send", "type": n (also the custom 31 to 255), "to", "uri": hex, "content": hex,
     "inner_secret", "inner_key", "rid": n|null, "change": str|null, for the auth fields of these
     names}
        -> {"done": true}
    {"op": "notify"|"broadcast"|"multicast", "type", "uri", "content", "inner_secret", "inner_key"}
        -> {"done": true}
    {"op": "next", "timeout": s}     the next message that no request waited for
        -> as for request
    {"op": "manage", "uri": hex (the app id), "every": s, "silence": s, "inner_secret", "inner_key"}
        -> {"done": true}
    {"op": "unmanage", "uri": hex}
        -> {"done": true}
    {"op": "peers", "ids": [hex], "timeout": s}      waits until it knows just these
        -> {"peers": [{"id": hex, "data": hex, "addresses": ["127.0.0.1:8888"]}]}
    {"op": "close"}
        -> {"done": true}, and it ends
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys

from netaio.common import AuthFields, Body, DefaultPeerPlugin, Message, MessageType, Peer

import steps

KINDS = {
    "request": MessageType.REQUEST_URI,
    "create": MessageType.CREATE_URI,
    "update": MessageType.UPDATE_URI,
    "delete": MessageType.DELETE_URI,
}
PEERS = (MessageType.ADVERTISE_PEER, MessageType.PEER_DISCOVERED, MessageType.DISCONNECT)
DONE = {"done": True}


def outer_options(parser: argparse.ArgumentParser) -> None:
    """What the outer layers are told by."""
    parser.add_argument("--secret", help="outer HMAC")
    parser.add_argument("--key", help="outer stream cipher")
    parser.add_argument("--plain-uri", action="store_true", help="encrypt_uri off")
    parser.add_argument("--verbose", action="store_true", help="netaio's log on standard error")


def peer_options(parser: argparse.ArgumentParser) -> None:
    """Who it is, told its peers."""
    parser.add_argument("--id", help="is its name too, in its peer data")
    parser.add_argument("--seed", help="of the keys in its peer data, as hexadecimal digits")


def local_peer(args: argparse.Namespace) -> Peer | None:
    if args.id is None:
        return None
    data = {"name": args.id}
    if args.seed is not None:
        box = steps.box(args.seed)
        data |= {"pubkey": bytes(box.pubk), "vkey": bytes(box.vkey)}
    data = DefaultPeerPlugin().encode_data(data)
    return Peer(addrs=set(), id=args.id.encode(), data=data)


def outer(args: argparse.Namespace) -> dict:
    """The outer layers, and the types, for any constructor."""
    if args.verbose:
        for name in ("netaio.server", "netaio.client", "netaio.node"):
            logging.getLogger(name).setLevel(logging.DEBUG)
    else:
        steps.quiet()
    steps.use_types(steps.ALL_TYPES)
    return {
        "message_type_class": steps.ALL_TYPES,
        "auth_plugin": steps.hmac_plugin(args.secret),
        "cipher_plugin": steps.cipher_plugin(args.key, not args.plain_uri),
    }


def inner(order: dict) -> dict:
    """The inner layers that an order names."""
    if "seed" in order:
        return {"cipher_plugin": steps.box(order["seed"])}
    return {
        "auth_plugin": steps.inner_hmac(order.get("inner_secret")),
        "cipher_plugin": steps.inner_cipher(order.get("inner_key")),
    }


def uri(order: dict) -> bytes:
    return bytes.fromhex(order.get("uri", ""))


def content(order: dict) -> bytes:
    return bytes.fromhex(order.get("content", ""))


def message(order: dict) -> Message:
    """The message that an order wants to be sent."""
    body = Body.prepare(content(order), uri(order))
    fields = {name: order[name] for name in ("rid", "change") if order.get(name) is not None}
    return Message.prepare(body, order["type"], AuthFields(fields))


def shown(message: Message) -> dict:
    kind = message.header.message_type
    return {
        "type": int(kind),
        "name": kind.name,
        "uri": message.body.uri.hex(),
        "content": message.body.content.hex(),
        "rid": message.auth_data.fields.get("rid"),
        "change": message.auth_data.fields.get("change"),
    }


def known(node) -> list[dict]:
    return [
        {
            "id": peer.id.hex(),
            "data": peer.data.hex(),
            "addresses": [f"{host}:{port}" for host, port in sorted(peer.addrs)],
        }
        for _, peer in sorted(node.peers.items())
    ]


async def peers(node, order: dict) -> dict:
    """Waits for what no event tells."""
    deadline = asyncio.get_running_loop().time() + order["timeout"]
    while [peer["id"] for peer in known(node)] != sorted(order["ids"]):
        if asyncio.get_running_loop().time() > deadline:
            raise LookupError(f"its peers are {known(node)}")
        await asyncio.sleep(0.005)
    return {"peers": known(node)}


class Unasked:
    """Messages that no request waited for, those between peers aside."""

    def __init__(self, node, kinds) -> None:
        self.queue: asyncio.Queue = asyncio.Queue()
        for kind in kinds:
            # A request's own handlers have more specific keys and go first, and so have
            # those of peer management.
            node.add_handler(kind, self.ignore if kind in PEERS else self.take)

    def take(self, message: Message, _who) -> None:
        self.queue.put_nowait(message)

    def ignore(self, _message: Message, _who) -> None:
        pass

    async def next(self, order: dict) -> dict:
        return shown(await asyncio.wait_for(self.queue.get(), order["timeout"]))


def say(answer: dict) -> None:
    print(json.dumps(answer, separators=(",", ":")), flush=True)


async def carry_out(obey) -> None:
    """Obeys each order, until one is to close or there are no more."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            order = json.loads(line)
            say(await obey(order))
            if order["op"] == "close":
                return
        except (TimeoutError, asyncio.TimeoutError):
            say({"timeout": True})
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})
