//! Nodes on the loopback interface, and a socket that puts datagrams on the wire
//! itself, as a stranger does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use netaio_driver::core::{Frame, Message, Wire};
use netaio_driver::{DatagramOptions, DatagramSocket, Received, Runtime, UdpNode, UdpNodeBuilder};

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
        let options = DatagramOptions::new((Ipv4Addr::LOCALHOST, 0).into());
        let socket = R::bind_datagrams(&options).await;
        Self::of(socket.expect("a port is free"))
    }

    /// In the group of a node, at its port and another address of the loopback
    /// interface; none where this machine has no such address.
    pub(super) async fn beside(node: &UdpNode<R>) -> Option<Self> {
        let group = node.group().expect("it has a group");
        let ip = IpAddr::from([127, 0, 0, 77]);
        let mut options = DatagramOptions::new((ip, group.port()).into());
        options.groups = vec![group.ip()];
        options.interface = Some(Ipv4Addr::LOCALHOST.into());
        match R::bind_datagrams(&options).await {
            Ok(socket) => Some(Self::of(socket)),
            Err(error) => {
                skip(&format!("this machine has no address {ip}: {error}"));
                None
            }
        }
    }

    /// At an address of the loopback interface; none where this machine has no such
    /// address.
    pub(super) async fn at(ip: Ipv4Addr) -> Option<Self> {
        let options = DatagramOptions::new((ip, 0).into());
        match R::bind_datagrams(&options).await {
            Ok(socket) => Some(Self::of(socket)),
            Err(error) => {
                skip(&format!("this machine has no address {ip}: {error}"));
                None
            }
        }
    }

    fn of(socket: R::Datagrams) -> Self {
        let wire = Wire::default();
        Self { socket, wire }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.socket.local_address().expect("it is bound")
    }

    /// Sends bytes, whatever they are.
    pub(super) async fn send(&self, bytes: &[u8], to: SocketAddr) {
        let sent = self.socket.send(bytes, to, None).await;
        assert_eq!(sent.expect("the datagram leaves"), bytes.len());
    }

    /// The next datagram, and its sender.
    pub(super) async fn receive_bytes(&self) -> (BytesMut, SocketAddr) {
        let mut buffer = BytesMut::new();
        loop {
            // Some systems report here that an earlier datagram reached nobody.
            if let Ok(Received { from, .. }) = self.socket.receive(&mut buffer).await {
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
