"""The README's custom message types, made by a function and declared with a check:
`custom_types.py [PORT]`, without a port the server, with one the client."""

import sys
from enum import IntEnum

import twin
from netaio import (
    Body,
    Header,
    Message,
    MessageType,
    TCPClient,
    TCPServer,
    make_message_type_class,
    validate_message_type_class,
)

Made = make_message_type_class("Made", {"CUSTOM_ACTION": 50, "ANOTHER_ACTION": 51})
Declared = IntEnum(
    "Declared",
    {kind.name: kind.value for kind in MessageType} | {"CUSTOM_ACTION": 50, "ANOTHER_ACTION": 51},
)
assert validate_message_type_class(Declared)
for reserved in (0, 10, 14, 30):
    try:
        make_message_type_class("Wrong", {"MINE": reserved})
        raise AssertionError(f"{reserved} is reserved")
    except ValueError:
        pass


def message(kinds, name, content):
    # The package's `Message.prepare` asks the header's class, and not the node.
    Header.message_type_class = kinds
    return Message.prepare(Body.prepare(content, uri=b"u"), getattr(kinds, name))


async def serve():
    server = TCPServer(0, "127.0.0.1", message_type_class=Made)

    @server.on((Made.CUSTOM_ACTION, b"u"))
    def act(msg, writer):
        return message(Made, "ANOTHER_ACTION", msg.body.content[::-1])

    await twin.serve_to_the_end(server)


async def ask(port):
    client = TCPClient("127.0.0.1", port, message_type_class=Declared)
    await client.connect()
    await client.send(message(Declared, "CUSTOM_ACTION", b"abc"))
    got = await client.receive_once()
    assert got.header.message_type is Declared.ANOTHER_ACTION, got
    assert (got.body.uri, got.body.content) == (b"u", b"cba"), got
    await client.close()


twin.run(ask(int(sys.argv[1])) if len(sys.argv) > 1 else serve())
