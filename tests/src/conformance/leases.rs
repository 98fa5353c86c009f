//! Subscriptions over datagrams that are renewed, and end where they are not.

use std::net::SocketAddr;
use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{Layer, Lease, Message};
use netaio_driver::{BuildError, Content, Publisher, Remote, Runtime, UdpNode, Uri};

use super::raw::frame;
use super::raw_node::{RawNode, bind_node};
use super::support::yield_times;

/// The shortest lease that there is.
const LEASE: Duration = Duration::from_secs(1);

/// A node that subscribes whoever asks for it, at an address that may be taken for a moment
/// more. What it is asked is said by the receiver.
async fn server<R: Runtime>(at: SocketAddr) -> (UdpNode<R>, async_channel::Receiver<Message>) {
    loop {
        let (asked, asks) = async_channel::unbounded();
        let subscribe = move |message: Message, uri: Uri, who: Remote, publisher: Publisher| {
            let subscribed = publisher.subscribe(uri.into_owned(), who);
            subscribed.expect("there is room");
            asked.try_send(message).expect("somebody listens");
            ""
        };
        let unsubscribe = |uri: Uri, who: Remote, publisher: Publisher| {
            publisher.unsubscribe(&uri, who);
            ""
        };
        let node = UdpNode::<R>::builder()
            .on(SUBSCRIBE_URI, subscribe)
            .on(UNSUBSCRIBE_URI, unsubscribe);
        match node.no_group().bind(at).await {
            Ok(node) => return (node, asks),
            Err(BuildError::Bind { .. }) => yield_times(1).await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn subscribers<R: Runtime>(server: &UdpNode<R>) -> usize {
    server.publisher().subscribers("news")
}

fn publish<R: Runtime>(server: &UdpNode<R>) {
    let news = Message::notify("news", "today");
    let told = server.publisher().notify("news", &news);
    assert_eq!(told.expect("it can be sent").sent, 1);
}

/// A subscription is renewed by itself, a server that was started anew knows it soon, and who
/// ends it is asked for no more.
pub async fn a_subscription_outlives_its_server<R: Runtime>() {
    let (first, asks) = server::<R>(anywhere()).await;
    let address = first.local_addr();
    let client = bind_node(UdpNode::<R>::builder().lease(Some(LEASE))).await;
    let (heard, news) = async_channel::unbounded();
    let hear = move |content: Content| {
        let _ = heard.try_send(content.into_owned().0);
    };
    client.on(NOTIFY_URI, hear, Layer::new()).unwrap();
    let answer = client.subscribe(address, "news").request().await.unwrap();
    assert_eq!(answer.message_type, CONFIRM_SUBSCRIBE);
    assert_eq!(Lease::of(&answer), Some(LEASE));
    for _ in 0..3 {
        let ask = asks.recv().await.unwrap();
        assert_eq!(Lease::of(&ask), Some(LEASE));
    }
    publish(&first);
    assert_eq!(&news.recv().await.unwrap()[..], b"today");
    first.stop().await;
    drop(first);

    let (second, asks) = server::<R>(address).await;
    asks.recv().await.unwrap();
    publish(&second);
    assert_eq!(&news.recv().await.unwrap()[..], b"today");
    let ended = client.unsubscribe(address, "news").await.unwrap();
    assert_eq!(ended.message_type, CONFIRM_UNSUBSCRIBE);
    assert_eq!(subscribers(&second), 0);
}

/// Who is gone is forgotten when its lease has run out; a plain peer, which names none, is not.
pub async fn a_server_forgets_who_is_gone<R: Runtime>() {
    let (server, asks) = server::<R>(anywhere()).await;
    let client = bind_node(UdpNode::<R>::builder().lease(Some(LEASE))).await;
    let plain = RawNode::<R>::new().await;
    plain
        .send(&frame(SUBSCRIBE_URI, "news", ""), server.local_addr())
        .await;
    let answer = plain.receive().await;
    assert_eq!(answer.message_type, CONFIRM_SUBSCRIBE);
    assert!(answer.auth.is_empty(), "{answer:?}");
    asks.recv().await.unwrap();
    client
        .subscribe(server.local_addr(), "news")
        .request()
        .await
        .unwrap();
    asks.recv().await.unwrap();
    assert_eq!(subscribers(&server), 2);
    // It says nothing.
    client.stop_within(Duration::ZERO).await;
    while subscribers(&server) == 2 {
        yield_times(1).await;
    }
    assert_eq!(subscribers(&server), 1);
}
