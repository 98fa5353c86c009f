//! News that are dropped for a slow remote, as the policy says.

use super::slow::{
    HARD, arrived, backlog_deadline, dropped, forward, hand_out, news, serving, wait,
};
use super::*;
use crate::delivery::Fate;
use crate::limits::SlowConsumerPolicy;
use crate::message::types::*;

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
