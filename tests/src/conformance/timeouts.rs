//! Handlers of requests that time out.

use std::future::pending;
use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Message};
use netaio_driver::{
    Client, ClientBuilder, Connection, ConnectionOptions, RequestError, Runtime, Server, TimedOut,
};

use super::raw::{RawListener, RawTcp, frame};
use super::support::{Counter, Door, assert_message, listen, spawn, spawn_all};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// How long a request waits that is not going to be answered.
const SHORT: Duration = Duration::from_millis(5);

/// A server that never answers, and a client that is connected to it.
struct Silence<R: Runtime> {
    client: Client<R>,
    connection: Connection,
    listener: RawListener<R>,
    server: RawTcp<R>,
}

async fn silence<R: Runtime>(client: ClientBuilder<R>) -> Silence<R> {
    let listener = RawListener::new().await;
    let client = client.build().unwrap();
    let options = ConnectionOptions::new().with_name("silent");
    let connection = client.connect_with(listener.address(), options).await;
    Silence {
        connection: connection.unwrap(),
        client,
        server: listener.accept().await,
        listener,
    }
}

/// Lets a request time out.
async fn time_out(to: &Connection) {
    let error = to.request("u").timeout(SHORT).await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(SHORT));
}

/// Counts on drop.
struct Dropped(Counter);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// A handler of timeouts that tells when it is called, then hangs.
fn hanging<R: Runtime>(builder: ClientBuilder<R>) -> (ClientBuilder<R>, Hanging) {
    let (told, called) = async_channel::unbounded();
    let dropped = Counter::default();
    let hanging = Hanging {
        called,
        dropped: dropped.clone(),
    };
    let builder = builder.on_timeout(move |_, late| {
        let (told, dropped) = (told.clone(), Dropped(dropped.clone()));
        async move {
            let _dropped = dropped;
            told.send(late).await.unwrap();
            pending().await
        }
    });
    (builder, hanging)
}

/// What is seen of such handlers.
struct Hanging {
    called: async_channel::Receiver<TimedOut<Connection>>,
    dropped: Counter,
}

/// The handler is told of the request, of whatever kind, and of the server. The
/// request has its error although the handler hangs.
pub async fn a_handler_is_told_what_timed_out<R: Runtime>() {
    let (builder, seen) = hanging(Client::<R>::builder());
    let Silence {
        client,
        connection,
        listener,
        server: _server,
    } = silence(builder).await;
    let kinds = [REQUEST_URI, CREATE_URI, SUBSCRIBE_URI];
    for (number, kind) in (1..).zip(kinds) {
        let message = Message::new(kind, format!("uri {number}"), "content");
        let timeout = SHORT * number;
        let request = connection.request_message(message).timeout(timeout);
        let error = request.await.unwrap_err();
        assert_eq!(error, RequestError::TimedOut(timeout));
        let late = seen.called.recv().await.unwrap();
        assert_eq!(late.uri, format!("uri {number}"));
        assert_eq!((late.message_type, late.timeout), (kind, timeout));
        assert_eq!(late.to.name(), Some("silent"));
        assert_eq!(late.to.remote(), Some(listener.address()));
        assert_eq!(late.to.close_reason(), None);
        client.cancel_timeout_handlers().await;
    }
    // Also where the client chooses the server.
    let error = client.delete("by the client").timeout(SHORT).await;
    assert_eq!(error.unwrap_err(), RequestError::TimedOut(SHORT));
    let late = seen.called.recv().await.unwrap();
    assert_eq!(late.message_type, DELETE_URI);
    assert_eq!(late.uri, "by the client");
}

/// Requests that end otherwise are none of the handler's business.
pub async fn only_timeouts_call_the_handler<R: Runtime>() {
    let (builder, seen) = hanging(Client::<R>::builder());
    let Silence {
        client: _client,
        connection: to,
        mut server,
        ..
    } = silence(builder).await;
    let answered = spawn::<R, _>({
        let to = to.clone();
        async move { to.request("u").timeout(NEVER).await }
    });
    server.receive().await.unwrap();
    server.write(&frame(ERROR, "u", "no")).await.unwrap();
    assert_message(&answered.await.unwrap(), ERROR, "u", "no");
    let closed = spawn::<R, _>({
        let to = to.clone();
        async move { to.request("u").timeout(NEVER).await }
    });
    server.receive().await.unwrap();
    to.close().await;
    let error = closed.await.unwrap_err();
    assert_eq!(error, RequestError::Closed(CloseReason::Local));
    assert!(to.request("u").await.is_err());
    assert!(seen.called.is_empty());
}

/// However many requests time out, one handler runs for each server; once it is
/// done, the next timeout calls it again.
pub async fn one_handler_runs_for_each_server<R: Runtime>() {
    let calls = Counter::default();
    let (told, called) = async_channel::unbounded();
    let door = Door::new();
    let builder = {
        let (calls, door) = (calls.clone(), door.clone());
        Client::<R>::builder().on_timeout(move |_, late| {
            let (told, door) = (told.clone(), door.clone());
            calls.add();
            async move {
                told.send(late.to.name().map(String::from)).await.unwrap();
                door.pass().await;
            }
        })
    };
    let one = silence(builder).await;
    let listener = RawListener::<R>::new().await;
    let options = ConnectionOptions::new().with_name("other");
    let two = one.client.connect_with(listener.address(), options).await;
    let two = two.unwrap();
    for to in [&one.connection, &two] {
        let requests = (0..100).map(|_| {
            let to = to.clone();
            async move { time_out(&to).await }
        });
        spawn_all::<R, _>(requests).await;
    }
    let mut names = [called.recv().await.unwrap(), called.recv().await.unwrap()];
    names.sort();
    assert_eq!(names, ["other", "silent"].map(|name| Some(name.into())));
    assert_eq!(calls.get(), 2);
    door.open();
    while calls.get() == 2 {
        time_out(&two).await;
    }
    assert_eq!(called.recv().await.unwrap().as_deref(), Some("other"));
}

/// Handlers that run are dropped when they are cancelled, by whatever; when the
/// call that cancels them returns, they are gone.
pub async fn handlers_are_cancelled<R: Runtime>() {
    let (builder, seen) = hanging(Client::<R>::builder());
    let first = silence(builder).await;
    for round in 1..=3 {
        time_out(&first.connection).await;
        seen.called.recv().await.unwrap();
        first.client.cancel_timeout_handlers().await;
        assert_eq!(seen.dropped.get(), round);
    }
    // There is nothing to cancel.
    first.client.cancel_timeout_handlers().await;

    time_out(&first.connection).await;
    seen.called.recv().await.unwrap();
    first.client.close().await;
    assert_eq!(seen.dropped.get(), 4);

    // It works on after that.
    let again = first.client.connect(first.listener.address()).await;
    time_out(&again.unwrap()).await;
    seen.called.recv().await.unwrap();
}

/// A handler neither keeps its client alive, nor outlives it.
pub async fn dropping_a_client_cancels_its_handlers<R: Runtime>() {
    let (told, called) = async_channel::unbounded();
    let (gone, is_gone) = async_channel::bounded::<()>(1);
    let builder = Client::<R>::builder().on_timeout(move |client, late| {
        let (told, gone) = (told.clone(), gone.clone());
        async move {
            let _gone = gone;
            told.send((client, late.to)).await.unwrap();
            pending().await
        }
    });
    let Silence {
        client,
        connection,
        listener,
        server: _server,
    } = silence(builder).await;
    time_out(&connection).await;
    let (kept, to) = called.recv().await.unwrap();
    let answered = kept.request("u").timeout(SHORT).await;
    assert_eq!(answered.unwrap_err(), RequestError::TimedOut(SHORT));
    drop(client);
    assert_eq!(to.closed().await, CloseReason::Local);
    let error = kept.request("u").timeout(NEVER).await.unwrap_err();
    assert_eq!(error, RequestError::NotConnected);
    let error = kept.connect(listener.address()).await.unwrap_err();
    assert_eq!(error.source.kind(), std::io::ErrorKind::NotConnected);
    drop(kept);
    // The last handle takes the function along.
    assert!(is_gone.recv().await.is_err());
}

/// A handler that panics, at once or later, hurts nobody, itself included.
pub async fn a_handler_of_timeouts_may_panic<R: Runtime>() {
    let (told, called) = async_channel::unbounded();
    let builder = Client::<R>::builder().on_timeout(move |_, late| {
        told.try_send(()).unwrap();
        assert!(late.uri != "at once", "a panic of the test");
        async move {
            super::support::yield_times(2).await;
            panic!("a panic of the test");
        }
    });
    let mut silence = silence(builder).await;
    let to = &silence.connection;
    for round in 0..6 {
        let uri = if round % 2 == 0 { "at once" } else { "later" };
        // The last may not be over yet.
        while called.try_recv().is_err() {
            let error = to.request(uri).timeout(SHORT).await.unwrap_err();
            assert_eq!(error, RequestError::TimedOut(SHORT));
        }
    }
    let answered = spawn::<R, _>({
        let to = to.clone();
        async move { to.request("after").timeout(NEVER).await }
    });
    while silence.server.receive().await.unwrap().uri != "after" {}
    let answer = frame(RESPOND_URI, "after", "fine");
    silence.server.write(&answer).await.unwrap();
    assert_message(&answered.await.unwrap(), RESPOND_URI, "after", "fine");
}

/// A handler can be set later, and replaced.
pub async fn a_handler_of_timeouts_can_be_replaced<R: Runtime>() {
    let silence = silence(Client::<R>::builder()).await;
    let (told, called) = async_channel::unbounded();
    time_out(&silence.connection).await;
    for name in ["one", "two"] {
        let told = told.clone();
        silence.client.on_timeout(move |_, _| {
            let told = told.clone();
            async move { told.send(name).await.unwrap() }
        });
        while called.is_empty() {
            time_out(&silence.connection).await;
        }
        assert_eq!(called.recv().await.unwrap(), name);
        silence.client.cancel_timeout_handlers().await;
        while called.try_recv().is_ok() {}
    }
}

/// A handler may do with its client what it likes: ask others, reconnect by
/// hand, cancel handlers, itself among them, and close the client.
pub async fn a_handler_of_timeouts_may_use_its_client<R: Runtime>() {
    let other = listen(Server::<R>::builder().on(REQUEST_URI, || "other")).await;
    let (told, called) = async_channel::unbounded();
    let went_on = Counter::default();
    let count = went_on.clone();
    let builder = Client::<R>::builder().on_timeout(move |client, late| {
        let (told, count) = (told.clone(), count.clone());
        async move {
            let answer = client.connection("other").unwrap().request("u").await;
            assert_message(&answer.unwrap(), RESPOND_URI, "u", "other");
            let new = client.reconnect(&late.to).await.unwrap();
            told.send(new).await.unwrap();
            match &late.uri[..] {
                b"cancel" => client.cancel_timeout_handlers().await,
                _ => client.close().await,
            }
            count.add();
        }
    });
    let silence = silence(builder).await;
    let options = ConnectionOptions::new().with_name("other");
    let other = silence.client.connect_with(other.local_addr(), options);
    other.await.unwrap();
    let mut to = silence.connection;
    for uri in ["cancel", "close"] {
        let error = to.request(uri).timeout(SHORT).await.unwrap_err();
        assert_eq!(error, RequestError::TimedOut(SHORT));
        let new = called.recv().await.unwrap();
        assert_eq!(to.closed().await, CloseReason::Local);
        // It has the place and the name of the last.
        assert_eq!(new.name(), Some("silent"));
        let names = silence.client.connections().into_iter();
        let names: Vec<_> = names.map(|(name, _)| name).collect();
        assert!(uri == "close" || names == ["silent", "other"], "{names:?}");
        to = new;
        silence.client.cancel_timeout_handlers().await;
    }
    assert_eq!(to.closed().await, CloseReason::Local);
    assert!(silence.client.connections().is_empty());
    assert_eq!(went_on.get(), 0);
}
