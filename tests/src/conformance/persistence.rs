//! Clients that stay connected, what waits meanwhile, and several servers.

use std::future::{IntoFuture, pending};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::time::Duration;

use futures_lite::future::poll_once;
use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Message, SendError};
use netaio_driver::{
    AutoReconnect, Balance, Client, ClientEvent, ClientEvents, Connection, Content, Heartbeat,
    RequestBuilder, RequestError, Runtime, Server,
};

use super::pipe::{Shape, duplex};
use super::raw::{Raw, RawListener, RawTcp, frame};
use super::support::{assert_message, listen, spawn};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// How long a request waits that is not going to be answered, and the most that is between
/// two tries.
const SHORT: Duration = Duration::from_millis(5);

/// Enough for a server to be connected to.
const AMPLE: Duration = Duration::from_secs(1);

/// What reconnects again and again.
fn eager<R: Runtime>() -> AutoReconnect<R> {
    AutoReconnect::new().delay(SHORT).max_retries(u32::MAX)
}

/// An address that nobody listens at.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A server at an address, as soon as that is free.
async fn serve<R: Runtime>(at: SocketAddr, answer: &'static str) -> Server<R> {
    loop {
        let server = Server::<R>::builder().on(REQUEST_URI, move || answer);
        // Who tries to connect may have the port for a moment.
        if let Ok(server) = server.bind(at).await {
            return server;
        }
    }
}

async fn wait_for(events: &mut ClientEvents, is: impl Fn(&ClientEvent) -> bool) {
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
async fn answer<R: Runtime>(server: &mut RawTcp<R>, content: &str) {
    let uri = server.receive().await.unwrap().uri;
    let answer = frame(RESPOND_URI, uri, content);
    server.write(&answer).await.unwrap();
}

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

/// Without a policy, too, an idempotent request of the client's own goes to each of several
/// servers, where the connection ends or the server does not handle it. Others fail, and so do
/// those of a connection.
pub async fn idempotent_requests_go_to_another_server<R: Runtime>() {
    let client = Client::<R>::builder().build().unwrap();
    let (mut connections, mut servers) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let listener = RawListener::<R>::new().await;
        connections.push(client.connect(listener.address()).await.unwrap());
        servers.push(listener.accept().await);
    }
    let refuse = async |server: &mut RawTcp<R>| {
        let Message { uri, auth, .. } = server.receive().await.unwrap();
        // With the id, so that it is surely of this request.
        let error = Message {
            auth,
            ..Message::error(uri, "busy")
        };
        server.send(&error.with_not_handled()).await;
    };
    let ask = |request: RequestBuilder| spawn::<R, _>(request.timeout(NEVER).into_future());
    let refused = RequestError::Refused("busy".into());

    let asking = ask(client.request("a").idempotent());
    refuse(&mut servers[0]).await;
    let mut two = servers.remove(1);
    assert_eq!(two.receive().await.unwrap().uri, "a");
    drop(two);
    answer::<R>(&mut servers[1], "three").await;
    assert_message(&asking.await.unwrap(), RESPOND_URI, "a", "three");

    let asking = ask(client.request("b").idempotent());
    for server in &mut servers {
        refuse(server).await;
    }
    assert_eq!(asking.await.unwrap_err(), refused);
    for request in [
        client.request("c"),
        connections[0].request("d").idempotent(),
    ] {
        let asking = ask(request);
        refuse(&mut servers[0]).await;
        assert_eq!(asking.await.unwrap_err(), refused);
    }
}

/// Of several servers the first has a client's own requests, or they take turns, also where they
/// are idempotent; while one is away the others have them.
pub async fn several_servers_share_requests<R: Runtime>() {
    for (balance, idempotent) in [
        (Balance::Failover, false),
        (Balance::RoundRobin, false),
        (Balance::RoundRobin, true),
    ] {
        let servers = ["one", "two", "three"].map(|name| {
            let server = Server::<R>::builder().on(REQUEST_URI, move || name);
            listen(server)
        });
        let mut running = Vec::new();
        for server in servers {
            running.push(server.await);
        }
        let client = Client::<R>::builder().balance(balance).build().unwrap();
        for server in &running {
            client.connect(server.local_addr()).await.unwrap();
        }
        let ask = async |count: usize| {
            let mut answers = Vec::new();
            for _ in 0..count {
                let request = client.request("u").timeout(NEVER);
                let request = if idempotent {
                    request.idempotent()
                } else {
                    request
                };
                let answer = request.await.unwrap();
                answers.push(String::from_utf8(answer.content.to_vec()).unwrap());
            }
            answers
        };
        let first = ask(4).await;
        match balance {
            Balance::Failover => assert_eq!(first, ["one"; 4]),
            _ => assert_eq!(first, ["one", "two", "three", "one"]),
        }
        let (_, gone) = client.connections().remove(0);
        running.remove(0).stop().await;
        gone.closed().await;
        let others = ask(3).await;
        match balance {
            Balance::Failover => assert_eq!(others, ["two"; 3]),
            _ => assert_eq!(others, ["two", "three", "two"]),
        }
        let name = running[1].local_addr().to_string();
        client.set_default_server(Some(&name));
        assert_eq!(ask(2).await, ["three"; 2]);
    }
}

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
