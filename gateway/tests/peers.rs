//! Peers of the servers of several gateways.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::time::Duration;

use common::nats::NatsServer;
use common::process::{self, GatewayProcess};
use common::{Site, patient};
use netaio_driver::core::{ManagementConfig, Peer};
use netaio_gateway::{GatewayOptions, PeerError, SharedPeers};
use netaio_tokio::{Client, Message};

const TIME_TO_LIVE: Duration = Duration::from_secs(2);

fn options(urls: &str) -> GatewayOptions {
    patient(urls).with_presence(TIME_TO_LIVE).unwrap()
}

/// A site whose server manages its peers, and tells of them.
async fn site(urls: &str, address: &str) -> (Site, SharedPeers) {
    let site = Site::start_at(options(urls), address).await;
    let shared = site.gateway.share_peers(&site.server).await.unwrap();
    site.server.peers().set_local(Peer::new("server")).unwrap();
    site.server.manage_peers(ManagementConfig::new()).unwrap();
    (site, shared)
}

/// A client that introduces itself.
async fn peer(id: &'static str, server: std::net::SocketAddr) -> Client {
    let client = Client::builder().local_peer(Peer::new(id));
    let client = client
        .manage_peers(ManagementConfig::new())
        .build()
        .unwrap();
    client.connect(server).await.unwrap();
    client
}

/// Waits until the gateway lists these.
async fn listed(site: &Site, expected: &[&str]) {
    loop {
        let mut peers = site.gateway.peers(100).await.unwrap();
        peers.sort();
        if peers == expected {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "this is what the other starts as a process"]
async fn a_gateway() {
    process::serve_with(|servers, address| async move { site(&servers, &address).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_are_known_and_reached_wherever_they_are_connected() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let (here, _here) = site(&nats.url(), "127.0.0.1:0").await;
    let (there, _there) = site(&nats.url(), "127.0.0.1:0").await;
    let mut killed = GatewayProcess::start("a_gateway", &nats.url());
    let a = peer("a", here.server.local_addr()).await;
    let b = peer("b/*", there.server.local_addr()).await;
    let c = peer("c", killed.address).await;
    for site in [&here, &there] {
        listed(site, &["a", "b/*", "c"]).await;
    }
    for (id, client) in [("a", &a), ("b/*", &b), ("c", &c)] {
        let mut messages = client.messages();
        for site in [&here, &there] {
            let message = Message::update("to/you", id);
            site.gateway.send_to(id, &message).await.unwrap();
            let came = messages.next().await.unwrap().message;
            assert_eq!((came.uri, came.content), (message.uri, message.content));
        }
    }
    let message = Message::update("to/you", "");
    let nobody = here.gateway.send_to("nobody", &message).await;
    assert_eq!(nobody, Err(PeerError::Nowhere));
    // One that leaves is taken off the list, and one that moves is where it is now.
    a.close().await;
    listed(&there, &["b/*", "c"]).await;
    assert_eq!(
        there.gateway.send_to("a", &message).await,
        Err(PeerError::Nowhere)
    );
    let a = peer("a", there.server.local_addr()).await;
    let mut messages = a.messages();
    listed(&here, &["a", "b/*", "c"]).await;
    here.gateway.send_to("a", &message).await.unwrap();
    assert_eq!(messages.next().await.unwrap().message.uri, "to/you");
    // Those of a gateway that is killed vanish, and others stay.
    killed.kill();
    assert_eq!(
        here.gateway.send_to("c", &message).await,
        Err(PeerError::Nowhere)
    );
    listed(&here, &["a", "b/*"]).await;
}
