//! Nodes on the loopback interface, and a socket that puts datagrams on the wire
//! itself, as a stranger does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use netaio_driver::core::{Frame, Message, Wire};
use netaio_driver::{DatagramOptions, DatagramSocket, Runtime, UdpNode, UdpNodeBuilder};

/// Binds a node to a free port of the loopback interface, in no group.
pub(super) async fn bind_node<R: Runtime>(node: UdpNodeBuilder<R>) -> UdpNode<R> {
    let bound = node.no_group().bind("127.0.0.1:0").await;
    bound.expect("the node is bound")
}

/// A node without settings.
pub(super) async fn plain_node<R: Runtime>() -> UdpNode<R> {
    bind_node(UdpNode::builder()).await
}

/// A socket without a node.
pub(super) struct RawNode<R: Runtime> {
    socket: R::Datagrams,
    wire: Wire,
}

impl<R: Runtime> RawNode<R> {
    pub(super) async fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into()).await
    }

    /// At a free port of an address.
    pub(super) async fn at(ip: IpAddr) -> Self {
        let options = DatagramOptions::new((ip, 0).into());
        Self {
            socket: R::bind_datagrams(&options).await.expect("a port is free"),
            wire: Wire::default(),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.socket.local_address().expect("it is bound")
    }

    /// Sends bytes, whatever they are.
    pub(super) async fn send(&self, bytes: &[u8], to: SocketAddr) {
        let sent = self.socket.send(bytes, to).await;
        assert_eq!(sent.expect("the datagram leaves"), bytes.len());
    }

    /// The next datagram, and its sender.
    pub(super) async fn receive_bytes(&self) -> (BytesMut, SocketAddr) {
        let mut buffer = BytesMut::new();
        loop {
            // Some systems report here that an earlier datagram reached nobody.
            if let Ok((_, from)) = self.socket.receive(&mut buffer).await {
                return (buffer, from);
            }
        }
    }

    /// The next message, without opening any layer, and its sender.
    pub(super) async fn receive_from(&self) -> (Message, SocketAddr) {
        let (datagram, from) = self.receive_bytes().await;
        let frame = Frame::from_datagram(&self.wire, datagram).expect("nodes send frames");
        let sealed = frame.decode(&self.wire).expect("the frame holds");
        (sealed.into_message(), from)
    }

    /// The next message.
    pub(super) async fn receive(&self) -> Message {
        self.receive_from().await.0
    }
}

/// Says why a test, or a part of it, does not take place.
pub(super) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
