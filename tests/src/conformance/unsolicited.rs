//! What a client's streams of messages take: all of it, or what they say is lacking.

use std::pin::pin;
use std::time::{Duration, Instant};

use netaio_driver::core::types::*;
use netaio_driver::core::{CloseReason, Gap, Message};
use netaio_driver::{
    Client, ClientEvent, Connection, Content, LossyMessages, Messages, Runtime, Server,
    ServerBuilder, UdpEvent, UdpNode,
};

use super::raw::{RawListener, frame, frame_with_fields};
use super::raw_node::{RawNode, bind_node};
use super::support::{GiveUp, assert_message, pair, poll_times, spawn, yield_times};

fn number(message: &Message) -> usize {
    let content = std::str::from_utf8(&message.content).unwrap();
    content.parse().unwrap()
}

/// The numbers of the next messages.
async fn numbers(messages: &mut Messages, count: usize) -> Vec<usize> {
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        numbers.push(number(&messages.next().await.unwrap().message));
    }
    numbers
}

/// A server that is asked to tell so much, and answers once it has.
fn talkative<R: Runtime>() -> ServerBuilder<R> {
    let tell = |count: Content, to: Connection| async move {
        for number in 0..count.to_string().parse::<usize>().unwrap() {
            let news = Message::notify("news", number.to_string());
            to.send(news).await.unwrap();
        }
        "told"
    };
    Server::builder()
        .on((REQUEST_URI, "tell"), tell)
        .on((REQUEST_URI, "u"), || "here")
}

/// Who needs a while for each notification gets every one of them, in order.
pub async fn a_slow_subscriber_gets_everything<R: Runtime>() {
    const NEWS: usize = 20_000;
    let pair = pair(talkative::<R>(), Client::builder()).await;
    let mut messages = pair.client.messages();
    // The answer shows that the server knows the connection.
    pair.connection.request("u").await.unwrap();
    for number in 0..NEWS {
        let news = Message::notify("news", number.to_string());
        assert_eq!(
            pair.server.publisher().broadcast(&news).unwrap().accepted(),
            1
        );
    }
    for expected in 0..NEWS {
        let news = messages.next().await.unwrap();
        assert_eq!((number(&news.message), news.gap), (expected, 0));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(20) {
            std::hint::spin_loop();
        }
    }
    assert_eq!(pair.client.metrics().message_bytes, 0);
}

/// What is not read takes no more memory than it may: the server cannot write on.
pub async fn a_stream_that_is_not_read_keeps_the_server_waiting<R: Runtime>() {
    const SIZE: usize = 10_000;
    // The first bound is of messages, the second of bytes.
    for (messages, bytes) in [(10, usize::MAX), (usize::MAX, 100_000)] {
        let listener = RawListener::<R>::new().await;
        let client = Client::<R>::builder().message_queue(messages, bytes);
        let client = client.build().unwrap();
        let mut messages = client.messages();
        client.connect(listener.address()).await.unwrap();
        let mut server = listener.accept().await;
        // More than the sockets' buffers hold.
        let count = 4000;
        let writing = spawn::<R, _>(async move {
            for number in 0..count {
                let mut content = format!("{number:010}").into_bytes();
                content.resize(SIZE, b' ');
                server
                    .write(&frame(NOTIFY_URI, "u", content))
                    .await
                    .unwrap();
            }
            server
        });
        let mut writing = pin!(writing);
        let mut written = None;
        for expected in 0..count {
            if written.is_none() {
                written = poll_times(writing.as_mut(), 1, GiveUp::AtOnce).await;
                assert!(written.is_none() || expected > count / 4, "all fits");
            }
            let message = messages.next().await.unwrap().message;
            let start = Message::notify("u", message.content.slice(..10));
            assert_eq!(number(&start), expected);
            let counters = client.metrics();
            // Each with some bytes of its own.
            assert!(counters.message_bytes < 11 * (SIZE + 1000), "{counters:?}");
            assert!(counters.inbound_bytes < 300_000, "{counters:?}");
        }
    }
}

/// Answers pass a stream that nobody reads.
pub async fn a_request_is_answered_while_the_stream_is_full<R: Runtime>() {
    const NEWS: usize = 5000;
    let client = Client::builder().message_queue(10, 1_000_000);
    let pair = pair(talkative::<R>(), client).await;
    let mut messages = pair.client.messages();
    let answer = pair.connection.request("tell").content(NEWS.to_string());
    assert_message(&answer.await.unwrap(), RESPOND_URI, "tell", "told");
    for _ in 0..10 {
        let answer = pair.connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    }
    // They wait in the connection.
    let counters = pair.client.metrics();
    assert!(counters.inbound_bytes > NEWS * 20, "{counters:?}");
    assert!(numbers(&mut messages, NEWS).await.into_iter().eq(0..NEWS));
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    assert_eq!(pair.client.metrics().inbound_bytes, 0);
}

/// Nor does it matter whether it is the reader of the stream that asks.
pub async fn every_message_may_lead_to_a_request<R: Runtime>() {
    const NEWS: usize = 1000;
    let client = Client::builder().message_queue(1, 1);
    let pair = pair(talkative::<R>(), client).await;
    let mut messages = pair.client.messages();
    let answer = pair.connection.request("tell").content(NEWS.to_string());
    answer.await.unwrap();
    for expected in 0..NEWS {
        assert_eq!(numbers(&mut messages, 1).await, [expected]);
        let answer = pair.connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", "here");
    }
}

/// Messages keep their order: those with handlers wait behind those that wait to be read.
pub async fn handlers_wait_behind_a_full_stream<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder()
        .message_queue(2, 1_000_000)
        .on((NOTIFY_URI, "handled"), || "handled");
    let client = client.build().unwrap();
    let mut messages = client.messages();
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let news: Vec<u8> = (0..4)
        .flat_map(|number| frame(NOTIFY_URI, "u", number.to_string()))
        .collect();
    let handled = frame(NOTIFY_URI, "handled", "");
    server.write(&[news, handled].concat()).await.unwrap();
    let mut answer = Box::pin(async move { server.receive().await });
    for expected in 0..3 {
        // The client has its turns meanwhile.
        for _ in 0..20 {
            let answered = poll_times(answer.as_mut(), 1, GiveUp::AtOnce).await;
            assert!(answered.is_none());
            yield_times(1).await;
        }
        assert_eq!(numbers(&mut messages, 1).await, [expected]);
    }
    assert_message(&answer.await.unwrap(), OK, "handled", "handled");
    assert_eq!(numbers(&mut messages, 1).await, [3]);
}

/// A stream that is dropped takes what waits with it, and lets reading go on.
pub async fn a_dropped_stream_keeps_nothing<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder()
        .message_queue(100, 100_000)
        .on((NOTIFY_URI, "last"), || "");
    let client = client.build().unwrap();
    let (first, second) = (client.messages(), client.messages());
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let news = |number: u8| frame(NOTIFY_URI, "u", vec![number; 50_000]);
    let last = frame(NOTIFY_URI, "last", "");
    for number in 0..2 {
        server.write(&news(number)).await.unwrap();
    }
    server.write(&last).await.unwrap();
    while client.metrics().message_bytes < 100_000 {
        yield_times(1).await;
    }
    drop(first);
    assert!(client.metrics().message_bytes >= 100_000);
    drop(second);
    assert_eq!(client.metrics().message_bytes, 0);
    server.receive().await.unwrap();
    // What comes while there is none is dropped too, and counted.
    server.write(&[news(2), last].concat()).await.unwrap();
    server.receive().await.unwrap();
    assert_eq!(client.metrics().unread_messages, 1);
    let mut messages = client.messages();
    server.write(&news(3)).await.unwrap();
    assert_eq!(messages.next().await.unwrap().message.content[0], 3);
}

/// A server that sends and closes is noticed once all before that was read.
pub async fn what_came_before_the_end_is_still_read<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().message_queue(10, 1_000_000);
    let client = client.build().unwrap();
    let mut messages = client.messages();
    let connection = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let asked = spawn::<R, _>({
        let connection = connection.clone();
        async move { connection.request("never").await }
    });
    server.receive().await.unwrap();
    for number in 0..1000 {
        let news = frame(NOTIFY_URI, "u", number.to_string());
        server.write(&news).await.unwrap();
    }
    drop(server);
    // The request ends at once, and what came before waits.
    assert!(asked.await.is_err());
    assert!(numbers(&mut messages, 1000).await.into_iter().eq(0..1000));
    assert_eq!(connection.closed().await, CloseReason::Remote);
}

/// The numbers of all messages up to the last one, and how many were lost.
async fn lossy_numbers(messages: &mut LossyMessages, last: usize) -> (Vec<usize>, u64) {
    let (mut numbers, mut lost) = (Vec::new(), 0);
    let mut next = 0;
    while numbers.last() != Some(&last) {
        match messages.next().await.unwrap() {
            Ok(news) => {
                let number = number(&news.message);
                // What was lost was told in its place.
                assert_eq!(number, next);
                numbers.push(number);
                next += 1;
            }
            Err(lagged) => {
                lost += lagged.messages;
                next += usize::try_from(lagged.messages).unwrap();
            }
        }
    }
    (numbers, lost)
}

/// A lossy stream keeps nobody waiting, and says how many messages it has lost, and where.
pub async fn a_lossy_stream_says_what_it_lost<R: Runtime>() {
    let client = Client::builder().message_queue(10, 1_000_000);
    let pair = pair(talkative::<R>(), client).await;
    let (mut messages, mut events) = (pair.client.messages_lossy(), pair.client.events());
    let tell = |count: usize| pair.connection.request("tell").content(count.to_string());
    tell(100).await.unwrap();
    // Nothing waits in the connection.
    assert_eq!(pair.client.metrics().inbound_bytes, 0);
    let (numbers, lost) = lossy_numbers(&mut messages, 99).await;
    assert!(numbers.into_iter().eq(90..100));
    assert_eq!((lost, pair.client.metrics().lagged_messages), (90, 90));
    tell(10).await.unwrap();
    let (numbers, lost) = lossy_numbers(&mut messages, 9).await;
    assert_eq!((numbers.len(), lost), (10, 0));
    tell(11).await.unwrap();
    let (numbers, lost) = lossy_numbers(&mut messages, 10).await;
    assert_eq!((numbers.len(), lost), (10, 1));
    assert_eq!(pair.client.metrics().lagged_messages, 91);
    // It is told when it begins.
    pair.connection.close().await;
    for _ in 0..2 {
        let event = events.next().await.unwrap();
        assert!(matches!(event, ClientEvent::Lagged { .. }), "{event:?}");
    }
    let event = events.next().await.unwrap();
    assert!(matches!(event, ClientEvent::Closed { .. }), "{event:?}");
    drop(pair.client);
    assert!(messages.next().await.is_none());
}

/// Each lossy stream gets every message, beside one that keeps the server waiting.
pub async fn every_lossy_stream_gets_everything<R: Runtime>() {
    let client = Client::builder().message_queue(50, 1_000_000);
    let pair = pair(talkative::<R>(), client).await;
    let mut messages = pair.client.messages();
    let mut lossy = [(); 2].map(|()| pair.client.messages_lossy());
    let tell = pair.connection.request("tell").content("49");
    tell.await.unwrap();
    for stream in &mut lossy {
        let (numbers, lost) = lossy_numbers(stream, 48).await;
        assert_eq!((numbers.len(), lost), (49, 0));
    }
    assert!(numbers(&mut messages, 49).await.into_iter().eq(0..49));
}

/// What the server says that it dropped is told with the next message, and counted; so is
/// what a handler takes.
pub async fn a_gap_is_told<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let client = Client::<R>::builder().on((NOTIFY_URI, "handled"), |news: Message| {
        Gap::of(&news).map_or_else(String::new, |lost| lost.to_string())
    });
    let client = client.build().unwrap();
    let (mut messages, mut events) = (client.messages(), client.events());
    client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    for (uri, gap) in [("u", 0), ("u", 3), ("u", 0), ("handled", 4)] {
        server.send(&Message::notify(uri, "").with_gap(gap)).await;
    }
    for gap in [0, 3, 0] {
        assert_eq!(messages.next().await.unwrap().gap, gap);
    }
    assert_message(&server.receive().await.unwrap(), OK, "handled", "4");
    let event = events.next().await.unwrap();
    assert!(matches!(event, ClientEvent::Connected(_)), "{event:?}");
    for expected in [3, 4] {
        match events.next().await.unwrap() {
            ClientEvent::Gap { lost, .. } => assert_eq!(lost, expected),
            other => panic!("another event: {other:?}"),
        }
    }
    assert_eq!(client.metrics().lost_notifications, 7);
}

/// A node tells it too, of whoever sent the notification.
pub async fn a_gap_among_datagrams_is_told<R: Runtime>() {
    let node = UdpNode::<R>::builder().on(NOTIFY_URI, || "");
    let node = bind_node(node).await;
    let mut events = node.events();
    let raw = RawNode::<R>::new().await;
    for gap in [0, 3, 4] {
        let news = Message::notify("u", "").with_gap(gap);
        raw.send(&frame_with_fields(&news), node.local_addr()).await;
        raw.receive().await;
    }
    for expected in [3, 4] {
        match events.next().await.unwrap() {
            UdpEvent::Gap { remote, lost } => {
                assert_eq!((remote, lost), (raw.address(), expected));
            }
            other => panic!("another event: {other:?}"),
        }
    }
    assert_eq!(node.metrics().datagrams.lost_notifications, 7);
}
