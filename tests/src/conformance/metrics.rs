//! What servers, clients and nodes say of themselves.

use std::future::pending;

use futures_lite::future::yield_now;
use netaio_driver::core::types::{
    CONFIRM_SUBSCRIBE, ERROR, NOTIFY_URI, REQUEST_URI, SUBSCRIBE_URI,
};
use netaio_driver::core::{Message, plugin::HmacAuth};
use netaio_driver::{
    Client, Content, NoReply, Publisher, Remote, Runtime, Server, ServerEvent, Text, UdpNode, Uri,
    prometheus, testing,
};

use super::raw_node::{bind_node, plain_node};
use super::support::{Door, Pair, assert_message, pair};

/// Messages and bytes are counted at both ends, and what is open or in flight while it is.
pub async fn what_goes_in_and_out_is_counted<R: Runtime>() {
    let door = Door::new();
    let passing = door.clone();
    let builder = Server::<R>::builder()
        .on(REQUEST_URI, |content: Content| content)
        .on((REQUEST_URI, "wait"), move || {
            let door = passing.clone();
            async move { door.pass().await }
        });
    let Pair {
        server,
        client,
        connection,
    } = pair(builder, Client::builder()).await;
    for _ in 0..10 {
        connection.request("echo").content("hi").await.unwrap();
    }
    let asker = connection.clone();
    R::spawn(async move {
        let _ = asker.request("wait").await;
    });
    while server.metrics().running_handlers == 0 || client.metrics().pending_requests == 0 {
        yield_now().await;
    }
    let now = (
        server.metrics().running_handlers,
        client.metrics().pending_requests,
    );
    assert_eq!(now, (1, 1));
    assert_eq!(server.metrics().open_connections, 1);
    door.open();
    while client.metrics().pending_requests > 0 {
        yield_now().await;
    }
    connection.close().await;
    // It is counted, and gone, once its task has ended.
    while server.connections() > 0 || client.metrics().closed_connections == 0 {
        yield_now().await;
    }
    let (ours, theirs) = (client.metrics(), server.metrics());
    assert_eq!(ours.sent_messages, theirs.received_messages);
    assert_eq!(ours.received_messages, theirs.sent_messages);
    assert_eq!(theirs.received_messages, 11, "{theirs:?}");
    assert!(theirs.received_bytes > 11 * 10, "{theirs:?}");
    assert!(ours.sent_bytes >= theirs.received_bytes && ours.received_bytes > 0);
    let ends = [ours, theirs].map(|end| (end.connections, end.closed_connections));
    assert_eq!(ends, [(1, 1); 2]);
    let now = [ours, theirs].map(|end| (end.open_connections, end.pending_requests));
    assert_eq!(now, [(0, 0); 2]);
    // Nobody has asked for times.
    assert_eq!(
        (theirs.handler_times.count(), ours.round_trips.count()),
        (0, 0)
    );
}

/// What netaio sends by itself counts as what handlers send: answers where there is no handler or
/// it fails, errors of layers, and what many get.
pub async fn every_message_is_counted<R: Runtime>() {
    let builder = Server::<R>::builder()
        .on(SUBSCRIBE_URI, |uri: Uri, who: Remote, all: Publisher| {
            all.subscribe(&uri, who).map(drop).map_err(|_| "full")
        })
        .on((REQUEST_URI, "fails"), || -> &'static str {
            panic!("as it is to");
        })
        .on((REQUEST_URI, "sealed"), || "sealed")
        .inner_auth(HmacAuth::new("inner"))
        .on((REQUEST_URI, "none"), || NoReply);
    let Pair {
        server,
        client,
        connection,
    } = pair(builder, Client::builder()).await;
    let mut news = client.messages();
    let subscribed = connection.request_message(Message::subscribe("news")).await;
    assert_eq!(subscribed.unwrap().message_type, CONFIRM_SUBSCRIBE);
    for uri in ["nobody", "fails", "sealed"] {
        assert!(connection.request(uri).await.unwrap().is_error(), "{uri}");
    }
    // Few of them are a frame each: the others are gathered.
    for _ in 0..30 {
        let told = server
            .publisher()
            .notify("news", &Message::notify("news", ""));
        assert!(told.is_ok());
    }
    for _ in 0..30 {
        news.next().await.unwrap();
    }
    connection.send(Message::request("none")).await.unwrap();
    connection.send(Message::ok("unasked", "")).await.unwrap();
    connection.close().await;
    while server.connections() > 0 {
        yield_now().await;
    }
    let (ours, theirs) = (client.metrics(), server.metrics());
    assert_eq!((ours.sent_messages, ours.received_messages), (6, 34));
    // One did not pass its layer.
    assert_eq!((theirs.sent_messages, theirs.received_messages), (34, 5));
    assert_eq!(theirs.refusals.layer, 1);
}

/// Times are measured where that was asked for: of handlers that complete at once or later, of
/// those that panic, and of what an extractor rejects.
pub async fn times_are_measured_where_wanted<R: Runtime>() {
    fn panics() {
        panic!("a panic of the test")
    }
    let builder = Server::<R>::builder()
        .measure_times()
        .on((REQUEST_URI, "now"), || "now")
        .on((REQUEST_URI, "later"), || async {
            yield_now().await;
            "later"
        })
        .on((REQUEST_URI, "never"), pending::<()>)
        .on((REQUEST_URI, "text"), |_: Text| "never")
        .on((REQUEST_URI, "panic"), panics)
        .on((REQUEST_URI, "panic at once"), || async { panics() })
        .on((REQUEST_URI, "panic later"), || async {
            yield_now().await;
            panics()
        });
    let pair = pair(builder, Client::builder().measure_times()).await;
    for uri in ["now", "later", "later"] {
        let answer = pair.connection.request(uri).await.unwrap();
        assert_eq!(answer.into_result().unwrap().content, uri);
    }
    let metrics = pair.server.metrics();
    assert_eq!(metrics.handler_times.count(), 3);
    assert_eq!(metrics.handler_times.buckets().last(), Some((None, 3)));
    let (ours, theirs) = (pair.client.metrics().round_trips, metrics.handler_times);
    assert_eq!(ours.count(), 3);
    assert!(ours.sum() >= theirs.sum());
    let page = prometheus([("server", &metrics), ("client", &pair.client.metrics())]);
    assert!(
        page.contains("netaio_handler_seconds_count{node=\"server\"} 3\n"),
        "{page}"
    );
    assert!(page.contains("netaio_round_trip_seconds_count{node=\"client\"} 3\n"));
    for (uri, count) in [("panic", 4), ("panic at once", 5), ("panic later", 6)] {
        let answer = pair.connection.request(uri).await.unwrap();
        assert_message(&answer, ERROR, uri, "the handler failed");
        assert_eq!(pair.server.metrics().handler_times.count(), count);
    }
    let no_text = pair.connection.request("text").content(&b"\xff"[..]);
    assert_eq!(no_text.await.unwrap().message_type, ERROR);
    assert_eq!(pair.server.metrics().handler_times.count(), 7);
}

/// What is refused is counted by why.
pub async fn refusals_are_counted_by_kind<R: Runtime>() {
    let builder = Server::<R>::builder().auth(HmacAuth::new("secret"));
    let pair = pair(builder, Client::builder()).await;
    assert!(
        pair.connection
            .request("u")
            .await
            .unwrap()
            .into_result()
            .is_err()
    );
    let metrics = pair.server.metrics();
    assert_eq!((metrics.refused_messages, metrics.refusals.layer), (1, 1));
    assert_eq!(metrics.received_messages, 0);
}

/// A node counts its datagrams.
pub async fn a_node_counts_its_datagrams<R: Runtime>() {
    let network = testing::Network::new::<R>(1);
    let [there, here] = ["10.0.0.1:1", "10.0.0.2:1"].map(|it| it.parse().unwrap());
    let echo = UdpNode::<R>::builder()
        .measure_times()
        .on(REQUEST_URI, |content: Content| content)
        .bind_socket(network.bind(there).unwrap())
        .unwrap();
    let socket = network.bind(here).unwrap();
    let node = UdpNode::<R>::builder().bind_socket(socket).unwrap();
    for _ in 0..3 {
        node.request(there, "echo").content("hi").await.unwrap();
    }
    let (ours, theirs) = (node.metrics(), echo.metrics());
    assert_eq!(theirs.received_messages, theirs.datagrams.received);
    assert!(
        ours.sent_messages >= 3 && ours.received_bytes > 0,
        "{ours:?}"
    );
    assert_eq!(theirs.handler_times.count(), 3);
    assert_eq!(ours.pending_requests, 0);
    assert_eq!(ours.round_trips.count(), 0);
}

/// Handlers of a node count while they run.
pub async fn a_node_counts_its_handlers<R: Runtime>() {
    let door = Door::new();
    let passing = door.clone();
    let slow = move || {
        let door = passing.clone();
        async move { door.pass().await }
    };
    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, slow)).await;
    let asking = plain_node::<R>().await;
    let to = node.local_addr();
    for uri in ["one", "other"] {
        let asking = asking.clone();
        R::spawn(async move {
            let _ = asking.request(to, uri).await;
        });
    }
    while node.metrics().running_handlers < 2 {
        yield_now().await;
    }
    door.open();
    while node.metrics().running_handlers > 0 || node.metrics().sent_messages < 2 {
        yield_now().await;
    }
}

/// A stream of events says how many were lost, in their place.
pub async fn a_slow_listener_is_told_what_it_lost<R: Runtime>() {
    let server = Server::<R>::builder().event_queue(2, 64 * 1024);
    let server = server.on(NOTIFY_URI, || NoReply).build().unwrap();
    let mut events = server.events();
    let client = Client::<R>::builder().build().unwrap();
    for _ in 0..5 {
        let ends = testing::connect(&client, &server).unwrap();
        ends.client.send(Message::notify("u", "")).await.unwrap();
    }
    let Some(ServerEvent::EventsLost { count: 3 }) = events.next().await else {
        panic!("three have come before the last two");
    };
    for _ in 0..2 {
        let event = events.next().await;
        assert!(
            matches!(event, Some(ServerEvent::Connected(_))),
            "{event:?}"
        );
    }
    assert_eq!(server.metrics().lost_events, 3);
}
