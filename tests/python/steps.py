"""What `TCPServer.receive` does with one frame, step by step, with netaio's own classes.

`receive` says at which step a frame ends; `through_server` puts the same bytes into a
real `TCPServer` and only sees whether a handler ran. The vectors are checked with both.
"""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache

import packify
from netaio.asymmetric import X25519CipherPlugin
from netaio.auth import HMACAuthPlugin
from netaio.cipher import Sha256StreamCipherPlugin
from netaio.common import (
    AuthFields,
    Body,
    Header,
    Message,
    MessageType,
    make_message_type_class,
)
from netaio.server import TCPServer

BASE_TYPES = MessageType
ALL_TYPES = make_message_type_class(
    "AllTypes", {f"CUSTOM_{value}": value for value in range(31, 256)}
)
ADDR = ("127.0.0.1", 1)


def quiet() -> None:
    """Keeps netaio's loggers off standard error."""
    for name in ("netaio.server", "netaio.client", "netaio.node"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def use_types(types) -> None:
    """Makes `Message.prepare`, and so the ciphers, know these types: it asks the
    header class and not the node, and so fails for every custom type else."""
    Header.message_type_class = types


@lru_cache(maxsize=256)
def hmac_plugin(secret: str | None, names: tuple = ()) -> HMACAuthPlugin | None:
    """An HMAC plugin; `names` are pairs such as ("hmac_field", "camh")."""
    if secret is None:
        return None
    return HMACAuthPlugin({"secret": secret, **dict(names)})


@lru_cache(maxsize=256)
def cipher_plugin(
    key: str | None, encrypt_uri: bool = True, names: tuple = ()
) -> Sha256StreamCipherPlugin | None:
    """A stream cipher plugin; `names` are pairs such as ("iv_field", "vi")."""
    if key is None:
        return None
    return Sha256StreamCipherPlugin({"key": key, "encrypt_uri": encrypt_uri, **dict(names)})


def inner_hmac(secret: str | None) -> HMACAuthPlugin | None:
    """The inner HMAC that all of our tests use."""
    return hmac_plugin(secret, (("hmac_field", "camh"),))


def inner_cipher(key: str | None) -> Sha256StreamCipherPlugin | None:
    """The inner cipher that all of our tests use."""
    return cipher_plugin(key, False, (("iv_field", "vi"),))


@lru_cache(maxsize=256)
def box(seed: str) -> X25519CipherPlugin:
    """The X25519 cipher of a seed of 32 bytes, as hexadecimal digits."""
    return X25519CipherPlugin({"seed": bytes.fromhex(seed)})


class Refused(Exception):
    """A frame's end: `stage` is the step, `effect` what the server does then
    ("wait", "close", "error", "auth error" or "drop")."""

    def __init__(self, stage: str, effect: str, error: str) -> None:
        super().__init__(error)
        self.stage = stage
        self.effect = effect
        self.error = error


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def receive(
    frame: bytes, auth=None, cipher=None, inner_auth=None, inner_cipher=None, types=MessageType
) -> tuple[Message, Message, int]:
    """The message as it came, the message that the handler gets, and the bytes left over.

    Raises `Refused` where the handler would not run.
    """
    if len(frame) < 9:
        raise Refused("incomplete", "wait", "header")
    try:
        header = Header.decode(frame[:9], message_type_class=types)
    except Exception as error:
        raise Refused("header", "close", _why(error)) from None
    body_at = 9 + header.auth_length
    end = body_at + header.body_length

    auth_bytes = frame[9:body_at]
    if len(auth_bytes) < header.auth_length:
        raise Refused("incomplete", "wait", "auth")
    try:
        fields = AuthFields.decode(auth_bytes)
    except Exception as error:
        raise Refused("auth fields", "close", _why(error)) from None

    body_bytes = frame[body_at:end]
    if len(body_bytes) < header.body_length:
        raise Refused("incomplete", "wait", "body")
    try:
        body = Body.decode(body_bytes)
    except Exception as error:
        raise Refused("body", "close", _why(error)) from None

    wire = message = Message(header=header, auth_data=fields, body=body)
    if not message.check():
        raise Refused("checksum", "error", "invalid message")

    if auth is not None:
        _check("auth", auth, message)
    if cipher is not None:
        message = _decrypt("decrypt", cipher, message)
    if inner_auth is not None:
        # With an ERROR type the error handler returns nothing, and the server
        # then runs the handler all the same.
        _check("inner auth", inner_auth, message, goes_on="ERROR" in header.message_type.name)
    if inner_cipher is not None:
        message = _decrypt("inner decrypt", inner_cipher, message)
    return wire, message, len(frame) - end


def _check(stage: str, plugin, message: Message, goes_on: bool = False) -> None:
    try:
        good = plugin.check(message.auth_data, message.body)
    except Exception as error:
        raise Refused(stage, "close", _why(error)) from None
    if not good and not goes_on:
        raise Refused(stage, "auth error", "HMAC auth failed")


def _decrypt(stage: str, plugin, message: Message) -> Message:
    try:
        return plugin.decrypt(message)
    except Exception as error:
        raise Refused(stage, "drop", _why(error)) from None


def packed_fields(message: Message) -> list[list[str]] | None:
    """The auth fields as pairs of packed key and packed value (hex), in wire order;
    None when they are no dict or nested too deep for packify to pack again."""
    fields = message.auth_data.fields
    if type(fields) is not dict:
        return None
    try:
        pairs = sorted(
            (packify.pack(pair), packify.pack(pair[0]), packify.pack(pair[1]))
            for pair in fields.items()
        )
    except RecursionError:
        return None
    return [[key.hex(), value.hex()] for _, key, value in pairs]


class _Writer:
    """The part of `asyncio.StreamWriter` that `TCPServer.receive` uses."""

    def __init__(self) -> None:
        self.sent = b""

    def get_extra_info(self, _name: str):
        return ADDR

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        pass


async def _through_server(frame, auth, cipher, inner_auth, inner_cipher, types):
    got = []

    def handler(message, _writer):
        got.append(message)

    server = TCPServer(
        message_type_class=types, auth_plugin=auth, cipher_plugin=cipher, default_handler=handler
    )
    if inner_auth is not None or inner_cipher is not None:
        for kind in types:
            server.add_handler(kind, handler, auth_plugin=inner_auth, cipher_plugin=inner_cipher)
    reader = asyncio.StreamReader()
    reader.feed_data(frame)
    reader.feed_eof()
    writer = _Writer()
    try:
        await server.receive(reader, writer)
    except Exception:
        pass
    return got[0] if got else None


def through_server(
    frame: bytes, auth=None, cipher=None, inner_auth=None, inner_cipher=None, types=MessageType
) -> Message | None:
    """The message that a real `TCPServer` hands to a handler, if it hands one over."""
    return asyncio.run(_through_server(frame, auth, cipher, inner_auth, inner_cipher, types))
