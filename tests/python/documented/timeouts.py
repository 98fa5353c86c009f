"""Timeout handlers: one of the program's own, and the bundled one that reconnects.

`timeouts.py` is a server that keeps `silent` to itself, and for `hang up` does so;
`timeouts.py PORT` a client of such a server.
"""

import asyncio
import sys

import twin
from netaio import (
    AutoReconnectTimeoutHandler,
    MessageType,
    TCPClient,
    TCPServer,
    make_respond_uri_msg,
)


async def serve():
    server = TCPServer(0, "127.0.0.1")

    @server.on((MessageType.REQUEST_URI, b"silent"))
    def silent(msg, writer):
        return None

    @server.on((MessageType.REQUEST_URI, b"hang up"))
    def hang_up(msg, writer):
        writer.close()

    @server.on((MessageType.REQUEST_URI, b"echo"))
    def echo(msg, writer):
        return make_respond_uri_msg(msg.body.content, msg.body.uri)

    await twin.serve_to_the_end(server)


async def times_out(client, uri):
    try:
        await client.request(uri, timeout=0.2)
    except TimeoutError:
        return
    raise AssertionError("there was an answer")


async def ask(port):
    seen = []

    def note(node, timeout_type, server, error, context):
        seen.append((timeout_type, server, type(error), context["uri"], context["timeout"]))

    client = TCPClient("127.0.0.1", port, timeout_error_handler=note)
    await client.connect()
    await times_out(client, b"silent")
    where = ("127.0.0.1", port)
    assert seen == [("request_timeout", where, TimeoutError, b"silent", 0.2)], seen

    back = asyncio.Queue()
    client.set_timeout_handler(
        AutoReconnectTimeoutHandler(
            connect_timeout=2.0,
            max_retries=3,
            delay=0.05,
            on_reconnect=lambda client, server, attempt: back.put_nowait((server, attempt)),
        )
    )
    # The server hangs up instead of answering: the package learns of it by the timeout.
    await times_out(client, b"hang up")
    assert await back.get() == (where, 1)
    response = await client.request(b"echo", content=b"here again")
    assert response.body.content == b"here again", response
    # A handler of ours that has nothing to say does not let the package wait.
    response = await client.request(b"nothing")
    assert response.header.message_type is MessageType.RESPOND_URI, response
    assert response.body.content == b"", response
    await client.cancel_timeout_handler_tasks()
    await client.close()


twin.run(ask(int(sys.argv[1])) if len(sys.argv) > 1 else serve())
