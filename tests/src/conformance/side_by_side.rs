//! The handlers of one connection side by side: how many there may be, and what keeps its place.

use std::collections::BTreeMap;

use netaio_driver::core::Limits;
use netaio_driver::core::types::*;
use netaio_driver::{Client, Content, Runtime, Server};

use super::concurrency::ask_a_thousand_times;
use super::raw::{dial, frame, frame_with_id, id_of};
use super::stage::{NEVER, Stage, ask};
use super::support::{
    Counter, GiveUp, assert_message, listen, pair, plain_pair, poll_times, standstill, yield_times,
};

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
