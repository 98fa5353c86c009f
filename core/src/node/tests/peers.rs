//! Peers over streams.

use super::*;
use crate::error::LayerError;
use crate::node::PeerManagementError;
use crate::peers::{
    IntroductionError, ManagementConfig, ManagementError, PeerEvent, PeerMessage, PeerRefused,
    RemovalReason,
};
use crate::place::Place;
use crate::plugin::Peer;
use crate::subscriptions::SubscribeError;

/// A node that manages peers, and its one link.
struct Host {
    node: Node<u8>,
    link: Link,
}

impl Host {
    fn events(&mut self) -> Vec<PeerEvent<Place>> {
        core::iter::from_fn(|| self.node.poll_event()).collect()
    }

    /// The ids of the peers that it knows.
    fn peers(&self) -> Vec<bytes::Bytes> {
        let known = self.node.peers().list();
        known.iter().map(|known| known.peer.id.clone()).collect()
    }

    /// Says what is to be said of the node, as a driver does.
    fn advertise(&mut self) -> usize {
        let mut said = 0;
        while let Some(PeerMessage { message, inner }) = self.node.poll_advertisement() {
            let options = SendOptions::new().with_inner(inner);
            let sent = self.link.send(NOON, &mut self.node, &message, &options);
            sent.unwrap();
            said += 1;
        }
        said
    }
}

fn managing(name: &'static str, inner: &Layer) -> Node<u8> {
    let mut node = Node::for_streams(LinkConfig::new());
    node.set_local_peer(Peer::new(name)).unwrap();
    let config = ManagementConfig::for_streams().with_inner(inner.clone());
    node.manage_peers(NOON, config).unwrap();
    // There is no link yet to say it by.
    assert!(node.poll_advertisement().is_some());
    node
}

/// A server and a client, just connected.
fn connected(inners: [&Layer; 2]) -> [Host; 2] {
    let [mut server, mut client] = [managing("server", inners[0]), managing("client", inners[1])];
    let link = server.accept(NOON, None, generator(1)).unwrap();
    let server = Host { link, node: server };
    let link = client.connect(NOON, None, generator(2));
    let client = Host { link, node: client };
    [server, client]
}

/// Carries bytes to and fro until both have nothing more to say.
fn run(hosts: &mut [Host; 2]) {
    loop {
        let mut idle = true;
        for (from, to) in [(0, 1), (1, 0)] {
            let from = &mut hosts[from];
            let events = poll(&mut from.link, &mut from.node, NOON);
            let bytes = written(&mut from.link);
            let ends = events
                .iter()
                .any(|event| matches!(event, LinkEvent::Shutdown));
            let to = &mut hosts[to];
            to.link.receive(NOON, &bytes).unwrap();
            if ends {
                to.link.handle_eof(NOON);
            }
            idle &= bytes.is_empty() && !ends;
        }
        if idle {
            return;
        }
    }
}

fn acquainted() -> [Host; 2] {
    let mut hosts = connected([&Layer::new(), &Layer::new()]);
    run(&mut hosts);
    for host in &mut hosts {
        host.events();
    }
    hosts
}

#[test]
fn a_client_introduces_itself_and_the_server_answers() {
    let mut hosts = connected([&Layer::new(), &Layer::new()]);
    // Before anything else that it sends.
    let [_, client] = &mut hosts;
    let (ask, options) = (Message::request("u"), RequestOptions::new());
    client
        .link
        .request(NOON, &mut client.node, &ask, &options)
        .unwrap();
    let bytes = written(&mut client.link);
    let types: Vec<_> = unopened(&bytes).iter().map(|it| it.message_type).collect();
    assert_eq!(types, [types::ADVERTISE_PEER, types::REQUEST_URI]);
    hosts[0].link.receive(NOON, &bytes).unwrap();
    run(&mut hosts);
    for (host, name) in hosts.iter_mut().zip(["client", "server"]) {
        let events = host.events();
        let [PeerEvent::Added(known)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(known.peer.id, name);
        assert_eq!(known.addresses, [host.link.place()]);
        assert_eq!(host.peers(), [name]);
        // However long nothing is said: a link is a sign of life.
        host.node.handle_timeout(after(NOON, 1_000_000 * SECOND));
        assert_eq!((host.events().len(), host.node.deadline()), (0, None));
    }
}

#[test]
fn a_peer_and_its_subscriptions_go_with_their_link() {
    for says_so in [true, false] {
        let mut hosts = acquainted();
        let [server, client] = &mut hosts;
        let place = server.link.place();
        assert_eq!(server.node.subscribe(b"news", place), Ok(true));
        match says_so {
            true => client.link.close(NOON, &mut client.node),
            false => {
                client.link.abort(CloseReason::Local);
                server.link.transport_failed(CloseReason::Remote);
            }
        }
        run(&mut hosts);
        let [server, _] = &mut hosts;
        let reason = match says_so {
            true => RemovalReason::Disconnect,
            false => RemovalReason::ConnectionEnded,
        };
        let events = server.events();
        assert!(
            matches!(&events[..], [PeerEvent::Removed { reason: it, .. }] if *it == reason),
            "{events:?}"
        );
        assert_eq!(server.node.subscribers(b"news").count(), 0);
        assert!(server.peers().is_empty());
        // Nobody is there to be subscribed, or to be a peer.
        let subscribed = server.node.subscribe(b"news", place);
        if !says_so {
            assert_eq!(subscribed, Err(SubscribeError::NotConnected));
            let updated = server.node.update_peer(NOON, Peer::new("other"), place);
            assert_eq!(updated, Err(PeerRefused::NotConnected));
        }
    }
}

#[test]
fn a_drained_link_says_that_its_node_leaves() {
    let mut hosts = acquainted();
    let [server, _] = &mut hosts;
    server.link.drain(NOON, SECOND);
    run(&mut hosts);
    let events = hosts[1].events();
    assert!(
        matches!(
            &events[..],
            [PeerEvent::Removed {
                reason: RemovalReason::Disconnect,
                ..
            }]
        ),
        "{events:?}"
    );
}

#[test]
fn a_new_local_peer_is_advertised_and_updates_the_others() {
    let mut hosts = acquainted();
    let [server, _] = &mut hosts;
    assert_eq!(server.advertise(), 0);
    let peer = Peer::new("server").with_data("data");
    server.node.set_local_peer(peer.clone()).unwrap();
    assert_eq!(server.node.local_peer(), Some(&peer));
    assert_eq!(server.advertise(), 1);
    run(&mut hosts);
    let events = hosts[1].events();
    assert!(
        matches!(&events[..], [PeerEvent::Updated(known)] if known.peer == peer),
        "{events:?}"
    );
    // One that cannot be introduced changes nothing.
    let [server, _] = &mut hosts;
    let refused = server.node.set_local_peer(Peer::new(""));
    assert!(refused.is_err());
    let long = Peer::new("server").with_data([0; 70_000].to_vec());
    let refused = server.node.set_local_peer(long);
    assert!(
        matches!(refused, Err(ManagementError::TooMuchData { .. })),
        "{refused:?}"
    );
    assert_eq!(server.node.local_peer(), Some(&peer));
    assert_eq!(server.advertise(), 0);
}

#[test]
fn introductions_pass_the_layer_of_their_management() {
    let inner = hmac("inner");
    let mut hosts = connected([&inner, &inner]);
    run(&mut hosts);
    assert_eq!(
        (hosts[0].peers(), hosts[1].peers()),
        (alloc::vec!["client".into()], alloc::vec!["server".into()])
    );
    // One who does not know it is no peer.
    let mut hosts = connected([&inner, &hmac("guess")]);
    run(&mut hosts);
    for host in &mut hosts {
        assert!(host.peers().is_empty());
        assert!(host.events().is_empty());
    }
}

#[test]
fn an_introduction_that_names_no_peer_is_refused() {
    let mut hosts = acquainted();
    let [server, client] = &mut hosts;
    let garbage = Message::new(types::ADVERTISE_PEER, "netaio", "garbage");
    let plain = SendOptions::new();
    let sent = client.link.send(NOON, &mut client.node, &garbage, &plain);
    sent.unwrap();
    let place = server.link.place();
    run(&mut hosts);
    let events = hosts[0].events();
    assert!(
        matches!(
            &events[..],
            [PeerEvent::Refused { address, reason: IntroductionError::Malformed(_) }]
                if *address == place
        ),
        "{events:?}"
    );
    assert_eq!(hosts[0].peers(), ["client"]);
}

#[test]
fn peers_are_managed_only_as_they_can_be() {
    let hidden = Layer::new().with_cipher(Sha256StreamCipher::new("key"));
    let config = LinkConfig::new().with_outer(hmac("outer"));
    let mut node = Node::<u8>::for_streams(config);
    let management = ManagementConfig::for_streams;
    let no_local = node.manage_peers(NOON, management());
    let error = ManagementError::NoLocalPeer;
    assert_eq!(no_local, Err(PeerManagementError::Management(error)));
    node.set_local_peer(Peer::new("id")).unwrap();
    for (inner, error) in [
        (hmac("inner"), LayerError::FieldClash("hmac".into())),
        (hidden, LayerError::HiddenUri),
    ] {
        let refused = node.manage_peers(NOON, management().with_inner(inner));
        assert_eq!(refused, Err(PeerManagementError::Layer(error)));
    }
    assert!(node.poll_advertisement().is_none());
    node.manage_peers(NOON, management()).unwrap();
    let twice = node.manage_peers(NOON, management());
    assert!(matches!(twice, Err(PeerManagementError::Management(_))));
}

#[test]
fn a_node_that_manages_peers_no_more_says_so_and_routes_their_messages_elsewhere() {
    let mut hosts = acquainted();
    let [server, client] = &mut hosts;
    server.node.set_unrouted(Unrouted::Deliver);
    assert!(server.node.stop_peer_management(b"unknown").is_none());
    let farewell = server.node.stop_peer_management(b"netaio").unwrap();
    assert_eq!(farewell.message.message_type, types::DISCONNECT);
    assert_eq!(server.peers(), ["client"]);
    client
        .node
        .set_local_peer(Peer::new("client").with_data("data"))
        .unwrap();
    assert_eq!(client.advertise(), 1);
    let bytes = written(&mut client.link);
    server.link.receive(NOON, &bytes).unwrap();
    let events = poll(&mut server.link, &mut server.node, NOON);
    assert!(
        matches!(&events[..], [LinkEvent::Message(it)] if it.message_type == types::ADVERTISE_PEER),
        "{events:?}"
    );
    assert!(server.events().is_empty());
}

/// An outer plugin vouches for those whose messages pass it: not for a link that does
/// without it.
#[test]
fn a_link_without_the_outer_plugin_vouches_for_nobody() {
    let outer = Layer::new().with_auth(HmacAuth::new("secret"));
    let guarded = || LinkConfig::new().with_outer(outer.clone());
    for (with_plugin, vouched) in [(true, true), (false, false)] {
        let config = match with_plugin {
            true => guarded(),
            false => LinkConfig::new(),
        };
        let mut nodes = [guarded(), config.clone()].map(Node::<u8>::for_streams);
        for (node, name) in nodes.iter_mut().zip(["server", "client"]) {
            node.set_local_peer(Peer::new(name)).unwrap();
            let managed = node.manage_peers(NOON, ManagementConfig::for_streams());
            managed.unwrap();
        }
        let [mut server, mut client] = nodes;
        let config = alloc::sync::Arc::new(config);
        let link = server.accept_with(NOON, config, None, |_| generator(1));
        let link = link.unwrap();
        let place = link.place();
        let server = Host { link, node: server };
        let link = client.connect(NOON, None, generator(2));
        let client = Host { link, node: client };
        let mut hosts = [server, client];
        run(&mut hosts);
        assert_eq!(hosts[0].peers(), ["client"]);
        let peers = hosts[0].node.peers();
        assert_eq!(peers.is_vouched(place), vouched, "{with_plugin}");
    }
}

/// Whether a node can be introduced is tried with numbers that are not random. Its layer keeps none of
/// them: all nodes would be one sender, and a server would refuse what it has seen of another one.
#[cfg(feature = "aead")]
#[test]
fn nodes_that_manage_peers_are_senders_of_their_own() {
    let node = |name| {
        let outer = Layer::new().with_cipher(crate::plugin::Aead::new("secret"));
        let mut node = Node::<u8>::for_streams(LinkConfig::new().with_outer(outer));
        node.set_local_peer(Peer::new(name)).unwrap();
        let managed = node.manage_peers(NOON, ManagementConfig::for_streams());
        managed.unwrap();
        node
    };
    let mut server = node("server");
    for (seed, name) in [(2, "one"), (3, "other")] {
        let link = server.accept(NOON, None, generator(1)).unwrap();
        let host = Host { link, node: server };
        let mut client = node(name);
        let link = client.connect(NOON, None, generator(seed));
        let mut hosts = [host, Host { link, node: client }];
        run(&mut hosts);
        assert_eq!(hosts[1].peers(), ["server"], "{name}");
        let [host, _] = hosts;
        server = host.node;
    }
    assert_eq!(server.peers().len(), 2);
}
