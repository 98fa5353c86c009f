//! The peers of UDP nodes: how they find one another, change and go, and those that are kept by hand.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netaio_driver::core::plugin::{DefaultPeerPlugin, PeerPlugin};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    Layer, Limits, ManagementConfig, MessageType, Peer, PeerChange, PeerRefused, RemovalReason,
};
use netaio_driver::{KnownPeer, PeerEvent, PeerEvents, Runtime, Server, UdpNode, UdpNodeBuilder};

use super::groups::{member, neighbours};
use super::layers::inner_hmac;
use super::node_publishing::with_news;
use super::raw::{frame, frame_with_bad_checksum};
use super::raw_node::{RawNode, bind_node};
use super::support::{GiveUp, assert_message, plain_pair, poll_times, yield_times};

/// How long a silent peer is waited for, where it is to go.
pub(super) const SOON: Duration = Duration::from_millis(50);

/// Management that advertises once, and lets nobody go for their silence.
pub(super) fn managed() -> ManagementConfig {
    ManagementConfig::new().with_every(None).with_timeout(None)
}

/// Management that advertises all the time, and soon misses the silent.
pub(super) fn busy() -> ManagementConfig {
    managed()
        .with_every(Some(SOON / 10))
        .with_timeout(Some(SOON))
}

pub(super) fn peer(id: &'static str) -> Peer {
    Peer::new(id).with_data(format!("data of {id}"))
}

/// A node that meets others in the group and manages its peers.
pub(super) fn known_as<R: Runtime>(
    id: &'static str,
    config: ManagementConfig,
) -> UdpNodeBuilder<R> {
    member().local_peer(peer(id)).manage_peers(config)
}

/// Two nodes that have found each other, `a` and `b`. Nothing more is on its way
/// between them: what is sent to a node may overtake what is sent to its group.
pub(super) async fn acquainted<R: Runtime>() -> Option<[UdpNode<R>; 2]> {
    let nodes = neighbours(|number| member().local_peer(peer(["a", "b"][number])));
    let [one, two] = nodes.await?;
    one.manage_peers(managed()).unwrap();
    while two.metrics().datagrams.received == 0 {
        yield_times(1).await;
    }
    two.manage_peers(managed()).unwrap();
    came(&one, "b").await;
    came(&two, "a").await;
    Some([one, two])
}

/// Waits until a peer is listed.
pub(super) async fn came<R: Runtime>(node: &UdpNode<R>, id: &str) -> KnownPeer {
    let mut events = node.peers().events();
    loop {
        if let Some(known) = node.peers().get(id) {
            return known;
        }
        events.next().await.expect("the node is there");
    }
}

/// The next event, which is that a peer is gone.
pub(super) async fn gone(events: &mut PeerEvents) -> (KnownPeer, RemovalReason) {
    match events.next().await {
        Some(PeerEvent::Removed { peer, reason }) => (peer, reason),
        other => panic!("{other:?}"),
    }
}

/// What a peer says of itself.
pub(super) fn says(kind: MessageType, peer: &Peer) -> Vec<u8> {
    frame(kind, "netaio", DefaultPeerPlugin.pack(peer).unwrap())
}

pub(super) fn ids<R: Runtime>(node: &UdpNode<R>) -> Vec<String> {
    let peers = node.peers().list().into_iter();
    peers
        .map(|known| String::from_utf8(known.peer.id.to_vec()).unwrap())
        .collect()
}

/// Sees to it that a node has taken all that it was sent before.
pub(super) async fn settled<R: Runtime>(node: &UdpNode<R>, raw: &RawNode<R>) {
    let key = (REQUEST_URI, "settled", raw.address());
    node.on(key, || "", Layer::new()).unwrap();
    raw.send(&frame(REQUEST_URI, "settled", ""), node.local_addr())
        .await;
    loop {
        let answer = raw.receive().await;
        if answer.uri == "settled" {
            return;
        }
    }
}

/// Nodes of one group find one another, with their data and addresses, and none
/// finds itself.
pub async fn nodes_find_one_another<R: Runtime>() {
    const IDS: [&str; 3] = ["a", "b", "c"];
    let nodes = neighbours::<R, 3>(|number| known_as(IDS[number], managed())).await;
    let Some(nodes) = nodes else {
        return;
    };
    for (number, node) in nodes.iter().enumerate() {
        for (other, id) in IDS.into_iter().enumerate() {
            if other == number {
                continue;
            }
            let known = came(node, id).await;
            assert_eq!(known.peer, peer(id));
            let address = nodes[other].local_addr();
            assert_eq!(known.addresses, [address]);
            // It may be heard again meanwhile.
            let remote = node.remote(address);
            for found in [node.peers().at(address), node.peers().of(remote)] {
                let found = found.map(|found| (found.peer, found.addresses));
                assert_eq!(found, Some((peer(id), vec![address])));
            }
        }
        let others: Vec<_> = IDS.into_iter().filter(|id| *id != IDS[number]).collect();
        assert_eq!(ids(node), others);
        assert_eq!(node.peers().local(), Some(peer(IDS[number])));
        assert!(node.peers().at(node.local_addr()).is_none());
    }
}

/// A node advertises itself as soon as it manages peers, again and again, and
/// whenever it is somebody else.
pub async fn a_node_advertises_itself<R: Runtime>() {
    let node = member::<R>().local_peer(peer("a"));
    let node = node.bind("127.0.0.1:0").await.unwrap();
    let Some(raw) = RawNode::beside(&node).await else {
        return;
    };
    node.manage_peers(managed()).unwrap();
    let (seen, from) = raw.receive_from().await;
    let packed = |peer: &Peer| DefaultPeerPlugin.pack(peer).unwrap();
    assert_message(&seen, ADVERTISE_PEER, "netaio", packed(&peer("a")));
    assert_eq!(from, node.local_addr());
    let changed = Peer::new("a").with_data("changed");
    node.peers().set_local(changed.clone()).unwrap();
    let seen = raw.receive().await;
    assert_message(&seen, ADVERTISE_PEER, "netaio", packed(&changed));
    assert_eq!(node.peers().local(), Some(changed.clone()));
    node.manage_peers(busy().with_app_id("busy")).unwrap();
    for _ in 0..5 {
        let seen = raw.receive().await;
        assert_message(&seen, ADVERTISE_PEER, "busy", packed(&changed));
    }
}

/// A peer that says something new of itself has changed; one with another id is
/// another, once the old one is missed.
pub async fn a_peer_changes<R: Runtime>() {
    let Some([one, two]) = acquainted::<R>().await else {
        return;
    };
    let mut events = two.peers().events();
    one.peers()
        .set_local(Peer::new("a").with_data("1"))
        .unwrap();
    match events.next().await {
        Some(PeerEvent::Updated(known)) => {
            assert_eq!(known.peer, Peer::new("a").with_data("1"));
            assert_eq!(known.addresses, [one.local_addr()]);
        }
        other => panic!("{other:?}"),
    }
    two.manage_peers(busy().with_app_id("other")).unwrap();
    one.manage_peers(busy().with_app_id("other")).unwrap();
    one.peers().set_local(peer("new")).unwrap();
    let known = came(&two, "new").await;
    assert_eq!(known.addresses, [one.local_addr()]);
    assert!(two.peers().get("a").is_none());
}

/// A peer goes as its node stops, or stops managing peers, and comes back as it
/// begins anew.
pub async fn a_peer_leaves<R: Runtime>() {
    let Some([one, two]) = acquainted::<R>().await else {
        return;
    };
    let mut events = two.peers().events();
    assert!(one.stop_peer_management("netaio").await);
    assert!(!one.stop_peer_management("netaio").await);
    let (left, reason) = gone(&mut events).await;
    assert_eq!((left.peer, reason), (peer("a"), RemovalReason::Disconnect));
    assert!(two.peers().is_empty());
    // It knows the others still.
    assert_eq!(ids(&one), ["b"]);
    one.manage_peers(managed()).unwrap();
    assert!(matches!(events.next().await, Some(PeerEvent::Added(_))));
    one.stop().await;
    let (left, reason) = gone(&mut events).await;
    assert_eq!((left.peer, reason), (peer("a"), RemovalReason::Disconnect));
}

/// A peer that falls silent is missed in time, and its subscriptions go with it.
pub async fn a_silent_peer_is_missed<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .local_peer(peer("node"))
        .manage_peers(managed().with_timeout(Some(SOON)));
    let node = bind_node(with_news(node)).await;
    let raw = RawNode::<R>::new().await;
    let mut events = node.peers().events();
    raw.send(&says(ADVERTISE_PEER, &peer("raw")), node.local_addr())
        .await;
    let remote = node.remote(raw.address());
    node.publisher().subscribe("news", remote).unwrap();
    assert!(matches!(events.next().await, Some(PeerEvent::Added(_))));
    let (left, reason) = gone(&mut events).await;
    assert_eq!((left.peer, reason), (peer("raw"), RemovalReason::TimedOut));
    assert_eq!(node.publisher().subscribers("news"), 0);
    assert!(node.peers().is_empty());
}

/// Every valid message of a peer is a sign of life, and no other is.
pub async fn every_valid_message_is_a_sign_of_life<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .local_peer(peer("node"))
        .manage_peers(managed())
        .on(CREATE_URI, || "never")
        .inner_auth(inner_hmac("admin"));
    let node = bind_node(node).await;
    let (raw, other) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    let to = node.local_addr();
    raw.send(&says(ADVERTISE_PEER, &peer("raw")), to).await;
    let mut last = came(&node, "raw").await.last_heard;
    for valid in [
        frame(REQUEST_URI, "unknown", ""),
        frame(NOTIFY_URI, "u", ""),
        frame(RESPOND_URI, "u", ""),
        says(PEER_DISCOVERED, &peer("raw")),
        frame(ADVERTISE_PEER, "another app", ""),
    ] {
        // The clock may be coarse.
        while node.peers().get("raw").unwrap().last_heard == last {
            raw.send(&valid, to).await;
            settled(&node, &other).await;
        }
        last = node.peers().get("raw").unwrap().last_heard;
    }
    // An answer is one too, whether somebody still waits for it or not.
    for given_up in [false, true] {
        let mut waiting = node.request(raw.address(), "u").into_future();
        assert!(
            poll_times(waiting.as_mut(), 1, GiveUp::AtOnce)
                .await
                .is_none()
        );
        // Past the answers to what it asked.
        while raw.receive().await.message_type != REQUEST_URI {}
        let waiting = (!given_up).then_some(waiting);
        let answered = frame(RESPOND_URI, "u", "");
        while node.peers().get("raw").unwrap().last_heard == last {
            raw.send(&answered, to).await;
            settled(&node, &other).await;
        }
        if let Some(waiting) = waiting {
            waiting.await.unwrap();
        }
        last = node.peers().get("raw").unwrap().last_heard;
    }
    let now = Instant::now();
    while Instant::now() == now {}
    for invalid in [
        b"garbage".to_vec(),
        frame_with_bad_checksum(NOTIFY_URI, "u"),
        frame(CREATE_URI, "u", ""),
    ] {
        raw.send(&invalid, to).await;
    }
    settled(&node, &other).await;
    let counters = node.metrics().datagrams;
    assert_eq!((counters.malformed, counters.refused), (2, 1));
    assert_eq!(node.peers().get("raw").unwrap().last_heard, last);
}

/// An application may keep the table itself.
pub async fn peers_can_be_kept_by_hand<R: Runtime>() {
    let limits = Limits::default()
        .with_peer_addresses(2)
        .and_then(|limits| limits.with_peers(2))
        .and_then(|limits| limits.with_peer_data(10))
        .unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .local_peer(peer("me"));
    let node = bind_node(node).await;
    let (peers, mut events) = (node.peers(), node.peers().events());
    let at = |port| node.remote(SocketAddr::from(([127, 0, 0, 1], port)));
    let add = |id: &'static str, data: &'static str, port| {
        peers.add(Peer::new(id).with_data(data), at(port))
    };
    assert_eq!(add("a", "1", 1), Ok(PeerChange::Added));
    assert_eq!(add("a", "1", 1), Ok(PeerChange::Unchanged));
    assert_eq!(add("a", "2", 1), Ok(PeerChange::Updated));
    assert_eq!(add("a", "2", 2), Ok(PeerChange::Updated));
    assert_eq!(add("b", "", 3), Ok(PeerChange::Added));
    assert_eq!(
        add("a", "2", 4),
        Err(PeerRefused::TooManyAddresses { max: 2 })
    );
    assert_eq!(add("a", "2", 3), Err(PeerRefused::AddressTaken));
    assert_eq!(add("c", "", 4), Err(PeerRefused::TooMany { max: 2 }));
    assert_eq!(add("me", "", 4), Err(PeerRefused::Local));
    assert_eq!(add("", "", 4), Err(PeerRefused::NoId));
    let long = PeerRefused::TooMuchData { len: 11, max: 10 };
    assert_eq!(add("c", "eleven byte", 4), Err(long));
    let pair = plain_pair(Server::<R>::builder()).await;
    let elsewhere = peers.add(Peer::new("c"), &pair.connection);
    assert_eq!(elsewhere, Err(PeerRefused::NotConnected));

    assert_eq!((peers.len(), peers.is_empty()), (2, false));
    assert_eq!(ids(&node), ["a", "b"]);
    let known = peers.get("a").unwrap();
    assert_eq!(known.peer, Peer::new("a").with_data("2"));
    let address = |port| at(port).addr().unwrap();
    assert_eq!(known.addresses, [address(1), address(2)]);
    assert_eq!(peers.at(address(2)).as_ref(), Some(&known));
    assert_eq!(peers.of(at(1)), Some(known));
    assert_eq!((peers.at(address(4)), peers.of(at(4))), (None, None));

    peers.remove_remote(at(1));
    peers.remove_remote(at(1));
    assert_eq!(peers.get("a").unwrap().addresses, [address(2)]);
    peers.remove_remote(at(2));
    assert_eq!(peers.remove("b").unwrap().addresses, [address(3)]);
    assert_eq!(peers.remove("b"), None);
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(match events.next().await.unwrap() {
            PeerEvent::Added(known) => format!("{:?} came", known.peer.id),
            PeerEvent::Updated(known) => format!("{:?} changed", known.peer.id),
            PeerEvent::AddressRemoved {
                peer,
                address,
                reason,
            } => {
                let port = address.unwrap().port();
                format!("{:?} left {port}: {reason:?}", peer.peer.id)
            }
            PeerEvent::Removed { peer, reason } => format!("{:?} gone: {reason:?}", peer.peer.id),
            other => panic!("{other:?}"),
        });
    }
    let expected = [
        "b\"a\" came",
        "b\"a\" changed",
        "b\"a\" changed",
        "b\"b\" came",
        "b\"a\" left 1: Application",
        "b\"a\" gone: Application",
        "b\"b\" gone: Application",
    ];
    assert_eq!(seen, expected);
}
