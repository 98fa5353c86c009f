//! Clients: several servers, handlers of their own, messages nobody asked for.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Message, MessageType, SendError};
use netaio_driver::{
    Client, Connection, ConnectionOptions, Content, NoReply, RequestError, Runtime, Server, Uri,
};

use super::raw::{RawListener, frame};
use super::support::{Counter, assert_message, listen, none, plain_pair, yield_times};

/// A client has any number of servers: each connection is one's own, by its
/// name, and the client's own methods go to the first that is still open.
pub async fn one_client_has_several_servers<R: Runtime>() {
    let mut servers = Vec::new();
    for name in ["one", "two", "three"] {
        let server = Server::<R>::builder().on(REQUEST_URI, move || name);
        servers.push(listen(server).await);
    }
    let client = Client::<R>::builder().build().unwrap();
    let mut connections = Vec::new();
    for server in &servers {
        connections.push(client.connect(server.local_addr()).await.unwrap());
    }
    for (connection, expected) in connections.iter().zip(["one", "two", "three"]) {
        let answer = connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", expected);
    }
    let names = || {
        let open = client.connections().into_iter();
        open.map(|(name, _)| name).collect::<Vec<_>>()
    };
    let addresses: Vec<_> = servers.iter().map(|server| server.local_addr()).collect();
    let expected: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    assert_eq!(names(), expected);

    let second = client.connection(&expected[1]).unwrap();
    assert_eq!(second.remote(), Some(addresses[1]));
    let answer = second.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "two");

    let answer = client.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "one");
    connections[0].close().await;
    let answer = client.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "two");
    assert_eq!(client.connection(&expected[0]).map(|_| ()), None);
    servers[1].stop().await;
    connections[1].closed().await;
    let answer = client.clone().request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "three");
    assert_eq!(names(), expected[2..]);
}

/// A host is found by its name.
pub async fn a_server_is_found_by_its_name<R: Runtime>() {
    let server = Server::<R>::builder().on(REQUEST_URI, || "here");
    let server = server.bind("localhost:0").await.unwrap();
    let client = Client::<R>::builder().build().unwrap();
    let name = format!("localhost:{}", server.local_addr().port());
    client.connect(&name).await.unwrap();
    let connection = client.connection(&name).unwrap();
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
}

/// A server has the name that its connection was given, in place of its address.
pub async fn servers_have_names_of_their_own<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(REQUEST_URI, || "here")).await;
    let client = Client::<R>::builder().build().unwrap();
    let main = ConnectionOptions::new().with_name("main");
    let to = client.connect_with(server.local_addr(), main.clone());
    let to = to.await.unwrap();
    assert_eq!(to.name(), Some("main"));
    assert_eq!(client.connections()[0].0, "main");
    let answer = client.connection("main").unwrap().request("u").await;
    assert_message(&answer.unwrap(), RESPOND_URI, "u", "here");
    let address = server.local_addr().to_string();
    assert!(client.connection(&address).is_none());
    // Of several that have one name the first is found, while it is open.
    let second = client.connect_with(&address, main).await.unwrap();
    assert_eq!(client.connections().len(), 2);
    to.close().await;
    let found = client.connection("main").unwrap();
    second.close().await;
    assert_eq!(found.closed().await, CloseReason::Local);
    // An error tells the address.
    server.stop().await;
    let gone = ConnectionOptions::new().with_name("gone");
    let error = client.connect_with(&address, gone).await.unwrap_err();
    assert_eq!(error.address, address);
}

/// The default server is the only one that the client's own methods go to.
pub async fn a_default_server_is_preferred<R: Runtime>() {
    let client = Client::<R>::builder().build().unwrap();
    let (told, heard) = async_channel::unbounded();
    let mut servers = Vec::new();
    for name in ["one", "two"] {
        let told = told.clone();
        let tell = move |content: Content| {
            let _ = told.try_send(format!("{name}: {content}"));
            // Nobody waits for it, and the next request for the uri is to have its own.
            NoReply
        };
        let server = Server::<R>::builder()
            .on(REQUEST_URI, move || name)
            .on(PUBLISH_URI, tell);
        let server = listen(server).await;
        let options = ConnectionOptions::new().with_name(name);
        let to = client.connect_with(server.local_addr(), options);
        to.await.unwrap();
        servers.push(server);
    }
    assert_eq!(client.default_server(), None);
    for (default, expected) in [
        (None, "one"),
        (Some("two"), "two"),
        (Some("one"), "one"),
        (None, "one"),
    ] {
        client.set_default_server(default);
        assert_eq!(client.default_server().as_deref(), default);
        let answer = client.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", expected);
        client.send(Message::publish("u", "x")).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), format!("{expected}: x"));
    }
    // Where it is not connected, no other server stands in for it.
    client.set_default_server(Some("three"));
    let error = client.request("u").await.unwrap_err();
    assert_eq!(error, RequestError::NotConnected);
    let error = client.send(Message::publish("u", "x")).await.unwrap_err();
    assert_eq!(error, SendError::NotConnected);
    let third = ConnectionOptions::new().with_name("three");
    let address = servers[1].local_addr();
    client.connect_with(address, third).await.unwrap();
    let answer = client.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "two");
}

/// Where nobody listens, connecting fails and says where.
pub async fn connecting_to_nobody_fails<R: Runtime>() {
    let server = listen(Server::<R>::builder()).await;
    let address = server.local_addr();
    server.stop().await;
    let client = Client::<R>::builder().build().unwrap();
    let error = client.connect(address).await.unwrap_err();
    assert_eq!(error.address, address.to_string());
    assert!(client.connect("no port").await.is_err());
    assert!(client.connections().is_empty());
}

/// What a server sends of its own accord comes out of the stream of messages,
/// in order, with the connection that it came by.
pub async fn messages_nobody_asked_for_come_as_a_stream<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().build().unwrap();
    let mut messages = client.messages();
    let connection = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let kinds = [NOTIFY_URI, RESPOND_URI, OK, ERROR, REQUEST_URI, DISCONNECT];
    for kind in kinds {
        server
            .write(&frame(kind, "u", kind.to_string()))
            .await
            .unwrap();
    }
    for kind in kinds {
        let unsolicited = messages.next().await.unwrap();
        assert_message(&unsolicited.message, kind, "u", kind.to_string());
        assert_eq!(unsolicited.connection.remote(), connection.remote());
        // It can be answered.
        let answer = Message::ok("u", kind.to_string());
        unsolicited.connection.send(answer).await.unwrap();
        assert_message(&server.receive().await.unwrap(), OK, "u", kind.to_string());
    }
    server
        .write(&frame(NOTIFY_URI, "u", "as a stream"))
        .await
        .unwrap();
    let unsolicited = poll_fn(|context| Pin::new(&mut messages).poll_next(context));
    let message = unsolicited.await.unwrap().message;
    assert_message(&message, NOTIFY_URI, "u", "as a stream");
    drop(client);
    assert!(messages.next().await.is_none());
    assert_eq!(connection.closed().await, CloseReason::Local);
}

/// A client's handlers take what they are for, and answer; the rest goes to
/// the stream.
pub async fn a_client_has_handlers_of_its_own<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder()
        .state(Counter::default())
        .on((NOTIFY_URI, "direct"), |content: Content| content)
        .on(
            (NOTIFY_URI, "async"),
            |uri: Uri, kind: MessageType| async move {
                yield_times(2).await;
                format!("{kind} {uri}")
            },
        )
        .once((NOTIFY_URI, "once"), || "once")
        .build()
        .unwrap();
    let mut messages = client.messages();
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    client.on((NOTIFY_URI, "late"), || "late", none()).unwrap();
    client
        .once((NOTIFY_URI, "late once"), || "late once", none())
        .unwrap();
    let cases = [
        ("direct", "x"),
        ("async", "NOTIFY_URI async"),
        ("once", "once"),
        ("late", "late"),
        ("late once", "late once"),
    ];
    for (uri, expected) in cases {
        server.write(&frame(NOTIFY_URI, uri, "x")).await.unwrap();
        assert_message(&server.receive().await.unwrap(), OK, uri, expected);
    }
    assert!(client.remove((NOTIFY_URI, "late")) && !client.remove((NOTIFY_URI, "late")));
    assert!(!client.remove_once((NOTIFY_URI, "late once")));
    for uri in ["once", "late", "late once", "other"] {
        server.write(&frame(NOTIFY_URI, uri, "y")).await.unwrap();
        let unsolicited = messages.next().await.unwrap();
        assert_message(&unsolicited.message, NOTIFY_URI, uri, "y");
    }
}

/// A client's handler that panics takes nothing down with it.
pub async fn a_clients_handler_may_panic<R: Runtime>() {
    let pair = super::support::pair(
        Server::<R>::builder().on(REQUEST_URI, |to: Connection| async move {
            to.send(Message::notify("u", "x")).await.unwrap();
            "answer"
        }),
        Client::builder().on(NOTIFY_URI, |content: Content| -> () {
            panic!("a panic of the test: {content}")
        }),
    )
    .await;
    for _ in 0..3 {
        let answer = pair.connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "answer");
    }
}

/// A client's handler may ask the server that it was called by, while the
/// client itself waits for an answer.
pub async fn a_clients_handler_may_ask_its_server<R: Runtime>() {
    let (told, heard) = async_channel::unbounded();
    let asks = move |server: Connection| {
        let told = told.clone();
        async move {
            let answer = server.request("from the handler").await.unwrap();
            told.send(answer.uri.clone()).await.unwrap();
        }
    };
    let server = Server::<R>::builder().on(REQUEST_URI, |uri: Uri, to: Connection| async move {
        if &uri[..] == b"outer" {
            for number in 0..100 {
                to.send(Message::notify("u", number.to_string()))
                    .await
                    .unwrap();
            }
        }
        uri
    });
    let pair = super::support::pair(server, Client::builder().on(NOTIFY_URI, asks)).await;
    let answer = pair.connection.request("outer").await.unwrap();
    assert_message(&answer, RESPOND_URI, "outer", "outer");
    for _ in 0..100 {
        assert_eq!(heard.recv().await.unwrap(), "from the handler");
    }
}

/// Closing writes what was sent before, and ends what waits.
pub async fn closing_flushes_and_ends_what_waits<R: Runtime>() {
    let (told, heard) = async_channel::unbounded();
    let tell = move |content: Content| {
        let _ = told.try_send(content.len());
    };
    let (asked, was_asked) = async_channel::unbounded();
    let pair = plain_pair(Server::<R>::builder().on(PUBLISH_URI, tell).on(
        REQUEST_URI,
        move || {
            let _ = asked.try_send(());
            NoReply
        },
    ))
    .await;
    let to = pair.connection.clone();
    let waiting = super::support::spawn::<R, _>({
        let to = to.clone();
        async move { to.request("never").await }
    });
    was_asked.recv().await.unwrap();
    const MESSAGES: usize = 100;
    for size in 0..MESSAGES {
        let message = Message::publish("u", vec![0; size * 100]);
        to.send(message).await.unwrap();
    }
    pair.client.close().await;
    for size in 0..MESSAGES {
        assert_eq!(heard.recv().await.unwrap(), size * 100);
    }
    let error = waiting.await.unwrap_err();
    assert_eq!(error, RequestError::Closed(CloseReason::Local));
    assert_eq!(to.close_reason(), Some(CloseReason::Local));
    assert_eq!(to.closed().await, CloseReason::Local);
    to.close().await;
    let late = SendError::Closed(CloseReason::Local);
    assert_eq!(to.send(Message::request("u")).await, Err(late.clone()));
    let error = to.request("u").await.unwrap_err();
    assert_eq!(error, RequestError::Send(late));
    // The client itself may connect again.
    let again = pair.client.connect(pair.server.local_addr()).await.unwrap();
    again.send(Message::publish("u", "x")).await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), 1);
}
