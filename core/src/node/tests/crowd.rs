//! Which links close for others where there are as many as may be, and which peers go.

use core::net::SocketAddr;

use super::*;
use crate::error::TooManyLinks;
use crate::peers::{ManagementConfig, PeerEvent, PeerRefused, RemovalReason};
use crate::place::Place;
use crate::plugin::Peer;
use crate::shared::SharedNode;

fn node(limits: Limits) -> Node<u8> {
    let mut node = Node::for_streams(limited(limits));
    let replaced = node.on(types::REQUEST_URI, 0, Layer::new());
    assert!(replaced.unwrap().is_none());
    node
}

fn accept(node: &mut Node<u8>, remote: &str) -> Result<Link, TooManyLinks> {
    let remote = remote.parse::<SocketAddr>().unwrap();
    node.accept(NOON, Some(remote), generator(1))
}

/// Lets a link bring a valid message.
fn ask(link: &mut Link, node: &mut Node<u8>) {
    link.receive(NOON, &frame(&Message::request("u"))).unwrap();
    assert_eq!(calls(link, node).len(), 1);
}

#[test]
fn the_oldest_silent_link_closes_for_a_newcomer() {
    let mut node = node(Limits::default().with_connections(3).unwrap());
    let mut links: Vec<_> = (0..3)
        .map(|_| accept(&mut node, "192.0.2.1:1").unwrap())
        .collect();
    ask(&mut links[0], &mut node);
    // Bytes are no message.
    links[1].receive(NOON, &[0; 3]).unwrap();
    assert!(poll(&mut links[1], &mut node, NOON).is_empty());
    for index in [1, 2] {
        let newcomer = accept(&mut node, "192.0.2.2:1").unwrap();
        assert_eq!(node.poll_link(), Some(links[index].id()));
        let events = poll(&mut links[index], &mut node, NOON);
        assert_eq!(close_reason(&events), Some(&CloseReason::Displaced));
        links.push(newcomer);
        assert_eq!(node.links().len(), 3);
    }
    // Who has shown itself stays, whoever comes.
    for index in [3, 4] {
        ask(&mut links[index], &mut node);
    }
    let full = TooManyLinks::InAll { max: 3 };
    assert_eq!(accept(&mut node, "192.0.2.3:1").unwrap_err(), full);
    assert_eq!(node.poll_link(), None);
}

#[test]
fn a_message_that_does_not_pass_the_outer_layer_shows_nothing() {
    let limits = Limits::default().with_connections(1).unwrap();
    let outer = Layer::new().with_auth(HmacAuth::new("secret"));
    let mut node = Node::<u8>::for_streams(limited(limits).with_outer(outer));
    let mut link = accept(&mut node, "192.0.2.1:1").unwrap();
    link.receive(NOON, &frame(&Message::request("u"))).unwrap();
    poll(&mut link, &mut node, NOON);
    assert!(accept(&mut node, "192.0.2.1:2").is_ok());
    let events = poll(&mut link, &mut node, NOON);
    assert_eq!(close_reason(&events), Some(&CloseReason::Displaced));
}

#[test]
fn those_that_close_count_until_they_are_closed() {
    let mut node = node(Limits::default().with_connections(100).unwrap());
    let mut links: Vec<_> = (0..164)
        .map(|_| accept(&mut node, "192.0.2.1:1").unwrap())
        .collect();
    let full = TooManyLinks::InAll { max: 100 };
    assert_eq!(accept(&mut node, "192.0.2.1:1").unwrap_err(), full);
    assert_eq!(node.links().len(), 164);
    let closing: Vec<_> = core::iter::from_fn(|| node.poll_link()).collect();
    let oldest: Vec<_> = links[..64].iter().map(Link::id).collect();
    assert_eq!(closing, oldest);
    // One of them is closed, by an end of its own.
    links[7].abort(CloseReason::Local);
    poll(&mut links[7], &mut node, NOON);
    assert!(accept(&mut node, "192.0.2.1:1").is_ok());
    assert_eq!(node.poll_link(), Some(links[64].id()));
}

#[test]
fn links_that_were_connected_from_here_close_for_nobody() {
    let mut node = node(Limits::default().with_connections(1).unwrap());
    let link = node.connect(NOON, None, generator(1));
    let full = TooManyLinks::InAll { max: 1 };
    assert_eq!(accept(&mut node, "192.0.2.1:1").unwrap_err(), full);
    assert_eq!(link.close_reason(), None);
}

#[test]
fn an_address_may_have_a_limit_of_its_own() {
    let limits = Limits::default()
        .with_connections_per_address(Some(2))
        .unwrap();
    let mut node = node(limits);
    let full = TooManyLinks::OfAddress { max: 2 };
    for [first, second, third, other] in [
        [
            "192.0.2.1:1",
            "192.0.2.1:2",
            "[::ffff:192.0.2.1]:3",
            "192.0.2.2:1",
        ],
        [
            "[2001:db8::1]:1",
            "[2001:db8::1:2:3:4]:1",
            "[2001:db8::5]:1",
            "[2001:db8:0:1::1]:1",
        ],
    ] {
        let mut link = accept(&mut node, first).unwrap();
        let _second = accept(&mut node, second).unwrap();
        assert_eq!(accept(&mut node, third).unwrap_err(), full);
        let _other = accept(&mut node, other).unwrap();
        link.abort(CloseReason::Local);
        poll(&mut link, &mut node, NOON);
        assert!(accept(&mut node, third).is_ok());
    }
    // Transports without addresses have no such limit.
    for _ in 0..3 {
        assert!(node.accept(NOON, None, generator(1)).is_ok());
    }
}

/// A node on a datagram socket that manages peers.
fn managing(limits: Limits, inner: Layer) -> Node<u8> {
    let mut node = Node::for_datagrams(limited(limits));
    node.set_local_peer(Peer::new("local")).unwrap();
    let config = ManagementConfig::new().with_inner(inner);
    node.manage_peers(NOON, config).unwrap();
    node
}

/// What the introduction of a peer with this id, from this address, leads to.
fn introduce(node: &mut Node<u8>, app_id: &[u8], id: &str, from: &str) -> Vec<PeerEvent<Place>> {
    let place = Place::Datagram(from.parse().unwrap());
    let peer = Peer::new(bytes::Bytes::copy_from_slice(id.as_bytes()));
    let packed = node.discovery.plugin().pack(&peer).unwrap();
    let app_id = bytes::Bytes::copy_from_slice(app_id);
    let message = Message::new(types::PEER_DISCOVERED, app_id, packed);
    assert!(node.node_message(NOON, place, &message).is_none());
    core::iter::from_fn(|| node.poll_event()).collect()
}

#[test]
fn a_peer_whose_introduction_passed_a_check_takes_the_place_of_one_whose_did_not() {
    let limits = Limits::default().with_peers(2).unwrap();
    let mut node = managing(limits, Layer::new());
    let vouched = Layer::new().with_auth(HmacAuth::new("secret"));
    let config = ManagementConfig::new().with_app_id("vouched");
    node.manage_peers(NOON, config.with_inner(vouched)).unwrap();
    let app_id = ManagementConfig::new().app_id().clone();
    introduce(&mut node, &app_id, "a", "192.0.2.1:1");
    introduce(&mut node, b"vouched", "b", "192.0.2.2:1");
    let full = PeerRefused::TooMany { max: 2 }.into();
    let [PeerEvent::Refused { reason, .. }] =
        &introduce(&mut node, &app_id, "c", "192.0.2.3:1")[..]
    else {
        panic!("it is refused");
    };
    assert_eq!(*reason, full);
    let events = introduce(&mut node, b"vouched", "d", "192.0.2.4:1");
    let [PeerEvent::Removed { known, reason }, PeerEvent::Added(_)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        (&known.peer.id[..], *reason),
        (&b"a"[..], RemovalReason::Displaced)
    );
    let [PeerEvent::Refused { reason, .. }] =
        &introduce(&mut node, b"vouched", "e", "192.0.2.5:1")[..]
    else {
        panic!("it is refused");
    };
    assert_eq!(*reason, full);
}

#[test]
fn a_link_whose_peer_was_displaced_keeps_its_subscriptions() {
    let mut node = node(Limits::default().with_peers(2).unwrap());
    node.set_local_peer(Peer::new("local")).unwrap();
    node.manage_peers(NOON, ManagementConfig::for_streams())
        .unwrap();
    let mut links = Vec::new();
    for (id, remote) in [
        ("a", "192.0.2.1:1"),
        ("b", "192.0.2.1:2"),
        ("c", "192.0.2.2:1"),
    ] {
        let link = accept(&mut node, remote).unwrap();
        assert_eq!(node.subscribe(b"key", link.place()), Ok(true));
        let packed = node.discovery.plugin().pack(&Peer::new(id)).unwrap();
        let app_id = ManagementConfig::for_streams().app_id().clone();
        let message = Message::new(types::PEER_DISCOVERED, app_id, packed);
        assert!(node.node_message(NOON, link.place(), &message).is_none());
        links.push(link);
        let events: Vec<_> = core::iter::from_fn(|| node.poll_event()).collect();
        let displaced = events.iter().any(|event| {
            let displaced = RemovalReason::Displaced;
            matches!(event, PeerEvent::Removed { reason, .. } if *reason == displaced)
        });
        assert_eq!(displaced, id == "c", "{events:?}");
    }
    let places: Vec<_> = links.iter().map(Link::place).collect();
    assert!(node.subscribers(b"key").eq(places));
}
