//! Handlers: how they are found, what they return, and how they fail.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use netaio_driver::core::types::*;
use netaio_driver::core::{Body, CallOptions, Key, Limits, Message, MessageType};
use netaio_driver::{
    Client, Connection, Content, Extension, FromRequest, IntoReply, NoReply, Reply, Request,
    RequestError, Runtime, Server, Text, Uri,
};

use super::raw::{dial, frame};
use super::support::{
    Counter, Door, assert_message, both, connect, echo_behind_doors, listen, none, plain_pair,
    spawn, standstill, yield_times,
};

/// The most specific key that has a handler wins: type, uri and address before
/// type and uri, before the type alone.
pub async fn the_most_specific_key_wins<R: Runtime>() {
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "u"), || "uri")
        .on(REQUEST_URI, || "type");
    let pair = plain_pair(server).await;
    // Only a connection's remote end knows the address that it comes from.
    let mine = spawn::<R, _>({
        let (server, connection) = (pair.server.clone(), pair.connection.clone());
        async move {
            let address = |from: Option<std::net::SocketAddr>| from.unwrap().to_string();
            server.once((REQUEST_URI, "who"), address, none()).unwrap();
            let answer = connection.request("who").await.unwrap();
            let text = String::from_utf8(answer.content.to_vec()).unwrap();
            text.parse::<std::net::SocketAddr>().unwrap()
        }
    })
    .await;
    let key = (REQUEST_URI, "u", mine);
    pair.server.on(key, || "address", none()).unwrap();

    let (_client, other) = connect(Client::builder(), &pair.server).await;
    let cases = [
        (&pair.connection, "u", "address"),
        (&other, "u", "uri"),
        (&pair.connection, "v", "type"),
        (&other, "v", "type"),
    ];
    for (connection, uri, expected) in cases {
        let answer = connection.request(uri).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, expected);
    }
    assert!(pair.server.remove(key));
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "uri");
    let answer = pair.connection.create("u", "").await.unwrap();
    assert_message(&answer, NOT_FOUND, "", "not found");
}

/// Keys may be of an application's own making.
pub async fn keys_of_ones_own_are_found_in_their_order<R: Runtime>() {
    let first_letter = |_: MessageType, uri: &[u8], _: Option<std::net::SocketAddr>| {
        let letter = uri.first().copied().unwrap_or_default();
        vec![Key::Custom(vec![letter].into()), Key::Custom("rest".into())]
    };
    let server = Server::<R>::builder()
        .keys(Arc::new(first_letter))
        .on(Key::Custom("a".into()), || "starts with a")
        .on(Key::Custom("rest".into()), || "starts otherwise")
        .on(REQUEST_URI, || "never");
    let pair = plain_pair(server).await;
    for (uri, expected) in [("apple", "starts with a"), ("pear", "starts otherwise")] {
        let answer = pair.connection.request(uri).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, expected);
    }
}

/// Handlers come, go and are replaced while connections are served.
pub async fn handlers_change_while_connections_are_served<R: Runtime>() {
    let pair = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "first")).await;
    let ask = || async { pair.connection.request("u").await.unwrap().into_message() };
    assert_message(&ask().await, RESPOND_URI, "u", "first");
    pair.server.on(REQUEST_URI, || "second", none()).unwrap();
    assert_message(&ask().await, RESPOND_URI, "u", "second");
    pair.server
        .on((REQUEST_URI, "u"), || "third", none())
        .unwrap();
    assert_message(&ask().await, RESPOND_URI, "u", "third");
    assert!(pair.server.remove((REQUEST_URI, "u")));
    assert!(!pair.server.remove((REQUEST_URI, "u")));
    assert_message(&ask().await, RESPOND_URI, "u", "second");
    assert!(pair.server.remove(REQUEST_URI));
    assert_message(&ask().await, NOT_FOUND, "", "not found");
}

/// A handler for one message takes one, before the permanent one of its key.
pub async fn a_one_time_handler_takes_one_message<R: Runtime>() {
    let server = Server::<R>::builder()
        .on(REQUEST_URI, || "always")
        .once(REQUEST_URI, || "once")
        .once((CREATE_URI, "u"), || "created");
    let pair = plain_pair(server).await;
    let to = &pair.connection;
    for expected in ["once", "always", "always"] {
        let answer = to.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", expected);
    }
    assert_message(&to.create("u", "").await.unwrap(), OK, "u", "created");
    let answer = to.create("u", "").await.unwrap();
    assert_message(&answer, NOT_FOUND, "", "not found");

    pair.server.once(REQUEST_URI, || "again", none()).unwrap();
    pair.server
        .once(REQUEST_URI, || "replaced", none())
        .unwrap();
    assert!(!pair.server.remove_once((REQUEST_URI, "u")));
    for expected in ["replaced", "always"] {
        let answer = to.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", expected);
    }
    pair.server.once(REQUEST_URI, || "never", none()).unwrap();
    assert!(pair.server.remove_once(REQUEST_URI));
    let answer = to.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "always");
}

/// Of many connections that race for a one-time handler, one gets it.
pub async fn a_one_time_handler_is_called_once_by_many<R: Runtime>() {
    let calls = Counter::default();
    let server = listen(Server::<R>::builder().on(REQUEST_URI, || "rest")).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(connect(Client::builder(), &server).await);
    }
    for round in 1..=20 {
        let once = {
            let calls = calls.clone();
            move || {
                calls.add();
                "once"
            }
        };
        server.once(REQUEST_URI, once, none()).unwrap();
        let requests = clients.iter().map(|(_, connection)| {
            let to = connection.clone();
            async move { to.request("u").await.unwrap() }
        });
        let answers = super::support::spawn_all::<R, _>(requests).await;
        let winners = answers.iter().filter(|answer| answer.content == "once");
        assert_eq!((winners.count(), calls.get()), (1, round));
    }
}

/// Whatever a handler may return is answered as documented.
pub async fn handlers_return_many_things<R: Runtime>() {
    struct Odd;
    impl IntoReply for Odd {
        fn into_reply(self, request: &mut Request) -> Option<Message> {
            let uri = request.message.uri.clone();
            Some(Message::new(CONFIRM_SUBSCRIBE, uri, "odd"))
        }
    }
    fn fallible(content: &Content) -> Result<&'static str, Reply> {
        match content.is_empty() {
            true => Err(Reply::not_permitted("empty")),
            false => Ok("fine"),
        }
    }
    let on = |uri: &'static str| (REQUEST_URI, uri);
    let server = Server::<R>::builder()
        .on(on("reply"), || Reply::new(OK, "reply"))
        .on(on("message"), || Message::respond_uri("message", "whole"))
        .on(on("some"), || Some("some"))
        .on(on("result"), |content: Content| fallible(&content))
        .on(on("async result"), |content: Content| async move {
            yield_times(2).await;
            fallible(&content)
        })
        .on(on("nested"), || async {
            Ok::<_, Reply>(Some(Bytes::from("nested")))
        })
        .on(on("uri"), |uri: Uri| uri)
        .on(on("text"), |text: Text| text)
        .on(on("odd"), || Odd);
    let pair = plain_pair(server).await;
    let cases = [
        ("reply", "", OK, "reply"),
        ("message", "", RESPOND_URI, "whole"),
        ("some", "", RESPOND_URI, "some"),
        ("result", "", NOT_PERMITTED, "empty"),
        ("result", "x", RESPOND_URI, "fine"),
        ("async result", "", NOT_PERMITTED, "empty"),
        ("async result", "x", RESPOND_URI, "fine"),
        ("nested", "", RESPOND_URI, "nested"),
        ("uri", "", RESPOND_URI, "uri"),
        ("text", "t", RESPOND_URI, "t"),
        ("odd", "", CONFIRM_SUBSCRIBE, "odd"),
    ];
    for (uri, content, kind, expected) in cases {
        let answer = pair.connection.request(uri).content(content).await.unwrap();
        assert_message(&answer, kind, uri, expected);
    }
}

/// A handler that panics is answered for with an ERROR and the request's uri;
/// the connection lives, and so do the handler and the rest of the server.
pub async fn a_panic_is_an_error_and_the_connection_lives<R: Runtime>() {
    struct Bad;
    impl IntoReply for Bad {
        fn into_reply(self, request: &mut Request) -> Option<Message> {
            let taken = "taken".into_reply(request);
            panic!("a panic of the test: a reply, {taken:?}")
        }
    }
    let panics = |content: Content| -> &'static str {
        assert!(content.is_empty(), "a panic of the test: {content}");
        "fine"
    };
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "direct"), panics)
        .on(
            (REQUEST_URI, "at once"),
            move |content: Content| async move { panics(content) },
        )
        .on((REQUEST_URI, "later"), move |content: Content| async move {
            yield_times(3).await;
            panics(content)
        })
        .on((REQUEST_URI, "bad reply"), || Bad)
        .on((REQUEST_URI, "bad reply of a future"), || async { Bad })
        .on((REQUEST_URI, "bad late reply"), || async {
            yield_times(3).await;
            Bad
        });
    let pair = plain_pair(server).await;
    let to = &pair.connection;
    for uri in ["direct", "at once", "later"] {
        let answer = to.request(uri).content("now").await.unwrap();
        assert_message(&answer, ERROR, uri, "the handler failed");
        let answer = to.request(uri).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, "fine");
    }
    for uri in ["bad reply", "bad reply of a future", "bad late reply"] {
        let answer = to.request(uri).await.unwrap();
        assert_message(&answer, ERROR, uri, "the handler failed");
    }
    assert_eq!(pair.server.connections(), 1);
}

/// What a request had set is no other one's, though its handler panics; and what a handler panics
/// with, or holds when it does, may panic once more.
pub async fn what_a_panic_leaves_harms_nobody<R: Runtime>() {
    struct Who(&'static str);
    struct Login;
    impl FromRequest for Login {
        fn from_request(_: &Request) -> Result<Self, Reply> {
            Ok(Self)
        }

        fn take_from_request(request: &mut Request) -> Result<Self, Reply> {
            request.set_extension(Who("somebody"));
            panic!("a panic of the test: after it was set")
        }
    }
    struct Answer;
    impl IntoReply for Answer {
        fn into_reply(self, request: &mut Request) -> Option<Message> {
            request.set_extension(Who("somebody"));
            panic!("a panic of the test: in the reply")
        }
    }
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a panic of the test: of what is dropped")
            }
        }
    }
    fn explodes() {
        std::panic::panic_any(Bomb)
    }
    let short = CallOptions::new().with_timeout(Some(Duration::from_millis(1)));
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "login"), |_: Login| "in")
        .on((REQUEST_URI, "answer"), || Answer)
        .on((REQUEST_URI, "answer of a future"), || async { Answer })
        .on((REQUEST_URI, "bomb"), explodes)
        .on((REQUEST_URI, "late bomb"), || async {
            yield_times(3).await;
            explodes()
        })
        .on((REQUEST_URI, "held bomb"), || async {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
        })
        .route_options(short)
        .on((REQUEST_URI, "who"), |who: Option<Extension<Who>>| {
            who.map_or("nobody", |who| who.0.0)
        });
    let pair = plain_pair(server).await;
    let panicking = ["login", "answer", "answer of a future", "bomb", "late bomb"];
    for uri in panicking.into_iter().chain(["held bomb"]) {
        // Both come at once.
        let (answer, who) = both(
            async { pair.connection.request(uri).await.unwrap() },
            async { pair.connection.request("who").await.unwrap() },
        )
        .await;
        let text = match uri {
            "held bomb" => "the handler took too long",
            _ => "the handler failed",
        };
        assert_message(&answer, ERROR, uri, text);
        assert_message(&who, RESPOND_URI, "who", "nobody");
    }
    assert_eq!(pair.server.connections(), 1);
}

/// A reply that cannot be sent is answered for with an ERROR and the request's
/// uri; the connection lives.
pub async fn a_reply_that_cannot_be_sent_is_an_error<R: Runtime>() {
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "big"), || vec![0u8; Body::MAX_PAYLOAD])
        .on((REQUEST_URI, "big later"), || async {
            yield_times(1).await;
            vec![0u8; 1 << 20]
        })
        .on((REQUEST_URI, "unknown"), || {
            Reply::new(MessageType::new(77), "")
        })
        .on((REQUEST_URI, "fits"), || vec![7u8; Body::MAX_PAYLOAD - 4]);
    let pair = plain_pair(server).await;
    let to = &pair.connection;
    let cases = [
        ("big", "at most 65422"),
        ("big later", "at most 65422"),
        ("unknown", "registered"),
    ];
    for (uri, reason) in cases {
        let answer = to.request(uri).await.unwrap();
        assert_eq!(
            (answer.message_type, &answer.uri[..]),
            (ERROR, uri.as_bytes())
        );
        let text = String::from_utf8(answer.content.to_vec()).unwrap();
        assert!(text.contains(reason), "{text}");
    }
    let answer = to.request("fits").await.unwrap();
    assert_eq!(answer.content.len(), Body::MAX_PAYLOAD - 4);
}

/// A handler may ask the client over the connection that it serves: it gets
/// its answer although it is not done itself.
pub async fn a_handler_may_ask_its_client<R: Runtime>() {
    let relay = |content: Content, client: Connection| async move {
        let asked = client.request("name").content(content.0).await;
        match asked {
            Ok(answer) => Ok(answer.content.clone()),
            Err(error) => Err(Reply::error(error.to_string())),
        }
    };
    let server = listen(Server::<R>::builder().on(REQUEST_URI, relay)).await;
    let client = Client::builder().on((REQUEST_URI, "name"), |content: Content| async move {
        yield_times(2).await;
        format!("client {content}")
    });
    let (_client, connection) = connect(client, &server).await;
    let answer = connection.request("u").content("1").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "client 1");

    // More at once than the server handles in one turn.
    let requests = (0..300).map(|number: usize| {
        let to = connection.clone();
        async move { to.request("u").content(number.to_string()).await }
    });
    let answers = super::support::spawn_all::<R, _>(requests).await;
    for (number, answer) in answers.into_iter().enumerate() {
        let expected = format!("client {number}");
        assert_message(&answer.unwrap(), RESPOND_URI, "u", expected);
    }
}

/// A handler whose request to its client is not answered gets its timeout,
/// although the connection waits for the handler.
pub async fn a_handlers_own_request_times_out<R: Runtime>() {
    const SHORT: Duration = Duration::from_millis(20);
    let asks = |client: Connection| async move {
        let error = client.request("name").timeout(SHORT).await.unwrap_err();
        assert_eq!(error, RequestError::TimedOut(SHORT));
        "no answer"
    };
    let server = listen(Server::<R>::builder().on(REQUEST_URI, asks)).await;
    let client = Client::builder().on((REQUEST_URI, "name"), || NoReply);
    let (_client, connection) = connect(client, &server).await;
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "no answer");
}

/// No more handlers run at a time than may (but for threads that look at the
/// same moment); the rest wait for their turn, and every freed place is used.
pub async fn handlers_wait_for_a_free_place<R: Runtime>() {
    const PLACES: usize = 3;
    const THREADS: usize = 8;
    const REQUESTS: usize = 40;
    let (handler, started) = echo_behind_doors();
    let limits = Limits::default().with_handlers(PLACES).unwrap();
    let server = listen(
        Server::<R>::builder()
            .limits(limits)
            .on(REQUEST_URI, handler),
    )
    .await;
    let mut raws = Vec::new();
    for number in 0..REQUESTS {
        let mut raw = dial(&server).await;
        let request = frame(REQUEST_URI, "u", number.to_string());
        raw.write(&request).await.unwrap();
        raws.push(raw);
    }
    let mut left = REQUESTS;
    while left > 0 {
        let mut running = Vec::new();
        while running.len() < PLACES.min(left) {
            running.push(started.recv().await.unwrap());
        }
        running.extend(std::iter::from_fn(|| started.try_recv().ok()));
        assert!(running.len() <= PLACES + THREADS, "{} run", running.len());
        left -= running.len();
        // All places come free at once.
        running.iter().for_each(|(_, door)| door.open());
        for (number, _) in running {
            let raw = &mut raws[number.parse::<usize>().unwrap()];
            assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "u", number);
        }
    }
}

/// A place that comes free wakes one who waits; whose handler is done at once lets
/// the next one in.
pub async fn a_place_that_nobody_keeps_is_passed_on<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let slow = {
        let (door, announce) = (door.clone(), begun.0);
        move || {
            let (door, announce) = (door.clone(), announce.clone());
            async move {
                announce.send(()).await.unwrap();
                door.pass().await;
                "slow"
            }
        }
    };
    let limits = Limits::default().with_handlers(1).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .on((REQUEST_URI, "slow"), slow)
        .on((REQUEST_URI, "fast"), || "fast")
        .on((REQUEST_URI, "async"), || async { "async" });
    let server = listen(server).await;
    let mut keeps = dial(&server).await;
    keeps.write(&frame(REQUEST_URI, "slow", "")).await.unwrap();
    begun.1.recv().await.unwrap();
    let mut waiting = Vec::new();
    for uri in ["fast", "async", "slow", "fast", "nowhere", "async"] {
        let mut raw = dial(&server).await;
        raw.write(&frame(REQUEST_URI, uri, "")).await.unwrap();
        waiting.push((raw, uri));
    }
    let other = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "other")).await;
    standstill(&other.connection, &Counter::default()).await;
    door.open();
    for (mut raw, uri) in waiting {
        let answer = raw.receive().await.unwrap();
        match uri {
            "nowhere" => assert_message(&answer, NOT_FOUND, "", "not found"),
            _ => assert_message(&answer, RESPOND_URI, uri, uri),
        }
    }
}
