//! Requests that no handler is called for, and that are told so.

use super::end::serving;
use super::*;
use crate::message::NotHandled;

/// A request with an id.
fn request(number: u64) -> Vec<u8> {
    let mut message = Message::request("u");
    message.auth.set_u64("rid", number).unwrap();
    frame(&message)
}

/// The ids of the requests that what is sent refuses, and how many other datagrams there are.
fn refusals(sent: &[(SocketAddr, Vec<u8>)]) -> (Vec<u64>, usize) {
    let messages = sent
        .iter()
        .map(|(_, datagram)| unopened(datagram).remove(0));
    let (refusals, others): (Vec<_>, Vec<_>) = messages.partition(NotHandled::is_said_by);
    let id = |message: Message| message.auth.get("rid")?.as_int()?.to_u64();
    (refusals.into_iter().filter_map(id).collect(), others.len())
}

#[test]
fn what_comes_during_a_drain_is_refused_while_something_is_under_way() {
    let mut node = serving(Layer::new());
    node.receive(NOON, at(1), request(1));
    let call = node.call(NOON);
    node.link.drain(NOON, &mut node.node, 5 * SECOND);
    assert!(node.link.wants_read());
    node.receive(NOON, at(1), request(2));
    // What is no request is told nothing, and nor is what has no id.
    node.receive(NOON, at(1), frame(&Message::notify("u", "")));
    node.receive(NOON, at(2), frame(&Message::request("u")));
    assert!(node.events(NOON).is_empty());
    assert_eq!(refusals(&node.sent()), (alloc::vec![2], 0));
    node.reply(NOON, call, Message::respond_uri("u", ""));
    assert!(!node.link.wants_read());
    node.receive(NOON, at(1), request(3));
    assert!(node.events(NOON).is_empty());
    assert_eq!(refusals(&node.sent()), (Vec::new(), 1));
    assert!(matches!(node.events(NOON)[..], [DatagramEvent::Closed]));
}

#[test]
fn what_waits_when_the_grace_is_over_is_refused() {
    let limits = Limits::default().with_handlers(1).unwrap();
    let mut node = with_config(limited(limits));
    let (key, inner) = (types::REQUEST_URI, Layer::new());
    node.node.on(key, (), inner).unwrap();
    node.receive(NOON, at(1), request(1));
    let call = node.call(NOON);
    node.receive(NOON, at(1), request(2));
    node.receive(NOON, at(2), request(3));
    assert!(node.events(NOON).is_empty());
    node.link.drain(NOON, &mut node.node, 5 * SECOND);
    assert!(node.events(after(NOON, 4 * SECOND)).is_empty());
    let over = after(NOON, 5 * SECOND);
    // Who drives it may poll it more than once before it sends.
    for _ in 0..3 {
        assert!(node.link.poll(over, &mut node.node).is_none());
    }
    assert_eq!(refusals(&node.sent()), (alloc::vec![2, 3], 0));
    assert!(matches!(node.events(over)[..], [DatagramEvent::Closed]));
    drop(call);
}

#[test]
fn one_too_many_is_told_and_its_asker_may_ask_again() {
    let limits = Limits::default()
        .with_handlers(1)
        .and_then(|limits| limits.with_pending_requests(1))
        .unwrap();
    let mut node = with_config(limited(limits));
    let (key, inner) = (types::REQUEST_URI, Layer::new());
    node.node.on(key, (), inner).unwrap();
    let mut calls = Vec::new();
    for number in 1..=3 {
        node.receive(NOON, at(1), request(number));
        for event in node.events(NOON) {
            match event {
                DatagramEvent::Call { call, .. } => calls.push(call),
                DatagramEvent::Lost { remote } => assert_eq!((remote, number), (at(1), 3)),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(
        (refusals(&node.sent()), node.link.counters().lost),
        ((alloc::vec![3], 0), 1)
    );
    // Nor is more said to strangers than they may be answered.
    for _ in 0..1_000 {
        node.receive(NOON, at(1), request(4));
        node.events(NOON);
    }
    assert!(node.sent().len() < 100);
}

#[test]
fn the_asker_learns_that_its_request_was_not_handled() {
    let mut node = end(Layer::new());
    let options = RequestOptions::new().with_correlation(true);
    let asked = node.request(NOON, at(1), &Message::request("u"), &options);
    let asked = asked.unwrap();
    let sent = unopened(&node.sent().remove(0).1).remove(0);
    let mut refusal = Message::error("u", "stopping").with_not_handled();
    let id = sent.auth.get("rid").unwrap().as_int().unwrap();
    refusal.auth.set_u64("rid", id.to_u64().unwrap()).unwrap();
    node.receive(NOON, at(1), frame(&refusal));
    match &node.events(NOON)[..] {
        [DatagramEvent::Failed { request, error }] => {
            assert_eq!(
                (*request, error),
                (asked, &RequestError::Refused("stopping".into()))
            );
            assert!(error.was_surely_not_handled());
        }
        other => panic!("{other:?}"),
    }
}
