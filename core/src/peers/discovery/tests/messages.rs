//! What peers say, and what is believed.

use super::*;

#[test]
fn two_nodes_meet_and_part() {
    let (mut alice, mut bob) = (node("alice"), node("bob"));
    let advertisement = alice.advertisement(APP).unwrap().message;
    assert_eq!(
        advertisement,
        message(types::ADVERTISE_PEER, "alice", "data")
    );
    let answer = bob.handle(at(1), 1, &advertisement).unwrap();
    assert_eq!(answer, message(types::PEER_DISCOVERED, "bob", "data"));
    assert_eq!(alice.handle(at(2), 2, &answer), None);
    let peer = |id| Peer::new(id).with_data("data");
    let came = |id, address, now| [PeerEvent::Added(known(peer(id), &[address], SECOND * now))];
    assert_eq!(events(&mut alice), came("bob", 2, 2));
    assert_eq!(events(&mut bob), came("alice", 1, 1));

    // Again: nothing new, but a sign of life.
    assert!(bob.handle(at(9), 1, &advertisement).is_some());
    assert_eq!(events(&mut bob), []);

    let farewell = alice.stop(APP).unwrap().message;
    assert_eq!(farewell, message(types::DISCONNECT, "alice", "data"));
    assert!(alice.stop(APP).is_none());
    assert_eq!(bob.handle(at(10), 1, &farewell), None);
    let gone = PeerEvent::Removed {
        known: known(peer("alice"), &[1], SECOND * 9),
        reason: RemovalReason::Disconnect,
    };
    assert_eq!(events(&mut bob), [gone]);
    assert!(bob.peers().is_empty());
    // Who manages no peers takes no part, and keeps those that there are.
    assert!(alice.handle(at(11), 2, &advertisement).is_none());
    assert_eq!((alice.peers().len(), alice.poll_deadline()), (1, None));
}

#[test]
fn messages_that_are_not_about_peers_or_not_of_the_app_are_ignored() {
    let mut node = node("me");
    let mut other = message(types::ADVERTISE_PEER, "a", "");
    other.uri = "other".into();
    assert!(node.handle(at(0), 1, &other).is_none());
    let request = message(types::REQUEST_URI, "a", "");
    assert!(node.handle(at(0), 1, &request).is_none());
    assert!(node.peers().is_empty() && node.poll_event().is_none());
    let keys = Discovery::<u16>::keys(APP);
    assert_eq!(
        keys,
        TYPES.map(|message_type| Key::Uri(message_type, APP.into()))
    );
}

#[test]
fn one_hears_itself_and_does_not_answer() {
    let mut node = node("me");
    let messages = node.advertisements().chain(node.farewells());
    for PeerMessage { message, .. } in messages.collect::<Vec<_>>() {
        assert_eq!(node.handle(at(0), 1, &message), None);
    }
    // Nor is there an event for the use of its own id, which would come all the time.
    assert!(node.peers().is_empty() && node.poll_event().is_none());
}

#[test]
fn only_a_peer_itself_says_that_it_leaves() {
    let mut node = node("me");
    advertise(&mut node, 0, 1, "a");
    events(&mut node);
    let leave = message(types::DISCONNECT, "a", "data");
    assert!(node.handle(at(1), 2, &leave).is_none());
    assert_eq!(events(&mut node), [refused(2, PeerRefused::NotAtAddress)]);
    // One who repeats an introduction is another address; it speaks for itself.
    advertise(&mut node, 1, 2, "a");
    let repeated = events(&mut node);
    let a = Peer::new("a").with_data("data");
    let changed = PeerEvent::Updated(known(a.clone(), &[1, 2], SECOND));
    assert_eq!(repeated, [changed]);
    node.handle(at(1), 2, &leave);
    let gone = PeerEvent::AddressRemoved {
        known: known(a.clone(), &[1], SECOND),
        address: 2,
        reason: RemovalReason::Disconnect,
    };
    assert_eq!(events(&mut node), [gone]);
    // All addresses go with the peer.
    advertise(&mut node, 2, 3, "a");
    events(&mut node);
    node.handle(at(1), 1, &leave);
    let gone = PeerEvent::Removed {
        known: known(a, &[1, 3], SECOND * 2),
        reason: RemovalReason::Disconnect,
    };
    assert_eq!(events(&mut node), [gone]);
    // Of whom nobody knows there is nothing to say.
    node.handle(at(1), 1, &leave);
    assert_eq!(events(&mut node), []);
}

#[test]
fn one_address_is_one_peer() {
    let mut node = node("me");
    let ids = (0..1000_u32).map(|id| id.to_be_bytes().to_vec());
    let mut answered = 0;
    for id in ids {
        let packed = DefaultPeerPlugin.pack(&Peer::new(id)).unwrap();
        let message = Message::new(types::ADVERTISE_PEER, APP, packed);
        answered += usize::from(node.handle(at(0), 1, &message).is_some());
    }
    assert_eq!((answered, node.peers().len()), (1, 1));
    let events = events(&mut node);
    assert!(matches!(&events[0], PeerEvent::Added(_)));
    // Some of the refusals are left out.
    assert!(
        events[1..]
            .iter()
            .all(|event| *event == refused(1, PeerRefused::AddressTaken))
    );
    assert_eq!(events.len(), 1 + 64);
}

#[test]
fn what_is_no_introduction_is_refused() {
    let mut node = node("me");
    let limits = Limits::default();
    let mut handle = |content: &[u8]| {
        for message_type in TYPES {
            let message = Message::new(message_type, APP, content.to_vec());
            assert_eq!(node.handle(at(0), 1, &message), None);
        }
        events(&mut node)
    };
    let error = |content: &[u8]| {
        DefaultPeerPlugin
            .unpack(content, &limits.packify())
            .unwrap_err()
    };
    let three = |reason: IntroductionError| [(); 3].map(|()| refused(1, reason.clone()));
    for content in [&b""[..], b"\xff", &[0x4c, 0x40, 2, 2, 1, 0x44, 7, 0]] {
        assert_eq!(handle(content), three(error(content).into()));
    }
    let nobody = DefaultPeerPlugin.pack(&Peer::new("")).unwrap();
    assert_eq!(handle(&nobody), three(PeerError::NoId.into()));
    // Who leaves needs no data, and who comes should not have too much.
    let (len, max) = (8193, 8192);
    let large = Peer::new("a").with_data(alloc::vec![0; len]);
    let too_much: IntroductionError = PeerRefused::TooMuchData { len, max }.into();
    let twice = [(); 2].map(|()| refused(1, too_much.clone()));
    assert_eq!(handle(&DefaultPeerPlugin.pack(&large).unwrap()), twice);
}

#[test]
fn events_that_nobody_takes_do_not_pile_up() {
    let limits = Limits::default().with_peers(5).unwrap();
    let wire = Wire {
        limits,
        ..Wire::default()
    };
    let mut node = node_with(wire, Peer::new("me"));
    node.begin(at(0), ManagementConfig::new()).unwrap();
    let leave = message(types::DISCONNECT, "a", "");
    for round in 0..100 {
        advertise(&mut node, round, 1, "a");
        node.handle(at(round), 2, &leave);
        node.handle(at(round), 1, &leave);
    }
    // The table is as the events say, and goes on when they are taken.
    let taken = events(&mut node);
    let changes = taken
        .iter()
        .filter(|event| !matches!(event, PeerEvent::Refused { .. }));
    assert_eq!((changes.count(), node.peers().len()), (5, 1));
    node.handle(at(100), 1, &leave);
    assert!(matches!(events(&mut node)[..], [PeerEvent::Removed { .. }]));
}

#[test]
fn netaio_wants_data_so_there_is_some() {
    let mut node = node_with(Wire::default(), Peer::new("me"));
    node.begin(at(0), ManagementConfig::new()).unwrap();
    let introduced = node.poll_advertisement().unwrap().message;
    assert_eq!(introduced, message(types::ADVERTISE_PEER, "me", ""));
    assert_eq!(node.local(), Some(&Peer::new("me")));
}

/// What one node does with noise, as far as others could see it.
fn play() -> Vec<Box<str>> {
    let mut node = node_with(Wire::default(), Peer::new("me"));
    node.begin(at(0), ManagementConfig::new()).unwrap();
    let mut seen = Vec::new();
    for step in 0..5000_u32 {
        let dice = step.wrapping_mul(2_654_435_761) >> 8;
        let id = ["a", "b", "c", "d", "e", "f", "g", "me"][(dice % 8) as usize];
        let (from, kind) = ((dice / 8 % 12) as u16, (dice / 96 % 3) as usize);
        let said = message(TYPES[kind], id, ["", "x"][(dice / 288 % 2) as usize]);
        let now = at(step / 4);
        let answer = node.handle(now, from, &said);
        node.handle_timeout(now);
        let sent = node.poll_advertisement().map(|sent| sent.message);
        let events = events(&mut node);
        let left = (node.poll_deadline(), node.peers().list());
        seen.push(alloc::format!("{answer:?} {sent:?} {events:?} {left:?}").into());
    }
    seen
}

#[test]
fn the_same_happens_each_time() {
    assert_eq!(play(), play());
}
