//! The peers of UDP nodes: how they find one another, change and go, and who
//! cannot pass for them.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netaio_driver::core::plugin::{DefaultPeerPlugin, PeerPlugin, X25519Cipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    IntroductionError, Layer, LayerError, Limits, ManagementConfig, ManagementError, Message,
    MessageType, Peer, PeerChange, PeerRefused, RemovalReason, SealError, SendError,
};
use netaio_driver::{
    BuildError, Content, KnownPeer, PeerEvent, PeerEvents, PeerManagementError, RequestError,
    Runtime, Server, UdpNode, UdpNodeBuilder,
};

use super::groups::{member, neighbours};
use super::layers::{cipher, hmac, inner_hmac};
use super::node_publishing::with_news;
use super::raw::{frame, frame_with_bad_checksum};
use super::raw_node::{RawNode, bind_node, plain_node};
use super::support::{GiveUp, assert_message, plain_pair, poll_times, yield_times};

/// How long a silent peer is waited for, where it is to go.
const SOON: Duration = Duration::from_millis(50);

/// Management that advertises once, and lets nobody go for their silence.
pub(super) fn managed() -> ManagementConfig {
    ManagementConfig::new().with_every(None).with_timeout(None)
}

/// Management that advertises all the time, and soon misses the silent.
fn busy() -> ManagementConfig {
    managed()
        .with_every(Some(SOON / 10))
        .with_timeout(Some(SOON))
}

pub(super) fn peer(id: &'static str) -> Peer {
    Peer::new(id).with_data(format!("data of {id}"))
}

/// A node that meets others in the group and manages its peers.
fn known_as<R: Runtime>(id: &'static str, config: ManagementConfig) -> UdpNodeBuilder<R> {
    member().local_peer(peer(id)).manage_peers(config)
}

/// Two nodes that have found each other, `a` and `b`. Nothing more is on its way
/// between them: what is sent to a node may overtake what is sent to its group.
async fn acquainted<R: Runtime>() -> Option<[UdpNode<R>; 2]> {
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

fn ids<R: Runtime>(node: &UdpNode<R>) -> Vec<String> {
    let peers = node.peers().list().into_iter();
    peers
        .map(|known| String::from_utf8(known.peer.id.to_vec()).unwrap())
        .collect()
}

/// Sees to it that a node has taken all that it was sent before.
async fn settled<R: Runtime>(node: &UdpNode<R>, raw: &RawNode<R>) {
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

/// Applications do not see each other's peers come; a node may manage several,
/// and stop each for itself, and all of them as it stops.
pub async fn app_ids_are_managed_apart<R: Runtime>() {
    let node = member::<R>().local_peer(peer("node"));
    let node = node.bind("127.0.0.1:0").await.unwrap();
    let Some(raw) = RawNode::beside(&node).await else {
        return;
    };
    let packed = |id| DefaultPeerPlugin.pack(&peer(id)).unwrap();
    for app in ["one", "two", "three"] {
        node.manage_peers(managed().with_app_id(app)).unwrap();
        let seen = raw.receive().await;
        assert_message(&seen, ADVERTISE_PEER, app, packed("node"));
    }
    assert!(!node.stop_peer_management("four").await);
    assert!(node.stop_peer_management("two").await);
    let seen = raw.receive().await;
    assert_message(&seen, DISCONNECT, "two", packed("node"));
    for (app, answered) in [("two", false), ("four", false), ("three", true)] {
        let said = frame(ADVERTISE_PEER, app, packed("raw"));
        raw.send(&said, node.local_addr()).await;
        if answered {
            let seen = raw.receive().await;
            assert_message(&seen, PEER_DISCOVERED, app, packed("node"));
        }
    }
    node.stop().await;
    for app in ["one", "three"] {
        let seen = raw.receive().await;
        assert_message(&seen, DISCONNECT, app, packed("node"));
    }
}

/// The layer that is given to the management is for its traffic only, and whoever
/// has it not is not seen.
pub async fn management_has_a_layer_of_its_own<R: Runtime>() {
    let layers = ["peers", "peers", "wrong"].map(|secret| {
        let cipher = cipher(secret).with_iv_field("vi").with_plain_uri();
        Layer::new()
            .with_auth(inner_hmac(secret))
            .with_cipher(cipher)
    });
    let nodes = neighbours::<R, 3>(|number| {
        let config = managed().with_inner(layers[number].clone());
        known_as(["a", "b", "c"][number], config)
            .auth(hmac("outer"))
            .on(REQUEST_URI, |content: Content| content)
    });
    let Some([one, two, three]) = nodes.await else {
        return;
    };
    came(&one, "b").await;
    came(&two, "a").await;
    for node in [&one, &two] {
        // What came before to the group may be taken later than this.
        loop {
            let request = three.request(node.local_addr(), "u").content("x");
            assert_message(&request.await.unwrap(), RESPOND_URI, "u", "x");
            if node.metrics().datagrams.refused > 0 {
                break;
            }
        }
        assert!(node.peers().get("c").is_none());
    }
    assert!(three.peers().is_empty());
    // Nor can its leave be forged.
    let forged = Message::new(
        DISCONNECT,
        "netaio",
        DefaultPeerPlugin.pack(&peer("b")).unwrap(),
    );
    two.send(one.local_addr(), forged).await.unwrap();
    let request = two.request(one.local_addr(), "u").content("x");
    assert_message(&request.await.unwrap(), RESPOND_URI, "u", "x");
    assert_eq!(ids(&one), ["b"]);
}

/// What cannot be introduced is an error when management is started, be it with
/// the node, and leaves everything as it was.
pub async fn what_cannot_be_introduced_is_an_error_at_once<R: Runtime>() {
    let limits = Limits::default().with_peer_data(100_000).unwrap();
    let sealed = || {
        UdpNode::<R>::builder()
            .auth(hmac("secret"))
            .limits(limits.clone())
    };
    let nobody = bind_node(sealed()).await;
    let management = |error| Err(PeerManagementError::Management(error));
    assert_eq!(
        nobody.manage_peers(managed()),
        management(ManagementError::NoLocalPeer)
    );
    let node = bind_node(sealed().local_peer(peer("node"))).await;
    let with_data = |len| Peer::new("node").with_data(vec![0; len]);
    assert_eq!(
        node.manage_peers(managed().with_every(Some(Duration::ZERO))),
        management(ManagementError::ZeroTime)
    );
    let clash = managed().with_inner(Layer::new().with_auth(hmac("inner")));
    let error = node.manage_peers(clash).unwrap_err();
    assert!(matches!(
        error,
        PeerManagementError::Layer(LayerError::FieldClash(_))
    ));
    // Past the limit, a frame and a datagram.
    for len in [100_001, 70_000, 65_390] {
        let error = match node.peers().set_local(with_data(len)) {
            Ok(()) => node.manage_peers(managed()).unwrap_err(),
            Err(error) => error.into(),
        };
        let text = error.to_string();
        assert!(
            text.contains("introduced") || text.contains("at most"),
            "{text}"
        );
    }
    node.peers().set_local(with_data(65_000)).unwrap();
    node.manage_peers(managed()).unwrap();
    let again = node.manage_peers(managed());
    let expected = ManagementError::AlreadyManaged("netaio".into());
    assert_eq!(again, management(expected));
    // While it is managed, it is looked at where it is changed.
    for len in [100_001, 70_000, 65_390] {
        node.peers().set_local(with_data(len)).unwrap_err();
    }
    assert_eq!(node.peers().local(), Some(with_data(65_000)));

    let address = node.local_addr();
    node.stop().await;
    let builder = || sealed().no_group().manage_peers(managed());
    let error = builder().bind(address).await.unwrap_err();
    assert!(matches!(error, BuildError::Peers(_)), "{error}");
    builder()
        .local_peer(peer("node"))
        .bind(address)
        .await
        .unwrap();
}

/// The events end with their node, however it ends, and those that are asked for
/// later end at once.
pub async fn the_events_end_with_their_node<R: Runtime>() {
    let node = plain_node::<R>().await;
    let (peers, mut events) = (node.peers().clone(), node.peers().events());
    let remote = node.remote(SocketAddr::from(([127, 0, 0, 1], 1)));
    peers.add(peer("a"), &remote).unwrap();
    node.stop().await;
    assert!(matches!(events.next().await, Some(PeerEvent::Added(_))));
    assert_eq!(events.next().await, None);
    assert_eq!(peers.events().next().await, None);
    assert_eq!(peers.len(), 1);

    let node = plain_node::<R>().await;
    let (peers, mut events) = (node.peers().clone(), node.peers().events());
    drop(node);
    assert_eq!(events.next().await, None);
    assert_eq!(peers.events().next().await, None);
}

/// Whoever is known no more has no subscriptions left, whatever the reason, and
/// whoever is still known keeps its own.
pub async fn who_is_gone_has_no_subscriptions<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .local_peer(peer("node"))
        .manage_peers(managed());
    let node = bind_node(with_news(node)).await;
    let (publisher, peers) = (node.publisher(), node.peers());
    let (mut events, to) = (peers.events(), node.local_addr());
    let raws = [
        RawNode::<R>::new().await,
        RawNode::<R>::new().await,
        RawNode::<R>::new().await,
    ];
    let keeps = RawNode::<R>::new().await;
    let remote = node.remote(keeps.address());
    publisher.subscribe("news", remote).unwrap();
    for (id, raw) in ["a", "a", "b"].into_iter().zip(&raws) {
        raw.send(&says(PEER_DISCOVERED, &peer(id)), to).await;
        events.next().await.unwrap();
        raw.send(&frame(SUBSCRIBE_URI, "news", ""), to).await;
        assert_message(&raw.receive().await, CONFIRM_SUBSCRIBE, "news", "");
    }
    assert_eq!(publisher.subscribers("news"), 4);
    raws[1].send(&says(DISCONNECT, &peer("a")), to).await;
    assert!(matches!(
        events.next().await,
        Some(PeerEvent::AddressRemoved { .. })
    ));
    assert_eq!(publisher.subscribers("news"), 3);
    raws[0].send(&says(DISCONNECT, &peer("a")), to).await;
    assert_eq!(gone(&mut events).await.1, RemovalReason::Disconnect);
    assert_eq!(publisher.subscribers("news"), 2);
    peers.remove("b");
    let subscribed = publisher.subscribed("news");
    assert_eq!(subscribed.len(), 1);
    assert_eq!(subscribed[0].addr(), Some(keeps.address()));
}

/// A cipher between two peers finds their keys in what they say of themselves,
/// and nobody else's.
pub async fn plugins_find_their_peers<R: Runtime>() {
    let ciphers = ["one", "two"].map(|name| {
        let mut seed = [0; 32];
        seed[..3].copy_from_slice(name.as_bytes());
        X25519Cipher::from_seed(seed)
    });
    let nodes = neighbours::<R, 2>(|number| {
        let data = ciphers[number].peer_data();
        member()
            .local_peer(Peer::new(["a", "b"][number]).with_data(data))
            .on(REQUEST_URI, |content: Content| content)
            .inner_cipher(ciphers[number].clone())
    });
    let Some([one, two]) = nodes.await else {
        return;
    };
    let ask = || {
        let layer = Layer::new().with_cipher(ciphers[0].clone());
        let request = one.request(two.local_addr(), "u").content("x");
        async move { request.inner(layer).await }
    };
    let error = ask().await.unwrap_err();
    assert!(
        matches!(
            error,
            RequestError::Send(SendError::Seal(SealError::NoPeer(_)))
        ),
        "{error}"
    );
    for node in [&one, &two] {
        node.manage_peers(managed()).unwrap();
    }
    came(&one, "b").await;
    came(&two, "a").await;
    assert_message(&ask().await.unwrap(), RESPOND_URI, "u", "x");
}
