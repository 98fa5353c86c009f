"""Plugins of a program's own: `plugins.py [PORT]`, without a port the server, with one the client.

The auth plugin is shaped as the tapescript one: a witness over body, nonce and time, in a field
of its own, with the two others shared. The cipher leaves the uri readable.
"""

import sys
from os import urandom
from time import time
from zlib import crc32

import twin
from netaio import (
    MessageType,
    TCPClient,
    TCPServer,
    make_error_msg,
    make_respond_uri_msg,
)


class Witness:
    def __init__(self, config):
        self.lock = config["lock"]

    def witness(self, fields, body):
        seen = self.lock + body.encode() + fields["nonce"] + fields["ts"]
        return crc32(seen).to_bytes(4, "big")

    def make(self, auth_fields, body, node=None, peer=None, peer_plugin=None):
        fields = auth_fields.fields
        fields.setdefault("nonce", urandom(16))
        fields.setdefault("ts", int(time()).to_bytes(4, "big"))
        fields["witness"] = self.witness(fields, body)

    def check(self, auth_fields, body, node=None, peer=None, peer_plugin=None):
        fields = auth_fields.fields
        known = {"nonce", "ts", "witness"} <= fields.keys()
        return known and fields["witness"] == self.witness(fields, body)

    def error(self, **classes):
        return make_error_msg("witness auth failed")

    @staticmethod
    def is_peer_specific():
        return False


class Mask:
    def __init__(self, config):
        self.field = config["field"]

    def masked(self, message, mask):
        content = bytes(byte ^ mask for byte in message.body.content)
        body = message.body.prepare(content, message.body.uri)
        return message.prepare(body, message.header.message_type, message.auth_data)

    def encrypt(self, message, node=None, peer=None, peer_plugin=None):
        mask = urandom(1)
        message.auth_data.fields[self.field] = mask
        return self.masked(message, mask[0])

    def decrypt(self, message, node=None, peer=None, peer_plugin=None):
        return self.masked(message, message.auth_data.fields[self.field][0])

    @staticmethod
    def is_peer_specific():
        return False


plugins = {"auth_plugin": Witness({"lock": b"a lock"}), "cipher_plugin": Mask({"field": "mask"})}


async def serve():
    server = TCPServer(0, "127.0.0.1", **plugins)

    @server.on((MessageType.REQUEST_URI, b"echo"))
    def echo(msg, writer):
        return make_respond_uri_msg(msg.body.content, msg.body.uri)

    await twin.serve_to_the_end(server)


async def ask(port):
    client = TCPClient("127.0.0.1", port, **plugins)
    await client.connect()
    response = await client.request(b"echo", content=b"masked")
    assert response.header.message_type == MessageType.RESPOND_URI, response
    assert response.body.content == b"masked", response
    await client.close()


twin.run(ask(int(sys.argv[1])) if len(sys.argv) > 1 else serve())
