//! Who may come, who may speak for whom, and who goes.

use super::*;
use crate::limits::Limits;
use crate::network::Network;

const SECOND: Duration = Duration::from_secs(1);

fn peer(id: &'static str, data: &'static str) -> Peer {
    Peer::new(id).with_data(data)
}

fn announce(peers: &mut PeerTable<u8>, peer: Peer, at: u8) -> Result<PeerChange, PeerRefused> {
    let limits = Limits::default()
        .with_peers(3)
        .and_then(|limits| limits.with_peer_data(10))
        .unwrap();
    peers.announce(peer, at, SECOND, &limits)
}

/// An id, data, an address, and what is made of such an announcement.
type Step = (
    &'static str,
    &'static str,
    u8,
    Result<PeerChange, PeerRefused>,
);

fn follow(peers: &mut PeerTable<u8>, steps: impl IntoIterator<Item = Step>) {
    for (id, data, at, expected) in steps {
        let made_of = announce(peers, peer(id, data), at);
        assert_eq!(made_of, expected, "{id} {data} at {at}");
    }
}

#[test]
fn peers_come_change_and_go() {
    use PeerChange::{Added, Unchanged, Updated};
    let mut peers = PeerTable::new(None);
    let steps = [
        ("a", "1", 1, Ok(Added)),
        ("a", "1", 1, Ok(Unchanged)),
        ("a", "2", 1, Ok(Updated)),
        ("a", "2", 2, Ok(Updated)),
    ];
    follow(&mut peers, steps);
    assert_eq!(peers.get(b"a").unwrap().addresses, [1, 2]);
    assert_eq!(peers.remove_address(1), None);
    assert_eq!((peers.at(1), peers.at(2)), (None, Some(&peer("a", "2"))));
    assert_eq!(peers.remove_address(2).unwrap().peer, peer("a", "2"));
    assert!(peers.is_empty() && peers.by_address.is_empty());
}

#[test]
fn nobody_speaks_for_another() {
    let mut peers = PeerTable::new(Some("me".into()));
    let steps = [
        ("a", "1", 1, Ok(PeerChange::Added)),
        ("a", "2", 2, Err(PeerRefused::DataMismatch)),
        ("b", "1", 1, Err(PeerRefused::AddressTaken)),
        ("me", "1", 3, Err(PeerRefused::Local)),
        ("", "", 3, Err(PeerRefused::NoId)),
    ];
    follow(&mut peers, steps);
    assert!(peers.leave(b"a", 2).is_none() && peers.leave(b"b", 1).is_none());
    // Nor does one who has repeated what it said.
    let steps = [
        ("a", "1", 2, Ok(PeerChange::Updated)),
        ("a", "2", 2, Err(PeerRefused::DataMismatch)),
    ];
    follow(&mut peers, steps);
    assert!(peers.leave(b"a", 2).is_none());
    assert_eq!(peers.get(b"a").unwrap().addresses, [1]);
    assert_eq!(peers.get(b"a").unwrap().peer, peer("a", "1"));
    assert_eq!(peers.leave(b"a", 1).unwrap().addresses, [1]);
}

#[test]
fn the_table_is_bounded_and_never_gives_a_live_peer_up() {
    use PeerChange::{Added, Updated};
    let mut peers = PeerTable::new(None);
    let steps = [
        (
            "a",
            "eleven byte",
            1,
            Err(PeerRefused::TooMuchData { len: 11, max: 10 }),
        ),
        (
            "eleven byte",
            "",
            1,
            Err(PeerRefused::TooMuchData { len: 11, max: 10 }),
        ),
        ("ten bytes!", "", 3, Ok(Added)),
        ("a", "ten bytes!", 1, Ok(Added)),
        ("a", "", 1, Ok(Updated)),
        ("b", "", 2, Ok(Added)),
        ("d", "", 4, Err(PeerRefused::TooMany { max: 3 })),
        ("a", "", 4, Ok(Updated)),
        ("a", "", 5, Ok(Updated)),
        ("a", "", 6, Ok(Updated)),
        ("a", "", 7, Err(PeerRefused::TooManyAddresses { max: 4 })),
    ];
    follow(&mut peers, steps);
    assert_eq!((peers.len(), peers.by_address.len()), (3, 6));
    assert!(!peers.is_empty());
}

/// An address whose first part is a network.
type At = (u8, u16);

fn from(peers: &mut PeerTable<At>, at: At, limits: &Limits) -> Result<PeerChange, PeerRefused> {
    let origin = Origin {
        network: Some(Network::V4([192, 0, 2, at.0])),
        verified: false,
    };
    let id = alloc::format!("{} {}", at.0, at.1);
    let now = SECOND * u32::from(at.1);
    peers.announce_from(Peer::new(id), at, origin, now, limits)
}

#[test]
fn the_most_silent_of_an_address_that_fills_the_table_gives_way() {
    let limits = Limits::default().with_peers(80).unwrap();
    let mut peers = PeerTable::new(None);
    assert_eq!(from(&mut peers, (2, 1), &limits), Ok(PeerChange::Added));
    for port in 1..80 {
        assert_eq!(from(&mut peers, (1, port), &limits), Ok(PeerChange::Added));
    }
    peers.heard((1, 1), SECOND * 100);
    let full = Err(PeerRefused::TooMany { max: 80 });
    assert_eq!(from(&mut peers, (1, 80), &limits), full);
    // Until no address has more than an eighth of the table.
    for host in 0..69 {
        let change = from(&mut peers, (100 + host, 1), &limits);
        assert_eq!(change, Ok(PeerChange::Added), "{host}");
        let [known] = &peers.take_displaced()[..] else {
            panic!("one gives way");
        };
        assert_eq!(known.addresses, [(1, u16::from(host) + 2)]);
    }
    assert_eq!(from(&mut peers, (99, 1), &limits), full);
    assert_eq!(peers.len(), 80);
    assert!(peers.at((2, 1)).is_some() && peers.at((1, 1)).is_some());
}

#[test]
fn whom_the_application_adds_displaces_and_is_displaced_by_nobody() {
    let limits = Limits::default().with_peers(2).unwrap();
    let mut peers = PeerTable::new(None);
    for port in [2, 1] {
        assert_eq!(from(&mut peers, (1, port), &limits), Ok(PeerChange::Added));
    }
    let added = peers.update(Peer::new("mine"), (3, 1), SECOND, &limits);
    assert_eq!(added, Ok(PeerChange::Added));
    assert!(peers.at((1, 1)).is_none() && peers.at((1, 2)).is_some());
    // The application's word is no plugin's.
    assert!(!peers.is_vouched((3, 1)));
    // What is known already may be confirmed.
    let known = peers.update(Peer::new("1 2"), (1, 2), SECOND, &limits);
    assert_eq!(known, Ok(PeerChange::Unchanged));
    let added = peers.update(Peer::new("other"), (4, 1), SECOND, &limits);
    assert_eq!(added, Err(PeerRefused::TooMany { max: 2 }));
}

#[test]
fn an_address_may_have_a_limit_of_its_own() {
    let limits = Limits::default().with_peers_per_address(Some(2)).unwrap();
    let mut peers = PeerTable::new(None);
    for port in 1..3 {
        assert_eq!(from(&mut peers, (1, port), &limits), Ok(PeerChange::Added));
    }
    let full = Err(PeerRefused::TooManyOfAddress { max: 2 });
    assert_eq!(from(&mut peers, (1, 3), &limits), full);
    assert_eq!(from(&mut peers, (2, 3), &limits), Ok(PeerChange::Added));
    peers.remove_address((1, 1));
    assert_eq!(from(&mut peers, (1, 3), &limits), Ok(PeerChange::Added));
}

#[test]
fn silence_ends_a_peer_and_any_message_is_life() {
    let limits = Limits::default();
    let mut peers = PeerTable::new(None);
    for (id, at) in [("b", 2u8), ("a", 1), ("c", 3)] {
        peers
            .announce(peer(id, ""), at, SECOND * u32::from(at), &limits)
            .unwrap();
    }
    peers.heard(1, SECOND * 50);
    peers.heard(9, SECOND * 50);
    let gone = peers.remove_expired(SECOND * 64, SECOND * 60);
    let ids: Vec<_> = gone.peers.iter().map(|known| &known.peer.id[..]).collect();
    assert_eq!(ids, [b"b", b"c"]);
    let left: Vec<_> = peers
        .list()
        .iter()
        .map(|known| known.peer.id.clone())
        .collect();
    assert_eq!(left, ["a"]);
    let nothing = peers.remove_expired(SECOND * 109, SECOND * 60);
    assert_eq!((nothing.peers, nothing.addresses), ([].into(), [].into()));
    assert_eq!(peers.next_expiry(SECOND * 60), Some(SECOND * 110));
    let gone = peers.remove_expired(SECOND * 110, SECOND * 60);
    assert_eq!((gone.peers.len(), peers.len()), (1, 0));
    assert_eq!(peers.next_expiry(SECOND * 60), None);
}

#[test]
fn an_address_that_fell_silent_no_longer_speaks_for_its_peer() {
    let limits = Limits::default();
    let mut peers = PeerTable::new(None);
    for (at, now) in [(1u8, 0), (2, 5), (3, 6)] {
        peers
            .announce(peer("a", "1"), at, SECOND * now, &limits)
            .unwrap();
    }
    peers.heard(3, SECOND * 30);
    let gone = peers.remove_expired(SECOND * 65, SECOND * 60);
    assert!(gone.peers.is_empty());
    let addresses: Vec<_> = gone.addresses.iter().map(|(at, _)| *at).collect();
    assert_eq!(addresses, [1, 2]);
    let known = peers.known_at(3).unwrap();
    assert_eq!(
        (&known.addresses[..], peers.by_address.len()),
        (&[3][..], 1)
    );
    let changed = peers.announce(peer("a", "2"), 3, SECOND * 66, &limits);
    assert_eq!(changed, Ok(PeerChange::Updated));
}

#[test]
fn a_peer_was_heard_when_the_last_of_its_addresses_was() {
    let limits = Limits::default();
    let mut peers = PeerTable::new(None);
    for at in [1u8, 2] {
        peers
            .announce(peer("a", ""), at, SECOND * u32::from(at), &limits)
            .unwrap();
    }
    let last = |peers: &PeerTable<u8>| peers.get(b"a").unwrap().last_heard;
    assert_eq!(last(&peers), SECOND * 2);
    peers.heard(1, SECOND * 5);
    peers.heard(2, SECOND * 4);
    assert_eq!(last(&peers), SECOND * 5);
    assert_eq!(peers.list()[0].last_heard, SECOND * 5);
    // Also when that is gone.
    peers.remove_address(1);
    assert_eq!(peers.known_at(2).unwrap().last_heard, SECOND * 5);
    assert_eq!(peers.remove(b"a").unwrap().last_heard, SECOND * 5);
}

#[test]
fn among_many_the_expected_are_heard_as_others_are() {
    let limits = Limits::default().with_peers(6000).unwrap();
    let mut peers = PeerTable::new(None);
    for at in 0..6000u16 {
        let id = alloc::format!("{at}");
        peers.update(Peer::new(id), at, SECOND, &limits).unwrap();
    }
    peers.expect(&mut [7, 7000, 8].into_iter());
    for at in [8, 7, 9, 7000] {
        peers.heard(at, SECOND * 9);
    }
    let heard = peers.list();
    let heard = heard.iter().filter(|known| known.last_heard == SECOND * 9);
    let heard: Vec<_> = heard.map(|known| known.addresses[0]).collect();
    assert_eq!(heard, [7, 8, 9]);
    // What was expected may be gone.
    peers.expect(&mut [8].into_iter());
    peers.remove_address(8);
    peers.heard(8, SECOND * 10);
    assert!(peers.at(8).is_none() && peers.at(9).is_some());
}

#[test]
fn a_newcomer_at_a_known_address_keeps_nobody_alive() {
    let limits = Limits::default();
    let mut peers = PeerTable::new(None);
    let announce =
        |peers: &mut PeerTable<u8>, id, now| peers.announce(peer(id, ""), 1, SECOND * now, &limits);
    announce(&mut peers, "old", 0).unwrap();
    for now in [10, 30, 50] {
        peers.heard(1, SECOND * now);
        let taken = announce(&mut peers, "new", now);
        assert_eq!(taken, Err(PeerRefused::AddressTaken));
    }
    peers.heard(1, SECOND * 69);
    assert_eq!(peers.next_expiry(SECOND * 60), Some(SECOND * 60));
    let gone = peers.remove_expired(SECOND * 70, SECOND * 60);
    assert_eq!(gone.peers[0].last_heard, SECOND * 10);
    assert_eq!(announce(&mut peers, "new", 70), Ok(PeerChange::Added));
    // One that is still there says so, and then all of its messages count.
    announce(&mut peers, "old", 80).unwrap_err();
    announce(&mut peers, "new", 90).unwrap();
    peers.heard(1, SECOND * 100);
    assert_eq!(peers.known_at(1).unwrap().last_heard, SECOND * 100);
}

#[test]
fn the_application_is_believed_at_any_address() {
    let limits = Limits::default().with_peer_addresses(2).unwrap();
    let mut peers = PeerTable::new(Some("me".into()));
    let update =
        |peers: &mut PeerTable<u8>, id, data, at| peers.update(peer(id, data), at, SECOND, &limits);
    assert_eq!(update(&mut peers, "a", "1", 1), Ok(PeerChange::Added));
    assert_eq!(update(&mut peers, "a", "2", 2), Ok(PeerChange::Updated));
    assert_eq!(peers.at(1), Some(&peer("a", "2")));
    let refused =
        [("me", 3), ("b", 1), ("a", 3)].map(|(id, at)| update(&mut peers, id, "", at).unwrap_err());
    let too_many = PeerRefused::TooManyAddresses { max: 2 };
    assert_eq!(
        refused,
        [PeerRefused::Local, PeerRefused::AddressTaken, too_many]
    );
    assert_eq!(peers.at(1), Some(&peer("a", "2")));
    // Who becomes the local peer is no other.
    assert_eq!(peers.set_local(Some("a".into())).unwrap().addresses, [1, 2]);
    assert!(peers.is_empty() && peers.by_address.is_empty());
}

#[test]
fn only_an_introduction_disputes_an_address_and_that_can_be_seen() {
    let limits = Limits::default();
    let mut peers = PeerTable::new(None);
    let steps = [
        ("a", "1", 1, Ok(PeerChange::Added)),
        ("b", "1", 2, Ok(PeerChange::Added)),
    ];
    follow(&mut peers, steps);
    // The application's error changes nothing.
    let before = peers.clone();
    let taken = peers.update(peer("c", ""), 1, SECOND, &limits);
    assert_eq!(taken, Err(PeerRefused::AddressTaken));
    assert_eq!(peers.list(), before.list());
    assert!(!peers.is_disputed(1) && !peers.is_disputed(9));
    // Nor does a peer dispute its own address.
    follow(&mut peers, [("a", "1", 3, Ok(PeerChange::Updated))]);
    let steps = [("a", "2", 3, Err(PeerRefused::DataMismatch))];
    follow(&mut peers, steps);
    assert!(!peers.is_disputed(3));
    let steps = [
        ("c", "1", 1, Err(PeerRefused::AddressTaken)),
        ("a", "2", 2, Err(PeerRefused::DataMismatch)),
    ];
    follow(&mut peers, steps);
    assert!(peers.is_disputed(1) && peers.is_disputed(2));
    // The peer that is known there ends it, as does the removal of the address.
    follow(&mut peers, [("a", "1", 1, Ok(PeerChange::Unchanged))]);
    assert!(!peers.is_disputed(1));
    peers.remove_address(2);
    assert!(!peers.is_disputed(2));
    follow(&mut peers, [("c", "1", 2, Ok(PeerChange::Added))]);
}

#[test]
fn a_clock_that_goes_back_keeps_nobody_for_longer_than_two_timeouts() {
    let (limits, timeout) = (Limits::default(), SECOND * 60);
    let mut peers = PeerTable::new(None);
    for (id, at) in [("a", 1u8), ("b", 2)] {
        let far = SECOND * 1_000_000;
        peers.announce(peer(id, ""), at, far, &limits).unwrap();
    }
    // Back at 100, one of them is heard, once.
    peers.heard(1, SECOND * 100);
    assert_eq!(peers.next_expiry(timeout), Some(SECOND * 160));
    let gone = peers.remove_expired(SECOND * 160, timeout);
    assert_eq!(gone.peers[0].peer.id, "a");
    assert_eq!(peers.get(b"b").unwrap().last_heard, SECOND * 160);
    assert_eq!(peers.next_expiry(timeout), Some(SECOND * 220));
    assert_eq!(peers.remove_expired(SECOND * 220, timeout).peers.len(), 1);
    assert!(peers.is_empty());
}

#[test]
fn a_peer_keeps_no_receive_buffer() {
    let mut received = bytes::BytesMut::from(&b"an introduction"[..]);
    let introduced = received.split_to(15).freeze();
    let (id, data) = (introduced.slice(..2), introduced.slice(3..));
    let mut peers = PeerTable::new(None);
    announce(&mut peers, Peer::new(id.clone()), 1).unwrap();
    announce(&mut peers, Peer::new(id).with_data(data.slice(..5)), 1).unwrap();
    drop((received, data));
    assert!(introduced.is_unique());
    assert_eq!(peers.at(1), Some(&peer("an", "intro")));
}
