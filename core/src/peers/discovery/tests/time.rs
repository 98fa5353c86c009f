//! Times, connections, and what the application does by hand.

use super::*;

#[test]
fn rounds_keep_their_times_and_do_not_pile_up() {
    let mut node = node_with(Wire::default(), Peer::new("me"));
    assert_eq!(node.poll_deadline(), None);
    node.begin(at(100), ManagementConfig::new()).unwrap();
    let is_due = |node: &mut Discovery<u16>, seconds| {
        node.handle_timeout(at(seconds));
        let due = node.poll_advertisement().is_some();
        assert!(node.poll_advertisement().is_none(), "twice");
        due
    };
    // When it is handled, how many are sent, and when the next one is due.
    for (now, due, next) in [
        (100, true, 120),
        (119, false, 120),
        (120, true, 140),
        (147, true, 160),
        (160, true, 180),
        // After a long sleep the times start over.
        (1000, true, 1020),
        (1019, false, 1020),
        (1020, true, 1040),
        // One that was missed by a whole period is the same as the next.
        (1060, true, 1080),
    ] {
        assert_eq!(is_due(&mut node, now), due, "{now}");
        assert_eq!(node.poll_deadline(), Some(SECOND * next), "{now}");
    }
    // Rounds that nobody takes are one.
    for now in [1080, 1100, 1120] {
        node.handle_timeout(at(now));
    }
    assert!(is_due(&mut node, 1120));
    // One that is wanted besides leaves the times as they are.
    node.advertise();
    assert!(is_due(&mut node, 1121) && is_due(&mut node, 1140));
}

#[test]
fn silent_peers_are_dropped_in_time_and_not_before() {
    let mut node = node("me");
    for (seconds, from, id) in [(0, 1, "a"), (5, 2, "b"), (7, 3, "b")] {
        assert!(advertise(&mut node, seconds, from, id));
    }
    events(&mut node);
    // Any valid message is a sign of life.
    node.heard(at(50), 1);
    node.heard(at(50), 3);
    node.heard(at(50), 9);
    let mut seen = Vec::new();
    while let Some(deadline) = node.poll_deadline().filter(|at| *at < SECOND * 200) {
        node.handle_timeout(Now::new(deadline, 0));
        assert!(node.poll_deadline().is_none_or(|next| next > deadline));
        node.poll_advertisement();
        seen.extend(events(&mut node).into_iter().map(|event| (deadline, event)));
    }
    let peer = |id| Peer::new(id).with_data("data");
    let reason = RemovalReason::TimedOut;
    let address_gone = PeerEvent::AddressRemoved {
        known: known(peer("b"), &[3], SECOND * 50),
        address: 2,
        reason,
    };
    let gone = |id, address| PeerEvent::Removed {
        known: known(peer(id), &[address], SECOND * 50),
        reason,
    };
    let end = SECOND * 110;
    let expected = [
        (SECOND * 65, address_gone),
        (end, gone("a", 1)),
        (end, gone("b", 3)),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_node_that_starts_anew_gets_its_address() {
    let mut node = node("me");
    assert!(advertise(&mut node, 0, 1, "old"));
    let mut answered = Vec::new();
    for round in 1..=5 {
        let now = round * 20;
        node.handle_timeout(at(now));
        node.heard(at(now), 1);
        if advertise(&mut node, now, 1, "new") {
            answered.push(now);
        }
    }
    // Its first message was taken for the old one's.
    assert_eq!(answered, [80, 100]);
    let came = |event: &PeerEvent<u16>| matches!(event, PeerEvent::Added(_));
    assert_eq!(
        events(&mut node).iter().filter(|event| came(event)).count(),
        2
    );
    assert_eq!(node.peers().at(1).unwrap().id, "new");
}

#[test]
fn over_streams_a_peer_lives_as_long_as_its_connection() {
    let mut node = node_with(Wire::default(), Peer::new("me").with_data("data"));
    node.begin(at(0), ManagementConfig::for_streams()).unwrap();
    assert!(node.poll_advertisement().is_some());
    assert!(advertise(&mut node, 0, 1, "a") && advertise(&mut node, 0, 2, "b"));
    assert!(advertise(&mut node, 1, 3, "b"));
    events(&mut node);
    assert_eq!(node.poll_deadline(), None);
    node.handle_timeout(at(1_000_000));
    assert!(node.poll_advertisement().is_none() && node.peers().len() == 2);
    for connection in [1, 2, 3, 4] {
        node.connection_ended(connection);
    }
    let (peer, reason) = (
        |id| Peer::new(id).with_data("data"),
        RemovalReason::ConnectionEnded,
    );
    let gone = |id, address, seconds| PeerEvent::Removed {
        known: known(peer(id), &[address], SECOND * seconds),
        reason,
    };
    let address_gone = PeerEvent::AddressRemoved {
        known: known(peer("b"), &[3], SECOND),
        address: 2,
        reason,
    };
    let expected = [gone("a", 1, 0), address_gone, gone("b", 3, 1)];
    assert_eq!(events(&mut node), expected);
}

#[test]
fn the_table_can_be_kept_by_hand() {
    let mut node = Discovery::<u16>::new(Arc::default(), Arc::new(DefaultPeerPlugin));
    let peer = |data| Peer::new("a").with_data(data);
    assert_eq!(node.update(at(0), peer("1"), 1), Ok(PeerChange::Added));
    assert_eq!(node.update(at(1), peer("2"), 2), Ok(PeerChange::Updated));
    assert_eq!(node.update(at(1), peer("2"), 2), Ok(PeerChange::Unchanged));
    let taken = node.update(at(1), Peer::new("b"), 2);
    assert_eq!(taken, Err(PeerRefused::AddressTaken));
    assert_eq!(node.peers().get(b"a").unwrap().addresses, [1, 2]);
    assert_eq!(node.peers().at(2), Some(&peer("2")));
    node.remove_address(1);
    let left = known(peer("2"), &[2], SECOND);
    assert_eq!(node.remove(b"a"), Some(left.clone()));
    assert_eq!(node.remove(b"a"), None);
    let reason = RemovalReason::Application;
    let expected = [
        PeerEvent::Added(known(peer("1"), &[1], at(0).monotonic)),
        PeerEvent::Updated(known(peer("2"), &[1, 2], SECOND)),
        PeerEvent::AddressRemoved {
            known: left.clone(),
            address: 1,
            reason,
        },
        PeerEvent::Removed {
            known: left,
            reason,
        },
    ];
    assert_eq!(events(&mut node), expected);
    // Nobody manages peers, so nobody times out.
    node.update(at(2), peer("1"), 1).unwrap();
    assert_eq!(node.poll_deadline(), None);
}
