//! Servers that give no sign of life.

use std::future::IntoFuture;

use netaio_driver::core::CloseReason;
use netaio_driver::core::types::*;
use netaio_driver::{Client, Connection, Heartbeat, RequestError, Runtime};

use super::persistence::{NEVER, SHORT, eager};
use super::raw::{RawListener, frame};
use super::support::{assert_message, spawn};

/// A server that is silent is asked, any answer will do, and without one the connection ends.
pub async fn a_silent_server_is_asked_and_given_up<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let heartbeat = Heartbeat::new().with_interval(SHORT);
    let patient = heartbeat.with_timeout(NEVER);
    let client = Client::<R>::builder().heartbeat(patient).build().unwrap();
    let connection = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    for _ in 0..3 {
        let asked = server.receive().await.unwrap();
        assert_message(&asked, REQUEST_URI, Heartbeat::URI, "");
        // As a plain server has it.
        server
            .write(&frame(NOT_FOUND, "", "not found"))
            .await
            .unwrap();
    }
    drop(server);
    connection.closed().await;

    let client = Client::<R>::builder().heartbeat(heartbeat.with_timeout(SHORT));
    let client = client.auto_reconnect(eager()).build().unwrap();
    let connection = client.connect(listener.address()).await.unwrap();
    let _silent = listener.accept().await;
    let CloseReason::Transport(why) = connection.closed().await else {
        panic!("it is given up");
    };
    assert_eq!(why, "the remote gives no sign of life");
    drop(listener.accept().await);
}

/// A server that is at a request is not given up: heartbeats wait behind its handler. Once the
/// request has no time left it is, whatever was asked later.
pub async fn a_server_at_work_is_not_given_up<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let heartbeat = Heartbeat::new().with_interval(SHORT).with_timeout(SHORT);
    let client = Client::<R>::builder().heartbeat(heartbeat);
    let client = client.build().unwrap();
    let ask = |connection: &Connection, uri: &'static str, timeout| {
        let request = connection.request(uri).timeout(timeout);
        spawn::<R, _>(request.into_future())
    };
    let busy = client.connect(listener.address()).await.unwrap();
    let mut at_work = listener.accept().await;
    let asking = ask(&busy, "slow", NEVER);
    while at_work.receive().await.unwrap().uri != Heartbeat::URI {}
    // The other one is asked later, and given up.
    let idle = client.connect(listener.address()).await.unwrap();
    let _silent = listener.accept().await;
    assert!(matches!(idle.closed().await, CloseReason::Transport(_)));
    assert_eq!(busy.close_reason(), None);
    let answer = frame(RESPOND_URI, "slow", "done");
    at_work.write(&answer).await.unwrap();
    assert_message(&asking.await.unwrap(), RESPOND_URI, "slow", "done");

    let busy = client.connect(listener.address()).await.unwrap();
    let mut silent = listener.accept().await;
    let first = ask(&busy, "first", SHORT);
    while silent.receive().await.unwrap().uri != Heartbeat::URI {}
    let later = ask(&busy, "later", NEVER);
    first.await.unwrap_err();
    let later = later.await.unwrap_err();
    assert!(matches!(later, RequestError::Closed(_)), "{later}");
    assert!(matches!(busy.closed().await, CloseReason::Transport(_)));
}
