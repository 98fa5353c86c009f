//! What receivers of publications are told that they were not sent.

use super::*;
use crate::message::Gap;

/// A number of addresses, each of another host.
fn hosts(count: u32) -> impl Iterator<Item = SocketAddr> {
    (0..count).map(|number| SocketAddr::from(((0x0b00_0000 + number).to_be_bytes(), 8888)))
}

fn news(len: usize) -> Message {
    Message::notify("news", alloc::vec![b'x'; len])
}

/// The lengths of the news that are sent, with what they say was lost before, and to how many
/// one behind the other.
fn told(node: &mut End, now: Now) -> Vec<(usize, Option<u64>, usize)> {
    let mut told: Vec<(usize, Option<u64>, usize)> = Vec::new();
    loop {
        node.events(now);
        let sent = node.sent();
        if sent.is_empty() {
            return told;
        }
        for (_, datagram) in sent {
            let news = unopened(&datagram).remove(0);
            let (len, gap) = (news.content.len(), Gap::of(&news));
            match told.last_mut() {
                Some(last) if (last.0, last.1) == (len, gap) => last.2 += 1,
                _ => told.push((len, gap, 1)),
            }
        }
    }
}

#[test]
fn who_was_refused_something_is_told_with_the_next_one_and_not_before() {
    for in_one in [true, false] {
        let limits = Limits::default().with_outbound_total(1 << 20).unwrap();
        let mut node = with_config(limited(limits));
        let all = || hosts(100);
        node.forward(NOON, all(), &news(1), in_one).unwrap();
        for to in [100, 100, 70] {
            let refused = node.forward(NOON, hosts(to), &news(60_000), in_one);
            assert!(matches!(refused, Err(SendError::QueueFull { .. })));
        }
        node.forward(NOON, all(), &news(2), in_one).unwrap();
        node.forward(NOON, all(), &news(3), in_one).unwrap();
        let expected = [
            (1, None, 100),
            (2, Some(3), 70),
            (2, Some(2), 30),
            (3, None, 100),
        ];
        assert_eq!(told(&mut node, NOON), expected);
    }
}

#[test]
fn what_is_taken_back_is_told() {
    let mut node = end(Layer::new());
    let options = SendOptions::new();
    for _ in 0..3 {
        let to = node.node.receivers_at(hosts(2)).unwrap();
        let fan_out = node.node.fan_out(to, None, &news(1), &options).unwrap();
        node.node.take_back(fan_out);
    }
    // Nor does one for nobody tell anybody.
    node.forward(NOON, [], &news(2), true).unwrap();
    node.forward(NOON, hosts(3), &news(3), true).unwrap();
    let expected = [(3, Some(3), 2), (3, None, 1)];
    assert_eq!(told(&mut node, NOON), expected);
}

#[test]
fn who_has_spent_its_budget_is_told_once_it_has_some() {
    let limits = Limits::default()
        .with_unvalidated_burst(1000)
        .and_then(|limits| limits.with_unvalidated_rate(1000))
        .unwrap();
    let mut node = with_config(limited(limits));
    let publish = |node: &mut End, now, len| {
        let to = node.node.receivers_at([at(1)]).unwrap();
        let fan_out = node.node.fan_out(
            to,
            Some(frame(&news(len)).into()),
            &news(len),
            &SendOptions::new(),
        );
        node.link
            .forward(now, &mut node.node, fan_out.unwrap())
            .unwrap()
    };
    let lost: Vec<_> = (0..4).map(|_| publish(&mut node, NOON, 600)).collect();
    assert_eq!(lost, [0, 1, 1, 1]);
    assert_eq!(node.link.counters().unvalidated, 3);
    assert_eq!(told(&mut node, NOON), [(600, None, 1)]);
    let later = after(NOON, 2 * SECOND);
    assert_eq!(
        publish(&mut node, later, 10) + publish(&mut node, later, 11),
        0
    );
    assert_eq!(told(&mut node, later), [(10, Some(3), 1), (11, None, 1)]);
}

#[test]
fn one_that_has_no_place_for_the_number_leaves_it_to_the_next() {
    let mut node = end(Layer::new());
    let options = SendOptions::new();
    let to = node.node.receivers_at([at(1)]).unwrap();
    let fan_out = node.node.fan_out(to, None, &news(1), &options).unwrap();
    node.node.take_back(fan_out);
    let full = |len: usize| {
        let mut message = news(60_000);
        let filler = alloc::vec![0; len];
        message.auth.set_bytes("filler", &filler).unwrap();
        message
    };
    let mut all = (0..=6000).rev().map(full);
    let longest = all.find(|message| end(Layer::new()).send(at(1), message).is_ok());
    let longest = longest.unwrap();
    node.forward(NOON, [at(1)], &longest, false).unwrap();
    node.forward(NOON, [at(1)], &news(2), false).unwrap();
    let expected = [(60_000, None, 1), (2, Some(1), 1)];
    assert_eq!(told(&mut node, NOON), expected);
}
