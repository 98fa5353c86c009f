"""The encapsulation model: plugins that write down in which order they are called.

A server with four layers that answers `REQUEST_URI order` with what its plugins did for that
message, and with what they did for the answer before it.
"""

import twin
from netaio import (
    HMACAuthPlugin,
    MessageType,
    Sha256StreamCipherPlugin,
    TCPServer,
    make_respond_uri_msg,
)

calls = []


def noting(kind, name, config):
    """A plugin of this kind whose calls are noted under this name."""

    class Noting(kind):
        def make(self, *args):
            calls.append(f"{name}.make")
            return super().make(*args)

        def check(self, *args):
            calls.append(f"{name}.check")
            return super().check(*args)

        def encrypt(self, *args):
            calls.append(f"{name}.encrypt")
            return super().encrypt(*args)

        def decrypt(self, *args):
            calls.append(f"{name}.decrypt")
            return super().decrypt(*args)

    return Noting(config)


server = TCPServer(
    0,
    "127.0.0.1",
    auth_plugin=noting(HMACAuthPlugin, "outer auth", {"secret": "outer"}),
    cipher_plugin=noting(Sha256StreamCipherPlugin, "outer cipher", {"key": "outer"}),
)


@server.on(
    (MessageType.REQUEST_URI, b"order"),
    auth_plugin=noting(HMACAuthPlugin, "inner auth", {"secret": "inner", "hmac_field": "camh"}),
    cipher_plugin=noting(
        Sha256StreamCipherPlugin,
        "inner cipher",
        {"key": "inner", "iv_field": "vi", "encrypt_uri": False},
    ),
)
def order(msg, writer):
    so_far = ", ".join(calls)
    calls.clear()
    return make_respond_uri_msg(so_far, msg.body.uri)


twin.run(twin.serve_to_the_end(server))
