"""A real netaio TCPServer with a store, for the interop tests.

Prints one line, `listening HOST PORT`, when it is ready, and ends with its standard input.

REQUEST_URI `echo` answers with its content; REQUEST_URI, CREATE_URI, UPDATE_URI and
DELETE_URI work on the store; REQUEST_URI `inner` answers with its content behind the inner
layers; SUBSCRIBE_URI and UNSUBSCRIBE_URI are confirmed, PUBLISH_URI is sent on as
NOTIFY_URI to the uri's subscribers and answered OK with their number. The custom types 31
to 255 are known; CUSTOM_40 is answered with CUSTOM_41, its uri and its content.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from netaio import TCPServer
from netaio.common import (
    Body,
    Message,
    MessageType,
    make_error_msg,
    make_not_found_msg,
    make_ok_msg,
    make_respond_uri_msg,
)

import steps


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--secret", help="outer HMAC")
    parser.add_argument("--key", help="outer stream cipher")
    parser.add_argument("--plain-uri", action="store_true", help="encrypt_uri off")
    parser.add_argument("--admin-secret", help="inner HMAC (camh) for create, update and delete")
    parser.add_argument("--inner-secret", help="inner HMAC (camh) for REQUEST_URI `inner`")
    parser.add_argument("--inner-key", help="inner cipher (vi) for REQUEST_URI `inner`")
    parser.add_argument("--verbose", action="store_true", help="netaio's log on standard error")
    return parser.parse_args()


def make_server(args: argparse.Namespace) -> TCPServer:
    steps.use_types(steps.ALL_TYPES)
    server = TCPServer(
        args.port,
        args.host,
        message_type_class=steps.ALL_TYPES,
        auth_plugin=steps.hmac_plugin(args.secret),
        cipher_plugin=steps.cipher_plugin(args.key, not args.plain_uri),
    )
    admin = steps.inner_hmac(args.admin_secret)
    store: dict[bytes, bytes] = {}

    @server.on((MessageType.REQUEST_URI, b"echo"))
    def echo(message, _writer):
        return make_respond_uri_msg(message.body.content, message.body.uri)

    @server.on(
        (MessageType.REQUEST_URI, b"inner"),
        auth_plugin=steps.inner_hmac(args.inner_secret),
        cipher_plugin=steps.inner_cipher(args.inner_key),
    )
    def inner(message, _writer):
        return make_respond_uri_msg(message.body.content, message.body.uri)

    @server.on(MessageType.REQUEST_URI)
    def request(message, _writer):
        uri = message.body.uri
        if uri not in store:
            return make_not_found_msg(uri=uri)
        return make_respond_uri_msg(store[uri], uri)

    @server.on(MessageType.CREATE_URI, auth_plugin=admin)
    def create(message, _writer):
        uri = message.body.uri
        if uri in store:
            return make_error_msg("cannot overwrite", uri)
        store[uri] = message.body.content
        return make_ok_msg("stored", uri)

    @server.on(MessageType.UPDATE_URI, auth_plugin=admin)
    def update(message, _writer):
        uri = message.body.uri
        if uri not in store:
            return make_not_found_msg(uri=uri)
        store[uri] = message.body.content
        return make_ok_msg("stored", uri)

    @server.on(MessageType.DELETE_URI, auth_plugin=admin)
    def delete(message, _writer):
        uri = message.body.uri
        if uri not in store:
            return make_not_found_msg(uri=uri)
        del store[uri]
        return make_ok_msg("deleted", uri)

    @server.on(MessageType.SUBSCRIBE_URI)
    def subscribe(message, writer):
        server.subscribe(message.body.uri, writer)
        return plain(MessageType.CONFIRM_SUBSCRIBE, message.body.uri)

    @server.on(MessageType.UNSUBSCRIBE_URI)
    def unsubscribe(message, writer):
        # The package raises, and so hangs up, when there is no such subscriber.
        if writer in server.subscriptions.get(message.body.uri, ()):
            server.unsubscribe(message.body.uri, writer)
        return plain(MessageType.CONFIRM_UNSUBSCRIBE, message.body.uri)

    @server.on(MessageType.PUBLISH_URI)
    async def publish(message, _writer):
        uri = message.body.uri
        count = len(server.subscriptions.get(uri, ()))
        await server.notify(uri, plain(MessageType.NOTIFY_URI, uri, message.body.content))
        return make_ok_msg(str(count), uri)

    @server.on(steps.ALL_TYPES.CUSTOM_40)
    def custom(message, _writer):
        return plain(steps.ALL_TYPES.CUSTOM_41, message.body.uri, message.body.content)

    return server


def plain(kind: MessageType, uri: bytes, content: bytes = b"") -> Message:
    return Message.prepare(Body.prepare(content, uri), kind)


async def run(args: argparse.Namespace) -> None:
    server = make_server(args)
    serving = asyncio.create_task(server.start())
    while not serving.done() and not (hasattr(server, "server") and server.server.sockets):
        await asyncio.sleep(0.001)
    if serving.done():
        serving.result()
    host, port = server.server.sockets[0].getsockname()[:2]
    print("listening", host, port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    args = options()
    if args.verbose:
        for name in ("netaio.server", "netaio.client"):
            logging.getLogger(name).setLevel(logging.DEBUG)
    else:
        steps.quiet()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(run(args))
    sys.stdout.flush()
    # Not `server.stop()`: open connections hold it up from Python 3.12 on.
    os._exit(0)


if __name__ == "__main__":
    main()
