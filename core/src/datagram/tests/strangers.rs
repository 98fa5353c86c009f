//! Datagrams of senders that proved nothing.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::config::{AuthErrorReply, FailedCheck};

/// An error that no layer sealed, as netaio's nodes send them for failed checks.
fn anonymous() -> Vec<u8> {
    frame(&Message::error_message("HMAC auth failed"))
}

#[test]
fn no_forged_anonymous_error_ends_a_request() {
    for ids in [false, true] {
        let mut node = end(hmac("secret"));
        let options = RequestOptions::new().with_correlation(ids);
        let request = Message::request("u");
        node.request(NOON, at(1), &request, &options).unwrap();
        let asked = unopened(&node.sent().remove(0).1).remove(0);
        // One repeats the id, if the request has one.
        let mut named = Message::error_message("HMAC auth failed");
        if let Some(id) = asked.auth.get("rid") {
            named.auth.set("rid", &id.to_value()).unwrap();
        }
        for forged in [anonymous(), frame(&named)] {
            node.receive(NOON, at(1), forged);
            assert!(matches!(
                node.events(NOON)[..],
                [DatagramEvent::Refused {
                    refusal: Refusal::Open { .. },
                    ..
                }]
            ));
            assert_eq!(node.link.pending_requests(), 1);
        }
        assert!(node.sent().is_empty());
    }
}

#[test]
fn a_refused_datagram_past_the_budget_makes_two_events() {
    let mut node = end(hmac("secret"));
    let forged = datagram(&hmac("guess"), &Message::request("u"));
    let mut damaged = forged.clone();
    damaged[8] ^= 1;
    for datagram in [&forged, &damaged].into_iter().cycle().take(10) {
        node.receive(NOON, at(1), datagram);
        let events = node.events(NOON);
        assert!(matches!(events[..], [DatagramEvent::Refused { .. }]));
    }
    assert_eq!(node.sent().len(), 10);
    for datagram in [forged, damaged] {
        node.receive(NOON, at(1), datagram);
        let events = node.events(NOON);
        assert!(
            matches!(
                events[..],
                [
                    DatagramEvent::Suppressed { remote },
                    DatagramEvent::Refused { .. }
                ] if remote == at(1)
            ),
            "{events:?}"
        );
        assert!(node.sent().is_empty());
    }
}

#[test]
fn no_answer_is_made_that_may_not_be_sent() {
    let made = Arc::new(AtomicUsize::new(0));
    let config = LinkConfig {
        auth_error: AuthErrorReply::Handler(Arc::new({
            let made = made.clone();
            move |_: FailedCheck| {
                made.fetch_add(1, Ordering::Relaxed);
                Some(Message::auth_error("ERROR", "no"))
            }
        })),
        ..LinkConfig::new().with_outer(hmac("secret"))
    };
    let mut node = with_config(config);
    let forged = datagram(&hmac("guess"), &Message::request("u"));
    for _ in 0..100 {
        node.receive(NOON, at(1), &forged);
        node.events(NOON);
    }
    assert_eq!((made.load(Ordering::Relaxed), node.sent().len()), (10, 10));
    assert_eq!(node.link.counters().suppressed.per_ip, 90);
}

#[test]
fn the_nodes_own_answer_ends_the_request_that_it_is_for() {
    let mut other = end(Layer::new());
    other.node.set_unrouted(Unrouted::NotFound);
    for ids in [false, true] {
        let mut node = end(Layer::new());
        let options = RequestOptions::new().with_correlation(ids);
        let requests = ["a", "b"].map(|uri| {
            let request = Message::request(uri);
            node.request(NOON, at(2), &request, &options).unwrap()
        });
        let (_, second) = node.sent().remove(1);
        other.receive(NOON, at(1), second);
        assert!(other.events(NOON).is_empty());
        let (_, answer) = other.sent().remove(0);
        node.receive(NOON, at(2), answer);
        match &node.events(NOON)[..] {
            [
                DatagramEvent::Answered {
                    request, answer, ..
                },
            ] if ids => {
                assert_eq!(*request, requests[1]);
                assert_eq!(answer.message.message_type, types::NOT_FOUND);
            }
            // Without an id it names neither of two.
            [DatagramEvent::Message { .. }] if !ids => {}
            other => panic!("{other:?}"),
        }
    }
}
