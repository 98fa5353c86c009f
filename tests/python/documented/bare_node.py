"""A UDPNode without a handler of its own: it prints the port that it is bound to."""

import twin
from netaio import HMACAuthPlugin, UDPNode

node = UDPNode(auth_plugin=HMACAuthPlugin({"secret": "test"}), ignore_own_ip=False)


async def main():
    node.interface, node.port = "0.0.0.0", 0
    await node.start()
    twin.say(node.transport.get_extra_info("socket").getsockname()[1])
    while await twin.told():
        pass
    await node.stop()


twin.run(main())
