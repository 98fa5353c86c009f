//! Remotes that read too slowly.

use super::*;
use crate::delivery::Fate;
use crate::events::{Deadline, DeadlineReason};
use crate::limits::SlowConsumerPolicy;
use crate::message::Gap;
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
fn news(number: u8, len: usize) -> SharedFrame {
    let content = alloc::vec![number; len - frame(&Message::notify("n", "")).len()];
    let bytes = frame(&Message::notify("n", content));
    assert_eq!(bytes.len(), len);
    bytes.into()
}

fn forward(pair: &mut Pair, frame: &SharedFrame) {
    let fate = pair.server.link.forward(pair.now, frame);
    assert!(
        matches!(fate, Ok(Fate::Sent | Fate::Queued | Fate::Dropped)),
        "{fate:?}"
    );
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
    pair.server.link.written(0);
    pair.server.drain(pair.now);
    assert_eq!(pair.server.seen(), [dropped(1, 50)]);
    let call = pair.server.unanswered.pop_front().unwrap();
    let slow = CloseReason::SlowConsumer { queued };
    let refused = pair.server.reply(pair.now, call, Message::ok("u", ""));
    assert!(matches!(refused, Err(ReplyError::Closed(reason)) if reason == slow));
    pair.server.drain(pair.now);
    assert_eq!(pair.server.link.close_reason(), Some(&slow));
    wait(&mut pair, Limits::default().shutdown_grace());
    assert_eq!(pair.server.seen(), [Seen::Closed(slow)]);
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
            assert!(told.is_ok());
        }
        let told = pair.server.notify(pair.now, &message, &plain);
        pair.server.drain(pair.now);
        let seen = pair.server.seen();
        match policy {
            SlowConsumerPolicy::Disconnect => {
                // The remote could read none of it yet.
                assert_eq!((told, seen), (Ok(Fate::Queued), Vec::new()));
                let queued = pair.server.link.queued();
                hand_out(&mut pair);
                pair.server.link.written(0);
                let told = pair.server.notify(pair.now, &message, &plain);
                let slow = CloseReason::SlowConsumer { queued };
                assert_eq!(told, Err(SendError::Closed(slow)));
            }
            policy => {
                let newest = policy == SlowConsumerPolicy::DropNewest;
                let fate = if newest { Fate::Dropped } else { Fate::Queued };
                assert_eq!(told, Ok(fate));
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

/// The notifications that go out: their numbers, and the gaps that they tell of.
fn gaps(pair: &mut Pair) -> Vec<(u8, Option<u64>)> {
    let mut told = Vec::new();
    let mut written = Vec::new();
    loop {
        while pair.server.link.poll_outbound(&mut written) {
            let news = unopened(&written).into_iter();
            let news = news.filter(|message| message.message_type == NOTIFY_URI);
            told.extend(news.map(|message| (message.content[0], Gap::of(&message))));
        }
        pair.server.drain(pair.now);
        if !pair.server.link.wants_write() {
            return told;
        }
    }
}

#[test]
fn the_first_one_behind_a_gap_tells_of_it() {
    let cases = [
        // The oldest are gone: those that wait begin with what is left.
        (
            SlowConsumerPolicy::DropOldest,
            [(4, Some(3)), (5, None)],
            (24, None),
        ),
        (
            SlowConsumerPolicy::DropNewest,
            [(1, None), (2, None)],
            (24, Some(3)),
        ),
    ];
    for (policy, first, last) in cases {
        let mut pair = serving(policy);
        let content = |number: u8| {
            let rest = 50_000 - frame(&Message::notify("n", "")).len();
            alloc::vec![number; rest]
        };
        let plain = SendOptions::new();
        for number in 1..=23 {
            let message = Message::notify("n", content(number));
            let shared = pair
                .server
                .node
                .share_message(frame(&message), &message, &plain);
            forward(&mut pair, &shared);
        }
        let mut told = gaps(&mut pair);
        let message = Message::notify("n", content(24));
        pair.server.notify(pair.now, &message, &plain).unwrap();
        told.extend(gaps(&mut pair));
        assert_eq!(
            (&told[..2], told.last()),
            (&first[..], Some(&last)),
            "{policy:?}"
        );
        assert_eq!(told.len(), 21);
        // It is told once, also of what a driver has lost.
        pair.server.notify(pair.now, &message, &plain).unwrap();
        pair.server.link.lost(7);
        pair.server.notify(pair.now, &message, &plain).unwrap();
        assert_eq!(gaps(&mut pair), [(24, None), (24, Some(7))]);
    }
}

#[test]
fn one_that_has_no_place_for_the_number_leaves_it_to_the_next() {
    let mut pair = serving(SlowConsumerPolicy::DropNewest);
    let plain = SendOptions::new();
    pair.server.link.lost(2);
    // The longest auth section that there is.
    let longest = (65_000..=65_535).rev().find(|len| {
        let mut message = Message::notify("n", alloc::vec![1]);
        let filler = alloc::vec![0; *len];
        message.auth.set_bytes("filler", &filler).unwrap();
        pair.server.notify(pair.now, &message, &plain).is_ok()
    });
    assert!(longest < Some(65_535));
    pair.server.drain(pair.now);
    assert!(pair.server.outbound().len() > 65_000);
    let next = Message::notify("n", alloc::vec![2]);
    pair.server.notify(pair.now, &next, &plain).unwrap();
    assert_eq!(gaps(&mut pair), [(2, Some(2))]);
}
