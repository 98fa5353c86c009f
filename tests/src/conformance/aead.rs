//! A layer that authenticates whole messages, beside what every layer does.

use netaio_driver::core::plugin::{Aead, Direction, PeerContext, SealContext};
use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Message, Now, Sealer, Wire};
use netaio_driver::{BuildError, Client, Connection, Publisher, Runtime, Server, UdpNode, Uri};

use super::raw::dial;
use super::raw_node::{RawNode, bind_node};
use super::support::{Counter, assert_message, connect, listen, none, pair};
use crate::script::{Draw, Script};

fn layer(aead: &Aead) -> Layer {
    none().with_cipher(aead.clone())
}

/// Secrets change at both ends while a connection goes on, and no message is refused.
pub async fn secrets_change_without_a_stop<R: Runtime>() {
    let (theirs, ours) = (Aead::new("old"), Aead::new("old"));
    let server = Server::<R>::builder()
        .outer(layer(&theirs))
        .on(REQUEST_URI, || "here");
    let pair = pair(server, Client::builder().outer(layer(&ours))).await;
    let asked = async || {
        let answer = pair.connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    };
    let (at_theirs, at_ours) = (theirs.keys(), ours.keys());
    asked().await;
    for keys in [&at_theirs, &at_ours] {
        keys.accept("new").unwrap();
        asked().await;
    }
    for keys in [&at_ours, &at_theirs] {
        keys.seal_with("new").unwrap();
        asked().await;
    }
    for keys in [&at_theirs, &at_ours] {
        assert!(keys.retire("old"));
        asked().await;
    }
    let old = Client::builder().outer(layer(&Aead::new("old")));
    let (_client, connection) = connect(old, &pair.server).await;
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, AUTH_ERROR, "ERROR", "AEAD auth failed");
}

/// A publication is sealed once for all, and each client takes it once, also where clients
/// of one program have one plugin.
pub async fn clients_of_one_program_share_a_plugin<R: Runtime>() {
    let subscribe = |uri: Uri, who: Connection, publisher: Publisher| async move {
        let subscribed = publisher.subscribe(uri.0.clone(), &who).is_ok();
        subscribed.then(|| Message::confirm_subscribe(uri.0))
    };
    let server = Server::<R>::builder()
        .outer(layer(&Aead::new("secret")))
        .on(SUBSCRIBE_URI, subscribe);
    let server = listen(server).await;
    let ours = layer(&Aead::new("secret"));
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (client, connection) = connect(Client::builder().outer(ours.clone()), &server).await;
        let news = connection.subscribe("u").await.unwrap();
        clients.push((client, news));
    }
    let told = server
        .publisher()
        .notify("u", &Message::notify("u", "news"));
    assert_eq!(told.unwrap().accepted(), 3);
    for (_client, news) in &mut clients {
        let told = news.next().await.unwrap().unwrap().message;
        assert_message(&told, NOTIFY_URI, "u", "news");
    }
}

/// A request as one on the way has it.
fn recorded() -> Vec<u8> {
    let mut context = SealContext {
        now: Now::since(std::time::Instant::now()),
        rng: &mut Script::new([Draw::Bytes(vec![7; 8]), Draw::Bytes(vec![8; 8])]),
        peers: PeerContext {
            direction: Direction::ToServer,
            ..PeerContext::default()
        },
    };
    let mut frame = Vec::new();
    let (outer, wire) = (layer(&Aead::new("secret")), Wire::default());
    let request = Message::request("u");
    Sealer::new()
        .seal(&wire, &outer, &none(), &request, &mut context, &mut frame)
        .unwrap();
    frame
}

/// What somebody has recorded is refused on the same connection and on another one.
pub async fn a_recorded_message_is_taken_once<R: Runtime>() {
    let calls = Counter::default();
    let count = {
        let calls = calls.clone();
        move || {
            calls.add();
            "called"
        }
    };
    let server = Server::<R>::builder()
        .outer(layer(&Aead::new("secret")))
        .default_handler(count);
    let server = listen(server).await;
    let frame = recorded();
    let mut first = dial(&server).await;
    first.write(&frame).await.unwrap();
    // It is sealed, and so no AUTH_ERROR to be read.
    assert_eq!(first.receive().await.unwrap().message_type, RESPOND_URI);
    let mut second = dial(&server).await;
    for raw in [&mut first, &mut second] {
        raw.write(&frame).await.unwrap();
        let answer = raw.receive().await.unwrap();
        assert_message(&answer, AUTH_ERROR, "ERROR", "AEAD auth failed");
    }
    assert_eq!(calls.get(), 1);
}

/// A datagram that comes back to its sender is refused, as is one that comes twice.
pub async fn datagrams_are_taken_once_and_not_back<R: Runtime>() {
    let calls = Counter::default();
    // One plugin, as in one program.
    let shared = layer(&Aead::new("secret"));
    let node = || {
        let calls = calls.clone();
        let answer = move || {
            calls.add();
            "here"
        };
        let node = UdpNode::<R>::builder().outer(shared.clone());
        bind_node(node.default_handler(answer))
    };
    let (one, other) = (node().await, node().await);
    let between = RawNode::<R>::new().await;
    one.send(between.address(), Message::request("u"))
        .await
        .unwrap();
    let (datagram, _) = between.receive_bytes().await;
    let mut retyped = datagram.to_vec();
    retyped[0] = CREATE_URI.value();
    let refused = async |to, datagram: &[u8]| {
        between.send(datagram, to).await;
        let answer = between.receive().await;
        assert_message(&answer, AUTH_ERROR, "ERROR", "AEAD auth failed");
    };
    refused(one.local_addr(), &datagram).await;
    refused(other.local_addr(), &retyped).await;
    between.send(&datagram, other.local_addr()).await;
    assert_eq!(between.receive().await.message_type, RESPOND_URI);
    refused(other.local_addr(), &datagram).await;
    assert_eq!(calls.get(), 1);
}

/// An empty secret is refused where a server, a client or a node is built.
pub async fn empty_secrets_are_refused_in_it<R: Runtime>() {
    let empty = || layer(&Aead::new("secret").with_accepted(""));
    let refused = |error| assert!(matches!(error, BuildError::Outer(_)), "{error}");
    let client = Client::<R>::builder().outer(empty()).build();
    refused(client.err().unwrap());
    let server = Server::<R>::builder().outer(empty()).bind("127.0.0.1:0");
    assert!(server.await.is_err());
    let node = UdpNode::<R>::builder().outer(empty()).bind("127.0.0.1:0");
    assert!(node.await.is_err());
}
