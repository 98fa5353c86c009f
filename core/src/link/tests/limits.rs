//! Bounds on what waits.

use super::*;
use crate::error::{FrameError, FrameErrorKind};
use crate::events::DeadlineReason;
use crate::message::types::*;
use crate::packify::{DecodeErrorKind, Value};
use crate::shared_frame::SharedFrame;

fn three_at_once() -> Pair {
    let limits = Limits::default().with_pending_requests(3).unwrap();
    let mut pair = Pair::new(limited(limits), LinkConfig::new());
    let node = &mut pair.server.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    pair
}

fn ask(number: u8) -> Message {
    Message::new(REQUEST_URI, "u", [number].to_vec())
}

#[test]
fn one_request_too_many_waits_for_a_place() {
    let mut pair = three_at_once();
    let ids: Vec<_> = (0..8).map(|number| pair.request(&ask(number))).collect();
    pair.run();
    let sent = |pair: &Pair| -> Vec<u8> {
        let sent = unopened(&pair.client.sent);
        sent.iter().map(|message| message.content[0]).collect()
    };
    assert_eq!(sent(&pair), [0, 1, 2]);
    assert_eq!(pair.client.link.pending_requests(), 8);
    // An answer makes room, and a cancelled request: the first to come is the first to go.
    pair.server.seen();
    pair.answer(0, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, ids[0]);
    assert_eq!(sent(&pair), [0, 1, 2, 3]);
    pair.client.link.cancel(ids[4]);
    pair.client.link.cancel(ids[1]);
    assert!(pair.client.link.wants_poll());
    pair.run();
    assert_eq!(sent(&pair), [0, 1, 2, 3, 5]);
    // One that comes now has to wait behind the others.
    let last = pair.request(&ask(9));
    // The first of these answers is that of the cancelled one.
    for number in [5, 6, 7, 9] {
        pair.answer(0, &Message::respond_uri("u", ""));
        assert_eq!(sent(&pair).last(), Some(&number));
    }
    while !pair.server.unanswered.is_empty() {
        pair.answer(0, &Message::respond_uri("u", ""));
    }
    let answered = pair.client.seen();
    let answered = answered.iter().map(|seen| match seen {
        Seen::Answered(id, _) => Some(*id),
        Seen::Refused(Refusal::Unawaited { .. }) => None,
        other => panic!("{other:?}"),
    });
    let expected = [ids[2], ids[3], ids[5], ids[6], ids[7], last];
    assert_eq!(answered.flatten().collect::<Vec<_>>(), expected);
}

#[test]
fn a_request_without_a_place_ends_in_time_unsent() {
    let mut pair = three_at_once();
    let options = RequestOptions::new().with_timeout(20 * SECOND);
    for number in 0..3 {
        pair.request_with(&ask(number), &options);
    }
    let late = pair.request(&ask(3));
    let closed = pair.request_with(&ask(4), &options);
    let fast = options.clone().fail_fast();
    let too_many = SendError::TooManyRequests { max: 3 };
    let refused = pair.client.request(NOON, &ask(5), &fast);
    assert_eq!(refused, Err(too_many.clone()));
    pair.pass(RequestOptions::DEFAULT_TIMEOUT);
    let error = RequestError::Send(too_many);
    assert!(error.was_surely_not_handled());
    assert_eq!(pair.client.seen(), [Seen::Failed(late, error)]);
    pair.client.close(pair.now);
    pair.client.drain(pair.now);
    let (mut unsent, mut sent) = (0, 0);
    for seen in pair.client.seen() {
        match seen {
            Seen::Failed(id, RequestError::Send(SendError::Closed(_))) => {
                assert_eq!(id, closed);
                unsent += 1;
            }
            Seen::Failed(_, error @ RequestError::Closed(_)) => {
                assert!(!error.was_surely_not_handled());
                sent += 1;
            }
            _ => {}
        }
    }
    assert_eq!((unsent, sent), (1, 3));
    pair.run();
    assert_eq!(unopened(&pair.client.sent).len(), 3);
}

#[test]
fn requests_that_wait_for_a_place_hold_no_more_than_the_queue_may() {
    let limits = Limits::default().with_pending_requests(1).unwrap();
    let limits = limits.with_outbound_queue(132_096).unwrap();
    let mut pair = Pair::new(limited(limits), LinkConfig::new());
    for (content, about) in [(0, 600), (30_000, 4)] {
        let message = Message::new(REQUEST_URI, "u", alloc::vec![0; content]);
        let mut ids = Vec::new();
        let options = RequestOptions::new();
        let refused = loop {
            match pair.client.request(NOON, &message, &options) {
                Ok(id) => ids.push(id),
                Err(error) => break error,
            }
        };
        assert_eq!(refused, SendError::TooManyRequests { max: 1 });
        assert!(
            ids.len() >= about / 2 && ids.len() <= 2 * about,
            "{}",
            ids.len()
        );
        for id in ids {
            pair.client.link.cancel(id);
        }
        assert_eq!(pair.client.link.pending_requests(), 0);
        assert_eq!(pair.client.link.exchange.pending.parked_bytes(), 0);
        pair.client.drain(NOON);
    }
}

#[test]
fn a_request_that_cannot_be_sealed_fails_where_its_place_is_free() {
    let mut pair = three_at_once();
    for number in 0..3 {
        pair.request(&ask(number));
    }
    pair.run();
    pair.server.seen();
    let long = Message::new(REQUEST_URI, "u", alloc::vec![0; 70_000]);
    let failing = pair.request(&long);
    let next = pair.request(&ask(3));
    pair.answer(0, &Message::respond_uri("u", ""));
    let seen = pair.client.seen();
    assert!(seen.iter().any(|seen| matches!(
        seen, Seen::Failed(id, RequestError::Send(SendError::Seal(_))) if *id == failing
    )));
    while !pair.server.unanswered.is_empty() {
        pair.answer(0, &Message::respond_uri("u", ""));
    }
    let seen = pair.client.seen();
    assert!(matches!(seen.last(), Some(Seen::Answered(id, _)) if *id == next));
}

/// A server that hardly queues, and a client that has asked it and reads
/// nothing.
fn clogged() -> Pair {
    let limits = Limits::default().with_outbound_queue(200_000).unwrap();
    let config = limited(limits);
    let mut pair = Pair::new(LinkConfig::new(), config);
    pair.server
        .node
        .on(REQUEST_URI, nothing, Layer::new())
        .unwrap();
    pair.request(&Message::request("u"));
    pair.run();
    fill(&mut pair);
    pair
}

fn fill(pair: &mut Pair) {
    let large = Message::notify("u", [0; 60_000].to_vec());
    for _ in 0..4 {
        pair.tell(&large);
    }
    assert!(pair.server.link.queued() > 200_000);
}

#[test]
fn a_full_queue_refuses_what_the_application_sends_and_takes_it_later() {
    let mut pair = clogged();
    let (message, plain) = (Message::notify("u", ""), SendOptions::new());
    let full = pair.server.send(NOON, &message, &plain);
    assert!(matches!(full, Err(SendError::QueueFull { max: 200_000, queued }) if queued > 200_000));
    // What was handed out may not be written yet, so it counts.
    let mut written = Vec::new();
    assert!(pair.server.link.poll_outbound(&mut written));
    assert!(pair.server.send(NOON, &message, &plain).is_err());
    while pair.server.link.poll_outbound(&mut written) {}
    assert_eq!(pair.server.send(NOON, &message, &plain), Ok(()));
    assert_eq!(pair.server.link.close_reason(), None);
}

#[test]
fn an_answer_to_one_who_does_not_read_closes() {
    let mut pair = clogged();
    assert!(pair.server.link.poll_outbound(&mut Vec::new()));
    // Its transport takes none of it.
    pair.server.link.written(0);
    let call = pair.server.unanswered.pop_front().unwrap();
    let answer = Message::respond_uri("u", "");
    let queued = pair.server.link.queued();
    let slow = CloseReason::SlowConsumer { queued };
    let refused = pair.server.reply(NOON, call, answer);
    assert!(matches!(refused, Err(ReplyError::Closed(reason)) if reason == slow));
    pair.server.seen.clear();
    pair.server.drain(NOON);
    assert_eq!(pair.server.link.close_reason(), Some(&slow));
    pair.server
        .drain(after(NOON, Limits::default().shutdown_grace()));
    assert_eq!(pair.server.seen(), [Seen::Closed(slow)]);
}

#[test]
fn errors_to_strangers_are_left_out_of_a_full_queue() {
    let mut pair = clogged();
    // It looks at what comes all the same, for it waits for an answer.
    pair.server.outbound();
    let (ask, options) = (Message::request("u"), RequestOptions::new());
    pair.server.request(NOON, &ask, &options).unwrap();
    fill(&mut pair);
    pair.server.seen.clear();
    let queued = pair.server.link.queued();
    pair.server.receive(NOON, &broken_frame(&ask));
    pair.server.drain(NOON);
    assert!(matches!(pair.server.seen()[..], [Seen::Refused(_)]));
    assert_eq!(pair.server.link.queued(), queued);
    assert_eq!(pair.server.link.close_reason(), None);
}

#[test]
fn a_message_too_large_is_the_senders_error_and_nothing_is_sent() {
    let mut pair = Pair::sealed(hmac("secret").with_cipher(Sha256StreamCipher::new("key")));
    let plain = SendOptions::new();
    // The cipher makes it two bytes longer.
    let most = Message::notify("", [0; 65_420].to_vec());
    assert_eq!(pair.client.send(NOON, &most, &plain), Ok(()));
    let queued = pair.client.link.queued();
    let more = Message::notify("", [0; 65_421].to_vec());
    let refused = pair.client.send(NOON, &more, &plain);
    assert!(matches!(refused, Err(SendError::Seal(_))));
    let request = pair.client.request(NOON, &more, &RequestOptions::new());
    assert!(matches!(request, Err(SendError::Seal(_))));
    assert_eq!(pair.client.link.pending_requests(), 0);
    assert_eq!(pair.client.link.queued(), queued);
    pair.run();
    assert!(
        matches!(&pair.server.seen[..], [Seen::Unrouted(message)] if message.content.len() == 65_420)
    );
}

#[test]
fn a_poll_handles_one_frame_and_a_turn_a_bounded_number_of_them() {
    let mut pair = Pair::plain();
    let stream = frame(&Message::request("u")).repeat(100);
    pair.server.receive(NOON, &stream);
    let End { link, node, .. } = &mut pair.server;
    let mut left = 100;
    for turn in [Limits::default().frames_per_turn(), 36] {
        assert!(link.wants_poll());
        for _ in 0..turn {
            assert!(matches!(link.poll(NOON, node), Some(LinkEvent::Message(_))));
            left -= 1;
            assert_eq!(link.unhandled(), left * stream.len() / 100);
        }
        assert!(link.poll(NOON, node).is_none());
        let reason = link.deadline().map(|deadline| deadline.reason);
        assert_eq!(reason, (left > 0).then_some(DeadlineReason::Turn));
    }
    assert!(!link.wants_poll());
}

#[test]
fn a_frame_for_many_is_queued_as_it_is_and_closes_who_does_not_read() {
    let mut pair = Pair::plain();
    let notice = Message::notify("u", "for all");
    let bytes = SharedFrame::from(frame(&notice));
    assert_eq!(pair.server.link.forward(NOON, &bytes), Ok(Fate::Sent));
    pair.run();
    assert_eq!(pair.server.sent, *bytes);
    assert_eq!(pair.client.seen(), [Seen::Unrouted(notice)]);

    let mut pair = clogged();
    // It could read none of it yet.
    let queued = Ok(Fate::Queued);
    assert_eq!(pair.server.link.forward(NOON, &bytes), queued);
    let mut writing = Vec::new();
    assert!(pair.server.link.poll_outbound(&mut writing));
    assert_eq!(pair.server.link.forward(NOON, &bytes), queued);
    pair.server.link.written(0);
    let queued = pair.server.link.queued();
    let slow = SendError::Closed(CloseReason::SlowConsumer { queued });
    assert_eq!(pair.server.link.forward(NOON, &bytes), Err(slow.clone()));
    assert_eq!(pair.server.link.forward(NOON, &bytes), Err(slow));
    // What nobody reads is given up, but for what was handed out.
    assert_eq!(pair.server.link.queued(), writing.len());
}

#[test]
fn a_busy_end_takes_no_frame_but_for_an_answer() {
    let mut pair = Pair::plain();
    let node = &mut pair.client.node;
    node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
    let [asked, notice] = [Message::request("u"), Message::notify("u", "")];
    let bytes = frame(&notice);
    pair.client
        .receive(NOON, &[frame(&asked), bytes.clone()].concat());
    pair.client.drain(NOON);
    assert_eq!(pair.client.seen(), [Seen::Called(asked)]);
    assert_eq!(pair.client.link.unhandled(), bytes.len());
    // It reads on for a while all the same, to notice the end.
    let ahead = Link::LOOK_AHEAD - bytes.len();
    assert_eq!(pair.client.link.read_room(), ahead);
    let id = pair.request(&Message::request("u"));
    assert_eq!(pair.client.link.read_room(), usize::MAX);
    let answer = Message::respond_uri("u", "");
    pair.client.receive(NOON, &frame(&answer));
    pair.client.drain(NOON);
    assert_eq!(pair.client.answer(), (id, answer));
    pair.client.dismiss(NOON);
    pair.client.drain(NOON);
    assert_eq!(pair.client.seen(), [Seen::Unrouted(notice)]);
}

/// What a server makes of these bytes, with the usual limits but for a short body.
fn received(bytes: &[u8]) -> Seen {
    let limits = Limits::default().with_body(1000).unwrap();
    let config = limited(limits);
    let mut pair = Pair::new(LinkConfig::new(), config);
    pair.server.receive(NOON, bytes);
    pair.server.drain(NOON);
    match (pair.server.seen.pop(), &pair.server.seen[..]) {
        (Some(seen), []) => seen,
        other => panic!("{other:?}"),
    }
}

fn malformed(kind: FrameErrorKind) -> Seen {
    Seen::Closed(CloseReason::Malformed(FrameError { offset: 0, kind }))
}

#[test]
fn sections_are_as_long_as_they_may_be_and_no_longer() {
    let with_auth = |len: usize| {
        let mut message = Message::notify("u", "");
        message.auth.set_bytes("own", &[0; 1000]).unwrap();
        let mut section = Vec::new();
        message.auth.encode(&mut section).unwrap();
        let content = alloc::vec![0; len - (section.len() - 1000)];
        message.auth.set_bytes("own", &content).unwrap();
        let bytes = frame(&message);
        assert_eq!(bytes[1..3], u16::try_from(len).unwrap().to_be_bytes());
        bytes
    };
    assert!(matches!(received(&with_auth(8192)), Seen::Unrouted(_)));
    // By its header alone: the rest is not waited for.
    let (len, max) = (8193, 8192);
    let too_long = malformed(FrameErrorKind::AuthTooLong { len, max });
    assert_eq!(received(&with_auth(len)[..9]), too_long);

    let with_body = |len: usize| frame(&Message::notify("u", alloc::vec![0; len - 3]));
    assert!(matches!(received(&with_body(1000)), Seen::Unrouted(_)));
    let (len, max) = (1001, 1000);
    let too_long = malformed(FrameErrorKind::BodyTooLong { len, max });
    assert_eq!(received(&with_body(len)[..9]), too_long);
}

#[test]
fn auth_fields_are_as_deep_and_as_many_as_they_may_be_and_no_more() {
    let with_field = |value: &Value| {
        let mut message = Message::notify("u", "");
        message.auth.set("own", value).unwrap();
        frame(&message)
    };
    let nested = |depth| (0..depth).fold(Value::None, |inner, _| Value::List([inner].into()));
    let items = |count| with_field(&Value::List(alloc::vec![Value::None; count]));
    // The section itself is a dict with one item.
    for (fits, does_not, expected) in [
        (
            with_field(&nested(31)),
            with_field(&nested(32)),
            DecodeErrorKind::TooDeep { limit: 32 },
        ),
        (
            items(1023),
            items(1024),
            DecodeErrorKind::TooManyItems { limit: 1024 },
        ),
    ] {
        assert!(matches!(received(&fits), Seen::Unrouted(_)), "{expected}");
        match received(&does_not) {
            Seen::Closed(CloseReason::Malformed(FrameError {
                kind: FrameErrorKind::AuthNotPackify(error),
                ..
            })) => assert_eq!(error.kind(), expected),
            other => panic!("{other:?}"),
        }
    }
}
