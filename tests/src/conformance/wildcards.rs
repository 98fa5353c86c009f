//! Subscribers of many uris at once.

use netaio_driver::core::Message;
use netaio_driver::core::types::*;
use netaio_driver::{
    Client, Connection, Publisher, Remote, Runtime, Server, SubscriptionError, UdpNode, Uri,
};

use super::raw_node::{bind_node, plain_node};
use super::support::{assert_message, connect, listen};

/// A handler grants patterns to those who ask for one.
fn subscribe(uri: Uri, who: Remote, publisher: Publisher) -> Result<(), String> {
    let subscribed = match uri.contains(&b'*') {
        true => publisher.subscribe_pattern(&uri, who),
        false => publisher.subscribe(&uri, who),
    };
    subscribed.map(|_| ()).map_err(|error| error.to_string())
}

async fn ask(connection: &Connection, uri: &'static str) {
    let asked = connection.request_message(Message::subscribe(uri)).await;
    asked.unwrap().into_result().unwrap();
}

/// Who is granted a pattern is told of all uris that it matches, once of each message.
pub async fn a_pattern_is_told_of_what_it_matches<R: Runtime>() {
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
pub async fn a_node_grants_patterns<R: Runtime>() {
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
    let who = publisher.subscribed("a/1").remove(0);
    assert!(publisher.unsubscribe_pattern("a/**", &who));
    assert!(!publisher.unsubscribe_pattern("a/**", &who));
    assert_eq!(publisher.subscribers("a/1"), 0);
    let refused = publisher.subscribe_pattern("a", &who);
    assert!(
        matches!(refused, Err(SubscriptionError::Limit(_))),
        "{refused:?}"
    );
}
