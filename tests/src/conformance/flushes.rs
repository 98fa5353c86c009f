//! Flushes, which wait until what was sent is written.

use std::future::pending;
use std::pin::pin;

use futures_lite::future::poll_once;
use netaio_driver::core::Message;
use netaio_driver::core::types::*;
use netaio_driver::{Client, Connection, Runtime};

use super::pipe::{Shape, duplex};
use super::raw::{Raw, RawListener, frame};
use super::support::spawn;

/// What was sent is written when a flush is ready, and the end of a connection ends it, also where a
/// handler outlives that.
pub async fn a_flush_waits_for_what_was_sent<R: Runtime>() {
    let (told, begun) = async_channel::bounded(1);
    let holds = move || {
        told.try_send(()).unwrap();
        pending::<()>()
    };
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().on((REQUEST_URI, "holds"), holds);
    let client = client.build().unwrap();
    client.flush().await.unwrap();
    let connection = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    connection.flush().await.unwrap();
    for number in 0..3 {
        let message = Message::publish(number.to_string(), vec![7; 10_000]);
        connection.send(message).await.unwrap();
    }
    client.flush().await.unwrap();
    for number in 0..3 {
        assert_eq!(server.receive().await.unwrap().uri, number.to_string());
    }

    // Streams that keep back what is not flushed, and hold little.
    let shape = Shape {
        capacity: 16,
        holds_back: true,
        ..Shape::PLAIN
    };
    let [(reader, writer), far] = duplex(shape);
    let piped = client.connect_halves(reader, writer, None, "pipe").unwrap();
    piped
        .send(Message::publish("u", vec![7; 100]))
        .await
        .unwrap();
    let flush = |piped: &Connection| {
        let piped = piped.clone();
        spawn::<R, _>(async move { piped.flush().await })
    };
    let flushing = flush(&piped);
    let mut raw = Raw::new(far.0, far.1);
    assert_eq!(raw.receive().await.unwrap().uri, "u");
    flushing.await.unwrap();
    raw.write(&frame(REQUEST_URI, "holds", "")).await.unwrap();
    begun.recv().await.unwrap();
    piped
        .send(Message::publish("u", vec![7; 100]))
        .await
        .unwrap();
    let mut flushing = pin!(piped.flush());
    assert!(poll_once(&mut flushing).await.is_none());
    drop(raw);
    flushing.await.unwrap_err();
}
