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
    // One that comes now waits for none of those.
    let late = pair.request(&Message::request("v"));
    pair.run();
    assert!(refused(&pair.client.seen(), late));
    pair.pass(5 * SECOND);
    let seen = pair.client.seen();
    let mut waiting = waiting.into_iter();
    assert!(waiting.all(|id| refused(&seen, id)), "{seen:?}");
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
fn more_than_is_read_ahead_is_refused_while_an_earlier_one_is_handled() {
    let mut pair = deferred(1);
    let ask = |pair: &mut Pair, len: usize| {
        pair.request(&Message::new(REQUEST_URI, "u", alloc::vec![0; len]))
    };
    let asked: Vec<_> = (0..100).map(|_| ask(&mut pair, 1_000)).collect();
    let long: Vec<_> = (0..4).map(|_| ask(&mut pair, 30_000)).collect();
    let bytes = pair.client.outbound();
    let (mut read, mut rest) = (0, &bytes[..]);
    let mut drained = false;
    while !rest.is_empty() || !drained {
        if !drained && !pair.server.link.wants_read() {
            drained = true;
            pair.server.link.drain(NOON, 5 * SECOND);
        }
        let (some, left) = rest.split_at(rest.len().min(1_000));
        assert!(pair.server.link.wants_read());
        pair.server.receive(NOON, some);
        (read, rest) = (read + some.len(), left);
        pair.server.drain(NOON);
        assert!(pair.server.link.unhandled() < 40_000, "after {read}");
    }
    pair.run();
    let seen = pair.client.seen();
    let told = |ids: &[RequestId]| ids.iter().filter(|id| refused(&seen, **id)).count();
    assert!(told(&asked) > 80 && told(&long) == 4, "{seen:?}");
    // The others were read before, and have their turn.
    let mut answered = 0;
    while let Some(call) = pair.server.unanswered.pop_front() {
        let answer = Message::respond_uri("u", "");
        pair.server.reply(NOON, call, answer).unwrap();
        pair.server.drain(NOON);
        answered += 1;
    }
    assert_eq!(answered + told(&asked), 100);
}

#[test]
fn what_has_come_when_nothing_is_left_to_do_is_refused_before_the_end() {
    let mut pair = deferred(1);
    pair.run();
    let late = [(); 2].map(|()| pair.request(&Message::request("u")));
    let bytes = pair.client.outbound();
    pair.server.link.drain(NOON, 5 * SECOND);
    // Who can read does so as long as there is something.
    for part in bytes.chunks(10) {
        let End { link, node, .. } = &mut pair.server;
        assert!(link.poll(NOON, node).is_none());
        assert!(pair.server.link.wants_last_read() && pair.server.link.wants_poll());
        pair.server.receive(NOON, part);
    }
    pair.run();
    let seen = pair.client.seen();
    assert!(late.into_iter().all(|id| refused(&seen, id)), "{seen:?}");
    assert_eq!(pair.server.seen(), [Seen::Closed(CloseReason::Local)]);
}

#[test]
fn who_never_stops_sending_is_refused_for_a_second_once_nothing_is_left_to_do() {
    let mut pair = deferred(1);
    pair.server.link.drain(NOON, 60 * SECOND);
    let request = frame(&Message::request("u"));
    for tenths in [0, 5, 9] {
        let now = after(NOON, tenths * SECOND / 10);
        pair.server.receive(now, &request);
        let End { link, node, .. } = &mut pair.server;
        assert!(link.poll(now, node).is_none());
        assert_eq!(unopened(&pair.server.outbound()).len(), 1);
        assert!(pair.server.link.close_reason().is_none());
    }
    pair.server.receive(after(NOON, SECOND), &request);
    pair.server.drain(after(NOON, SECOND));
    assert!(pair.server.link.close_reason().is_some());
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
    let seen = pair.server.seen();
    let [Seen::Unwritten(1..), Seen::Closed(CloseReason::Local)] = seen[..] else {
        panic!("{seen:?}")
    };
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
