"""What is answered when a check fails is the program's choice: `auth_errors.py plugin|silent|own`
is a server with the secret `test` and that choice; `REQUEST_URI u` is answered with `fine`."""

import sys

import twin
from netaio import (
    HMACAuthPlugin,
    MessageType,
    TCPServer,
    make_not_permitted_msg,
    make_respond_uri_msg,
)

chosen = {
    "plugin": {},
    "silent": {"auth_error_handler": lambda node, plugin, msg: None},
    "own": {"auth_error_handler": lambda node, plugin, msg: make_not_permitted_msg("go away")},
}
server = TCPServer(
    0,
    "127.0.0.1",
    auth_plugin=HMACAuthPlugin({"secret": "test"}),
    **chosen[sys.argv[1]],
)


@server.on((MessageType.REQUEST_URI, b"u"))
def fine(msg, writer):
    return make_respond_uri_msg("fine", msg.body.uri)


twin.run(twin.serve_to_the_end(server))
