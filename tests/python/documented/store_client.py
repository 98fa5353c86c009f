"""The README's TCPClient: an echo, then a resource from its creation to its end; with
subscriptions, as the README's server has them."""

import asyncio
import sys
from secrets import token_hex

import twin
from netaio import Body, HMACAuthPlugin, Message, MessageType, TCPClient

client = TCPClient("127.0.0.1", int(sys.argv[1]), auth_plugin=HMACAuthPlugin({"secret": "test"}))
admin = HMACAuthPlugin({"secret": "adminpassword", "hmac_field": "camh"})


def expect(response, kind, uri, content):
    got = (response.header.message_type, response.body.uri, response.body.content)
    assert got == (kind, uri, content), got


async def main():
    await client.connect()
    expect(
        await client.request(b"echo", content=b"test"), MessageType.RESPOND_URI, b"echo", b"test"
    )
    content = ("testing it" + token_hex(4)).encode()
    expect(
        await client.create(b"test1", content, auth_plugin=admin),
        MessageType.OK,
        b"test1",
        b"stored",
    )
    expect(await client.request(b"test1"), MessageType.RESPOND_URI, b"test1", content)

    # Told of it, by a handler while the receive loop runs.
    news = asyncio.Queue()
    confirmed = asyncio.Queue()

    @client.on((MessageType.NOTIFY_URI, b"test1"))
    async def notified(msg, writer):
        await news.put(msg.body.content)

    @client.once(MessageType.CONFIRM_SUBSCRIBE)
    def confirm(msg, writer):
        confirmed.put_nowait(msg.body.uri)

    await client.start_receive_loop()
    await client.send(Message.prepare(Body.prepare(b"", b"test1"), MessageType.SUBSCRIBE_URI))
    assert await confirmed.get() == b"test1"

    content = ("testing it" + token_hex(4)).encode()
    expect(
        await client.update(b"test1", content, auth_plugin=admin),
        MessageType.OK,
        b"test1",
        b"stored",
    )
    assert await news.get() == content
    expect(await client.request(b"test1"), MessageType.RESPOND_URI, b"test1", content)
    expect(
        await client.delete(b"test1", auth_plugin=admin), MessageType.OK, b"test1", b"deleted"
    )
    expect(await client.request(b"test1"), MessageType.NOT_FOUND, b"test1", b"not found")
    assert confirmed.empty() and news.empty()
    assert await client.stop_receive_loop()
    await client.close()


twin.run(main())
