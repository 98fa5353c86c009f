"""The store that the interop tests ask: what `tests/src/store.rs` is, on a real TCPServer or UDPNode.

REQUEST_URI `echo` answers with its content; REQUEST_URI, CREATE_URI, UPDATE_URI and
DELETE_URI work on the store; REQUEST_URI `inner` answers with its content behind the inner
layers, and REQUEST_URI `boxed` behind the X25519 cipher of a seed, if there is one;
SUBSCRIBE_URI and UNSUBSCRIBE_URI are confirmed, PUBLISH_URI is sent on as
NOTIFY_URI to the uri's subscribers and answered OK with their number. The custom types 31
to 255 are known; CUSTOM_40 is answered with CUSTOM_41, its uri and its content.
"""

from __future__ import annotations

import argparse

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


def options(parser: argparse.ArgumentParser) -> None:
    """What the store's inner layers are told by."""
    parser.add_argument("--admin-secret", help="inner HMAC (camh) for create, update and delete")
    parser.add_argument("--inner-secret", help="inner HMAC (camh) for REQUEST_URI `inner`")
    parser.add_argument("--inner-key", help="inner cipher (vi) for REQUEST_URI `inner`")


def plain(kind: MessageType, uri: bytes, content: bytes = b"") -> Message:
    return Message.prepare(Body.prepare(content, uri), kind)


def add_store(node, args: argparse.Namespace) -> None:
    """Adds the handlers. `who` is a writer or an address, whichever the node has."""
    admin = steps.inner_hmac(args.admin_secret)
    store: dict[bytes, bytes] = {}

    @node.on((MessageType.REQUEST_URI, b"echo"))
    def echo(message, _who):
        return make_respond_uri_msg(message.body.content, message.body.uri)

    @node.on(
        (MessageType.REQUEST_URI, b"inner"),
        auth_plugin=steps.inner_hmac(args.inner_secret),
        cipher_plugin=steps.inner_cipher(args.inner_key),
    )
    def inner(message, _who):
        return make_respond_uri_msg(message.body.content, message.body.uri)

    if args.seed is not None:

        @node.on((MessageType.REQUEST_URI, b"boxed"), cipher_plugin=steps.box(args.seed))
        def boxed(message, _who):
            return make_respond_uri_msg(message.body.content, message.body.uri)

    @node.on(MessageType.REQUEST_URI)
    def request(message, _who):
        uri = message.body.uri
        if uri not in store:
            return make_not_found_msg(uri=uri)
        return make_respond_uri_msg(store[uri], uri)

    @node.on(MessageType.CREATE_URI, auth_plugin=admin)
    def create(message, _who):
        uri = message.body.uri
        if uri in store:
            return make_error_msg("cannot overwrite", uri)
        store[uri] = message.body.content
        return make_ok_msg("stored", uri)

    @node.on(MessageType.UPDATE_URI, auth_plugin=admin)
    def update(message, _who):
        uri = message.body.uri
        if uri not in store:
            return make_not_found_msg(uri=uri)
        store[uri] = message.body.content
        return make_ok_msg("stored", uri)

    @node.on(MessageType.DELETE_URI, auth_plugin=admin)
    def delete(message, _who):
        uri = message.body.uri
        if uri not in store:
            return make_not_found_msg(uri=uri)
        del store[uri]
        return make_ok_msg("deleted", uri)

    @node.on(MessageType.SUBSCRIBE_URI)
    def subscribe(message, who):
        node.subscribe(message.body.uri, who)
        return plain(MessageType.CONFIRM_SUBSCRIBE, message.body.uri)

    @node.on(MessageType.UNSUBSCRIBE_URI)
    def unsubscribe(message, who):
        # The package raises when there is no such subscriber.
        if who in node.subscriptions.get(message.body.uri, ()):
            node.unsubscribe(message.body.uri, who)
        return plain(MessageType.CONFIRM_UNSUBSCRIBE, message.body.uri)

    @node.on(MessageType.PUBLISH_URI)
    def publish(message, _who):
        uri = message.body.uri
        answer = make_ok_msg(str(len(node.subscriptions.get(uri, ()))), uri)
        told = node.notify(uri, plain(MessageType.NOTIFY_URI, uri, message.body.content))
        # A UDP node is done at once, and would not await its handler.
        return after(told, answer) if told else answer

    @node.on(steps.ALL_TYPES.CUSTOM_40)
    def custom(message, _who):
        return plain(steps.ALL_TYPES.CUSTOM_41, message.body.uri, message.body.content)


async def after(done, answer: Message) -> Message:
    await done
    return answer
