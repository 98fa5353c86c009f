"""Seals and opens frames with netaio's X25519CipherPlugin: one JSON line in, one out.

In:  {"do": "seal", "seed": hex, "peer": hex, "encrypt_uri": bool, "type": n, "uri": hex, "content": hex}
     {"do": "open", "seed": hex, "peer": hex, "encrypt_uri": bool, "frame": hex}
     `seed` is one's own; `peer` is the other one's peer data, as packed by its peer plugin
Out: {"frame": hex}
     {"type": n, "uri": hex, "content": hex}
     {"error": text} where the plugin raises
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache

from netaio.asymmetric import X25519CipherPlugin
from netaio.common import AuthFields, Body, DefaultPeerPlugin, Header, Message, MessageType, Peer
from netaio.server import TCPServer

import steps

ADDRESS = ("127.0.0.1", 1)


@lru_cache(maxsize=256)
def plugin(seed: bytes, encrypt_uri: bool) -> X25519CipherPlugin:
    config = {"seed": seed}
    if encrypt_uri:
        config["encrypt_uri"] = True
    return X25519CipherPlugin(config)


def introduction(seed: bytes) -> bytes:
    """The peer data that the plugin's documentation asks for."""
    cipher = plugin(seed, False)
    data = {"pubkey": bytes(cipher.pubk), "vkey": bytes(cipher.vkey)}
    return DefaultPeerPlugin().encode_data(data)


def peer(data: bytes | None) -> Peer:
    return Peer({ADDRESS}, b"peer", data)


def seal(seed: bytes, data: bytes, encrypt_uri: bool, kind: int, uri: bytes, content: bytes, auth=None) -> Message:
    """The message as a real server makes it for this peer, under an outer auth plugin."""
    server = TCPServer(auth_plugin=auth, cipher_plugin=plugin(seed, encrypt_uri))
    message = Message.prepare(Body.prepare(content, uri), MessageType(kind), AuthFields({}))
    sealed = server.prepare_message(message, peer=peer(data))
    if sealed is None:
        raise ValueError("the server dropped it")
    return sealed


def parse(frame: bytes) -> Message:
    header = Header.decode(frame[:9])
    body_at = 9 + header.auth_length
    fields = AuthFields.decode(frame[9:body_at])
    message = Message(header=header, auth_data=fields, body=Body.decode(frame[body_at:]))
    if not message.check():
        raise ValueError("checksum")
    return message


def open_frame(seed: bytes, data: bytes | None, encrypt_uri: bool, frame: bytes, auth=None) -> Message:
    """The message that a handler would get."""
    message = parse(frame)
    known = peer(data)
    if auth is not None and not auth.check(message.auth_data, message.body, None, known, DefaultPeerPlugin()):
        raise ValueError("HMAC auth failed")
    return plugin(seed, encrypt_uri).decrypt(message, None, known, DefaultPeerPlugin())


def answer(question: dict) -> dict:
    known = bytes.fromhex(question["seed"]), bytes.fromhex(question["peer"]), question["encrypt_uri"]
    if question["do"] == "seal":
        uri, content = bytes.fromhex(question["uri"]), bytes.fromhex(question["content"])
        return {"frame": seal(*known, question["type"], uri, content).encode().hex()}
    message = open_frame(*known, bytes.fromhex(question["frame"]))
    return {
        "type": int(message.header.message_type),
        "uri": message.body.uri.hex(),
        "content": message.body.content.hex(),
    }


def main() -> None:
    steps.quiet()
    for line in iter(sys.stdin.readline, ""):
        try:
            said = answer(json.loads(line))
        except Exception as error:
            said = {"error": repr(error)}
        sys.stdout.write(json.dumps(said, separators=(",", ":")) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
