//! What an introduction is worth.

use super::*;
use crate::network::Origin;

/// An app id whose introductions pass an auth plugin.
const GUARDED: &str = "guarded";

/// A node that manages peers for netaio's app id, which anybody may use, and for a guarded
/// one.
fn node() -> Discovery<u16> {
    let mut node = super::node("me");
    let inner = Layer::new().with_auth(HmacAuth::new("secret"));
    let config = ManagementConfig::new()
        .with_app_id(GUARDED)
        .with_inner(inner);
    node.begin(at(0), config).unwrap();
    node
}

/// Alice introduces herself, or takes her leave. The layers are the owner's business, who
/// says what passed them.
fn say(
    node: &mut Discovery<u16>,
    kind: MessageType,
    app: &'static str,
    data: &'static str,
    from: u16,
) {
    let mut message = message(kind, "alice", data);
    if app == GUARDED {
        message.uri = GUARDED.into();
    }
    let origin = Origin {
        network: None,
        verified: app == GUARDED,
    };
    node.handle_from(at(1), from, origin, &message);
}

#[test]
fn who_is_vouched_for_loses_nothing_to_those_who_are_not() {
    let mut node = node();
    say(&mut node, types::ADVERTISE_PEER, GUARDED, "hers", 1);
    let alice = known(Peer::new("alice").with_data("hers"), &[1], SECOND);
    assert_eq!(events(&mut node), [PeerEvent::Added(alice.clone())]);
    assert!(node.peers().is_vouched(1));
    // A stranger repeats what she said, says something else, and takes her leave, from
    // everywhere.
    for from in [1, 2, 3, 4, 5] {
        say(&mut node, types::ADVERTISE_PEER, "", "hers", from);
        assert_eq!(events(&mut node), [refused(from, PeerRefused::NotVouched)]);
        say(&mut node, types::ADVERTISE_PEER, "", "not hers", from);
        assert_eq!(events(&mut node), [refused(from, PeerRefused::NotVouched)]);
    }
    say(&mut node, types::DISCONNECT, "", "hers", 1);
    assert_eq!(events(&mut node), [refused(1, PeerRefused::NotVouched)]);
    assert_eq!(node.peers().get(b"alice"), Some(alice.clone()));
    say(&mut node, types::DISCONNECT, GUARDED, "hers", 1);
    assert!(matches!(events(&mut node)[..], [PeerEvent::Removed { .. }]));
}

#[test]
fn who_is_vouched_for_takes_back_an_id_and_an_address() {
    let mut node = node();
    // A stranger is first with her id, at all the places that she may have, and another one
    // at her address.
    for from in [2, 3, 4, 5] {
        say(&mut node, types::ADVERTISE_PEER, "", "not hers", from);
    }
    assert!(advertise(&mut node, 1, 1, "mallory"));
    assert!(!node.peers().is_vouched(2) && !node.peers().is_vouched(1));
    events(&mut node);
    say(&mut node, types::ADVERTISE_PEER, GUARDED, "hers", 1);
    let alice = known(Peer::new("alice").with_data("hers"), &[1], SECOND);
    let told = events(&mut node);
    assert!(
        matches!(
            &told[..],
            [
                PeerEvent::Removed { known: one, reason: RemovalReason::Displaced },
                PeerEvent::Removed { known: other, reason: RemovalReason::Displaced },
                PeerEvent::Added(added),
            ] if one.peer.id == "alice" && other.peer.id == "mallory" && *added == alice
        ),
        "{told:?}"
    );
    assert_eq!(node.peers().list(), [alice]);
}

#[test]
fn a_key_that_two_announce_is_told() {
    let mut node = super::node("me");
    let mut introduce = |id: &'static str, key: u8, from: u16| {
        let key = crate::packify::Value::Bytes(alloc::vec![key; 32]);
        let data = crate::packify::Dict::from_pairs([("pubkey".into(), key)]).unwrap();
        let data = crate::packify::Value::from(data).to_vec().unwrap();
        let packed = DefaultPeerPlugin
            .pack(&Peer::new(id).with_data(data))
            .unwrap();
        let message = Message::new(types::ADVERTISE_PEER, APP, packed);
        node.handle(at(1), from, &message);
        let shared = events(&mut node)
            .into_iter()
            .filter_map(|event| match event {
                PeerEvent::KeyShared { known, others } => Some((known.peer.id, others)),
                _ => None,
            });
        shared.collect::<Vec<_>>()
    };
    assert_eq!(introduce("alice", 1, 1), []);
    assert_eq!(introduce("bob", 2, 2), []);
    let alice = || alloc::vec![Bytes::from_static(b"alice")];
    assert_eq!(introduce("mallory", 1, 3), [("mallory".into(), alice())]);
    // Said once, until something changes.
    assert_eq!(introduce("mallory", 1, 3), []);
    assert_eq!(
        introduce("mallory", 2, 3),
        [("mallory".into(), alloc::vec!["bob".into()])]
    );
    assert_eq!(introduce("bob", 3, 2), []);
    // Who has another key by now is not named.
    assert_eq!(
        introduce("carol", 2, 4),
        [("carol".into(), alloc::vec!["mallory".into()])]
    );
    // However many there are, and however often they change.
    for round in 0..3000u16 {
        introduce("dave", (round % 200) as u8 + 10, 5);
    }
}
