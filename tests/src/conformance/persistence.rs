//! Clients that stay connected, from the first connection on.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use netaio_driver::core::CloseReason;
use netaio_driver::core::types::*;
use netaio_driver::{AutoReconnect, Client, ClientEvent, ClientEvents, Runtime, Server};

use super::raw::{RawListener, RawTcp, frame};
use super::support::{assert_message, listen, spawn};

/// Longer than any test runs.
pub(super) const NEVER: Duration = Duration::from_secs(3600);

/// How long a request waits that is not going to be answered, and the most that is between
/// two tries.
pub(super) const SHORT: Duration = Duration::from_millis(5);

/// Enough for a server to be connected to.
pub(super) const AMPLE: Duration = Duration::from_secs(1);

/// What reconnects again and again.
pub(super) fn eager<R: Runtime>() -> AutoReconnect<R> {
    AutoReconnect::new().delay(SHORT).max_retries(u32::MAX)
}

/// An address that nobody listens at.
pub(super) fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A server at an address, as soon as that is free.
pub(super) async fn serve<R: Runtime>(at: SocketAddr, answer: &'static str) -> Server<R> {
    loop {
        let server = Server::<R>::builder().on(REQUEST_URI, move || answer);
        // Who tries to connect may have the port for a moment.
        if let Ok(server) = server.bind(at).await {
            return server;
        }
    }
}

pub(super) async fn wait_for(events: &mut ClientEvents, is: impl Fn(&ClientEvent) -> bool) {
    while !is(&events.next().await.expect("the client is there")) {}
}

/// The first connection is tried again, and told of, and there is one as soon as there is a
/// server. Requests of the client wait for it.
pub async fn a_first_connection_is_tried_again<R: Runtime>() {
    let address = nobody();
    let policy = eager().hold_requests(true);
    let client = Client::<R>::builder()
        .auto_reconnect(policy)
        .build()
        .unwrap();
    let mut events = client.events();
    let connecting = spawn::<R, _>({
        let client = client.clone();
        async move { client.connect_persistent(address).await }
    });
    for number in 1..=3 {
        let Some(ClientEvent::ConnectFailed {
            address: of,
            attempt,
            error,
        }) = events.next().await
        else {
            panic!("a try has failed");
        };
        assert_eq!((of, attempt), (address.to_string(), number));
        assert!(!error.is_empty());
    }
    let asking = spawn::<R, _>({
        let client = client.clone();
        async move { client.request("u").timeout(NEVER).await }
    });
    let _server = serve::<R>(address, "here").await;
    let connection = connecting.await.unwrap();
    assert_eq!(connection.remote(), Some(address));
    assert_message(&asking.await.unwrap(), RESPOND_URI, "u", "here");
}

/// Where tries are counted, the first connection is given up after the last.
pub async fn a_first_connection_is_given_up<R: Runtime>() {
    let policy = AutoReconnect::new().delay(SHORT).max_retries(3);
    let client = Client::<R>::builder()
        .auto_reconnect(policy)
        .build()
        .unwrap();
    let mut events = client.events();
    let address = nobody();
    let error = client.connect_persistent(address).await.unwrap_err();
    assert_eq!(error.address, address.to_string());
    drop(client);
    let mut failed = 0;
    while let Some(event) = events.next().await {
        assert!(
            matches!(event, ClientEvent::ConnectFailed { .. }),
            "{event:?}"
        );
        failed += 1;
    }
    assert_eq!(failed, 3);
}

/// Closing the client ends what is tried without end, and an address that is none is not tried
/// again.
pub async fn a_first_connection_ends_with_the_client<R: Runtime>() {
    let client = Client::<R>::builder()
        .auto_reconnect(eager())
        .build()
        .unwrap();
    let mut events = client.events();
    let nowhere = client.connect_persistent("nowhere").await.unwrap_err();
    assert_eq!(nowhere.source.kind(), io::ErrorKind::InvalidInput);
    let is_failed = |event: &ClientEvent| matches!(event, ClientEvent::ConnectFailed { .. });
    wait_for(&mut events, is_failed).await;
    let connecting = spawn::<R, _>({
        let client = client.clone();
        async move { client.connect_persistent(nobody()).await }
    });
    wait_for(&mut events, is_failed).await;
    client.close().await;
    let closed = connecting.await.unwrap_err();
    assert_eq!(closed.source.kind(), io::ErrorKind::NotConnected);
    let server = listen(Server::<R>::builder()).await;
    let again = client.connect_persistent(server.local_addr());
    assert_eq!(again.await.unwrap().close_reason(), None);
}

/// Without a policy those connections alone are reconnected that are to persist.
pub async fn what_is_to_persist_is_reconnected<R: Runtime>() {
    let (one, two) = (RawListener::<R>::new().await, RawListener::<R>::new().await);
    let client = Client::<R>::builder().build().unwrap();
    let persistent = client.connect_persistent(one.address()).await.unwrap();
    let other = client.connect(two.address()).await.unwrap();
    let (first, second) = (one.accept().await, two.accept().await);
    drop((first, second));
    assert_eq!(persistent.closed().await, CloseReason::Remote);
    assert_eq!(other.closed().await, CloseReason::Remote);
    let mut again = one.accept().await;
    let asking = spawn::<R, _>({
        let client = client.clone();
        async move { client.request("u").timeout(NEVER).await }
    });
    answer::<R>(&mut again, "here").await;
    assert_message(&asking.await.unwrap(), RESPOND_URI, "u", "here");
    let names: Vec<_> = client
        .connections()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, [one.address().to_string()]);
}

/// Answers the next request.
pub(super) async fn answer<R: Runtime>(server: &mut RawTcp<R>, content: &str) {
    let uri = server.receive().await.unwrap().uri;
    let answer = frame(RESPOND_URI, uri, content);
    server.write(&answer).await.unwrap();
}
