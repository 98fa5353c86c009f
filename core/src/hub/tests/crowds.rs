//! Who gives way where there are as many as may be, as a loop sees it.

use alloc::vec::Vec;
use core::net::SocketAddr;

use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::config::LinkConfig;
use crate::error::{CloseReason, TooManyLinks};
use crate::hub::{DatagramHub, DatagramHubEvent, DatagramOutput, Hub, Output};
use crate::limits::Limits;
use crate::message::Message;
use crate::place::LinkId;
use crate::testing::{NOON, frame, limited};

/// The links that a hub closes, and why; whatever else it wants is not done.
fn closed(hub: &mut Hub<u8>) -> Vec<(LinkId, CloseReason)> {
    let mut closed = Vec::new();
    while let Some(output) = hub.poll(NOON) {
        if let Output::Close { link, reason } = output {
            closed.push((link, reason));
        }
    }
    closed
}

#[test]
fn a_silent_link_is_closed_for_one_that_is_accepted() {
    let limits = Limits::default().with_connections(2).unwrap();
    let mut hub = Hub::<u8>::with_config(limited(limits), || ChaCha8Rng::seed_from_u64(1));
    let shown = hub.accept(NOON, None).unwrap();
    let silent = hub.accept(NOON, None).unwrap();
    let message = frame(&Message::request("u"));
    hub.receive(NOON, shown, &message).unwrap();
    assert!(closed(&mut hub).is_empty());
    let newcomer = hub.accept(NOON, None).unwrap();
    assert_eq!(hub.deadline(), Some(NOON.monotonic));
    assert_eq!(closed(&mut hub), [(silent, CloseReason::Displaced)]);
    assert_eq!(hub.len(), 2);
    hub.receive(NOON, newcomer, &message).unwrap();
    assert!(closed(&mut hub).is_empty());
    let full = TooManyLinks::InAll { max: 2 };
    assert_eq!(hub.accept(NOON, None), Err(full));
    assert!(hub.link(shown).is_some());
}

#[test]
fn a_hub_says_which_subscriber_gave_way() {
    let limits = Limits::default()
        .with_subscribers(20)
        .and_then(|limits| limits.with_subscription_bytes(160_000))
        .unwrap();
    let config = LinkConfig::new().with_limits(limits);
    let mut hub =
        DatagramHub::<u8>::with_config(NOON, config, None, || ChaCha8Rng::seed_from_u64(1));
    hub.serve_subscriptions(None).unwrap();
    let mut subscribe = |from: SocketAddr, key: Vec<u8>| {
        let subscribe = frame(&Message::subscribe(key));
        hub.receive(NOON, from, &subscribe).unwrap();
        let mut displaced = Vec::new();
        while let Some(output) = hub.poll(NOON) {
            if let DatagramOutput::Event(DatagramHubEvent::Unsubscribed { remote }) = output {
                displaced.push(remote);
            }
        }
        displaced
    };
    let crowd = |port| SocketAddr::from(([10, 0, 0, 1], port));
    for port in 1..=20 {
        assert!(subscribe(crowd(port), alloc::vec![port as u8; 2000]).is_empty());
    }
    let elsewhere = SocketAddr::from(([10, 0, 0, 2], 1));
    assert_eq!(subscribe(elsewhere, b"mine".to_vec()), [crowd(1)]);
    let node = hub.node();
    assert_eq!(node.subscribers(b"mine").len(), 1);
    assert_eq!(node.subscribers(&[1; 2000]).len(), 0);
}
