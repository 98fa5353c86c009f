//! Requests that a server or a node which is being stopped does not begin: they say so.

use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{Limits, NotHandled};
use netaio_driver::{RequestError, Response, Runtime, Server, UdpNode};

use super::life_cycle::waits;
use super::raw::{dial, frame, frame_with_id, id_of};
use super::raw_node::{bind_node, plain_node};
use super::support::{
    Counter, Door, GiveUp, assert_message, both, listen, plain_pair, poll_times, spawn, yield_times,
};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// The time of a stop that is to be up. What is told then has as long again, which is a second
/// at most, so that a busy machine has the time to tell it.
const A_WHILE: Duration = Duration::from_secs(1);

/// Asks until it is told that a request was not handled, and returns how many were.
async fn refused<F>(mut ask: impl FnMut() -> F) -> usize
where
    F: Future<Output = Result<Response, RequestError>>,
{
    for handled in 0.. {
        match ask().await {
            Ok(answer) => assert_message(&answer, RESPOND_URI, "fast", "fast"),
            Err(error) => {
                assert!(matches!(error, RequestError::Refused(_)), "{error}");
                assert!(error.was_surely_not_handled());
                return handled;
            }
        }
    }
    unreachable!("it is refused before")
}

/// While a handler runs that is waited for, whoever asks for something else learns at once
/// that it will not be handled here.
pub async fn a_server_that_stops_refuses_what_comes<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let calls = Counter::default();
    let fast = {
        let calls = calls.clone();
        move || {
            calls.add();
            "fast"
        }
    };
    // What comes before the connection knows of the stop is handled, beside the slow one.
    let server = Server::<R>::builder()
        .concurrent_handlers(2)
        .on((REQUEST_URI, "slow"), waits(begun.0, door.clone()))
        .on((REQUEST_URI, "fast"), fast);
    let pair = plain_pair(server).await;
    let slow = spawn::<R, _>({
        let to = pair.connection.clone();
        async move { to.request("slow").timeout(NEVER).await }
    });
    begun.1.recv().await.unwrap();
    let mut stopping = Box::pin(pair.server.stop_within(NEVER));
    assert_eq!(poll_times(stopping.as_mut(), 1, GiveUp::AtOnce).await, None);
    let ask = || pair.connection.request("fast").timeout(NEVER).into_future();
    assert_eq!(refused(ask).await, calls.get());
    door.open();
    assert_message(&slow.await.unwrap(), RESPOND_URI, "slow", "done");
    stopping.await;
}

/// What waits for another handler when the time of the stop is over is told; what a handler
/// had is not.
pub async fn a_stop_whose_time_is_up_tells_who_waits<R: Runtime>() {
    let begun = async_channel::unbounded();
    let server = Server::<R>::builder()
        .concurrent_handlers(1)
        .on(REQUEST_URI, waits(begun.0, Door::new()));
    let server = listen(server).await;
    let mut raw = dial(&server).await;
    let requests = (1..=3).flat_map(|id| frame_with_id(REQUEST_URI, "u", "", id));
    // All in one piece, so that they are received together; the last one cannot be told.
    let requests: Vec<u8> = requests.chain(frame(REQUEST_URI, "u", "")).collect();
    raw.write(&requests).await.unwrap();
    begun.1.recv().await.unwrap();
    server.stop_within(A_WHILE).await;
    let answers = raw.receive_all().await;
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| NotHandled::is_said_by(answer))
        .map(|answer| id_of(answer).unwrap())
        .collect();
    assert_eq!((refused, answers.len()), (vec![2, 3], 2));
    assert!(begun.1.is_empty());
}

/// A stop reads on while it waits for a handler, and refuses more than was read ahead.
pub async fn a_server_that_stops_reads_on_to_refuse<R: Runtime>() {
    const ASKED: u8 = 60;
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let limits = Limits::default().with_handlers_per_connection(1).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, waits(begun.0, door.clone()));
    let server = listen(server).await;
    let mut raw = dial(&server).await;
    let content = "x".repeat(1_000);
    let requests = (0..ASKED).flat_map(|id| frame_with_id(REQUEST_URI, "u", &content, id));
    raw.write(&requests.collect::<Vec<_>>()).await.unwrap();
    begun.1.recv().await.unwrap();
    let mut stopping = Box::pin(server.stop_within(NEVER));
    assert_eq!(poll_times(stopping.as_mut(), 1, GiveUp::AtOnce).await, None);
    // The last one is told before the first one is answered.
    let mut refused = 0;
    loop {
        let told = raw.receive().await.unwrap();
        assert!(NotHandled::is_said_by(&told));
        refused += 1;
        if id_of(&told) == Some(u64::from(ASKED) - 1) {
            break;
        }
    }
    door.open();
    let (answers, ()) = both(raw.receive_all(), stopping).await;
    assert_eq!(refused + answers.len(), usize::from(ASKED));
    assert!(!answers.iter().any(NotHandled::is_said_by));
}

/// A node does as a server does.
pub async fn a_node_that_stops_refuses_what_comes<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let node = UdpNode::<R>::builder()
        .on((REQUEST_URI, "slow"), waits(begun.0, door.clone()))
        .on((REQUEST_URI, "fast"), || "fast");
    let (node, asker) = (bind_node(node).await, plain_node::<R>().await);
    let address = node.local_addr();
    let slow = spawn::<R, _>({
        let request = asker.request(address, "slow").timeout(NEVER);
        async move { request.await }
    });
    begun.1.recv().await.unwrap();
    let mut stopping = Box::pin(node.stop_within(NEVER));
    assert_eq!(poll_times(stopping.as_mut(), 1, GiveUp::AtOnce).await, None);
    let ask = || asker.request(address, "fast").timeout(NEVER).into_future();
    refused(ask).await;
    door.open();
    assert_message(&slow.await.unwrap(), RESPOND_URI, "slow", "done");
    stopping.await;
}

/// What waits for another handler when the time of a node's stop is over is told as well.
pub async fn a_node_whose_time_to_stop_is_up_tells_who_waits<R: Runtime>() {
    const ASKED: usize = 5;
    let begun = async_channel::unbounded();
    let limits = Limits::default().with_handlers(1).unwrap();
    let node = UdpNode::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, waits(begun.0, Door::new()));
    let (node, asker) = (bind_node(node).await, plain_node::<R>().await);
    let ask = || {
        let request = asker.request(node.local_addr(), "u").timeout(NEVER);
        spawn::<R, _>(request.into_future())
    };
    let first = ask();
    begun.1.recv().await.unwrap();
    let waiting: Vec<_> = (1..ASKED).map(|_| ask()).collect();
    // One waits, and it may be that no more are received before the stop.
    while node.metrics().datagrams.received < 2 {
        yield_times(1).await;
    }
    node.stop_within(A_WHILE).await;
    for asked in waiting {
        let error = asked.await.unwrap_err();
        assert!(error.was_surely_not_handled(), "{error}");
    }
    assert!(begun.1.is_empty());
    asker.stop().await;
    assert!(!first.await.unwrap_err().was_surely_not_handled());
}
