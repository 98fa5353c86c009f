//! The real Python netaio and ours, each as the other's server, with every
//! combination of layers, on any runtime.
//!
//! [`python_asks_ours`] and [`ours_asks_python`] go through the same
//! [`exchanges`]: what one server answers, the other must too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "these are tests, although not in a test target: they fail by panicking"
)]

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{Body, Layer, Message, MessageTypes, SealError, SendError};
use netaio_driver::{
    Client, ClientBuilder, Connection, RequestBuilder, RequestError, Runtime, Server, ServerBuilder,
};

use crate::python::{Answer, Inner, Op, Outer, Python, PythonClient, PythonServer, ServerOptions};
use crate::store::{CUSTOM, store};

/// How long Python waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long Python waits for what must not come.
const SHORT: Duration = Duration::from_millis(300);

/// The layers of both sides.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// What the table says.
    pub name: &'static str,
    outer: Outer,
    /// The inner layer of create, update and delete.
    admin: Inner,
    /// The inner layer of REQUEST_URI `inner`.
    inner: Inner,
}

/// What ran, and passed.
pub struct Passed {
    client: &'static str,
    server: &'static str,
    case: &'static str,
    exchanges: usize,
    time: Duration,
}

impl Passed {
    /// The head of a table of them.
    pub const HEAD: &str = "client   server   layers                       exchanges      ms";
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:8} {:8} {:28} {:9} {:7}",
            self.client,
            self.server,
            self.case,
            self.exchanges,
            self.time.as_millis()
        )
    }
}

fn outer(secret: bool, key: bool, plain_uri: bool) -> Outer {
    Outer {
        secret: secret.then(|| "a secret, größer als ASCII".into()),
        key: key.then(|| "a key".into()),
        plain_uri,
    }
}

fn inner(name: &str, secret: bool, key: bool) -> Inner {
    Inner {
        secret: secret.then(|| format!("{name} secret")),
        key: key.then(|| format!("{name} key")),
    }
}

/// Every combination of layers that is tried.
#[must_use]
pub fn cases() -> Vec<Case> {
    let case = |name, outer| Case {
        name,
        outer,
        ..Case::default()
    };
    let layered = |name, outer, secret, key| Case {
        name,
        outer,
        admin: inner("admin", secret, false),
        inner: inner("inner", secret, key),
    };
    vec![
        case("plain", outer(false, false, false)),
        case("HMAC", outer(true, false, false)),
        case("cipher", outer(false, true, false)),
        case("cipher, plain uri", outer(false, true, true)),
        case("HMAC and cipher", outer(true, true, false)),
        case("HMAC and cipher, plain uri", outer(true, true, true)),
        layered("inner HMAC", outer(false, false, false), true, false),
        layered("HMAC, inner HMAC", outer(true, false, false), true, false),
        layered(
            "cipher, inner cipher",
            outer(false, true, false),
            false,
            true,
        ),
        layered("both, inner both", outer(true, true, false), true, true),
    ]
}

impl Case {
    fn layer(&self) -> Layer {
        let mut layer = Layer::new();
        if let Some(secret) = &self.outer.secret {
            layer = layer.with_auth(HmacAuth::new(secret));
        }
        if let Some(key) = &self.outer.key {
            let cipher = Sha256StreamCipher::new(key);
            layer = layer.with_cipher(match self.outer.plain_uri {
                true => cipher.with_plain_uri(),
                false => cipher,
            });
        }
        layer
    }

    fn server<R: Runtime>(&self) -> ServerBuilder<R> {
        let server = Server::builder().outer(self.layer()).types(types());
        store(server, inner_layer(&self.admin), inner_layer(&self.inner))
    }

    fn client<R: Runtime>(&self) -> ClientBuilder<R> {
        Client::builder().outer(self.layer()).types(types())
    }

    fn python_server(&self, python: &Python) -> PythonServer {
        let options = ServerOptions {
            outer: self.outer.clone(),
            admin_secret: self.admin.secret.clone(),
            inner: self.inner.clone(),
        };
        PythonServer::start(python, &options).unwrap()
    }

    /// The most bytes of uri and content: a cipher that hides the uri puts its
    /// length before them.
    fn room(&self) -> usize {
        let hidden = self.outer.key.is_some() && !self.outer.plain_uri;
        Body::MAX_PAYLOAD - if hidden { 2 } else { 0 }
    }
}

fn inner_layer(inner: &Inner) -> Layer {
    let mut layer = Layer::new();
    if let Some(secret) = &inner.secret {
        layer = layer.with_auth(HmacAuth::new(secret).with_hmac_field("camh"));
    }
    if let Some(key) = &inner.key {
        let cipher = Sha256StreamCipher::new(key).with_iv_field("vi");
        layer = layer.with_cipher(cipher.with_plain_uri());
    }
    layer
}

fn types() -> MessageTypes {
    let mut types = MessageTypes::base();
    for value in 31..=255 {
        types.register(value, &format!("CUSTOM_{value}")).unwrap();
    }
    types
}

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

/// What is asked and answered, in this order, whoever asks.
#[must_use]
pub fn exchanges(case: &Case) -> Vec<Exchange> {
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
        add(
            Op::Request,
            b"echo",
            &bytes(size),
            none,
            "RESPOND_URI",
            &bytes(size),
        );
        add(
            Op::Request,
            b"inner",
            &bytes(size),
            &case.inner,
            "RESPOND_URI",
            &bytes(size),
        );
    }
    let most = bytes(case.room() - 4);
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

/// Runs what blocks on a thread of its own: the runtime may have but one.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, value) = oneshot::channel();
    thread::spawn(move || {
        // Whoever waits no longer has failed already.
        let _ = done.send(work());
    });
    value.await.expect("the other thread failed")
}

/// A Python client and our server.
pub async fn python_asks_ours<R: Runtime>(python: &Python, case: &Case) -> Passed {
    let started = Instant::now();
    let server = case.server::<R>().bind("127.0.0.1:0").await.unwrap();
    let (python, address) = (python.clone(), server.local_addr());
    let asked = case.clone();
    let exchanges = blocking(move || {
        let mut client = PythonClient::connect(&python, address, &asked.outer).unwrap();
        client.timeout = PATIENCE;
        let exchanges = exchanges(&asked);
        for exchange in &exchanges {
            let Exchange {
                op, uri, content, ..
            } = exchange;
            let answer = client.request_with(*op, uri, content, &exchange.inner);
            assert_answer(&answer.unwrap(), exchange.answer, uri, &exchange.answered);
        }
        python_is_told(&mut client);
        python_hits_the_limit(&mut client, &asked);
        client.close().unwrap();
        exchanges.len()
    });
    let exchanges = exchanges.await;
    server.stop().await;
    Passed {
        client: "Python",
        server: "ours",
        case: case.name,
        exchanges,
        time: started.elapsed(),
    }
}

#[track_caller]
fn assert_answer(answer: &Answer, name: &str, uri: &[u8], content: &[u8]) {
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

/// Messages that answer no request: what is published, a custom type, and what
/// has no handler.
fn python_is_told(client: &mut PythonClient) {
    let none = Inner::default();
    client
        .send(PUBLISH_URI.value(), b"news", b"today", &none)
        .unwrap();
    assert_answer(&client.next().unwrap(), "NOTIFY_URI", b"news", b"today");
    assert_answer(&client.next().unwrap(), "OK", b"news", b"1");
    client
        .send(CUSTOM.0.value(), b"u", b"custom", &none)
        .unwrap();
    assert_answer(&client.next().unwrap(), "CUSTOM_41", b"u", b"custom");
    client
        .send(SUBSCRIBE_URI.value(), b"u", b"", &none)
        .unwrap();
    assert_answer(&client.next().unwrap(), "NOT_FOUND", b"", b"not found");
    // Our default answers only what asks.
    client.send(OK.value(), b"u", b"", &none).unwrap();
    client.timeout = SHORT;
    assert_eq!(client.next().unwrap(), Answer::Timeout);
}

/// Past the limit Python refuses to send, and goes on; what only a cipher makes
/// too long it drops without a word.
fn python_hits_the_limit(client: &mut PythonClient, case: &Case) {
    let too_much = vec![0; case.room() - 4 + 1];
    let answer = client.request(Op::Request, b"echo", &too_much).unwrap();
    assert!(
        matches!(answer, Answer::Error(_) | Answer::Timeout),
        "{answer:?}"
    );
    client.timeout = PATIENCE;
    let answer = client.request(Op::Request, b"echo", b"still here").unwrap();
    assert_answer(&answer, "RESPOND_URI", b"echo", b"still here");
}

/// Our client and a Python server.
pub async fn ours_asks_python<R: Runtime>(python: &Python, case: &Case) -> Passed {
    let started = Instant::now();
    let (python, asked) = (python.clone(), case.clone());
    let server = blocking(move || asked.python_server(&python)).await;
    let client = case.client::<R>().build().unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    let exchanges = exchanges(case);
    for exchange in &exchanges {
        let request = request(&connection, exchange);
        let response = request.inner(inner_layer(&exchange.inner)).await;
        let response = response.unwrap_or_else(|error| panic!("{error}: {exchange:?}"));
        assert_eq!(response.message_type.base_name(), Some(exchange.answer));
        assert_eq!(response.uri, exchange.uri);
        assert_eq!(response.content, exchange.answered);
        assert!(response.is_verified());
    }
    we_are_told(&client, &connection).await;
    we_hit_the_limit(&connection, case).await;
    many_at_once(&connection).await;
    client.close().await;
    blocking(move || server.stop()).await;
    Passed {
        client: "ours",
        server: "Python",
        case: case.name,
        exchanges: exchanges.len(),
        time: started.elapsed(),
    }
}

fn request(connection: &Connection, exchange: &Exchange) -> RequestBuilder {
    let (uri, content) = (exchange.uri.clone(), exchange.content.clone());
    match exchange.op {
        Op::Request => connection.request(uri).content(content),
        Op::Create => connection.create(uri, content),
        Op::Update => connection.update(uri, content),
        Op::Delete => connection.delete(uri),
    }
}

#[track_caller]
fn assert_message(message: &Message, kind: netaio_driver::core::MessageType, text: &str) {
    let found = (message.message_type, &message.content[..]);
    assert_eq!(found, (kind, text.as_bytes()));
}

/// Subscriptions, custom types, and what has no handler.
async fn we_are_told<R: Runtime>(client: &Client<R>, connection: &Connection) {
    let mut messages = client.messages();
    let confirmed = connection.subscribe("news").await.unwrap();
    assert_message(&confirmed, CONFIRM_SUBSCRIBE, "");
    let published = connection.request_message(Message::publish("news", "today"));
    assert_message(&published.await.unwrap(), OK, "1");
    let notified = messages.next().await.unwrap().message;
    assert_message(&notified, NOTIFY_URI, "today");
    let left = connection.unsubscribe("news").await.unwrap();
    assert_message(&left, CONFIRM_UNSUBSCRIBE, "");

    let (custom, answer) = CUSTOM;
    let request = connection.request_message(Message::new(custom, "u", "custom"));
    assert_message(&request.accept(answer).await.unwrap(), answer, "custom");
    // Python's default answers anything, with no uri.
    let request = connection.request_message(Message::notify("u", ""));
    let unknown = request.await.unwrap();
    assert_message(&unknown, NOT_FOUND, "not found");
    assert!(unknown.uri.is_empty());
}

/// Past the limit we refuse to send, and go on.
async fn we_hit_the_limit(connection: &Connection, case: &Case) {
    let too_much = vec![0; case.room() - 4 + 1];
    let error = connection.request("echo").content(too_much).await;
    let too_long = |error: &SealError| matches!(error, SealError::BodyTooLong { .. });
    assert!(
        matches!(&error, Err(RequestError::Send(SendError::Seal(why))) if too_long(why)),
        "{error:?}"
    );
    let answer = connection.request("echo").content("still here").await;
    assert_message(&answer.unwrap(), RESPOND_URI, "still here");
}

/// Many requests for one uri at once each get their own answer.
async fn many_at_once(connection: &Connection) {
    let requests: Vec<_> = (0..100)
        .map(|number: usize| {
            let request = connection.request("echo").content(number.to_string());
            // Polled once, it is on its way.
            let mut request = request.into_future();
            let waker = std::task::Waker::noop();
            let mut context = std::task::Context::from_waker(waker);
            assert!(request.as_mut().poll(&mut context).is_pending());
            request
        })
        .collect();
    for (number, request) in requests.into_iter().enumerate() {
        let answer = request.await.unwrap();
        assert_message(&answer, RESPOND_URI, &number.to_string());
    }
}

/// Our client with wrong secrets and keys, and a Python server.
pub async fn python_refuses_ours<R: Runtime>(python: &Python) {
    let case = Case {
        outer: outer(true, false, false),
        admin: inner("admin", true, false),
        ..Case::default()
    };
    let (starter, asked) = (python.clone(), case.clone());
    let server = blocking(move || asked.python_server(&starter)).await;
    let wrong_layer = || Layer::new().with_auth(HmacAuth::new("wrong"));
    let wrong = Client::<R>::builder().outer(wrong_layer()).build().unwrap();
    let without = Client::<R>::builder().build().unwrap();
    for (client, verified) in [(wrong, false), (without, true)] {
        let connection = client.connect(server.addr).await.unwrap();
        let answer = connection.request("echo").await.unwrap();
        assert_message(&answer, AUTH_ERROR, "HMAC auth failed");
        // Where nothing is verified, everything counts as such.
        assert_eq!(answer.is_verified(), verified);
    }

    let client = case.client::<R>().build().unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    let wrong_admin = inner_layer(&inner("wrong", true, false));
    for inner in [Layer::new(), wrong_admin] {
        let answer = connection.create("u", "x").inner(inner).await.unwrap();
        assert_message(&answer, AUTH_ERROR, "HMAC auth failed");
        assert!(!answer.is_verified());
    }
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, NOT_FOUND, "not found");

    let ciphered = Case {
        outer: outer(false, true, true),
        ..Case::default()
    };
    let (starter, asked) = (python.clone(), ciphered.clone());
    let server = blocking(move || asked.python_server(&starter)).await;
    let wrong_key = Sha256StreamCipher::new("wrong").with_plain_uri();
    let client = Client::<R>::builder().cipher(wrong_key).build().unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    // A cipher proves nothing: what comes back is noise.
    let answer = connection
        .request("echo")
        .content("a content")
        .await
        .unwrap();
    assert_eq!(answer.message_type, RESPOND_URI);
    assert_ne!(answer.content, "a content");
}

/// A Python client with wrong secrets, and our server.
pub async fn ours_refuses_python<R: Runtime>(python: &Python) {
    let case = Case {
        outer: outer(true, false, false),
        admin: inner("admin", true, false),
        ..Case::default()
    };
    let server = case.server::<R>().bind("127.0.0.1:0").await.unwrap();
    let (starter, address) = (python.clone(), server.local_addr());
    blocking(move || {
        let mut wrong = case.outer.clone();
        wrong.secret = Some("wrong".into());
        let mut client = PythonClient::connect(&starter, address, &wrong).unwrap();
        client.timeout = SHORT;
        // The error is not sealed, so that this client does not believe it.
        let answer = client.request(Op::Request, b"echo", b"x").unwrap();
        assert_eq!(answer, Answer::Timeout);
        assert_eq!(client.next().unwrap(), Answer::Timeout);
        client.close().unwrap();

        let mut client = PythonClient::connect(&starter, address, &Outer::default()).unwrap();
        client
            .send(REQUEST_URI.value(), b"echo", b"x", &Inner::default())
            .unwrap();
        let error = client.next().unwrap();
        assert_answer(&error, "AUTH_ERROR", b"ERROR", b"HMAC auth failed");
        client.close().unwrap();

        let mut client = PythonClient::connect(&starter, address, &case.outer).unwrap();
        client.timeout = SHORT;
        for wrong in [Inner::default(), inner("wrong", true, false)] {
            let answer = client.request_with(Op::Create, b"u", b"x", &wrong).unwrap();
            assert_eq!(answer, Answer::Timeout);
        }
        let answer = client.request(Op::Request, b"u", b"").unwrap();
        assert_answer(&answer, "NOT_FOUND", b"u", b"not found");
        client.close().unwrap();
    })
    .await;
}
