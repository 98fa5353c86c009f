//! Contents and answers that are longer than a frame.

use std::pin::pin;

use netaio_driver::core::parts::PartsError;
use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Limits, Message};
use netaio_driver::{Client, Content, LongRequest, LongRequestError, Runtime, Server, UdpNode};

use super::raw_node::bind_node;
use super::support::{Counter, GiveUp, assert_message, connect, listen, none, pair, poll_times};
use netaio_driver::core::plugin::{Aead, HmacAuth};

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 251) as u8).collect()
}

const LENGTHS: [usize; 4] = [0, 70_000, 1_000_000, 5];

fn layers() -> [Layer; 3] {
    [
        none(),
        none().with_auth(HmacAuth::new("secret")),
        none().with_cipher(Aead::new("secret")),
    ]
}

/// They arrive whole over a stream, and so do their answers.
pub async fn long_contents_arrive_whole<R: Runtime>() {
    for layer in layers() {
        let server = Server::<R>::builder()
            .outer(layer.clone())
            .long_requests()
            .on((CREATE_URI, "echo"), |content: Content| content)
            .on(
                (REQUEST_URI, "later"),
                |content: Content| async move { content },
            );
        let pair = pair(server, Client::builder().outer(layer)).await;
        for len in LENGTHS {
            let content = bytes(len);
            for message in [
                Message::create("echo", content.clone()),
                Message::new(REQUEST_URI, "later", content.clone()),
            ] {
                let uri = message.uri.clone();
                let mut request = LongRequest::new(message);
                let answer = request.send(&pair.connection).await.unwrap();
                assert_eq!((&answer.uri, &answer.content[..]), (&uri, &content[..]));
                assert_eq!(request.sent(), len as u64);
            }
        }
        let nobody = Message::create("nobody", bytes(70_000));
        let answer = LongRequest::new(nobody).send(&pair.connection).await;
        assert_eq!(answer.unwrap().message_type, NOT_FOUND);
    }
}

/// They arrive whole in datagrams.
pub async fn long_contents_arrive_whole_in_datagrams<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .long_requests()
        .on((CREATE_URI, "echo"), |content: Content| content);
    let node = bind_node(node).await;
    let asking = bind_node(UdpNode::<R>::builder()).await;
    for len in LENGTHS {
        let content = bytes(len);
        let mut request = LongRequest::new(Message::create("echo", content.clone()));
        let answer = request
            .send(asking.remote(node.local_addr()))
            .await
            .unwrap();
        assert_eq!(answer.content, content);
    }
}

/// Whoever takes none says so, as do those who have no room and those whose handlers have an
/// inner layer.
pub async fn who_takes_none_is_too_small<R: Runtime>() {
    let too_large = |result: Result<Message, LongRequestError>| match result {
        Err(LongRequestError::Parts(PartsError::TooLarge { max, .. })) => max,
        other => panic!("{other:?}"),
    };
    let long = || LongRequest::new(Message::create("u", bytes(70_000)));
    let echo = |content: Content| content;
    for plain in [
        Server::<R>::builder(),
        Server::<R>::builder().on(REQUEST_URI, echo),
    ] {
        let pair = pair(plain, Client::builder()).await;
        let refused = long().send(&pair.connection).await;
        assert_eq!(too_large(refused), None);
        // The connection goes on.
        pair.connection.request("u").await.unwrap();
    }
    let calls = Counter::default();
    let count = {
        let calls = calls.clone();
        move || {
            calls.add();
            "called"
        }
    };
    let limits = Limits::default().with_long_content(80_000).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .long_requests()
        .on((CREATE_URI, "u"), count)
        .inner_auth(HmacAuth::new("admin"));
    let pair = pair(server, Client::builder()).await;
    let answer = long().send(&pair.connection).await.unwrap();
    assert_message(&answer, NOT_FOUND, "", "not found");
    let mut longer = LongRequest::new(Message::create("u", bytes(80_001)));
    let refused = longer.send(&pair.connection).await;
    assert_eq!(too_large(refused), Some(80_000));
    assert_eq!(calls.get(), 0);
}

/// What fits one frame goes as it is to those who take no parts, over streams and in datagrams, once.
pub async fn who_takes_no_parts_gets_short_ones_as_they_are<R: Runtime>() {
    let calls = Counter::default();
    let echo = || {
        let calls = calls.clone();
        move |content: Content| {
            calls.add();
            content
        }
    };
    for layer in layers() {
        let server = Server::<R>::builder()
            .outer(layer.clone())
            .on((CREATE_URI, "echo"), echo());
        let pair = pair(server, Client::builder().outer(layer)).await;
        let mut request = LongRequest::new(Message::create("echo", bytes(1000)));
        let answer = request.send(&pair.connection).await.unwrap();
        assert_eq!(answer.content, bytes(1000));
        // Called again, it has its answer.
        assert_eq!(request.send(&pair.connection).await, Ok(answer));
    }
    assert_eq!(calls.get(), 3);
    // What a layer adds leaves no room.
    let layer = none().with_cipher(Aead::new("secret"));
    let server = Server::<R>::builder().outer(layer.clone());
    let pair = pair(server, Client::builder().outer(layer)).await;
    let mut request = LongRequest::new(Message::create("echo", bytes(65_418)));
    let refused = request.send(&pair.connection).await;
    let (len, max) = (65_418, None);
    assert_eq!(refused, Err(PartsError::TooLarge { len, max }.into()));
    let node = bind_node(UdpNode::<R>::builder().on((CREATE_URI, "echo"), echo())).await;
    let asking = bind_node(UdpNode::<R>::builder()).await;
    let mut request = LongRequest::new(Message::create("echo", bytes(500)));
    let answer = request.send(asking.remote(node.local_addr())).await;
    assert_eq!(answer.unwrap().content, bytes(500));
    assert_eq!(calls.get(), 4);
}

/// A request whose connection ends, at whatever point, goes on over another one, and its handler is
/// called once.
pub async fn a_request_goes_on_over_another_connection<R: Runtime>() {
    let calls = Counter::default();
    let echo = {
        let calls = calls.clone();
        move |content: Content| {
            let calls = calls.clone();
            async move {
                calls.add();
                super::support::yield_times(3).await;
                content
            }
        }
    };
    let server = Server::<R>::builder()
        .long_requests()
        .on((CREATE_URI, "echo"), echo);
    let server = listen(server).await;
    let content = bytes(150_000);
    for polls in 1.. {
        let before = calls.get();
        let mut request = LongRequest::new(Message::create("echo", content.clone()));
        let (one, connection) = connect(Client::builder(), &server).await;
        let sent = poll_times(pin!(request.send(&connection)), polls, GiveUp::Woken).await;
        one.close().await;
        if sent.is_some() {
            break;
        }
        let (_two, connection) = connect(Client::builder(), &server).await;
        let answer = request.send(&connection).await.unwrap();
        assert_eq!(answer.content, content);
        assert_eq!(calls.get(), before + 1, "{polls}");
    }
}
