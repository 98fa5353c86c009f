//! Links whose applications take no messages for now.

use super::*;
use crate::message::types::REQUEST_URI;

fn news(number: usize) -> Message {
    Message::notify("news", alloc::format!("{number}"))
}

/// The numbers of the news that was handed over since the last call.
fn numbers(end: &mut End) -> Vec<usize> {
    let number = |seen| match seen {
        Seen::Unrouted(news) => core::str::from_utf8(&news.content)
            .unwrap()
            .parse()
            .unwrap(),
        other => panic!("{other:?}"),
    };
    end.seen().into_iter().map(number).collect()
}

#[test]
fn a_paused_link_reads_nothing_and_loses_nothing() {
    let mut pair = Pair::plain();
    let client = &mut pair.client;
    client.link.pause();
    assert!(client.link.is_paused() && !client.link.wants_read());
    // What was on its way when it was paused waits.
    let frames: Vec<u8> = (0..10).flat_map(|number| frame(&news(number))).collect();
    client.receive(NOON, &frames);
    client.drain(NOON);
    assert_eq!(client.seen(), []);
    assert!(!client.link.wants_poll() && client.link.deadline().is_none());
    client.link.resume(NOON);
    assert!(client.link.wants_poll());
    client.drain(NOON);
    assert_eq!(numbers(client), Vec::from_iter(0..10));
    assert!(client.link.wants_read());
    // Paused between two of them.
    client.receive(NOON, &frames);
    assert!(matches!(client.poll(NOON), Some(LinkEvent::Message(_))));
    client.link.pause();
    client.drain(NOON);
    assert_eq!(client.seen(), []);
    client.link.resume(NOON);
    client.drain(NOON);
    assert_eq!(numbers(client), Vec::from_iter(1..10));
}

#[test]
fn answers_pass_what_waits() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .on(REQUEST_URI, echo, Layer::new())
        .unwrap();
    pair.client.link.pause();
    // More of them than requests may wait.
    for number in 0..3000 {
        pair.tell(&news(number));
    }
    let request = pair.request(&Message::new(REQUEST_URI, "u", "?"));
    assert!(pair.client.link.wants_read());
    pair.run();
    let (answered, answer) = pair.client.answer();
    assert_eq!((answered, &answer.content[..]), (request, &b"?"[..]));
    // Nobody waits any more: the server has to.
    assert!(!pair.client.link.wants_read());
    assert!(pair.client.node.inbound_bytes() > 3000 * frame(&news(0)).len());
    pair.client.link.resume(pair.now);
    pair.run();
    assert_eq!(numbers(&mut pair.client), Vec::from_iter(0..3000));
    assert_eq!(pair.client.node.inbound_bytes(), 0);
    assert!(pair.client.link.wants_read());
}

#[test]
fn what_waits_before_an_answer_is_bounded() {
    for limits in [
        Limits::default().with_outbound_queue(200_000),
        Limits::default().with_inbound_total(4 * 200_000),
    ] {
        let mut pair = Pair::new(limited(limits.unwrap()), LinkConfig::new());
        let client = &mut pair.client;
        client.link.pause();
        let (request, options) = (Message::request("u"), RequestOptions::new());
        let request = client.request(NOON, &request, &options).unwrap();
        let chunk: Vec<u8> = (0..100).flat_map(|number| frame(&news(number))).collect();
        // The end of what is there is the middle of a frame.
        client.receive(NOON, &chunk[..10]);
        let mut chunks = 0;
        while client.link.wants_read() {
            client.receive(NOON, &[&chunk[10..], &chunk[..10]].concat());
            client.drain(NOON);
            chunks += 1;
        }
        // Counted with what is kept about each, and not many times what may be.
        let held = client.node.inbound_bytes();
        let most = 200_000 + 3 * chunk.len() + 2000;
        assert!((200_000..most).contains(&held), "{held}");
        assert!(held > 2 * chunks * chunk.len(), "{held}");
        // Then the request's own time bounds the wait.
        let late = after(NOON, options.timeout());
        client.drain(late);
        let failed = RequestError::TimedOut(options.timeout());
        assert_eq!(client.seen(), [Seen::Failed(request, failed)]);
        client.link.resume(late);
        client.drain(late);
        assert_eq!(numbers(client).len(), 100 * chunks);
    }
}

#[test]
fn the_end_waits_until_what_came_before_it_is_taken() {
    let mut pair = Pair::plain();
    let client = &mut pair.client;
    client.link.pause();
    let (request, options) = (Message::request("u"), RequestOptions::new());
    let request = client.request(NOON, &request, &options).unwrap();
    client.receive(NOON, &[frame(&news(0)), frame(&news(1))].concat());
    client.drain(NOON);
    client.link.handle_eof(NOON);
    client.drain(NOON);
    let closed = RequestError::Closed(CloseReason::Remote);
    let half_closed = Seen::HalfClosed(CloseReason::Remote);
    assert_eq!(client.seen(), [Seen::Failed(request, closed), half_closed]);
    let much_later = after(NOON, 1000 * SECOND);
    assert_eq!(client.link.deadline(), None);
    client.drain(much_later);
    assert_eq!(client.seen(), []);
    client.link.resume(much_later);
    let message = |number| Seen::Unrouted(news(number));
    client.drain(much_later);
    client.outbound();
    client.drain(much_later);
    let closed = Seen::Closed(CloseReason::Remote);
    assert_eq!(client.seen(), [message(0), message(1), closed]);
}

#[test]
fn a_paused_link_is_closed_by_its_own_side_at_once() {
    let mut pair = Pair::plain();
    let client = &mut pair.client;
    client.link.pause();
    client.receive(NOON, &frame(&news(0)));
    client.close(NOON);
    client.drain(NOON);
    client.outbound();
    client.drain(NOON);
    assert_eq!(client.seen(), [Seen::Closed(CloseReason::Local)]);
}

#[test]
fn the_remote_is_not_late_while_it_is_kept_waiting() {
    let limits = Limits::default()
        .with_idle_timeout(Some(10 * SECOND))
        .unwrap();
    let mut pair = Pair::new(limited(limits), LinkConfig::new());
    let client = &mut pair.client;
    let frame = frame(&news(0));
    client.receive(NOON, &frame[..5]);
    client.drain(NOON);
    client.link.pause();
    let later = after(NOON, 100 * SECOND);
    client.drain(NOON);
    client.drain(later);
    assert_eq!(
        (client.seen(), client.link.close_reason()),
        (Vec::new(), None)
    );
    client.link.resume(later);
    client.drain(later);
    client.receive(later, &frame[5..]);
    client.drain(later);
    assert_eq!(numbers(client), [0]);
}
