//! `simulation`: a node of it, by datagrams of the test's own.

use std::net::SocketAddr;
use std::time::Duration;

use chacha20::ChaCha8Rng;
use netaio_core::{Message, MessageType, Now};
use rand_core::SeedableRng;

use super::raw::{GARBAGE, TOO_LONG, assert_replaced, long_request, messages, request};
use super::simulation_example::Host;

const NOON: Now = Now::new(Duration::from_secs(1), 1_700_000_000);

fn host() -> Host {
    let mut seeds = ChaCha8Rng::seed_from_u64(1);
    let group = ([224, 0, 0, 1], 8888).into();
    let mut host = Host::new(group, || ChaCha8Rng::from_rng(&mut seeds)).unwrap();
    host.start(NOON, 0).unwrap();
    host
}

/// What a node sends back for some datagrams from one address.
fn answers(host: &mut Host, datagrams: &[&[u8]]) -> Vec<Message> {
    let from: SocketAddr = ([10, 0, 0, 1], 1).into();
    for datagram in datagrams {
        host.receive(NOON, from, datagram);
    }
    let mut sent = Vec::new();
    host.turn(NOON, &mut sent).unwrap();
    sent.retain(|(to, _)| *to == from);
    let answers = sent.iter().map(|(_, datagram)| messages(datagram));
    answers.flatten().collect()
}

#[test]
fn too_long_an_echo_becomes_an_error() {
    let mut host = host();
    for len in TOO_LONG {
        assert_replaced(&answers(&mut host, &[&long_request(len)]));
    }
}

#[test]
fn a_request_before_garbage_is_answered() {
    let datagrams = [&request("echo", b"hi")[..], &GARBAGE];
    let answers = answers(&mut host(), &datagrams);
    assert_eq!(answers[0], Message::respond_uri("echo", "hi"));
    assert!(answers[1..].iter().all(Message::is_error), "{answers:?}");
}

/// Its own deadline wakes it, and nothing else does.
#[test]
fn a_node_advertises_itself_when_it_is_due() {
    let mut host = host();
    let mut sent = Vec::new();
    host.turn(NOON, &mut sent).unwrap();
    let first = host.take_alarm(NOON.monotonic).unwrap();
    assert_eq!(host.take_alarm(NOON.monotonic), None, "it is scheduled");
    sent.clear();
    host.turn(Now::new(first, NOON.unix), &mut sent).unwrap();
    let [(_, advertisement)] = &sent[..] else {
        panic!("{} datagrams", sent.len());
    };
    let advertised = &messages(advertisement)[0];
    assert_eq!(advertised.message_type, MessageType::ADVERTISE_PEER);
}
