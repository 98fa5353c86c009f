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
        let events = other.events(NOON);
        assert!(
            matches!(
                &events[..],
                [DatagramEvent::Unrouted { remote, message_type: crate::MessageType::REQUEST_URI, uri }]
                    if *remote == at(1) && uri == "b"
            ),
            "{events:?}"
        );
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

#[test]
fn no_forged_error_ends_a_request() {
    let mut node = end(hmac("secret"));
    let request = Message::request("u");
    node.request(NOON, at(1), &request, &RequestOptions::new())
        .unwrap();
    let forged = Message::error("u", "gone");
    node.receive(NOON, at(1), datagram(&Layer::new(), &forged));
    assert!(matches!(
        node.events(NOON)[..],
        [DatagramEvent::Refused { .. }]
    ));
    assert_eq!(node.link.pending_requests(), 1);
}

#[test]
fn a_bad_checksum_and_a_failed_check_are_told_unsealed() {
    let mut node = end(hmac("secret"));
    let mut damaged = datagram(&hmac("secret"), &Message::request("echo"));
    *damaged.last_mut().unwrap() ^= 1;
    node.receive(NOON, at(1), damaged);
    node.receive(NOON, at(1), datagram(&hmac("wrong"), &Message::request("")));
    let plain = Layer::new();
    let expected = ["invalid message", "HMAC auth failed"].map(Message::error_message);
    let expected = expected.map(|message| (at(1), datagram(&plain, &message)));
    assert_eq!(node.events(NOON).len(), 2);
    assert_eq!(node.sent(), expected);
    let counters = node.link.counters();
    assert_eq!((counters.malformed, counters.refused), (1, 1));
    // An error is answered by no error.
    let error = Message::error_message("HMAC auth failed");
    node.receive(NOON, at(1), datagram(&plain, &error));
    assert_eq!(node.events(NOON).len(), 1);
    assert!(node.sent().is_empty());
}

#[test]
fn silence_can_be_had() {
    let mut config = LinkConfig::new().with_outer(hmac("secret"));
    config.auth_error = AuthErrorReply::Silent;
    let mut node = with_config(config);
    node.receive(NOON, at(1), datagram(&hmac("wrong"), &Message::request("")));
    assert!(matches!(
        node.events(NOON)[..],
        [DatagramEvent::Refused { .. }]
    ));
    assert!(node.sent().is_empty());
}

#[test]
fn what_a_node_answers_by_itself_to_strangers_is_bounded() {
    let mut node = end(Layer::new());
    node.node.set_unrouted(Unrouted::NotFound);
    let request = datagram(&Layer::new(), &Message::request("0123456789"));
    let mut suppressed = 0;
    for _ in 0..100 {
        node.receive(NOON, at(1), &request);
        let events = node.events(NOON);
        assert!(matches!(
            events[..],
            [DatagramEvent::Unrouted { .. }]
                | [
                    DatagramEvent::Unrouted { .. },
                    DatagramEvent::Suppressed { .. }
                ]
        ));
        suppressed += events.len() - 1;
    }
    let sent = node.sent();
    assert_eq!((sent.len(), suppressed), (10, 90));
    assert_eq!(node.link.counters().suppressed.per_ip, 90);
    // With the uri that netaio's own nodes answer with.
    let answer = Message::not_found("ERROR", "not found");
    assert_eq!(sent[0], (at(1), frame(&answer)));
}

#[test]
fn a_secret_lifts_no_budget_of_answers() {
    let mut node = end(hmac("secret"));
    node.node.set_unrouted(Unrouted::NotFound);
    // Recorded once, and sent from wherever somebody likes.
    let request = datagram(&hmac("secret"), &Message::request("u"));
    let mut suppressed = 0;
    for _ in 0..500 {
        node.receive(NOON, at(1), &request);
        suppressed += node.events(NOON).len() - 1;
    }
    assert_eq!((node.sent().len(), suppressed), (10, 490));
}

#[test]
fn handlers_have_a_budget_of_their_own() {
    let mut node = end(Layer::new());
    let (key, layer) = (types::REQUEST_URI, Layer::new());
    node.node.on(key, (), layer.clone()).unwrap();
    let request = datagram(&layer, &Message::request("u"));
    for _ in 0..100 {
        node.receive(NOON, at(1), &request);
        let call = node.call(NOON);
        assert!(!call.is_verified());
        node.reply(NOON, call, Message::not_found("ERROR", "not found"));
    }
    assert_eq!(node.sent().len(), 100);
}
