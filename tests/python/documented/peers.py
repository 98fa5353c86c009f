"""Peer management over TCP: `peers.py [PORT]`, without a port the server, with one the client.

Whichever of the two it is answers `REQUEST_URI` `boxed`, behind the X25519 cipher that peer
data has the key for, and `named`, behind an auth plugin that looks at both peers. It does what
lines on its standard input say.

    manage [S]    manages peers; with S, behind an HMAC and a cipher with that secret, which are
                  for this traffic only
    peers         prints `peers` and, of each that is known, its id and the name in its data
    subscribe     the client subscribes to `news`; prints `subscribed`
    subscribers   prints how many connections are subscribed to `news`
    remove ID     removes a peer by hand
    unmanage      stops managing peers
    boxed, named  the client asks that; prints the answer's content
    close         the client closes its connection
"""

import sys

import twin
from netaio import (
    Body,
    DefaultPeerPlugin,
    HMACAuthPlugin,
    Message,
    MessageType,
    Peer,
    Sha256StreamCipherPlugin,
    TCPClient,
    TCPServer,
    make_error_msg,
    make_respond_uri_msg,
)
from netaio.asymmetric import X25519CipherPlugin

plugin = DefaultPeerPlugin()
box = X25519CipherPlugin({"seed": b"a seed of Python's, of 32 bytes."})
data = {"name": "Python's", "pubkey": bytes(box.pubk), "vkey": bytes(box.vkey)}
local = Peer(addrs=set(), id=b"python", data=plugin.encode_data(data))
outer = {"auth_plugin": HMACAuthPlugin({"secret": "test"}), "local_peer": local}


class Named:
    """Names both peers, as far as they are known, and wants to be told the same."""

    def make(self, auth_fields, body, node=None, peer=None, peer_plugin=None):
        auth_fields.fields["from"] = node.local_peer.id
        auth_fields.fields["to"] = peer_plugin.parse_data(peer)["name"].encode()

    def check(self, auth_fields, body, node=None, peer=None, peer_plugin=None):
        if peer is None:
            return False
        named = (auth_fields.fields.get("from"), auth_fields.fields.get("to"))
        return named == (peer.id, peer_plugin.parse_data(node.local_peer)["name"].encode())

    def error(self, **classes):
        return make_error_msg("named auth failed")

    @staticmethod
    def is_peer_specific():
        return True


def inner(secret):
    cipher = {"key": secret, "iv_field": "vi", "encrypt_uri": False}
    return {
        "auth_plugin": HMACAuthPlugin({"secret": secret, "hmac_field": "camh"}),
        "cipher_plugin": Sha256StreamCipherPlugin(cipher),
    }


def message(kind, uri):
    return Message.prepare(Body.prepare(b"", uri), kind)


async def obey(node):
    while line := await twin.told():
        command, *words = line.split()
        if command == "manage":
            await node.manage_peers_automatically(**(inner(words[0]) if words else {}))
            twin.say("managing")
        elif command == "peers":
            known = sorted(node.peers.values(), key=lambda peer: peer.id)
            names = (plugin.parse_data(peer)["name"].replace(" ", "_") for peer in known)
            ids = (peer.id.decode() for peer in known)
            twin.say("peers", *(f"{id}={name}" for id, name in zip(ids, names)))
        elif command == "subscribe":
            await node.send(message(MessageType.SUBSCRIBE_URI, b"news"))
        elif command == "subscribers":
            twin.say("subscribers", len(node.subscriptions.get(b"news", ())))
        elif command == "remove":
            peer = node.get_peer(peer_id=words[0].encode())
            (addr,) = peer.addrs
            node.remove_peer(addr, peer.id)
            twin.say("removed")
        elif command in ("boxed", "named"):
            response = await node.request(command.encode(), content=b"asked", **asks[command])
            twin.say(response.header.message_type.name, response.body.content.decode())
        elif command == "unmanage":
            await node.stop_peer_management()
            twin.say("unmanaged")
        elif command == "close":
            await node.close()
            twin.say("closed")


asks = {"boxed": {"cipher_plugin": box}, "named": {"auth_plugin": Named()}}


async def serve():
    server = TCPServer(0, "127.0.0.1", **outer)

    @server.on((MessageType.REQUEST_URI, b"boxed"), **asks["boxed"])
    @server.on((MessageType.REQUEST_URI, b"named"), **asks["named"])
    def answer(msg, writer):
        return make_respond_uri_msg(b"answered " + msg.body.content, msg.body.uri)

    @server.on(MessageType.SUBSCRIBE_URI)
    def subscribe(msg, writer):
        server.subscribe(msg.body.uri, writer)
        return message(MessageType.CONFIRM_SUBSCRIBE, msg.body.uri)

    await twin.serve(server)
    await obey(server)


async def connect(port):
    client = TCPClient("127.0.0.1", port, **outer)
    client.add_handler(MessageType.CONFIRM_SUBSCRIBE, lambda msg, writer: twin.say("subscribed"))
    await client.connect()
    await client.start_receive_loop()
    twin.say("connected")
    await obey(client)


twin.run(connect(int(sys.argv[1])) if len(sys.argv) > 1 else serve())
