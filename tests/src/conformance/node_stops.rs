//! The end of UDP nodes: in order, in haste, and what was under way.

use std::pin::pin;
use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Limits, Message, SendError};
use netaio_driver::{BuildError, Remote, RequestError, Runtime, UdpNode};

use super::life_cycle::waits;
use super::raw::frame;
use super::raw_node::{RawNode, bind_node, plain_node};
use super::support::{Door, GiveUp, assert_message, poll_times, short_stops, spawn, yield_times};
use super::torrent::Torrent;

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// The end of what waits for a node that ends.
const CLOSED: RequestError = RequestError::Closed(CloseReason::Local);
/// The same, where it came too late to wait.
const TOO_LATE: RequestError = RequestError::Send(SendError::Closed(CloseReason::Local));

/// Binds a node to an address that has just come free, or is about to.
async fn bind_again<R: Runtime>(address: std::net::SocketAddr) -> UdpNode<R> {
    loop {
        match UdpNode::<R>::builder().no_group().bind(address).await {
            Ok(node) => return node,
            Err(BuildError::Bind { source, .. })
                if source.kind() == std::io::ErrorKind::AddrInUse =>
            {
                yield_times(1).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A stop lets handlers come to their end, whose answers still arrive; then the
/// address is free.
pub async fn a_stop_lets_handlers_finish<R: Runtime>() {
    const HANDLERS: usize = 5;
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let node = UdpNode::<R>::builder().on(REQUEST_URI, waits(begun.0, door.clone()));
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    for number in 0..HANDLERS {
        let request = frame(REQUEST_URI, number.to_string(), "");
        raw.send(&request, node.local_addr()).await;
        begun.1.recv().await.unwrap();
    }
    let address = node.local_addr();
    let mut stopping = Box::pin(node.stop_within(NEVER));
    assert_eq!(poll_times(stopping.as_mut(), 1, GiveUp::AtOnce).await, None);
    door.open();
    stopping.await;
    let mut uris = Vec::new();
    for _ in 0..HANDLERS {
        let answer = raw.receive().await;
        assert_eq!(
            (answer.message_type, &answer.content[..]),
            (RESPOND_URI, &b"done"[..])
        );
        uris.push(answer.uri);
    }
    uris.sort_unstable();
    assert_eq!(uris, ["0", "1", "2", "3", "4"]);
    let again = UdpNode::<R>::builder().no_group().bind(address).await;
    assert_eq!(again.unwrap().local_addr(), address);
    // A second stop has nothing to do.
    node.stop().await;
}

/// Requests that wait fail as soon as the node stops, those of its handlers too,
/// and so do those that come later: no answer would be received.
pub async fn a_stop_fails_what_waits<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let asks = {
        let (door, begun) = (door.clone(), begun.0);
        move |from: Remote| {
            let (door, begun) = (door.clone(), begun.clone());
            async move {
                begun.send(()).await.unwrap();
                let first = from.request("first").timeout(NEVER).await.unwrap_err();
                begun.send(()).await.unwrap();
                door.pass().await;
                let second = from.request("second").timeout(NEVER).await.unwrap_err();
                // Only the first was sent.
                let unsent = RequestError::Send(SendError::Closed(CloseReason::Local));
                assert!(unsent.was_surely_not_handled() && !first.was_surely_not_handled());
                assert_eq!([first, second], [CLOSED, unsent]);
                from.send(Message::notify("u", "still sent")).await.unwrap();
                "done"
            }
        }
    };
    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, asks)).await;
    let raw = RawNode::<R>::new().await;
    let waiting = spawn::<R, _>({
        let request = node.request(raw.address(), "u").timeout(NEVER);
        async move { request.await }
    });
    assert_message(&raw.receive().await, REQUEST_URI, "u", "");
    raw.send(&frame(REQUEST_URI, "u", ""), node.local_addr())
        .await;
    begun.1.recv().await.unwrap();
    assert_message(&raw.receive().await, REQUEST_URI, "first", "");
    let stopping = spawn::<R, _>({
        let node = node.clone();
        async move { node.stop_within(NEVER).await }
    });
    assert_eq!(waiting.await.unwrap_err(), CLOSED);
    begun.1.recv().await.unwrap();
    door.open();
    assert_message(&raw.receive().await, NOTIFY_URI, "u", "still sent");
    assert_message(&raw.receive().await, RESPOND_URI, "u", "done");
    stopping.await;
}

/// A stop whose time is up gives up what is not done, be it at once.
pub async fn a_stop_whose_time_is_up_gives_up<R: Runtime>() {
    for (grace, limits, by_limit) in short_stops() {
        let begun = async_channel::unbounded();
        let node = UdpNode::<R>::builder()
            .limits(limits)
            .on(REQUEST_URI, waits(begun.0, Door::new()));
        let node = bind_node(node).await;
        let raw = RawNode::<R>::new().await;
        raw.send(&frame(REQUEST_URI, "u", ""), node.local_addr())
            .await;
        begun.1.recv().await.unwrap();
        let address = node.local_addr();
        match by_limit {
            true => node.stop().await,
            false => node.stop_within(grace).await,
        }
        UdpNode::<R>::builder()
            .no_group()
            .bind(address)
            .await
            .unwrap();
        drop(node);
        // The handler is given up, and with it the other end of this.
        while !begun.1.is_closed() {
            yield_times(1).await;
        }
    }
}

/// A stop ends although more and more comes, and although there is more and more
/// to be sent.
pub async fn a_stop_comes_through<R: Runtime>() {
    let node = UdpNode::<Torrent<R>>::builder().on(REQUEST_URI, || async { "done" });
    let node = bind_node(node).await;
    let other = plain_node::<R>().await;
    let answer = other.request(node.local_addr(), "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "done");
    node.stop_within(NEVER).await;

    let sending = plain_node::<R>().await;
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let (node, to) = (sending.clone(), other.local_addr());
            spawn::<R, _>(
                async move { while node.send(to, Message::notify("u", "")).await.is_ok() {} },
            )
        })
        .collect();
    yield_times(10).await;
    sending.stop_within(Duration::from_millis(5)).await;
    for sender in senders {
        sender.await;
    }
}

/// Giving a stop up does not take it back.
pub async fn a_stop_that_is_given_up_goes_on<R: Runtime>() {
    let (door, begun) = (Door::new(), async_channel::unbounded());
    let node = UdpNode::<R>::builder().on(REQUEST_URI, waits(begun.0, door.clone()));
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    raw.send(&frame(REQUEST_URI, "u", ""), node.local_addr())
        .await;
    begun.1.recv().await.unwrap();
    let stopped = poll_times(pin!(node.stop_within(NEVER)), 1, GiveUp::AtOnce).await;
    assert_eq!(stopped, None);
    door.open();
    assert_message(&raw.receive().await, RESPOND_URI, "u", "done");
    bind_again::<R>(node.local_addr()).await;
}

/// Dropping the last handle ends a node and frees its address; dropping another
/// does nothing, and neither remotes nor publishers nor peers are handles.
pub async fn dropping_the_last_handle_ends_a_node<R: Runtime>() {
    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, || "here")).await;
    let (address, raw) = (node.local_addr(), RawNode::<R>::new().await);
    drop(node.clone());
    let other = plain_node::<R>().await;
    let answer = other.request(address, "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    let remote = node.remote(raw.address());
    let kept = (node.publisher().clone(), node.peers().clone());
    let waiting = spawn::<R, _>({
        let request = remote.request("u").timeout(NEVER);
        async move { request.await }
    });
    raw.receive().await;
    drop(node);
    assert_eq!(waiting.await.unwrap_err(), CLOSED);
    let again = bind_again::<R>(address).await;
    assert_eq!(again.local_addr(), address);
    let error = remote.request("u").timeout(NEVER).await.unwrap_err();
    assert_eq!(error, TOO_LATE);
    drop(kept);
}

/// A node that has ended says so.
pub async fn an_ended_node_refuses_at_once<R: Runtime>() {
    let (node, raw) = (plain_node::<R>().await, RawNode::<R>::new().await);
    node.stop().await;
    let to = node.remote(raw.address());
    let gone = SendError::Closed(CloseReason::Local);
    assert_eq!(to.send(Message::notify("u", "")).await, Err(gone.clone()));
    let error = to.request("u").timeout(NEVER).await.unwrap_err();
    assert_eq!(error, RequestError::Send(gone.clone()));
    assert!(!node.stop_peer_management("netaio").await);
    let multicast = node.multicast(Message::notify("u", "")).await;
    assert!(multicast.is_err());
    node.stop_within(Duration::ZERO).await;
}

/// Whatever a node was asked for before its end, however much, comes to an end
/// too.
pub async fn nothing_waits_for_a_node_that_is_gone<R: Runtime>() {
    const EACH: usize = 300;
    for round in 0..10 {
        let limits = Limits::default().with_pending_requests(2 * EACH).unwrap();
        let node = bind_node(UdpNode::<R>::builder().limits(limits)).await;
        let raw = RawNode::<R>::new().await;
        let (to, mut tasks) = (node.remote(raw.address()), Vec::new());
        for _ in 0..EACH {
            let to = to.clone();
            tasks.push(spawn::<R, _>(async move {
                let sent = to.send(Message::notify("u", "")).await;
                let error = to.request("u").timeout(NEVER).await.unwrap_err();
                (sent.err(), error)
            }));
        }
        // Some have been heard by then, and some not.
        yield_times(round).await;
        drop(node);
        for task in tasks {
            let (sent, error) = task.await;
            let gone = SendError::Closed(CloseReason::Local);
            assert!(sent.is_none_or(|error| error == gone));
            assert!(error == CLOSED || error == TOO_LATE, "{error:?}");
        }
    }
}
