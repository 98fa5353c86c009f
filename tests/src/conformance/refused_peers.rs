//! Who is taken for no peer of a UDP node: those who speak for another, are one too many, or introduce
//! nobody.

use netaio_driver::core::plugin::{DefaultPeerPlugin, PeerPlugin};
use netaio_driver::core::types::*;
use netaio_driver::core::{IntroductionError, Limits, Peer, PeerRefused, RemovalReason};
use netaio_driver::{PeerEvent, Runtime, UdpNode};

use super::node_peers::{came, gone, ids, managed, peer, says, settled};
use super::raw::frame;
use super::raw_node::{RawNode, bind_node};
use super::support::assert_message;

/// Nobody speaks for another: not to send it away, and not to change it.
pub async fn nobody_speaks_for_another<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .local_peer(peer("node"))
        .manage_peers(managed());
    let node = bind_node(node).await;
    let (raw, stranger) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    let (to, mut events) = (node.local_addr(), node.peers().events());
    raw.send(&says(ADVERTISE_PEER, &peer("raw")), to).await;
    let answer = raw.receive().await;
    let packed = DefaultPeerPlugin.pack(&peer("node")).unwrap();
    assert_message(&answer, PEER_DISCOVERED, "netaio", packed);
    assert!(matches!(events.next().await, Some(PeerEvent::Added(_))));

    let changed = Peer::new("raw").with_data("changed");
    for (what, reason) in [
        (says(DISCONNECT, &peer("raw")), PeerRefused::NotAtAddress),
        (says(ADVERTISE_PEER, &changed), PeerRefused::DataMismatch),
        (says(PEER_DISCOVERED, &changed), PeerRefused::DataMismatch),
    ] {
        stranger.send(&what, to).await;
        match events.next().await {
            Some(PeerEvent::Refused {
                address,
                reason: told,
            }) => {
                assert_eq!(address, Some(stranger.address()));
                assert_eq!(told, IntroductionError::Refused(reason));
            }
            other => panic!("{other:?}"),
        }
    }
    // Who repeats it is perhaps the same; what it says is not taken for more.
    stranger.send(&says(ADVERTISE_PEER, &peer("raw")), to).await;
    assert!(matches!(events.next().await, Some(PeerEvent::Updated(_))));
    stranger.send(&says(DISCONNECT, &peer("raw")), to).await;
    match events.next().await {
        Some(PeerEvent::AddressRemoved {
            peer,
            address,
            reason,
        }) => {
            assert_eq!(peer.addresses, [raw.address()]);
            assert_eq!(
                (address, reason),
                (Some(stranger.address()), RemovalReason::Disconnect)
            );
        }
        other => panic!("{other:?}"),
    }
    raw.send(&says(ADVERTISE_PEER, &changed), to).await;
    assert!(
        matches!(events.next().await, Some(PeerEvent::Updated(known)) if known.peer == changed)
    );
    raw.send(&says(DISCONNECT, &peer("raw")), to).await;
    assert_eq!(gone(&mut events).await.1, RemovalReason::Disconnect);
}

/// One address is one peer, however many names it goes by: it fills no table.
pub async fn one_address_is_one_peer<R: Runtime>() {
    const NAMES: usize = 1000;
    let limits = Limits::default().with_peers(10).unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .local_peer(peer("node"))
        .manage_peers(managed());
    let node = bind_node(node).await;
    let (raw, other) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    for number in 0..NAMES {
        let named = Peer::new(number.to_string()).with_data("");
        let said = says(ADVERTISE_PEER, &named);
        raw.send(&said, node.local_addr()).await;
        // No more at once than a socket holds.
        if number % 100 == 99 {
            settled(&node, &raw).await;
        }
    }
    assert_eq!(ids(&node), ["0"]);
    other
        .send(&says(ADVERTISE_PEER, &peer("other")), node.local_addr())
        .await;
    came(&node, "other").await;
    assert_eq!(ids(&node), ["0", "other"]);
}

/// Who is a peer, an address or a byte too many is refused, and the application is
/// told.
pub async fn who_is_one_too_many_is_refused<R: Runtime>() {
    let limits = Limits::default()
        .with_peers(1)
        .and_then(|limits| limits.with_peer_addresses(1))
        .and_then(|limits| limits.with_peer_data(20))
        .unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .local_peer(peer("node"))
        .manage_peers(managed());
    let node = bind_node(node).await;
    let mut events = node.peers().events();
    let (one, two) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    let large = Peer::new("b").with_data(vec![0; 21]);
    for (raw, peer, refused) in [
        (&one, peer("a"), None),
        (&two, peer("b"), Some(PeerRefused::TooMany { max: 1 })),
        (
            &two,
            peer("a"),
            Some(PeerRefused::TooManyAddresses { max: 1 }),
        ),
        (
            &two,
            large,
            Some(PeerRefused::TooMuchData { len: 21, max: 20 }),
        ),
    ] {
        raw.send(&says(ADVERTISE_PEER, &peer), node.local_addr())
            .await;
        match (events.next().await.unwrap(), refused) {
            (PeerEvent::Added(known), None) => assert_eq!(known.peer, peer),
            (PeerEvent::Refused { address, reason }, Some(refused)) => {
                assert_eq!(address, Some(raw.address()));
                assert_eq!(reason, IntroductionError::Refused(refused));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ids(&node), ["a"]);
}

/// Introductions of nobody, of oneself, or in no shape, are not answered and
/// change nothing.
pub async fn what_is_no_introduction_is_ignored<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .local_peer(peer("node"))
        .manage_peers(managed());
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    let (to, mut events) = (node.local_addr(), node.peers().events());
    for kind in [ADVERTISE_PEER, PEER_DISCOVERED, DISCONNECT] {
        raw.send(&says(kind, &peer("node")), to).await;
        raw.send(&frame(kind, "netaio", "garbage"), to).await;
        raw.send(&says(kind, &Peer::new("").with_data("")), to)
            .await;
        // Not for this app.
        let packed = DefaultPeerPlugin.pack(&peer("raw")).unwrap();
        raw.send(&frame(kind, "other", packed), to).await;
    }
    raw.send(&says(ADVERTISE_PEER, &peer("raw")), to).await;
    assert_eq!(raw.receive().await.message_type, PEER_DISCOVERED);
    assert_eq!(ids(&node), ["raw"]);
    let mut came = false;
    for _ in 0..7 {
        match events.next().await.unwrap() {
            PeerEvent::Added(known) => came = known.peer.id == "raw",
            PeerEvent::Refused { reason, .. } => {
                assert!(
                    matches!(reason, IntroductionError::Malformed(_)),
                    "{reason}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(came);
}
