//! Calls, their answers, and the end of a datagram link.

use super::*;
use crate::calls::{Calls, ReplyError};

/// A node whose handler the test answers.
pub(super) fn serving(outer: Layer) -> End {
    let mut end = end(outer);
    let (key, inner) = (types::REQUEST_URI, Layer::new());
    end.node.on(key, (), inner).unwrap();
    end
}

#[test]
fn an_answer_too_long_for_a_datagram_becomes_an_error_to_the_asker() {
    let mut node = serving(Layer::new());
    node.receive(NOON, at(1), frame(&Message::request("u")));
    let call = node.call(NOON);
    let answer = Message::respond_uri("u", alloc::vec![0; 70_000]);
    let reply = node.link.reply(NOON, &mut node.node, call, answer);
    assert!(matches!(reply, Err(ReplyError::Replaced(_))), "{reply:?}");
    let sent = node.sent();
    let [(to, datagram)] = &sent[..] else {
        panic!("{} datagrams", sent.len());
    };
    let answer = unopened(datagram).remove(0);
    assert_eq!((*to, answer.message_type), (at(1), types::ERROR));
    assert_eq!(answer.uri, "u");
}

#[test]
fn the_call_of_another_link_comes_back_and_is_still_answerable() {
    let [mut node, mut other] = [serving(Layer::new()), serving(Layer::new())];
    node.receive(NOON, at(1), frame(&Message::request("u")));
    let call = node.call(NOON);
    let answer = Message::respond_uri("u", "");
    let reply = other
        .link
        .reply(NOON, &mut other.node, call, answer.clone());
    let Err(ReplyError::OtherLink(call)) = reply else {
        panic!("{reply:?}");
    };
    node.reply(NOON, call, answer.clone());
    assert_eq!(node.sent(), [(at(1), frame(&answer))]);
}

#[test]
fn a_call_that_is_dropped_is_answered_with_an_error() {
    let mut node = serving(Layer::new());
    node.receive(NOON, at(1), frame(&Message::request("u")));
    drop(node.call(NOON));
    let events = node.events(NOON);
    let [
        DatagramEvent::Unanswered {
            remote,
            request,
            uri,
        },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((*remote, *request), (at(1), types::REQUEST_URI));
    assert_eq!(uri, "u");
    let answer = unopened(&node.sent().remove(0).1).remove(0);
    assert_eq!(answer.message_type, types::ERROR);
    assert_eq!(node.link.calls_in_flight(), 0);
}

#[test]
fn messages_wait_for_a_handlers_place_and_are_counted() {
    let limits = Limits::default()
        .with_handlers(2)
        .and_then(|limits| limits.with_pending_requests(3))
        .unwrap();
    let mut node = with_config(limited(limits));
    let (key, inner) = (types::REQUEST_URI, Layer::new());
    node.node.on(key, (), inner).unwrap();
    let request = frame(&Message::new(key, "u", [0; 100].to_vec()));
    let beside = Calls::<SocketAddr>::WAITING_BYTES;
    let mut calls = Vec::new();
    let mut lost = 0;
    for number in 1..=7 {
        node.receive(NOON, at(number), &request);
        for event in node.events(NOON) {
            match event {
                DatagramEvent::Call { call, .. } => calls.push(call),
                DatagramEvent::Lost { remote } => {
                    assert_eq!(remote, at(number));
                    lost += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        let held = usize::from(number).min(2 + 3);
        assert_eq!(
            node.node.inbound_bytes(),
            held * request.len() + held.saturating_sub(2) * beside
        );
    }
    assert_eq!((calls.len(), lost), (2, 2));
    assert!(!node.link.wants_read());
    assert_eq!(node.link.counters().lost, 2);
    // As one ends, one goes on.
    for waiting in (0..3).rev() {
        let call = calls.remove(0);
        node.reply(NOON, call, None);
        calls.push(node.call(NOON));
        assert_eq!(
            node.node.inbound_bytes(),
            (2 + waiting) * request.len() + waiting * beside
        );
    }
    assert!(node.link.wants_read());
}

#[test]
fn what_is_received_without_polling_is_bounded() {
    let mut node = end(Layer::new());
    let datagram = frame(&Message::notify("u", [0; 10_000].to_vec()));
    let mut taken = 0;
    while node.link.wants_read() {
        node.receive(NOON, at(1), &datagram);
        taken += datagram.len();
    }
    assert!(taken <= Limits::HIGH_WATER + datagram.len());
    let refused = node.link.receive(NOON, at(1), datagram[..].into());
    assert_eq!(refused.unwrap_err().unhandled, taken);
    assert_eq!(node.events(NOON).len() * datagram.len(), taken);
    assert!(node.link.wants_read());
}

#[test]
fn a_drained_link_answers_calls_no_more_handlers_and_closes() {
    let mut node = serving(Layer::new());
    let request = frame(&Message::request("u"));
    node.receive(NOON, at(1), &request);
    let call = node.call(NOON);
    let (ask, options) = (Message::request("v"), RequestOptions::new());
    let asked = node.request(NOON, at(2), &ask, &options).unwrap();
    node.link.drain(NOON, &mut node.node, 5 * SECOND);
    // Its answer could be taken for that of the other one.
    node.receive(NOON, at(1), &request);
    match &node.events(NOON)[..] {
        [DatagramEvent::Failed { request, .. }] => assert_eq!(*request, asked),
        other => panic!("{other:?}"),
    }
    let due = NOON.monotonic + 5 * SECOND;
    assert_eq!(node.deadline(), Some((due, DeadlineReason::End)));
    node.reply(NOON, call, Message::respond_uri("u", ""));
    assert!(node.events(NOON).is_empty() && !node.link.wants_read());
    assert_eq!(node.sent().len(), 2);
    assert!(matches!(node.events(NOON)[..], [DatagramEvent::Closed]));
    // Which is the last event.
    node.receive(NOON, at(1), &request);
    assert!(node.events(after(NOON, 5 * SECOND)).is_empty());
    assert_eq!(node.deadline(), None);
}

#[test]
fn a_drained_link_closes_past_the_grace_whatever_still_runs() {
    let mut node = serving(Layer::new());
    node.receive(NOON, at(1), frame(&Message::request("u")));
    let call = node.call(NOON);
    node.link.drain(NOON, &mut node.node, 5 * SECOND);
    assert!(node.events(after(NOON, 4 * SECOND)).is_empty());
    let over = after(NOON, 5 * SECOND);
    assert!(matches!(node.events(over)[..], [DatagramEvent::Closed]));
    let reply = node.link.reply(over, &mut node.node, call, None);
    assert!(matches!(reply, Err(ReplyError::Closed(_))));
}

#[test]
fn what_is_queued_when_the_grace_ends_is_sent_before_the_last_event_or_dropped_in_time() {
    for taken in [false, true] {
        let mut node = serving(Layer::new());
        for _ in 0..2 {
            node.receive(NOON, at(1), frame(&Message::request("u")));
        }
        let mut calls: Vec<_> = (node.events(NOON).into_iter())
            .filter_map(|event| match event {
                DatagramEvent::Call { call, .. } => Some(call),
                _ => None,
            })
            .collect();
        node.link.drain(NOON, &mut node.node, 5 * SECOND);
        assert!(node.events(NOON).is_empty());
        let over = after(NOON, 5 * SECOND);
        node.reply(over, calls.remove(0), Message::respond_uri("u", ""));
        assert!(node.events(over).is_empty());
        let end = after(over, SECOND);
        let due = Some((end.monotonic, DeadlineReason::End));
        assert_eq!(node.deadline(), due);
        // It answers nothing any more.
        let late = calls.remove(0);
        let late = node
            .link
            .reply(over, &mut node.node, late, Message::ok("u", ""));
        assert!(matches!(late, Err(ReplyError::Closed(_))));
        assert!(node.send(at(1), &Message::notify("u", "")).is_err());
        // However often it is polled before that.
        assert!(node.events(over).is_empty());
        let closed = match taken {
            true => {
                assert_eq!(node.sent().len(), 1);
                over
            }
            false => end,
        };
        assert!(matches!(node.events(closed)[..], [DatagramEvent::Closed]));
        assert!(node.sent().is_empty() && !node.link.wants_write());
        assert_eq!((node.link.queued(), node.deadline()), (0, None));
    }
}
