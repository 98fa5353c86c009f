//! Streams of what a client has subscribed to.

use std::future::IntoFuture;
use std::pin::pin;
use std::time::Duration;

use async_channel::Receiver;
use netaio_driver::core::types::*;
use netaio_driver::core::{ManagementConfig, Message, MessageType, Peer};
use netaio_driver::{
    AutoReconnect, Client, ClientEvent, Connection, Content, Missed, NoReply, NotSubscribed,
    Publisher, Reply, RequestError, Runtime, Server, ServerBuilder, Subscription, Uri,
};

use super::raw::{RawListener, RawTcp, frame};
use super::support::{GiveUp, Pair, assert_message, both, pair, plain_pair, poll_times, spawn};

/// Longer than any test runs.
pub(super) const NEVER: Duration = Duration::from_secs(3600);

/// How long a request waits that is not going to be answered.
const SHORT: Duration = Duration::from_millis(5);

/// What reconnects again and again.
pub(super) fn at_once<R: Runtime>() -> AutoReconnect<R> {
    AutoReconnect::new()
        .delay(Duration::ZERO)
        .max_retries(u32::MAX)
}

/// A client that reconnects.
fn eager<R: Runtime>() -> Client<R> {
    let client = Client::builder().auto_reconnect(at_once());
    client.build().unwrap()
}

/// A server that lets everybody subscribe to all but secrets, and what it was asked.
fn publishing<R: Runtime>() -> (ServerBuilder<R>, Receiver<String>) {
    let (told, asked) = async_channel::unbounded();
    let left = told.clone();
    let server = Server::builder()
        .on(
            SUBSCRIBE_URI,
            move |uri: Uri, who: Connection, publisher: Publisher| {
                told.try_send(format!("+{uri}")).unwrap();
                if uri.0 == "secret" {
                    return Err(Reply::error("it is a secret"));
                }
                publisher.subscribe(uri.0, &who).unwrap();
                Ok("as you like")
            },
        )
        .on(
            UNSUBSCRIBE_URI,
            move |uri: Uri, who: Connection, publisher: Publisher| {
                left.try_send(format!("-{uri}")).unwrap();
                publisher.unsubscribe(&uri, &who);
            },
        );
    (server, asked)
}

fn notify<R: Runtime>(pair: &Pair<R>, uri: &'static str, content: &'static str) {
    let message = Message::notify(uri, content);
    let delivery = pair.server.publisher().notify(uri, &message).unwrap();
    assert_eq!((delivery.accepted(), delivery.lost()), (1, 0), "{uri}");
}

/// Sees that the next notification of its uri is this one.
async fn assert_content(stream: &mut Subscription, content: &str) {
    let uri = String::from_utf8(stream.uri().to_vec()).unwrap();
    assert_next(stream, &uri, content).await;
}

/// Sees that the next notification is this one.
pub(super) async fn assert_next(stream: &mut Subscription, uri: &str, content: &str) {
    let next = stream.next().await.unwrap().unwrap();
    assert_message(&next.message, NOTIFY_URI, uri, content);
    assert_eq!(next.gap, 0);
}

/// A stream has the notifications of its uri, and nobody else has them. With the last stream of
/// a uri the server is asked for no more.
pub async fn a_stream_has_what_its_uri_is_notified_of<R: Runtime>() {
    let (server, asked) = publishing::<R>();
    let pair = plain_pair(server).await;
    let Pair {
        client, connection, ..
    } = &pair;
    let mut messages = client.messages();
    let mut a = client.subscribe("a").timeout(NEVER).await.unwrap();
    assert_message(a.confirmation(), CONFIRM_SUBSCRIBE, "a", "as you like");
    let mut b = connection.subscribe("b").timeout(NEVER).await.unwrap();
    let mut again = client.subscribe("a").timeout(NEVER).await.unwrap();
    connection
        .subscribe("c")
        .request()
        .await
        .unwrap()
        .into_result()
        .unwrap();
    for uri in ["+a", "+b", "+a", "+c"] {
        assert_eq!(asked.recv().await.unwrap(), uri);
    }
    for (uri, content) in [("a", "1"), ("b", "2"), ("c", "3"), ("a", "4")] {
        notify(&pair, uri, content);
    }
    for stream in [&mut a, &mut again] {
        assert_content(stream, "1").await;
        assert_content(stream, "4").await;
    }
    assert_content(&mut b, "2").await;
    // What has no stream is a message like others.
    let other = messages.next().await.unwrap().message;
    assert_message(&other, NOTIFY_URI, "c", "3");

    drop(a);
    notify(&pair, "a", "5");
    assert_content(&mut again, "5").await;
    drop(again);
    assert_eq!(asked.recv().await.unwrap(), "-a");
    b.unsubscribe().await.unwrap();
    assert_eq!(asked.recv().await.unwrap(), "-b");
    let nobody = pair
        .server
        .publisher()
        .notify("b", &Message::notify("b", ""));
    assert_eq!(nobody.unwrap().accepted(), 0);
    assert!(asked.is_empty());
}

/// A refusal is an error, and so is a request without an answer; neither leaves a trace.
pub async fn a_refused_subscription_is_an_error<R: Runtime>() {
    let (server, asked) = publishing::<R>();
    let pair = plain_pair(server).await;
    let refused = pair.client.subscribe("secret").await.unwrap_err();
    assert_eq!(refused.to_string(), "ERROR: it is a secret");
    assert!(matches!(refused, NotSubscribed::Refused(_)));
    pair.connection.close().await;
    let closed = pair.connection.subscribe("a").await.unwrap_err();
    assert!(matches!(closed, NotSubscribed::Request(_)), "{closed}");
    let nowhere = pair.client.subscribe("a").await.unwrap_err();
    assert_eq!(nowhere, RequestError::NotConnected.into());
    assert_eq!(asked.recv().await.unwrap(), "+secret");
    assert!(asked.is_empty());
}

/// A handler takes what it is for, before any stream; a server's connection has no streams.
pub async fn handlers_come_before_streams<R: Runtime>() {
    let (told, heard) = async_channel::unbounded();
    let client = Client::<R>::builder().on((NOTIFY_URI, "a"), move |content: Content| {
        told.try_send(content.0).unwrap();
        NoReply
    });
    let (server, _asked) = publishing::<R>();
    let (accepted, connections) = async_channel::unbounded();
    let server = server.on(REQUEST_URI, move |who: Connection| {
        accepted.try_send(who).unwrap();
    });
    let pair = pair(server, client).await;
    let mut a = pair.client.subscribe("a").await.unwrap();
    notify(&pair, "a", "1");
    assert_eq!(heard.recv().await.unwrap(), "1");
    assert!(pair.client.remove((NOTIFY_URI, "a")));
    notify(&pair, "a", "2");
    assert_content(&mut a, "2").await;
    pair.client.request("u").await.unwrap();
    let theirs = connections.recv().await.unwrap();
    let error = theirs.subscribe("a").await.unwrap_err();
    assert_eq!(error, NotSubscribed::NoClient);
}

/// A stream that is not read says how many it has lost, and keeps nobody waiting.
pub async fn a_slow_stream_says_what_it_has_lost<R: Runtime>() {
    let (server, _asked) = publishing::<R>();
    let pair = plain_pair(server).await;
    let mut slow = pair.client.subscribe("a").queue(2, 4096).await.unwrap();
    let mut fast = pair.client.subscribe("a").await.unwrap();
    let mut events = pair.client.events();
    for content in ["1", "2", "3", "4", "5"] {
        notify(&pair, "a", content);
        assert_content(&mut fast, content).await;
    }
    let Some(Err(Missed::Lagged(lagged))) = slow.next().await else {
        panic!("some are lost");
    };
    assert_eq!(lagged.messages, 3);
    assert_content(&mut slow, "4").await;
    assert_content(&mut slow, "5").await;
    assert!(matches!(
        events.next().await,
        Some(ClientEvent::Lagged { .. })
    ));
    assert_eq!(pair.client.metrics().lagged_messages, 3);
}

/// Confirms, or refuses, the next request, which has to be this one.
async fn answer<R: Runtime>(
    server: &mut RawTcp<R>,
    expected: (MessageType, &str),
    with: MessageType,
) {
    let request = server.receive().await.unwrap();
    assert_eq!(
        (request.message_type, &*request.uri),
        (expected.0, expected.1.as_bytes())
    );
    let answer = frame(with, request.uri, "so be it");
    server.write(&answer).await.unwrap();
}

/// A server that is connected to anew is asked again, after the introduction and before
/// anything else, and streams say that some may be missing, and whether it notifies again.
pub async fn streams_outlive_their_connection<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder()
        .auto_reconnect(at_once())
        .local_peer(Peer::new("client"))
        .manage_peers(ManagementConfig::new())
        .build()
        .unwrap();
    let connection = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    assert_eq!(server.receive().await.unwrap().message_type, ADVERTISE_PEER);
    let subscribing = spawn::<R, _>({
        let connection = connection.clone();
        async move { connection.subscribe("a").timeout(NEVER).await }
    });
    answer::<R>(&mut server, (SUBSCRIBE_URI, "a"), CONFIRM_SUBSCRIBE).await;
    let mut stream = subscribing.await.unwrap();
    let mut events = client.events();
    for confirms in [true, false, true] {
        drop(server);
        server = listener.accept().await;
        let again = loop {
            if let ClientEvent::Connected(again) = events.next().await.unwrap() {
                break again;
            }
        };
        again.send(Message::publish("behind", "")).await.unwrap();
        assert_eq!(server.receive().await.unwrap().message_type, ADVERTISE_PEER);
        let asked = server.receive().await.unwrap();
        assert_message(&asked, SUBSCRIBE_URI, "a", "");
        assert_eq!(server.receive().await.unwrap().uri, "behind");
        // The server does not notify yet.
        let next = poll_times(pin!(stream.next()), 1, GiveUp::AtOnce).await;
        assert!(next.is_none(), "{next:?}");
        let with = if confirms { CONFIRM_SUBSCRIBE } else { ERROR };
        server.write(&frame(with, "a", "so be it")).await.unwrap();
        if confirms {
            let missed = stream.next().await.unwrap().unwrap_err();
            assert_eq!(missed, Missed::Resubscribed);
        }
        loop {
            match events.next().await.unwrap() {
                ClientEvent::Resubscribed { connection, uri } => {
                    assert!(confirms && uri == "a" && connection.close_reason().is_none());
                    break;
                }
                ClientEvent::NotResubscribed { uri, error, .. } => {
                    assert!(
                        !confirms && uri == "a" && error == "ERROR: so be it",
                        "{error}"
                    );
                    let missed = stream.next().await.unwrap().unwrap_err();
                    assert_eq!(missed, Missed::NotResubscribed(error.into()));
                    break;
                }
                _ => {}
            }
        }
        let notification = frame(NOTIFY_URI, "a", "news");
        server.write(&notification).await.unwrap();
        assert_content(&mut stream, "news").await;
    }
    // The request that unsubscribes goes to the new connection.
    drop(stream);
    answer::<R>(&mut server, (UNSUBSCRIBE_URI, "a"), CONFIRM_UNSUBSCRIBE).await;
}

/// The first notification by a new connection says as much as the confirmation, which may come
/// behind it.
pub async fn a_notification_confirms_too<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = eager::<R>();
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let (mut stream, ()) = both(
        async { client.subscribe("a").timeout(NEVER).await.unwrap() },
        answer::<R>(&mut server, (SUBSCRIBE_URI, "a"), CONFIRM_SUBSCRIBE),
    )
    .await;
    drop(server);
    let mut server = listener.accept().await;
    server.receive().await.unwrap();
    let notification = frame(NOTIFY_URI, "a", "news");
    server.write(&notification).await.unwrap();
    let missed = stream.next().await.unwrap().unwrap_err();
    assert_eq!(missed, Missed::Resubscribed);
    assert_content(&mut stream, "news").await;
    // It is not said twice.
    let mut events = client.events();
    let confirmation = frame(CONFIRM_SUBSCRIBE, "a", "");
    server.write(&confirmation).await.unwrap();
    while !matches!(
        events.next().await.unwrap(),
        ClientEvent::Resubscribed { .. }
    ) {}
    server.write(&notification).await.unwrap();
    assert_content(&mut stream, "news").await;
}

/// A stream that is full loses its oldest notification to the news that the server is back, and
/// that is told and counted as any loss is.
pub async fn what_a_full_stream_loses_to_a_reconnection_is_told<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = eager::<R>();
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let confirms = (SUBSCRIBE_URI, "a");
    let (mut stream, ()) = both(
        async {
            let asked = client.subscribe("a").queue(1, 4096).timeout(NEVER);
            asked.await.unwrap()
        },
        answer::<R>(&mut server, confirms, CONFIRM_SUBSCRIBE),
    )
    .await;
    let mut events = client.events();
    server.write(&frame(NOTIFY_URI, "a", "news")).await.unwrap();
    drop(server);
    let mut server = listener.accept().await;
    answer::<R>(&mut server, confirms, CONFIRM_SUBSCRIBE).await;
    while !matches!(events.next().await.unwrap(), ClientEvent::Lagged { .. }) {}
    assert_eq!(client.metrics().lagged_messages, 1);
    let missed = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(missed, Missed::Lagged(lagged) if lagged.messages == 1));
    let missed = stream.next().await.unwrap().unwrap_err();
    assert_eq!(missed, Missed::Resubscribed);
}

/// A server is asked again for what it has confirmed, not for what it has refused or has not
/// answered in the time that somebody had.
pub async fn what_was_confirmed_is_asked_again<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = eager::<R>();
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let mut streams = Vec::new();
    let mut expected = "";
    for (content, with) in [
        ("one", Some(CONFIRM_SUBSCRIBE)),
        ("two", Some(ERROR)),
        ("three", None),
        ("four", Some(CONFIRM_SUBSCRIBE)),
    ] {
        let timeout = if with.is_some() { NEVER } else { SHORT };
        let subscribing = client.subscribe("a").content(content).timeout(timeout);
        let (subscribed, ()) = both(subscribing.into_future(), async {
            let asked = server.receive().await.unwrap();
            assert_message(&asked, SUBSCRIBE_URI, "a", content);
            if let Some(with) = with {
                server.write(&frame(with, "a", "")).await.unwrap();
            }
        })
        .await;
        assert_eq!(subscribed.is_ok(), with == Some(CONFIRM_SUBSCRIBE));
        if let Ok(subscribed) = subscribed {
            streams.push(subscribed);
            expected = content;
        }
        drop(server);
        server = listener.accept().await;
        let asked = server.receive().await.unwrap();
        assert_message(&asked, SUBSCRIBE_URI, "a", expected);
        let confirmation = frame(CONFIRM_SUBSCRIBE, "a", "");
        server.write(&confirmation).await.unwrap();
        for stream in &mut streams {
            let missed = stream.next().await.unwrap().unwrap_err();
            assert_eq!(missed, Missed::Resubscribed);
        }
    }
}

/// A stream ends with its connection, where that is not replaced, and with its client.
pub async fn streams_end_with_what_they_are_of<R: Runtime>() {
    let (server, _asked) = publishing::<R>();
    let pair = plain_pair(server).await;
    let mut a = pair.client.subscribe("a").await.unwrap();
    pair.connection.close().await;
    assert!(a.next().await.is_none());

    let connection = pair.client.connect(pair.server.local_addr()).await.unwrap();
    let mut b = connection.subscribe("b").await.unwrap();
    // Replaced by hand, it goes on.
    let again = pair.client.reconnect(&connection).await.unwrap();
    assert_eq!(b.next().await.unwrap().unwrap_err(), Missed::Resubscribed);
    connection.closed().await;
    again.request("anything").await.unwrap();
    notify(&pair, "b", "1");
    assert_content(&mut b, "1").await;
    let server = pair.server.clone();
    let mut c = again.subscribe("c").await.unwrap();
    drop(pair.client);
    assert!(b.next().await.is_none() && c.next().await.is_none());
    server.stop().await;
}
