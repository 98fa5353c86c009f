//! What strangers can make `netaio serve` hold. Its memory is read from `/proc`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::thread;

use common::server::Server;
use netaio_core::plugin::{PeerContext, SealContext};
use netaio_core::types::{CONFIRM_SUBSCRIBE, ERROR, SUBSCRIBE_URI};
use netaio_core::{Deframer, Frame, Layer, Message, MessageType, Now, Sealer, Wire};
use rand_core::SeedableRng;

/// The most that all subscriptions take, by the default limits.
const SUBSCRIPTIONS: u64 = 32 << 20;
/// What else a server's memory may grow by: buffers of connections, and what the
/// allocator keeps.
const REST: u64 = 32 << 20;

/// The frame of a subscription to a key of so many bytes, unlike those of others.
fn subscribe(who: usize, number: usize, len: usize) -> Vec<u8> {
    let mut key = format!("{who} {number} ").into_bytes();
    key.resize(len, b'x');
    let message = Message::subscribe(key);
    assert_eq!(message.message_type, SUBSCRIBE_URI);
    let mut context = SealContext {
        now: Now::default(),
        rng: &mut chacha20::ChaCha8Rng::seed_from_u64(0),
        peers: PeerContext::default(),
    };
    let (none, mut frame) = (Layer::new(), Vec::new());
    let sealed = Sealer::new().seal(
        &Wire::default(),
        &none,
        &none,
        &message,
        &mut context,
        &mut frame,
    );
    sealed.unwrap();
    frame
}

/// The types of so many answers.
fn answers(stream: &mut TcpStream, count: usize) -> Vec<MessageType> {
    let wire = std::sync::Arc::new(Wire::default());
    let (mut deframer, mut input) = (Deframer::new(wire.clone()), bytes::BytesMut::new());
    let mut types = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while types.len() < count {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the server closed after {} answers", types.len());
        input.extend_from_slice(&buffer[..read]);
        while let Some(frame) = deframer.next(&mut input).unwrap() {
            types.push(frame.decode(&wire).unwrap().message_type());
        }
    }
    types
}

/// Subscribes to so many keys of a length, and returns the connection and how many of them
/// it got.
fn subscribe_to_many(server: &Server, who: usize, count: usize, len: usize) -> (TcpStream, usize) {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let writing = thread::spawn(move || {
        for number in 0..count {
            writer.write_all(&subscribe(who, number, len)).unwrap();
        }
    });
    let types = answers(&mut stream, count);
    writing.join().unwrap();
    let confirmed = types.iter().filter(|kind| **kind == CONFIRM_SUBSCRIBE);
    let confirmed = confirmed.count();
    let errors = types.iter().filter(|kind| **kind == ERROR).count();
    assert_eq!(confirmed + errors, count);
    (stream, confirmed)
}

#[test]
fn keys_of_subscriptions_take_no_more_than_they_may() {
    let server = Server::start_on(&["tcp", "udp"], &[]);
    let before = server.resident();
    // Longer than may be: none is kept.
    let attack = |len: usize, count: usize| -> Vec<_> {
        thread::scope(|scope| {
            let server = &server;
            let start = |who| scope.spawn(move || subscribe_to_many(server, who, count, len));
            let all: Vec<_> = (0..64).map(start).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    };
    let refused = attack(65_000, 16);
    assert!(refused.iter().all(|(_, confirmed)| *confirmed == 0));
    // As long as may be: a mebibyte each, and sixteen in all.
    let kept = attack(4096, 300);
    let confirmed = kept.iter().map(|(_, confirmed)| *confirmed);
    assert!(confirmed.clone().all(|confirmed| confirmed <= 256));
    let confirmed: usize = confirmed.sum();
    assert_eq!(confirmed, (16 << 20) / 4096);
    // Over datagrams there are the same limits, from eight ports that are closed at once.
    let mut over_udp = 0;
    for who in 0..8 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server.udp.unwrap()).unwrap();
        let mut buffer = vec![0; 65_536];
        for number in 0..300 {
            socket.send(&subscribe(who, number, 4096)).unwrap();
            let len = socket.recv(&mut buffer).unwrap();
            let wire = Wire::default();
            let frame = Frame::from_datagram(&wire, buffer[..len].into()).unwrap();
            let answer = frame.decode(&wire).unwrap();
            over_udp += usize::from(answer.message_type() == CONFIRM_SUBSCRIBE);
        }
    }
    // Their confirmations are more than is sent to one who has not shown that it receives.
    assert!(over_udp > 100 && over_udp <= 8 * 256, "{over_udp}");
    let grown = server.resident().saturating_sub(before);
    println!(
        "server RSS grew by {:.1} MiB",
        grown as f64 / f64::from(1 << 20)
    );
    // The server and the node have each a table of their own.
    assert!(grown <= 2 * SUBSCRIPTIONS + REST, "{grown} bytes");
}
