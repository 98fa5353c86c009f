//! The end of a link, step by step: what was received is answered, what is queued is
//! written, and the remote's own end is waited for.

use super::correlation::asking;
use super::*;
use crate::message::types::*;

const GARBAGE: &[u8] = b"\xff no frame";

/// The moment after the time that a stop waits by default.
pub(super) fn past_grace() -> Now {
    after(NOON, Limits::default().shutdown_grace())
}

/// A server with a handler that is answered by the test, and a client whose requests
/// carry ids where these may be handled side by side.
pub(super) fn deferred(handlers: usize) -> Pair {
    let mut pair = Pair::new(asking(LinkConfig::new()), limited(side_by_side(handlers)));
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    pair
}

/// What the server answers to all calls in flight, the last one first, and its end.
fn answers(end: &mut End, now: Now) -> Vec<Message> {
    let mut sent = Vec::new();
    loop {
        sent.extend(end.run(now));
        let Some(call) = end.unanswered.pop_back() else {
            return unopened(&sent);
        };
        end.reply(now, call, Message::respond_uri("u", "")).unwrap();
    }
}

fn is_malformed(seen: &[Seen]) -> bool {
    matches!(seen, [.., Seen::Closed(CloseReason::Malformed(_))])
}

#[test]
fn a_request_before_garbage_is_answered_before_the_link_closes() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .on(REQUEST_URI, echo, Layer::new())
        .unwrap();
    let requests = ["first", "second"].map(|text| Message::new(REQUEST_URI, "u", text));
    let frames = requests.each_ref().map(frame).concat();
    pair.server.receive(NOON, &[&frames, GARBAGE].concat());
    pair.server.drain(NOON);
    // Closed only once the answers are written.
    let called = requests.clone().map(Seen::Called);
    assert_eq!(pair.server.seen(), called);
    assert!(pair.server.link.close_reason().is_some());
    let answers = unopened(&pair.server.run(NOON));
    assert_eq!(answers, requests.map(|request| echo(&request).unwrap()));
    assert!(is_malformed(&pair.server.seen()));
}

#[test]
fn garbage_behind_requests_loses_no_answer_in_flight() {
    for handlers in [1, 2, 8] {
        let mut pair = deferred(handlers);
        for _ in 0..5 {
            pair.request(&Message::request("u"));
        }
        let mut bytes = pair.client.outbound();
        bytes.extend(GARBAGE);
        pair.server.receive(NOON, &bytes);
        assert_eq!(answers(&mut pair.server, NOON).len(), 5, "{handlers}");
        assert!(is_malformed(&pair.server.seen()));
    }
}

#[test]
fn one_failed_frame_too_many_loses_no_answer_in_flight() {
    let mut pair = deferred(8);
    for _ in 0..5 {
        pair.request(&Message::request("u"));
    }
    let mut bytes = pair.client.outbound();
    let broken = broken_frame(&Message::request("u"));
    bytes.extend(broken.repeat(Limits::default().failures() + 1));
    pair.server.receive(NOON, &bytes);
    let answers = answers(&mut pair.server, NOON);
    let answered = answers.iter().filter(|it| it.message_type == RESPOND_URI);
    assert_eq!(answered.count(), 5);
    assert!(matches!(
        pair.server.seen()[..],
        [.., Seen::Closed(CloseReason::TooManyFailures)]
    ));
}

#[test]
fn a_half_closed_client_gets_its_answers() {
    for handlers in [1, 8] {
        let mut pair = deferred(handlers);
        for _ in 0..5 {
            pair.request(&Message::request("u"));
        }
        let bytes = pair.client.outbound();
        pair.server.receive(NOON, &bytes);
        pair.server.link.handle_eof(NOON);
        assert!(!pair.server.link.wants_read());
        assert_eq!(answers(&mut pair.server, NOON).len(), 5);
        assert!(matches!(
            pair.server.seen()[..],
            [.., Seen::Closed(CloseReason::Remote)]
        ));
    }
}

#[test]
fn a_handler_is_waited_for_after_the_end_for_the_grace_and_no_longer() {
    for handlers in [1, 8] {
        let mut pair = deferred(handlers);
        pair.request(&Message::request("u"));
        let bytes = pair.client.outbound();
        pair.server.receive(NOON, &bytes);
        pair.server.link.handle_eof(NOON);
        pair.server.drain(NOON);
        let deadline = pair.server.link.deadline().unwrap();
        assert_eq!(deadline.at, past_grace().monotonic);
        pair.server.seen.clear();
        pair.server.drain(past_grace());
        assert_eq!(pair.server.seen(), [Seen::Closed(CloseReason::Remote)]);
        let call = pair.server.unanswered.pop_front().unwrap();
        let reply = pair.server.reply(past_grace(), call, Message::ok("u", ""));
        assert!(matches!(
            reply,
            Err(ReplyError::Closed(CloseReason::Remote))
        ));
    }
}

#[test]
fn requests_fail_at_the_end_and_none_is_sent_after_it() {
    let mut pair = deferred(1);
    pair.request(&Message::request("u"));
    let bytes = pair.client.outbound();
    pair.server.receive(NOON, &bytes);
    pair.server.drain(NOON);
    let (ask, options) = (Message::request("v"), RequestOptions::new());
    let asked = pair.server.request(NOON, &ask, &options).unwrap();
    pair.server.seen.clear();
    pair.server.link.handle_eof(NOON);
    pair.server.drain(NOON);
    let remote = CloseReason::Remote;
    let failed = RequestError::Closed(remote.clone());
    let half_closed = Seen::HalfClosed(remote.clone());
    let seen = pair.server.seen();
    assert_eq!(seen, [Seen::Failed(asked, failed), half_closed]);
    // The handler still answers, though nobody can answer it.
    let again = pair.server.request(NOON, &ask, &options);
    assert_eq!(again, Err(SendError::Closed(remote.clone())));
    let sent = answers(&mut pair.server, NOON);
    let types: Vec<_> = sent.iter().map(|message| message.message_type).collect();
    assert_eq!(types, [REQUEST_URI, RESPOND_URI]);
    assert_eq!(pair.server.seen(), [Seen::Closed(remote)]);
}

/// A link that has nothing to write and is told to close.
fn closing() -> (Link, Node<Handler>) {
    let End {
        mut link, mut node, ..
    } = End::server(LinkConfig::new(), 1);
    link.close(NOON, &mut node);
    let event = link.poll(NOON, &mut node);
    assert!(matches!(event, Some(LinkEvent::Shutdown)));
    assert!(link.poll(NOON, &mut node).is_none());
    assert!(link.wants_read() && !link.wants_write());
    (link, node)
}

#[test]
fn a_link_lingers_until_the_remote_ends() {
    let (mut link, mut node) = closing();
    link.receive(NOON, &[0; 1000]).unwrap();
    assert_eq!(link.unhandled(), 0);
    assert!(link.poll(NOON, &mut node).is_none());
    assert_eq!(node.links().len(), 1);
    link.handle_eof(NOON);
    let event = link.poll(NOON, &mut node);
    assert!(matches!(event, Some(LinkEvent::Closed(CloseReason::Local))));
    assert_eq!((node.links().len(), link.deadline()), (0, None));
}

#[test]
fn a_link_lingers_for_a_second_and_no_longer() {
    let (mut link, mut node) = closing();
    let over = link.deadline().unwrap().at;
    assert_eq!(over, NOON.monotonic + Link::LINGER);
    // Whatever comes meanwhile.
    let before = Now::new(over - Duration::from_nanos(1), NOON.unix);
    link.receive(before, &[0; 1000]).unwrap();
    assert!(link.poll(before, &mut node).is_none());
    let event = link.poll(Now::new(over, NOON.unix), &mut node);
    assert!(matches!(event, Some(LinkEvent::Closed(CloseReason::Local))));
}

#[test]
fn what_is_not_written_within_the_grace_is_given_up() {
    let mut pair = Pair::plain();
    pair.tell(&Message::notify("u", ""));
    pair.server.close(NOON);
    pair.server.drain(NOON);
    assert!(pair.server.link.wants_write());
    let deadline = pair.server.link.deadline().unwrap().at;
    assert_eq!(deadline, past_grace().monotonic);
    pair.server.drain(past_grace());
    let news = frame(&Message::notify("u", "")).len();
    let closed = Seen::Closed(CloseReason::Local);
    assert_eq!(pair.server.seen(), [Seen::Unwritten(news), closed]);
    assert_eq!((pair.server.link.queued(), pair.server.shut), (0, false));
    assert_eq!(pair.server.outbound(), []);
}

#[test]
fn the_end_waits_for_bytes_that_are_only_handed_out() {
    let mut pair = Pair::plain();
    pair.tell(&Message::notify("u", ""));
    pair.server.close(NOON);
    let mut writing = Vec::new();
    assert!(pair.server.link.poll_outbound(&mut writing));
    pair.server.drain(NOON);
    pair.server.link.written(writing.len() - 1);
    pair.server.drain(NOON);
    assert!(!pair.server.shut);
    pair.server.link.written(1);
    pair.server.drain(NOON);
    assert!(pair.server.shut);
}

#[test]
fn what_was_read_is_answered_before_a_drained_link_closes() {
    for handlers in [1, 8] {
        let mut pair = deferred(handlers);
        for _ in 0..5 {
            pair.request(&Message::request("u"));
        }
        let bytes = pair.client.outbound();
        pair.server.receive(NOON, &bytes);
        pair.server.link.drain(NOON, 5 * SECOND);
        assert_eq!(answers(&mut pair.server, NOON).len(), 5);
        assert!(matches!(
            pair.server.seen()[..],
            [.., Seen::Closed(CloseReason::Local)]
        ));
    }
}

#[test]
fn a_drained_link_handles_what_it_read_although_answers_are_not_taken_yet() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .on(REQUEST_URI, echo, Layer::new())
        .unwrap();
    let request = Message::new(REQUEST_URI, "u", [0; 40_000].to_vec());
    let bytes = frame(&request).repeat(5);
    pair.server.receive(NOON, &bytes);
    pair.server.link.drain(NOON, 5 * SECOND);
    pair.server.drain(NOON);
    // More than the high-water mark waits to be written.
    assert_eq!(pair.server.seen().len(), 2);
    assert_eq!(pair.server.link.close_reason(), None);
    let answers = unopened(&pair.server.run(NOON));
    assert_eq!((answers.len(), pair.server.seen().len()), (4 + 1, 3 + 1));
}

#[test]
fn a_drained_link_is_cut_off_past_the_grace() {
    let mut pair = deferred(1);
    pair.request(&Message::request("u"));
    pair.run();
    pair.tell(&Message::notify("u", ""));
    pair.server.link.drain(NOON, 5 * SECOND);
    pair.server.seen.clear();
    pair.server.drain(after(NOON, 4 * SECOND));
    assert_eq!(pair.server.seen(), []);
    let deadline = pair.server.link.deadline().unwrap();
    assert_eq!(deadline.at, NOON.monotonic + 5 * SECOND);
    pair.server.drain(after(NOON, 5 * SECOND));
    let news = frame(&Message::notify("u", "")).len();
    let closed = Seen::Closed(CloseReason::Local);
    assert_eq!(pair.server.seen(), [Seen::Unwritten(news), closed]);
    assert_eq!(pair.server.outbound(), []);
}

#[test]
fn a_drained_link_reads_answers_that_its_handlers_wait_for() {
    let mut pair = deferred(1);
    pair.client.node.on(CREATE_URI, echo, Layer::new()).unwrap();
    pair.request(&Message::request("u"));
    pair.run();
    pair.server.link.drain(NOON, 5 * SECOND);
    pair.server.seen.clear();
    let (ask, options) = (Message::create("v", ""), RequestOptions::new());
    let asked = pair.server.request(NOON, &ask, &options).unwrap();
    assert!(pair.server.link.wants_read());
    pair.run();
    assert_eq!(pair.server.answer().0, asked);
    let call = pair.server.unanswered.pop_front().unwrap();
    pair.server
        .reply(NOON, call, Message::respond_uri("u", ""))
        .unwrap();
    pair.run();
    assert_eq!(pair.server.seen(), [Seen::Closed(CloseReason::Local)]);
    assert!(matches!(
        pair.client.seen()[..],
        [.., Seen::Answered(..), Seen::Closed(CloseReason::Remote)]
    ));
}

#[test]
fn nothing_is_received_behind_the_end_of_the_stream() {
    let request = frame(&Message::request("u"));
    let (start, rest) = request.split_at(5);
    let mut pair = Pair::plain();
    let link = &mut pair.server.link;
    link.receive(NOON, start).unwrap();
    link.handle_eof(NOON);
    link.receive(NOON, rest).unwrap();
    link.receive_buffer().extend_from_slice(rest);
    link.received(NOON, rest.len());
    assert_eq!(link.unhandled(), start.len());
    pair.server.drain(NOON);
    let reason = pair.server.link.close_reason();
    assert!(
        matches!(reason, Some(CloseReason::Truncated(_))),
        "{reason:?}"
    );
}

#[test]
fn a_link_that_is_drained_again_ends_by_the_earlier_time() {
    for (again, end) in [(30, 10), (3, 4)] {
        let mut pair = deferred(1);
        pair.request(&Message::request("u"));
        pair.run();
        pair.server.link.drain(NOON, 10 * SECOND);
        let now = after(NOON, SECOND);
        pair.server.link.drain(now, again * SECOND);
        pair.server.drain(now);
        let deadline = pair.server.link.deadline().unwrap();
        assert_eq!(deadline.at, NOON.monotonic + end * SECOND);
    }
}
