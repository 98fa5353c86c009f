//! Frames that somebody recorded, and delivers again.

use super::spy::Spy;
use super::*;
use crate::config::{AuthErrorReply, FailedCheck};
use crate::error::{AuthFailure, OpenError, ReplayRefusal};
use crate::message::types::*;
use crate::place::Place;
use crate::plugin::{ReplayGuard, ReplayLog};

/// As [`ReplayWindow`](crate::plugin::ReplayWindow), which there is not without
/// `std`.
struct Window(std::sync::Mutex<ReplayLog>);

impl ReplayGuard for Window {
    fn admit(
        &self,
        mac: &[u8; 32],
        ts: u32,
        now: Now,
        from: Option<Place>,
    ) -> Result<(), ReplayRefusal> {
        self.0.lock().unwrap().admit(mac, ts, now, from)
    }
}

/// For half a minute, and 10 messages of one sender alone.
fn window() -> Window {
    Window(ReplayLog::new(30 * SECOND, 20).into())
}

fn guarded(auth: HmacAuth) -> Layer {
    Layer::new().with_auth(auth.with_replay_window(window()))
}

fn inner_auth() -> HmacAuth {
    HmacAuth::new("inner").with_hmac_field("camh")
}

/// A client without a window, and a server with one.
fn server_config() -> LinkConfig {
    LinkConfig::new().with_outer(guarded(HmacAuth::new("secret")))
}

fn pair(server: LinkConfig) -> Pair {
    Pair::new(LinkConfig::new().with_outer(hmac("secret")), server)
}

/// The frame of a message of the client's.
fn recorded(pair: &mut Pair, message: &Message, inner: Layer) -> Vec<u8> {
    let options = SendOptions::new().with_inner(inner);
    pair.client.send(pair.now, message, &options).unwrap();
    pair.client.outbound()
}

fn record(pair: &mut Pair, content: &'static str) -> Vec<u8> {
    recorded(pair, &Message::create("u", content), Layer::new())
}

/// Delivers a frame to the server, and returns what its check said.
fn deliver(pair: &mut Pair, frame: &[u8]) -> Result<(), AuthFailure> {
    deliver_to(&mut pair.server, pair.now, frame)
}

fn deliver_to(end: &mut End, now: Now, frame: &[u8]) -> Result<(), AuthFailure> {
    end.receive(now, frame);
    end.drain(now);
    end.dismiss(now);
    match &end.seen()[..] {
        [Seen::Called(_) | Seen::Unrouted(_)] => Ok(()),
        [
            Seen::Refused(Refusal::Open {
                error: OpenError::Auth(failure),
                ..
            }),
        ] => Err(*failure),
        other => panic!("{other:?}"),
    }
}

const SEEN: Result<(), AuthFailure> = Err(AuthFailure::Replay(ReplayRefusal::Seen));

#[test]
fn a_frame_passes_once_on_all_links_of_a_configuration() {
    let config = server_config();
    let mut pair = pair(config.clone());
    pair.server
        .node
        .on(CREATE_URI, nothing, Layer::new())
        .unwrap();
    let frame = record(&mut pair, "once");
    assert_eq!(deliver(&mut pair, &frame), Ok(()));
    assert_eq!(deliver(&mut pair, &frame), SEEN);
    let told = unopened(&pair.server.outbound());
    assert_eq!(told, [Message::auth_error("ERROR", "HMAC auth failed")]);
    let mut another = End::server(config, 3);
    assert_eq!(deliver_to(&mut another, pair.now, &frame), SEEN);
    // Nor under another type, which the MAC does not cover.
    let mut changed = frame.clone();
    changed[0] = DELETE_URI.value();
    assert_eq!(deliver(&mut pair, &changed), SEEN);
    // The same message, sent again, is another frame.
    let again = record(&mut pair, "once");
    assert_eq!(deliver(&mut pair, &again), Ok(()));
    // Another receiver has a window of its own.
    let mut stranger = End::server(server_config(), 4);
    assert_eq!(deliver_to(&mut stranger, pair.now, &frame), Ok(()));
}

#[test]
fn requests_are_answered_where_both_ends_have_windows() {
    let layer = || guarded(HmacAuth::new("secret"));
    let mut pair = Pair::new(
        LinkConfig::new().with_outer(layer()),
        LinkConfig::new().with_outer(layer()),
    );
    pair.server
        .node
        .on(CREATE_URI, echo, guarded(inner_auth()))
        .unwrap();
    for _ in 0..5 {
        let options = RequestOptions::new().with_inner(guarded(inner_auth()));
        let id = pair.request_with(&Message::create("u", "content"), &options);
        pair.run();
        let (ended, answer) = pair.client.answer();
        assert_eq!((ended, &answer.content[..]), (id, &b"content"[..]));
    }
}

#[test]
fn an_answer_that_is_replayed_ends_no_request() {
    let mut pair = Pair::new(
        LinkConfig::new().with_outer(guarded(HmacAuth::new("secret"))),
        LinkConfig::new().with_outer(hmac("secret")),
    );
    pair.server
        .node
        .on(REQUEST_URI, echo, Layer::new())
        .unwrap();
    pair.request(&Message::request("u"));
    pair.run();
    pair.client.answer();
    let answer = core::mem::take(&mut pair.server.sent);
    pair.server
        .node
        .on(REQUEST_URI, nothing, Layer::new())
        .unwrap();
    pair.request(&Message::request("u"));
    pair.run();
    assert_eq!(deliver_to(&mut pair.client, pair.now, &answer), SEEN);
    assert_eq!(pair.client.link.pending_requests(), 1);
}

#[test]
fn clocks_may_differ_by_the_skew() {
    let mut pair = pair(server_config());
    let cases = [
        (-31, Err(AuthFailure::Replay(ReplayRefusal::TooOld))),
        (-30, Ok(())),
        (30, Ok(())),
        (31, Err(AuthFailure::Replay(ReplayRefusal::TooNew))),
    ];
    for (ahead, expected) in cases {
        let noon = pair.now;
        pair.now.unix = noon.unix.saturating_add_signed(ahead);
        let frame = record(&mut pair, "from another clock");
        pair.now = noon;
        assert_eq!(deliver(&mut pair, &frame), expected, "{ahead} s ahead");
    }
}

#[test]
fn a_frame_that_is_kept_for_later_comes_too_late() {
    let mut pair = pair(server_config());
    let [first, kept] = ["first", "kept"].map(|content| record(&mut pair, content));
    assert_eq!(deliver(&mut pair, &first), Ok(()));
    pair.pass(31 * SECOND);
    let too_old = Err(AuthFailure::Replay(ReplayRefusal::TooOld));
    assert_eq!(deliver(&mut pair, &first), too_old);
    assert_eq!(deliver(&mut pair, &kept), too_old);
}

#[test]
fn forgeries_leave_no_trace_in_the_window() {
    let limits = Limits::default().with_failures(1000).unwrap();
    let config = server_config().with_wire(Wire {
        limits,
        ..Wire::default()
    });
    let mut pair = pair(config);
    let first = record(&mut pair, "first");
    assert_eq!(deliver(&mut pair, &first), Ok(()));
    // More than there is room for, with nonces and MACs of all kinds.
    for number in 0..40 {
        let mut forged = record(&mut pair, "forged");
        let last = forged.len() - 1;
        forged[last] ^= 1;
        let checksum = crc32fast::hash(&forged[forged.len() - 9..]);
        forged[5..9].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(
            deliver(&mut pair, &forged),
            Err(AuthFailure::Mismatch),
            "{number}"
        );
    }
    assert_eq!(deliver(&mut pair, &first), SEEN);
    for number in 1..10 {
        let frame = record(&mut pair, "genuine");
        assert_eq!(deliver(&mut pair, &frame), Ok(()), "{number}");
    }
}

#[test]
fn a_full_window_refuses_until_time_has_passed() {
    let mut pair = pair(server_config());
    let frames: Vec<_> = (0..11).map(|_| record(&mut pair, "many")).collect();
    for frame in &frames[..10] {
        assert_eq!(deliver(&mut pair, frame), Ok(()));
    }
    let full = Err(AuthFailure::Replay(ReplayRefusal::Full));
    assert_eq!(deliver(&mut pair, &frames[10]), full);
    // None of those that passed made room.
    assert_eq!(deliver(&mut pair, &frames[0]), SEEN);
    pair.pass(31 * SECOND);
    let frame = record(&mut pair, "later");
    assert_eq!(deliver(&mut pair, &frame), Ok(()));
}

#[test]
fn both_layers_let_one_message_pass_whoever_has_the_window() {
    let shared = Arc::new(window());
    let outer = || HmacAuth::new("secret");
    let both = [
        (
            outer().with_replay_window(window()),
            inner_auth().with_replay_window(window()),
        ),
        (
            outer().with_replay_window(shared.clone()),
            inner_auth().with_replay_window(shared),
        ),
        (outer(), inner_auth().with_replay_window(window())),
    ];
    for (outer, inner) in both {
        let layer = Layer::new().with_auth(outer);
        let mut pair = pair(LinkConfig::new().with_outer(layer));
        let layer = Layer::new().with_auth(inner);
        pair.server.node.on(CREATE_URI, nothing, layer).unwrap();
        let message = Message::create("u", "content");
        let frame = recorded(&mut pair, &message, inner_hmac("inner"));
        assert_eq!(deliver(&mut pair, &frame), Ok(()));
        assert_eq!(deliver(&mut pair, &frame), SEEN);
    }
}

#[test]
fn a_replay_leaves_a_one_time_handler_where_it_is() {
    let mut pair = pair(LinkConfig::new().with_outer(hmac("secret")));
    let inner = guarded(inner_auth());
    let node = &mut pair.server.node;
    node.on((CREATE_URI, "u"), nothing, inner.clone()).unwrap();
    let message = Message::create("u", "content");
    let frame = recorded(&mut pair, &message, inner_hmac("inner"));
    assert_eq!(deliver(&mut pair, &frame), Ok(()));
    let node = &mut pair.server.node;
    node.once((CREATE_URI, "u"), nothing, inner).unwrap();
    assert_eq!(deliver(&mut pair, &frame), SEEN);
    assert!(pair.server.node.remove_once((CREATE_URI, "u")).is_some());
}

#[test]
fn a_message_whose_one_time_handlers_were_taken_is_no_replay_of_itself() {
    let key = || inner_cipher("key");
    let one = guarded(inner_auth()).with_cipher(key());
    let other = guarded(inner_auth()).with_cipher(key());
    let mut pair = pair(LinkConfig::new().with_outer(hmac("secret")));
    let remote = pair.server.link.remote().unwrap();
    let message = Message::create("u", "content");
    let inner = inner_hmac("inner").with_cipher(key());
    let frame = recorded(&mut pair, &message, inner);
    let mut receive = |frame: &[u8]| {
        let mut spy = Spy::new(Node::for_streams(LinkConfig::new()));
        spy.contended = true;
        let node = &mut spy.node;
        node.once((CREATE_URI, "u", remote), nothing, one.clone())
            .unwrap();
        node.once((CREATE_URI, "u"), nothing, other.clone())
            .unwrap();
        node.once(CREATE_URI, nothing, one.clone()).unwrap();
        node.on(CREATE_URI, nothing, other.clone()).unwrap();
        pair.server.receive(NOON, frame);
        let event = pair.server.link.poll(NOON, &mut spy);
        match event {
            Some(LinkEvent::Call { call, message, .. }) => {
                assert_eq!(message.content, "content");
                pair.server.reply(NOON, call, None).unwrap();
                Ok(())
            }
            Some(LinkEvent::Refused(refusal)) => Err(refusal),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(receive(&frame), Ok(()));
    assert!(receive(&frame).is_err());
}

#[test]
fn whoever_answers_failed_checks_is_told_of_replays() {
    let config = LinkConfig {
        auth_error: AuthErrorReply::Handler(Arc::new(|check: FailedCheck| {
            let replayed = matches!(check.failure, AuthFailure::Replay(_));
            (!replayed).then(|| Message::auth_error("ERROR", "no"))
        })),
        ..server_config()
    };
    let mut pair = pair(config);
    let frame = record(&mut pair, "content");
    assert_eq!(deliver(&mut pair, &frame), Ok(()));
    assert_eq!(deliver(&mut pair, &frame), SEEN);
    assert_eq!(pair.server.outbound(), []);
}
