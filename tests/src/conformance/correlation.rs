//! Requests with ids: their answers come in any order, and each is found by its id.

use std::collections::BTreeMap;

use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{Correlation, Layer, SendError};
use netaio_driver::{
    BuildError, Client, Connection, Content, RequestError, Runtime, Server, UdpNode,
};

use super::raw::{RawListener, frame, id_of};
use super::raw_node::{RawNode, bind_node};
use super::stage::{NEVER, Stage, ask};
use super::support::{assert_message, both, pair, spawn};

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
