//! Remotes that read too slowly.

use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Limits, Message, SlowConsumerPolicy};
use netaio_driver::{Client, Connection, Runtime, Server};

use super::pipe::{PipeReader, PipeWriter, Shape, duplex};
use super::raw::{Raw, frame};
use super::support::{assert_message, connect, listen};

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
        .unwrap();
    let (server, connection, _slow) = serving::<R>(limits).await;
    let (client, other) = connect(Client::builder(), &server).await;
    let mut messages = client.messages();
    // The answer shows that the server knows the connection.
    other.request("u").await.unwrap();
    for number in 0..15 {
        let delivery = server.publisher().broadcast(&news(number)).unwrap();
        assert_eq!((delivery.sent, delivery.failed), (2, 0));
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
        assert_eq!((delivery.sent, delivery.failed), (2, 0));
        // Pacing: one that keeps up is told everything.
        let told = messages.next().await.unwrap().message;
        assert_message(&told, NOTIFY_URI, "news", vec![number; SIZE]);
    }
    // What it asks for is never dropped.
    slow.write(&frame(REQUEST_URI, "u", "")).await.unwrap();
    let mut told = Vec::new();
    loop {
        let message = slow.receive().await.unwrap();
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
