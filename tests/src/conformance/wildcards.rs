//! Subscribers of many uris at once.

use netaio_driver::core::types::*;
use netaio_driver::core::{Message, SubscribeError};
use netaio_driver::{Client, Connection, Missed, Publisher, Remote, Runtime, Server, UdpNode, Uri};

use super::raw::{RawListener, frame};
use super::raw_node::{bind_node, plain_node};
use super::subscriptions::{NEVER, assert_next, at_once};
use super::support::{assert_message, both, connect, listen};

/// A handler grants wildcards to those who ask for one.
fn subscribe(uri: Uri, who: Remote, publisher: Publisher) -> Result<(), String> {
    let subscribed = match uri.contains(&b'*') {
        true => publisher.subscribe_wildcard(&uri, who),
        false => publisher.subscribe(&uri, who),
    };
    subscribed.map(|_| ()).map_err(|error| error.to_string())
}

async fn ask(connection: &Connection, uri: &'static str) {
    let asked = connection.request_message(Message::subscribe(uri)).await;
    asked.unwrap().into_result().unwrap();
}

/// Who is granted a wildcard is told of all uris that match, once of each message.
pub async fn a_wildcard_is_told_of_what_matches<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(SUBSCRIBE_URI, subscribe)).await;
    let (one, wild) = connect(Client::builder(), &server).await;
    let (two, plain) = connect(Client::builder(), &server).await;
    let (mut news_of_one, mut news_of_two) = (one.messages(), two.messages());
    ask(&wild, "sensors/*/readings").await;
    ask(&wild, "sensors/**").await;
    ask(&wild, "sensors/7/readings").await;
    ask(&plain, "sensors/7/readings").await;
    let refused = wild
        .request_message(Message::subscribe("a*"))
        .await
        .unwrap();
    assert!(refused.is_error());
    let publisher = server.publisher();
    for (uri, receivers) in [
        ("sensors/7/readings", 2),
        ("sensors/8/readings", 1),
        ("sensors", 0),
        ("sensors/7", 1),
        ("rooms/7", 0),
        ("sensors/7/readings", 2),
    ] {
        assert_eq!(publisher.subscribers(uri), receivers, "{uri}");
        assert_eq!(publisher.subscribed(uri).len(), receivers, "{uri}");
        let told = publisher.publish(uri, &Message::notify(uri, uri)).await;
        assert_eq!(told.unwrap().accepted(), receivers, "{uri}");
    }
    for uri in [
        "sensors/7/readings",
        "sensors/8/readings",
        "sensors/7",
        "sensors/7/readings",
    ] {
        let news = news_of_one.next().await.unwrap().message;
        assert_message(&news, NOTIFY_URI, uri, uri);
    }
    for _ in 0..2 {
        let news = news_of_two.next().await.unwrap().message;
        assert_message(
            &news,
            NOTIFY_URI,
            "sensors/7/readings",
            "sensors/7/readings",
        );
    }
    // They go with the connection.
    one.close().await;
    while publisher.subscribers("sensors/7") > 0 {
        futures_lite::future::yield_now().await;
    }
    assert_eq!(publisher.subscribers("sensors/7/readings"), 1);
}

/// A node over datagrams has them too, and they can be taken back.
pub async fn a_node_grants_wildcards<R: Runtime>() {
    let node = bind_node(UdpNode::<R>::builder().on(SUBSCRIBE_URI, subscribe)).await;
    let (hear, heard) = async_channel::unbounded();
    let asking = plain_node::<R>().await;
    let note = move |uri: Uri| hear.try_send(uri.to_string()).unwrap();
    let none = netaio_driver::core::Layer::new();
    asking.on(NOTIFY_URI, note, none).unwrap();
    let message = Message::subscribe("a/**");
    let asked = asking.request_message(node.local_addr(), message).await;
    asked.unwrap().into_result().unwrap();
    let publisher = node.publisher();
    for uri in ["a/1", "a/2/3"] {
        let told = publisher.publish(uri, &Message::notify(uri, "")).await;
        assert_eq!(told.unwrap().accepted(), 1);
        assert_eq!(heard.recv().await.unwrap(), uri);
    }
    assert_eq!(node.metrics().subscribed_keys, 1);
    let who = publisher.subscribed("a/1").remove(0);
    assert!(publisher.unsubscribe_wildcard("a/**", &who));
    assert!(!publisher.unsubscribe_wildcard("a/**", &who));
    assert_eq!(node.metrics().subscribed_keys, 0);
    assert_eq!(publisher.subscribers("a/1"), 0);
    let refused = publisher.subscribe_wildcard("a", &who);
    assert!(refused == Err(SubscribeError::NoWildcard), "{refused:?}");
}

/// A stream of a wildcard has all that matches it, as others have that match, and nobody else has
/// it; dropping it unsubscribes.
pub async fn a_stream_of_a_wildcard_has_what_matches<R: Runtime>() {
    let (left, ended) = async_channel::unbounded();
    let unsubscribe = move |uri: Uri, who: Remote, publisher: Publisher| {
        publisher.unsubscribe_wildcard(&uri, &who);
        publisher.unsubscribe(&uri, &who);
        left.try_send(uri.to_string()).unwrap();
    };
    let server = Server::<R>::builder().on(SUBSCRIBE_URI, subscribe);
    let server = listen(server.on(UNSUBSCRIBE_URI, unsubscribe)).await;
    let (client, connection) = connect(Client::builder(), &server).await;
    let mut messages = client.messages();
    let mut readings = client.subscribe("sensors/*/readings").await.unwrap();
    let mut all = connection.subscribe("sensors/**").await.unwrap();
    let mut again = client.subscribe("sensors/**").await.unwrap();
    let mut one = client.subscribe("sensors/7/readings").await.unwrap();
    ask(&connection, "rooms/*").await;
    let publisher = server.publisher();
    for uri in [
        "sensors/7/readings",
        "sensors/8/readings",
        "sensors/8/state",
        "rooms/1",
    ] {
        let told = publisher.notify(uri, &Message::notify(uri, "1")).unwrap();
        assert_eq!(told.accepted(), 1, "{uri}");
    }
    for uri in ["sensors/7/readings", "sensors/8/readings"] {
        assert_next(&mut readings, uri, "1").await;
    }
    for stream in [&mut all, &mut again] {
        for uri in [
            "sensors/7/readings",
            "sensors/8/readings",
            "sensors/8/state",
        ] {
            assert_next(stream, uri, "1").await;
        }
    }
    assert_next(&mut one, "sensors/7/readings", "1").await;
    let other = messages.next().await.unwrap().message;
    assert_message(&other, NOTIFY_URI, "rooms/1", "1");
    for (stream, uri) in [
        (readings, "sensors/*/readings"),
        (one, "sensors/7/readings"),
    ] {
        drop(stream);
        assert_eq!(ended.recv().await.unwrap(), uri);
    }
    drop(again);
    publisher
        .notify("sensors/7", &Message::notify("sensors/7", "2"))
        .unwrap();
    assert_next(&mut all, "sensors/7", "2").await;
    all.unsubscribe().await.unwrap();
    assert_eq!(ended.recv().await.unwrap(), "sensors/**");
    assert_eq!(publisher.subscribers("sensors/7/readings"), 0);
}

/// What matches a wildcard is the stream's alone once the server has confirmed it, also by a
/// connection that is a new one, and not where the server refuses.
pub async fn a_wildcard_counts_once_it_is_confirmed<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().auto_reconnect(at_once());
    let client = client.build().unwrap();
    let mut messages = client.messages();
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let notify = |uri, content| frame(NOTIFY_URI, uri, content);
    let (mut stream, ()) = both(
        async { client.subscribe("a/*").timeout(NEVER).await.unwrap() },
        async {
            server.receive().await.unwrap();
            let confirmation = frame(CONFIRM_SUBSCRIBE, "a/*", "");
            let bytes = [notify("a/1", "early"), confirmation, notify("a/2", "")];
            server.write(&bytes.concat()).await.unwrap();
        },
    )
    .await;
    server.write(&notify("b/1", "")).await.unwrap();
    assert_next(&mut stream, "a/1", "early").await;
    assert_next(&mut stream, "a/2", "").await;
    for uri in ["a/1", "b/1"] {
        assert_eq!(messages.next().await.unwrap().message.uri, uri);
    }

    for confirms in [true, false] {
        drop(server);
        server = listener.accept().await;
        assert_eq!(server.receive().await.unwrap().uri, "a/*");
        let kind = if confirms { CONFIRM_SUBSCRIBE } else { ERROR };
        let answer = frame(kind, "a/*", "so be it");
        let bytes = [notify("a/1", "early"), answer];
        server.write(&bytes.concat()).await.unwrap();
        assert_next(&mut stream, "a/1", "early").await;
        assert_eq!(messages.next().await.unwrap().message.content, "early");
        let missed = stream.next().await.unwrap().unwrap_err();
        match confirms {
            true => assert_eq!(missed, Missed::Resubscribed),
            false => assert!(matches!(missed, Missed::NotResubscribed(_)), "{missed:?}"),
        }
        let bytes = [notify("a/2", ""), notify("a/*", "")];
        server.write(&bytes.concat()).await.unwrap();
        match confirms {
            true => assert_next(&mut stream, "a/2", "").await,
            false => assert_eq!(messages.next().await.unwrap().message.uri, "a/2"),
        }
        // What has its very uri it has in any case.
        assert_next(&mut stream, "a/*", "").await;
    }
}

/// A stream of a wildcard has a bound, and says what it has lost.
pub async fn a_slow_stream_of_a_wildcard_says_what_it_has_lost<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(SUBSCRIBE_URI, subscribe)).await;
    let (client, _connection) = connect(Client::builder(), &server).await;
    let mut slow = client.subscribe("a/*").queue(2, 4096).await.unwrap();
    let mut fast = client.subscribe("a/**").await.unwrap();
    for uri in ["a/1", "a/2", "a/3", "a/4"] {
        let told = server.publisher().notify(uri, &Message::notify(uri, ""));
        assert_eq!(told.unwrap().accepted(), 1);
        assert_next(&mut fast, uri, "").await;
    }
    let missed = slow.next().await.unwrap().unwrap_err();
    assert!(matches!(missed, Missed::Lagged(lagged) if lagged.messages == 2));
    assert_next(&mut slow, "a/3", "").await;
    assert_next(&mut slow, "a/4", "").await;
}
