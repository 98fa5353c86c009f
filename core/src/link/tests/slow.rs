//! Remotes that read too slowly.

use super::*;
use crate::events::{Deadline, DeadlineReason};
use crate::limits::SlowConsumerPolicy;
use crate::message::types::*;
use crate::shared_frame::SharedFrame;

const HARD: usize = 1_000_000;
const SOFT: usize = 200_000;

/// A server with this policy, asked by a client whose request is not answered
/// yet.
fn serving(policy: SlowConsumerPolicy) -> Pair {
    let limits = Limits::default()
        .with_outbound_queue(HARD)
        .and_then(|limits| limits.with_backlog(SOFT))
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
fn news(number: u8, len: usize) -> SharedFrame {
    let content = alloc::vec![number; len - frame(&Message::notify("n", "")).len()];
    let bytes = frame(&Message::notify("n", content));
    assert_eq!(bytes.len(), len);
    bytes.into()
}

fn forward(pair: &mut Pair, frame: &SharedFrame) {
    assert_eq!(pair.server.link.forward(pair.now, frame), Ok(()));
}

/// Which news arrives, once everything is written.
fn arrived(pair: &mut Pair) -> Vec<u8> {
    let messages = unopened(&pair.server.outbound());
    let news = messages.iter().filter(|it| it.message_type == NOTIFY_URI);
    news.map(|message| message.content[0]).collect()
}

fn dropped(messages: u64, bytes: usize) -> Seen {
    Seen::Dropped(Dropped {
        messages,
        bytes: bytes as u64,
    })
}

fn backlog_deadline(pair: &mut Pair) -> Option<Duration> {
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
fn hand_out(pair: &mut Pair) -> Vec<u8> {
    let mut writing = Vec::new();
    assert!(pair.server.link.poll_outbound(&mut writing));
    writing
}

/// The server notices the time, while nothing is written.
fn wait(pair: &mut Pair, time: Duration) {
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
    assert_eq!(pair.server.seen(), [Seen::Closed(slow)]);
}

#[test]
fn a_remote_that_was_given_nothing_to_read_is_not_slow() {
    let mut pair = serving(SlowConsumerPolicy::Disconnect);
    for number in 1..=20 {
        forward(&mut pair, &news(number, 50_000));
    }
    let full = SendError::QueueFull {
        queued: HARD,
        max: HARD,
    };
    let refused = pair.server.link.forward(NOON, &news(21, 50_000));
    assert_eq!(refused, Err(full));
    assert_eq!(backlog_deadline(&mut pair), None);
    wait(&mut pair, 100 * SECOND);
    assert_eq!(pair.server.seen(), []);
    // Once it is, it has as much time as any.
    hand_out(&mut pair);
    assert_eq!(backlog_deadline(&mut pair), Some(110 * SECOND));
    wait(&mut pair, 9 * SECOND);
    assert_eq!(pair.server.seen(), []);
    wait(&mut pair, SECOND);
    let slow = CloseReason::SlowConsumer { queued: HARD };
    assert_eq!(pair.server.seen(), [Seen::Closed(slow)]);
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
fn the_oldest_make_room_for_the_newest() {
    let mut pair = serving(SlowConsumerPolicy::DropOldest);
    let small = news(99, 50);
    for number in 1..=20 {
        forward(&mut pair, &news(number, 50_000));
    }
    assert_eq!(pair.server.link.queued(), HARD);
    pair.server.drain(pair.now);
    assert_eq!(pair.server.seen(), []);
    forward(&mut pair, &small);
    forward(&mut pair, &small);
    pair.server.drain(pair.now);
    assert_eq!(pair.server.seen(), [dropped(1, 50_000)]);
    assert_eq!(pair.server.link.queued(), HARD - 50_000 + 100);
    assert_eq!(
        arrived(&mut pair),
        (2..=20).chain([99, 99]).collect::<Vec<_>>()
    );
}

#[test]
fn the_newest_are_dropped_as_they_come() {
    let mut pair = serving(SlowConsumerPolicy::DropNewest);
    for number in 1..=22 {
        forward(&mut pair, &news(number, 50_000));
    }
    pair.server.drain(pair.now);
    assert_eq!(pair.server.seen(), [dropped(2, 100_000)]);
    assert_eq!(arrived(&mut pair), (1..=20).collect::<Vec<_>>());
    forward(&mut pair, &news(23, 50_000));
    assert_eq!(arrived(&mut pair), [23]);
}

#[test]
fn an_old_backlog_is_cut_down_to_what_may_wait() {
    let mut pair = serving(SlowConsumerPolicy::DropOldest);
    for number in 1..=10 {
        forward(&mut pair, &news(number, 50_000));
    }
    // One is on its way, and cannot be dropped.
    assert_eq!(hand_out(&mut pair).len(), 50_000);
    assert_eq!(backlog_deadline(&mut pair), Some(10 * SECOND));
    wait(&mut pair, 10 * SECOND);
    assert_eq!(pair.server.seen(), [dropped(6, 300_000)]);
    assert_eq!(backlog_deadline(&mut pair), None);
    assert_eq!(arrived(&mut pair), [8, 9, 10]);
}

#[test]
fn an_old_backlog_takes_nothing_new_until_it_has_shrunk() {
    let mut pair = serving(SlowConsumerPolicy::DropNewest);
    for number in 1..=10 {
        forward(&mut pair, &news(number, 50_000));
    }
    assert_eq!(hand_out(&mut pair).len(), 50_000);
    wait(&mut pair, 10 * SECOND);
    assert_eq!(
        (pair.server.seen(), backlog_deadline(&mut pair)),
        (Vec::new(), None)
    );
    forward(&mut pair, &news(11, 50_000));
    pair.server.drain(pair.now);
    assert_eq!(pair.server.seen(), [dropped(1, 50_000)]);
    assert_eq!(arrived(&mut pair), (2..=10).collect::<Vec<_>>());
    forward(&mut pair, &news(12, 50_000));
    assert_eq!(arrived(&mut pair), [12]);
}

#[test]
fn answers_and_requests_are_never_dropped() {
    for policy in [
        SlowConsumerPolicy::DropOldest,
        SlowConsumerPolicy::DropNewest,
    ] {
        let mut pair = serving(policy);
        for number in 1..=20 {
            forward(&mut pair, &news(number, 50_000));
        }
        let call = pair.server.unanswered.pop_front().unwrap();
        let answer = Message::respond_uri("u", alloc::vec![0; 60_000]);
        // It takes the place of news.
        pair.server.reply(pair.now, call, answer).unwrap();
        let (ask, options) = (Message::request("v"), RequestOptions::new());
        pair.server.request(pair.now, &ask, &options).unwrap();
        wait(&mut pair, 9 * SECOND);
        assert!(matches!(pair.server.seen()[..], [Seen::Dropped(it)] if it.messages == 2));
        let messages = unopened(&pair.server.outbound());
        let kinds = messages.iter().map(|message| message.message_type);
        let asked: Vec<_> = kinds.filter(|kind| *kind != NOTIFY_URI).collect();
        assert_eq!(asked, [RESPOND_URI, REQUEST_URI], "{policy:?}");
    }
}

#[test]
fn where_nothing_can_be_dropped_an_answer_closes() {
    let mut pair = serving(SlowConsumerPolicy::DropOldest);
    let large = Message::notify("u", alloc::vec![0; 60_000]);
    while pair.server.link.queued() < HARD {
        pair.tell(&large);
    }
    let queued = pair.server.link.queued();
    let full = SendError::QueueFull { queued, max: HARD };
    let sent = pair.server.send(pair.now, &large, &SendOptions::new());
    assert_eq!(sent, Err(full));
    forward(&mut pair, &news(1, 50));
    hand_out(&mut pair);
    let call = pair.server.unanswered.pop_front().unwrap();
    let slow = CloseReason::SlowConsumer { queued };
    let refused = pair.server.reply(pair.now, call, Message::ok("u", ""));
    assert!(matches!(refused, Err(ReplyError::Closed(reason)) if reason == slow));
    pair.server.drain(pair.now);
    // The last event is the last.
    assert_eq!(pair.server.seen(), [dropped(1, 50), Seen::Closed(slow)]);
}

#[test]
fn what_cannot_be_sent_takes_nobodys_place() {
    for policy in [
        SlowConsumerPolicy::DropOldest,
        SlowConsumerPolicy::DropNewest,
    ] {
        let large = Message::notify("u", alloc::vec![0; 60_000]);
        let plain = SendOptions::new();
        let refused = |pair: &mut Pair, message: &Message| {
            let queued = pair.server.link.queued();
            let error = pair.server.send(pair.now, message, &plain);
            assert_eq!(pair.server.link.queued(), queued, "{policy:?}");
            error.unwrap_err()
        };

        // Enough is queued besides the news: to drop it would not help.
        let mut pair = serving(policy);
        forward(&mut pair, &news(1, 20_000));
        (0..17).for_each(|_| pair.tell(&large));
        assert!(matches!(
            refused(&mut pair, &large),
            SendError::QueueFull { .. }
        ));

        // It would help, but what wants its place is no message.
        let mut pair = serving(policy);
        forward(&mut pair, &news(1, 50_000));
        (0..16).for_each(|_| pair.tell(&large));
        assert!(pair.server.link.queued() >= HARD);
        let unfit = Message::notify("u", alloc::vec![0; 70_000]);
        assert!(matches!(refused(&mut pair, &unfit), SendError::Seal(_)));
        pair.tell(&large);
        pair.server.drain(pair.now);
        assert_eq!(pair.server.seen(), [dropped(1, 50_000)]);
    }
}

#[test]
fn a_notification_of_ones_own_is_treated_as_one_for_many() {
    let message = Message::notify("n", alloc::vec![1; 50_000]);
    let plain = SendOptions::new();
    for policy in [
        SlowConsumerPolicy::Disconnect,
        SlowConsumerPolicy::DropOldest,
        SlowConsumerPolicy::DropNewest,
    ] {
        let mut pair = serving(policy);
        while pair.server.link.queued() < HARD {
            let told = pair.server.notify(pair.now, &message, &plain);
            assert_eq!(told, Ok(()));
        }
        let queued = pair.server.link.queued();
        let told = pair.server.notify(pair.now, &message, &plain);
        pair.server.drain(pair.now);
        let seen = pair.server.seen();
        match policy {
            SlowConsumerPolicy::Disconnect => {
                // The remote could read none of it yet.
                let full = SendError::QueueFull { queued, max: HARD };
                assert_eq!((told, seen), (Err(full), Vec::new()));
                hand_out(&mut pair);
                let told = pair.server.notify(pair.now, &message, &plain);
                let slow = CloseReason::SlowConsumer { queued };
                assert_eq!(told, Err(SendError::Closed(slow.clone())));
                pair.server.drain(pair.now);
                assert_eq!(pair.server.seen(), [Seen::Closed(slow)]);
            }
            _ => {
                assert_eq!(told, Ok(()));
                let len = frame(&message).len();
                assert_eq!(seen, [dropped(1, len)]);
            }
        }
        // One that cannot be sealed is the caller's error.
        let mut pair = serving(policy);
        let too_large = Message::notify("n", alloc::vec![1; 65_536]);
        let told = pair.server.notify(pair.now, &too_large, &plain);
        assert!(matches!(told, Err(SendError::Seal(_))));
        assert_eq!(pair.server.link.queued(), 0);
    }
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
