//! Handlers that are called by the link itself.

use super::correlation::asking;
use super::*;
use crate::link::{CallHandler, Called};
use crate::message::Body;
use crate::message::types::*;
use crate::options::CallOptions;

/// Calls handlers, which answer or go on.
struct Caller {
    message: Message,
    /// What each message that came was counted as.
    counted: Vec<u64>,
    running: Vec<(Message, Call)>,
    sent: Vec<Result<(), ReplyError>>,
    options: Option<CallOptions>,
    /// After how many messages it takes a rest.
    rests_after: Option<usize>,
}

impl Default for Caller {
    fn default() -> Self {
        Self {
            message: Message::request("none yet"),
            counted: Vec::new(),
            running: Vec::new(),
            sent: Vec::new(),
            options: None,
            rests_after: None,
        }
    }
}

impl CallHandler<Handler> for Caller {
    type Running = Message;

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }

    fn call(&mut self, link: &Link, handler: Handler) -> Called<Message> {
        let message = self.message.clone();
        self.counted.push(link.received_messages());
        match &message.content[..] {
            b"goes on" => Called::GoesOn(message, self.options),
            b"fails" => Called::Failed("it failed"),
            _ => Called::Answered(handler(&message)),
        }
    }

    fn keep(&mut self, running: Message, call: Call) {
        self.running.push((running, call));
    }

    fn answered(&mut self, sent: Result<(), ReplyError>) {
        self.sent.push(sent);
    }

    fn goes_on(&mut self, _: &Link) -> bool {
        self.rests_after != Some(self.counted.len())
    }
}

/// A server whose handlers echo, and give no answer to what is about `silent`.
fn server(config: LinkConfig) -> End {
    let mut server = End::server(config, 2);
    let node = &mut server.node;
    node.on(REQUEST_URI, echo, Layer::new()).unwrap();
    node.on((REQUEST_URI, "silent"), nothing, Layer::new())
        .unwrap();
    node.on((REQUEST_URI, "inner"), echo, inner_hmac("inner"))
        .unwrap();
    server
}

/// Polls until there is nothing to do or the caller rests.
fn poll_with(server: &mut End, caller: &mut Caller) {
    loop {
        let (link, node) = (&mut server.link, &mut server.node);
        match link.poll_with(NOON, node, caller) {
            Some(LinkEvent::Call { .. }) => panic!("it was called already"),
            Some(_) => {}
            None if caller.rests_after == Some(caller.counted.len()) => return,
            None if link.wants_poll() => {}
            None => return,
        }
    }
}

/// Requests of a client with this configuration, one of each kind.
fn requests(config: LinkConfig) -> Vec<u8> {
    let mut client = End::client(config, 1);
    let long = alloc::vec![b'x'; Body::MAX_PAYLOAD - 1];
    let mut request = |message: &Message, inner: Layer| {
        let options = RequestOptions::new().with_inner(inner);
        client.request(NOON, message, &options).unwrap();
    };
    for content in [
        "",
        "text",
        "text that is a little longer than few bytes are",
    ] {
        request(&Message::new(REQUEST_URI, "echo", content), Layer::new());
        request(
            &Message::new(REQUEST_URI, "inner", content),
            inner_hmac("inner"),
        );
        request(&Message::new(REQUEST_URI, "inner", content), Layer::new());
    }
    request(&Message::request("silent"), Layer::new());
    request(&Message::new(REQUEST_URI, "u", long), Layer::new());
    request(&Message::create("nowhere", "no handler"), Layer::new());
    request(&Message::subscribe("news"), Layer::new());
    client.outbound()
}

#[test]
fn answers_are_the_same_whoever_calls() {
    let layered = || plain().with_outer(Layer::new().with_auth(HmacAuth::new("outer")));
    for config in [plain(), asking(LinkConfig::new()), layered()] {
        let requests = requests(config.clone());
        let (mut polled, mut called) = (server(config.clone()), server(config));
        polled.receive(NOON, &requests);
        let mut expected = polled.run(NOON);
        polled.dismiss(NOON);
        expected.extend(polled.run(NOON));
        called.receive(NOON, &requests);
        let mut caller = Caller::default();
        poll_with(&mut called, &mut caller);
        let mut answers = called.outbound();
        // Past the high-water mark no more are handled before those are written.
        while called.link.wants_poll() {
            poll_with(&mut called, &mut caller);
            answers.extend(called.outbound());
        }
        assert!(unopened(&answers).len() >= 10 && answers == expected);
        assert_eq!(caller.counted.len(), 8);
        assert!(caller.sent.iter().all(Result::is_ok) && caller.running.is_empty());
        assert_eq!(called.link.calls_in_flight(), 0);
        assert_eq!(
            (called.link.received_messages(), called.link.sent_messages()),
            (polled.link.received_messages(), polled.link.sent_messages())
        );
        // Each message was counted when its handler had it.
        assert!(caller.counted.is_sorted() && !caller.counted.contains(&0));
    }
}

/// One request to a server, and what the server writes.
fn ask(server: &mut End, caller: &mut Caller, message: &Message) -> Vec<Message> {
    server.receive(NOON, &frame(message));
    poll_with(server, caller);
    unopened(&server.outbound())
}

#[test]
fn one_that_fails_is_an_error_about_what_was_asked() {
    let (mut server, mut caller) = (server(plain()), Caller::default());
    let request = Message::new(REQUEST_URI, "u", "fails");
    let answers = ask(&mut server, &mut caller, &request);
    assert_eq!(answers, [Message::error("u", "it failed")]);
    assert_eq!(server.link.calls_in_flight(), 0);
}

#[test]
fn one_that_goes_on_is_replied_to_later_and_keeps_its_place() {
    let (mut server, mut caller) = (server(plain()), Caller::default());
    let first = Message::new(REQUEST_URI, "first", "goes on");
    assert_eq!(ask(&mut server, &mut caller, &first), []);
    assert_eq!(server.link.calls_in_flight(), 1);
    let second = Message::new(REQUEST_URI, "second", "is next");
    assert_eq!(ask(&mut server, &mut caller, &second), []);
    let (message, call) = caller.running.pop().unwrap();
    assert_eq!(message, first);
    server.reply(NOON, call, echo(&message)).unwrap();
    poll_with(&mut server, &mut caller);
    let answers = unopened(&server.outbound());
    assert_eq!(answers, [echo(&first).unwrap(), echo(&second).unwrap()]);
}

#[test]
fn one_that_goes_on_is_dropped_or_late_as_any_other() {
    let (mut server, mut caller) = (server(plain()), Caller::default());
    let request = Message::new(REQUEST_URI, "u", "goes on");
    ask(&mut server, &mut caller, &request);
    caller.running.clear();
    poll_with(&mut server, &mut caller);
    let answers = unopened(&server.outbound());
    assert_eq!(answers, [Message::error("u", "the handler gave no answer")]);

    let time = Duration::from_secs(3);
    caller.options = Some(CallOptions::new().with_timeout(Some(time)));
    ask(&mut server, &mut caller, &request);
    let due = server.link.deadline().unwrap();
    assert_eq!(due.at, NOON.deadline(time));
    let (link, node) = (&mut server.link, &mut server.node);
    let event = link.poll_with(after(NOON, time), node, &mut caller);
    assert!(
        matches!(event, Some(LinkEvent::Cancelled { call, .. }) if call == caller.running[0].1.id()),
        "{event:?}"
    );
}

#[test]
fn an_answer_that_cannot_be_sent_is_told_to_both_sides() {
    let (mut server, mut caller) = (server(plain()), Caller::default());
    let long = alloc::vec![b'x'; Body::MAX_PAYLOAD + 1];
    let request = Message::new(REQUEST_URI, "u", long);
    let answers = ask(&mut server, &mut caller, &request);
    assert!(
        matches!(&answers[..], [error] if error.message_type == ERROR && error.uri == "u"),
        "{} answers",
        answers.len()
    );
    assert!(matches!(
        caller.sent[..],
        [Err(ReplyError::Replaced(SendError::Seal(_)))]
    ));
}

#[test]
fn a_rest_leaves_what_has_come_for_later() {
    let (mut server, mut caller) = (server(plain()), Caller::default());
    let frames: Vec<Vec<u8>> = ["a", "b", "c"]
        .map(|uri| frame(&Message::request(uri)))
        .into();
    server.receive(NOON, &frames.concat());
    caller.rests_after = Some(2);
    poll_with(&mut server, &mut caller);
    assert_eq!(caller.counted.len(), 2);
    assert_eq!(server.link.unhandled(), frames[2].len());
    assert!(server.link.wants_poll());
    caller.rests_after = None;
    poll_with(&mut server, &mut caller);
    let uris: Vec<Bytes> = unopened(&server.outbound())
        .into_iter()
        .map(|answer| answer.uri)
        .collect();
    assert_eq!(uris, ["a", "b", "c"]);
}

/// Requests to be handled one behind the other, and the end of the stream.
fn leaves_with_two_requests(server: &mut End) {
    let frames = ["first", "second"].map(|uri| frame(&Message::new(REQUEST_URI, uri, "goes on")));
    server.receive(NOON, &frames.concat());
    server.link.handle_eof(NOON);
}

#[test]
fn calls_behind_the_end_of_the_stream_are_cancelled_as_they_are_begun() {
    let mut config = plain();
    config.calls = CallOptions::new().with_cancel_on_disconnect(true);
    let (mut server, mut caller) = (server(config), Caller::default());
    leaves_with_two_requests(&mut server);
    let mut cancelled = Vec::new();
    let (link, node) = (&mut server.link, &mut server.node);
    while let Some(event) = link.poll_with(NOON, node, &mut caller) {
        if let LinkEvent::Cancelled { call, .. } = event {
            cancelled.push(call);
        }
    }
    let begun: Vec<_> = caller.running.iter().map(|(_, call)| call.id()).collect();
    assert_eq!((begun.len(), &cancelled), (2, &begun));
    assert_eq!(server.link.calls_in_flight(), 0);
}

#[test]
fn a_rest_with_nothing_left_to_be_done_is_none() {
    let (mut server, mut caller) = (server(plain()), Caller::default());
    leaves_with_two_requests(&mut server);
    caller.rests_after = Some(1);
    let (link, node) = (&mut server.link, &mut server.node);
    let event = link.poll_with(NOON, node, &mut caller);
    // The second waits for the first, and nothing more will come.
    assert!(
        matches!(event, Some(LinkEvent::HalfClosed(CloseReason::Remote))),
        "{event:?}"
    );
}

#[test]
fn a_message_holds_no_buffer_but_its_own() {
    let elsewhere = Bytes::from(b"the uri, and much more".to_vec());
    let (mut server, mut caller) = (server(plain()), Caller::default());
    let first = frame(&Message::request("the uri"));
    server.receive(NOON, &[&first[..], &first].concat());
    /// Answers the first one with a uri of its own.
    struct Elsewhere(Caller, Bytes);
    impl CallHandler<Handler> for Elsewhere {
        type Running = Message;
        fn message(&mut self) -> &mut Message {
            self.0.message()
        }
        fn call(&mut self, link: &Link, handler: Handler) -> Called<Message> {
            drop(self.0.call(link, handler));
            Called::Answered(Some(Message::respond_uri(self.1.clone(), "")))
        }
        fn keep(&mut self, _: Message, _: Call) {}
        fn answered(&mut self, sent: Result<(), ReplyError>) {
            self.0.answered(sent);
        }
        fn goes_on(&mut self, _: &Link) -> bool {
            true
        }
    }
    caller.message.uri = Bytes::new();
    let mut caller = Elsewhere(caller, elsewhere.slice(..7));
    let (link, node) = (&mut server.link, &mut server.node);
    while link.poll_with(NOON, node, &mut caller).is_some() {}
    let Elsewhere(caller, answered) = caller;
    assert_eq!(caller.counted, [1, 2]);
    assert!(caller.message.uri == answered && caller.message.uri.as_ptr() != answered.as_ptr());
    // An empty content holds nothing: the uri alone has the buffer.
    assert!(caller.message.content.is_empty() && !caller.message.content.is_unique());
    let Message { uri, content, .. } = caller.message;
    drop(uri);
    assert!(!content.is_unique());
}
