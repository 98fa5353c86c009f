//! Answers to requests that were given up: they end no other request, and take nobody's place.

use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Limits, Message};
use netaio_driver::{Client, Content, RequestError, Runtime, Server, UdpNode};

use super::raw::{RawListener, frame};
use super::raw_node::{RawNode, bind_node};
use super::stage::{NEVER, Stage, ask};
use super::support::{
    GiveUp, assert_message, drop_at_every_poll, pair, poll_times, spawn, yield_times,
};

/// An answer that comes after its request has timed out ends no other request for
/// that uri.
pub async fn a_late_answer_ends_nothing<R: Runtime>() {
    let (mut stage, handler) = Stage::new();
    let server = Server::<R>::builder().on(REQUEST_URI, handler);
    let pair = pair(server, Client::builder().correlate()).await;
    let short = Duration::from_millis(20);
    let hasty = pair.connection.request("same").content("hasty");
    let error = hasty.timeout(short).await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(short));
    stage.enter(&["hasty"]).await;
    // Its answer comes first, for this handler waits for the other.
    let patient = ask::<R>(&pair.connection, "patient");
    stage.release("hasty");
    stage.enter(&["patient"]).await;
    stage.release("patient");
    assert_eq!(patient.await.unwrap(), "patient");
}

/// A server that repeats no ids answers late: its answer goes to nobody, and the next one to
/// who asked next. So it is after a request that was dropped, and on each connection for
/// itself.
pub async fn no_request_gets_the_late_answer_of_another<R: Runtime>() {
    let short = Duration::from_millis(20);
    let listeners = [RawListener::<R>::new().await, RawListener::<R>::new().await];
    let client = Client::<R>::builder().build().unwrap();
    let mut pairs = Vec::new();
    for listener in &listeners {
        let to = client.connect(listener.address()).await.unwrap();
        pairs.push((to, listener.accept().await));
    }
    for answer in [RESPOND_URI, NOT_FOUND] {
        for (to, server) in &mut pairs {
            let error = to.request("u").timeout(short).await.unwrap_err();
            assert_eq!(error, RequestError::TimedOut(short));
            server.receive().await.unwrap();
            let mut dropped = to.request("u").timeout(NEVER).into_future();
            assert_eq!(poll_times(dropped.as_mut(), 1, GiveUp::AtOnce).await, None);
            server.receive().await.unwrap();
            drop(dropped);
            let next = spawn::<R, _>(to.request("u").timeout(NEVER).into_future());
            server.receive().await.unwrap();
            for content in ["of the first", "of the second", "of the third"] {
                server.write(&frame(answer, "u", content)).await.unwrap();
            }
            assert_message(&next.await.unwrap(), answer, "u", "of the third");
        }
    }
}

/// The same over datagrams, of a node that is asked beside another.
pub async fn no_request_gets_the_late_datagram_of_another<R: Runtime>() {
    let short = Duration::from_millis(20);
    let node = bind_node(UdpNode::<R>::builder()).await;
    let (late, other) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    let error = node.request(late.address(), "u").timeout(short).await;
    assert_eq!(error.unwrap_err(), RequestError::TimedOut(short));
    late.receive().await;
    let ask = |to: &RawNode<R>| {
        let request = node.request(to.address(), "u").timeout(NEVER);
        spawn::<R, _>(request.into_future())
    };
    let to = node.local_addr();
    // The other's answer is its own.
    let asked = ask(&other);
    other.receive().await;
    other.send(&frame(RESPOND_URI, "u", "other"), to).await;
    assert_message(&asked.await.unwrap(), RESPOND_URI, "u", "other");
    let asked = ask(&late);
    late.receive().await;
    for content in ["of the first", "of the second"] {
        late.send(&frame(RESPOND_URI, "u", content), to).await;
    }
    assert_message(&asked.await.unwrap(), RESPOND_URI, "u", "of the second");
}

/// A request that is dropped takes no place: neither among those that may wait,
/// nor before an error that names no uri.
pub async fn a_dropped_request_takes_no_place<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let limits = Limits::default().with_pending_requests(1).unwrap();
    let client = Client::<R>::builder().limits(limits).correlate();
    let client = client.build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let echo = |request: &Message| {
        let mut answer = Message::respond_uri(request.uri.clone(), request.content.clone());
        answer.auth = request.auth.clone();
        answer
    };
    // As long as it is not known to repeat ids, a dropped request leaves a placeholder.
    for number in 0..3 {
        let mut dropped = to.request(format!("{number}")).into_future();
        assert_eq!(poll_times(dropped.as_mut(), 1, GiveUp::AtOnce).await, None);
        server.receive().await.unwrap();
    }
    // Known from now on to repeat ids.
    let first = spawn::<R, _>({
        let to = to.clone();
        async move { to.request("u").await }
    });
    let request = server.receive().await.unwrap();
    server.send(&echo(&request)).await;
    first.await.unwrap();
    for _ in 0..3 {
        let mut dropped = to.request("u").timeout(NEVER).into_future();
        let polled = poll_times(dropped.as_mut(), 1, GiveUp::AtOnce).await;
        assert_eq!(polled, None);
        let late = server.receive().await.unwrap();
        drop(dropped);
        let next = spawn::<R, _>({
            let to = to.clone();
            async move { to.request("next").timeout(NEVER).await }
        });
        let request = server.receive().await.unwrap();
        assert_message(&request, REQUEST_URI, "next", "");
        server.send(&echo(&late)).await;
        server
            .write(&frame(NOT_FOUND, "", "not found"))
            .await
            .unwrap();
        let answer = next.await.unwrap();
        assert_message(&answer, NOT_FOUND, "", "not found");
        // Too late, and harmless.
        server.send(&echo(&request)).await;
    }
    drop(server);
    assert_eq!(to.closed().await, CloseReason::Remote);
}

/// However far requests with ids have come when their futures are dropped, others
/// get their own answers.
pub async fn dropped_requests_cross_nothing<R: Runtime>() {
    let echo = |content: Content| async move {
        yield_times(content.len() % 4).await;
        content
    };
    let server = Server::<R>::builder()
        .concurrent_handlers(4)
        .on(REQUEST_URI, echo);
    let pair = pair(server, Client::builder().correlate()).await;
    drop_at_every_poll(&pair.connection).await;
}
