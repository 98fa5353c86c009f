//! What an application is told of what happens to its server or node.

use std::time::Duration;

use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::*;
use netaio_driver::core::{
    AuthFailure, CloseReason, FieldRole, FrameErrorKind, Limits, Message, OpenError, Refusal,
    SlowConsumerPolicy,
};
use netaio_driver::{
    Client, NoReply, RefusedConnection, Runtime, Server, ServerEvent, ServerEvents, UdpEvent,
    UdpNode,
};

use super::pipe::{Shape, duplex};
use super::raw::{Raw, dial, frame, frame_with_bad_checksum};
use super::raw_node::{RawNode, bind_node};
use super::support::{Door, GiveUp, connect, listen, poll_times, spawn, yield_times};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// What the next event is, if it is of this kind.
macro_rules! next {
    ($events:expr, $pattern:pat => $value:expr) => {
        match $events.next().await {
            Some($pattern) => $value,
            other => panic!("another event: {other:?}"),
        }
    };
}

/// Takes note of a connection, of which nothing else is known.
async fn connected(events: &mut ServerEvents) -> netaio_driver::Connection {
    next!(events, ServerEvent::Connected(connection) => connection)
}

/// Who comes is told, and who goes, with the reason; the stream ends with the
/// server.
pub async fn who_comes_and_who_goes_is_told<R: Runtime>() {
    let server = listen(Server::<R>::builder().on(REQUEST_URI, || "here")).await;
    let (mut events, mut others) = (server.events(), server.events());
    let (_client, connection) = connect(Client::builder(), &server).await;
    let came = connected(&mut events).await;
    assert!(came.remote().is_some() && came.close_reason().is_none());
    connection.close().await;
    let (gone, reason) =
        next!(events, ServerEvent::Closed { connection, reason } => (connection, reason));
    assert_eq!(
        (gone.remote(), reason),
        (came.remote(), CloseReason::Remote)
    );
    assert_eq!(server.connections(), 0);

    let (_client, _connection) = connect(Client::builder(), &server).await;
    connected(&mut events).await;
    // What happened before is nobody's news.
    let mut late = server.events();
    drop(server);
    for events in [&mut events, &mut late] {
        next!(events, ServerEvent::Closed { reason, .. } => assert_eq!(reason, CloseReason::Local));
        assert!(events.next().await.is_none());
    }
    let mut count = 0;
    while others.next().await.is_some() {
        count += 1;
    }
    assert_eq!(count, 4);
}

/// A connection for which there is no place is told, and counted; so is a stream
/// that comes too late.
pub async fn a_refused_connection_is_told<R: Runtime>() {
    let limits = Limits::default().with_connections(1).unwrap();
    let server = Server::<R>::builder().limits(limits);
    let server = listen(server.on(REQUEST_URI, || "here")).await;
    let mut events = server.events();
    let (_client, connection) = connect(Client::builder(), &server).await;
    connected(&mut events).await;
    // One that has brought no message would make room.
    connection.request("u").await.unwrap();
    let mut refused = dial(&server).await;
    assert_eq!(refused.receive().await, None);
    let (remote, reason) =
        next!(events, ServerEvent::Refused { remote, reason } => (remote, reason));
    assert!(remote.is_some());
    assert_eq!(reason, RefusedConnection::TooMany { max: 1 });
    let counters = server.metrics();
    assert_eq!((counters.connections, counters.refused_connections), (1, 1));
}

/// So is a stream that comes while the server stops; then the events end.
pub async fn a_stream_that_comes_too_late_is_told<R: Runtime>() {
    let door = Door::new();
    let waits = {
        let door = door.clone();
        move || {
            let door = door.clone();
            async move {
                door.pass().await;
                "done"
            }
        }
    };
    let server = listen(Server::<R>::builder().on(REQUEST_URI, waits)).await;
    let mut events = server.events();
    let mut raw = dial(&server).await;
    raw.write(&frame(REQUEST_URI, "u", "")).await.unwrap();
    connected(&mut events).await;
    let stopping = spawn::<R, _>({
        let server = server.clone();
        async move { server.stop_within(NEVER).await }
    });
    let error = loop {
        let [(reader, writer), _far] = duplex(Shape::PLAIN);
        match server.serve_halves(reader, writer, None) {
            Err(error) => break error,
            Ok(_) => yield_times(1).await,
        }
    };
    assert_eq!(error.to_string(), "the server is stopping");
    let (remote, reason) = loop {
        match events.next().await.unwrap() {
            ServerEvent::Refused { remote, reason } => break (remote, reason),
            // Those that were in time.
            ServerEvent::Connected(_) | ServerEvent::Closed { .. } => {}
            other => panic!("another event: {other:?}"),
        }
    };
    assert_eq!((remote, reason), (None, RefusedConnection::Stopping));
    door.open();
    drop(raw);
    stopping.await;
    while let Some(event) = events.next().await {
        assert!(matches!(event, ServerEvent::Closed { .. }), "{event:?}");
    }
}

/// Bad checksums, failed checks and garbage are told, with whom they came from,
/// and counted.
pub async fn a_refused_message_is_told<R: Runtime>() {
    let server = Server::<R>::builder()
        .auth(HmacAuth::new("secret"))
        .on(REQUEST_URI, || "never");
    let server = listen(server).await;
    let mut events = server.events();
    let mut raw = dial(&server).await;
    let connection = connected(&mut events).await;
    let bad = frame_with_bad_checksum(REQUEST_URI, "u");
    let unsigned = frame(REQUEST_URI, "u", "");
    raw.write(&[&bad[..], &unsigned, &[0xff; 9]].concat())
        .await
        .unwrap();
    let missing = OpenError::Auth(AuthFailure::Missing(FieldRole::Timestamp));
    for number in 0..2 {
        let (from, reason) = next!(events, ServerEvent::MessageRefused { connection, reason } => (connection, reason));
        assert_eq!(from.remote(), connection.remote());
        match reason {
            Refusal::Frame(FrameErrorKind::Checksum { .. }) => assert_eq!(number, 0),
            Refusal::Open { error, .. } => assert_eq!((number, error), (1, missing)),
            other => panic!("{other:?}"),
        }
    }
    drop(raw);
    next!(events, ServerEvent::Closed { reason: CloseReason::Malformed(_), .. } => ());
    let counters = server.metrics();
    assert_eq!((counters.refused_messages, counters.malformed), (2, 1));
    assert_eq!(counters.inbound_bytes, 0);
}

/// Who reads too slowly is told of, whether it is cut off or not told everything.
pub async fn a_slow_consumer_is_told<R: Runtime>() {
    for policy in [
        SlowConsumerPolicy::Disconnect,
        SlowConsumerPolicy::DropOldest,
        SlowConsumerPolicy::DropNewest,
    ] {
        let limits = Limits::default()
            .with_outbound_queue(200_000)
            .and_then(|limits| limits.with_slow_consumer(policy))
            // For its last frame, which it does not read either.
            .and_then(|limits| limits.with_shutdown_grace(Duration::from_millis(20)))
            .unwrap();
        let server = listen(Server::<R>::builder().limits(limits)).await;
        let mut events = server.events();
        let [(reader, writer), (far_reader, far_writer)] = duplex(Shape::PLAIN);
        let connection = server.serve_halves(reader, writer, None).unwrap();
        let mut slow = Raw::new(far_reader, far_writer);
        connected(&mut events).await;
        for number in 0..30_u8 {
            let news = Message::notify("news", vec![number; 10_000]);
            server.publisher().broadcast(&news).unwrap();
        }
        if policy == SlowConsumerPolicy::Disconnect {
            // It is judged by what comes after it had a turn.
            let news = Message::notify("news", "more");
            let told = || server.publisher().broadcast(&news).unwrap().cut;
            while told() == 0 {
                yield_times(1).await;
            }
        }
        if policy == SlowConsumerPolicy::Disconnect {
            next!(events, ServerEvent::Closed { reason: CloseReason::SlowConsumer { .. }, .. } => ());
            assert_eq!(server.metrics().slow_consumers, 1);
            continue;
        }
        // It hears the rest, and nothing is lost without a word.
        connection.send(Message::notify("end", "")).await.unwrap();
        let mut told = 0;
        while slow.receive().await.unwrap().uri != "end" {
            told += 1;
        }
        assert!(told < 30, "{told}");
        let mut lost = 0;
        while lost < 30 - told {
            let dropped = next!(events, ServerEvent::Dropped { dropped, .. } => dropped);
            assert!(dropped.bytes >= dropped.messages * 10_000);
            lost += dropped.messages;
        }
        assert_eq!((lost, connection.close_reason()), (30 - told, None));
        assert_eq!(server.metrics().dropped_messages, lost);
    }
}

/// A node tells of datagrams that it refuses, and of answers that it owes to
/// nobody and does not send.
pub async fn a_node_tells_what_it_refuses<R: Runtime>() {
    let limits = Limits::default().with_unverified_replies_per_ip(1).unwrap();
    let node = bind_node(UdpNode::<R>::builder().limits(limits)).await;
    let mut events = node.events();
    let raw = RawNode::<R>::new().await;
    let garbage = [0xff; 9];
    let bad = frame_with_bad_checksum(REQUEST_URI, "u");
    for datagram in [&garbage[..], &bad, &bad] {
        raw.send(datagram, node.local_addr()).await;
    }
    let (remote, reason) = next!(events, UdpEvent::Refused { remote, reason } => (remote, reason));
    assert_eq!(remote, raw.address());
    assert_eq!(reason, Refusal::Frame(FrameErrorKind::UnknownType(0xff)));
    // The first one is answered.
    next!(events, UdpEvent::Refused { reason: Refusal::Frame(FrameErrorKind::Checksum { .. }), .. } => ());
    next!(events, UdpEvent::Suppressed { remote } => assert_eq!(remote, raw.address()));
    next!(events, UdpEvent::Refused { reason: Refusal::Frame(FrameErrorKind::Checksum { .. }), .. } => ());
    assert_eq!(raw.receive().await.content, "invalid message");
    let counters = node.metrics().datagrams;
    assert_eq!((counters.malformed, counters.suppressed.per_ip), (3, 1));
    node.stop().await;
    assert!(events.next().await.is_none());
}

/// A node tells of messages that are lost, since too many wait for a handler.
pub async fn a_node_tells_what_it_loses<R: Runtime>() {
    let door = Door::new();
    let waits = {
        let door = door.clone();
        move || {
            let door = door.clone();
            async move {
                door.pass().await;
                "done"
            }
        }
    };
    let limits = Limits::default()
        .with_handlers(1)
        .and_then(|limits| limits.with_pending_requests(1))
        .unwrap();
    let builder = UdpNode::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, waits)
        .on(PUBLISH_URI, || NoReply);
    let node = bind_node(builder).await;
    let mut events = node.events();
    let (raw, other) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    // While nobody waits for an answer, nothing is received besides the one
    // message that waits.
    let waiting = spawn::<R, _>({
        let (node, to) = (node.clone(), other.address());
        async move { node.request(to, "never").timeout(NEVER).await }
    });
    other.receive().await;
    let mut lost = 0;
    while lost == 0 {
        raw.send(&frame(REQUEST_URI, "u", ""), node.local_addr())
            .await;
        let next = std::pin::pin!(events.next());
        match poll_times(next, 1, GiveUp::AtOnce).await {
            None => yield_times(1).await,
            Some(Some(UdpEvent::Lost { remote })) => {
                assert_eq!(remote, raw.address());
                lost += 1;
            }
            Some(other) => panic!("another event: {other:?}"),
        }
    }
    door.open();
    drop(waiting);
}
