//! Who gives way where there are as many as may be, and who does not.

use std::net::Ipv4Addr;

use netaio_driver::core::plugin::{DefaultPeerPlugin, PeerPlugin};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    CloseReason, IntroductionError, Limits, ManagementConfig, Message, Peer, PeerRefused,
    RemovalReason,
};
use netaio_driver::{
    PeerEvent, Publisher, RefusedConnection, Remote, Reply, Runtime, Server, ServerEvent, UdpEvent,
    UdpNode, Uri,
};

use super::raw::{RawTcp, dial, frame};
use super::raw_node::{RawNode, bind_node};
use super::support::listen;

/// An address of the loopback interface besides the usual one.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);

/// Asks, and says whether there was an answer.
async fn is_served<R: Runtime>(raw: &mut RawTcp<R>) -> bool {
    let sent = raw.write(&frame(REQUEST_URI, "u", "")).await;
    sent.is_ok() && raw.receive().await.is_some_and(|answer| answer.uri == "u")
}

/// Of the connections of a server that is full, the oldest that has brought no valid
/// message is closed for a newcomer. One that has shown itself stays.
pub async fn a_silent_connection_gives_way_to_a_newcomer<R: Runtime>() {
    let limits = Limits::default().with_connections(3).unwrap();
    let server = Server::<R>::builder().limits(limits);
    let server = listen(server.on(REQUEST_URI, || "here")).await;
    let mut events = server.events();
    let mut shown = dial(&server).await;
    assert!(is_served::<R>(&mut shown).await);
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(dial(&server).await);
    }
    for _ in 0..3 {
        assert!(matches!(
            events.next().await,
            Some(ServerEvent::Connected(_))
        ));
    }
    let mut newcomers = Vec::new();
    for (number, mut oldest) in silent.into_iter().enumerate() {
        let mut newcomer = dial(&server).await;
        assert!(is_served::<R>(&mut newcomer).await);
        assert_eq!(oldest.receive().await, None);
        let mut closed = None;
        for _ in 0..2 {
            match events.next().await {
                Some(ServerEvent::Connected(_)) => {}
                Some(ServerEvent::Closed { reason, .. }) => closed = Some(reason),
                other => panic!("another event: {other:?}"),
            }
        }
        assert_eq!(closed, Some(CloseReason::Displaced));
        assert_eq!(server.metrics().displaced, number as u64 + 1);
        newcomers.push(newcomer);
    }
    // All have shown themselves.
    let mut late = dial(&server).await;
    assert!(!is_served::<R>(&mut late).await);
    let refused = events.next().await;
    let Some(ServerEvent::Refused { reason, .. }) = refused else {
        panic!("another event: {refused:?}");
    };
    assert_eq!(reason, RefusedConnection::TooMany { max: 3 });
    newcomers.push(shown);
    for connection in &mut newcomers {
        assert!(is_served::<R>(connection).await);
    }
}

/// Where the number of connections from one address is limited, one more is refused.
pub async fn an_address_may_have_so_many_connections<R: Runtime>() {
    let limits = Limits::default().with_connections_per_address(Some(2));
    let server = Server::<R>::builder().limits(limits.unwrap());
    let server = listen(server.on(REQUEST_URI, || "here")).await;
    let mut events = server.events();
    let (mut one, mut two) = (dial(&server).await, dial(&server).await);
    for connection in [&mut one, &mut two] {
        assert!(is_served::<R>(connection).await);
        let connected = events.next().await;
        assert!(matches!(connected, Some(ServerEvent::Connected(_))));
    }
    let mut three = dial(&server).await;
    assert_eq!(three.receive().await, None);
    let refused = events.next().await;
    let Some(ServerEvent::Refused { reason, .. }) = refused else {
        panic!("another event: {refused:?}");
    };
    assert_eq!(reason, RefusedConnection::TooManyOfAddress { max: 2 });
    drop(one);
    let closed = events.next().await;
    assert!(matches!(closed, Some(ServerEvent::Closed { .. })));
    assert!(is_served::<R>(&mut dial(&server).await).await);
}

/// An address that fills the table of subscriptions of a node without auth loses its
/// oldest ones to others, which is told.
pub async fn a_subscriber_of_a_crowd_gives_way_to_a_newcomer<R: Runtime>() {
    let Some(elsewhere) = RawNode::<R>::at(ELSEWHERE).await else {
        return;
    };
    let limits = Limits::default()
        .with_subscribers(20)
        .and_then(|limits| limits.with_subscription_bytes(160_000))
        .unwrap();
    let subscribe = |uri: Uri, who: Remote, publisher: Publisher| {
        let subscribed = publisher.subscribe(uri.0, who);
        subscribed.map_err(|error| Reply::error(error.to_string()))?;
        Ok::<_, Reply>("")
    };
    let node = UdpNode::<R>::builder().limits(limits);
    let node = bind_node(node.on(SUBSCRIBE_URI, subscribe)).await;
    let mut events = node.events();
    let mut crowd = Vec::new();
    for number in 0..21 {
        let raw = RawNode::<R>::new().await;
        // Long keys, so that they take much.
        let key = format!("{number:0>2000}");
        raw.send(&frame(SUBSCRIBE_URI, &key, ""), node.local_addr())
            .await;
        let answer = raw.receive().await;
        let expected = match number {
            20 => ERROR,
            _ => CONFIRM_SUBSCRIBE,
        };
        assert_eq!(answer.message_type, expected, "{answer:?}");
        crowd.push((raw, key));
    }
    let ask = frame(SUBSCRIBE_URI, "mine", "");
    elsewhere.send(&ask, node.local_addr()).await;
    assert_eq!(elsewhere.receive().await.message_type, CONFIRM_SUBSCRIBE);
    let (oldest, key) = &crowd[0];
    match events.next().await {
        Some(UdpEvent::Unsubscribed { remote }) => assert_eq!(remote, oldest.address()),
        other => panic!("another event: {other:?}"),
    }
    let publisher = node.publisher();
    assert_eq!(publisher.subscribers(key), 0);
    assert_eq!(publisher.subscribers(&crowd[1].1), 1);
    let news = Message::notify("mine", "1");
    assert_eq!(publisher.notify("mine", &news).unwrap().accepted(), 1);
    assert_eq!(elsewhere.receive().await.content, "1");
}

/// So does the peer that was silent for the longest time of an address that fills the
/// table of peers.
pub async fn a_peer_of_a_crowd_gives_way_to_a_newcomer<R: Runtime>() {
    let Some(elsewhere) = RawNode::<R>::at(ELSEWHERE).await else {
        return;
    };
    let limits = Limits::default().with_peers(8).unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .local_peer(Peer::new("node"))
        .manage_peers(ManagementConfig::new());
    let node = bind_node(node).await;
    let mut events = node.peers().events();
    let introduce = |id: String| {
        let packed = DefaultPeerPlugin.pack(&Peer::new(id)).unwrap();
        frame(PEER_DISCOVERED, "netaio", packed)
    };
    let mut crowd = Vec::new();
    for number in 0..9 {
        let raw = RawNode::<R>::new().await;
        raw.send(&introduce(number.to_string()), node.local_addr())
            .await;
        match events.next().await {
            Some(PeerEvent::Added(peer)) => assert_eq!(peer.addresses, [raw.address()]),
            Some(PeerEvent::Refused { reason, .. }) if number == 8 => {
                let full = PeerRefused::TooMany { max: 8 };
                assert_eq!(reason, IntroductionError::Refused(full));
            }
            other => panic!("another event: {other:?}"),
        }
        crowd.push(raw);
    }
    let said = introduce("elsewhere".into());
    elsewhere.send(&said, node.local_addr()).await;
    match events.next().await {
        Some(PeerEvent::Removed { peer, reason }) => {
            assert_eq!(reason, RemovalReason::Displaced);
            assert_eq!(peer.addresses, [crowd[0].address()]);
        }
        other => panic!("another event: {other:?}"),
    }
    match events.next().await {
        Some(PeerEvent::Added(peer)) => assert_eq!(peer.peer.id, "elsewhere"),
        other => panic!("another event: {other:?}"),
    }
    assert_eq!(node.peers().list().len(), 8);
}
