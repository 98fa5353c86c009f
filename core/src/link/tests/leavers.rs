//! Remotes that leave while their handlers run, and handlers that take too long.

use super::*;
use crate::events::DeadlineReason;
use crate::message::NotHandled;
use crate::message::types::*;
use crate::options::CallOptions;
use crate::peers::ManagementConfig;
use crate::plugin::Peer;

const LEFT: Seen = Seen::HalfClosed(CloseReason::Remote);
const CLOSED: Seen = Seen::Closed(CloseReason::Remote);

/// A server whose handlers the test answers, with one of them running for each message.
fn running(config: LinkConfig, messages: &[Message]) -> End {
    let mut server = End::server(config, 1);
    for kind in [REQUEST_URI, NOTIFY_URI] {
        server.node.on(kind, nothing, Layer::new()).unwrap();
    }
    let frames: Vec<_> = messages.iter().map(frame).collect();
    server.receive(NOON, &frames.concat());
    server.drain(NOON);
    server.seen.clear();
    server
}

fn request() -> Message {
    Message::request("u")
}

fn cancelling() -> LinkConfig {
    let mut config = LinkConfig::new();
    config.calls = CallOptions::new().with_cancel_on_disconnect(true);
    config
}

fn timing_out(after: Duration) -> LinkConfig {
    let mut config = LinkConfig::new();
    config.calls = CallOptions::new().with_timeout(Some(after));
    config
}

fn reset(end: &mut End, now: Now) {
    end.link.transport_failed(CloseReason::Remote);
    end.drain(now);
}

fn hang_up(end: &mut End, now: Now) {
    end.link.handle_eof(now);
    end.drain(now);
}

fn answer(end: &mut End, now: Now) -> Result<(), ReplyError> {
    let call = end.unanswered.pop_front().unwrap();
    end.reply(now, call, Message::respond_uri("u", ""))
}

#[test]
fn who_leaves_while_a_handler_runs_is_noticed_at_once_and_forgotten() {
    for pipelined in [0, 3] {
        let mut server = running(LinkConfig::new(), &[request()]);
        let place = server.link.place();
        server.node.subscribe(b"news", place).unwrap();
        server
            .node
            .update_peer(NOON, Peer::new("id"), place)
            .unwrap();
        server.receive(NOON, &frame(&request()).repeat(pipelined));
        server.drain(NOON);
        assert!(server.link.wants_read() && server.seen().is_empty());
        hang_up(&mut server, NOON);
        assert_eq!(server.seen(), [LEFT]);
        assert_eq!(server.node.subscribers(b"news").count(), 0);
        assert!(server.node.peers().at(place).is_none());
        // Nor does anybody subscribe it again, or introduce it.
        assert!(server.node.subscribe(b"news", place).is_err());
        // What it has asked is answered all the same, and nothing is said twice.
        for left in (0..=pipelined).rev() {
            answer(&mut server, NOON).unwrap();
            assert_eq!(unopened(&server.run(NOON)).len(), 1);
            let expected = match left {
                0 => CLOSED,
                _ => Seen::Called(request()),
            };
            assert_eq!(server.seen(), [expected]);
        }
        assert_eq!(server.node.links().len(), 0);
    }
}

#[test]
fn who_leaves_with_nothing_under_way_is_only_closed() {
    let mut server = End::server(LinkConfig::new(), 1);
    server.node.on(REQUEST_URI, echo, Layer::new()).unwrap();
    server.receive(NOON, &frame(&request()).repeat(200));
    hang_up(&mut server, NOON);
    let mut seen = server.seen();
    server.outbound();
    server.drain(NOON);
    seen.extend(server.seen());
    assert_eq!(seen.pop(), Some(CLOSED));
    assert!(seen.iter().all(|seen| matches!(seen, Seen::Called(_))));
    assert_eq!(seen.len(), 200);
}

#[test]
fn who_leaves_while_the_link_drains_is_noticed_at_once() {
    let mut server = running(LinkConfig::new(), &[request()]);
    server.link.drain(NOON, 5 * SECOND);
    server.drain(NOON);
    // What comes now is not handled, and waits to be told so in its turn.
    let (late, mut read) = (frame(&request()), 0);
    while server.link.wants_read() {
        server.receive(NOON, &late);
        server.drain(NOON);
        read += late.len();
    }
    assert!((16 * 1024..40 * 1024).contains(&read), "{read}");
    assert_eq!(server.seen(), []);
    hang_up(&mut server, NOON);
    assert_eq!(server.seen(), [LEFT]);
    let deadline = server.link.deadline().unwrap();
    assert_eq!(deadline.at, NOON.monotonic + 5 * SECOND);
    answer(&mut server, NOON).unwrap();
    let mut sent = unopened(&server.run(NOON));
    let answer = sent.remove(0);
    assert!(!NotHandled::is_said_by(&answer) && sent.len() * late.len() <= read);
    assert!(sent.iter().all(NotHandled::is_said_by));
    assert_eq!(server.seen(), [CLOSED]);
}

#[test]
fn an_introduction_behind_the_end_adds_no_peer() {
    let manage = |node: &mut Node<Handler>, name: &'static str| {
        node.set_local_peer(Peer::new(name)).unwrap();
        let config = ManagementConfig::for_streams();
        node.manage_peers(NOON, config).unwrap();
    };
    let mut client = End::new(LinkConfig::new(), |node| {
        manage(node, "client");
        node.connect(NOON, None, generator(2))
    });
    let mut server = running(LinkConfig::new(), &[request()]);
    manage(&mut server.node, "server");
    let introduction = client.run(NOON);
    assert!(!introduction.is_empty());
    server.receive(NOON, &introduction);
    hang_up(&mut server, NOON);
    assert_eq!(server.seen(), [LEFT]);
    answer(&mut server, NOON).unwrap();
    server.run(NOON);
    assert_eq!(server.seen(), [CLOSED]);
    assert_eq!(server.node.peers().len(), 0);
}

#[test]
fn what_is_read_ahead_is_bounded_and_counted() {
    let mut server = running(LinkConfig::new(), &[request()]);
    let before = server.node.inbound_bytes();
    let mut reads = 0;
    while server.link.wants_read() {
        let read = |buffer: &mut [u8]| {
            buffer.fill(1);
            Ok::<_, ()>(buffer.len())
        };
        server.link.receive_with(NOON, read).unwrap();
        server.drain(NOON);
        reads += 1;
    }
    assert_eq!(server.link.unhandled(), Link::LOOK_AHEAD);
    assert!(reads > 1 && server.link.read_room() == 0);
    let counted = server.node.inbound_bytes() - before;
    assert!(counted >= Link::LOOK_AHEAD, "{counted}");
    // Nobody else is waited for.
    assert!(!server.link.waits_for_budget() && !server.link.wants_poll());
}

#[test]
fn a_handler_runs_to_its_end_whether_its_asker_hangs_up_or_resets() {
    let grace = Limits::default().shutdown_grace();
    for resets in [false, true] {
        let mut server = running(LinkConfig::new(), &[request()]);
        let mut now = NOON;
        match resets {
            true => reset(&mut server, now),
            false => {
                hang_up(&mut server, now);
                assert_eq!(server.seen(), [LEFT]);
                now = after(now, grace);
                server.drain(now);
            }
        }
        assert_eq!(server.seen(), [CLOSED], "{resets}");
        let held = server.node.inbound_bytes();
        assert!(server.link.calls_in_flight() == 1 && held > 0);
        assert_eq!(
            (server.node.links().len(), server.link.deadline()),
            (0, None)
        );
        now = after(now, 1000 * SECOND);
        server.drain(now);
        let replied = answer(&mut server, now);
        let closed = matches!(replied, Err(ReplyError::Closed(CloseReason::Remote)));
        assert!(closed, "{replied:?}");
        assert_eq!(server.node.inbound_bytes(), 0);
        assert!(server.seen().is_empty() && server.link.calls_in_flight() == 0);
        assert_eq!(server.outbound(), []);
    }
}

#[test]
fn a_call_that_is_dropped_behind_the_end_is_nobodys_loss() {
    let mut server = running(LinkConfig::new(), &[request()]);
    reset(&mut server, NOON);
    server.seen.clear();
    server.unanswered.clear();
    server.drain(NOON);
    assert_eq!(
        (server.seen(), server.link.calls_in_flight()),
        (Vec::new(), 0)
    );
}

#[test]
fn what_goes_on_behind_the_end_has_the_grace_for_each_step() {
    let grace = Limits::default().shutdown_grace();
    let mut server = running(LinkConfig::new(), &[request(), request(), request()]);
    hang_up(&mut server, NOON);
    let almost = grace - Duration::from_nanos(1);
    let mut now = NOON;
    for _ in 0..2 {
        now = after(now, almost);
        answer(&mut server, now).unwrap();
        server.run(now);
    }
    assert_eq!(server.link.deadline().unwrap().at, now.monotonic + grace);
    server.seen.clear();
    server.run(after(now, grace));
    assert_eq!(server.seen(), [CLOSED]);
}

#[test]
fn a_call_is_cancelled_with_its_asker_where_that_is_wanted() {
    let cancelled = || Seen::Cancelled(CancelReason::Disconnected);
    let mut server = running(cancelling(), &[request()]);
    hang_up(&mut server, NOON);
    server.drain(NOON);
    assert_eq!(server.seen(), [LEFT, cancelled(), CLOSED]);
    let mut server = running(cancelling(), &[request()]);
    reset(&mut server, NOON);
    assert_eq!(server.seen(), [cancelled(), CLOSED]);
    assert!(server.link.calls_in_flight() == 0 && server.node.inbound_bytes() == 0);
    // One call may be told otherwise, either way.
    for (config, call) in [(cancelling(), false), (LinkConfig::new(), true)] {
        let mut server = running(config, &[request()]);
        let options = CallOptions::new().with_cancel_on_disconnect(call);
        server
            .link
            .set_call_options(NOON, &server.unanswered[0], options);
        reset(&mut server, NOON);
        assert_eq!(server.seen().contains(&cancelled()), call);
        assert_eq!(server.link.calls_in_flight(), usize::from(!call));
    }
}

#[test]
fn a_close_by_this_side_gives_its_calls_up() {
    let mut server = running(LinkConfig::new(), &[request()]);
    server.close(NOON);
    server.drain(NOON);
    assert_eq!(server.seen(), [Seen::Closed(CloseReason::Local)]);
    assert_eq!(server.link.calls_in_flight(), 0);
    let replied = answer(&mut server, NOON);
    assert!(matches!(
        replied,
        Err(ReplyError::Closed(CloseReason::Local))
    ));
}

#[test]
fn a_handler_that_takes_too_long_is_cancelled_and_its_asker_told() {
    let mut server = running(timing_out(5 * SECOND), &[request()]);
    let deadline = server.link.deadline().unwrap();
    assert_eq!(deadline.at, NOON.monotonic + 5 * SECOND);
    assert_eq!(deadline.reason, DeadlineReason::Handler);
    let call = server.unanswered.pop_front().unwrap();
    let late = after(NOON, 5 * SECOND);
    let answers = unopened(&server.run(late));
    let timed_out = Seen::Cancelled(CancelReason::TimedOut(5 * SECOND));
    assert_eq!(server.seen(), [timed_out]);
    let [error] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(
        (error.message_type, &error.uri[..]),
        (MessageType::ERROR, &b"u"[..])
    );
    assert!(server.link.calls_in_flight() == 0 && server.link.deadline().is_none());
    // The next one takes its place, and the late reply is nobody's.
    server.receive(late, &frame(&request()));
    server.drain(late);
    let replied = server.reply(late, call, Message::respond_uri("u", ""));
    assert!(matches!(replied, Err(ReplyError::Cancelled)));
    assert_eq!(server.link.calls_in_flight(), 1);
    // Whoever asks for nothing is told nothing.
    let mut server = running(timing_out(SECOND), &[Message::notify("u", "")]);
    let late = after(NOON, SECOND);
    assert_eq!(server.run(late), []);
    assert_eq!(
        server.seen(),
        [Seen::Cancelled(CancelReason::TimedOut(SECOND))]
    );
}

#[test]
fn each_call_has_the_time_that_it_is_given() {
    let mut config = timing_out(5 * SECOND);
    config = config.with_limits(side_by_side(3));
    let mut pair = Pair::new(super::correlation::asking(LinkConfig::new()), config);
    pair.server
        .node
        .on(REQUEST_URI, nothing, Layer::new())
        .unwrap();
    for _ in 0..3 {
        pair.request(&request());
    }
    pair.run();
    let server = &mut pair.server;
    server.seen.clear();
    for (call, timeout) in server.unanswered.iter().zip([Some(9 * SECOND), None]) {
        let options = CallOptions::new().with_timeout(timeout);
        server.link.set_call_options(NOON, call, options);
    }
    let timed_out = |after| Seen::Cancelled(CancelReason::TimedOut(after));
    for seconds in [5, 9] {
        let at = NOON.monotonic + seconds * SECOND;
        assert_eq!(server.link.deadline().unwrap().at, at);
        server.run(after(NOON, seconds * SECOND));
        assert_eq!(server.seen(), [timed_out(seconds * SECOND)]);
    }
    assert_eq!(
        (server.link.calls_in_flight(), server.link.deadline()),
        (1, None)
    );
    // One that has answered has no time any more.
    answer(server, after(NOON, 10 * SECOND)).unwrap();
    assert_eq!(server.link.calls_in_flight(), 0);
}

#[test]
fn the_time_of_a_handler_goes_on_behind_the_end() {
    let mut server = running(timing_out(5 * SECOND), &[request()]);
    reset(&mut server, NOON);
    assert_eq!(server.seen(), [CLOSED]);
    let deadline = server.link.deadline().unwrap();
    assert_eq!(deadline.at, NOON.monotonic + 5 * SECOND);
    server.drain(after(NOON, 5 * SECOND));
    let timed_out = Seen::Cancelled(CancelReason::TimedOut(5 * SECOND));
    assert_eq!(server.seen(), [timed_out]);
    assert_eq!(server.node.inbound_bytes(), 0);
}

#[test]
fn what_waits_behind_a_cancelled_call_is_not_waited_for_either() {
    let mut server = running(cancelling(), &[request(), request(), request()]);
    hang_up(&mut server, NOON);
    let cancelled = || Seen::Cancelled(CancelReason::Disconnected);
    let called = || Seen::Called(request());
    let expected = [
        LEFT,
        cancelled(),
        called(),
        cancelled(),
        called(),
        cancelled(),
        CLOSED,
    ];
    assert_eq!(server.seen(), expected);
}
