"""Peer data, as the README packs it for a plugin that needs a public key: `peer_data.py DATA PEER`.

Given are the data and the introduction that we packed, in hexadecimal; printed are the same two
as the package packs them.
"""

import sys

import twin
from netaio import DefaultPeerPlugin, Peer

KEYS = {"pubkey": bytes(range(32)), "vkey": bytes(range(32, 64))}
plugin = DefaultPeerPlugin()


async def main():
    data, introduction = (bytes.fromhex(text) for text in sys.argv[1:])
    theirs = plugin.unpack(introduction)
    assert plugin.validate(theirs) and (theirs.id, theirs.addrs) == (b"\x01" * 16, set()), theirs
    assert theirs.data == data and plugin.parse_data(theirs) == KEYS, theirs

    peer = Peer(addrs={("127.0.0.1", 8888)}, id=b"\x02" * 16, data=plugin.encode_data(KEYS))
    twin.say(peer.data.hex())
    twin.say(plugin.pack(peer).hex())


twin.run(main())
