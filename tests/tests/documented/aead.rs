//! `docs/python/aead.py` on one side and `Aead` on the other: outer and inner layers, streams and
//! datagrams, both ways; and the vectors that it made.

use std::time::Duration;

use bytes::BytesMut;
use netaio_core::packify::DecodeLimits;
use netaio_core::plugin::{Aead, Direction, OpenContext, PeerContext, SealContext};
use netaio_core::types::{AUTH_ERROR, REQUEST_URI, RESPOND_URI};
use netaio_core::{
    AuthFields, Frame, Layer, Message, MessageType, Now, SealedMessage, Sealer, Wire,
};
use netaio_tests::python::Result;
use netaio_tests::script::{Draw, Script};
use netaio_tests::vectors::{self, Hex};
use netaio_tokio::{Client, Content, Server, UdpNode};
use serde::Deserialize;

use super::{assert_message, python, run, serve};

fn outer() -> Layer {
    // The one that is accepted is Python's.
    let aead = Aead::new("an older one").with_accepted("a secret that both have");
    Layer::new().with_cipher(aead)
}

fn inner() -> Layer {
    let aead = Aead::new("admin").with_context("echo");
    Layer::new().with_cipher(aead.with_field("inner").with_plain_uri())
}

const CONTENTS: [&[u8]; 3] = [b"", b"whole", &[0; 30_000]];

#[tokio::test]
async fn whole_messages_over_a_stream_to_python_and_from_it() -> Result<()> {
    let python = python!();
    let theirs = serve(&python, "aead.py", &["server"]).await?;
    let client = Client::builder().outer(outer()).build().unwrap();
    client.connect(theirs.address).await.unwrap();
    for content in CONTENTS {
        let answer = client.request("echo").content(content).await.unwrap();
        assert_eq!(
            (answer.message_type, &answer.content[..]),
            (RESPOND_URI, content)
        );
        assert!(answer.is_verified());
    }
    let answer = client.request("inner").content("deep").inner(inner());
    assert_message(&answer.await.unwrap(), RESPOND_URI, "inner", "deep");
    client.close().await;
    theirs.stop().await;

    let server = Server::builder()
        .outer(outer())
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .on((REQUEST_URI, "inner"), |content: Content| content)
        .inner(inner());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().port().to_string();
    run(&python, "aead.py", &["client", &port]).await?;

    let stranger = Client::builder().build().unwrap();
    stranger.connect(server.local_addr()).await.unwrap();
    let answer = stranger.request("echo").await.unwrap();
    assert_message(&answer, AUTH_ERROR, "ERROR", "AEAD auth failed");
    stranger.close().await;
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn whole_messages_in_datagrams_to_python_and_from_it() -> Result<()> {
    let python = python!();
    let mut theirs = serve(&python, "aead.py", &["node"]).await?;
    let node = UdpNode::builder()
        .outer(outer())
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .on((REQUEST_URI, "inner"), |content: Content| content)
        .inner(inner());
    let node = node.bind("127.0.0.1:0").await.unwrap();
    for content in CONTENTS {
        let answer = node.request(theirs.address, "echo").content(content);
        let answer = answer.await.unwrap();
        assert_eq!(
            (answer.message_type, &answer.content[..]),
            (RESPOND_URI, content)
        );
    }
    let answer = node.request(theirs.address, "inner").content("deep");
    let answer = answer.inner(inner()).await.unwrap();
    assert_message(&answer, RESPOND_URI, "inner", "deep");
    let port = node.local_addr().port().to_string();
    assert_eq!(theirs.ask(&port).await?, "asked");
    theirs.stop().await;
    node.stop().await;
    Ok(())
}

/// A line of `aead.jsonl`.
#[derive(Deserialize)]
struct Whole {
    name: String,
    secret: Hex,
    context: Hex,
    field: String,
    plain_uri: bool,
    direction: u8,
    sender: Hex,
    unix: u64,
    random: Hex,
    #[serde(rename = "type")]
    kind: u8,
    uri: Hex,
    content: Hex,
    auth: Hex,
    frame: Hex,
}

impl Whole {
    fn layer(&self) -> Layer {
        let aead = Aead::new(&self.secret.0)
            .with_context(&self.context.0)
            .with_field(&self.field);
        Layer::new().with_cipher(match self.plain_uri {
            true => aead.with_plain_uri(),
            false => aead,
        })
    }

    fn now(&self) -> Now {
        Now::new(Duration::ZERO, self.unix)
    }

    fn peers(&self, node: u64) -> PeerContext<'static> {
        PeerContext {
            direction: match self.direction {
                1 => Direction::ToServer,
                2 => Direction::ToClient,
                _ => Direction::Between { node },
            },
            ..PeerContext::default()
        }
    }
}

fn wire() -> Wire {
    let mut wire = Wire::default();
    for kind in 31..=255 {
        wire.types
            .register(kind, &format!("CUSTOM_{kind}"))
            .unwrap();
    }
    wire
}

fn parse(wire: &Wire, frame: &[u8]) -> SealedMessage {
    let frame = Frame::from_datagram(wire, BytesMut::from(frame)).unwrap();
    frame.decode(wire).unwrap()
}

#[test]
fn whole_messages_are_sealed_to_the_vectors_bytes_and_open() {
    let wire = wire();
    let lines: Vec<Whole> = vectors::load("aead.jsonl").unwrap();
    assert!(lines.len() >= 70);
    for line in lines {
        let name = &line.name;
        let mut message = Message::new(
            MessageType::new(line.kind),
            line.uri.0.clone(),
            line.content.0.clone(),
        );
        let auth = line.auth.0.clone().into();
        message.auth = AuthFields::decode(auth, &DecodeLimits::DEFAULT).unwrap();
        let draws = [&line.sender, &line.random].map(|hex| Draw::Bytes(hex.0.clone()));
        let mut script = Script::new(draws);
        let mut context = SealContext {
            now: line.now(),
            rng: &mut script,
            peers: line.peers(0),
        };
        let mut frame = Vec::new();
        let (layer, none) = (line.layer(), Layer::new());
        Sealer::new()
            .seal(&wire, &layer, &none, &message, &mut context, &mut frame)
            .unwrap();
        assert_eq!(frame, line.frame.0, "{name}");

        let receiver = line.layer();
        let context = OpenContext {
            now: line.now(),
            peers: line.peers(7),
        };
        let mut sealed = parse(&wire, &frame);
        sealed.open(&receiver, &wire, &context).unwrap();
        let opened = sealed.into_message();
        assert_eq!(opened.message_type, message.message_type, "{name}");
        assert_eq!((opened.uri, opened.content), (message.uri, message.content));
    }
}
