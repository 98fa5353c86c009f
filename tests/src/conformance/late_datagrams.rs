//! Handlers of requests that time out, of UDP nodes.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use async_channel::Receiver;
use netaio_driver::core::types::*;
use netaio_driver::{NoReply, RequestError, Runtime, TimedOut, UdpNode, UdpNodeBuilder};

use super::raw_node::{bind_node, plain_node};
use super::support::Counter;

/// How long a request waits that is not going to be answered.
const SHORT: Duration = Duration::from_millis(5);

/// Counts on drop.
struct Dropped(Counter);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// What is seen of handlers that hang.
struct Hanging {
    called: Receiver<TimedOut<SocketAddr>>,
    dropped: Counter,
}

fn hanging<R: Runtime>() -> (UdpNodeBuilder<R>, Hanging) {
    let (told, called) = async_channel::unbounded();
    let dropped = Counter::default();
    let seen = Hanging {
        called,
        dropped: dropped.clone(),
    };
    let builder = UdpNode::<R>::builder().on_timeout(move |_, late| {
        let (told, dropped) = (told.clone(), Dropped(dropped.clone()));
        async move {
            let _dropped = dropped;
            told.send(late).await.unwrap();
            pending().await
        }
    });
    (builder, seen)
}

/// Two nodes that answer nothing.
async fn silent<R: Runtime>() -> [UdpNode<R>; 2] {
    let node = || {
        UdpNode::<R>::builder()
            .on(REQUEST_URI, || NoReply)
            .on(DELETE_URI, || NoReply)
    };
    [bind_node(node()).await, bind_node(node()).await]
}

async fn time_out<R: Runtime>(node: &UdpNode<R>, to: &UdpNode<R>) {
    let error = node.request(to.local_addr(), "u").timeout(SHORT).await;
    assert_eq!(error, Err(RequestError::TimedOut(SHORT)));
}

/// The handler is told of the request and of whom it went to; one runs for each
/// address at a time. The request has its error although the handler hangs.
pub async fn a_nodes_handler_is_told_what_timed_out<R: Runtime>() {
    let (builder, seen) = hanging::<R>();
    let node = bind_node(builder).await;
    let [one, two] = silent::<R>().await;
    let error = node.delete(one.local_addr(), "gone").timeout(SHORT).await;
    assert_eq!(error, Err(RequestError::TimedOut(SHORT)));
    let late = seen.called.recv().await.unwrap();
    assert_eq!((late.to, late.timeout), (one.local_addr(), SHORT));
    assert_eq!(
        (late.message_type, &late.uri[..]),
        (DELETE_URI, &b"gone"[..])
    );

    time_out(&node, &one).await;
    time_out(&node, &two).await;
    assert_eq!(seen.called.recv().await.unwrap().to, two.local_addr());
    node.cancel_timeout_handlers().await;
    assert_eq!(seen.dropped.get(), 2);
    time_out(&node, &one).await;
    assert_eq!(seen.called.recv().await.unwrap().to, one.local_addr());
    assert!(seen.called.is_empty());
    node.stop().await;
    assert_eq!(seen.dropped.get(), 3);
}

/// A handler can be set while the node runs, and replaced; requests that are
/// answered are none of its business.
pub async fn a_nodes_handler_can_be_replaced<R: Runtime>() {
    let node = plain_node::<R>().await;
    let [late, _] = silent::<R>().await;
    let answering = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, || "here")).await;
    // Nobody wants to know.
    time_out(&node, &late).await;
    for name in ["first", "second"] {
        let (told, called) = async_channel::unbounded();
        node.on_timeout(move |_, late| {
            let told = told.clone();
            async move { told.send((name, late.to)).await.unwrap() }
        });
        node.request(answering.local_addr(), "u").await.unwrap();
        time_out(&node, &late).await;
        let expected = (name, late.local_addr());
        assert_eq!(called.recv().await.unwrap(), expected);
        assert!(called.is_empty());
        // It may not be over yet, and the next is called only then.
        node.cancel_timeout_handlers().await;
    }
}

/// A handler neither keeps its node alive, nor outlives it, and may do with it
/// what it likes: ask somebody else, and stop it.
pub async fn a_nodes_handler_may_use_its_node<R: Runtime>() {
    let answering = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, || "here")).await;
    let [late, _] = silent::<R>().await;
    let (told, called) = async_channel::unbounded();
    let to = answering.local_addr();
    let builder = UdpNode::<R>::builder().on_timeout(move |node, _| {
        let told = told.clone();
        async move {
            let answer = node.request(to, "u").await;
            told.send(answer.unwrap().content.clone()).await.unwrap();
            node.stop().await;
        }
    });
    let node = bind_node(builder).await;
    time_out(&node, &late).await;
    assert_eq!(called.recv().await.unwrap(), "here");
    while node.request(to, "u").await.is_ok() {}

    let (builder, seen) = hanging::<R>();
    let node = bind_node(builder).await;
    time_out(&node, &late).await;
    seen.called.recv().await.unwrap();
    drop(node);
    // The channel ends with the handler and what it holds.
    assert!(seen.called.recv().await.is_err());
    assert_eq!(seen.dropped.get(), 1);
}
