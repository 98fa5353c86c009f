//! Frames and messages that do not hold.

use super::*;
use crate::error::{FrameError, FrameErrorKind};
use crate::message::types::*;

/// The end is given bytes, and polled.
fn give(end: &mut End, now: Now, bytes: &[u8]) {
    end.receive(now, bytes);
    end.drain(now);
}

#[test]
fn a_server_answers_a_bad_checksum_unsealed() {
    // A cipher alone, sealing the answer, would give its keystream away.
    let mut pair = Pair::sealed(cipher("key"));
    give(
        &mut pair.server,
        NOON,
        &broken_frame(&Message::request("u")),
    );
    assert!(matches!(
        pair.server.seen()[..],
        [Seen::Refused(Refusal::Frame(
            FrameErrorKind::Checksum { .. }
        ))]
    ));
    let told = unopened(&pair.server.outbound());
    assert_eq!(told, [Message::error("ERROR", "invalid message")]);
    assert!(told[0].auth.is_empty());
}

#[test]
fn a_client_drops_a_bad_checksum_in_silence_and_stays_in_step() {
    let mut pair = Pair::plain();
    let notice = Message::notify("u", "");
    let bytes = [broken_frame(&notice), frame(&notice)].concat();
    give(&mut pair.client, NOON, &bytes);
    let seen = pair.client.seen();
    assert!(matches!(&seen[..], [Seen::Refused(_), Seen::Unrouted(message)] if *message == notice));
    assert_eq!(pair.client.outbound(), []);
}

#[test]
fn the_ninth_failure_within_a_minute_closes() {
    let bad_checksum = broken_frame(&Message::request("u"));
    let unsigned = frame(&Message::request("u"));
    let mut pair = Pair::sealed(hmac("secret"));
    for n in 0..8 {
        let bytes = if n % 2 == 0 { &bad_checksum } else { &unsigned };
        give(&mut pair.server, NOON, bytes);
        assert!(matches!(pair.server.seen()[..], [Seen::Refused(_)]));
    }
    give(&mut pair.server, NOON, &unsigned);
    assert_eq!(unopened(&pair.server.run(NOON)).len(), 9);
    assert!(matches!(
        pair.server.seen()[..],
        [Seen::Refused(_), Seen::Closed(CloseReason::TooManyFailures)]
    ));
}

#[test]
fn failed_inner_checks_count_too() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .on(REQUEST_URI, echo, inner_hmac("inner"))
        .unwrap();
    let stream = frame(&Message::request("u")).repeat(20);
    pair.server.receive(NOON, &stream);
    // One answer for each, and no more.
    assert_eq!(unopened(&pair.server.run(NOON)).len(), 9);
    let seen = pair.server.seen();
    assert_eq!(seen.len(), 10);
    assert_eq!(seen[9], Seen::Closed(CloseReason::TooManyFailures));
}

#[test]
fn failures_that_are_far_apart_close_nothing() {
    let mut pair = Pair::plain();
    let bytes = broken_frame(&Message::request("u"));
    for n in 0..100 {
        let now = Now::new(NOON.monotonic + 8 * n * SECOND, NOON.unix);
        give(&mut pair.server, now, &bytes);
        assert!(matches!(pair.server.seen()[..], [Seen::Refused(_)]));
    }
    assert_eq!(pair.server.link.close_reason(), None);
}

#[test]
fn bytes_that_are_no_frame_close_with_their_offset() {
    let first = frame(&Message::request("u"));
    let unknown_type = b"\x0e\x00\x03\x00\x02\0\0\0\0";
    let mut pair = Pair::plain();
    pair.server.answers_by_default();
    give(
        &mut pair.server,
        NOON,
        &[&first[..], unknown_type, &first].concat(),
    );
    let closed = CloseReason::Malformed(FrameError {
        offset: first.len() as u64,
        kind: FrameErrorKind::UnknownType(14),
    });
    assert_eq!(pair.server.link.close_reason(), Some(&closed));
    // The answer to the first is still handed out, and written before the end.
    assert_eq!(pair.server.seen(), []);
    assert_eq!(unopened(&pair.server.outbound())[0].message_type, NOT_FOUND);
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen(), [Seen::Closed(closed)]);
}

#[test]
fn an_auth_section_that_is_no_dict_closes() {
    let list = b"\x00\x00\x03\x00\x02\0\0\0\0\x4a\x40\x00\x00\x00";
    let mut pair = Pair::plain();
    give(&mut pair.server, NOON, list);
    let closed = CloseReason::Malformed(FrameError {
        offset: 0,
        kind: FrameErrorKind::AuthNotADict,
    });
    assert_eq!(pair.server.seen(), [Seen::Closed(closed)]);
}

#[test]
fn what_a_header_announces_too_much_of_is_not_waited_for() {
    let limits = Limits::default().with_body(1000).unwrap();
    let config = limited(limits);
    let mut pair = Pair::new(LinkConfig::new(), config);
    give(&mut pair.server, NOON, b"\x00\x00\x03\x03\xe9\0\0\0\0");
    let kind = FrameErrorKind::BodyTooLong {
        len: 1001,
        max: 1000,
    };
    let closed = CloseReason::Malformed(FrameError { offset: 0, kind });
    assert_eq!(pair.server.seen(), [Seen::Closed(closed)]);
}
