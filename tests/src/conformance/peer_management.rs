//! How UDP nodes manage their peers: for several apps, behind a layer, and what else knows who they are.

use std::net::SocketAddr;
use std::time::Duration;

use netaio_driver::core::plugin::{DefaultPeerPlugin, PeerPlugin, X25519Cipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    Layer, LayerError, Limits, ManagementError, Message, Peer, RemovalReason, SealError, SendError,
};
use netaio_driver::{
    BuildError, Content, PeerEvent, PeerManagementError, RequestError, Runtime, UdpNode,
};

use super::groups::{member, neighbours};
use super::layers::{cipher, hmac, inner_hmac};
use super::node_peers::{came, gone, ids, known_as, managed, peer, says};
use super::node_publishing::with_news;
use super::raw::frame;
use super::raw_node::{RawNode, bind_node, plain_node};
use super::support::assert_message;

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
