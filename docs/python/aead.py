"""A cipher plugin for netaio that speaks to `Aead`: the chapter "A layer that authenticates whole
messages" of ../protocol.md. It needs PyNaCl, which netaio[asymmetric] brings.

    server = TCPServer(cipher_plugin=Aead({"secret": secret, "role": "server"}))

`role` is what this node is: "server", "client", or "node" for a UDPNode. The rest is optional:
`accepted` (other secrets that open messages), `context`, `field`, `encrypt_uri` (False for an inner
layer), `outer_fields` (the auth fields that the layer around an inner one writes), `skew` in seconds.
"""

from hashlib import sha256
from hmac import digest
from os import urandom
from time import time

from nacl import bindings
from packify import pack


def derive(secret: bytes, context: bytes) -> tuple[bytes, bytes]:
    """A key and its number: HKDF-SHA256 without a salt."""
    root, info = digest(bytes(32), secret, "sha256"), b"netaio aead 1 " + context
    key = digest(root, info + b"\x01", "sha256")
    return digest(root, key + info + b"\x02", "sha256")[:4], key


class Aead:
    def __init__(self, config: dict):
        secrets = [config["secret"], *config.get("accepted", [])]
        self.keys = dict(reversed([derive(secret, config.get("context", b"")) for secret in secrets]))
        self.sealing = derive(secrets[0], config.get("context", b""))
        self.sends, self.receives = {"client": (1, 2), "server": (2, 1), "node": (3, 3)}[config["role"]]
        self.field, self.encrypt_uri = config.get("field", "aead"), config.get("encrypt_uri", True)
        self.uncovered = {self.field, *config.get("outer_fields", [])}
        self.skew = config.get("skew", 30)
        self.sender, self.last, self.passed = urandom(8), 0, {}

    def associated(self, message, direction: int, uri: bytes) -> bytes:
        """The digest of what is authenticated beside the ciphertext."""
        fields = [(pack((name, value)), pack(name), pack(value))
                  for name, value in message.auth_data.fields.items() if name not in self.uncovered]
        parts = [part for _, *pair in sorted(fields) for part in pair]
        parts = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return sha256(bytes([1, direction, message.header.message_type]) + parts + bytes(8) + uri).digest()

    def encrypt(self, message, node=None, peer=None, peer_plugin=None):
        uri, text = message.body.uri, message.body.content
        if self.encrypt_uri:
            uri, text = b"", len(uri).to_bytes(2, "big") + uri + text
        self.last = max(self.last + 1, int(time()) << 24)
        nonce = self.sender + self.last.to_bytes(8, "big") + urandom(8)
        number, key = self.sealing
        aad = self.associated(message, self.sends, uri)
        sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(text, aad, nonce, key)
        fields = {**message.auth_data.fields, self.field: number + nonce + sealed[-16:]}
        body = message.body.prepare(sealed[:-16], uri)
        return message.prepare(body, message.header.message_type, message.auth_data.__class__(fields))

    def decrypt(self, message, node=None, peer=None, peer_plugin=None):
        """Raises whatever is wrong; netaio then drops the message."""
        value, uri = message.auth_data.fields[self.field], message.body.uri
        number, nonce, tag = value[:4], value[4:28], value[28:]
        aad = self.associated(message, self.receives, uri)
        sealed = message.body.content + tag
        text = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, aad, nonce, self.keys[number])
        self.admit(nonce[:8], int.from_bytes(nonce[8:16], "big"))
        if self.encrypt_uri:
            end = 2 + int.from_bytes(text[:2], "big")
            uri, text = text[2:end], text[end:]
        body = message.body.prepare(text, uri)
        return message.prepare(body, message.header.message_type, message.auth_data)

    def admit(self, sender: bytes, number: int) -> None:
        """Takes no message twice, none of its own, and none that is too old or too new."""
        now = int(time())
        if self.receives == 3 and sender == self.sender or abs((number >> 24) - now) > self.skew:
            raise ValueError("this node's own message, or the clocks do not agree")
        passed, below = self.passed.setdefault(sender, (set(), 0))
        if number in passed or number <= below:
            raise ValueError("the message passed before")
        passed.add(number)
        if len(passed) > 1024:
            below = min(passed)
            passed.remove(below)
        self.passed[sender] = passed, below
        if len(self.passed) > 1024:  # those who are silent for too long to be replayed
            last = {sender: max(numbers, default=0) >> 24 for sender, (numbers, _) in self.passed.items()}
            self.passed = {sender: self.passed[sender] for sender in last if last[sender] >= now - self.skew}

    @staticmethod
    def is_peer_specific() -> bool:
        return False
