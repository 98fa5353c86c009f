use super::*;
use crate::plugin::DefaultPeerPlugin;

const SECOND: Duration = Duration::from_secs(1);
const APP: &[u8] = ManagementConfig::DEFAULT_APP_ID;

fn at(seconds: u32) -> Now {
    Now::new(SECOND * seconds, 0)
}

fn node_with(wire: Wire, local: Peer) -> Discovery<u16> {
    let mut node = Discovery::new(Arc::new(wire), Arc::new(DefaultPeerPlugin));
    node.set_local(Some(local)).unwrap();
    node
}

/// A node that manages peers as netaio does.
fn node(id: &'static str) -> Discovery<u16> {
    let mut node = node_with(Wire::default(), Peer::new(id).with_data("data"));
    node.begin(at(0), ManagementConfig::new()).unwrap();
    node.poll_advertisement().unwrap();
    node
}

fn events(node: &mut Discovery<u16>) -> Vec<PeerEvent<u16>> {
    core::iter::from_fn(|| node.poll_event()).collect()
}

fn known(peer: Peer, addresses: &[u16], last_heard: Duration) -> Known<u16> {
    Known {
        peer,
        addresses: addresses.into(),
        last_heard,
    }
}

/// What a peer of this id sends.
fn message(message_type: MessageType, id: &'static str, data: &'static str) -> Message {
    let peer = Peer::new(id).with_data(data);
    let packed = DefaultPeerPlugin.pack(&peer).unwrap();
    Message::new(message_type, APP, packed)
}

fn advertise(node: &mut Discovery<u16>, seconds: u32, from: u16, id: &'static str) -> bool {
    let message = message(types::ADVERTISE_PEER, id, "data");
    node.handle(at(seconds), from, &message).is_some()
}

fn refused(address: u16, why: impl Into<IntroductionError>) -> PeerEvent<u16> {
    let why = why.into();
    PeerEvent::Refused { address, why }
}

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
    let came = |id, address, now| [PeerEvent::Came(known(peer(id), &[address], SECOND * now))];
    assert_eq!(events(&mut alice), came("bob", 2, 2));
    assert_eq!(events(&mut bob), came("alice", 1, 1));

    // Again: nothing new, but a sign of life.
    assert!(bob.handle(at(9), 1, &advertisement).is_some());
    assert_eq!(events(&mut bob), []);

    let farewell = alice.stop(APP).unwrap().message;
    assert_eq!(farewell, message(types::DISCONNECT, "alice", "data"));
    assert!(alice.stop(APP).is_none());
    assert_eq!(bob.handle(at(10), 1, &farewell), None);
    let gone = PeerEvent::Gone {
        known: known(peer("alice"), &[1], SECOND * 9),
        why: GoneReason::Left,
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
    // Nor is it told that somebody uses its id, which it would be all the time.
    assert!(node.peers().is_empty() && node.poll_event().is_none());
}

#[test]
fn only_a_peer_itself_says_that_it_leaves() {
    let mut node = node("me");
    advertise(&mut node, 0, 1, "a");
    events(&mut node);
    let leave = message(types::DISCONNECT, "a", "data");
    assert!(node.handle(at(1), 2, &leave).is_none());
    assert_eq!(events(&mut node), [refused(2, PeerRefused::NotHere)]);
    // One who repeats an introduction is another address; it speaks for itself.
    advertise(&mut node, 1, 2, "a");
    let repeated = events(&mut node);
    let a = Peer::new("a").with_data("data");
    let changed = PeerEvent::Changed(known(a.clone(), &[1, 2], SECOND));
    assert_eq!(repeated, [changed]);
    node.handle(at(1), 2, &leave);
    let gone = PeerEvent::AddressGone {
        known: known(a.clone(), &[1], SECOND),
        address: 2,
        why: GoneReason::Left,
    };
    assert_eq!(events(&mut node), [gone]);
    // All addresses go with the peer.
    advertise(&mut node, 2, 3, "a");
    events(&mut node);
    node.handle(at(1), 1, &leave);
    let gone = PeerEvent::Gone {
        known: known(a, &[1, 3], SECOND * 2),
        why: GoneReason::Left,
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
    assert!(matches!(&events[0], PeerEvent::Came(_)));
    // Some of the refusals are left out.
    assert!(
        events[1..]
            .iter()
            .all(|event| *event == refused(1, PeerRefused::AddressTaken))
    );
    assert_eq!(events.len(), 1 + 64);
}
