"""The README's TCPServer: a store, an echo, subscriptions; two secrets.

As the README's, with `notify` for those who subscribed and `broadcast` for everybody.
"""

import twin
from netaio import (
    Body,
    HMACAuthPlugin,
    Message,
    MessageType,
    TCPServer,
    make_error_msg,
    make_not_found_msg,
    make_ok_msg,
    make_respond_uri_msg,
)

server = TCPServer(0, "127.0.0.1", auth_plugin=HMACAuthPlugin({"secret": "test"}))
admin = HMACAuthPlugin({"secret": "adminpassword", "hmac_field": "camh"})
storage = {}


def message(kind, uri, content=b""):
    return Message.prepare(Body.prepare(content, uri=uri), kind)


@server.on(MessageType.CREATE_URI, auth_plugin=admin)
async def create(msg, writer):
    if msg.body.uri in storage:
        return make_error_msg("cannot overwrite", msg.body.uri)
    storage[msg.body.uri] = msg.body.content
    return make_ok_msg(b"stored", msg.body.uri)


@server.on(MessageType.REQUEST_URI)
async def read(msg, writer):
    if msg.body.uri not in storage:
        return make_not_found_msg(uri=msg.body.uri)
    return make_respond_uri_msg(storage[msg.body.uri], msg.body.uri)


@server.on((MessageType.REQUEST_URI, b"echo"))
async def echo(msg, writer):
    return make_respond_uri_msg(msg.body.content, b"echo")


@server.on(MessageType.UPDATE_URI, auth_plugin=admin)
async def update(msg, writer):
    if msg.body.uri not in storage:
        return make_not_found_msg(uri=msg.body.uri)
    storage[msg.body.uri] = msg.body.content
    await server.notify(
        msg.body.uri, message(MessageType.NOTIFY_URI, msg.body.uri, msg.body.content)
    )
    return make_ok_msg(b"stored", msg.body.uri)


@server.on(MessageType.DELETE_URI, auth_plugin=admin)
async def delete(msg, writer):
    if msg.body.uri not in storage:
        return make_not_found_msg(uri=msg.body.uri)
    storage.pop(msg.body.uri)
    await server.broadcast(message(MessageType.NOTIFY_URI, b"deleted", msg.body.uri))
    return make_ok_msg(b"deleted", msg.body.uri)


@server.on(MessageType.SUBSCRIBE_URI)
async def subscribe(msg, writer):
    server.subscribe(msg.body.uri, writer)
    return message(MessageType.CONFIRM_SUBSCRIBE, msg.body.uri)


@server.on(MessageType.UNSUBSCRIBE_URI)
async def unsubscribe(msg, writer):
    server.unsubscribe(msg.body.uri, writer)
    return message(MessageType.CONFIRM_UNSUBSCRIBE, msg.body.uri)


twin.run(twin.serve_to_the_end(server))
