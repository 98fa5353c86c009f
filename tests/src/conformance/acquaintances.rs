//! Clients and servers that manage their peers.

use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::REQUEST_URI;
use netaio_driver::core::{Layer, LayerError, ManagementConfig, Peer, RemovalReason};
use netaio_driver::{Client, ClientBuilder, PeerEvent, PeerEvents, Peers, Remote, Runtime, Server};
use netaio_driver::{PeerManagementError, ServerBuilder};

use super::support::{Pair, connect, listen, pair};

fn managed() -> ManagementConfig {
    ManagementConfig::new()
}

fn server<R: Runtime>(id: &'static str) -> ServerBuilder<R> {
    Server::builder().local_peer(Peer::new(id).with_data("server"))
}

fn client<R: Runtime>(id: &'static str) -> ClientBuilder<R> {
    Client::builder().local_peer(Peer::new(id).with_data("client"))
}

/// Waits until a peer is listed.
async fn came(events: &mut PeerEvents, peers: &Peers, id: &str) {
    while peers.get(id).is_none() {
        events.next().await.expect("the node is there");
    }
}

/// Waits until a peer is gone, and says why.
async fn gone(events: &mut PeerEvents, id: &str) -> RemovalReason {
    loop {
        match events.next().await.expect("the node is there") {
            PeerEvent::Removed { peer, reason } if peer.peer.id == id => return reason,
            _ => {}
        }
    }
}

/// A client introduces itself as it connects, and learns who the server is.
pub async fn client_and_server_introduce_themselves<R: Runtime>() {
    let inner = Layer::new()
        .with_auth(HmacAuth::new("peers").with_hmac_field("camh"))
        .with_cipher(
            Sha256StreamCipher::new("peers")
                .with_plain_uri()
                .with_iv_field("vi"),
        );
    let config = || managed().with_app_id("app").with_inner(inner.clone());
    let server = listen(
        server::<R>("s")
            .auth(HmacAuth::new("secret"))
            .manage_peers(config())
            .on((REQUEST_URI, "who"), |remote: Remote| {
                remote.addr().map(|address| address.to_string())
            }),
    )
    .await;
    let mut at_server = server.peers().events();
    let client = client::<R>("c")
        .auth(HmacAuth::new("secret"))
        .manage_peers(config());
    let (client, connection) = connect(client, &server).await;
    let peers = client.peers();
    let mut at_client = peers.events();
    came(&mut at_client, &peers, "s").await;
    came(&mut at_server, server.peers(), "c").await;
    assert_eq!(peers.of(&connection), peers.get("s"));
    assert_eq!(peers.at(server.local_addr()), peers.get("s"));
    let known = server.peers().get("c").unwrap();
    assert_eq!(known.peer, Peer::new("c").with_data("client"));
    let address = connection
        .request("who")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(known.addresses[0].to_string().as_bytes(), address.content);

    // Closed in order: the server is told. Cut off: it notices.
    connection.close().await;
    assert_eq!(gone(&mut at_server, "c").await, RemovalReason::Disconnect);
    assert_eq!(
        gone(&mut at_client, "s").await,
        RemovalReason::ConnectionEnded
    );
    client.connect(server.local_addr()).await.unwrap();
    came(&mut at_server, server.peers(), "c").await;
    drop(client);
    assert_eq!(
        gone(&mut at_server, "c").await,
        RemovalReason::ConnectionEnded
    );
    while at_client.next().await.is_some() {}
}

/// Management that begins late reaches those who are connected, and whoever
/// stops says so.
pub async fn management_begins_and_stops_at_any_time<R: Runtime>() {
    let Pair {
        server,
        client,
        connection,
    } = pair(server::<R>("s"), client("c")).await;
    let (mut at_server, mut at_client) = (server.peers().events(), client.peers().events());
    client.manage_peers(managed()).unwrap();
    server.manage_peers(managed()).unwrap();
    came(&mut at_client, &client.peers(), "s").await;
    came(&mut at_server, server.peers(), "c").await;

    let error = client.manage_peers(managed()).unwrap_err();
    assert!(
        matches!(error, PeerManagementError::Management(_)),
        "{error}"
    );
    assert!(client.stop_peer_management("netaio"));
    assert!(!client.stop_peer_management("netaio"));
    assert_eq!(gone(&mut at_server, "c").await, RemovalReason::Disconnect);
    assert!(connection.close_reason().is_none());

    // Who has stopped takes no notice of farewells.
    client.manage_peers(managed()).unwrap();
    came(&mut at_server, server.peers(), "c").await;
    server.stop().await;
    assert_eq!(gone(&mut at_client, "s").await, RemovalReason::Disconnect);
}

/// A client knows each of its servers, and they know nothing of one another.
pub async fn a_client_has_a_peer_at_each_server<R: Runtime>() {
    let mut servers = Vec::new();
    for id in ["a", "b"] {
        servers.push(listen(server::<R>(id).manage_peers(managed())).await);
    }
    let client = client::<R>("c").manage_peers(managed()).build().unwrap();
    let (peers, mut events) = (client.peers(), client.peers().events());
    for (server, id) in servers.iter().zip(["a", "b"]) {
        let connection = client.connect(server.local_addr()).await.unwrap();
        came(&mut events, &peers, id).await;
        assert_eq!(peers.of(&connection).unwrap().peer.id, id);
    }
    assert_eq!(peers.len(), 2);
    for server in &servers {
        let ids: Vec<_> = server
            .peers()
            .list()
            .into_iter()
            .map(|k| k.peer.id)
            .collect();
        assert_eq!(ids, ["c"]);
    }
    servers[0].stop().await;
    assert_eq!(gone(&mut events, "a").await, RemovalReason::Disconnect);
    assert!(peers.get("b").is_some());
}

/// A peer that cannot be introduced is an error when management is started.
pub async fn a_peer_that_cannot_be_introduced_is_an_error_at_once<R: Runtime>() {
    let nobody = Client::<R>::builder().manage_peers(managed()).build();
    assert!(nobody.is_err());
    let long = Peer::new("c").with_data(vec![0; 70_000]);
    let client = Client::<R>::builder().local_peer(long).build().unwrap();
    assert!(client.manage_peers(managed()).is_err());
    // It clashes with the outer layer's field.
    let inner = Layer::new().with_auth(HmacAuth::new("i"));
    let clash = Server::<R>::builder()
        .auth(HmacAuth::new("o"))
        .local_peer(Peer::new("s"))
        .manage_peers(managed().with_inner(inner))
        .bind("127.0.0.1:0")
        .await;
    assert!(clash.is_err());
    // Nobody could tell what is inside.
    let inner = Layer::new().with_cipher(Sha256StreamCipher::new("hidden"));
    let client = self::client::<R>("c").build().unwrap();
    let error = client
        .manage_peers(managed().with_inner(inner))
        .unwrap_err();
    assert_eq!(error, PeerManagementError::Layer(LayerError::HiddenUri));
}
