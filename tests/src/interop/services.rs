//! What a service of ours has that the package has not, as a plain peer sees it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_lite::future::yield_now;
use netaio_driver::core::Message;
use netaio_driver::core::types::*;
use netaio_driver::{
    Client, Failure, Heartbeat, Path, Publisher, Remote, Reply, Router, Runtime, Server, UdpNode,
    Uri,
};

use super::exchanges::{assert_answer, assert_message};
use super::udp::bind;
use super::{PATIENCE, blocking};
use crate::puppet::{Node, NodeOptions, Op, Puppet};
use crate::python::{Inner, Outer, Python, PythonClient, PythonServer, ServerOptions};

/// Handlers by patterns, and handlers that fail in every way.
fn service() -> Router {
    fn fail<E>(error: E) -> Result<&'static str, E> {
        Err(error)
    }
    Router::new()
        .on(
            (REQUEST_URI, "sensors/{id}/readings"),
            |Path(id): Path<u32>| async move { format!("readings of {id}") },
        )
        .on((REQUEST_URI, "sensors/main/readings"), || "the main one")
        .on((CREATE_URI, "files/{*path}"), |Path(path): Path<String>| {
            path
        })
        .on((REQUEST_URI, "text"), || fail("text"))
        .on((CREATE_URI, "text"), || async { fail("created text") })
        .on((UPDATE_URI, "text"), || fail(String::from("updated text")))
        .on((DELETE_URI, "text"), || fail(&b"deleted text"[..]))
        .on((REQUEST_URI, "unit"), || fail(()))
        .on((REQUEST_URI, "reply"), || fail(Reply::not_found("no such")))
        .on((REQUEST_URI, "fine reply"), || fail(Reply::ok("ok")))
        .on((REQUEST_URI, "failure"), || async {
            Err::<(), _>(io::Error::other("the password is 1234"))?;
            Ok::<_, Failure>("never")
        })
        .on((REQUEST_URI, "not permitted"), || {
            fail(Reply::not_permitted("not you"))
        })
}

/// Python asks for all of it, by the package's own requests.
fn ask_service(python: &mut Puppet) {
    python.timeout = PATIENCE;
    let misfit = "the uri's {id} does not fit";
    for (op, uri, name, content) in [
        (
            Op::Request,
            "sensors/7/readings",
            "RESPOND_URI",
            "readings of 7",
        ),
        (
            Op::Request,
            "sensors/main/readings",
            "RESPOND_URI",
            "the main one",
        ),
        (Op::Request, "sensors/x/readings", "ERROR", misfit),
        (Op::Create, "files/a/b c", "OK", "a/b c"),
        (Op::Request, "text", "ERROR", "text"),
        (Op::Create, "text", "ERROR", "created text"),
        (Op::Update, "text", "ERROR", "updated text"),
        (Op::Delete, "text", "ERROR", "deleted text"),
        (Op::Request, "unit", "ERROR", ""),
        (Op::Request, "reply", "NOT_FOUND", "no such"),
        (Op::Request, "fine reply", "ERROR", "ok"),
        (Op::Request, "failure", "ERROR", "the handler failed"),
    ] {
        let answer = python.request(op, uri.as_bytes(), b"").unwrap();
        let said = answer.message().unwrap();
        assert_eq!(said, (name, content.as_bytes()), "{op:?} {uri}");
    }
    // What has no handler: as the package answers, without the uri.
    tell(python, REQUEST_URI.value(), "sensors/7/other");
    let answer = python.next().unwrap();
    assert_eq!(answer.message().unwrap(), ("NOT_FOUND", &b"not found"[..]));
    // The package's requests do not wait for this type: it comes by itself.
    tell(python, REQUEST_URI.value(), "not permitted");
    expect(python, "NOT_PERMITTED", "not permitted", "not you");
}

fn tell(python: &mut Puppet, kind: u8, uri: &str) {
    let sent = python.send(kind, uri.as_bytes(), b"", &Inner::default());
    sent.unwrap();
}

#[track_caller]
fn expect(python: &mut Puppet, name: &str, uri: &str, content: &str) {
    let answer = python.next().unwrap();
    assert_answer(&answer, name, uri.as_bytes(), content.as_bytes());
}

/// A Python client asks for patterns, and its requests fail as handlers do.
pub async fn python_asks_a_service<R: Runtime>(python: &Python) {
    let server = Server::<R>::builder().merge(service());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let (python, address) = (python.clone(), server.local_addr());
    blocking(move || {
        let mut client = PythonClient::connect(&python, address, &Outer::default()).unwrap();
        ask_service(&mut client);
        client.close().unwrap();
    })
    .await;
    server.stop().await;
}

/// A Python node does the same.
pub async fn a_python_node_asks_a_service<R: Runtime>(python: &Python) {
    let node = bind(UdpNode::<R>::builder().merge(service()).no_group()).await;
    let mut asking = python_node(python, node.local_addr()).await;
    blocking(move || {
        ask_service(&mut asking);
        asking.close().unwrap();
    })
    .await;
    node.stop().await;
}

async fn python_node(python: &Python, to: SocketAddr) -> Node {
    let python = python.clone();
    blocking(move || {
        let mut node = python.node(&NodeOptions::default()).unwrap();
        node.to = Some(to);
        node
    })
    .await
}

/// Grants patterns, but those of rooms.
fn granting() -> Router {
    Router::new()
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Remote, publisher: Publisher| {
                if uri.starts_with(b"rooms/") {
                    return Err(Reply::not_permitted("no patterns of rooms"));
                }
                let subscribed = publisher.subscribe_wildcard(&uri, who);
                subscribed
                    .map(|_| ())
                    .map_err(|error| Reply::error(error.to_string()))
            },
        )
        .on(
            UNSUBSCRIBE_URI,
            |uri: Uri, who: Remote, publisher: Publisher| {
                publisher.unsubscribe_wildcard(&uri, who);
            },
        )
}

/// Subscribes to the very uri, as the package does.
fn literal() -> Router {
    let subscribe = |uri: Uri, who: Remote, publisher: Publisher| {
        let subscribed = publisher.subscribe(&uri, who);
        subscribed.map(|_| ()).map_err(|error| error.to_string())
    };
    Router::new().on(SUBSCRIBE_URI, subscribe)
}

/// Does something with a puppet, which blocks.
async fn with<P: Send + 'static>(mut python: P, act: impl FnOnce(&mut P) + Send + 'static) -> P {
    blocking(move || {
        act(&mut python);
        python
    })
    .await
}

/// How many were told, of a message for a uri that says so.
async fn publish(publisher: &Publisher, uri: &'static str) -> usize {
    let told = publisher.publish(uri, &Message::notify(uri, uri)).await;
    told.unwrap().accepted()
}

const PATTERN: &str = "sensors/*/readings";
const READINGS: &str = "sensors/7/readings";

/// A plain peer asks for a pattern where patterns are granted.
async fn subscribe_to_pattern<P>(mut python: P, publisher: &Publisher) -> P
where
    P: std::ops::DerefMut<Target = Puppet> + Send + 'static,
{
    python = with(python, |python| {
        python.timeout = PATIENCE;
        tell(python, SUBSCRIBE_URI.value(), PATTERN);
        expect(python, "CONFIRM_SUBSCRIBE", PATTERN, "");
        tell(python, SUBSCRIBE_URI.value(), "rooms/*");
        expect(python, "NOT_PERMITTED", "rooms/*", "no patterns of rooms");
        tell(python, SUBSCRIBE_URI.value(), "a*");
        let refused = python.next().unwrap();
        assert_eq!(refused.message().unwrap().0, "ERROR");
    })
    .await;
    for (uri, receivers) in [
        ("sensors/7/other", 0),
        ("sensors/7/readings/more", 0),
        ("rooms/7", 0),
        (READINGS, 1),
        ("sensors/8/readings", 1),
    ] {
        assert_eq!(publish(publisher, uri).await, receivers, "{uri}");
    }
    python = with(python, |python| {
        // With the uri of the message, not the one that was subscribed to.
        expect(python, "NOTIFY_URI", READINGS, READINGS);
        expect(
            python,
            "NOTIFY_URI",
            "sensors/8/readings",
            "sensors/8/readings",
        );
        tell(python, UNSUBSCRIBE_URI.value(), PATTERN);
        expect(python, "CONFIRM_UNSUBSCRIBE", PATTERN, "");
    })
    .await;
    assert_eq!(publish(publisher, READINGS).await, 0);
    python
}

/// A plain peer asks for a pattern where nobody grants any: it is a uri like others.
async fn subscribe_to_stars<P>(mut python: P, publisher: &Publisher) -> P
where
    P: std::ops::DerefMut<Target = Puppet> + Send + 'static,
{
    python = with(python, |python| {
        python.timeout = PATIENCE;
        tell(python, SUBSCRIBE_URI.value(), PATTERN);
        expect(python, "CONFIRM_SUBSCRIBE", PATTERN, "");
    })
    .await;
    assert_eq!(publish(publisher, READINGS).await, 0);
    assert_eq!(publish(publisher, PATTERN).await, 1);
    with(python, |python| {
        expect(python, "NOTIFY_URI", PATTERN, PATTERN);
    })
    .await
}

/// A Python client subscribes to patterns.
pub async fn python_subscribes_to_patterns<R: Runtime>(python: &Python) {
    let connect = |address| {
        let python = python.clone();
        blocking(move || PythonClient::connect(&python, address, &Outer::default()).unwrap())
    };
    let server = Server::<R>::builder().merge(granting());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let client = connect(server.local_addr()).await;
    let client = subscribe_to_pattern(client, server.publisher()).await;
    blocking(move || client.close().unwrap()).await;

    let server = Server::<R>::builder().merge(literal());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let client = connect(server.local_addr()).await;
    let client = subscribe_to_stars(client, server.publisher()).await;
    blocking(move || client.close().unwrap()).await;
}

/// A Python node does the same.
pub async fn a_python_node_subscribes_to_patterns<R: Runtime>(python: &Python) {
    let node = bind(UdpNode::<R>::builder().merge(granting()).no_group()).await;
    let asking = python_node(python, node.local_addr()).await;
    let asking = subscribe_to_pattern(asking, node.publisher()).await;
    blocking(move || asking.close().unwrap()).await;

    let node = bind(UdpNode::<R>::builder().merge(literal()).no_group()).await;
    let asking = python_node(python, node.local_addr()).await;
    let asking = subscribe_to_stars(asking, node.publisher()).await;
    blocking(move || asking.close().unwrap()).await;
}

/// A Python server takes our heartbeats for requests: it goes on, for us and for others, and
/// the times to its answers are counted.
pub async fn python_survives_our_heartbeat<R: Runtime>(python: &Python) {
    let starter = python.clone();
    let server = blocking(move || PythonServer::start(&starter, &ServerOptions::default()));
    let server = server.await.unwrap();
    let heartbeat = Heartbeat::new()
        .with_interval(Duration::from_millis(20))
        .with_timeout(PATIENCE);
    let client = Client::<R>::builder().heartbeat(heartbeat).measure_times();
    let client = client.build().unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    let heard = |times: u64| {
        let client = &client;
        async move {
            while client.metrics().round_trips.count() < times {
                yield_now().await;
            }
        }
    };
    // Nothing else has been asked.
    heard(3).await;
    let (python, address) = (python.clone(), server.addr);
    blocking(move || {
        let mut other = PythonClient::connect(&python, address, &Outer::default()).unwrap();
        other.timeout = PATIENCE;
        let answer = other.request(Op::Request, b"echo", b"to another").unwrap();
        assert_answer(&answer, "RESPOND_URI", b"echo", b"to another");
        other.close().unwrap();
    })
    .await;
    let answer = connection.request("echo").content("to us").await.unwrap();
    assert_message(&answer, RESPOND_URI, "to us");
    let before = client.metrics().round_trips.count();
    heard(before + 2).await;
    let metrics = client.metrics();
    assert_eq!((metrics.connections, metrics.closed_connections), (1, 0));
    assert_eq!(metrics.timed_out_requests, 0);
    assert!(metrics.round_trips.sum() > Duration::ZERO);
    client.close().await;
    blocking(move || server.stop()).await;
}
