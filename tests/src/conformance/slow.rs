//! Remotes that read too slowly.

use std::pin::pin;
use std::time::Duration;

use futures_lite::future::poll_once;
use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Gap, Limits, Message, SlowConsumerPolicy};
use netaio_driver::{Client, Connection, Runtime, Server};

use super::pipe::{PipeReader, PipeWriter, Shape, duplex};
use super::raw::{Raw, frame};
use super::support::{assert_message, both, connect, listen, spawn, yield_times};

const SIZE: usize = 10_000;

/// A server with these limits, and a connection to somebody who reads when the
/// test says so.
async fn serving<R: Runtime>(
    limits: Limits,
) -> (Server<R>, Connection, Raw<PipeReader, PipeWriter>) {
    let server = Server::<R>::builder()
        .limits(limits)
        .on(REQUEST_URI, || "here");
    let server = listen(server).await;
    let shape = Shape {
        capacity: 1024,
        ..Shape::PLAIN
    };
    let [(reader, writer), (far_reader, far_writer)] = duplex(shape);
    let connection = server.serve_halves(reader, writer, None).unwrap();
    (server, connection, Raw::new(far_reader, far_writer))
}

fn news(number: u8) -> Message {
    Message::notify("news", vec![number; SIZE])
}

/// More than the backlog, for longer than it may wait, cuts a connection off;
/// others hear everything.
pub async fn a_backlog_that_stays_cuts_the_connection<R: Runtime>() {
    let limits = Limits::default()
        .with_backlog(10 * SIZE)
        .and_then(|limits| limits.with_backlog_time(Duration::from_millis(20)))
        // For its last frame, which it does not read either.
        .and_then(|limits| limits.with_shutdown_grace(Duration::from_millis(20)))
        .unwrap();
    let (server, connection, _slow) = serving::<R>(limits).await;
    let (client, other) = connect(Client::builder(), &server).await;
    let mut messages = client.messages();
    // The answer shows that the server knows the connection.
    other.request("u").await.unwrap();
    for number in 0..15 {
        let delivery = server.publisher().broadcast(&news(number)).unwrap();
        assert_eq!((delivery.accepted(), delivery.lost()), (2, 0));
    }
    let reason = connection.closed().await;
    let slow = matches!(reason, CloseReason::SlowConsumer { queued } if queued > 10 * SIZE);
    assert!(slow, "{reason:?}");
    for number in 0..15 {
        let told = messages.next().await.unwrap().message;
        assert_message(&told, NOTIFY_URI, "news", vec![number; SIZE]);
    }
    assert!(other.close_reason().is_none());
}

/// More than the backlog is no harm where it is read in time.
pub async fn a_burst_that_is_read_in_time_is_kept<R: Runtime>() {
    let limits = Limits::default().with_backlog(10 * SIZE).unwrap();
    let (server, connection, mut slow) = serving::<R>(limits).await;
    for _ in 0..3 {
        for number in 0..50 {
            server.publisher().broadcast(&news(number)).unwrap();
        }
        for number in 0..50 {
            let told = slow.receive().await.unwrap();
            assert_message(&told, NOTIFY_URI, "news", vec![number; SIZE]);
        }
    }
    assert!(connection.close_reason().is_none());
}

/// Publishes more than may wait to somebody who does not read, then lets it read.
/// The numbers of what it is told.
async fn told<R: Runtime>(policy: SlowConsumerPolicy) -> Vec<u8> {
    let limits = Limits::default()
        .with_outbound_queue(20 * SIZE)
        .and_then(|limits| limits.with_slow_consumer(policy))
        .unwrap();
    let (server, connection, mut slow) = serving::<R>(limits).await;
    let (client, other) = connect(Client::builder(), &server).await;
    let mut messages = client.messages();
    other.request("u").await.unwrap();
    for number in 0..100 {
        let delivery = server.publisher().broadcast(&news(number)).unwrap();
        assert_eq!(
            (delivery.accepted() + delivery.dropped, delivery.cut),
            (2, 0)
        );
        // Pacing: one that keeps up is told everything.
        let told = messages.next().await.unwrap().message;
        assert_message(&told, NOTIFY_URI, "news", vec![number; SIZE]);
        assert_eq!(Gap::of(&told), None);
    }
    // What it asks for is never dropped.
    slow.write(&frame(REQUEST_URI, "u", "")).await.unwrap();
    let (mut told, mut lost) = (Vec::new(), 0);
    loop {
        let message = slow.receive().await.unwrap();
        lost += Gap::of(&message).unwrap_or(0);
        if message.message_type == RESPOND_URI {
            assert_message(&message, RESPOND_URI, "u", "here");
            break;
        }
        assert_message(&message, NOTIFY_URI, "news", vec![message.content[0]; SIZE]);
        told.push(message.content[0]);
    }
    assert!(told.is_sorted(), "{told:?}");
    assert!((15..40).contains(&told.len()), "{told:?}");
    assert!(connection.close_reason().is_none());
    // The next one says what was lost before it: all others are told of by now.
    server.publisher().broadcast(&news(100)).unwrap();
    let next = slow.receive().await.unwrap();
    lost += Gap::of(&next).unwrap_or(0);
    assert_eq!((lost, next.content[0]), (100 - told.len() as u64, 100));
    // Who was told everything is told of no gap.
    let next = messages.next().await.unwrap().message;
    assert_eq!((Gap::of(&next), next.content[0]), (None, 100));
    told
}

/// Where that is wanted, news that waits makes room for what is newer.
pub async fn the_oldest_news_makes_room_for_the_newest<R: Runtime>() {
    let told = told::<R>(SlowConsumerPolicy::DropOldest).await;
    assert_eq!(told.last(), Some(&99));
}

/// Where that is wanted, news for which there is no room is not sent.
pub async fn the_newest_news_is_dropped_where_wanted<R: Runtime>() {
    let told = told::<R>(SlowConsumerPolicy::DropNewest).await;
    assert_eq!(told[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(told.last() < Some(&99), "{told:?}");
}

/// A publisher that can wait is slowed down to the slowest subscriber, and no more waits for
/// that than may wait for long.
pub async fn publishers_wait_for_slow_subscribers<R: Runtime>() {
    let limits = Limits::default()
        .with_backlog(10 * SIZE)
        .and_then(|limits| limits.with_publish_wait(Duration::from_secs(3600)))
        .unwrap();
    let (server, connection, mut slow) = serving::<R>(limits).await;
    let publisher = server.publisher().clone();
    publisher.subscribe("news", &connection).unwrap();
    let publishing = spawn::<R, _>(async move {
        for number in 0..100 {
            let delivery = publisher.publish("news", &news(number)).await.unwrap();
            assert_eq!((delivery.accepted(), delivery.lost()), (1, 0));
        }
    });
    for number in 0..100 {
        // What may wait, and what is handed out to be written.
        let waiting = server.metrics().outbound_bytes;
        assert!(waiting < 20 * SIZE, "{waiting}");
        let told = slow.receive().await.unwrap();
        assert_message(&told, NOTIFY_URI, "news", vec![number; SIZE]);
    }
    publishing.await;
    assert!(connection.close_reason().is_none());
}

/// Whoever publishes one message after the other lets others run, though everybody has room.
pub async fn publishers_let_others_run<R: Runtime>() {
    let (server, connection, _reader) = serving::<R>(Limits::default()).await;
    let publisher = server.publisher();
    publisher.subscribe("news", &connection).unwrap();
    let mut turns = 0;
    for number in 0..20 {
        let message = news(number);
        let mut publishing = pin!(publisher.publish("news", &message));
        while poll_once(publishing.as_mut()).await.is_none() {
            turns += 1;
        }
    }
    assert!((5..20).contains(&turns), "{turns}");
}

/// One that never reads is waited for and cut off in the end; others get everything.
pub async fn one_that_never_reads_holds_nobody_up_for_ever<R: Runtime>() {
    let limits = Limits::default()
        .with_backlog(10 * SIZE)
        .and_then(|limits| limits.with_outbound_queue(20 * SIZE))
        .and_then(|limits| limits.with_publish_wait(Duration::from_millis(20)))
        .and_then(|limits| limits.with_shutdown_grace(Duration::from_millis(20)))
        .unwrap();
    let (server, connection, _slow) = serving::<R>(limits).await;
    let (client, other) = connect(Client::builder(), &server).await;
    let mut messages = client.messages();
    other.request("u").await.unwrap();
    let publisher = server.publisher();
    for connection in publisher.connections() {
        publisher.subscribe("news", &connection).unwrap();
    }
    let mut cut = 0;
    for number in 0..100 {
        cut += publisher.publish("news", &news(number)).await.unwrap().cut;
        let told = messages.next().await.unwrap().message;
        assert_message(&told, NOTIFY_URI, "news", vec![number; SIZE]);
    }
    assert!(cut > 0);
    let reason = connection.closed().await;
    assert!(
        matches!(reason, CloseReason::SlowConsumer { .. }),
        "{reason:?}"
    );
}

/// Who is cut off gets its last frame whole, if it reads on: it can tell that from bytes
/// that went wrong.
pub async fn the_last_frame_of_a_slow_consumer_is_whole<R: Runtime>() {
    let limits = Limits::default().with_outbound_queue(20 * SIZE).unwrap();
    let (server, connection, mut slow) = serving::<R>(limits).await;
    // On several threads all others may be queued before the first of them is written: then
    // nothing is cut in the middle, and this one is all that comes.
    server.publisher().broadcast(&news(0)).unwrap();
    let told = slow.receive().await.unwrap();
    assert_message(&told, NOTIFY_URI, "news", vec![0; SIZE]);
    let mut number = 1;
    while server.publisher().broadcast(&news(number)).unwrap().cut == 0 {
        number += 1;
        yield_times(1).await;
    }
    let mut wire = Vec::new();
    while let Some(bytes) = slow.read_some().await {
        wire.extend_from_slice(&bytes);
    }
    let frame = frame(NOTIFY_URI, "news", vec![0; SIZE]).len();
    assert_eq!(wire.len() % frame, 0, "{}", wire.len());
    let reason = connection.closed().await;
    assert!(
        matches!(reason, CloseReason::SlowConsumer { .. }),
        "{reason:?}"
    );
}

/// Who takes nothing for too long is cut off, within a frame perhaps, as nothing more can be
/// written. Its end is told from bytes that went wrong.
pub async fn one_that_takes_nothing_can_tell_that_it_was_cut<R: Runtime>() {
    let after = Duration::from_millis(20);
    let limits = Limits::default().with_write_timeout(Some(after)).unwrap();
    let server = listen(Server::<R>::builder().limits(limits)).await;
    let (client, to) = connect(Client::builder(), &server).await;
    // Nobody takes them out, so that the client stops reading.
    let mut messages = client.messages();
    let served = loop {
        match server.publisher().connections().pop() {
            Some(served) => break served,
            None => yield_times(1).await,
        }
    };
    let news = Message::notify("news", vec![0; 60_000]);
    for _ in 0..500 {
        server.publisher().broadcast(&news).unwrap();
    }
    let reason = served.closed().await;
    assert_eq!(reason, CloseReason::WriteTimeout(after));
    let ended = spawn::<R, _>(async move { to.closed().await });
    let reading = async {
        while let Some(told) = messages.next().await {
            assert_message(&told.message, NOTIFY_URI, "news", vec![0; 60_000]);
        }
    };
    let (reason, ()) = both(
        async {
            let reason = ended.await;
            drop(client);
            reason
        },
        reading,
    )
    .await;
    match &reason {
        CloseReason::Truncated(_) => {
            let text = reason.to_string();
            assert!(text.contains("cut this end off"), "{text}");
        }
        // The system may have taken whole frames.
        reason => assert_eq!(*reason, CloseReason::Remote),
    }
}
