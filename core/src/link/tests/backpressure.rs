//! Bytes that are received and not handled.

use super::correlation::asking;
use super::*;
use crate::calls::Calls;
use crate::error::Backpressure;
use crate::message::types::*;

/// The longest frame by the usual limits, in bytes.
const MAX_FRAME: usize = 9 + 8192 + 65_535;

#[test]
fn what_is_received_without_polling_is_bounded() {
    let mut pair = Pair::plain();
    let chunk = frame(&Message::request("u")).repeat(1000);
    let mut taken = 0;
    let refused = loop {
        match pair.server.link.receive(NOON, &chunk) {
            Ok(()) => taken += chunk.len(),
            Err(refused) => break refused,
        }
    };
    assert!(taken > MAX_FRAME && taken <= MAX_FRAME + chunk.len());
    assert_eq!(refused, Backpressure { unhandled: taken });
    assert!(!pair.server.link.wants_read());
    // It counts as nothing received, and later there is room again.
    assert_eq!(pair.server.link.unhandled(), taken);
    pair.server.drain(NOON);
    assert!(pair.server.link.wants_read());
    pair.server.receive(NOON, &chunk);
    assert_eq!(pair.server.seen().len() * chunk.len() / 1000, taken);
}

#[test]
fn a_link_wants_no_bytes_while_its_answers_are_not_taken() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .on(REQUEST_URI, echo, Layer::new())
        .unwrap();
    let request = Message::new(REQUEST_URI, "u", [0; 40_000].to_vec());
    pair.server.receive(NOON, &frame(&request).repeat(5));
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen().len(), 2);
    assert!(!pair.server.link.wants_read() && !pair.server.link.wants_poll());
    let mut writing = Vec::new();
    assert!(pair.server.link.poll_outbound(&mut writing));
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen(), []);
    // Below the high-water mark it goes on by itself.
    pair.server.link.written(40_000);
    assert!(pair.server.link.wants_poll());
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen().len(), 1);
}

#[test]
fn messages_that_wait_are_counted_and_hold_no_receive_buffer() {
    let mut pair = Pair::plain();
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    // It looks at what comes, for it waits for an answer.
    let (ask, options) = (Message::request("v"), RequestOptions::new());
    pair.server.request(NOON, &ask, &options).unwrap();
    let request = frame(&Message::new(REQUEST_URI, "u", [0; 1000].to_vec()));
    let held = |waiting: usize| waiting * (request.len() + Calls::<()>::WAITING_BYTES);
    for count in 1..=10 {
        pair.server.receive(NOON, &request);
        pair.server.drain(NOON);
        let running = request.len();
        assert_eq!(pair.server.node.inbound_bytes(), running + held(count - 1));
    }
    let link = &mut pair.server.link;
    assert_eq!((link.calls_in_flight(), link.unhandled()), (1, 0));
    // The one whose handler runs was handed over: its message is gone.
    assert_eq!(link.inlet.bytes.capacity(), 0);
    pair.server.seen.clear();
    for left in (0..10_usize).rev() {
        pair.server.dismiss(NOON);
        pair.server.drain(NOON);
        let running = request.len() * usize::from(left > 0);
        let waiting = held(left.saturating_sub(1));
        assert_eq!(pair.server.node.inbound_bytes(), running + waiting);
    }
}

#[test]
fn no_more_messages_wait_than_may() {
    let limits = Limits::default().with_pending_requests(3).unwrap();
    let mut pair = Pair::new(LinkConfig::new(), limited(limits));
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    let (ask, options) = (Message::request("v"), RequestOptions::new());
    let asked = pair.server.request(NOON, &ask, &options).unwrap();
    let request = frame(&Message::request("u"));
    let ahead = Link::LOOK_AHEAD / request.len() + 1;
    pair.server.receive(NOON, &request.repeat(1 + 3 + ahead));
    pair.server.drain(NOON);
    let link = &pair.server.link;
    assert_eq!(link.unhandled(), ahead * request.len());
    assert!(!link.wants_read() && !link.wants_poll());
    // An answer behind so many comes when these have been handled, or not at all.
    pair.server.seen.clear();
    pair.server.drain(after(NOON, options.timeout()));
    let failed = RequestError::TimedOut(options.timeout());
    assert_eq!(pair.server.seen(), [Seen::Failed(asked, failed)]);
}

#[test]
fn nothing_read_is_no_sign_of_life() {
    let idle = 10 * SECOND;
    let limits = Limits::default().with_idle_timeout(Some(idle)).unwrap();
    let mut server = End::server(limited(limits), 1);
    let deadline = NOON.monotonic + idle;
    for seconds in 0..10 {
        let now = after(NOON, seconds * SECOND);
        server.link.receive_buffer();
        server.link.received(now, 0);
        server.receive(now, &[]);
        server.drain(now);
        assert_eq!(server.link.deadline().unwrap().at, deadline);
    }
    server.drain(after(NOON, idle));
    assert_eq!(server.seen(), [Seen::Closed(CloseReason::Idle(idle))]);
}

#[test]
fn what_came_in_time_is_handled_however_late_it_is_polled() {
    let limits = Limits::default()
        .with_frame_timeout(SECOND)
        .and_then(|limits| limits.with_auth_timeout(Some(SECOND)))
        .unwrap();
    let mut server = End::server(limited(limits), 1);
    let frame = frame(&Message::request("u"));
    server.receive(NOON, &frame[..5]);
    server.drain(NOON);
    server.receive(NOON, &frame[5..]);
    server.drain(after(NOON, 10 * SECOND));
    assert_eq!(server.seen(), [Seen::Unrouted(Message::request("u"))]);
    assert_eq!(server.link.close_reason(), None);
}

/// One alone holds the other back, or both would wait for ever.
#[test]
fn two_ends_that_ask_each_other_for_much_both_go_on() {
    let config = asking(limited(side_by_side(4)));
    let mut pair = Pair::new(config.clone(), config);
    for end in [&mut pair.client, &mut pair.server] {
        end.node.on(REQUEST_URI, echo, Layer::new()).unwrap();
        let ask = Message::new(REQUEST_URI, "u", [0; 50_000].to_vec());
        for _ in 0..50 {
            end.request(NOON, &ask, &RequestOptions::new()).unwrap();
        }
    }
    // What each writes, and the other reads while it wants to.
    let mut writing = [Vec::new(), Vec::new()];
    for _ in 0..1_000_000 {
        let mut idle = true;
        for end in [0, 1] {
            let (from, to) = match end {
                0 => (&mut pair.client, &mut pair.server),
                _ => (&mut pair.server, &mut pair.client),
            };
            from.drain(NOON);
            let bytes = &mut writing[end];
            if bytes.is_empty() {
                from.link.poll_outbound(bytes);
            }
            let count = bytes.len().min(30_000);
            if count > 0 && to.link.wants_read() {
                to.receive(NOON, &bytes[..count]);
                bytes.drain(..count);
                from.link.written(count);
                idle = false;
            }
            to.drain(NOON);
        }
        if idle {
            break;
        }
    }
    for end in [&mut pair.client, &mut pair.server] {
        let answered = end.seen();
        let answered = answered
            .iter()
            .filter(|seen| matches!(seen, Seen::Answered(..)));
        assert_eq!(answered.count(), 50);
        assert_eq!(end.link.queued(), 0);
    }
}
