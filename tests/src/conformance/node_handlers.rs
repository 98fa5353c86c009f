//! The handlers of UDP nodes: how they are found, what they return, how they run
//! side by side and how they fail.

use std::net::SocketAddr;
use std::sync::Arc;

use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::*;
use netaio_driver::core::{Body, Key, Limits, Message, MessageType};
use netaio_driver::{Connection, Content, Remote, Reply, Runtime, State, Text, UdpNode, Uri};

use super::raw::frame;
use super::raw_node::{RawNode, bind_node, plain_node};
use super::support::{assert_message, echo_behind_doors, none, spawn, yield_times};

/// Slow handlers hold up neither one another nor those that are done at once, and
/// each reply arrives when its handler is done.
pub async fn slow_handlers_hold_nobody_up<R: Runtime>() {
    const SLOW: usize = 10;
    let (slow, started) = echo_behind_doors();
    let node = UdpNode::<R>::builder()
        .on(REQUEST_URI, slow)
        .on((REQUEST_URI, "fast"), || "fast");
    let node = bind_node(node).await;
    let asking = plain_node::<R>().await;
    let mut waiting: Vec<_> = (0..SLOW)
        .map(|number| {
            let number = number.to_string();
            let request = asking.request(node.local_addr(), number.clone());
            let request = request.content(number);
            Some(spawn::<R, _>(async move { request.await.unwrap() }))
        })
        .collect();
    let mut doors = Vec::new();
    for _ in 0..SLOW {
        doors.push(started.recv().await.unwrap());
    }
    let answer = asking.request(node.local_addr(), "fast").await.unwrap();
    assert_message(&answer, RESPOND_URI, "fast", "fast");
    // The last that began is the first to be done.
    while let Some((uri, door)) = doors.pop() {
        door.open();
        let request = waiting[uri.parse::<usize>().unwrap()].take().unwrap();
        let answer = request.await;
        assert_message(&answer, RESPOND_URI, &uri, &uri);
    }
}

/// The most specific key that has a handler wins: type, uri and address before
/// type and uri, before the type alone.
pub async fn the_most_specific_key_wins<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .on((REQUEST_URI, "u"), || "uri")
        .on(REQUEST_URI, || "type");
    let node = bind_node(node).await;
    let (one, two) = (plain_node::<R>().await, plain_node::<R>().await);
    let key = (REQUEST_URI, "u", one.local_addr());
    node.on(key, || "address", none()).unwrap();
    for (asking, uri, expected) in [
        (&one, "u", "address"),
        (&two, "u", "uri"),
        (&one, "v", "type"),
        (&two, "v", "type"),
    ] {
        let answer = asking.request(node.local_addr(), uri).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, expected);
    }
    assert!(node.remove(key) && !node.remove(key));
    let answer = one.request(node.local_addr(), "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "uri");
}

/// Keys may be of an application's own making.
pub async fn keys_of_ones_own_are_found_in_their_order<R: Runtime>() {
    let by_port = |_: MessageType, _: &[u8], from: Option<SocketAddr>| {
        let port = from.unwrap().port();
        vec![
            Key::Custom(port.to_string().into()),
            Key::Custom("any".into()),
        ]
    };
    let node = UdpNode::<R>::builder()
        .keys(Arc::new(by_port))
        .on(Key::Custom("any".into()), || "anybody");
    let node = bind_node(node).await;
    let (one, two) = (plain_node::<R>().await, plain_node::<R>().await);
    let key = Key::Custom(one.local_addr().port().to_string().into());
    node.on(key, || "somebody", none()).unwrap();
    for (asking, expected) in [(&one, "somebody"), (&two, "anybody")] {
        let answer = asking.create(node.local_addr(), "u", "").await.unwrap();
        assert_message(&answer, OK, "u", expected);
    }
}

/// Handlers come, go and are replaced while the node runs.
pub async fn handlers_change_while_the_node_runs<R: Runtime>() {
    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, || "first")).await;
    let asking = plain_node::<R>().await;
    let ask = || async {
        let answer = asking.request(node.local_addr(), "u").await.unwrap();
        answer.into_message()
    };
    assert_message(&ask().await, RESPOND_URI, "u", "first");
    node.on(REQUEST_URI, || "second", none()).unwrap();
    assert_message(&ask().await, RESPOND_URI, "u", "second");
    node.on((REQUEST_URI, "u"), || async { "third" }, none())
        .unwrap();
    assert_message(&ask().await, RESPOND_URI, "u", "third");
    assert!(node.remove((REQUEST_URI, "u")) && !node.remove((REQUEST_URI, "u")));
    assert_message(&ask().await, RESPOND_URI, "u", "second");
    assert!(node.remove(REQUEST_URI));
    assert_message(&ask().await, NOT_FOUND, "ERROR", "not found");
}

/// A handler for one message takes one, before the permanent one of its key.
pub async fn a_one_time_handler_takes_one_message<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .on(REQUEST_URI, || "always")
        .once(REQUEST_URI, || "once")
        .once((CREATE_URI, "u"), || async { "created" });
    let node = bind_node(node).await;
    let asking = plain_node::<R>().await;
    let to = asking.remote(node.local_addr());
    for expected in ["once", "always", "always"] {
        let answer = to.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", expected);
    }
    assert_message(&to.create("u", "").await.unwrap(), OK, "u", "created");
    let answer = to.create("u", "").await.unwrap();
    assert_message(&answer, NOT_FOUND, "ERROR", "not found");

    let key = (REQUEST_URI, "u", asking.local_addr());
    node.once(key, || "again", none()).unwrap();
    node.once(key, || "replaced", none()).unwrap();
    assert!(!node.remove_once(REQUEST_URI));
    for expected in ["replaced", "always"] {
        let answer = to.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", expected);
    }
    node.once(key, || "never", none()).unwrap();
    assert!(node.remove_once(key) && !node.remove_once(key));
    let answer = to.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "always");
}

/// What a handler takes of a datagram: its sender instead of a connection.
pub async fn each_extractor_hands_over_its_part<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .state(String::from("shared"))
        .on(
            (REQUEST_URI, "address"),
            |from: SocketAddr, remote: Remote| {
                assert_eq!(remote.addr(), Some(from));
                from.to_string()
            },
        )
        .on(
            (REQUEST_URI, "all"),
            |kind: MessageType, uri: Uri, text: Text, state: State<String>| {
                format!("{kind} {uri} {} {}", text.0, *state)
            },
        )
        .on((REQUEST_URI, "connection"), |_: Connection| "never");
    let node = bind_node(node).await;
    let asking = plain_node::<R>().await;
    let to = asking.remote(node.local_addr());
    let answer = to.request("address").await.unwrap();
    let expected = asking.local_addr().to_string();
    assert_message(&answer, RESPOND_URI, "address", expected);
    let answer = to.request("all").content("text").await.unwrap();
    assert_message(&answer, RESPOND_URI, "all", "REQUEST_URI all text shared");
    let answer = to.request("all").content([0xff].to_vec()).await.unwrap();
    assert_message(&answer, ERROR, "all", "the content is not UTF-8");
    let answer = to.request("connection").await.unwrap();
    let expected = "this needs a connection, and came as a datagram";
    assert_message(&answer, ERROR, "connection", expected);
}

/// A handler that panics is answered for with an ERROR and the request's uri; the
/// node lives, and so does the handler.
pub async fn a_panic_is_an_error_and_the_node_lives<R: Runtime>() {
    let panics = |content: Content| -> &'static str {
        assert!(content.is_empty(), "a panic of the test: {content}");
        "fine"
    };
    let node = UdpNode::<R>::builder()
        .on((REQUEST_URI, "direct"), panics)
        .on((REQUEST_URI, "later"), move |content: Content| async move {
            yield_times(3).await;
            panics(content)
        });
    let node = bind_node(node).await;
    let asking = plain_node::<R>().await;
    let to = asking.remote(node.local_addr());
    for uri in ["direct", "later", "direct", "later"] {
        let answer = to.request(uri).content("now").await.unwrap();
        assert_message(&answer, ERROR, uri, "the handler failed");
        let answer = to.request(uri).await.unwrap();
        assert_message(&answer, RESPOND_URI, uri, "fine");
    }
}

/// A reply that cannot be sent, be it that no datagram holds it, is answered for
/// with an ERROR and the request's uri.
pub async fn a_reply_that_cannot_be_sent_is_an_error<R: Runtime>() {
    const MOST: usize = Body::MAX_PAYLOAD;
    let secret = || UdpNode::<R>::builder().auth(HmacAuth::new("secret"));
    let node = secret()
        .on((REQUEST_URI, "no frame"), || vec![0u8; MOST])
        // A frame that a stream would carry: what the layer adds is too much.
        .on((REQUEST_URI, "no datagram"), || vec![0u8; MOST - 11])
        .on((REQUEST_URI, "later"), || async {
            yield_times(1).await;
            vec![0u8; 1 << 20]
        })
        .on((REQUEST_URI, "unknown"), || {
            Reply::new(MessageType::new(77), "")
        })
        .on((REQUEST_URI, "fits"), || vec![7u8; MOST - 100]);
    let node = bind_node(node).await;
    let asking = bind_node(secret()).await;
    let to = asking.remote(node.local_addr());
    for (uri, reason) in [
        ("no frame", "at most 65422"),
        ("no datagram", "at most 65507"),
        ("later", "at most 65422"),
        ("unknown", "registered"),
    ] {
        let answer = to.request(uri).await.unwrap();
        assert_eq!(
            (answer.message_type, &answer.uri[..]),
            (ERROR, uri.as_bytes())
        );
        let text = String::from_utf8(answer.content.to_vec()).unwrap();
        assert!(text.contains(reason), "{uri}: {text}");
    }
    let answer = to.request("fits").await.unwrap();
    assert_eq!(answer.content.len(), MOST - 100);
}

/// No more handlers run at a time than may; the rest wait for their turn.
pub async fn handlers_wait_for_a_free_place<R: Runtime>() {
    const PLACES: usize = 3;
    const REQUESTS: usize = 20;
    let (handler, started) = echo_behind_doors();
    let limits = Limits::default().with_handlers(PLACES).unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, handler);
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    for number in 0..REQUESTS {
        let request = frame(REQUEST_URI, "u", number.to_string());
        raw.send(&request, node.local_addr()).await;
    }
    let (mut left, mut answers) = (REQUESTS, Vec::new());
    while left > 0 {
        let mut running = Vec::new();
        while running.len() < PLACES.min(left) {
            running.push(started.recv().await.unwrap());
        }
        assert!(started.is_empty(), "more run than may");
        left -= running.len();
        for (_, door) in running {
            door.open();
            answers.push(raw.receive().await.content);
        }
    }
    answers.sort_unstable_by_key(|answer| String::from_utf8_lossy(answer).parse::<usize>().ok());
    let expected: Vec<_> = (0..REQUESTS).map(|number| number.to_string()).collect();
    assert_eq!(answers, expected);
}

/// A handler that asks gets its answer although no place is free and others wait
/// for one; where too many do, they are lost, and nothing else is.
pub async fn a_handler_may_ask_while_others_wait<R: Runtime>() {
    const MAY_WAIT: usize = 4;
    let asks = |content: Content, from: Remote| async move {
        let answer = from.request("name").content(content.0).await.unwrap();
        answer.content.clone()
    };
    let limits = Limits::default()
        .with_handlers(1)
        .and_then(|limits| limits.with_pending_requests(MAY_WAIT))
        .unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, asks)
        .on(CREATE_URI, || "done");
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    let (raw, to) = (&raw, node.local_addr());
    let request = |number: usize| async move {
        let request = frame(REQUEST_URI, "u", number.to_string());
        raw.send(&request, to).await;
    };
    request(0).await;
    let (mut asked, mut answers) = (0, 0);
    while answers <= MAY_WAIT {
        let message = raw.receive().await;
        // What the next handler asks may overtake the answer of the last.
        if message.message_type == RESPOND_URI {
            assert_message(&message, RESPOND_URI, "u", format!("number {answers}"));
            answers += 1;
            continue;
        }
        assert_message(&message, REQUEST_URI, "name", asked.to_string());
        if asked == 0 {
            for number in 1..3 * MAY_WAIT {
                request(number).await;
            }
        }
        let answer = frame(RESPOND_URI, "name", format!("number {asked}"));
        raw.send(&answer, to).await;
        asked += 1;
    }
    assert_eq!(asked, answers);
    raw.send(&frame(CREATE_URI, "u", ""), to).await;
    assert_message(&raw.receive().await, OK, "u", "done");
    let message = Message::notify("u", "alive");
    node.send(raw.address(), message).await.unwrap();
    assert_message(&raw.receive().await, NOTIFY_URI, "u", "alive");
}
