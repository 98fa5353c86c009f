//! A MAC that covers whole messages.

use std::time::Duration;

use netaio_driver::core::plugin::{Cover, HmacAuth, PeerContext, SealContext, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    AuthFailure, FieldRole, Frame, Layer, Message, Now, OpenError, Refusal, Sealer, Wire,
};
use netaio_driver::{
    Client, Connection, Content, Publisher, Runtime, Server, UdpEvent, UdpNode, Uri,
};

use super::raw_node::{RawNode, bind_node};
use super::support::{Counter, assert_message, none, pair};
use crate::script::Script;

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

fn hmac(cover: Cover) -> HmacAuth {
    HmacAuth::new("secret").with_cover(cover)
}

fn strict() -> Layer {
    none()
        .with_auth(hmac(Cover::strict()))
        .with_cipher(Sha256StreamCipher::new("key"))
}

fn inner() -> Layer {
    let auth = HmacAuth::new("admin").with_hmac_field("camh");
    let cipher = Sha256StreamCipher::new("admin's key").with_iv_field("vi");
    none()
        .with_auth(auth.with_cover(Cover::strict()))
        .with_cipher(cipher.with_plain_uri())
}

/// In one layer and in two, with ids and without; and nodes with no cover are
/// understood by those that do not insist.
pub async fn nodes_that_cover_understand_each_other<R: Runtime>() {
    let server = Server::<R>::builder()
        .outer(strict())
        .on(REQUEST_URI, |content: Content| async move { content })
        .on(CREATE_URI, || "created")
        .inner(inner());
    let pair_of_ours = pair(server, Client::builder().outer(strict()).correlate()).await;
    let connection = &pair_of_ours.connection;
    for size in [0, 1, 1000, 65_000] {
        let content = vec![b'x'; size];
        let answer = connection.request("u").content(content.clone());
        let answer = answer.timeout(NEVER).await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", &content);
        assert!(answer.is_verified());
    }
    let answer = connection.create("u", "c").inner(inner()).await.unwrap();
    assert_message(&answer, OK, "u", "created");

    for (theirs, ours) in [
        (HmacAuth::new("secret"), hmac(Cover::mixed())),
        (hmac(Cover::mixed()), HmacAuth::new("secret")),
        (hmac(Cover::mixed()), hmac(Cover::strict())),
        (hmac(Cover::strict()), hmac(Cover::mixed())),
    ] {
        let server = Server::<R>::builder()
            .auth(theirs)
            .on(REQUEST_URI, || "here");
        let pair = pair(server, Client::builder().auth(ours)).await;
        let answer = pair.connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
        assert!(answer.is_verified());
    }
}

/// Neither netaio's own MAC nor a cover for somebody else.
pub async fn a_strict_server_takes_nothing_else<R: Runtime>() {
    let calls = Counter::default();
    let count = {
        let calls = calls.clone();
        move || {
            calls.add();
            "called"
        }
    };
    let to_it = Cover::strict().with_context("it");
    let server = Server::<R>::builder()
        .auth(hmac(to_it.clone()))
        .default_handler(count);
    let pair = pair(server, Client::builder().auth(HmacAuth::new("secret"))).await;
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
    for cover in [
        Cover::strict(),
        Cover::mixed(),
        Cover::strict().with_context("another"),
    ] {
        let client = Client::<R>::builder().auth(hmac(cover)).build().unwrap();
        let connection = client.connect(pair.server.local_addr()).await.unwrap();
        let answer = connection.request("u").await.unwrap();
        assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
    }
    assert_eq!(calls.get(), 0);
    let client = Client::<R>::builder().auth(hmac(to_it)).build().unwrap();
    let connection = client.connect(pair.server.local_addr()).await.unwrap();
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "called");
}

/// A publication is sealed once for many, and its cover holds for each of them.
pub async fn what_is_published_is_covered<R: Runtime>() {
    let subscribe = |uri: Uri, who: Connection, publisher: Publisher| async move {
        let subscribed = publisher.subscribe(uri.0.clone(), &who).is_ok();
        subscribed.then(|| Message::confirm_subscribe(uri.0))
    };
    let server = Server::<R>::builder()
        .outer(strict())
        .on(SUBSCRIBE_URI, subscribe);
    let pair = pair(server, Client::builder().outer(strict())).await;
    let mut news = pair.client.messages();
    pair.connection.subscribe("u").request().await.unwrap();
    let publisher = pair.server.publisher();
    let told = publisher.notify("u", &Message::notify("u", "news"));
    assert_eq!(told.unwrap().accepted(), 1);
    let told = news.next().await.unwrap().message;
    assert_message(&told, NOTIFY_URI, "u", "news");
}

/// Datagrams go between equals, so that only the number in a cover says whose they are. A
/// request that comes back to its sender is no request to it, and one under another type
/// is nobody's.
pub async fn datagrams_are_not_taken_back<R: Runtime>() {
    for cover in [Cover::strict(), Cover::mixed()] {
        let calls = Counter::default();
        let node = || {
            let calls = calls.clone();
            let answer = move || {
                calls.add();
                "here"
            };
            let node = UdpNode::<R>::builder().auth(hmac(cover.clone()));
            bind_node(node.default_handler(answer))
        };
        let (one, other) = (node().await, node().await);
        let mut events = one.events();
        let between = RawNode::<R>::new().await;
        let to = between.address();
        one.send(to, Message::request("u")).await.unwrap();
        let (datagram, _) = between.receive_bytes().await;
        let mut retyped = datagram.to_vec();
        retyped[0] = CREATE_URI.value();
        let stripped = stripped(&datagram);
        for (bytes, failure) in [
            (&datagram[..], AuthFailure::Reflected),
            (&retyped, AuthFailure::Mismatch),
            (&stripped, AuthFailure::Missing(FieldRole::Cover)),
        ] {
            between.send(bytes, one.local_addr()).await;
            let refused = loop {
                if let UdpEvent::Refused { reason, .. } = events.next().await.unwrap() {
                    break reason;
                }
            };
            assert!(
                matches!(refused, Refusal::Open { error: OpenError::Auth(why), .. } if why == failure),
                "{refused:?}"
            );
            between.receive().await;
        }
        assert_eq!(calls.get(), 0);
        // The other one takes it.
        between.send(&datagram, other.local_addr()).await;
        assert_message(&between.receive().await, RESPOND_URI, "u", "here");
        let answer = one.request(other.local_addr(), "u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
        assert!(answer.is_verified());
        assert_eq!(calls.get(), 2);
    }
}

/// The same message without its cover.
fn stripped(datagram: &[u8]) -> Vec<u8> {
    let wire = Wire::default();
    let frame = Frame::from_datagram(&wire, datagram.into()).unwrap();
    let mut message = frame.decode(&wire).unwrap().into_message();
    assert!(message.auth.remove("hmac-all"));
    let mut bytes = Vec::new();
    let mut context = SealContext {
        now: Now::default(),
        rng: &mut Script::new([]),
        peers: PeerContext::default(),
    };
    Sealer::new()
        .seal_with_given_fields(&wire, &none(), &none(), &message, &mut context, &mut bytes)
        .unwrap();
    bytes
}
