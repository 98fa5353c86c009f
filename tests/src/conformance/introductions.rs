//! Nodes that introduce themselves to one address, in no group.

use netaio_driver::core::{ManagementConfig, RemovalReason, SendError};
use netaio_driver::{PeerEvent, Runtime, UdpNode, UdpNodeBuilder};

use super::node_peers::{came, gone, managed, peer};
use super::raw_node::bind_node;

async fn bound<R: Runtime>(id: &'static str, config: ManagementConfig) -> UdpNode<R> {
    let node: UdpNodeBuilder<R> = UdpNode::builder().local_peer(peer(id));
    bind_node(node.ignore_own_ip(false).manage_peers(config)).await
}

/// Both know each other, and the other is told when one leaves.
pub async fn who_is_introduced_is_known_until_it_leaves<R: Runtime>() {
    let [one, two] = [
        bound::<R>("a", managed()).await,
        bound("b", managed()).await,
    ];
    let mut events = two.peers().events();
    one.introduce(two.local_addr()).await.unwrap();
    assert_eq!(came(&one, "b").await.addresses, [two.local_addr()]);
    assert_eq!(came(&two, "a").await.addresses, [one.local_addr()]);
    assert!(matches!(events.next().await, Some(PeerEvent::Added(_))));
    one.stop().await;
    assert_eq!(gone(&mut events).await.1, RemovalReason::Disconnect);
    let refused = one.introduce(two.local_addr()).await;
    assert!(matches!(refused, Err(SendError::Closed(_))));
}

/// The one at an address may be another one by and by.
pub async fn who_takes_the_place_of_another_is_told_too<R: Runtime>() {
    let every = std::time::Duration::from_millis(20);
    let one = bound::<R>("a", managed().with_every(Some(every))).await;
    let two = bound::<R>("b", managed()).await;
    let mut events = one.peers().events();
    one.introduce(two.local_addr()).await.unwrap();
    came(&one, "b").await;
    assert!(matches!(events.next().await, Some(PeerEvent::Added(_))));
    two.stop().await;
    let three: UdpNodeBuilder<R> = UdpNode::builder().local_peer(peer("c"));
    let three = three
        .ignore_own_ip(false)
        .manage_peers(managed())
        .no_group();
    let three = three.bind(two.local_addr()).await.unwrap();
    came(&three, "a").await;
    let app_id = ManagementConfig::DEFAULT_APP_ID;
    assert!(one.stop_peer_management(app_id).await);
    let mut events = three.peers().events();
    while three.peers().get("a").is_some() {
        events.next().await.unwrap();
    }
}
