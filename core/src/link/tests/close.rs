//! What closes a link, and what comes of what waits on it.

use super::*;
use crate::error::{FrameError, FrameErrorKind};
use crate::message::types::*;

#[test]
fn closing_fails_what_waits_at_once_and_is_the_last_event() {
    let mut pair = Pair::plain();
    let first = pair.request(&Message::request("u"));
    let cancelled = pair.request(&Message::request("u"));
    let second = pair.request(&Message::request("v"));
    pair.client.link.cancel(cancelled);
    let reason = CloseReason::Transport("connection reset".into());
    pair.client.link.transport_failed(reason.clone());
    pair.client.link.abort(CloseReason::Local);
    pair.client.close(NOON);
    pair.client.drain(NOON);
    let failed = |id| Seen::Failed(id, RequestError::Closed(reason.clone()));
    let closed = Seen::Closed(reason.clone());
    // The requests themselves.
    let unwritten = Seen::Unwritten(45);
    let seen = [failed(first), failed(second), unwritten, closed];
    assert_eq!(pair.client.seen(), seen);

    let answer = frame(&Message::respond_uri("u", ""));
    pair.client.receive(NOON, &answer);
    pair.client.link.handle_eof(NOON);
    pair.client.drain(Now::new(Duration::MAX, 0));
    assert_eq!(pair.client.seen(), []);
    assert_eq!(pair.client.link.deadline(), None);
    assert_eq!(pair.client.link.pending_requests(), 0);
    assert_eq!(pair.client.outbound(), []);
}

#[test]
fn nothing_is_sent_on_a_closed_link() {
    let mut pair = Pair::plain();
    pair.server
        .node
        .on(REQUEST_URI, nothing, Layer::new())
        .unwrap();
    pair.request(&Message::request("u"));
    pair.run();
    let call = pair.server.unanswered.pop_front().unwrap();
    pair.server.close(NOON);
    let message = Message::ok("u", "");
    let closed = SendError::Closed(CloseReason::Local);
    let plain = SendOptions::new();
    assert_eq!(
        pair.server.send(NOON, &message, &plain),
        Err(closed.clone())
    );
    assert_eq!(
        pair.server.notify(NOON, &message, &plain),
        Err(closed.clone())
    );
    let forwarded = pair.server.link.forward(NOON, &frame(&message).into());
    assert_eq!(forwarded, Err(closed.clone()));
    let requested = pair.server.request(NOON, &message, &RequestOptions::new());
    assert_eq!(requested, Err(closed));
    assert!(matches!(
        pair.server.reply(NOON, call, message),
        Err(ReplyError::Closed(CloseReason::Local))
    ));
    assert_eq!(pair.server.outbound(), []);
}

#[test]
fn bytes_queued_before_the_end_are_still_handed_out() {
    let mut pair = Pair::plain();
    let message = Message::notify("u", "last words");
    pair.tell(&message);
    pair.server.close(NOON);
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen(), []);
    assert_eq!(unopened(&pair.server.outbound()), [message]);
    assert_eq!(pair.server.link.queued(), 0);
    pair.server.drain(NOON);
    assert_eq!(pair.server.seen(), [Seen::Closed(CloseReason::Local)]);
}

#[test]
fn bytes_of_a_closed_link_are_not_kept() {
    let mut pair = Pair::plain();
    pair.server.close(NOON);
    for _ in 0..10 {
        pair.server.receive(NOON, &[0; 10_000]);
        pair.server
            .link
            .receive_buffer()
            .extend_from_slice(&[0; 1000]);
        pair.server.link.received(NOON, 1000);
        pair.server.drain(NOON);
    }
    assert_eq!(pair.server.link.unhandled(), 0);
}

#[test]
fn the_end_of_the_stream_between_frames_is_the_remotes_good_bye() {
    let mut pair = Pair::plain();
    let id = pair.request(&Message::request("u"));
    pair.client.link.handle_eof(NOON);
    pair.client.run(NOON);
    let failed = RequestError::Closed(CloseReason::Remote);
    let seen = [Seen::Failed(id, failed), Seen::Closed(CloseReason::Remote)];
    assert_eq!(pair.client.seen(), seen);
}

#[test]
fn the_end_of_the_stream_within_a_frame_is_told_with_its_place() {
    let first = frame(&Message::notify("u", "first"));
    for cut in [1, 8, 9, 12, first.len() - 1] {
        let mut pair = Pair::plain();
        let stream = [&first[..], &first[..cut]].concat();
        pair.client.receive(NOON, &stream);
        pair.client.link.handle_eof(NOON);
        pair.client.drain(NOON);
        let missing = if cut < 9 { 9 - cut } else { first.len() - cut };
        let truncated = CloseReason::Truncated(FrameError {
            offset: first.len() as u64,
            kind: FrameErrorKind::Truncated { missing },
        });
        let seen = [
            Seen::Unrouted(Message::notify("u", "first")),
            Seen::Closed(truncated),
        ];
        assert_eq!(pair.client.seen(), seen, "{cut}");
    }
}

#[test]
fn what_is_complete_is_handled_before_the_end() {
    let mut pair = Pair::plain();
    let id = pair.request(&Message::request("u"));
    let answer = Message::respond_uri("u", "");
    pair.client.receive(NOON, &frame(&answer));
    pair.client.link.handle_eof(NOON);
    pair.client.run(NOON);
    let answered = Response {
        message: answer,
        verified: true,
    };
    let seen = [
        Seen::Answered(id, answered),
        Seen::Closed(CloseReason::Remote),
    ];
    assert_eq!(pair.client.seen(), seen);
}
