//! Servers that are reconnected, by hand and by themselves.

use std::net::SocketAddr;
use std::time::Duration;

use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::*;
use netaio_driver::core::{BackoffConfig, CloseReason, ManagementConfig, Message, Peer};
use netaio_driver::{
    AutoReconnect, Client, Connection, ConnectionOptions, GaveUp, Reconnected, RequestError,
    Runtime, Server,
};

use super::pipe::{Shape, duplex};
use super::raw::{RawListener, RawTcp, frame};
use super::support::{Counter, Door, assert_message, listen, spawn};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// How long a request waits that is not going to be answered, and the pause
/// between two tries.
const SHORT: Duration = Duration::from_millis(5);

/// What reconnects again and again, and tells of it.
fn persistent<R: Runtime>() -> (AutoReconnect<R>, async_channel::Receiver<Reconnected>) {
    let (told, news) = async_channel::unbounded();
    let policy = AutoReconnect::new()
        .delay(SHORT)
        .max_retries(u32::MAX)
        .on_reconnect(move |_, reconnected| {
            let told = told.clone();
            async move { told.send(reconnected).await.unwrap() }
        });
    (policy, news)
}

fn client<R: Runtime>(policy: AutoReconnect<R>) -> Client<R> {
    Client::builder().auto_reconnect(policy).build().unwrap()
}

/// Connects to a server by a name.
async fn connect<R: Runtime>(client: &Client<R>, to: SocketAddr, name: &str) -> Connection {
    let options = ConnectionOptions::new().with_name(name);
    client.connect_with(to, options).await.unwrap()
}

fn names<R: Runtime>(client: &Client<R>) -> Vec<String> {
    let open = client.connections().into_iter();
    open.map(|(name, _)| name).collect()
}

/// Answers the next request.
async fn answer<R: Runtime>(server: &mut RawTcp<R>, content: &str) {
    let uri = server.receive().await.unwrap().uri;
    let answer = frame(RESPOND_URI, uri, content);
    server.write(&answer).await.unwrap();
}

/// What the next connection sends that a listener accepts is what one made by
/// hand says: nobody came before it.
async fn nobody_came<R: Runtime>(listener: &RawListener<R>) {
    let client = Client::<R>::builder().build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    to.send(Message::publish("by hand", "")).await.unwrap();
    let mut server = listener.accept().await;
    assert_eq!(server.receive().await.unwrap().uri, "by hand");
}

/// A server on which a request times out is connected to anew, and what has its
/// place works on, while the old connection closes.
pub async fn a_late_server_is_reconnected<R: Runtime>() {
    let (policy, news) = persistent();
    let client = client::<R>(policy);
    let listener = RawListener::<R>::new().await;
    let other = listen(Server::<R>::builder().on(REQUEST_URI, || "other")).await;
    let late = connect(&client, listener.address(), "late").await;
    let _other = connect(&client, other.local_addr(), "other").await;
    let mut servers = vec![listener.accept().await];
    let waiting = spawn::<R, _>({
        let late = late.clone();
        async move { late.request("waits").timeout(NEVER).await }
    });
    for round in 0..3 {
        let error = client.request("u").timeout(SHORT).await.unwrap_err();
        assert_eq!(error, RequestError::TimedOut(SHORT));
        servers.push(listener.accept().await);
        let Reconnected {
            connection,
            attempt,
            ..
        } = news.recv().await.unwrap();
        assert_eq!((connection.name(), attempt), (Some("late"), 1));
        assert_eq!(connection.remote(), Some(listener.address()));
        assert_eq!(names(&client), ["late", "other"], "{round}");
        let asking = spawn::<R, _>({
            let client = client.clone();
            async move { client.request("u").timeout(NEVER).await }
        });
        answer::<R>(servers.last_mut().unwrap(), "works").await;
        assert_message(&asking.await.unwrap(), RESPOND_URI, "u", "works");
    }
    assert_eq!(late.closed().await, CloseReason::Local);
    let error = waiting.await.unwrap_err();
    assert_eq!(error, RequestError::Closed(CloseReason::Local));
    assert!(news.is_empty());
}

/// A server that goes and comes back is connected to anew, with the options of
/// the lost connection.
pub async fn a_lost_server_is_reconnected<R: Runtime>() {
    let (policy, news) = persistent();
    let client = Client::<R>::builder()
        .auth(HmacAuth::new("secret"))
        .auto_reconnect(policy)
        .build()
        .unwrap();
    let server = || {
        Server::<R>::builder()
            .auth(HmacAuth::new("secret"))
            .without_auth()
            .on(REQUEST_URI, || "here")
    };
    let mut running = listen(server()).await;
    let address = running.local_addr();
    let options = ConnectionOptions::new().with_name("it").without_auth();
    let mut to = client.connect_with(address, options).await.unwrap();
    for _ in 0..3 {
        let answer = client.request("u").timeout(NEVER).await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
        running.stop().await;
        assert_eq!(to.closed().await, CloseReason::Remote);
        running = server().bind(address).await.unwrap();
        // One that the old server had not accepted any more is lost, too.
        while to.request("u").timeout(NEVER).await.is_err() {
            to = news.recv().await.unwrap().connection;
            assert_eq!(to.name(), Some("it"));
        }
        assert_eq!(names(&client), ["it"]);
    }
}

/// A server that is gone for good is given up after so many tries.
pub async fn a_server_that_stays_away_is_given_up<R: Runtime>() {
    given_up_after::<R>(3, AutoReconnect::new().delay(SHORT).max_retries(3)).await;
    let growing = BackoffConfig::new(SHORT)
        .with_factor(2)
        .with_jitter(true)
        .with_tries(Some(4));
    given_up_after::<R>(4, AutoReconnect::new().backoff(growing)).await;
}

async fn given_up_after<R: Runtime>(tries: u32, policy: AutoReconnect<R>) {
    let (sender, given_up) = async_channel::unbounded();
    let policy = policy.on_give_up(move |client: Client<R>, gave_up| {
        let sender = sender.clone();
        async move {
            assert!(client.connections().is_empty());
            sender.send(gave_up).await.unwrap();
        }
    });
    let client = client::<R>(policy);
    let listener = RawListener::<R>::new().await;
    let address = listener.address();
    let to = connect(&client, address, "it").await;
    let server = listener.accept().await;
    drop(listener);
    drop(server);
    let GaveUp {
        connection,
        attempts,
        error,
        ..
    } = given_up.recv().await.unwrap();
    assert_eq!((connection.name(), attempts), (Some("it"), tries));
    assert_eq!(connection.close_reason(), to.close_reason());
    assert_eq!(error.address, address.to_string());
    assert_eq!(error.source.kind(), std::io::ErrorKind::ConnectionRefused);
    let error = client.request("u").await.unwrap_err();
    assert_eq!(error, RequestError::NotConnected);
    // By hand it can be connected to once it is there again.
    let server = Server::<R>::builder().on(REQUEST_URI, || "back");
    let _server = server.bind(address).await.unwrap();
    let again = client.reconnect(&to).await.unwrap();
    assert_eq!(again.name(), Some("it"));
    let answer = client.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "back");
}

/// What was closed on purpose stays closed, be it in the middle of an attempt.
pub async fn what_was_closed_stays_closed<R: Runtime>() {
    let (policy, news) = persistent();
    let client = client::<R>(policy.delay(NEVER));
    let listener = RawListener::<R>::new().await;
    let one = connect(&client, listener.address(), "one").await;
    let mut server = listener.accept().await;
    one.close().await;
    assert_eq!(server.receive().await, None);
    nobody_came(&listener).await;

    // The second is lost, and waits for its next try when the client is closed.
    let two = connect(&client, listener.address(), "two").await;
    drop(listener.accept().await);
    assert_eq!(two.closed().await, CloseReason::Remote);
    client.close().await;
    nobody_came(&listener).await;
    let three = connect(&client, listener.address(), "three").await;
    drop(listener.accept().await);
    three.closed().await;
    client.cancel_timeout_handlers().await;
    nobody_came(&listener).await;
    assert!(names(&client).is_empty() && news.is_empty());

    // The handles of a client that is dropped keep nothing going.
    let four = connect(&client, listener.address(), "four").await;
    drop(listener.accept().await);
    four.closed().await;
    drop(client);
    // The function went with the client.
    assert!(news.recv().await.is_err());
}

/// Losses alone can be left alone.
pub async fn losses_are_left_alone_where_wanted<R: Runtime>() {
    let (policy, news) = persistent();
    let client = client::<R>(policy.on_loss(false));
    let listener = RawListener::<R>::new().await;
    let lost = connect(&client, listener.address(), "lost").await;
    drop(listener.accept().await);
    assert_eq!(lost.closed().await, CloseReason::Remote);
    nobody_came(&listener).await;
    let late = connect(&client, listener.address(), "late").await;
    let _server = listener.accept().await;
    let error = late.request("u").timeout(SHORT).await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(SHORT));
    let new = news.recv().await.unwrap().connection;
    assert_eq!(new.name(), Some("late"));
    assert_eq!(names(&client), ["late"]);
}

/// With no tries nothing is reconnected, and streams never are: they have no
/// address.
pub async fn what_cannot_be_reconnected_is_let_go<R: Runtime>() {
    let (policy, _news) = persistent();
    let client = client::<R>(policy);
    let [(reader, writer), far] = duplex(Shape::PLAIN);
    let stream = client.connect_halves(reader, writer, None, "stream");
    let stream = stream.unwrap();
    let error = stream.request("u").timeout(SHORT).await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(SHORT));
    assert_eq!(names(&client), ["stream"]);
    drop(far);
    assert_eq!(stream.closed().await, CloseReason::Remote);
    let error = client.reconnect(&stream).await.unwrap_err();
    assert_eq!(error.address, "stream");
    assert_eq!(error.source.kind(), std::io::ErrorKind::Unsupported);
    assert!(names(&client).is_empty());

    let client = self::client::<R>(AutoReconnect::new().max_retries(0));
    let listener = RawListener::<R>::new().await;
    let lost = connect(&client, listener.address(), "lost").await;
    drop(listener.accept().await);
    assert_eq!(lost.closed().await, CloseReason::Remote);
    nobody_came(&listener).await;
}

/// A connection that is lost while the news of it are still being handled is
/// reconnected after that.
pub async fn a_loss_during_the_callback_is_noticed<R: Runtime>() {
    let (calls, door) = (Counter::default(), Door::new());
    let (told, news) = async_channel::unbounded();
    let policy = {
        let (calls, door) = (calls.clone(), door.clone());
        AutoReconnect::new()
            .delay(SHORT)
            .on_reconnect(move |_, reconnected| {
                let (told, door) = (told.clone(), door.clone());
                calls.add();
                async move {
                    told.send(reconnected.connection).await.unwrap();
                    door.pass().await;
                }
            })
    };
    let client = client::<R>(policy);
    let listener = RawListener::<R>::new().await;
    connect(&client, listener.address(), "it").await;
    drop(listener.accept().await);
    drop(listener.accept().await);
    let second = news.recv().await.unwrap();
    assert_eq!(second.closed().await, CloseReason::Remote);
    assert_eq!(calls.get(), 1);
    door.open();
    let mut server = listener.accept().await;
    let third = news.recv().await.unwrap();
    let asking = spawn::<R, _>(async move { third.request("u").timeout(NEVER).await });
    answer::<R>(&mut server, "works").await;
    assert_message(&asking.await.unwrap(), RESPOND_URI, "u", "works");
    assert_eq!(calls.get(), 2);
}

/// Reconnecting by hand replaces what is there, and what is not there any more
/// goes behind the others. Where it fails nothing has changed.
pub async fn reconnecting_by_hand_keeps_the_order<R: Runtime>() {
    let client = Client::<R>::builder().build().unwrap();
    let server = || Server::<R>::builder().on(REQUEST_URI, || "here");
    let (one, two) = (listen(server()).await, listen(server()).await);
    let first = connect(&client, one.local_addr(), "one").await;
    let second = connect(&client, two.local_addr(), "two").await;
    let again = client.reconnect(&first).await.unwrap();
    assert_eq!(names(&client), ["one", "two"]);
    assert_eq!(first.closed().await, CloseReason::Local);
    let answer = client.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");

    // The first handle has no place any more.
    let behind = client.reconnect(&first).await.unwrap();
    assert_eq!(names(&client), ["one", "two", "one"]);
    behind.close().await;

    let address = two.local_addr();
    two.stop().await;
    second.closed().await;
    let error = client.reconnect(&second).await.unwrap_err();
    assert_eq!(error.address, address.to_string());
    one.stop().await;
    again.closed().await;
    assert!(client.reconnect(&again).await.is_err());
    assert!(names(&client).is_empty());
}

/// A client that reconnects stays one peer: the server knows it by its new
/// connection, and it the server.
pub async fn a_client_that_reconnects_stays_a_peer<R: Runtime>() {
    let server = Server::<R>::builder()
        .local_peer(Peer::new("s"))
        .manage_peers(ManagementConfig::new())
        .on(REQUEST_URI, |from: SocketAddr| from.to_string());
    let client = Client::builder()
        .local_peer(Peer::new("c"))
        .manage_peers(ManagementConfig::new());
    let pair = super::support::pair(server, client).await;
    let (mut to, peers) = (pair.connection, pair.server.peers());
    for _ in 0..3 {
        let new = pair.client.reconnect(&to).await.unwrap();
        to.closed().await;
        to = new;
        loop {
            let own = to.request("u").timeout(NEVER).await.unwrap();
            let at_server = peers.get("c").map(|known| known.addresses);
            let of_server = pair.client.peers().of(&to).map(|known| known.peer.id);
            if let (Some([address]), Some(id)) = (at_server.as_deref(), of_server)
                && own.content == address.to_string()
            {
                assert_eq!(id, "s");
                break;
            }
        }
    }
    assert_eq!(pair.client.peers().len(), 1);
}

/// A server's connections lead to nowhere that could be connected to.
pub async fn a_servers_connection_cannot_be_reconnected<R: Runtime>() {
    let (told, heard) = async_channel::unbounded();
    let server = Server::<R>::builder().on(REQUEST_URI, move |from: Connection| {
        told.try_send(from).unwrap();
        "here"
    });
    let pair = super::support::plain_pair(server).await;
    pair.connection.request("u").await.unwrap();
    let from = heard.recv().await.unwrap();
    let error = pair.client.reconnect(&from).await.unwrap_err();
    assert_eq!(error.source.kind(), std::io::ErrorKind::Unsupported);
    assert_eq!(from.close_reason(), None);
}
