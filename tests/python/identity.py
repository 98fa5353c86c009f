"""The package's client, with an identity for X25519: `identity.py PORT SEED [SECRET]`.

It introduces itself to the server, and asks behind its X25519 cipher. It prints the id and the
public key of the server first, then a line for each answer and notification: type, uri and content.
It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys

from netaio.client import TCPClient
from netaio.common import Body, DefaultPeerPlugin, Message, MessageType, Peer

import steps


def say(*words) -> None:
    print(*words, flush=True)


def show(message: Message) -> None:
    body = message.body
    say(message.header.message_type.name, body.uri.decode(), body.content.decode())


async def known_server(client: TCPClient) -> Peer:
    """No event tells; the test that started this has a limit."""
    while not client.peers:
        await asyncio.sleep(0.005)
    (server,) = client.peers.values()
    return server


async def run(port: int, seed: str, secret: str | None = None) -> None:
    box, peers = steps.box(seed), DefaultPeerPlugin()
    data = peers.encode_data({"pubkey": bytes(box.pubk), "vkey": bytes(box.vkey)})
    local = Peer(addrs=set(), id=b"python", data=data)
    auth = steps.hmac_plugin(secret)
    client = TCPClient("127.0.0.1", port, local_peer=local, auth_plugin=auth)
    for kind in (MessageType.CONFIRM_SUBSCRIBE, MessageType.NOTIFY_URI):
        client.add_handler(kind, lambda message, _: show(message), cipher_plugin=box)
    await client.connect()
    await client.start_receive_loop()
    await client.manage_peers_automatically()
    server = await known_server(client)
    say("server", server.id.decode(), peers.parse_data(server)["pubkey"].hex())
    body = Body.prepare(b"", b"a")
    subscribe = Message.prepare(body, MessageType.SUBSCRIBE_URI)
    await client.send(subscribe, cipher_plugin=box)
    for kind, uri, content in (
        (MessageType.REQUEST_URI, b"echo", b"hi"),
        (MessageType.CREATE_URI, b"a", b"1"),
        (MessageType.REQUEST_URI, b"a", b""),
    ):
        show(await client.request(uri, message_type=kind, content=content, cipher_plugin=box))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await client.close()


if __name__ == "__main__":
    steps.quiet()
    port, seed, *secrets = sys.argv[1:]
    asyncio.run(run(int(port), seed, *secrets))
