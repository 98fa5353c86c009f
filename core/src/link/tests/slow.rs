//! Remotes that read too slowly, how long they are waited for, and what becomes of them.

use super::*;
use crate::delivery::Fate;
use crate::events::{Deadline, DeadlineReason};
use crate::limits::SlowConsumerPolicy;
use crate::message::types::*;
use crate::shared_frame::SharedFrame;

pub(super) const HARD: usize = 1_000_000;

const SOFT: usize = 200_000;

/// A server with this policy, asked by a client whose request is not answered
/// yet.
pub(super) fn serving(policy: SlowConsumerPolicy) -> Pair {
    let limits = Limits::default()
        .with_outbound_queue(HARD)
        .and_then(|limits| limits.with_backlog(SOFT))
        .and_then(|limits| limits.with_backlog_time(10 * SECOND))
        .and_then(|limits| limits.with_slow_consumer(policy))
        .unwrap();
    let config = limited(limits);
    let mut pair = Pair::new(LinkConfig::new(), config);
    pair.server
        .node
        .on(REQUEST_URI, nothing, Layer::new())
        .unwrap();
    pair.request(&Message::request("u"));
    pair.run();
    pair.server.seen.clear();
    pair
}

/// News of so many bytes, content and all.
pub(super) fn news(number: u8, len: usize) -> SharedFrame {
    let content = alloc::vec![number; len - frame(&Message::notify("n", "")).len()];
    let bytes = frame(&Message::notify("n", content));
    assert_eq!(bytes.len(), len);
    bytes.into()
}

pub(super) fn forward(pair: &mut Pair, frame: &SharedFrame) {
    let fate = pair.server.link.forward(pair.now, frame);
    assert!(
        matches!(fate, Ok(Fate::Sent | Fate::Queued | Fate::Dropped)),
        "{fate:?}"
    );
}

/// Which news arrives, once everything is written.
pub(super) fn arrived(pair: &mut Pair) -> Vec<u8> {
    let messages = unopened(&pair.server.outbound());
    let news = messages.iter().filter(|it| it.message_type == NOTIFY_URI);
    news.map(|message| message.content[0]).collect()
}

pub(super) fn dropped(messages: u64, bytes: usize) -> Seen {
    Seen::Dropped(Dropped {
        messages,
        bytes: bytes as u64,
    })
}

pub(super) fn backlog_deadline(pair: &mut Pair) -> Option<Duration> {
    match pair.server.link.deadline()? {
        Deadline {
            at,
            reason: DeadlineReason::Backlog,
        } => Some(at - NOON.monotonic),
        Deadline {
            reason: DeadlineReason::Write,
            ..
        } => None,
        other => panic!("{other:?}"),
    }
}

/// The transport is given what it may be given at once, and writes none of it.
pub(super) fn hand_out(pair: &mut Pair) -> Vec<u8> {
    let mut writing = Vec::new();
    assert!(pair.server.link.poll_outbound(&mut writing));
    writing
}

/// The server notices the time, while nothing is written.
pub(super) fn wait(pair: &mut Pair, time: Duration) {
    pair.now = after(pair.now, time);
    pair.server.drain(pair.now);
}

#[test]
fn a_backlog_that_does_not_shrink_closes_after_ten_seconds() {
    let mut pair = serving(SlowConsumerPolicy::Disconnect);
    forward(&mut pair, &news(1, 50_000));
    hand_out(&mut pair);
    assert_eq!(backlog_deadline(&mut pair), None);
    wait(&mut pair, 5 * SECOND);
    for _ in 0..4 {
        forward(&mut pair, &news(1, 50_000));
    }
    assert_eq!(backlog_deadline(&mut pair), Some(15 * SECOND));
    wait(&mut pair, 9 * SECOND);
    // More of it changes nothing.
    forward(&mut pair, &news(1, 50_000));
    assert_eq!(backlog_deadline(&mut pair), Some(15 * SECOND));
    assert_eq!(pair.server.seen(), []);
    wait(&mut pair, SECOND);
    let slow = CloseReason::SlowConsumer { queued: 300_000 };
    assert_eq!(pair.server.link.close_reason(), Some(&slow));
    // Who does not read the rest of a frame either is not waited for.
    wait(&mut pair, Limits::default().shutdown_grace());
    assert_eq!(pair.server.seen(), [Seen::Closed(slow)]);
}

#[test]
fn the_last_frame_of_one_who_is_cut_off_is_whole() {
    let mut pair = serving(SlowConsumerPolicy::Disconnect);
    for number in 0..5 {
        forward(&mut pair, &news(number, 50_000));
    }
    let writing = hand_out(&mut pair);
    assert_eq!(writing.len(), 50_000);
    // Half of it has gone out.
    pair.server.link.written(25_000);
    pair.server.link.cut_off(pair.now);
    let slow = CloseReason::SlowConsumer { queued: 225_000 };
    let closed = SendError::Closed(slow.clone());
    let refused = pair.server.link.forward(pair.now, &news(6, 50_000));
    assert_eq!(refused, Err(closed));
    pair.server.drain(pair.now);
    assert_eq!(
        (pair.server.link.queued(), pair.server.shut),
        (25_000, false)
    );
    pair.server.link.written(25_000);
    assert!(!pair.server.link.poll_outbound(&mut Vec::new()));
    pair.server.drain(pair.now);
    assert!(pair.server.shut);
    pair.client.receive(pair.now, &writing);
    pair.client.link.handle_eof(pair.now);
    pair.client.drain(pair.now);
    let reason = pair.client.link.close_reason();
    assert_eq!(reason, Some(&CloseReason::Remote));
}

#[test]
fn a_remote_that_was_given_nothing_to_read_is_not_slow() {
    let mut pair = serving(SlowConsumerPolicy::Disconnect);
    for number in 1..=20 {
        forward(&mut pair, &news(number, 50_000));
    }
    forward(&mut pair, &news(21, 50_000));
    assert_eq!(backlog_deadline(&mut pair), None);
    wait(&mut pair, 100 * SECOND);
    assert_eq!(pair.server.seen(), []);
    // Once it is, it has as much time as any.
    hand_out(&mut pair);
    assert_eq!(backlog_deadline(&mut pair), Some(110 * SECOND));
    wait(&mut pair, 9 * SECOND);
    assert_eq!(pair.server.seen(), []);
    wait(&mut pair, SECOND);
    let queued = HARD + 50_000;
    let slow = CloseReason::SlowConsumer { queued };
    assert_eq!(pair.server.link.close_reason(), Some(&slow));
}

#[test]
fn a_burst_that_nobody_could_read_is_bounded_too() {
    let mut pair = serving(SlowConsumerPolicy::Disconnect);
    for _ in 0..40 {
        forward(&mut pair, &news(1, 50_000));
    }
    let queued = 2 * HARD;
    let slow = CloseReason::SlowConsumer { queued };
    let refused = pair.server.link.forward(NOON, &news(1, 50_000));
    assert_eq!(refused, Err(SendError::Closed(slow)));
}

#[test]
fn who_reads_all_that_it_is_given_is_kept_whatever_waits() {
    let mut pair = serving(SlowConsumerPolicy::Disconnect);
    for _ in 0..30 {
        forward(&mut pair, &news(1, 50_000));
    }
    let mut writing = Vec::new();
    for _ in 0..100 {
        assert!(pair.server.link.poll_outbound(&mut writing));
        pair.server.link.written(writing.len());
        forward(&mut pair, &news(1, 50_000));
    }
    assert!(pair.server.link.queued() > HARD);
}

#[test]
fn there_is_room_for_less_than_may_wait_for_long() {
    let mut pair = serving(SlowConsumerPolicy::Disconnect);
    for number in 1..=4 {
        forward(&mut pair, &news(number, SOFT / 4 - 1));
    }
    assert!(pair.server.link.has_room());
    forward(&mut pair, &news(5, 50));
    assert!(!pair.server.link.has_room());
    hand_out(&mut pair);
    assert!(!pair.server.link.has_room());
    pair.server.link.written(50);
    assert!(pair.server.link.has_room());
}

#[test]
fn a_remote_that_catches_up_is_kept() {
    let mut pair = serving(SlowConsumerPolicy::Disconnect);
    for round in 0..10 {
        for _ in 0..10 {
            forward(&mut pair, &news(1, 50_000));
        }
        // Nobody is slow before there was something to read.
        assert_eq!(backlog_deadline(&mut pair), None);
        let mut writing = hand_out(&mut pair);
        let deadline = 9 * round * SECOND + 10 * SECOND;
        assert_eq!(backlog_deadline(&mut pair), Some(deadline));
        wait(&mut pair, 9 * SECOND);
        while pair.server.link.queued() > 250_000 {
            pair.server.link.poll_outbound(&mut writing);
        }
        pair.server.link.written(49_999);
        assert_eq!(backlog_deadline(&mut pair), Some(deadline));
        // What is left is no backlog, though it is not written.
        pair.server.link.written(1);
        assert_eq!(backlog_deadline(&mut pair), None);
        assert_eq!(pair.server.link.queued(), 200_000);
        while pair.server.link.poll_outbound(&mut writing) {}
    }
    wait(&mut pair, 100 * SECOND);
    assert_eq!(pair.server.seen(), []);
}

#[test]
fn a_client_waits_for_its_server_as_long_as_it_takes() {
    let limits = Limits::default().with_backlog(SOFT).unwrap();
    let client = limited(limits);
    let mut pair = Pair::new(client, LinkConfig::new());
    let large = Message::publish("u", alloc::vec![0; 60_000]);
    for _ in 0..10 {
        let plain = SendOptions::new();
        pair.client.send(NOON, &large, &plain).unwrap();
    }
    assert!(pair.client.link.poll_outbound(&mut Vec::new()));
    assert_eq!(pair.client.link.deadline(), None);
    pair.client.drain(Now::new(Duration::MAX, 0));
    assert_eq!(pair.client.link.close_reason(), None);
}
