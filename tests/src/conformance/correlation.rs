//! Requests with ids: their answers come in any order, and none gets another's.

use std::collections::BTreeMap;
use std::time::Duration;

use async_channel::Receiver;
use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Correlation, Layer, Limits, Message, SendError};
use netaio_driver::{
    BuildError, Client, Connection, Content, Handler, RequestError, Runtime, Server, UdpNode,
};

use super::concurrency::ask_a_thousand_times;
use super::raw::{RawListener, dial, frame, frame_with_id, id_of};
use super::raw_node::{RawNode, bind_node};
use super::support::{
    Counter, Door, GiveUp, assert_message, both, drop_at_every_poll, echo_behind_doors, listen,
    pair, plain_pair, poll_times, spawn, standstill, yield_times,
};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// Handlers that have been called, by their content, each with the door that it
/// waits at before it echoes.
struct Stage {
    called: Receiver<(String, Door)>,
    waiting: BTreeMap<String, Door>,
}

impl Stage {
    fn new() -> (Self, impl Handler<StageArguments>) {
        let (handler, called) = echo_behind_doors();
        let waiting = BTreeMap::new();
        (Self { called, waiting }, handler)
    }

    /// Waits until these have been called, in any order.
    async fn enter(&mut self, names: &[&str]) {
        while !names.iter().all(|name| self.waiting.contains_key(*name)) {
            let (name, door) = self.called.recv().await.expect("the server runs");
            self.waiting.insert(name, door);
        }
    }

    /// Those that have been called and not released.
    fn waiting(&mut self) -> Vec<String> {
        self.waiting
            .extend(std::iter::from_fn(|| self.called.try_recv().ok()));
        self.waiting.keys().cloned().collect()
    }

    fn release(&mut self, name: &str) {
        let door = self.waiting.remove(name).expect("it has been called");
        door.open();
    }
}

type StageArguments = netaio_driver::Deferred<(Content,)>;

/// The answer to a request for `same`, which other tasks wait for too.
fn ask<R: Runtime>(
    to: &Connection,
    content: &str,
) -> impl Future<Output = Result<String, RequestError>> + Send + 'static {
    let request = to
        .request("same")
        .content(content.to_owned())
        .timeout(NEVER);
    spawn::<R, _>(async move {
        let answer = request.await?;
        assert_eq!(answer.message_type, RESPOND_URI);
        Ok(String::from_utf8_lossy(&answer.content).into_owned())
    })
}

/// The answers to requests with ids overtake one another on one connection,
/// whatever the layers.
pub async fn answers_overtake_one_another<R: Runtime>() {
    let outer = Layer::new()
        .with_auth(HmacAuth::new("secret"))
        .with_cipher(Sha256StreamCipher::new("key"));
    for outer in [Layer::new(), outer] {
        let (mut stage, handler) = Stage::new();
        let server = Server::<R>::builder()
            .outer(outer.clone())
            .concurrent_handlers(8)
            .on(REQUEST_URI, handler);
        let pair = pair(server, Client::builder().outer(outer).correlate()).await;
        let mut asked: BTreeMap<_, _> = ["a", "b", "c", "d"]
            .map(|name| (name, ask::<R>(&pair.connection, name)))
            .into();
        stage.enter(&["a", "b", "c", "d"]).await;
        for name in ["c", "a", "d", "b"] {
            stage.release(name);
            let answer = asked.remove(name).expect("it was asked").await;
            assert_eq!(answer.unwrap(), name);
        }
    }
}

/// No more handlers run on one connection than may, and one that is done makes
/// room for another.
pub async fn no_more_run_than_may<R: Runtime>() {
    let other = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "other")).await;
    // One, unless a program says otherwise.
    for most in [None, Some(3)] {
        let (mut stage, handler) = Stage::new();
        let mut server = Server::<R>::builder();
        if let Some(most) = most {
            server = server.concurrent_handlers(most);
        }
        let server = server.on((REQUEST_URI, "same"), handler);
        let pair = pair(server, Client::builder().correlate()).await;
        let most = most.unwrap_or(1);
        let names: Vec<_> = (0..10).map(|number| number.to_string()).collect();
        let mut asked: BTreeMap<_, _> = names
            .iter()
            .map(|name| (name.clone(), ask::<R>(&pair.connection, name)))
            .collect();
        while !asked.is_empty() {
            while stage.waiting().len() < most.min(asked.len()) {
                let (name, door) = stage.called.recv().await.unwrap();
                stage.waiting.insert(name, door);
            }
            standstill(&other.connection, &Counter::default()).await;
            let waiting = stage.waiting();
            assert_eq!(waiting.len(), most.min(asked.len()));
            let last = waiting.last().unwrap();
            stage.release(last);
            assert_eq!(&asked.remove(last).unwrap().await.unwrap(), last);
        }
    }
}

/// The bound on the handlers of all connections holds for those of one, too.
pub async fn all_connections_share_their_places<R: Runtime>() {
    const PLACES: usize = 2;
    let (mut stage, handler) = Stage::new();
    let limits = Limits::default().with_handlers(PLACES).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .concurrent_handlers(100)
        .on(REQUEST_URI, handler);
    let pair = pair(server, Client::builder().correlate()).await;
    let other = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "other")).await;
    let names = ["a", "b", "c", "d", "e"];
    let asked = names.map(|name| ask::<R>(&pair.connection, name));
    for left in (1..=names.len()).rev() {
        while stage.waiting().len() < PLACES.min(left) {
            let (name, door) = stage.called.recv().await.unwrap();
            stage.waiting.insert(name, door);
        }
        standstill(&other.connection, &Counter::default()).await;
        let waiting = stage.waiting();
        assert_eq!(waiting.len(), PLACES.min(left));
        stage.release(&waiting[0]);
    }
    for (asked, name) in asked.into_iter().zip(names) {
        assert_eq!(asked.await.unwrap(), name);
    }
}

/// A message without an id is handled after all before it and before all behind
/// it, however many handlers may run at once.
pub async fn what_has_no_id_keeps_its_place<R: Runtime>() {
    let (mut stage, handler) = Stage::new();
    let server = Server::<R>::builder()
        .concurrent_handlers(8)
        .on(REQUEST_URI, handler);
    let server = listen(server).await;
    let other = plain_pair(Server::<R>::builder().on(REQUEST_URI, || "other")).await;
    let mut raw = dial(&server).await;
    let named = |name: &str, id| frame_with_id(REQUEST_URI, "u", name, id);
    let plain = |name: &str| frame(REQUEST_URI, "u", name);
    let batch = [
        named("a", 1),
        named("b", 2),
        plain("c"),
        plain("d"),
        named("e", 3),
        named("f", 4),
    ];
    raw.write(&batch.concat()).await.unwrap();
    for (together, order) in [
        (&["a", "b"][..], &[("b", Some(2)), ("a", Some(1))][..]),
        (&["c"], &[("c", None)]),
        (&["d"], &[("d", None)]),
        (&["e", "f"], &[("f", Some(4)), ("e", Some(3))]),
    ] {
        stage.enter(together).await;
        standstill(&other.connection, &Counter::default()).await;
        assert_eq!(stage.waiting(), together);
        for (name, id) in order {
            stage.release(name);
            let answer = raw.receive().await.unwrap();
            assert_message(&answer, RESPOND_URI, "u", name);
            assert_eq!(id_of(&answer), *id);
        }
    }
}

/// A plain peer is answered in the order of its requests by a server that runs
/// many handlers at once.
pub async fn a_plain_peer_is_answered_in_order<R: Runtime>() {
    let echo = |content: Content| async move {
        yield_times(content.len() % 5).await;
        content
    };
    let server = Server::<R>::builder()
        .concurrent_handlers(16)
        .on(REQUEST_URI, echo);
    let server = listen(server).await;
    let mut raw = dial(&server).await;
    let contents: Vec<_> = (0..300usize).map(|number| "x".repeat(number % 7)).collect();
    let requests = contents
        .iter()
        .map(|content| frame(REQUEST_URI, "u", content));
    raw.write(&requests.collect::<Vec<_>>().concat())
        .await
        .unwrap();
    for content in contents {
        let answer = raw.receive().await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", content);
        assert_eq!(id_of(&answer), None);
    }
}

/// A thousand requests for one uri are handled side by side, and each caller gets
/// the answer to its own.
pub async fn a_thousand_requests_side_by_side<R: Runtime>() {
    let echo = |content: Content| async move {
        let number: usize = content.to_string().parse().expect("a number");
        yield_times(number * 7 % 11).await;
        content
    };
    let server = Server::<R>::builder()
        .concurrent_handlers(64)
        .on(REQUEST_URI, echo);
    let pair = pair(server, Client::builder().correlate()).await;
    ask_a_thousand_times::<R>(&pair.connection).await;
}

/// An answer that comes after its request has timed out ends no other request for
/// that uri.
pub async fn a_late_answer_ends_nothing<R: Runtime>() {
    let (mut stage, handler) = Stage::new();
    let server = Server::<R>::builder().on(REQUEST_URI, handler);
    let pair = pair(server, Client::builder().correlate()).await;
    let short = Duration::from_millis(20);
    let hasty = pair.connection.request("same").content("hasty");
    let error = hasty.timeout(short).await.unwrap_err();
    assert_eq!(error, RequestError::TimedOut(short));
    stage.enter(&["hasty"]).await;
    // Its answer comes first, for this handler waits for the other.
    let patient = ask::<R>(&pair.connection, "patient");
    stage.release("hasty");
    stage.enter(&["patient"]).await;
    stage.release("patient");
    assert_eq!(patient.await.unwrap(), "patient");
}

/// A server that repeats no ids answers late: its answer goes to nobody, and the next one to
/// who asked next. So it is after a request that was dropped, and on each connection for
/// itself.
pub async fn no_request_gets_the_late_answer_of_another<R: Runtime>() {
    let short = Duration::from_millis(20);
    let listeners = [RawListener::<R>::new().await, RawListener::<R>::new().await];
    let client = Client::<R>::builder().build().unwrap();
    let mut pairs = Vec::new();
    for listener in &listeners {
        let to = client.connect(listener.address()).await.unwrap();
        pairs.push((to, listener.accept().await));
    }
    for answer in [RESPOND_URI, NOT_FOUND] {
        for (to, server) in &mut pairs {
            let error = to.request("u").timeout(short).await.unwrap_err();
            assert_eq!(error, RequestError::TimedOut(short));
            server.receive().await.unwrap();
            let mut dropped = to.request("u").timeout(NEVER).into_future();
            assert_eq!(poll_times(dropped.as_mut(), 1, GiveUp::AtOnce).await, None);
            server.receive().await.unwrap();
            drop(dropped);
            let next = spawn::<R, _>(to.request("u").timeout(NEVER).into_future());
            server.receive().await.unwrap();
            for content in ["of the first", "of the second", "of the third"] {
                server.write(&frame(answer, "u", content)).await.unwrap();
            }
            assert_message(&next.await.unwrap(), answer, "u", "of the third");
        }
    }
}

/// The same over datagrams, of a node that is asked beside another.
pub async fn no_request_gets_the_late_datagram_of_another<R: Runtime>() {
    let short = Duration::from_millis(20);
    let node = bind_node(UdpNode::<R>::builder()).await;
    let (late, other) = (RawNode::<R>::new().await, RawNode::<R>::new().await);
    let error = node.request(late.address(), "u").timeout(short).await;
    assert_eq!(error.unwrap_err(), RequestError::TimedOut(short));
    late.receive().await;
    let ask = |to: &RawNode<R>| {
        let request = node.request(to.address(), "u").timeout(NEVER);
        spawn::<R, _>(request.into_future())
    };
    let to = node.local_addr();
    // The other's answer is its own.
    let asked = ask(&other);
    other.receive().await;
    other.send(&frame(RESPOND_URI, "u", "other"), to).await;
    assert_message(&asked.await.unwrap(), RESPOND_URI, "u", "other");
    let asked = ask(&late);
    late.receive().await;
    for content in ["of the first", "of the second"] {
        late.send(&frame(RESPOND_URI, "u", content), to).await;
    }
    assert_message(&asked.await.unwrap(), RESPOND_URI, "u", "of the second");
}

/// Requests carry ids by themselves; who wants netaio's frames to the byte says so.
pub async fn ids_go_out_unless_told_otherwise<R: Runtime>() {
    let off = || Correlation::default().with_requests(false);
    for (correlation, carry) in [(Correlation::default(), true), (off(), false)] {
        let listener = RawListener::<R>::new().await;
        let client = Client::<R>::builder().correlation(correlation.clone());
        let client = client.build().unwrap();
        let to = client.connect(listener.address()).await.unwrap();
        let mut server = listener.accept().await;
        let asked = spawn::<R, _>(to.request("u").into_future());
        assert_eq!(id_of(&server.receive().await.unwrap()).is_some(), carry);
        server.write(&frame(RESPOND_URI, "u", "")).await.unwrap();
        asked.await.unwrap();

        let node = bind_node(UdpNode::<R>::builder().correlation(correlation)).await;
        let raw = RawNode::<R>::new().await;
        let asked = spawn::<R, _>(node.request(raw.address(), "u").into_future());
        let request = raw.receive().await;
        assert_eq!(id_of(&request).is_some(), carry);
        raw.send(&frame(RESPOND_URI, "u", ""), node.local_addr())
            .await;
        asked.await.unwrap();
    }
}

/// A request that is dropped takes no place: neither among those that may wait,
/// nor before an error that names no uri.
pub async fn a_dropped_request_takes_no_place<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let limits = Limits::default().with_pending_requests(1).unwrap();
    let client = Client::<R>::builder().limits(limits).correlate();
    let client = client.build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let echo = |request: &Message| {
        let mut answer = Message::respond_uri(request.uri.clone(), request.content.clone());
        answer.auth = request.auth.clone();
        answer
    };
    // As long as it is not known to repeat ids, a dropped request leaves a placeholder.
    for number in 0..3 {
        let mut dropped = to.request(format!("{number}")).into_future();
        assert_eq!(poll_times(dropped.as_mut(), 1, GiveUp::AtOnce).await, None);
        server.receive().await.unwrap();
    }
    // Known from now on to repeat ids.
    let first = spawn::<R, _>({
        let to = to.clone();
        async move { to.request("u").await }
    });
    let request = server.receive().await.unwrap();
    server.send(&echo(&request)).await;
    first.await.unwrap();
    for _ in 0..3 {
        let mut dropped = to.request("u").timeout(NEVER).into_future();
        let polled = poll_times(dropped.as_mut(), 1, GiveUp::AtOnce).await;
        assert_eq!(polled, None);
        let late = server.receive().await.unwrap();
        drop(dropped);
        let next = spawn::<R, _>({
            let to = to.clone();
            async move { to.request("next").timeout(NEVER).await }
        });
        let request = server.receive().await.unwrap();
        assert_message(&request, REQUEST_URI, "next", "");
        server.send(&echo(&late)).await;
        server
            .write(&frame(NOT_FOUND, "", "not found"))
            .await
            .unwrap();
        let answer = next.await.unwrap();
        assert_message(&answer, NOT_FOUND, "", "not found");
        // Too late, and harmless.
        server.send(&echo(&request)).await;
    }
    drop(server);
    assert_eq!(to.closed().await, CloseReason::Remote);
}

/// However far requests with ids have come when their futures are dropped, others
/// get their own answers.
pub async fn dropped_requests_cross_nothing<R: Runtime>() {
    let echo = |content: Content| async move {
        yield_times(content.len() % 4).await;
        content
    };
    let server = Server::<R>::builder()
        .concurrent_handlers(4)
        .on(REQUEST_URI, echo);
    let pair = pair(server, Client::builder().correlate()).await;
    drop_at_every_poll(&pair.connection).await;
}

/// Requests with ids are answered in order by a peer that ignores these, and a
/// single request may go without.
pub async fn a_peer_that_ignores_ids_is_believed_in_order<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().correlate().build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let mut asked = Vec::new();
    for number in 0..3u8 {
        let request = to.request("u").correlate(number != 1).timeout(NEVER);
        asked.push(spawn::<R, _>(request.into_future()));
        let request = server.receive().await.unwrap();
        assert_eq!(id_of(&request).is_some(), number != 1);
    }
    for (number, asked) in asked.into_iter().enumerate() {
        let answer = frame(RESPOND_URI, "u", number.to_string());
        server.write(&answer).await.unwrap();
        assert_message(&asked.await.unwrap(), RESPOND_URI, "u", number.to_string());
    }
}

/// A server's handlers ask their client with ids, side by side, and take its
/// answers in any order.
pub async fn a_server_asks_with_ids_too<R: Runtime>() {
    let (mut stage, handler) = Stage::new();
    let asks = |content: Content, client: Connection| async move {
        let answer = client
            .request("name")
            .content(content.0)
            .timeout(NEVER)
            .await;
        answer.expect("the client answers").content.clone()
    };
    let server = Server::<R>::builder()
        .correlate()
        .concurrent_handlers(4)
        .on(REQUEST_URI, asks);
    let client = Client::builder()
        .correlate()
        .concurrent_handlers(4)
        .on((REQUEST_URI, "name"), handler);
    let pair = pair(server, client).await;
    let asked = ["a", "b", "c"].map(|name| ask::<R>(&pair.connection, name));
    stage.enter(&["a", "b", "c"]).await;
    for name in ["b", "c", "a"] {
        stage.release(name);
    }
    for (asked, name) in asked.into_iter().zip(["a", "b", "c"]) {
        assert_eq!(asked.await.unwrap(), name);
    }
}

/// A server that stops waits for all handlers of a connection, and so does one
/// whose client sends no more.
pub async fn the_end_waits_for_all_handlers<R: Runtime>() {
    for stops in [true, false] {
        let (mut stage, handler) = Stage::new();
        let server = Server::<R>::builder()
            .concurrent_handlers(4)
            .on(REQUEST_URI, handler);
        let server = listen(server).await;
        let mut raw = dial(&server).await;
        let named = |(id, name): (u8, &&str)| frame_with_id(REQUEST_URI, "u", name, id);
        let names = ["a", "b", "c"];
        let batch = (1..).zip(&names).flat_map(named).collect::<Vec<_>>();
        raw.write(&batch).await.unwrap();
        stage.enter(&names).await;
        let mut stopping = Box::pin(server.stop_within(NEVER));
        if stops {
            let stopped = poll_times(stopping.as_mut(), 1, GiveUp::AtOnce).await;
            assert_eq!(stopped, None);
        } else {
            raw.finish().await;
        }
        for (name, id) in [("c", 3), ("a", 1), ("b", 2)] {
            stage.release(name);
            let answer = raw.receive().await.unwrap();
            assert_message(&answer, RESPOND_URI, "u", name);
            assert_eq!(id_of(&answer), Some(id));
        }
        assert_eq!(raw.receive().await, None);
        stopping.await;
    }
}

/// An error for what has no handler, or failed a check, ends the request that it
/// belongs to, of several.
pub async fn errors_without_a_uri_find_their_requests<R: Runtime>() {
    let (mut stage, handler) = Stage::new();
    let server = Server::<R>::builder()
        .concurrent_handlers(4)
        .on((REQUEST_URI, "same"), handler)
        .on((REQUEST_URI, "secret"), || "a secret")
        .inner_auth(HmacAuth::new("admin").with_hmac_field("camh"));
    let pair = pair(server, Client::builder().correlate()).await;
    let waiting = ask::<R>(&pair.connection, "waiting");
    stage.enter(&["waiting"]).await;
    let (nowhere, secret) = both(
        pair.connection
            .request("nowhere")
            .timeout(NEVER)
            .into_future(),
        pair.connection
            .request("secret")
            .timeout(NEVER)
            .into_future(),
    )
    .await;
    assert_message(&nowhere.unwrap(), NOT_FOUND, "", "not found");
    let refused = secret.unwrap();
    assert_message(&refused, AUTH_ERROR, "ERROR", "HMAC auth failed");
    stage.release("waiting");
    assert_eq!(waiting.await.unwrap(), "waiting");
}

/// Datagrams carry ids too.
pub async fn datagrams_carry_ids<R: Runtime>() {
    let (mut stage, handler) = Stage::new();
    let node = UdpNode::<R>::builder()
        .no_group()
        .ignore_own_ip(false)
        .on(REQUEST_URI, handler);
    let asked = node.bind("127.0.0.1:0").await.unwrap();
    let asking = UdpNode::<R>::builder()
        .no_group()
        .ignore_own_ip(false)
        .correlate();
    let asking = asking.bind("127.0.0.1:0").await.unwrap();
    let mut answers: BTreeMap<_, _> = ["a", "b", "c"]
        .map(|name| {
            let request = asking.request(asked.local_addr(), "u");
            let request = request.content(name).timeout(NEVER);
            (name, spawn::<R, _>(request.into_future()))
        })
        .into();
    stage.enter(&["a", "b", "c"]).await;
    for name in ["b", "c", "a"] {
        stage.release(name);
        let answer = answers.remove(name).unwrap().await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", name);
    }
}

/// What cannot work is refused when it is built, or asked.
pub async fn what_cannot_work_is_refused<R: Runtime>() {
    let none = Client::<R>::builder().concurrent_handlers(0).build();
    assert!(matches!(none, Err(BuildError::Limits(_))));
    let writes = || HmacAuth::new("s").with_hmac_field(Correlation::FIELD);
    let outer = Client::<R>::builder().auth(writes());
    outer.build().expect("ids are not relied on");
    let outer = Client::<R>::builder().auth(writes()).correlate().build();
    assert!(matches!(outer, Err(BuildError::Correlation(_))));
    let inner = Server::<R>::builder().concurrent_handlers(2);
    let inner = inner.on(REQUEST_URI, || "here").inner_auth(writes());
    let inner = inner.bind("127.0.0.1:0").await;
    assert!(matches!(inner, Err(BuildError::Layer { .. })));
    // Under another name there is room for both.
    let correlation = Correlation::default().with_field("req");
    let server = Server::<R>::builder().auth(writes()).concurrent_handlers(2);
    let server = server
        .correlation(correlation.clone())
        .on(REQUEST_URI, || "here");
    let client = Client::builder().auth(writes()).correlation(correlation);
    let pair = pair(server, client.correlate()).await;
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    let clash = pair
        .connection
        .request("u")
        .inner(Layer::new().with_auth(HmacAuth::new("s").with_hmac_field("req")));
    let error = clash.await.unwrap_err();
    assert!(
        matches!(error, RequestError::Send(SendError::Seal(_))),
        "{error}"
    );
}
