//! Nodes that come back with another id, and two that have one id.

use netaio_driver::core::plugin::{DefaultPeerPlugin, PeerPlugin};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    IntroductionError, ManagementConfig, ManagementError, Message, Peer, PeerRefused, RemovalReason,
};
use netaio_driver::{BuildError, PeerEvent, PeerManagementError, Runtime, UdpNode};
use std::time::Duration;

use super::layers::hmac;
use super::node_peers::{came, gone, peer, says};
use super::raw_node::{RawNode, bind_node};

/// An introduction.
fn introduction(peer: &Peer) -> Message {
    Message::new(
        ADVERTISE_PEER,
        "netaio",
        DefaultPeerPlugin.pack(peer).unwrap(),
    )
}

/// Who is known at an address is asked before another one gets it, and stays if it answers.
pub async fn who_is_there_is_asked_before_another_takes_its_address<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .local_peer(peer("node"))
        .manage_peers(ManagementConfig::new());
    let node = bind_node(node).await;
    let (raw, to) = (RawNode::<R>::new().await, node.local_addr());
    let mut events = node.peers().events();
    raw.send(&says(ADVERTISE_PEER, &peer("alive")), to).await;
    assert_eq!(raw.receive().await.message_type, PEER_DISCOVERED);
    assert!(matches!(events.next().await, Some(PeerEvent::Added(_))));
    for asked in [true, false] {
        raw.send(&says(ADVERTISE_PEER, &peer("forged")), to).await;
        let refused = PeerEvent::Refused {
            address: Some(raw.address()),
            reason: IntroductionError::Refused(PeerRefused::AddressTaken),
        };
        assert_eq!(events.next().await, Some(refused));
        if asked {
            assert_eq!(raw.receive().await.message_type, ADVERTISE_PEER);
        }
        raw.send(&says(PEER_DISCOVERED, &peer("alive")), to).await;
        // It is not asked a second time: the next message is an answer to this.
        raw.send(&says(ADVERTISE_PEER, &peer("alive")), to).await;
        assert_eq!(raw.receive().await.message_type, PEER_DISCOVERED);
    }
    assert_eq!(node.peers().at(raw.address()).unwrap().peer, peer("alive"));
    assert_eq!(node.peers().len(), 1);
}

/// A node that crashed, and is back with another id, is known by it as soon as it says so
/// behind the right secret.
pub async fn who_crashed_and_is_back_is_known_at_once<R: Runtime>() {
    let guarded = |id| {
        let node = UdpNode::<R>::builder().auth(hmac("secret"));
        node.local_peer(peer(id))
            .manage_peers(ManagementConfig::new())
    };
    let node = bind_node(guarded("node")).await;
    let mut events = node.peers().events();
    let old = bind_node(guarded("old")).await;
    let address = old.local_addr();
    let said = introduction(&peer("old"));
    old.send(node.local_addr(), said).await.unwrap();
    came(&node, "old").await;
    // The node learns of it by its socket only; it says no farewell.
    let farewell = old.stop_within(Duration::ZERO);
    farewell.await;
    let new = loop {
        let bound = guarded("new").no_group().bind(address).await;
        match bound {
            Ok(node) => break node,
            Err(BuildError::Bind { .. }) => super::support::yield_times(1).await,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(matches!(events.next().await, Some(PeerEvent::Added(_))));
    let said = introduction(&peer("new"));
    new.send(node.local_addr(), said).await.unwrap();
    let (known, reason) = gone(&mut events).await;
    assert_eq!(
        (known.peer, reason),
        (peer("old"), RemovalReason::Displaced)
    );
    let known = came(&node, "new").await;
    assert_eq!(known.addresses, [address]);
    assert_eq!(node.peers().len(), 1);
    // Both know each other.
    came(&new, "node").await;
}

/// A silence that one lost advertisement makes is no timeout.
pub async fn a_timeout_under_two_periods_is_refused<R: Runtime>() {
    let seconds = Duration::from_secs;
    let config = ManagementConfig::new().with_every(Some(seconds(20)));
    let short = config.clone().with_timeout(Some(seconds(39)));
    let refused = PeerManagementError::Management(ManagementError::TimeoutTooShort {
        timeout: seconds(39),
        every: seconds(20),
    });
    let node = UdpNode::<R>::builder().local_peer(peer("node"));
    let node = node.manage_peers(short.clone()).no_group();
    let error = node.bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(error, BuildError::Peers(error) if error == refused));
    let node = bind_node(UdpNode::<R>::builder().local_peer(peer("node"))).await;
    assert_eq!(node.manage_peers(short), Err(refused));
    let enough = config.with_timeout(Some(seconds(40)));
    assert_eq!(node.manage_peers(enough), Ok(()));
}
