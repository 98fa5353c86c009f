//! Requests that a link which is drained does not begin.

use super::correlation::{ignoring, with_id};
use super::end::{deferred, past_grace};
use super::*;
use crate::message::NotHandled;
use crate::message::types::*;

fn refused(seen: &[Seen], id: RequestId) -> bool {
    let mut refusals = seen.iter().filter(
        |seen| matches!(seen, Seen::Failed(it, error @ RequestError::Refused(_)) if *it == id && error.was_surely_not_handled()),
    );
    refusals.next().is_some() && refusals.next().is_none()
}

#[test]
fn what_comes_during_a_drain_is_refused_at_once_and_what_came_before_is_answered() {
    let mut pair = deferred(8);
    let before = [(); 2].map(|()| pair.request(&Message::request("u")));
    pair.run();
    pair.server.link.drain(NOON, 5 * SECOND);
    assert_eq!(pair.server.seen().len(), 2);
    let late = pair.request(&Message::request("u"));
    pair.run();
    assert_eq!(pair.server.seen(), []);
    let error = RequestError::Refused("not handled: this side is stopping".into());
    assert_eq!(pair.client.seen(), [Seen::Failed(late, error)]);
    while let Some(call) = pair.server.unanswered.pop_front() {
        let answer = Message::respond_uri("u", "");
        pair.server.reply(NOON, call, answer).unwrap();
    }
    pair.run();
    let seen = pair.client.seen();
    let answered = |id| {
        seen.iter()
            .any(|it| matches!(it, Seen::Answered(of, _) if *of == id))
    };
    assert!(before.into_iter().all(answered));
    assert_eq!(seen.last(), Some(&Seen::Closed(CloseReason::Remote)));
    assert_eq!(pair.server.seen(), [Seen::Closed(CloseReason::Local)]);
}

#[test]
fn a_request_that_was_not_all_there_is_late() {
    let mut pair = deferred(8);
    pair.request(&Message::request("u"));
    pair.run();
    let [whole, cut] = [(); 2].map(|()| pair.request(&Message::request("u")));
    let bytes = pair.client.outbound();
    pair.server.receive(NOON, &bytes[..bytes.len() - 1]);
    pair.server.link.drain(NOON, 5 * SECOND);
    pair.server.receive(NOON, &bytes[bytes.len() - 1..]);
    pair.run();
    let called = pair.server.seen();
    assert!(
        matches!(called[..], [Seen::Called(_), Seen::Called(_)]),
        "{called:?}"
    );
    let seen = pair.client.seen();
    assert!(refused(&seen, cut) && !refused(&seen, whole) && seen.len() == 1);
}

#[test]
fn what_was_not_begun_when_the_grace_is_over_is_refused_and_what_was_may_have_run() {
    let mut pair = deferred(1);
    let begun = pair.request(&Message::request("u"));
    let waiting = [(); 3].map(|()| pair.request(&Message::request("u")));
    pair.run();
    pair.server.link.drain(NOON, 5 * SECOND);
    // It is behind those that wait for their turn.
    let late = pair.request(&Message::request("v"));
    pair.run();
    assert_eq!(pair.client.seen(), []);
    pair.pass(5 * SECOND);
    let seen = pair.client.seen();
    assert!(
        waiting
            .into_iter()
            .chain([late])
            .all(|id| refused(&seen, id)),
        "{seen:?}"
    );
    let ended = RequestError::Closed(CloseReason::Remote);
    assert!(!ended.was_surely_not_handled());
    assert!(seen.contains(&Seen::Failed(begun, ended)));
    let closed = Seen::Closed(CloseReason::Local);
    assert_eq!(pair.server.seen().last(), Some(&closed));
    let call = pair.server.unanswered.pop_front().unwrap();
    let reply = pair.server.reply(pair.now, call, Message::ok("u", ""));
    assert!(matches!(reply, Err(ReplyError::Closed(_))));
}

#[test]
fn refusals_that_are_not_taken_are_given_up_within_a_second() {
    let mut pair = deferred(1);
    for _ in 0..2 {
        pair.request(&Message::request("u"));
    }
    let bytes = pair.client.outbound();
    pair.server.receive(NOON, &bytes);
    pair.server.drain(NOON);
    pair.server.link.drain(NOON, 5 * SECOND);
    let over = after(NOON, 5 * SECOND);
    pair.server.seen.clear();
    pair.server.drain(over);
    assert!(pair.server.seen().is_empty() && pair.server.link.wants_write());
    let at = pair.server.link.deadline().unwrap().at;
    assert_eq!(at, over.monotonic + Link::LINGER);
    pair.server.drain(after(over, Link::LINGER));
    assert_eq!(pair.server.seen(), [Seen::Closed(CloseReason::Local)]);
}

/// A client of netaio's gets an ordinary error, and never in the place of another's answer.
#[test]
fn a_request_without_an_id_is_refused_in_its_turn() {
    for answered in [true, false] {
        let mut pair = deferred(8);
        let request = frame(&Message::request("u"));
        pair.server.receive(NOON, &request);
        pair.server.drain(NOON);
        pair.server.link.drain(NOON, 5 * SECOND);
        for message in [Message::request("u"), Message::notify("u", "")] {
            pair.server.receive(NOON, &frame(&message));
            pair.server.drain(NOON);
        }
        assert_eq!(pair.server.outbound(), []);
        if answered {
            let call = pair.server.unanswered.pop_front().unwrap();
            let answer = Message::respond_uri("u", "");
            pair.server.reply(NOON, call, answer).unwrap();
        }
        let sent = pair.server.run(past_grace());
        let sent = unopened(&sent);
        let types: Vec<_> = sent
            .iter()
            .map(|it| (it.message_type, &it.uri[..]))
            .collect();
        let expected = [(RESPOND_URI, &b"u"[..]), (ERROR, b"u")];
        assert_eq!(types, expected[..if answered { 2 } else { 0 }]);
        assert!(sent.iter().skip(1).all(NotHandled::is_said_by));
        assert_eq!(pair.server.seen().len(), 2, "called once, and closed");
    }
}

#[test]
fn an_answer_without_an_id_is_no_proof() {
    let config = ignoring(LinkConfig::new());
    let mut pair = Pair::new(config.clone(), config);
    let id = pair.request(&Message::request("u"));
    let refusal = Message::error("u", "").with_not_handled();
    pair.intrude(&refusal);
    assert_eq!(pair.client.answer(), (id, refusal));
}

#[test]
fn what_a_handler_says_is_believed_where_it_names_the_request() {
    let mut pair = super::correlation::correlated(Layer::new());
    let says =
        |message: &Message| Some(Message::error(message.uri.clone(), "busy").with_not_handled());
    pair.server
        .node
        .on(REQUEST_URI, says, Layer::new())
        .unwrap();
    let id = pair.request(&Message::request("u"));
    pair.run();
    let error = RequestError::Refused("busy".into());
    assert_eq!(pair.client.seen(), [Seen::Failed(id, error)]);
    // Nor does it end another one.
    pair.intrude(&with_id(Message::error("u", "").with_not_handled(), 1));
    assert!(!matches!(pair.client.seen()[..], [Seen::Failed(..)]));
}
