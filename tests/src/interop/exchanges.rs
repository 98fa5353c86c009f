//! What is asked and answered, whoever asks and whatever carries it.

use std::future::ready;
use std::task::{Context, Poll, Waker};

use netaio_driver::core::types::*;
use netaio_driver::core::{Message, MessageType, SealError, SendError};
use netaio_driver::{Remote, RequestBuilder, RequestError};

use super::cases::inner_layer;
use super::{Case, PATIENCE, SHORT};
use crate::puppet::{Answer, Op, Puppet};
use crate::python::Inner;
use crate::store::{CUSTOM, UNKNOWN};

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    op: Op,
    uri: Vec<u8>,
    content: Vec<u8>,
    inner: Inner,
    answer: &'static str,
    answered: Vec<u8>,
}

/// What is asked and answered, in this order, where a message has room for so
/// many bytes of uri and content.
#[must_use]
pub fn exchanges(case: &Case, room: usize) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    let mut add = |op, uri: &[u8], content: &[u8], inner: &Inner, answer, answered: &[u8]| {
        exchanges.push(Exchange {
            op,
            uri: uri.to_vec(),
            content: content.to_vec(),
            inner: inner.clone(),
            answer,
            answered: answered.to_vec(),
        });
    };
    let (none, admin) = (&Inner::default(), &case.admin);
    let bytes = |size: usize| (0..size).map(|at| (at * 7) as u8).collect::<Vec<_>>();
    for size in [
        0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 255, 256, 257, 4096, 40_000,
    ] {
        for (uri, inner) in [(b"echo", none), (b"inner", &case.inner)] as [(&[u8], _); 2] {
            let content = &bytes(size);
            add(Op::Request, uri, content, inner, "RESPOND_URI", content);
        }
    }
    let most = bytes(room - 4);
    add(Op::Request, b"echo", &most, none, "RESPOND_URI", &most);

    let all: Vec<u8> = (0..=255).collect();
    let uris: [&[u8]; 6] = [
        b"a",
        b"",
        b"\0",
        b"\xff\xfe not UTF-8",
        &all,
        &bytes(60_000),
    ];
    for uri in uris {
        add(Op::Request, uri, b"", none, "NOT_FOUND", b"not found");
        add(Op::Update, uri, b"0", admin, "NOT_FOUND", b"not found");
        add(Op::Delete, uri, b"", admin, "NOT_FOUND", b"not found");
        add(Op::Create, uri, b"1", admin, "OK", b"stored");
        add(Op::Create, uri, b"2", admin, "ERROR", b"cannot overwrite");
        add(Op::Request, uri, b"", none, "RESPOND_URI", b"1");
        add(Op::Update, uri, &all, admin, "OK", b"stored");
        add(Op::Request, uri, b"ignored", none, "RESPOND_URI", &all);
        add(Op::Delete, uri, b"", admin, "OK", b"deleted");
        add(Op::Request, uri, b"", none, "NOT_FOUND", b"not found");
    }
    exchanges
}

#[track_caller]
pub(super) fn assert_answer(answer: &Answer, name: &str, uri: &[u8], content: &[u8]) {
    let Answer::Message {
        name: found,
        uri: found_uri,
        content: found_content,
        ..
    } = answer
    else {
        panic!("{answer:?} instead of {name}");
    };
    assert_eq!(found, name);
    assert!(found_uri == uri && found_content == content, "{answer:?}");
}

#[track_caller]
pub(super) fn assert_message(message: &Message, kind: MessageType, text: &str) {
    let found = (message.message_type, &message.content[..]);
    assert_eq!(found, (kind, text.as_bytes()));
}

/// Python asks us.
pub(super) fn python_asks(python: &mut Puppet, exchanges: &[Exchange]) {
    python.timeout = PATIENCE;
    for exchange in exchanges {
        let (op, uri, content) = (exchange.op, &exchange.uri, &exchange.content);
        let answer = python.request_with(op, uri, content, &exchange.inner);
        assert_answer(&answer.unwrap(), exchange.answer, uri, &exchange.answered);
    }
}

/// Messages that answer no request: what is published, a custom type, and what
/// has no handler, which is answered with the uri `nowhere`.
pub(super) fn python_is_told(python: &mut Puppet, nowhere: &[u8]) {
    tell(python, SUBSCRIBE_URI, b"news", b"");
    assert_next(python, "CONFIRM_SUBSCRIBE", b"news", b"");
    tell(python, PUBLISH_URI, b"news", b"today");
    // Whoever publishes is told of it before or after it has its answer.
    let mut told = [python.next().unwrap(), python.next().unwrap()];
    told.sort_by_key(|answer| answer.message().map(|(name, _)| name.to_owned()).ok());
    assert_answer(&told[0], "NOTIFY_URI", b"news", b"today");
    assert_answer(&told[1], "OK", b"news", b"1");
    tell(python, UNSUBSCRIBE_URI, b"news", b"");
    assert_next(python, "CONFIRM_UNSUBSCRIBE", b"news", b"");
    tell(python, PUBLISH_URI, b"news", b"tomorrow");
    assert_next(python, "OK", b"news", b"0");

    tell(python, CUSTOM.0, b"u", b"custom");
    assert_next(python, "CUSTOM_41", b"u", b"custom");
    tell(python, UNKNOWN, b"u", b"");
    assert_next(python, "NOT_FOUND", nowhere, b"not found");
    // Our default answers only what asks, and so the next answer is that to what
    // is asked next.
    tell(python, OK, b"u", b"");
    tell(python, CUSTOM.0, b"u", b"after that");
    assert_next(python, "CUSTOM_41", b"u", b"after that");
}

fn tell(python: &mut Puppet, kind: MessageType, uri: &[u8], content: &[u8]) {
    let sent = python.send(kind.value(), uri, content, &Inner::default());
    sent.unwrap();
}

#[track_caller]
fn assert_next(python: &mut Puppet, name: &str, uri: &[u8], content: &[u8]) {
    assert_answer(&python.next().unwrap(), name, uri, content);
}

/// Past the limit Python refuses to send, and goes on; what only a layer makes
/// too long it drops without a word.
pub(super) fn python_hits_the_limit(python: &mut Puppet, room: usize) {
    let too_much = vec![0; room - 4 + 1];
    python.timeout = SHORT;
    let answer = python.request(Op::Request, b"echo", &too_much).unwrap();
    assert!(
        matches!(answer, Answer::Error(_) | Answer::Timeout),
        "{answer:?}"
    );
    python.timeout = PATIENCE;
    let answer = python.request(Op::Request, b"echo", b"still here").unwrap();
    assert_answer(&answer, "RESPOND_URI", b"echo", b"still here");
}

/// We ask Python.
pub(super) async fn we_ask(python: &Remote, exchanges: &[Exchange]) {
    for (number, exchange) in exchanges.iter().enumerate() {
        // Python ignores ids. The largest datagram has no room for one.
        let small = exchange.uri.len() + exchange.content.len() < 65_000;
        let request = request(python, exchange).correlate(small && number.is_multiple_of(2));
        let response = request.inner(inner_layer(&exchange.inner)).await;
        let response = response.unwrap_or_else(|error| panic!("{error}: {exchange:?}"));
        assert_eq!(response.message_type.base_name(), Some(exchange.answer));
        assert_eq!(response.uri, exchange.uri);
        assert_eq!(response.content, exchange.answered);
        assert!(response.is_verified());
    }
}

fn request(python: &Remote, exchange: &Exchange) -> RequestBuilder {
    let (uri, content) = (exchange.uri.clone(), exchange.content.clone());
    match exchange.op {
        Op::Request => python.request(uri).content(content),
        Op::Create => python.create(uri, content),
        Op::Update => python.update(uri, content),
        Op::Delete => python.delete(uri),
    }
}

/// Subscriptions, custom types, and what has no handler. `next` is the next
/// message that answers nothing.
pub(super) async fn we_are_told(python: &Remote, mut next: impl AsyncFnMut() -> Message) {
    let confirmed = python.subscribe("news").request().await.unwrap();
    assert_message(&confirmed, CONFIRM_SUBSCRIBE, "");
    let published = python.request_message(Message::publish("news", "today"));
    assert_message(&published.await.unwrap(), OK, "1");
    assert_message(&next().await, NOTIFY_URI, "today");
    let left = python.unsubscribe("news").await.unwrap();
    assert_message(&left, CONFIRM_UNSUBSCRIBE, "");
    let published = python.request_message(Message::publish("news", "tomorrow"));
    assert_message(&published.await.unwrap(), OK, "0");

    let (custom, answer) = CUSTOM;
    let request = python.request_message(Message::new(custom, "u", "custom"));
    assert_message(&request.accept(answer).await.unwrap(), answer, "custom");
    // Python's default handler names no uri, or one of its own.
    let unknown = python.request_message(Message::new(UNKNOWN, "u", ""));
    assert_message(&unknown.await.unwrap(), NOT_FOUND, "not found");
}

/// Past the limit we refuse to send, and go on.
pub(super) async fn we_hit_the_limit(python: &Remote, room: usize) {
    let too_much = vec![0; room - 4 + 1];
    let error = python.request("echo").content(too_much).await;
    use SealError::{BodyTooLong, DatagramTooLong};
    let too_long = |error: &SealError| matches!(error, BodyTooLong { .. } | DatagramTooLong { .. });
    assert!(
        matches!(&error, Err(RequestError::Send(SendError::Seal(reason))) if too_long(reason)),
        "{error:?}"
    );
    let answer = python.request("echo").content("still here").await;
    assert_message(&answer.unwrap(), RESPOND_URI, "still here");
}

/// Many requests at once each get their own answer.
pub(super) async fn many_at_once(python: &Remote, admin: &Inner) {
    let numbers = || (0..64).map(|number: usize| number.to_string());
    let admin = inner_layer(admin);
    let creations = numbers().map(|uri| python.create(uri.clone(), uri).inner(admin.clone()));
    for created in all(creations).await {
        assert_message(&created, OK, "stored");
    }
    let requests = numbers().map(|uri| python.request(uri));
    for (uri, read) in numbers().zip(all(requests).await) {
        assert_message(&read, RESPOND_URI, &uri);
    }
}

/// Many requests for one uri at once each get their own answer, where answers
/// keep the order of the requests.
pub(super) async fn many_for_one_uri(python: &Remote) {
    let contents = || (0..100).map(|number: usize| number.to_string());
    let requests = contents().enumerate().map(|(number, content)| {
        let request = python.request("echo").content(content);
        request.correlate(number.is_multiple_of(3))
    });
    for (content, echo) in contents().zip(all(requests).await) {
        assert_message(&echo, RESPOND_URI, &content);
    }
}

/// The answers to requests that are all on their way before one is awaited.
async fn all(requests: impl Iterator<Item = RequestBuilder>) -> Vec<Message> {
    let under_way: Vec<_> = requests
        .map(|request| {
            let mut request = request.into_future();
            // Polled once, it is on its way; on a busy machine it may be back.
            let mut context = Context::from_waker(Waker::noop());
            match request.as_mut().poll(&mut context) {
                Poll::Ready(answer) => Box::pin(ready(answer)),
                Poll::Pending => request,
            }
        })
        .collect();
    let mut answers = Vec::new();
    for request in under_way {
        answers.push(request.await.unwrap().into_message());
    }
    answers
}
