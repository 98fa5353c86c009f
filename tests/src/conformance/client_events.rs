//! What an application is told of what happens to its client.

use std::time::Duration;

use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, FrameErrorKind, Refusal};
use netaio_driver::{
    AutoReconnect, Client, ClientEvent, ClientEvents, Connection, Runtime, Server,
};

use super::raw::{RawListener, frame, frame_with_bad_checksum};
use super::support::{connect, listen};

/// The pause between two tries, and how long a request waits that is not answered.
const SHORT: Duration = Duration::from_millis(5);

/// What the next event is, if it is of this kind.
macro_rules! next {
    ($events:expr, $pattern:pat => $value:expr) => {
        match $events.next().await {
            Some($pattern) => $value,
            other => panic!("another event: {other:?}"),
        }
    };
}

async fn connected(events: &mut ClientEvents) -> Connection {
    next!(events, ClientEvent::Connected(connection) => connection)
}

/// Connections that are made and end are told, with the reason, and counted; the stream ends
/// with the client.
pub async fn a_clients_connections_are_told<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(REQUEST_URI, || "here")).await;
    let client = Client::<R>::builder().build().unwrap();
    let (mut events, mut others) = (client.events(), client.events());
    for (by_client, expected) in [(true, CloseReason::Local), (false, CloseReason::Remote)] {
        let connection = client.connect(server.local_addr()).await.unwrap();
        connection.request("u").await.unwrap();
        let told = connected(&mut events).await;
        assert_eq!(told.name(), connection.name());
        match by_client {
            true => connection.close().await,
            false => server.stop().await,
        }
        next!(events, ClientEvent::Closed { connection: told, reason } => {
            assert_eq!((told.name(), reason), (connection.name(), expected));
        });
    }
    let counters = client.metrics();
    assert_eq!((counters.connections, counters.closed_connections), (2, 2));
    // Those that a client takes with it are told too.
    let server = listen(Server::<R>::builder()).await;
    client.connect(server.local_addr()).await.unwrap();
    drop(client);
    connected(&mut events).await;
    next!(events, ClientEvent::Closed { reason, .. } => assert_eq!(reason, CloseReason::Local));
    assert!(events.next().await.is_none());
    let mut count = 0;
    while others.next().await.is_some() {
        count += 1;
    }
    assert_eq!(count, 6);
}

/// What does not pass a check is told, and counted.
pub async fn a_clients_refused_messages_are_told<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().auth(HmacAuth::new("secret"));
    let client = client.build().unwrap();
    let mut events = client.events();
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let bad = frame_with_bad_checksum(NOTIFY_URI, "u");
    let unsigned = frame(NOTIFY_URI, "u", "");
    server.write(&[bad, unsigned].concat()).await.unwrap();
    let connection = connected(&mut events).await;
    next!(events, ClientEvent::MessageRefused { connection: from, reason } => {
        assert_eq!(from.remote(), connection.remote());
        let Refusal::Frame(FrameErrorKind::Checksum { .. }) = reason else {
            panic!("{reason:?}");
        };
    });
    next!(events, ClientEvent::MessageRefused { reason: Refusal::Open { .. }, .. } => ());
    assert_eq!(client.metrics().refused_messages, 2);
}

/// A request that times out is told, and counted.
pub async fn a_clients_late_requests_are_told<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().build().unwrap();
    let mut events = client.events();
    let connection = client.connect(listener.address()).await.unwrap();
    let asked = connection.request("late").timeout(SHORT);
    assert!(asked.await.is_err());
    connected(&mut events).await;
    next!(events, ClientEvent::TimedOut(request) => {
        assert_eq!((&request.uri[..], request.timeout), (&b"late"[..], SHORT));
        assert_eq!(request.to.remote(), connection.remote());
    });
    assert_eq!(client.metrics().timed_out_requests, 1);
}

/// A message that has neither a handler nor a reader is told, and counted.
pub async fn a_message_that_nobody_reads_is_told<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().build().unwrap();
    let mut events = client.events();
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    server.write(&frame(NOTIFY_URI, "u", "")).await.unwrap();
    connected(&mut events).await;
    next!(events, ClientEvent::Unread { message_type, .. } => assert_eq!(message_type, NOTIFY_URI));
    assert_eq!(client.metrics().unread_messages, 1);
}

fn persistent<R: Runtime>(retries: u32) -> Client<R> {
    let policy = AutoReconnect::new().delay(SHORT).max_retries(retries);
    Client::builder().auto_reconnect(policy).build().unwrap()
}

/// Each try to reconnect a server is told, and that one succeeded.
pub async fn reconnecting_is_told<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = persistent::<R>(u32::MAX);
    let mut events = client.events();
    client.connect(listener.address()).await.unwrap();
    drop(listener.accept().await);
    let lost = connected(&mut events).await;
    next!(events, ClientEvent::Closed { reason, .. } => assert_eq!(reason, CloseReason::Remote));
    let mut expected = 1;
    let made = loop {
        match events.next().await.unwrap() {
            ClientEvent::Reconnecting {
                connection,
                attempt,
                ..
            } => {
                assert_eq!((connection.name(), attempt), (lost.name(), expected));
                expected += 1;
            }
            ClientEvent::ConnectFailed { attempt, .. } => assert_eq!(attempt, expected - 1),
            ClientEvent::Connected(made) => break made,
            other => panic!("another event: {other:?}"),
        }
    };
    next!(events, ClientEvent::Reconnected { connection, attempt } => {
        assert_eq!((attempt, connection.name()), (expected - 1, made.name()));
    });
    let counters = client.metrics();
    assert_eq!((counters.connections, counters.reconnected), (2, 1));
}

/// So is that the last one has failed.
pub async fn giving_up_is_told<R: Runtime>() {
    let server = listen(Server::<R>::builder()).await;
    let policy = AutoReconnect::new().delay(SHORT).max_retries(2);
    let (client, _connection) =
        connect(Client::<R>::builder().auto_reconnect(policy), &server).await;
    let mut events = client.events();
    drop(server);
    next!(events, ClientEvent::Closed { .. } => ());
    for expected in 1..=2 {
        next!(events, ClientEvent::Reconnecting { attempt, .. } => assert_eq!(attempt, expected));
        next!(events, ClientEvent::ConnectFailed { attempt, .. } => assert_eq!(attempt, expected));
    }
    next!(events, ClientEvent::GaveUp { attempts, error, .. } => {
        assert!(attempts == 2 && !error.is_empty());
    });
    assert_eq!(client.metrics().given_up, 1);
}
