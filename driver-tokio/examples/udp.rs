//! Two UDP nodes find each other in a multicast group, ask each other and tell
//! each other news, all on the loopback interface.
//!
//! ```sh
//! cargo run -p netaio-tokio --example udp
//! ```
use netaio_tokio::config::{ManagementConfig, UdpNodeBuilder};
use netaio_tokio::events::PeerEvent;
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::types::{REQUEST_URI, SUBSCRIBE_URI};
use netaio_tokio::{Content, Message, Peer, Publisher, Remote, UdpNode, Uri};
use std::net::Ipv4Addr;

/// What both nodes have in common.
fn node(name: &'static str) -> UdpNodeBuilder {
    UdpNode::builder()
        .auth(HmacAuth::new("secret"))
        .local_peer(Peer::new(name))
        .manage_peers(ManagementConfig::new().with_app_id("example"))
        .group(Ipv4Addr::new(239, 255, 77, 1))
        .interface(Ipv4Addr::LOCALHOST)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let alice = node("alice")
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Remote, publisher: Publisher| {
                publisher.subscribe(uri.0, who).map_or("refused", |_| "")
            },
        )
        .bind("127.0.0.1:0")
        .await?;
    // On one port, and so with an address of its own.
    let port = alice.local_addr().port();
    let bob = node("bob").bind(format!("127.0.0.2:{port}")).await?;

    let mut events = bob.peers().events();
    let found = loop {
        if let Some(peer) = bob.peers().get("alice") {
            break peer;
        }
        if let Some(PeerEvent::Added(peer)) = events.next().await {
            break peer;
        }
    };
    println!("bob has found alice at {:?}", found.addresses);
    assert_eq!(found.addresses, [alice.local_addr()]);

    let answer = bob
        .request(alice.local_addr(), "echo")
        .content("hi")
        .await?
        .into_result()?;
    println!("alice answers {:?}", answer.content);
    assert_eq!(answer.content, "hi");

    let mut news = bob.subscribe(alice.local_addr(), "news").await?;
    let delivery = alice
        .publisher()
        .notify("news", &Message::notify("news", "it works"))?;
    assert_eq!(delivery.accepted(), 1);
    let heard = news.next().await.ok_or("the node is gone")??;
    println!("bob hears {:?}", heard.message.content);

    alice.stop().await;
    while bob.peers().get("alice").is_some() {
        events.next().await;
    }
    println!("alice has left");
    bob.stop().await;
    Ok(())
}
