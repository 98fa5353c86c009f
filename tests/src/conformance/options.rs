//! Connections that differ from the others of their client or server, and nodes
//! that are given their time and their nonces.

use std::time::{Duration, Instant};

use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Message, Now, SendOptions};
use netaio_driver::{Client, Clock, ConnectionOptions, Content, RequestError, Runtime, Server};

use super::pipe::{Shape, duplex};
use super::raw::{Raw, RawListener, dial, frame};
use super::support::{assert_message, connect, listen, pair};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// How long a request waits that is not going to be answered.
const SHORT: Duration = Duration::from_millis(20);

fn layer() -> Layer {
    let cipher = Sha256StreamCipher::new("key").with_plain_uri();
    Layer::new()
        .with_auth(HmacAuth::new("secret"))
        .with_cipher(cipher)
}

/// What a connection may do without, and whether its messages are signed and
/// sealed then.
fn variants() -> [(ConnectionOptions, bool, bool); 4] {
    let all = ConnectionOptions::new();
    [
        (all.clone(), true, true),
        (all.clone().without_auth(), false, true),
        (all.clone().without_cipher(), true, false),
        (all.without_auth().without_cipher(), false, false),
    ]
}

/// Sees that a message on the wire is signed, sealed, both or neither.
#[track_caller]
fn assert_protected(seen: &Message, signed: bool, sealed: bool) {
    assert_eq!(seen.auth.get_bytes("hmac").is_some(), signed, "{seen:?}");
    assert_eq!(seen.auth.get_bytes("iv").is_some(), sealed, "{seen:?}");
    assert_eq!(seen.content != "content", sealed, "{seen:?}");
}

/// Both ends leave the same plugins out, and their messages show it on the
/// wire. Streams are what their own options say, on either end.
pub async fn connections_do_without_outer_plugins<R: Runtime>() {
    let client = Client::<R>::builder().outer(layer()).build().unwrap();
    let listener = RawListener::<R>::new().await;
    for (options, signed, sealed) in variants() {
        let mut server = Server::<R>::builder().outer(layer());
        if !signed {
            server = server.without_auth();
        }
        if !sealed {
            server = server.without_cipher();
        }
        let server = listen(server.on(REQUEST_URI, |content: Content| content)).await;
        let by_address = client.connect_with(server.local_addr(), options.clone());
        let by_address = by_address.await.unwrap();

        let [(reader, writer), (far_reader, far_writer)] = duplex(Shape::PLAIN);
        let far = options.clone().with_name("far");
        let served = server.serve_halves_with(far_reader, far_writer, None, far);
        assert_eq!(served.unwrap().name(), Some("far"));
        let near = options.clone().with_name("near");
        let by_stream = client.connect_halves_with(reader, writer, None, near);

        for to in [by_address, by_stream.unwrap()] {
            let request = to.request("u").content("content");
            let answer = request.timeout(NEVER).await.unwrap();
            assert_message(&answer, RESPOND_URI, "u", "content");
            assert!(answer.is_verified());
            to.close().await;
        }

        let to = client.connect_with(listener.address(), options).await;
        let mut raw = listener.accept().await;
        let message = Message::publish("u", "content");
        to.unwrap().send(message).await.unwrap();
        assert_protected(&raw.receive().await.unwrap(), signed, sealed);
    }
}

/// One end alone cannot leave the auth plugin out.
pub async fn both_ends_agree_or_nothing_passes<R: Runtime>() {
    let server = Server::<R>::builder()
        .auth(HmacAuth::new("secret"))
        .on(REQUEST_URI, || "never");
    let client = Client::builder().auth(HmacAuth::new("secret"));
    let pair = pair(server, client).await;
    let unsigned = ConnectionOptions::new().without_auth();
    let to = pair.client.connect_with(pair.server.local_addr(), unsigned);
    let to = to.await.unwrap();
    let answer = to.request("u").timeout(NEVER).await.unwrap();
    assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");

    let open = Server::<R>::builder()
        .auth(HmacAuth::new("secret"))
        .without_auth()
        .on(REQUEST_URI, || "unsigned");
    let open = listen(open).await;
    let to = pair.client.connect(open.local_addr()).await.unwrap();
    let error = to.request("u").timeout(SHORT).await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(SHORT));
    // The server takes what is not signed, and signs nothing.
    let mut raw = dial(&open).await;
    raw.write(&frame(REQUEST_URI, "u", "")).await.unwrap();
    let answer = raw.receive().await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "unsigned");
    assert!(answer.auth.is_empty());
}

/// What goes to many is sealed for each as its connection wants it, and an
/// option of the message goes for all.
pub async fn a_broadcast_minds_what_connections_do_without<R: Runtime>() {
    let server = Server::<R>::builder().outer(layer());
    let server = listen(server.on(REQUEST_URI, || "here")).await;
    let client = Client::<R>::builder().outer(layer());
    let (client, to) = connect(client, &server).await;
    let mut messages = client.messages();
    // Once it is answered, the server has surely accepted it.
    assert!(to.request("u").await.unwrap().is_verified());
    let mut raws = Vec::new();
    for (options, signed, sealed) in variants() {
        let [(reader, writer), far] = duplex(Shape::PLAIN);
        let served = server.serve_halves_with(reader, writer, None, options);
        assert_eq!(served.unwrap().close_reason(), None);
        raws.push((Raw::new(far.0, far.1), signed, sealed));
    }
    let news = Message::notify("u", "content");
    let delivery = server.publisher().broadcast(&news).unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (5, 0));
    assert_eq!(messages.next().await.unwrap().message.content, "content");
    let bare = SendOptions::new().without_auth().without_cipher();
    server.publisher().broadcast_with(&news, bare).unwrap();
    for (raw, signed, sealed) in &mut raws {
        assert_protected(&raw.receive().await.unwrap(), *signed, *sealed);
        assert_protected(&raw.receive().await.unwrap(), false, false);
    }
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Now {
        Now::new(Duration::ZERO, 0x6162_6364)
    }

    fn instant(&self, monotonic: Duration) -> Instant {
        Instant::now() + monotonic + NEVER
    }
}

/// With a known seed and a clock of one's own, every byte that is sent is known
/// beforehand; with another seed it is another.
pub async fn a_known_seed_repeats_every_byte<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let mut seen = Vec::new();
    for seed in [[1; 32], [1; 32], [2; 32]] {
        let client = Client::<R>::builder().outer(layer()).clock(Still);
        let client = client.predictable_nonces(seed).build().unwrap();
        for _ in 0..2 {
            let to = client.connect(listener.address()).await.unwrap();
            let mut raw = listener.accept().await;
            to.send(Message::publish("u", "content")).await.unwrap();
            let sent = raw.receive().await.unwrap();
            assert_eq!(sent.auth.get_bytes("ts").unwrap(), b"abcd");
            seen.push(sent);
        }
    }
    assert_eq!(seen[..2], seen[2..4]);
    // Neither does a connection repeat the nonces of another.
    for (first, second) in [(0, 1), (0, 4), (1, 5), (4, 5)] {
        for field in ["nonce", "iv", "hmac"] {
            assert_ne!(
                seen[first].auth.get_bytes(field),
                seen[second].auth.get_bytes(field)
            );
        }
    }
}
