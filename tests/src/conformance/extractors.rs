//! What handlers take.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use netaio_driver::core::types::*;
use netaio_driver::core::{Message, MessageType};
use netaio_driver::{
    Client, Connection, Content, FromRequest, Json, Reply, Request, Runtime, Server, State, Text,
    Uri,
};

use super::support::{assert_message, plain_pair, yield_times};

/// Each extractor hands over its part of the message.
pub async fn each_extractor_hands_over_its_part<R: Runtime>() {
    let on = |uri: &'static str| (REQUEST_URI, uri);
    let server = Server::<R>::builder()
        .on(on("message"), |m: Message| {
            format!("{} {:?} {:?}", m.message_type, m.uri, m.content)
        })
        .on(on("type"), |kind: MessageType| kind.to_string())
        .on(on("uri"), |uri: Uri| uri)
        .on(on("content"), |content: Content| content)
        .on(on("text"), |text: Text| text.to_uppercase())
        .on(on("request"), |request: Request| {
            assert!(request.remote.addr().is_some());
            request.message.content
        })
        .on(on("address"), |address: SocketAddr| {
            address.ip().to_string()
        })
        .on(on("maybe"), |address: Option<SocketAddr>| {
            address.unwrap().ip().to_string()
        })
        .on(on("connection"), |connection: Connection| {
            format!("{:?}", connection.close_reason())
        });
    let pair = plain_pair(server).await;
    let cases = [
        ("message", "REQUEST_URI b\"message\" b\"x\""),
        ("type", "REQUEST_URI"),
        ("uri", "uri"),
        ("content", "x"),
        ("text", "X"),
        ("request", "x"),
        ("address", "127.0.0.1"),
        ("maybe", "127.0.0.1"),
        ("connection", "None"),
    ];
    for (uri, expected) in cases {
        let answer = pair.connection.request(uri).content("x").await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, expected);
    }
}

/// What is made of the content has all of it, whichever argument is the last and may take it; the
/// answer has the uri in any case.
pub async fn each_of_several_has_the_whole_part<R: Runtime>() {
    let on = |uri: &'static str| (REQUEST_URI, uri);
    let both = |a: &[u8], b: &[u8]| [a, b].concat();
    let server = Server::<R>::builder()
        .on(on("1"), move |a: Content, b: Content| both(&a, &b))
        .on(on("2"), move |a: Text, b: Message| {
            assert_eq!(b.uri, "2");
            both(a.0.as_bytes(), &b.content)
        })
        .on(on("3"), move |a: Message, b: Request| async move {
            assert_eq!((&a.uri[..], &b.message.uri[..]), (&b"3"[..], &b"3"[..]));
            both(&a.content, &b.message.content)
        })
        .on(on("4"), move |a: Request, b: Result<Content, Reply>| {
            both(&a.message.content, &b.unwrap())
        })
        .on(on("5"), move |a: Content, b: Uri| async move {
            yield_times(2).await;
            both(&a, &b[..0])
        })
        .on(on("6"), |_: Content, rejected: Json<u8>| rejected);
    let pair = plain_pair(server).await;
    for (uri, expected) in [
        ("1", "xx"),
        ("2", "xx"),
        ("3", "xx"),
        ("4", "xx"),
        ("5", "x"),
    ] {
        // The place of a request is one of the last one.
        for _ in 0..2 {
            let answer = pair.connection.request(uri).content("x").await.unwrap();
            assert_message(&answer, RESPOND_URI, uri, expected);
        }
    }
    let answer = pair.connection.request("6").content("x").await.unwrap();
    assert_eq!((answer.message_type, &answer.uri[..]), (ERROR, &b"6"[..]));
}

/// Handlers take none to eight of them, in any order, direct or async.
pub async fn handlers_take_up_to_eight<R: Runtime>() {
    let on = |uri: &'static str| (REQUEST_URI, uri);
    let server = Server::<R>::builder()
        .on(on("0"), || "none")
        .on(on("1"), |a: Uri| format!("{a}"))
        .on(on("2"), |a: Content, b: Uri| format!("{a} {b}"))
        .on(on("3"), |a: Text, b: Uri, c: MessageType| {
            format!("{} {b} {c}", &*a)
        })
        .on(on("4"), |a: Uri, b: Uri, c: Content, d: Text| {
            format!("{a} {b} {c} {}", &*d)
        })
        .on(on("5"), |a: Uri, _: Uri, _: Uri, _: Uri, e: Content| {
            format!("{a} {e}")
        })
        .on(
            on("6"),
            |a: Uri, _: Uri, _: Uri, _: Uri, _: Uri, f: Content| format!("{a} {f}"),
        )
        .on(
            on("7"),
            |a: Uri, _: Uri, _: Uri, _: Uri, _: Uri, _: Uri, g: Content| format!("{a} {g}"),
        )
        .on(
            on("8"),
            |a: Uri, _: Uri, _: Uri, _: Uri, _: Uri, _: Uri, _: Uri, h: Content| format!("{a} {h}"),
        )
        .on(
            on("async 8"),
            |a: Uri, _: Uri, _: Uri, _: Uri, _: Uri, _: Uri, _: Uri, h: Content| async move {
                format!("{a} {h}")
            },
        )
        .on(on("async 0"), || async { "none" })
        .on(on("async 1"), |a: Uri| async move { format!("{a}") })
        .on(on("async 2"), |a: Content, b: Uri| async move {
            format!("{a} {b}")
        })
        .on(
            on("async 3"),
            |a: Text, b: Uri, c: MessageType| async move { format!("{} {b} {c}", &*a) },
        )
        .on(
            on("async 4"),
            |a: Uri, b: Uri, c: Content, d: Text| async move { format!("{a} {b} {c} {}", &*d) },
        );
    let pair = plain_pair(server).await;
    for uri in ["5", "6", "7", "8", "async 8"] {
        let answer = pair.connection.request(uri).content("x").await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, format!("{uri} x"));
    }
    for prefix in ["", "async "] {
        let cases = ["none", "{}", "x {}", "x {} REQUEST_URI", "{} {} x x"];
        for (number, expected) in cases.into_iter().enumerate() {
            let uri = format!("{prefix}{number}");
            let answer = pair.connection.request(uri.clone()).content("x").await;
            let expected = expected.replace("{}", &uri);
            assert_message(&answer.unwrap(), RESPOND_URI, &uri, expected);
        }
    }
}

/// What an extractor rejects is answered with its rejection, and the handler
/// is not called.
pub async fn a_rejected_argument_is_the_reply<R: Runtime>() {
    struct Even(u64);
    impl FromRequest for Even {
        fn from_request(request: &Request) -> Result<Self, Reply> {
            let text = Text::from_request(request)?;
            match text.parse() {
                Ok(number) if number % 2 == 0 => Ok(Self(number)),
                Ok(_) => Err(Reply::not_permitted("odd")),
                Err(_) => Err(Reply::error("no number")),
            }
        }
    }
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "direct"), |even: Even| even.0.to_string())
        .on((REQUEST_URI, "async"), |_: Uri, even: Even| async move {
            even.0.to_string()
        })
        .on((REQUEST_URI, "state"), |_: State<String>| "never");
    let pair = plain_pair(server).await;
    for uri in ["direct", "async"] {
        let cases: [(&[u8], _, _); 4] = [
            (b"4", RESPOND_URI, "4"),
            (b"5", NOT_PERMITTED, "odd"),
            (b"x", ERROR, "no number"),
            (b"\xff", ERROR, "the content is not UTF-8"),
        ];
        for (content, kind, expected) in cases {
            let answer = pair.connection.request(uri).content(content).await.unwrap();
            assert_message(&answer, kind, uri, expected);
        }
    }
    let answer = pair.connection.request("state").await.unwrap();
    let text = "the server is not set up for this request";
    assert_message(&answer, ERROR, "state", text);
}

/// Handlers of a server or a client share values by their types.
pub async fn handlers_share_state<R: Runtime>() {
    #[derive(Default)]
    struct Visits(AtomicUsize);
    let visit = |visits: State<Visits>, greeting: State<String>| {
        let number = visits.0.0.fetch_add(1, Ordering::Relaxed);
        format!("{} {number}", &**greeting)
    };
    let late =
        |visits: State<Visits>| async move { visits.0.0.load(Ordering::Relaxed).to_string() };
    let server = Server::<R>::builder()
        .state(Visits::default())
        .state(String::from("hello"))
        .on(REQUEST_URI, visit)
        .on(CREATE_URI, late);
    let pair = super::support::pair(server, Client::builder()).await;
    for number in 0..3 {
        let answer = pair.connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", format!("hello {number}"));
    }
    let answer = pair.connection.create("u", "").await.unwrap();
    assert_message(&answer, OK, "u", "3");
}
