//! How links and hubs end.

use super::*;
use crate::calls::ReplyError;
use crate::error::SendError;
use crate::peers::{ManagementConfig, RemovalReason};
use crate::plugin::Peer;

/// The reason of the one link that was closed at a side, after all else that was seen.
fn closed(net: &mut Net, side: usize) -> CloseReason {
    match net.seen(side).pop() {
        Some(Seen::Closed(link, reason)) => {
            assert_eq!(link, net.link(side, 0));
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_queued_is_written_before_a_link_is_closed() {
    let mut net = Net::plain();
    net.capacity = 5;
    net.connect();
    let (now, link) = (net.now, net.link(SERVER, 0));
    net.client()
        .hub
        .node_mut()
        .set_unrouted(crate::Unrouted::Deliver);
    let message = Message::notify("u", "last words");
    let options = Default::default();
    net.server()
        .hub
        .send(now, link, &message, &options)
        .unwrap();
    net.server().hub.close(now, link);
    net.run();
    assert_eq!(closed(&mut net, SERVER), CloseReason::Local);
    let link = net.link(CLIENT, 0);
    assert_eq!(
        net.seen(CLIENT),
        [
            Seen::Message(link, message),
            Seen::Closed(link, CloseReason::Remote)
        ]
    );
    assert!(net.loops.iter().all(|it| it.hub.is_empty()));
    assert!(net.loops.iter().all(|it| it.hub.deadline().is_none()));
}

#[test]
fn a_transport_that_fails_ends_its_link_and_what_waits_on_it() {
    let mut net = Net::plain();
    net.connect();
    let id = net.ask(0, &request("later", ""));
    net.ask(0, &Message::subscribe("news"));
    net.run();
    let now = net.now;
    let links = [SERVER, CLIENT].map(|side| net.link(side, 0));
    for (end, link) in net.loops.iter_mut().zip(links) {
        end.hub.transport_failed(now, link, "connection reset");
    }
    net.seen(SERVER);
    net.run();
    let reason = CloseReason::Transport("connection reset".into());
    assert_eq!(closed(&mut net, SERVER), reason);
    let failed = RequestError::Closed(reason.clone());
    let seen = net.seen(CLIENT);
    assert_eq!(seen[0], Seen::Failed(links[CLIENT], id, failed));
    assert_eq!(seen.last(), Some(&Seen::Closed(links[CLIENT], reason)));
    // Nobody waits for the answer.
    let (call, _) = net.server().deferred.pop_front().unwrap();
    let reply = net.server().hub.reply(now, call, Message::ok("u", ""));
    assert!(matches!(reply, Err(ReplyError::Closed(_))));
    // Nor is there anybody to send to, or to read from.
    let (link, hub) = (links[SERVER], &mut net.server().hub);
    let sent = hub.send(now, link, &Message::ok("u", ""), &Default::default());
    assert!(matches!(sent, Err(SendError::Closed(_))));
    assert!(!hub.wants_read(link) && !hub.wants_write(link) && hub.link(link).is_none());
    hub.receive(now, link, b"late").unwrap();
    hub.handle_eof(now, link);
    hub.written(now, link, 1);
    hub.writable(now, link);
    assert!(hub.poll(now).is_none());
}

#[test]
fn a_client_that_has_said_all_gets_its_answers() {
    let mut net = Net::plain();
    net.connect();
    net.ask(0, &request("echo", "first"));
    net.ask(0, &request("later", "second"));
    net.poll(CLIENT);
    let bytes: Vec<_> = net.connections[0].pipes[CLIENT].bytes.drain(..).collect();
    let (now, link) = (net.now, net.link(SERVER, 0));
    net.server().hub.receive(now, link, &bytes).unwrap();
    net.server().hub.handle_eof(now, link);
    net.run();
    net.answer(0);
    net.run();
    assert_eq!(closed(&mut net, SERVER), CloseReason::Remote);
    let client = net.link(CLIENT, 0);
    let seen = net.seen(CLIENT);
    assert!(matches!(
        &seen[..],
        [
            Seen::Answered(_, _, first),
            Seen::Answered(_, _, second),
            Seen::Closed(link, CloseReason::Remote),
        ] if first.content == "first" && second.content == "second" && *link == client
    ));
}

#[test]
fn a_drained_hub_answers_what_it_has_read_and_is_empty_then() {
    let mut net = Net::plain();
    for connection in 0..3 {
        net.connect();
        net.ask(connection, &request("later", "content"));
        net.ask(connection, &request("echo", "content"));
    }
    net.run();
    assert_eq!(net.server().deferred.len(), 3);
    let now = net.now;
    net.server().hub.drain(now, 5 * SECOND);
    net.run();
    assert_eq!(net.server().hub.len(), 3);
    net.seen(SERVER);
    net.answer(0);
    net.answer(0);
    net.run();
    assert_eq!(net.server().hub.len(), 1);
    let seen = net.seen(CLIENT);
    let answers = seen.iter().filter(|it| matches!(it, Seen::Answered(..)));
    assert_eq!(answers.count(), 4);
    // The third handler takes too long.
    assert_eq!(
        net.server().hub.deadline(),
        Some(NOON.monotonic + 5 * SECOND)
    );
    net.pass(5 * SECOND);
    assert!(net.server().hub.is_empty() && net.client().hub.is_empty());
    let seen = net.seen(CLIENT);
    let failed = seen.iter().filter(|it| matches!(it, Seen::Failed(..)));
    assert_eq!(failed.count(), 2);
    assert!(net.seen(SERVER).iter().all(|seen| match seen {
        Seen::Closed(_, reason) => *reason == CloseReason::Local,
        _ => true,
    }));
}

#[test]
fn a_drained_hub_serves_no_link_that_comes_later() {
    let mut net = Net::plain();
    net.connect();
    net.ask(0, &request("later", "content"));
    net.run();
    let (now, grace) = (net.now, 60 * SECOND);
    net.server().hub.drain(now, grace);
    net.run();
    // One that is accepted, and one that it connects itself.
    net.connect();
    net.ask(1, &request("echo", "content"));
    let own = net.server().hub.connect(now, None);
    let options = RequestOptions::new();
    let asked = net
        .server()
        .hub
        .request(now, own, &request("u", ""), &options);
    net.connections.push(Connection {
        links: [own, net.link(CLIENT, 0)],
        pipes: Default::default(),
        closed: [false, true],
    });
    net.seen(SERVER);
    net.pass(2 * SECOND);
    assert_eq!((net.server().hub.len(), net.client().hub.len()), (1, 1));
    let seen = net.seen(SERVER);
    let accepted = net.link(SERVER, 1);
    let failed = RequestError::Closed(CloseReason::Local);
    assert_eq!(seen.len(), 3, "{seen:?}");
    for expected in [
        Seen::Failed(own, asked.unwrap(), failed),
        Seen::Closed(own, CloseReason::Local),
        Seen::Closed(accepted, CloseReason::Local),
    ] {
        assert!(seen.contains(&expected), "{seen:?}");
    }
    assert!(matches!(
        &net.seen(CLIENT)[..],
        [Seen::Failed(..), Seen::Closed(_, CloseReason::Remote)]
    ));
    // Those before have all of the grace, and those past it have none.
    net.answer(0);
    net.run();
    assert!(net.server().hub.is_empty());
    net.pass(grace);
    net.connect();
    net.run();
    assert!(net.server().hub.is_empty() && net.client().hub.is_empty());
}

#[test]
fn what_comes_behind_the_end_is_dropped() {
    let request = frame(&request("echo", "content"));
    for by_reading in [false, true] {
        let mut net = Net::plain();
        net.connect();
        let (now, link) = (net.now, net.link(SERVER, 0));
        let hub = &mut net.server().hub;
        match by_reading {
            true => hub.receive_with(now, link, |_| Ok::<_, ()>(0)).unwrap(),
            false => hub.handle_eof(now, link),
        }
        assert!(!hub.wants_read(link));
        hub.receive(now, link, &request).unwrap();
        net.poll(SERVER);
        let expected = [Seen::Closed(link, CloseReason::Remote)];
        assert_eq!(net.seen(SERVER), expected);
    }
}

/// Both sides manage peers, and are connected.
fn acquainted() -> Net {
    let mut net = Net::plain();
    for (end, name) in net.loops.iter_mut().zip(["server", "client"]) {
        let config = ManagementConfig::for_streams();
        end.hub.manage_peers(NOON, Peer::new(name), config).unwrap();
    }
    net.connect();
    net.run();
    for (side, name) in [(SERVER, "client"), (CLIENT, "server")] {
        let link = net.link(side, 0);
        match &net.seen(side)[..] {
            [Seen::Peer(PeerEvent::Added(known))] => {
                assert_eq!(known.peer.id, name);
                assert_eq!(known.addresses[0].link(), Some(link));
            }
            other => panic!("{other:?}"),
        }
    }
    net
}

fn reason(seen: &[Seen]) -> Option<RemovalReason> {
    seen.iter().find_map(|seen| match seen {
        Seen::Peer(PeerEvent::Removed { reason, .. }) => Some(*reason),
        _ => None,
    })
}

#[test]
fn a_drained_hub_says_that_its_node_leaves() {
    let mut net = acquainted();
    net.ask(0, &request("later", "content"));
    net.run();
    let now = net.now;
    net.server().hub.drain(now, 5 * SECOND);
    net.run();
    // At once, and not when the last handler has answered.
    assert_eq!(reason(&net.seen(CLIENT)), Some(RemovalReason::Disconnect));
    net.answer(0);
    net.run();
    assert_eq!(closed(&mut net, SERVER), CloseReason::Local);
    let carried = net.connections[0].pipes[SERVER].carried.clone();
    let said = unopened(&carried);
    let farewells = said
        .iter()
        .filter(|it| it.message_type == types::DISCONNECT);
    assert_eq!(farewells.count(), 1);
}

#[test]
fn a_link_that_is_closed_or_fails_takes_its_peer_along() {
    for fails in [false, true] {
        let mut net = acquainted();
        let (now, link) = (net.now, net.link(CLIENT, 0));
        match fails {
            false => net.client().hub.close(now, link),
            true => net.client().hub.transport_failed(now, link, "reset"),
        }
        net.run();
        for (side, why_expected) in [
            (CLIENT, RemovalReason::ConnectionEnded),
            (
                SERVER,
                match fails {
                    false => RemovalReason::Disconnect,
                    true => RemovalReason::ConnectionEnded,
                },
            ),
        ] {
            let seen = net.seen(side);
            assert_eq!(reason(&seen), Some(why_expected), "{seen:?}");
            assert_eq!(net.loops[side].hub.node().peers().len(), 0);
        }
    }
}
