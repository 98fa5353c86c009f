"""The README's examples of an additional layer: `layers.py auth|cipher [PORT]`, without a port
the server, with one the client.

As there, the inner cipher hides the uri: the handler is found by its type alone, and the client
takes the answer with `receive_once`.
"""

import sys

import twin
from netaio import (
    Body,
    HMACAuthPlugin,
    Message,
    MessageType,
    Sha256StreamCipherPlugin,
    TCPClient,
    TCPServer,
)

if sys.argv[1] == "auth":
    outer = {"auth_plugin": HMACAuthPlugin({"secret": "test"})}
    inner = {"auth_plugin": HMACAuthPlugin({"secret": "tset", "hmac_field": "camh"})}
    asked = (MessageType.CREATE_URI, b"", b"test")
    answered = (MessageType.OK, b"", b"Resource saved.")
else:
    outer = {"cipher_plugin": Sha256StreamCipherPlugin({"key": "test"})}
    inner = {"cipher_plugin": Sha256StreamCipherPlugin({"key": "tset", "iv_field": "iv2"})}
    asked = (MessageType.REQUEST_URI, b"something", b"psst gimme the secret")
    answered = (MessageType.RESPOND_URI, b"something", b"Super secret data.")


def message(kind, uri, content):
    return Message.prepare(Body.prepare(content, uri=uri), kind)


async def serve():
    server = TCPServer(0, "127.0.0.1", **outer)

    @server.on(asked[0], **inner)
    async def answer(msg, writer):
        assert (msg.body.uri, msg.body.content) == asked[1:], msg
        return message(*answered)

    await twin.serve_to_the_end(server)


async def ask(port):
    client = TCPClient("127.0.0.1", port, **outer)
    await client.connect()
    await client.send(message(*asked), **inner)
    got = await client.receive_once(**inner)
    assert (got.header.message_type, got.body.uri, got.body.content) == answered, got
    if "auth_plugin" in inner:
        # Without the inner layer the handler is not reached; the error is not sealed, and so
        # not believed.
        await client.send(message(*asked))
        assert await client.receive_once() is None
    await client.close()


twin.run(ask(int(sys.argv[2])) if len(sys.argv) > 2 else serve())
