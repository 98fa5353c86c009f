//! Deadlines.

use super::*;
use crate::events::{Deadline, DeadlineReason};
use crate::message::types::REQUEST_URI;

fn with(limits: Limits) -> Pair {
    Pair::new(LinkConfig::new(), limited(limits))
}

fn deadline(pair: &mut Pair) -> Option<(Duration, DeadlineReason)> {
    let deadline = pair.server.link.deadline();
    deadline.map(|Deadline { at, reason }| (at - NOON.monotonic, reason))
}

/// The server has so much to write that it handles nothing more.
fn hold(pair: &mut Pair) {
    while pair.server.link.queued() < Limits::HIGH_WATER {
        pair.tell(&Message::notify("u", alloc::vec![0; 40_000]));
    }
    pair.server.drain(pair.now);
    assert!(!pair.server.link.may_take_frame());
}

/// The server notices the time, while nothing is written.
fn wait(pair: &mut Pair, time: Duration) {
    pair.now = after(pair.now, time);
    pair.server.drain(pair.now);
}

fn idle_and_auth(idle: Duration, auth: Duration) -> Limits {
    let limits = Limits::default().with_idle_timeout(Some(idle)).unwrap();
    limits.with_auth_timeout(Some(auth)).unwrap()
}

#[test]
fn a_link_at_rest_has_no_deadline() {
    let mut pair = Pair::plain();
    assert_eq!(deadline(&mut pair), None);
    pair.server.answers_by_default();
    pair.request(&Message::request("u"));
    pair.run();
    assert_eq!(pair.client.link.deadline(), None);
}

#[test]
fn a_frame_has_to_be_complete_in_time() {
    let mut pair = with(Limits::default());
    let frame = frame(&Message::request("u"));
    pair.server.receive(pair.now, &frame[..1]);
    // A byte now and then does not help.
    for byte in &frame[1..10] {
        pair.pass(SECOND);
        pair.server.receive(pair.now, &[*byte]);
    }
    pair.run();
    assert_eq!(
        deadline(&mut pair),
        Some((10 * SECOND, DeadlineReason::Frame))
    );
    pair.pass(SECOND);
    let late = CloseReason::FrameTimeout(10 * SECOND);
    assert_eq!(pair.server.seen(), [Seen::Closed(late)]);
    assert_eq!(deadline(&mut pair), None);
}

#[test]
fn each_frame_has_its_own_time() {
    let mut pair = with(Limits::default());
    let frame = frame(&Message::request("u"));
    let (start, end) = frame.split_at(5);
    pair.server.receive(pair.now, start);
    for _ in 0..5 {
        pair.pass(9 * SECOND);
        pair.server.receive(pair.now, &[end, start].concat());
    }
    pair.pass(9 * SECOND);
    assert_eq!(pair.server.seen().len(), 5);
    pair.server.receive(pair.now, end);
    pair.run();
    assert_eq!(deadline(&mut pair), None);
}

#[test]
fn the_first_valid_message_has_to_come_in_time() {
    let limits = Limits::default()
        .with_auth_timeout(Some(5 * SECOND))
        .unwrap();
    let config = limited(limits).with_outer(hmac("secret"));
    let client = LinkConfig::new().with_outer(hmac("secret"));
    let mut pair = Pair::new(client.clone(), config.clone());
    // What proves nothing does not count.
    pair.server.receive(NOON, &frame(&Message::request("u")));
    pair.pass(5 * SECOND);
    let seen = pair.server.seen();
    assert_eq!(
        seen[1..],
        [Seen::Closed(CloseReason::AuthTimeout(5 * SECOND))]
    );

    let mut pair = Pair::new(client, config);
    assert_eq!(
        deadline(&mut pair),
        Some((5 * SECOND, DeadlineReason::Auth))
    );
    pair.request(&Message::request("u"));
    pair.run();
    assert_eq!(deadline(&mut pair), None);
}

/// Else a remote that asks and never reads would keep its link for ever.
#[test]
fn who_does_not_read_is_idle() {
    let limits = Limits::default()
        .with_idle_timeout(Some(30 * SECOND))
        .unwrap();
    let mut pair = with(limits);
    hold(&mut pair);
    // It was given nothing to read.
    assert_eq!(deadline(&mut pair), None);
    assert!(pair.server.link.poll_outbound(&mut Vec::new()));
    wait(&mut pair, SECOND);
    let idle = |at| Some((at * SECOND, DeadlineReason::Idle));
    assert_eq!(deadline(&mut pair), idle(31));
    // One that reads slowly is not idle.
    wait(&mut pair, 20 * SECOND);
    pair.server.link.written(1);
    wait(&mut pair, 4 * SECOND);
    assert_eq!(deadline(&mut pair), idle(55));
    wait(&mut pair, 30 * SECOND);
    let reason = CloseReason::Idle(30 * SECOND);
    assert_eq!(pair.server.link.close_reason(), Some(&reason));
    // It may still read what is queued, as at every end.
    let queued = pair.server.link.queued();
    wait(&mut pair, 10 * SECOND);
    let closed = Seen::Closed(reason);
    assert_eq!(pair.server.seen(), [Seen::Unwritten(queued), closed]);
}

#[test]
fn bytes_keep_a_link_from_being_idle() {
    let limits = Limits::default()
        .with_idle_timeout(Some(30 * SECOND))
        .unwrap();
    let mut pair = with(limits);
    assert_eq!(
        deadline(&mut pair),
        Some((30 * SECOND, DeadlineReason::Idle))
    );
    pair.pass(20 * SECOND);
    pair.request(&Message::request("u"));
    pair.run();
    assert_eq!(
        deadline(&mut pair),
        Some((50 * SECOND, DeadlineReason::Idle))
    );
    pair.server.seen.clear();
    pair.pass(30 * SECOND);
    let idle = CloseReason::Idle(30 * SECOND);
    assert_eq!(pair.server.seen(), [Seen::Closed(idle)]);
}

#[test]
fn the_earliest_deadline_is_told_with_its_reason() {
    let mut pair = with(idle_and_auth(40 * SECOND, 20 * SECOND));
    assert_eq!(
        deadline(&mut pair),
        Some((20 * SECOND, DeadlineReason::Auth))
    );
    pair.server.receive(NOON, b"\x00");
    pair.run();
    assert_eq!(
        deadline(&mut pair),
        Some((10 * SECOND, DeadlineReason::Frame))
    );
    let options = RequestOptions::new().with_timeout(SECOND);
    let ask = Message::request("u");
    let id = pair.server.request(NOON, &ask, &options).unwrap();
    assert_eq!(deadline(&mut pair), Some((SECOND, DeadlineReason::Request)));
    pair.server.link.cancel(id);
    pair.pass(SECOND);
    assert_eq!(
        deadline(&mut pair),
        Some((10 * SECOND, DeadlineReason::Frame))
    );
}

#[test]
fn a_late_wake_up_closes_for_what_came_first() {
    for (idle, auth, reason) in [
        (2, 3, CloseReason::Idle(2 * SECOND)),
        (3, 2, CloseReason::AuthTimeout(2 * SECOND)),
        (11, 12, CloseReason::FrameTimeout(10 * SECOND)),
    ] {
        let mut pair = with(idle_and_auth(idle * SECOND, auth * SECOND));
        pair.server.receive(NOON, b"\x00");
        pair.server.drain(NOON);
        pair.at(NOON.monotonic + 100 * SECOND);
        pair.server.drain(pair.now);
        assert_eq!(pair.server.seen(), [Seen::Closed(reason)]);
    }
}

#[test]
fn requests_time_out_in_the_order_of_their_deadlines() {
    let mut pair = Pair::plain();
    let timeouts = [5, 3, 4, 3, 60];
    let ids = timeouts.map(|seconds| {
        let options = RequestOptions::new().with_timeout(seconds * SECOND);
        pair.request_with(&Message::notify("u", ""), &options)
    });
    let timed_out = |at: usize| {
        let error = RequestError::TimedOut(timeouts[at] * SECOND);
        Seen::Failed(ids[at], error)
    };
    pair.pass(10 * SECOND);
    assert_eq!(pair.client.seen(), [1, 3, 2, 0].map(timed_out));
    // All at once, where the wake-up comes late.
    let mut pair = Pair::plain();
    for seconds in timeouts {
        let options = RequestOptions::new().with_timeout(seconds * SECOND);
        pair.request_with(&Message::notify("u", ""), &options);
    }
    pair.at(NOON.monotonic + 10 * SECOND);
    pair.client.drain(pair.now);
    assert_eq!(pair.client.seen(), [1, 3, 2, 0].map(timed_out));
}

#[test]
fn an_early_wake_up_does_nothing() {
    let mut pair = with(idle_and_auth(2 * SECOND, 3 * SECOND));
    pair.at(NOON.monotonic + SECOND);
    pair.server.drain(pair.now);
    assert_eq!(pair.server.seen(), []);
    assert_eq!(
        deadline(&mut pair),
        Some((2 * SECOND, DeadlineReason::Idle))
    );
}

#[test]
fn a_timeout_without_end_never_comes() {
    let mut pair = Pair::plain();
    let options = RequestOptions::new().with_timeout(Duration::MAX);
    pair.request_with(&Message::notify("u", ""), &options);
    pair.pass(1_000_000_000 * SECOND);
    assert_eq!(pair.client.seen(), []);
}

#[test]
fn time_stands_still_while_nothing_is_read() {
    let limits = Limits::default()
        .with_idle_timeout(Some(20 * SECOND))
        .unwrap();
    let mut pair = with(limits);
    let frame = frame(&Message::request("u"));
    pair.server.receive(pair.now, &frame[..5]);
    pair.pass(9 * SECOND);
    hold(&mut pair);
    assert_eq!(deadline(&mut pair), None);
    wait(&mut pair, 100 * SECOND);
    assert_eq!(pair.server.seen(), []);
    pair.run();
    let anew = (119 * SECOND, DeadlineReason::Frame);
    assert_eq!(deadline(&mut pair), Some(anew));
    // Another look changes nothing.
    pair.pass(9 * SECOND);
    assert_eq!(deadline(&mut pair), Some(anew));
    pair.server.receive(pair.now, &frame[5..]);
    pair.pass(Duration::ZERO);
    let idle = (138 * SECOND, DeadlineReason::Idle);
    assert_eq!(deadline(&mut pair), Some(idle));
}

#[test]
fn requests_time_out_while_a_handler_runs_and_messages_wait_for_it() {
    let mut pair = Pair::plain();
    pair.client
        .node
        .on(REQUEST_URI, nothing, Layer::new())
        .unwrap();
    let id = pair.request(&Message::request("u"));
    let [first, second] = ["first", "second"].map(Message::request);
    let frames = [frame(&first), frame(&second)].concat();
    pair.client.receive(pair.now, &frames);
    pair.client.drain(pair.now);
    assert_eq!(pair.client.seen(), [Seen::Called(first)]);
    wait(&mut pair, 10 * SECOND);
    pair.client.drain(pair.now);
    let failed = RequestError::TimedOut(10 * SECOND);
    assert_eq!(pair.client.seen(), [Seen::Failed(id, failed)]);
    pair.client.dismiss(pair.now);
    pair.client.drain(pair.now);
    assert_eq!(pair.client.seen(), [Seen::Called(second)]);
}

#[test]
fn a_remote_that_is_made_to_wait_is_not_blamed_for_it() {
    let limits = Limits::default()
        .with_idle_timeout(Some(30 * SECOND))
        .unwrap();
    let mut pair = with(limits);
    pair.server.receive(NOON, b"\x00");
    pair.server.drain(NOON);
    hold(&mut pair);
    assert_eq!(deadline(&mut pair), None);
    wait(&mut pair, 100 * SECOND);
    pair.server.outbound();
    pair.server.drain(pair.now);
    let frame = Some((110 * SECOND, DeadlineReason::Frame));
    assert_eq!(deadline(&mut pair), frame);
    // Requests of its own are timed all the same.
    hold(&mut pair);
    let ask = Message::request("u");
    let options = RequestOptions::new().with_timeout(5 * SECOND);
    let id = pair.server.request(pair.now, &ask, &options).unwrap();
    wait(&mut pair, 5 * SECOND);
    let failed = RequestError::TimedOut(5 * SECOND);
    assert_eq!(pair.server.seen(), [Seen::Failed(id, failed)]);
}

/// A server's link with answers of some 60,000 bytes each, which nobody takes.
fn unread(limits: Limits, requests: usize) -> Pair {
    let mut pair = Pair::new(LinkConfig::new(), limited(limits));
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    let request = frame(&Message::request("u"));
    pair.server.receive(NOON, &request.repeat(requests));
    pair.server.drain(NOON);
    for _ in 0..requests {
        let Some(call) = pair.server.unanswered.pop_front() else {
            break;
        };
        let answer = Message::respond_uri("u", alloc::vec![0; 60_000]);
        pair.server.reply(NOON, call, answer).unwrap();
        pair.server.drain(NOON);
    }
    assert!(pair.server.link.poll_outbound(&mut Vec::new()));
    pair.server.drain(NOON);
    pair
}

#[test]
fn a_remote_that_takes_nothing_ends_however_much_it_has_asked() {
    for (idle, write, seconds) in [
        (Some(8), None, 8),
        (None, Some(20), 20),
        (Some(30), Some(20), 20),
    ] {
        for requests in 1..=4 {
            for eof in [false, true] {
                let limits = Limits::default()
                    .with_idle_timeout(idle.map(Duration::from_secs))
                    .and_then(|limits| limits.with_write_timeout(write.map(Duration::from_secs)))
                    .unwrap();
                let mut pair = unread(limits, requests);
                if eof {
                    pair.server.link.handle_eof(NOON);
                    pair.server.drain(NOON);
                }
                let mut now = NOON;
                // As a loop does: it waits for the deadline, and polls.
                while !matches!(pair.server.seen.last(), Some(Seen::Closed(_))) {
                    let deadline = pair.server.link.deadline().map(|deadline| deadline.at);
                    assert!(
                        deadline.is_some_and(|at| at > now.monotonic),
                        "{requests}, {eof}"
                    );
                    now.monotonic = deadline.unwrap();
                    pair.server.drain(now);
                    let waited = now.monotonic - NOON.monotonic;
                    assert!(
                        waited <= Duration::from_secs(seconds + 11),
                        "{requests}, {eof}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_remote_that_takes_something_now_and_then_is_waited_for() {
    let limits = Limits::default().with_backlog(1 << 20).unwrap();
    let mut pair = unread(limits, 1);
    let mut now = NOON;
    for _ in 0..100 {
        now.monotonic += Duration::from_secs(49);
        pair.server.link.written(1);
        pair.server.drain(now);
    }
    assert_eq!(pair.server.link.close_reason(), None);
    now.monotonic += Duration::from_secs(50);
    pair.server.drain(now);
    let late = CloseReason::WriteTimeout(Duration::from_secs(50));
    assert_eq!(pair.server.seen.last(), Some(&Seen::Closed(late)));
    assert_eq!(pair.server.link.queued(), 0);
}
