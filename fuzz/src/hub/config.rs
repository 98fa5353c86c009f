//! How the nodes of the hubs are configured.

use std::time::Duration;

use netaio_core::{
    Correlation, Layer, Limits, LinkConfig, MessageTypes, Node, Peer, SlowConsumerPolicy, Unrouted,
    Wire,
};

use crate::mac::QuickMac;
use crate::traffic::{CUSTOM, Handler};

pub(super) const GRACE: Duration = Duration::from_secs(2);

/// `mode`: 1 for a MAC, 2 for ids, 4 for peers, 8 and 16 for what becomes of slow
/// consumers, 32 for news that fill the queues of all links together.
pub(super) fn node(id: usize, mode: u8, choice: u8) -> Node<Handler> {
    let mut types = MessageTypes::base();
    types.register(CUSTOM, "CUSTOM").expect("a free value");
    let mut config = LinkConfig::new().with_wire(Wire {
        types,
        limits: limits(mode, choice),
        ..Wire::default()
    });
    if mode & 1 != 0 {
        config = config.with_outer(Layer::new().with_auth(QuickMac(7)));
    }
    config.correlation = Correlation::default().with_requests(mode & 2 != 0);
    let mut node = Node::for_streams(config);
    node.set_unrouted(Unrouted::Handler(Handler::Answer));
    if mode & 4 != 0 {
        let managed = node.set_local_peer(Peer::new(vec![b'p', id as u8]));
        managed.expect("a peer that can be introduced");
        let managed = node.manage_peers(Default::default(), Default::default());
        managed.expect("a peer that can be introduced");
    }
    node
}

fn limits(mode: u8, choice: u8) -> Limits {
    let few = |bit: u8, few: usize, many: usize| if choice & bit == 0 { many } else { few };
    let slow_consumer = match mode & 0x18 {
        8 => SlowConsumerPolicy::DropOldest,
        16 => SlowConsumerPolicy::DropNewest,
        _ => SlowConsumerPolicy::Disconnect,
    };
    let total = if mode & 0x20 == 0 { 1 << 26 } else { 140_000 };
    Limits::default()
        .with_outbound_queue(132_096)
        .and_then(|limits| limits.with_backlog(66_000))
        .and_then(|limits| limits.with_backlog_time(Duration::from_secs(1)))
        .and_then(|limits| limits.with_slow_consumer(slow_consumer))
        .and_then(|limits| limits.with_outbound_total(total))
        .and_then(|limits| limits.with_inbound_total(few(1, 140_000, 1 << 26)))
        .and_then(|limits| limits.with_frames_per_turn(few(2, 2, 64)))
        .and_then(|limits| limits.with_handlers(few(4, 2, 1024)))
        .and_then(|limits| limits.with_handlers_per_connection(few(8, 1, 3)))
        .and_then(|limits| limits.with_connections(few(16, 2, 100)))
        .and_then(|limits| limits.with_pending_requests(few(32, 3, 1024)))
        .and_then(|limits| limits.with_subscriptions(few(64, 1, 4)))
        .and_then(|limits| limits.with_shutdown_grace(GRACE))
        .expect("limits that can work")
}
