//! Datagram hubs: peers, subscriptions, requests, and sockets that are full.

use super::network::{Network, Said};
use super::*;
use crate::error::Backpressure;
use crate::hub::DatagramOutput;
use crate::limits::Limits;
use crate::node::PeerManagementError;
use crate::options::SendOptions;
use crate::peers::{ManagementConfig, RemovalReason};
use crate::plugin::Peer;
use crate::subscriptions::SubscribeError;

fn removed(said: &[Said]) -> Option<RemovalReason> {
    said.iter().find_map(|said| match said {
        Said::Peer(PeerEvent::Removed { reason, .. }) => Some(*reason),
        _ => None,
    })
}

#[test]
fn nodes_of_a_group_find_each_other() {
    let mut network = Network::new(3);
    network.manage_peers();
    assert_eq!(network.peers(0), ["1", "2"]);
    assert_eq!(network.peers(1), ["0", "2"]);
    assert_eq!(network.peers(2), ["0", "1"]);
    for host in 0..3 {
        let said = network.said(host);
        let added = |said: &Said| matches!(said, Said::Peer(PeerEvent::Added(_)));
        assert!(said.len() == 2 && said.iter().all(added), "{said:?}");
    }
    // And keep each other, by what they advertise.
    network.pass(10 * ManagementConfig::DEFAULT_TIMEOUT);
    for host in 0..3 {
        assert_eq!(
            (network.peers(host).len(), network.said(host).len()),
            (2, 0)
        );
    }
}

#[test]
fn a_management_that_is_refused_changes_nothing() {
    let mut network = Network::new(2);
    network.manage_peers();
    network.said(0);
    let hub = &mut network.hosts[0].hub;
    let twice = ManagementConfig::new();
    let zero = ManagementConfig::new().with_app_id("other");
    let zero = zero.with_every(Some(Duration::ZERO));
    // One that fits the first management, and not the second.
    let id = alloc::vec![b'p'; 65_000];
    let long = ManagementConfig::new().with_app_id(alloc::vec![b'a'; 1000]);
    for (config, peer) in [
        (twice, Peer::new("1")),
        (zero, Peer::new("2")),
        (long, Peer::new(id)),
    ] {
        let refused = hub.manage_peers(NOON, peer, config);
        assert!(matches!(refused, Err(PeerManagementError::Management(_))));
        assert_eq!(hub.node().local_peer(), Some(&Peer::new("0")));
    }
    // The peer that has one of those names is still known, and nobody is told anything.
    assert_eq!(network.peers(0), ["1"]);
    let sent = network.sent.len();
    network.run();
    assert_eq!((network.said(0), network.sent.len()), (Vec::new(), sent));
}

#[test]
fn subscribers_get_what_is_published_and_requests_are_answered() {
    let mut network = Network::new(3);
    network.manage_peers();
    for subscriber in [1, 2] {
        network.ask(subscriber, 0, &Message::subscribe("news"));
    }
    network.run();
    for host in 0..3 {
        network.said(host);
    }
    let now = network.now;
    let delivery = network.hosts[0].hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (2, 0));
    network.run();
    let from = network.hosts[0].address;
    let news = Message::notify("news", "new");
    for subscriber in [1, 2] {
        let expected = [Said::Message(from, news.clone())];
        assert_eq!(network.said(subscriber), expected);
    }
    let id = network.ask(1, 0, &request("echo", "content"));
    network.ask(2, 0, &Message::unsubscribe("news"));
    network.run();
    let answer = Message::respond_uri("echo", "content");
    assert_eq!(network.said(1), [Said::Answered(from, id, answer)]);
    let delivery = network.hosts[0].hub.publish(now, "news", "new").unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (1, 0));
}

#[test]
fn who_asks_with_a_uri_that_no_confirmation_has_room_for_is_not_subscribed() {
    for (served, len) in LONG_URIS {
        let mut network = Network::new(2);
        let now = network.now;
        let (from, to) = (network.hosts[1].address, network.hosts[0].address);
        let hub = &mut network.hosts[0].hub;
        match served {
            true => hub.serve_subscriptions(None).unwrap(),
            false => {
                let subscribe = Handler::Subscribe;
                let replaced = hub.on(types::SUBSCRIBE_URI, subscribe, Layer::new());
                assert!(replaced.unwrap().is_none());
            }
        }
        let uri = Bytes::from(alloc::vec![b'x'; len]);
        // Longer than what is sent, but not than what is received.
        let subscribe = frame(&Message::subscribe(uri.clone()));
        network.deliver(from, to, &subscribe);
        network.run();
        let [(_, _, answer)] = &network.sent[..] else {
            panic!("{} answers", network.sent.len());
        };
        let error = SubscribeError::KeyTooLong { len, max: 4096 };
        let expected = frame(&Message::error("", error.to_string()));
        assert_eq!(*answer, expected);
        let hub = &mut network.hosts[0].hub;
        assert!(hub.publish(now, uri.clone(), "").is_err());
        assert_eq!(hub.node().subscribers(&uri).count(), 0);
    }
}

#[test]
fn the_longest_uri_to_subscribe_to_has_room_for_all_layers() {
    let (outer, inner) = all_layers();
    let limits = Limits::default().with_subscription_key(65_535).unwrap();
    let config = LinkConfig::new().with_outer(outer).with_limits(limits);
    let mut network = Network::with(2, &config);
    let (now, to) = (network.now, network.hosts[0].address);
    let hub = &mut network.hosts[0].hub;
    hub.serve_subscriptions(inner.clone()).unwrap();
    let uri = Bytes::from(alloc::vec![b'x'; 64_910]);
    let options = RequestOptions::new()
        .with_inner(inner.clone())
        .with_correlation(true);
    let subscribe = Message::subscribe(uri.clone());
    let asked = network.hosts[1].hub.request(now, to, &subscribe, &options);
    network.run();
    let [Said::Answered(_, id, answer)] = &network.said(1)[..] else {
        panic!("no answer");
    };
    assert_eq!(*id, asked.unwrap());
    assert_eq!(answer.message_type, types::CONFIRM_SUBSCRIBE);
    assert_eq!(answer.uri, uri);
    let (news, send) = (
        Message::notify(uri.clone(), ""),
        SendOptions::new().with_inner(inner),
    );
    let hub = &mut network.hosts[0].hub;
    let delivery = hub.notify(now, &uri, &news, &send).unwrap();
    assert_eq!(delivery.sent, 1);
    network.run();
    let (_, _, datagram) = network.sent.last().unwrap();
    assert!(datagram.len() > uri.len());
}

#[test]
fn what_goes_to_many_is_sealed_once() {
    let config = LinkConfig::new().with_outer(hmac("secret"));
    let mut network = Network::with(3, &config);
    for subscriber in [1, 2] {
        network.ask(subscriber, 0, &Message::subscribe("news"));
    }
    network.run();
    network.sent.clear();
    let now = network.now;
    let published = network.hosts[0].hub.publish(now, "news", "new");
    assert_eq!(published.unwrap().sent, 2);
    network.run();
    let [(_, _, first), (_, _, second)] = &network.sent[..] else {
        panic!("{} datagrams", network.sent.len());
    };
    assert_eq!(first, second);
}

#[test]
fn one_that_falls_silent_is_removed_with_its_subscriptions() {
    let mut network = Network::new(3);
    network.manage_peers();
    network.ask(1, 0, &Message::subscribe("news"));
    network.run();
    network.said(0);
    network.hosts[1].silent = true;
    network.pass(ManagementConfig::DEFAULT_TIMEOUT + SECOND);
    assert_eq!(network.peers(0), ["2"]);
    let said = network.said(0);
    assert_eq!(removed(&said), Some(RemovalReason::TimedOut));
    let node = network.hosts[0].hub.node();
    assert_eq!(node.subscribers(b"news").count(), 0);
    // It comes back, and finds the others again.
    network.hosts[1].silent = false;
    network.pass(ManagementConfig::DEFAULT_EVERY);
    assert_eq!(network.peers(0), ["1", "2"]);
    assert_eq!(network.peers(1), ["0", "2"]);
    // Its subscription has lapsed, and is renewed.
    let said = network.said(1);
    let at = |what| said.iter().position(|said| *said == what);
    assert!(at(Said::Lapsed).is_some() && at(Said::Lapsed) < at(Said::Resubscribed));
    let node = network.hosts[0].hub.node();
    assert_eq!(node.subscribers(b"news").count(), 1);
}

#[test]
fn one_that_leaves_says_so_and_answers_before() {
    let mut network = Network::new(3);
    network.manage_peers();
    network.ask(1, 0, &Message::subscribe("news"));
    let id = network.ask(2, 1, &request("later", "content"));
    network.run();
    for host in 0..3 {
        network.said(host);
    }
    let now = network.now;
    network.hosts[1].hub.drain(now, 5 * SECOND);
    network.run();
    assert_eq!(network.peers(0), ["2"]);
    assert_eq!(removed(&network.said(0)), Some(RemovalReason::Disconnect));
    let node = network.hosts[0].hub.node();
    assert_eq!(node.subscribers(b"news").count(), 0);
    // What it would receive is refused.
    assert!(network.hosts[1].hub.wants_read());
    assert_eq!(network.said(1), []);
    let (call, message) = network.hosts[1].deferred.pop_front().unwrap();
    let answer = Message::respond_uri(message.uri, message.content);
    let reply = network.hosts[1].hub.reply(now, call, answer);
    reply.unwrap();
    network.run();
    let answered = |said: &Said| matches!(said, Said::Answered(_, it, _) if *it == id);
    assert!(network.said(2).iter().any(answered));
    assert_eq!(network.said(1), [Said::Closed]);
    assert!(!network.hosts[1].hub.wants_read());
    assert_eq!(network.hosts[1].hub.deadline(), None);
}

/// The second host runs a handler for the first one, and is being drained, with 5 s left.
fn draining() -> Network {
    let mut network = Network::new(2);
    network.ask(0, 1, &request("later", "content"));
    network.run();
    network.said(1);
    network.hosts[1].hub.drain(NOON, 5 * SECOND);
    network.run();
    network.sent.clear();
    network
}

#[test]
fn what_is_answered_as_the_grace_ends_is_sent_before_the_last_output() {
    let mut network = draining();
    let over = after(NOON, 5 * SECOND);
    let (call, message) = network.hosts[1].deferred.pop_front().unwrap();
    let answer = Message::respond_uri(message.uri, message.content);
    let hub = &mut network.hosts[1].hub;
    let to = SocketAddr::from(([10, 0, 0, 1], 8888));
    let notice = Message::notify("u", "");
    hub.send(over, to, &notice, &Default::default()).unwrap();
    hub.reply(over, call, answer).unwrap();
    let mut seen = Vec::new();
    while let Some(output) = hub.poll(over) {
        match output {
            DatagramOutput::Transmit { .. } => seen.push("transmit"),
            DatagramOutput::Closed => seen.push("closed"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, ["transmit", "transmit", "closed"]);
    // Not even what happens to peers is told behind it.
    let place = Place::Datagram(to);
    let node = hub.node_mut();
    node.update_peer(over, Peer::new("peer"), place).unwrap();
    assert!(hub.send(over, to, &notice, &Default::default()).is_err());
    assert!(hub.poll(over).is_none() && hub.deadline().is_none());
}

#[test]
fn what_waits_for_a_handler_when_the_grace_ends_is_refused_before_the_last_output() {
    let limits = Limits::default().with_handlers(1).unwrap();
    let mut network = Network::with(2, &limited(limits));
    let ids = [(); 3].map(|()| network.ask(0, 1, &request("later", "")));
    network.run();
    network.hosts[1].hub.drain(NOON, 5 * SECOND);
    network.pass(4 * SECOND);
    assert_eq!(network.said(0), []);
    assert_eq!(network.hosts[1].deferred.len(), 1);
    network.pass(SECOND);
    let refused: Vec<_> = (network.said(0).into_iter())
        .map(|said| match said {
            Said::Failed(id, error) if error.was_surely_not_handled() => id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(refused, ids[1..]);
    assert_eq!(network.said(1).last(), Some(&Said::Closed));
}

#[test]
fn what_the_socket_has_not_taken_a_second_after_the_grace_is_dropped() {
    for becomes_writable in [false, true] {
        let mut network = draining();
        network.hosts[1].blocked = true;
        let (call, message) = network.hosts[1].deferred.pop_front().unwrap();
        let answer = Message::respond_uri(message.uri, message.content);
        let hub = &mut network.hosts[1].hub;
        hub.reply(NOON, call, answer).unwrap();
        network.poll(1);
        // One is with the hub, and one with the link.
        let notice = Message::notify("u", "");
        let to = network.hosts[0].address;
        let hub = &mut network.hosts[1].hub;
        hub.send(NOON, to, &notice, &Default::default()).unwrap();
        network.poll(1);
        assert_eq!(network.said(1), []);
        network.now = after(NOON, 5 * SECOND);
        network.poll(1);
        let given_up = after(NOON, 6 * SECOND);
        let due = Some(given_up.monotonic);
        assert_eq!(network.said(1), []);
        assert_eq!(network.hosts[1].hub.deadline(), due);
        match becomes_writable {
            true => {
                network.hosts[1].blocked = false;
                network.hosts[1].hub.writable();
            }
            false => network.now = given_up,
        }
        network.poll(1);
        let expected = if becomes_writable { 2 } else { 0 };
        assert_eq!(network.sent.len(), expected);
        assert_eq!(network.said(1), [Said::Closed]);
        network.hosts[1].blocked = false;
        network.hosts[1].hub.not_sent();
        network.hosts[1].hub.writable();
        network.poll(1);
        assert_eq!(
            (network.sent.len(), network.said(1)),
            (expected, Vec::new())
        );
        assert_eq!(network.hosts[1].hub.deadline(), None);
        assert_eq!(network.hosts[1].hub.link().queued(), 0);
    }
}

#[test]
fn what_a_socket_does_not_take_comes_again_in_its_order() {
    let mut network = Network::new(2);
    network.hosts[1].blocked = true;
    let contents = ["first", "second", "third"];
    let ids = contents.map(|text| network.ask(1, 0, &request("echo", text)));
    network.run();
    assert_eq!(network.sent.len(), 0);
    // One more, while it waits.
    network.ask(1, 0, &request("echo", "fourth"));
    network.run();
    network.hosts[1].hub.writable();
    network.run();
    assert_eq!(network.sent.len(), 0);
    network.hosts[1].blocked = false;
    network.run();
    assert_eq!(network.sent.len(), 0);
    network.hosts[1].hub.writable();
    network.run();
    let answered = network.said(1).into_iter().map(|said| match said {
        Said::Answered(_, id, answer) => (id, answer.content),
        other => panic!("{other:?}"),
    });
    let answered: Vec<_> = answered.collect();
    assert_eq!(answered.len(), 4);
    for (answered, expected) in answered.iter().zip(ids.into_iter().zip(contents)) {
        assert_eq!(
            (answered.0, &answered.1[..]),
            (expected.0, expected.1.as_bytes())
        );
    }
}

#[test]
fn a_hub_that_is_not_polled_takes_a_bounded_number_of_bytes() {
    let mut network = Network::new(2);
    let from = network.hosts[1].address;
    let bytes = frame(&Message::notify("u", [0; 1000].to_vec()));
    let hub = &mut network.hosts[0].hub;
    let mut taken = 0;
    let refused = loop {
        match hub.receive(NOON, from, &bytes) {
            Ok(()) => taken += bytes.len(),
            Err(Backpressure { unhandled }) => break unhandled,
        }
    };
    assert_eq!(refused, taken);
    assert!(!hub.wants_read() && taken <= Limits::HIGH_WATER + bytes.len());
    network.run();
    assert_eq!(network.said(0).len() * bytes.len(), taken);
    assert!(network.hosts[0].hub.wants_read());
}

#[test]
fn a_request_to_nobody_times_out_at_the_hubs_own_deadline() {
    let mut network = Network::new(1);
    let (now, nobody) = (network.now, SocketAddr::from(([10, 0, 0, 99], 8888)));
    let hub = &mut network.hosts[0].hub;
    let options = RequestOptions::new();
    let asked = hub.request(now, nobody, &request("echo", ""), &options);
    let timeout = options.timeout();
    network.pass(timeout);
    let failed = Said::Failed(asked.unwrap(), RequestError::TimedOut(timeout));
    assert_eq!(network.said(0), [failed]);
    // Its place is kept for a time.
    network.pass(timeout);
    assert_eq!(network.said(0), []);
    assert_eq!(network.hosts[0].hub.deadline(), None);
}

/// All datagrams of a busy while.
fn run() -> Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
    let config = LinkConfig::new().with_outer(hmac("secret"));
    let mut network = Network::with(5, &config);
    network.manage_peers();
    for number in 0..20 {
        let (one, other) = (number % 5, (number + 1) % 5);
        network.ask(one, other, &Message::subscribe("news"));
        network.ask(one, other, &request("echo", "content"));
        network.pass(SECOND);
        let now = network.now;
        network.hosts[other]
            .hub
            .publish(now, "news", "new")
            .unwrap();
        network.pass(5 * SECOND);
    }
    network.sent
}

#[test]
fn the_same_seed_and_inputs_give_the_same_datagrams() {
    let first = run();
    assert!(first.len() > 100);
    assert!(first == run());
}
