//! Messages for many receivers.

use super::*;
use crate::error::CloseReason;

/// A number of addresses, each of another host.
fn hosts(count: u32) -> impl Iterator<Item = SocketAddr> {
    (0..count).map(|number| SocketAddr::from(((0x0b00_0000 + number).to_be_bytes(), 8888)))
}

/// All that it sends, as the contract says: it is polled until only a deadline is left.
fn all_sent(node: &mut End, now: Now) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        assert!(node.events(now).is_empty());
        let sent = node.sent();
        if sent.is_empty() {
            return all;
        }
        all.extend(sent);
    }
}

fn news(len: usize) -> Message {
    Message::notify("news", alloc::vec![b'x'; len])
}

#[test]
fn everybody_gets_one_frame_which_is_there_once() {
    for count in [1, 64, 65, 200] {
        for in_one in [true, false] {
            let mut node = end(Layer::new());
            node.forward(NOON, hosts(count), &news(100), in_one)
                .unwrap();
            node.forward(NOON, [], &news(100), in_one).unwrap();
            let list = count as usize * size_of::<crate::place::Place>();
            assert!(node.link.queued() <= 3 * 120 + list.max(64 * 200));
            let expected: Vec<_> = hosts(count).map(|to| (to, frame(&news(100)))).collect();
            assert_eq!(all_sent(&mut node, NOON), expected, "{count}");
            assert_eq!(node.link.queued(), 0);
        }
    }
}

#[test]
fn publications_are_sent_one_after_the_other_and_answers_between_them() {
    let mut node = end(Layer::new());
    for len in [1, 2] {
        node.forward(NOON, hosts(500), &news(len), true).unwrap();
    }
    let (mut sent, mut out) = (Vec::new(), Transmits::new());
    let mut received = 0;
    while node.link.wants_poll() {
        // A datagram comes before each batch, and is answered behind that.
        let stranger = datagram(&Layer::new(), &Message::request("u"));
        assert!(node.link.wants_read());
        node.receive(NOON, at(1), stranger);
        received += node.events(NOON).len();
        node.send(at(1), &Message::respond_uri("u", "")).unwrap();
        node.link.poll_outbound(&mut out);
        assert!(out.count() <= 64 + 1, "{}", out.count());
        sent.extend(out.iter().map(|(to, datagram)| (to, datagram.len())));
    }
    assert!(received >= 1000 / 64);
    let is_news = |(to, _): &&(SocketAddr, usize)| *to != at(1);
    let lens: Vec<_> = sent.iter().filter(is_news).map(|(_, len)| *len).collect();
    let (first, second) = (frame(&news(1)).len(), frame(&news(2)).len());
    assert_eq!(lens, [[first; 500], [second; 500]].concat());
    assert!(sent[..65].contains(&(at(1), frame(&Message::respond_uri("u", "")).len())));
}

#[test]
fn a_publication_that_goes_to_nobody_lets_others_have_their_turn() {
    let limits = Limits::default().with_unvalidated_burst(0).unwrap();
    let mut node = with_config(limited(limits));
    node.forward(NOON, hosts(1000), &news(1), true).unwrap();
    let (mut suppressed, mut turns) = (0, 0);
    while node.link.wants_poll() {
        let events = core::iter::from_fn(|| node.link.poll(NOON, &mut node.node));
        let count = events
            .inspect(|it| assert!(matches!(it, DatagramEvent::Suppressed { .. })))
            .count();
        assert!(count <= 64 && node.link.wants_read());
        suppressed += count;
        turns += 1;
    }
    assert_eq!((suppressed, turns), (1000, 1000_usize.div_ceil(64)));
    assert_eq!(node.link.counters().unvalidated, 1000);
    assert!(node.sent().is_empty());
}

#[test]
fn publications_to_the_same_subscribers_share_a_list() {
    let mut node = end(Layer::new());
    let limits = Limits::default();
    for place in hosts(3000).map(crate::place::Place::Datagram) {
        node.node.subscribe(b"news", place).unwrap();
    }
    let publish = |node: &mut End| {
        let to = node.node.receivers(b"news")?;
        let fan_out = node.node.fan_out(
            to,
            Some(frame(&news(20)).into()),
            &news(20),
            &SendOptions::new(),
        )?;
        node.link.forward(NOON, &mut node.node, fan_out)
    };
    publish(&mut node).unwrap();
    let one = node.link.queued();
    for _ in 0..100 {
        publish(&mut node).unwrap();
    }
    assert!(node.link.queued() <= one + 100 * 100, "lists are copied");
    // Another list each time.
    let mut refused = None;
    for port in 1..=u16::MAX {
        let place = crate::place::Place::Datagram(SocketAddr::from(([10, 1, 1, 1], port)));
        node.node.subscribe(b"news", place).unwrap();
        let published = publish(&mut node);
        node.node.unsubscribe(b"news", place);
        if let Err(error) = published {
            refused = Some(error);
            break;
        }
    }
    let max = limits.outbound_queue();
    assert!(
        matches!(refused, Some(SendError::QueueFull { queued, max: m }) if queued >= max && m == max)
    );
    assert!(node.link.queued() <= max + one);
    // Answers have a queue of their own, and datagrams are received.
    assert!(node.link.wants_read() && !node.link.is_half_full());
    node.send(at(1), &Message::respond_uri("u", "")).unwrap();
    // What has been sent makes room.
    assert!(all_sent(&mut node, NOON).len() > 100 * 3000);
    // But for the list of those who were refused one.
    assert!(node.link.queued() <= 3001 * size_of::<crate::place::Place>());
    publish(&mut node).unwrap();
}

#[test]
fn length_times_receivers_is_bounded() {
    let limits = Limits::default().with_outbound_total(1 << 20).unwrap();
    let mut node = with_config(limited(limits.clone()));
    let max = limits.outbound_total();
    let error = node.forward(NOON, hosts(20), &news(60_000), true);
    assert_eq!(error, Err(SendError::QueueFull { queued: 0, max }));
    // Nothing of that is kept but whom it was for, who are told with the next one.
    let list = 20 * size_of::<crate::place::Place>();
    assert_eq!(node.link.queued(), list);
    let mut published = 0;
    while node.forward(NOON, hosts(100), &news(1000), true).is_ok() {
        published += 1;
    }
    assert_eq!(
        published,
        (1 << 20) / (100 * (1000 + 18 + size_of::<crate::place::Place>()))
    );
    assert_eq!(all_sent(&mut node, NOON).len(), published * 100);
    node.forward(NOON, hosts(100), &news(1000), true).unwrap();
}

#[test]
fn a_frame_that_no_datagram_holds_is_refused_at_once() {
    let mut node = end(Layer::new());
    let long = news(DatagramLink::MAX_DATAGRAM - 17);
    let error = node.forward(NOON, hosts(2), &long, true).unwrap_err();
    assert!(matches!(
        error,
        SendError::Seal(SealError::DatagramTooLong { .. })
    ));
    // Where each is sealed apart, each is told of.
    node.forward(NOON, hosts(100), &long, false).unwrap();
    let mut not_sent = 0;
    while node.link.wants_poll() {
        for event in node.events(NOON) {
            assert!(matches!(event, DatagramEvent::NotSent { .. }), "{event:?}");
            not_sent += 1;
        }
        assert!(node.sent().is_empty());
    }
    assert_eq!(not_sent, 100);
}

#[test]
fn the_end_waits_for_publications_up_to_its_grace() {
    for (grace, expected) in [(SECOND, 200), (Duration::ZERO, 64)] {
        let mut node = end(Layer::new());
        node.forward(NOON, hosts(200), &news(1), true).unwrap();
        assert!(node.events(NOON).is_empty());
        node.link.drain(NOON, &mut node.node, grace);
        let (mut sent, mut polls) = (0, 0);
        loop {
            match node.link.poll(NOON, &mut node.node) {
                Some(DatagramEvent::Closed) => break,
                event => assert!(event.is_none(), "{event:?}"),
            }
            sent += node.sent().len();
            polls += 1;
            assert!(polls < 10);
        }
        assert_eq!((sent, node.link.queued()), (expected, 0));
        let refused = node.forward(NOON, hosts(1), &news(1), true);
        assert_eq!(refused, Err(SendError::Closed(CloseReason::Local)));
    }
}
