"""`docs/python/aead.py` at work, as an outer layer and as an inner one.

    aead.py server         an echo; says its port
    aead.py client PORT    asks such an echo
    aead.py node           an echo; says its port, and asks those whose ports it is told
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "docs" / "python"))

import twin
from aead import Aead
from netaio import MessageType, TCPClient, TCPServer, UDPNode, make_respond_uri_msg

SECRET = b"a secret that both have"


def outer(role):
    return {"cipher_plugin": Aead({"secret": SECRET, "role": role, "accepted": [b"an older one"]})}


def inner(role):
    config = {"secret": b"admin", "role": role, "field": "inner", "encrypt_uri": False, "context": b"echo"}
    return {"cipher_plugin": Aead({**config, "outer_fields": ["aead"]})}


def on_echo(node):
    @node.on((MessageType.REQUEST_URI, b"echo"))
    def echo(msg, sender):
        return make_respond_uri_msg(msg.body.content, msg.body.uri)

    @node.on((MessageType.REQUEST_URI, b"inner"), **inner("node" if isinstance(node, UDPNode) else "server"))
    def inner_echo(msg, sender):
        return make_respond_uri_msg(msg.body.content, msg.body.uri)


def check(answer, content):
    assert answer.header.message_type == MessageType.RESPOND_URI, answer
    assert answer.body.content == content, answer


async def ask(port):
    client = TCPClient("127.0.0.1", port, **outer("client"))
    await client.connect()
    await client.start_receive_loop()
    for content in [b"", b"whole", bytes(30_000)]:
        check(await client.request(b"echo", content=content), content)
    check(await client.request(b"inner", content=b"deep", **inner("client")), b"deep")
    await client.close()


async def serve():
    server = TCPServer(0, "127.0.0.1", **outer("server"))
    on_echo(server)
    await twin.serve_to_the_end(server)


async def serve_node():
    node = UDPNode(interface="127.0.0.1", port=0, ignore_own_ip=False, **outer("node"))
    on_echo(node)
    await node.start()
    twin.say(node.transport.get_extra_info("sockname")[1])
    while line := await twin.told():
        to = ("127.0.0.1", int(line))
        for content in [b"", b"whole", bytes(30_000)]:
            check(await node.request(b"echo", to, content=content), content)
        check(await node.request(b"inner", to, content=b"deep", **inner("node")), b"deep")
        twin.say("asked")
    await node.stop()


twin.run({"server": serve, "node": serve_node, "client": ask}[sys.argv[1]](*map(int, sys.argv[2:])))
