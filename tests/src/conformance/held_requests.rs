//! What waits while a server is reconnected, is made again, or fails at once.

use std::future::IntoFuture;
use std::net::TcpListener;

use netaio_driver::core::types::*;
use netaio_driver::core::{Message, SendError};
use netaio_driver::{Client, ClientEvent, Content, RequestError, Runtime, Server};

use super::persistence::{AMPLE, NEVER, SHORT, answer, eager, nobody, serve, wait_for};
use super::raw::RawListener;
use super::support::{assert_message, listen, spawn};

/// While a server is away, requests wait within their timeouts, or fail at once.
pub async fn requests_wait_or_fail_at_once<R: Runtime>() {
    for hold in [true, false] {
        let policy = eager().hold_requests(hold);
        let client = Client::<R>::builder()
            .auto_reconnect(policy)
            .build()
            .unwrap();
        let nowhere = client.request("u").timeout(NEVER).await.unwrap_err();
        assert_eq!(nowhere, RequestError::NotConnected);
        let mut events = client.events();
        let server = listen(Server::<R>::builder()).await;
        let address = server.local_addr();
        let connection = client.connect(address).await.unwrap();
        server.stop().await;
        connection.closed().await;
        let late = client.request("u").timeout(SHORT).await.unwrap_err();
        if !hold {
            assert_eq!(late, RequestError::NotConnected);
            // One that may be made twice waits all the same.
        } else {
            assert_eq!(late, RequestError::TimedOut(SHORT));
        }
        let is_failed = |event: &ClientEvent| matches!(event, ClientEvent::ConnectFailed { .. });
        wait_for(&mut events, is_failed).await;
        let asking = spawn::<R, _>({
            let client = client.clone();
            async move {
                let request = client.request("u").timeout(NEVER);
                match hold {
                    true => request.await,
                    false => request.idempotent().await,
                }
            }
        });
        let _server = serve::<R>(address, "back").await;
        assert_message(&asking.await.unwrap(), RESPOND_URI, "u", "back");
        // Closed by the application, nothing comes any more.
        client.close().await;
        let closed = client.request("u").timeout(NEVER).await.unwrap_err();
        assert_eq!(closed, RequestError::NotConnected);
    }
}

/// A subscription waits as requests do, and has one timeout for the wait and the answer.
pub async fn subscriptions_wait_within_their_timeout<R: Runtime>() {
    let policy = eager().hold_requests(true);
    let client = Client::<R>::builder().auto_reconnect(policy);
    let client = client.build().unwrap();
    let address = nobody();
    let connecting = spawn::<R, _>({
        let client = client.clone();
        async move { client.connect_persistent(address).await }
    });
    wait_for(&mut client.events(), |_| true).await;
    let late = client.subscribe("u").timeout(SHORT).await.unwrap_err();
    assert_eq!(late, RequestError::TimedOut(SHORT).into());
    let mut events = client.events();
    let subscribing = spawn::<R, _>(client.subscribe("u").timeout(AMPLE).into_future());
    // Whatever it does, it has waited then.
    wait_for(&mut events, |_| true).await;
    // It answers nothing.
    let listener = loop {
        if let Ok(listener) = TcpListener::bind(address) {
            break listener;
        }
    };
    let _connection = connecting.await.unwrap();
    let late = subscribing.await.unwrap_err();
    assert_eq!(late, RequestError::TimedOut(AMPLE).into());
    loop {
        if let ClientEvent::TimedOut(request) = events.next().await.unwrap() {
            assert!(request.timeout < AMPLE);
            break;
        }
    }
    drop(listener);
}

/// A request that was cut off is made again where it may be, by the connection's own server and
/// by the client's default; others fail.
pub async fn idempotent_requests_are_made_again<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder()
        .auto_reconnect(eager())
        .build()
        .unwrap();
    let connection = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let ask = |uri: &'static str, idempotent: bool, own: bool| {
        let request = match own {
            true => connection.request(uri),
            false => client.request(uri),
        };
        let request = request.timeout(NEVER);
        spawn::<R, _>(async move {
            match idempotent {
                true => request.idempotent().await,
                false => request.await,
            }
        })
    };
    let (own, of_client) = (ask("own", true, true), ask("client", true, false));
    let (once, of_client_once) = (ask("once", false, true), ask("once", false, false));
    // All of them are sent before the first connection ends, and two again.
    for sent in [4, 2] {
        for _ in 0..sent {
            server.receive().await.unwrap();
        }
        drop(server);
        server = listener.accept().await;
    }
    for result in [once.await, of_client_once.await] {
        let error = result.unwrap_err();
        assert!(matches!(error, RequestError::Closed(_)), "{error}");
    }
    answer::<R>(&mut server, "again").await;
    answer::<R>(&mut server, "again").await;
    assert_message(&own.await.unwrap(), RESPOND_URI, "own", "again");
    assert_message(&of_client.await.unwrap(), RESPOND_URI, "client", "again");
}

/// Messages that are sent wait for a server as requests do, or fail at once.
pub async fn messages_wait_or_fail_at_once<R: Runtime>() {
    for hold in [true, false] {
        let policy = eager().hold_requests(hold);
        let client = Client::<R>::builder().auto_reconnect(policy);
        let client = client.build().unwrap();
        let nowhere = client.send(Message::publish("u", "")).await.unwrap_err();
        assert_eq!(nowhere, SendError::NotConnected);
        let address = nobody();
        let connecting = spawn::<R, _>({
            let client = client.clone();
            async move { client.connect_persistent(address).await }
        });
        let mut events = client.events();
        wait_for(&mut events, |_| true).await;
        let sending = spawn::<R, _>({
            let client = client.clone();
            async move { client.send(Message::publish("u", "held")).await }
        });
        if !hold {
            assert_eq!(sending.await.unwrap_err(), SendError::NotConnected);
            continue;
        }
        // Whatever it does, it has waited then.
        wait_for(&mut events, |_| true).await;
        let (told, published) = async_channel::unbounded();
        let _server = loop {
            let told = told.clone();
            let server = Server::<R>::builder().on(PUBLISH_URI, move |held: Content| {
                told.try_send(held.0).unwrap()
            });
            if let Ok(server) = server.bind(address).await {
                break server;
            }
        };
        sending.await.unwrap();
        assert_eq!(published.recv().await.unwrap(), "held");
        connecting.await.unwrap();
        // Closed by the application, nothing comes any more.
        client.close().await;
        let closed = client.send(Message::publish("u", "")).await.unwrap_err();
        assert_eq!(closed, SendError::NotConnected);
    }
}
