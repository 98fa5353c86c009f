"""The README's UDPNode: an echo with a secret, peers that find one another, and subscriptions.

It prints the port that it is bound to, then does what lines on its standard input say. Multicast
goes over the loopback interface, to the port that is told: two nodes of one machine cannot share
one.

    send PORT        the README's message, to a node; its `OK` prints `echo CONTENT`
    ask PORT         a request and create, update and delete, of a node that has a store
    fetch PORT N     a request for `large`, N times; prints how many were answered, how many of the
                     answers carried a cookie, and how often an error came instead
    manage PORT [S]  manages peers; with S, behind an HMAC with that secret
    peers            prints `peers` and the ids that are known, as text
    broadcast        the README's message, to every peer; their answers print `echo CONTENT`
    multicast PORT   the same, to the group
    publish          `NOTIFY_URI news` to those who are subscribed; prints how many that are
    subscribe PORT   subscribes to a node's `news`; prints `subscribed`, and `told CONTENT` of news
    unsubscribe PORT takes that back; prints `unsubscribed`
    silence PORT     times out, with a timeout handler of its own; prints what that was told
    unmanage         stops managing peers
"""

import socket
import sys

import twin
from netaio import (
    Body,
    DefaultPeerPlugin,
    HMACAuthPlugin,
    Message,
    MessageType,
    Peer,
    UDPNode,
    make_ok_msg,
    make_respond_uri_msg,
)

node = UDPNode(
    local_peer=Peer(
        addrs={("127.0.0.1", 8888)},
        id=b"python",
        data=DefaultPeerPlugin().encode_data({"name": "a node in Python"}),
    ),
    auth_plugin=HMACAuthPlugin({"secret": "test"}),
    ignore_own_ip="--hears-itself" not in sys.argv,
)
storage = {}


def message(kind, uri, content=b""):
    return Message.prepare(Body.prepare(content, uri=uri), kind)


@node.on(MessageType.REQUEST_URI)
def echo(msg, addr):
    return Message.prepare(msg.body, MessageType.OK)


@node.on(MessageType.OK)
def echoed(msg, addr):
    twin.say("echo", msg.body.content.decode())


@node.on(MessageType.CONFIRM_SUBSCRIBE)
def confirmed(msg, addr):
    twin.say("subscribed")


@node.on(MessageType.CONFIRM_UNSUBSCRIBE)
def left(msg, addr):
    twin.say("unsubscribed")


@node.on((MessageType.NOTIFY_URI, b"news"))
def notified(msg, addr):
    twin.say("told", msg.body.content.decode())


@node.on((MessageType.REQUEST_URI, b"silence"))
def silent(msg, addr):
    return None


@node.on((MessageType.REQUEST_URI, b"stored"))
def read(msg, addr):
    return make_respond_uri_msg(storage[msg.body.uri], msg.body.uri)


@node.on(MessageType.CREATE_URI)
@node.on(MessageType.UPDATE_URI)
def store(msg, addr):
    storage[msg.body.uri] = msg.body.content
    return make_ok_msg(b"stored", msg.body.uri)


@node.on(MessageType.DELETE_URI)
def delete(msg, addr):
    del storage[msg.body.uri]
    return make_ok_msg(b"deleted", msg.body.uri)


@node.on(MessageType.SUBSCRIBE_URI)
def subscribe(msg, addr):
    node.subscribe(msg.body.uri, addr)
    return message(MessageType.CONFIRM_SUBSCRIBE, msg.body.uri)


@node.on(MessageType.UNSUBSCRIBE_URI)
def unsubscribe(msg, addr):
    node.unsubscribe(msg.body.uri, addr)
    return message(MessageType.CONFIRM_UNSUBSCRIBE, msg.body.uri)


def at(port):
    return ("127.0.0.1", int(port))


async def ask(port):
    where = at(port)

    def expect(answer, kind, uri, content):
        got = (answer.header.message_type, answer.body.uri, answer.body.content)
        assert got == (kind, uri, content), got

    expect(await node.create(b"u", b"1", where), MessageType.OK, b"u", b"stored")
    expect(await node.update(b"u", b"2", where), MessageType.OK, b"u", b"stored")
    expect(await node.request(b"u", where), MessageType.RESPOND_URI, b"u", b"2")
    expect(await node.delete(b"u", where), MessageType.OK, b"u", b"deleted")
    expect(await node.request(b"u", where), MessageType.NOT_FOUND, b"u", b"not found")
    twin.say("asked")


async def fetch(port, times):
    answered = cookies = errors = 0
    for _ in range(int(times)):
        answer = await node.request(b"large", at(port))
        answered += answer.header.message_type is MessageType.RESPOND_URI
        errors += answer.header.message_type is MessageType.ERROR
        cookies += "sck" in answer.auth_data.fields
    twin.say("fetched", answered, cookies, errors)


async def manage(port, secret=None):
    # As the README says: with another port than one's own, one is heard by a node of this machine.
    node.port = int(port)
    inner = HMACAuthPlugin({"secret": secret, "hmac_field": "camh"}) if secret else None
    await node.manage_peers_automatically(
        advertise_every=1, peer_timeout=3, auth_plugin=inner
    )


async def silence(port):
    told = []
    node.set_timeout_handler(lambda *args: told.append(args[1:]))
    try:
        await node.request(b"silence", at(port), timeout=0.2)
    except TimeoutError:
        kind, addr, error, context = told[0]
        twin.say(kind, addr[1], type(error).__name__, context["uri"].decode())


async def main():
    node.interface, node.port = "0.0.0.0", 0
    await node.start()
    sock = node.transport.get_extra_info("socket")
    loopback = socket.inet_aton("127.0.0.1")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
    group = socket.inet_aton(node.multicast_group) + loopback
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    twin.say(sock.getsockname()[1])

    echo_message = message(MessageType.REQUEST_URI, b"", b"echo")
    while line := await twin.told():
        command, *words = line.split()
        if command == "send":
            node.send(echo_message, at(words[0]))
        elif command == "ask":
            await ask(*words)
        elif command == "fetch":
            await fetch(*words)
        elif command == "manage":
            await manage(*words)
        elif command == "peers":
            twin.say("peers", *sorted(peer.decode() for peer in node.peers))
        elif command == "broadcast":
            node.broadcast(echo_message)
        elif command == "multicast":
            node.multicast(echo_message, int(words[0]))
        elif command == "publish":
            twin.say("published", len(node.subscriptions.get(b"news", ())))
            node.notify(b"news", message(MessageType.NOTIFY_URI, b"news", b"today"))
        elif command == "subscribe":
            node.send(message(MessageType.SUBSCRIBE_URI, b"news"), at(words[0]))
        elif command == "unsubscribe":
            node.send(message(MessageType.UNSUBSCRIBE_URI, b"news"), at(words[0]))
        elif command == "silence":
            await silence(*words)
        elif command == "unmanage":
            await node.stop_peer_management()
    await node.stop()


twin.run(main())
