"""One TCPClient, several servers, each with a receive loop of its own: `many_servers.py PORT PORT`.

Each server answers `REQUEST_URI who` with its name and then tells `NOTIFY_URI who`.
"""

import asyncio
import sys

import twin
from netaio import MessageType, TCPClient

servers = [("127.0.0.1", int(port)) for port in sys.argv[1:]]


async def main():
    client = TCPClient()
    told = asyncio.Queue()

    @client.on((MessageType.NOTIFY_URI, b"who"))
    def notified(msg, writer):
        told.put_nowait((writer.get_extra_info("peername"), msg.body.content))

    for server in servers:
        await client.connect(*server)
        _, was_running = await client.start_receive_loop(server)
        assert not was_running
        _, was_running = await client.start_receive_loop(server)
        assert was_running
    assert set(client.hosts) == set(servers)
    assert set(await client.get_receive_loops()) == set(servers)

    for number, server in enumerate(servers):
        response = await client.request(b"who", server=server)
        assert response.body.content == str(number).encode(), response
        assert await told.get() == (server, str(number).encode())
    # Both at once.
    answers = await asyncio.gather(*(client.request(b"who", server=each) for each in servers))
    assert [answer.body.content for answer in answers] == [b"0", b"1"], answers

    assert await client.stop_receive_loop(servers[0])
    assert not await client.stop_receive_loop(servers[0])
    assert await client.stop_all_receive_loops() == 1
    for server in servers:
        await client.close(server)


twin.run(main())
