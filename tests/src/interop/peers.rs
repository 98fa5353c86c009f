//! Peers that manage themselves, over either transport, behind layers of their own.

use std::net::SocketAddr;
use std::ops::DerefMut;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use futures_lite::future::or;
use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, ManagementConfig, Message, RemovalReason};
use netaio_driver::{
    Client, Content, KnownPeer, PeerEvent, PeerEvents, RequestBuilder, Runtime, Server, UdpNode,
};

use super::cases::{inner_layer, types};
use super::exchanges::{assert_answer, assert_message};
use super::udp::{bind, node, taking_notifications};
use super::{Case, PATIENCE, blocking};
use crate::puppet::{Identity, Management, Node, NodeOptions, Puppet, SaidPeer};
use crate::python::{Inner, Python, PythonClient, PythonServer, Result};
use crate::store::store;

/// Who we are.
const OURS: Identity = Identity::with_seed("ours", 1);

/// Who they are.
const PYTHON: Identity = Identity::with_seed("python", 2);

/// The cases that peers are tried with. Their inner layer is that of the messages
/// between peers.
#[must_use]
pub fn cases() -> Vec<Case> {
    let wanted = ["plain", "HMAC", "cipher, inner cipher", "both, inner both"];
    let cases = super::cases().into_iter();
    cases.filter(|case| wanted.contains(&case.name)).collect()
}

impl Case {
    /// What the package's side is told.
    fn management(&self) -> Management {
        Management {
            inner: self.inner.clone(),
            ..Management::default()
        }
    }

    /// What ours is.
    fn config(&self) -> ManagementConfig {
        ManagementConfig::new()
            .with_inner(inner_layer(&self.inner))
            .with_every(Some(Duration::from_millis(200)))
    }
}

/// What happens to peers next.
async fn next<R: Runtime>(events: &mut PeerEvents) -> PeerEvent {
    let given_up = async {
        R::sleep_until(Instant::now() + PATIENCE).await;
        None
    };
    or(events.next(), given_up)
        .await
        .expect("something happens to peers")
}

/// Sees that Python's peer comes.
async fn came<R: Runtime>(events: &mut PeerEvents) -> KnownPeer {
    match next::<R>(events).await {
        PeerEvent::Added(known) => {
            assert_eq!(known.peer, PYTHON.peer());
            known
        }
        other => panic!("{other:?}"),
    }
}

/// Sees that Python's peer goes.
async fn gone<R: Runtime>(events: &mut PeerEvents) -> RemovalReason {
    match next::<R>(events).await {
        PeerEvent::Removed { peer, reason } => {
            assert_eq!(peer.peer, PYTHON.peer());
            reason
        }
        other => panic!("{other:?}"),
    }
}

/// A puppet that an async test talks to.
struct Away<P>(Option<P>);

impl<P: DerefMut<Target = Puppet> + Send + 'static> Away<P> {
    async fn start(start: impl FnOnce() -> Result<P> + Send + 'static) -> Self {
        let mut puppet = blocking(start).await.unwrap();
        puppet.timeout = PATIENCE;
        Self(Some(puppet))
    }

    /// Has it do something, and returns what that is worth.
    async fn told<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut P) -> Result<T> + Send + 'static,
    ) -> T {
        let mut puppet = self.0.take().expect("it is not busy");
        let (puppet, done) = blocking(move || {
            let done = work(&mut puppet);
            (puppet, done)
        })
        .await;
        self.0 = Some(puppet);
        done.unwrap()
    }

    async fn manages(&mut self, case: &Case) {
        let management = case.management();
        self.told(move |puppet| puppet.manage_peers(&management))
            .await;
    }

    async fn stops_managing(&mut self) {
        self.told(|puppet| puppet.stop_peer_management("netaio"))
            .await;
    }

    /// Waits until it knows us, and returns from where.
    async fn finds_us(&mut self) -> Vec<SocketAddr> {
        let said = self.told(|puppet| puppet.wait_for_peers(&[OURS.id])).await;
        let [peer] = &said.peers[..] else {
            panic!("{said:?}");
        };
        let addresses = peer.addresses.clone();
        let expected = SaidPeer {
            addresses: addresses.clone(),
            ..OURS.said()
        };
        assert_eq!(peer, &expected);
        addresses
    }

    /// Waits until it knows nobody.
    async fn is_alone(&mut self) {
        self.told(|puppet| puppet.wait_for_peers(&[])).await;
    }

    /// Asks us for what only we can read, and only it can read the answer.
    async fn asks_for_a_box(&mut self) {
        let answer = self.told(|puppet| puppet.request_boxed(&PYTHON, b"a secret"));
        assert_answer(&answer.await, "RESPOND_URI", b"boxed", b"a secret");
    }

    async fn hears(&mut self, content: &'static str) {
        let heard = self.told(|puppet| puppet.next()).await;
        assert_answer(&heard, "NOTIFY_URI", b"u", content.as_bytes());
    }

    async fn broadcasts(&mut self, content: &'static str) {
        let (kind, none) = (NOTIFY_URI.value(), Inner::default());
        self.told(move |puppet| puppet.broadcast(kind, b"u", content.as_bytes(), &none))
            .await;
    }

    async fn ended<T: Send + 'static>(self, end: impl FnOnce(P) -> T + Send + 'static) -> T {
        let puppet = self.0.expect("it is not busy");
        blocking(move || end(puppet)).await
    }
}

/// We ask for what only Python can read, and only we can read the answer.
async fn we_ask_for_a_box(request: RequestBuilder) {
    let inner = Layer::new().with_cipher(OURS.cipher().expect("we have a seed"));
    let answer = request.content("a secret").inner(inner).await.unwrap();
    assert_message(&answer, RESPOND_URI, "a secret");
}

/// Python's client introduces itself to our server, and goes, or our server does.
pub async fn python_client_and_our_server<R: Runtime>(python: &Python, case: &Case) {
    let server = store(
        Server::<R>::builder().outer(case.layer()).types(types()),
        Layer::new(),
        inner_layer(&case.inner),
    );
    let server = server
        .on((REQUEST_URI, "boxed"), |content: Content| content)
        .inner_cipher(OURS.cipher().expect("we have a seed"))
        .local_peer(OURS.peer())
        .manage_peers(case.config())
        .bind("127.0.0.1:0");
    let server = server.await.unwrap();
    let (addr, mut events) = (server.local_addr(), server.peers().events());
    let connect = || {
        let (python, outer) = (python.clone(), case.outer.clone());
        Away::start(move || PythonClient::connect_as(&python, addr, &outer, &PYTHON))
    };
    let mut client = connect().await;
    client.manages(case).await;
    let known = came::<R>(&mut events).await;
    assert_eq!(server.peers().list(), [known]);
    assert_eq!(client.finds_us().await, [addr]);
    client.asks_for_a_box().await;
    let news = Message::notify("u", "to all clients");
    assert_eq!(server.publisher().broadcast(&news).unwrap().accepted(), 1);
    client.hears("to all clients").await;

    client.stops_managing().await;
    assert_eq!(gone::<R>(&mut events).await, RemovalReason::Disconnect);
    client.manages(case).await;
    came::<R>(&mut events).await;
    client.ended(drop).await;
    assert_eq!(gone::<R>(&mut events).await, RemovalReason::ConnectionEnded);

    let mut client = connect().await;
    client.manages(case).await;
    came::<R>(&mut events).await;
    client.finds_us().await;
    server.stop().await;
    client.is_alone().await;
}

/// Our client introduces itself to Python's server, and goes.
pub async fn our_client_and_python_server<R: Runtime>(python: &Python, case: &Case) {
    let (starter, options) = (python.clone(), case.options());
    let start = move || PythonServer::start_as(&starter, &options, &PYTHON);
    let mut server = Away::start(start).await;
    server.manages(case).await;
    let client = Client::<R>::builder().outer(case.layer()).types(types());
    let client = client.local_peer(OURS.peer()).manage_peers(case.config());
    let client = client.build().unwrap();
    let (mut events, mut messages) = (client.peers().events(), client.messages());
    let addr = server.told(|server| Ok(server.addr)).await;
    let connection = client.connect(addr).await.unwrap();
    assert_eq!(came::<R>(&mut events).await.addresses, [addr]);
    server.finds_us().await;
    we_ask_for_a_box(connection.request("boxed")).await;
    server.broadcasts("to all clients").await;
    let heard = messages.next().await.unwrap().message;
    assert_message(&heard, NOTIFY_URI, "to all clients");

    // Python's server keeps a peer until it hears that it leaves.
    assert!(client.stop_peer_management("netaio"));
    server.is_alone().await;
    client.manage_peers(case.config()).unwrap();
    server.finds_us().await;
    client.close().await;
    server.is_alone().await;
    assert_eq!(gone::<R>(&mut events).await, RemovalReason::ConnectionEnded);
    server.ended(PythonServer::stop).await;
}

/// Our node, in the package's group on the loopback interface.
async fn our_node<R: Runtime>(
    case: &Case,
    config: ManagementConfig,
) -> (UdpNode<R>, Receiver<Message>) {
    let (node, notified) = taking_notifications(node::<R>(&case.options()));
    let node = node
        .on((REQUEST_URI, "boxed"), |content: Content| content)
        .inner_cipher(OURS.cipher().expect("we have a seed"))
        .interface("127.0.0.1")
        .local_peer(OURS.peer())
        .manage_peers(config);
    (bind(node).await, notified)
}

/// Python's node, which multicasts to ours: on one machine their ports differ.
async fn python_node<R: Runtime>(python: &Python, case: &Case, ours: &UdpNode<R>) -> Away<Node> {
    let options = NodeOptions {
        layers: case.options(),
        identity: Some(PYTHON),
        multicast_port: Some(ours.local_addr().port()),
        ..NodeOptions::default()
    };
    let (python, to) = (python.clone(), ours.local_addr());
    let mut node = Away::start(move || python.node(&options)).await;
    node.told(move |node| {
        node.to = Some(to);
        Ok(())
    })
    .await;
    node
}

/// Python's node advertises itself to ours, and goes.
pub async fn nodes_meet<R: Runtime>(python: &Python, case: &Case) {
    let (ours, notified) = our_node::<R>(case, case.config()).await;
    let mut events = ours.peers().events();
    let mut theirs = python_node(python, case, &ours).await;
    theirs.manages(case).await;
    let their_addr = theirs.told(|node| Ok(node.addr)).await;
    assert_eq!(came::<R>(&mut events).await.addresses, [their_addr]);
    assert_eq!(theirs.finds_us().await, [ours.local_addr()]);
    theirs.asks_for_a_box().await;
    we_ask_for_a_box(ours.request(their_addr, "boxed")).await;
    let news = Message::notify("u", "to all peers");
    assert_eq!(ours.publisher().broadcast(&news).unwrap().accepted(), 1);
    theirs.hears("to all peers").await;
    theirs.broadcasts("to them too").await;
    let heard = notified.recv().await.unwrap();
    assert_message(&heard, NOTIFY_URI, "to them too");

    theirs.stops_managing().await;
    assert_eq!(gone::<R>(&mut events).await, RemovalReason::Disconnect);
    theirs.manages(case).await;
    came::<R>(&mut events).await;
    theirs.ended(Node::close).await.unwrap();
    assert_eq!(gone::<R>(&mut events).await, RemovalReason::Disconnect);
    ours.stop().await;
}

/// Python's node is killed, and ours notices.
pub async fn a_silent_node_is_dropped<R: Runtime>(python: &Python) {
    let case = Case::default();
    let config = case.config().with_timeout(Some(Duration::from_secs(1)));
    let (ours, _) = our_node::<R>(&case, config).await;
    let mut events = ours.peers().events();
    let mut theirs = python_node(python, &case, &ours).await;
    theirs.manages(&case).await;
    came::<R>(&mut events).await;
    theirs.ended(Node::kill).await;
    assert_eq!(gone::<R>(&mut events).await, RemovalReason::TimedOut);
    assert!(ours.peers().is_empty());
    ours.stop().await;
}
