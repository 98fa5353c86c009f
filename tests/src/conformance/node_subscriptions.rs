//! Streams of what a UDP node has subscribed to.

use std::time::Duration;

use async_channel::Receiver;
use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Message};
use netaio_driver::{
    Content, Delivery, Missed, NoReply, NotSubscribed, Publisher, Remote, Runtime, UdpEvent,
    UdpNode, Uri,
};

use super::raw::frame;
use super::raw_node::{RawNode, bind_node, plain_node};
use super::subscriptions::{NEVER, assert_next};
use super::support::both;

/// A node that lets everybody subscribe to all but secrets, and what it was asked.
async fn publishing<R: Runtime>() -> (UdpNode<R>, Receiver<String>) {
    let (told, asked) = async_channel::unbounded();
    let left = told.clone();
    let subscribe = move |uri: Uri, who: Remote, publisher: Publisher| {
        told.try_send(format!("+{uri}")).unwrap();
        let subscribed = match uri.contains(&b'*') {
            _ if *uri == "secret" => return Err("it is a secret".to_owned()),
            true => publisher.subscribe_wildcard(&uri, who),
            false => publisher.subscribe(&uri, who),
        };
        subscribed.map(|_| ()).map_err(|error| error.to_string())
    };
    let unsubscribe = move |uri: Uri, who: Remote, publisher: Publisher| {
        left.try_send(format!("-{uri}")).unwrap();
        publisher.unsubscribe_wildcard(&uri, &who);
        publisher.unsubscribe(&uri, &who);
    };
    let node = UdpNode::<R>::builder()
        .on(SUBSCRIBE_URI, subscribe)
        .on(UNSUBSCRIBE_URI, unsubscribe);
    (bind_node(node).await, asked)
}

fn notify<R: Runtime>(node: &UdpNode<R>, uri: &'static str, content: &'static str) -> Delivery {
    let message = Message::notify(uri, content);
    node.publisher().notify(uri, &message).unwrap()
}

/// A stream has the notifications of its uri from the node that it is of, with the address, and so
/// has one of a wildcard; a refusal is an error, and the streams end with their node.
pub async fn a_node_has_streams_of_notifications<R: Runtime>() {
    let (station, asked) = publishing::<R>().await;
    let (address, (other, _asked)) = (station.local_addr(), publishing::<R>().await);
    let (unrouted, others) = async_channel::unbounded();
    let default = move |uri: Uri| unrouted.try_send(uri.to_string()).unwrap();
    let node = bind_node(UdpNode::<R>::builder().default_handler(default)).await;
    let mut a = node.subscribe(address, "a").await.unwrap();
    assert_eq!(a.confirmation().message_type, CONFIRM_SUBSCRIBE);
    let mut all = node.remote(address).subscribe("*").await.unwrap();
    let mut elsewhere = node.subscribe(other.local_addr(), "a").await.unwrap();
    let deep = node.subscribe(address, "b/c").request().await.unwrap();
    deep.into_result().unwrap();
    let refused = node.subscribe(address, "secret").await.unwrap_err();
    assert!(matches!(refused, NotSubscribed::Refused(_)), "{refused}");
    for uri in ["+a", "+*", "+b/c", "+secret"] {
        assert_eq!(asked.recv().await.unwrap(), uri);
    }
    for (uri, content) in [("a", "1"), ("b", "2"), ("b/c", "3"), ("a", "4")] {
        assert_eq!(notify(&station, uri, content).accepted(), 1, "{uri}");
    }
    notify(&other, "a", "5");
    assert_next(&mut a, "a", "1").await;
    let next = a.next().await.unwrap().unwrap();
    assert_eq!(next.message.content, "4");
    assert_eq!(next.remote.addr(), Some(address));
    for (uri, content) in [("a", "1"), ("b", "2"), ("a", "4")] {
        assert_next(&mut all, uri, content).await;
    }
    assert_next(&mut elsewhere, "a", "5").await;
    // What no stream is for, and what comes from elsewhere, goes where it has always gone.
    let stranger = RawNode::<R>::new().await;
    let forged = frame(NOTIFY_URI, "a", "6");
    stranger.send(&forged, node.local_addr()).await;
    for uri in ["b/c", "a"] {
        assert_eq!(others.recv().await.unwrap(), uri);
    }
    assert!(others.is_empty());
    node.stop().await;
    assert!(a.next().await.is_none() && all.next().await.is_none());
    let ended = node.subscribe(address, "a").await.unwrap_err();
    assert!(matches!(ended, NotSubscribed::Request(_)), "{ended}");
}

/// A handler takes what it is for, before any stream.
pub async fn handlers_of_a_node_come_before_streams<R: Runtime>() {
    let (station, _asked) = publishing::<R>().await;
    let (told, heard) = async_channel::unbounded();
    let node = plain_node::<R>().await;
    let handler = move |content: Content| {
        told.try_send(content.0).unwrap();
        NoReply
    };
    node.on((NOTIFY_URI, "a"), handler, Layer::new()).unwrap();
    let mut a = node.subscribe(station.local_addr(), "a").await.unwrap();
    notify(&station, "a", "1");
    assert_eq!(heard.recv().await.unwrap(), "1");
    assert!(node.remove((NOTIFY_URI, "a")));
    notify(&station, "a", "2");
    assert_next(&mut a, "a", "2").await;
}

/// With the last stream of a uri the server is asked for no more, whether it is dropped or ended.
pub async fn a_dropped_stream_of_a_node_unsubscribes<R: Runtime>() {
    let (station, asked) = publishing::<R>().await;
    let address = station.local_addr();
    let node = plain_node::<R>().await;
    let first = node.subscribe(address, "a").await.unwrap();
    let mut second = node.subscribe(address, "a").await.unwrap();
    let wild = node.subscribe(address, "b/**").await.unwrap();
    for uri in ["+a", "+a", "+b/**"] {
        assert_eq!(asked.recv().await.unwrap(), uri);
    }
    drop(first);
    notify(&station, "a", "1");
    assert_next(&mut second, "a", "1").await;
    drop(second);
    assert_eq!(asked.recv().await.unwrap(), "-a");
    wild.unsubscribe().await.unwrap();
    assert_eq!(asked.recv().await.unwrap(), "-b/**");
    for uri in ["a", "b/c"] {
        assert_eq!(station.publisher().subscribers(uri), 0, "{uri}");
    }
    assert!(asked.is_empty());
}

/// A stream that is not read says how many it has lost, which is told and counted.
pub async fn a_slow_stream_of_a_node_says_what_it_has_lost<R: Runtime>() {
    let (station, _asked) = publishing::<R>().await;
    let address = station.local_addr();
    let node = plain_node::<R>().await;
    let mut events = node.events();
    let mut slow = node.subscribe(address, "a").queue(2, 4096).await.unwrap();
    let mut fast = node.subscribe(address, "a").await.unwrap();
    for content in ["1", "2", "3", "4", "5"] {
        notify(&station, "a", content);
        assert_next(&mut fast, "a", content).await;
    }
    let missed = slow.next().await.unwrap().unwrap_err();
    assert!(matches!(missed, Missed::Lagged(lagged) if lagged.messages == 3));
    assert_next(&mut slow, "a", "4").await;
    assert_next(&mut slow, "a", "5").await;
    let lagged = UdpEvent::Lagged { remote: address };
    assert_eq!(events.next().await.unwrap(), lagged);
    assert_eq!(node.metrics().lagged_messages, 3);
}

/// A stream says when its lease has run out, or its server refuses to renew it, and when it is
/// there again.
pub async fn a_lease_that_runs_out_is_told_to_the_stream<R: Runtime>() {
    let lease = Some(Duration::from_secs(1));
    let node = bind_node(UdpNode::<R>::builder().lease(lease)).await;
    let server = RawNode::<R>::new().await;
    let (own, address) = (node.local_addr(), server.address());
    let answer = async |kind| {
        let asked = server.receive().await;
        assert_eq!(asked.message_type, SUBSCRIBE_URI);
        // The field of the lease, and that of the id, as they came.
        let fields = asked.auth.clone();
        let answer = Message {
            auth: fields,
            ..Message::new(kind, asked.uri, "")
        };
        server
            .send(&super::raw::frame_with_fields(&answer), own)
            .await;
    };
    let (mut stream, ()) = both(
        async { node.subscribe(address, "a").timeout(NEVER).await.unwrap() },
        answer(CONFIRM_SUBSCRIBE),
    )
    .await;
    answer(ERROR).await;
    let missed = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(missed, Missed::NotResubscribed(_)), "{missed:?}");
    answer(CONFIRM_SUBSCRIBE).await;
    let missed = stream.next().await.unwrap().unwrap_err();
    assert_eq!(missed, Missed::Resubscribed);
    server.send(&frame(NOTIFY_URI, "a", "news"), own).await;
    assert_next(&mut stream, "a", "news").await;
}
