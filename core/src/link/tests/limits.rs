//! Bounds on what waits.

use bytes::Bytes;

use super::*;
use crate::error::{FrameError, FrameErrorKind, SendError};
use crate::message::types::*;
use crate::packify::{DecodeErrorKind, Value};

#[test]
fn one_request_too_many_is_an_error_at_once() {
    let limits = Limits::default().with_pending_requests(3).unwrap();
    let client = limited(Role::Client, limits);
    let mut pair = Pair::new(client, LinkConfig::new(Role::Server));
    let ids = [(); 3].map(|()| pair.request(&Message::request("u")));
    let too_many = Err(SendError::TooManyRequests { max: 3 });
    let (ask, options) = (Message::request("u"), RequestOptions::new());
    assert_eq!(pair.client.link.request(NOON, &ask, &options), too_many);
    // A cancelled one takes its place until its answer comes.
    pair.client.link.cancel(ids[0]);
    assert_eq!(pair.client.link.request(NOON, &ask, &options), too_many);
    let bytes = frame(&Message::respond_uri("u", ""));
    pair.client.link.receive(NOON, &bytes);
    pair.client.drain(NOON);
    assert!(pair.client.link.request(NOON, &ask, &options).is_ok());
    // Those refused were not sent.
    assert_eq!(unopened(&pair.client.outbound()).len(), 4);
}

/// A server that hardly queues, and a client that has asked it and reads
/// nothing.
fn clogged() -> Pair {
    let limits = Limits::default().with_outbound_queue(200_000).unwrap();
    let config = limited(Role::Server, limits);
    let mut pair = Pair::new(LinkConfig::new(Role::Client), config);
    pair.server.node.on(REQUEST_URI, nothing, Layer::new());
    pair.request(&Message::request("u"));
    pair.run();
    let large = Message::notify("u", [0; 60_000].to_vec());
    for _ in 0..4 {
        pair.tell(&large);
    }
    assert!(pair.server.link.queued() > 200_000);
    pair
}

#[test]
fn a_full_queue_refuses_what_the_application_sends_and_takes_it_later() {
    let mut pair = clogged();
    let (message, plain) = (Message::notify("u", ""), SendOptions::new());
    let full = pair.server.link.send(NOON, &message, &plain);
    assert!(matches!(full, Err(SendError::QueueFull { max: 200_000, queued }) if queued > 200_000));
    // What was handed out may not be written yet, so it counts.
    let mut written = Vec::new();
    assert!(pair.server.link.poll_outbound(&mut written));
    assert!(pair.server.link.send(NOON, &message, &plain).is_err());
    assert!(!pair.server.link.poll_outbound(&mut written));
    assert_eq!(pair.server.link.send(NOON, &message, &plain), Ok(()));
    assert_eq!(pair.server.link.is_closed(), None);
}

#[test]
fn an_answer_to_one_who_does_not_read_closes() {
    let mut pair = clogged();
    let token = pair.server.unanswered.pop_front().unwrap();
    let answer = Message::respond_uri("u", "");
    let queued = pair.server.link.queued();
    let slow = CloseReason::SlowConsumer { queued };
    let refused = pair.server.link.reply(NOON, &token, &answer);
    assert_eq!(refused, Err(SendError::Closed(slow.clone())));
    pair.server.seen.clear();
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen(), [Seen::Closed(slow)]);
}

#[test]
fn errors_to_strangers_are_left_out_of_a_full_queue() {
    let mut pair = clogged();
    let queued = pair.server.link.queued();
    let bytes = broken_frame(&Message::request("u"));
    pair.server.link.receive(NOON, &bytes);
    pair.server.drain(NOON);
    assert_eq!(pair.server.link.queued(), queued);
    assert_eq!(pair.server.link.is_closed(), None);
}

#[test]
fn a_message_too_large_is_the_senders_error_and_nothing_is_sent() {
    let mut pair = Pair::sealed(hmac("secret").with_cipher(Sha256StreamCipher::new("key")));
    let plain = SendOptions::new();
    // The cipher makes it two bytes longer.
    let most = Message::notify("", [0; 65_420].to_vec());
    assert_eq!(pair.client.link.send(NOON, &most, &plain), Ok(()));
    let queued = pair.client.link.queued();
    let more = Message::notify("", [0; 65_421].to_vec());
    let refused = pair.client.link.send(NOON, &more, &plain);
    assert!(matches!(refused, Err(SendError::Seal(_))));
    let request = pair
        .client
        .link
        .request(NOON, &more, &RequestOptions::new());
    assert!(matches!(request, Err(SendError::Seal(_))));
    assert_eq!(pair.client.link.pending_requests(), 0);
    assert_eq!(pair.client.link.queued(), queued);
    pair.run();
    assert!(
        matches!(&pair.server.seen[..], [Seen::Unrouted(message)] if message.content.len() == 65_420)
    );
}

#[test]
fn a_poll_handles_one_frame_so_that_turns_can_be_counted() {
    let mut pair = Pair::plain();
    let stream = frame(&Message::request("u")).repeat(100);
    pair.server.link.receive(NOON, &stream);
    for n in 1..=100 {
        assert!(matches!(
            pair.server.link.poll_event(),
            Some(Event::Message(_))
        ));
        let left = stream.len() - n * stream.len() / 100;
        assert_eq!(pair.server.link.unhandled(), left);
    }
    assert!(pair.server.link.poll_event().is_none());
}

#[test]
fn a_frame_for_many_is_queued_as_it_is_and_closes_who_does_not_read() {
    let mut pair = Pair::plain();
    let notice = Message::notify("u", "for all");
    let bytes = Bytes::from(frame(&notice));
    assert_eq!(pair.server.link.forward(NOON, &bytes), Ok(()));
    pair.run();
    assert_eq!(pair.server.sent, bytes);
    assert_eq!(pair.client.seen(), [Seen::Unrouted(notice)]);

    let mut pair = clogged();
    let queued = pair.server.link.queued();
    let slow = SendError::Closed(CloseReason::SlowConsumer { queued });
    assert_eq!(pair.server.link.forward(NOON, &bytes), Err(slow.clone()));
    assert_eq!(pair.server.link.forward(NOON, &bytes), Err(slow));
    assert_eq!(pair.server.link.queued(), queued);
}

#[test]
fn a_busy_end_hears_of_what_is_past_and_keeps_messages_for_later() {
    let mut pair = Pair::plain();
    let options = RequestOptions::new().with_timeout(SECOND);
    let id = pair.request_with(&Message::request("u"), &options);
    let bytes = frame(&Message::notify("u", ""));
    pair.client.link.receive(NOON, &bytes);
    assert!(pair.client.link.poll_past_event().is_none());
    assert_eq!(pair.client.link.unhandled(), bytes.len());
    let later = Now::new(NOON.monotonic + SECOND, NOON.unix + 1);
    pair.client.link.handle_timeout(later);
    let event = pair.client.link.poll_past_event();
    assert!(matches!(event, Some(Event::Failed { request, .. }) if request == id));
    let event = pair.client.link.poll_event();
    assert!(matches!(event, Some(Event::Message(_))));
}

/// What a server makes of these bytes, with the usual limits but for a short body.
fn received(bytes: &[u8]) -> Seen {
    let limits = Limits::default().with_body(1000).unwrap();
    let config = limited(Role::Server, limits);
    let mut pair = Pair::new(LinkConfig::new(Role::Client), config);
    pair.server.link.receive(NOON, bytes);
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
