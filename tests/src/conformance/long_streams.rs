//! Contents and answers that are taken as they come.

use std::time::Duration;

use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::*;
use netaio_driver::core::{CallOptions, Limits, Message};
use netaio_driver::{
    BodyStream, Client, Content, Failure, LongRequest, Remote, Reply, Runtime, Server, Text,
    UdpNode,
};

use super::raw_node::bind_node;
use super::support::{
    Counter, Door, GiveUp, assert_message, connect, listen, none, pair, plain_pair, poll_times,
    spawn,
};

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 251) as u8).collect()
}

const LENGTHS: [usize; 4] = [0, 70_000, 1_000_000, 5];

/// Takes all, and answers with it.
async fn echo(mut body: BodyStream) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await.transpose()? {
        assert!(!chunk.is_empty() && chunk.len() < 65_000);
        all.extend_from_slice(&chunk);
    }
    assert_eq!(all.len() as u64, body.len());
    Ok(all)
}

/// What handlers take as it comes arrives over streams, in parts or in one frame, and so do answers that
/// are taken so.
pub async fn contents_and_answers_are_taken_as_they_come<R: Runtime>() {
    for layer in [none(), none().with_auth(HmacAuth::new("secret"))] {
        let server = Server::<R>::builder()
            .outer(layer.clone())
            .long_requests()
            .on((CREATE_URI, "echo"), echo)
            // Whatever else a handler takes.
            .on(
                (UPDATE_URI, "echo"),
                |Content(none): Content, body: BodyStream, _: Remote| {
                    assert!(none.is_empty() || none.len() as u64 == body.len());
                    echo(body)
                },
            );
        let pair = pair(server, Client::builder().outer(layer)).await;
        for len in LENGTHS {
            let content = bytes(len);
            for message_type in [CREATE_URI, UPDATE_URI] {
                let message = Message::new(message_type, "echo", content.clone());
                let mut request = LongRequest::new(message);
                let answer = request.send(&pair.connection).await.unwrap();
                assert_message(&answer, OK, "echo", &content);
            }
            let mut request = LongRequest::new(Message::create("echo", content.clone()));
            let mut answer = request.send_for_stream(&pair.connection).await.unwrap();
            assert_eq!((answer.message_type(), answer.len()), (OK, len as u64));
            let mut all = Vec::new();
            while let Some(chunk) = answer.next().await {
                all.extend_from_slice(&chunk.unwrap());
            }
            assert!(all == content && answer.next().await.is_none());
        }
        // In one frame.
        let small = pair.connection.create("echo", "small").await;
        assert_message(&small.unwrap(), OK, "echo", "small");
    }
}

/// So it is with datagrams.
pub async fn contents_and_answers_are_taken_as_they_come_in_datagrams<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .long_requests()
        .on((CREATE_URI, "echo"), echo);
    let node = bind_node(node).await;
    let asking = bind_node(UdpNode::<R>::builder()).await;
    for len in LENGTHS {
        let content = bytes(len);
        let mut request = LongRequest::new(Message::create("echo", content.clone()));
        let to = asking.remote(node.local_addr());
        let mut answer = request.send_for_stream(to).await.unwrap();
        let mut all = Vec::new();
        while let Some(chunk) = answer.next().await {
            all.extend_from_slice(&chunk.unwrap());
        }
        assert_eq!(all, content);
    }
}

/// A handler that takes nothing holds its sender back, and nobody else; no more is held
/// meanwhile than the window, and the rest comes when it goes on.
pub async fn a_reader_that_waits_holds_its_sender_back<R: Runtime>() {
    const WINDOW: usize = 200_000;
    let door = Door::new();
    let (begun, has_begun) = async_channel::bounded(1);
    let slow = {
        let door = door.clone();
        move |mut body: BodyStream| {
            let (door, begun) = (door.clone(), begun.clone());
            async move {
                let first = body.next().await.unwrap().unwrap();
                begun.send(()).await.unwrap();
                door.pass().await;
                let mut len = first.len();
                while let Some(chunk) = body.next().await.transpose()? {
                    len += chunk.len();
                }
                Ok::<_, Failure>(len.to_string())
            }
        }
    };
    let limits = Limits::default().with_long_window(WINDOW).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .long_requests()
        .on((CREATE_URI, "slow"), slow)
        .on((REQUEST_URI, "u"), |text: Text| text.0);
    let pair = plain_pair(server).await;
    let sending = {
        let connection = pair.connection.clone();
        spawn::<R, _>(async move {
            let mut request = LongRequest::new(Message::create("slow", bytes(2_000_000)));
            request = request.timeout(Duration::from_secs(60));
            request.send(&connection).await
        })
    };
    has_begun.recv().await.unwrap();
    // As many parts as may come have come, once the sender asks whether there is room.
    let mut most = 0;
    for _ in 0..200 {
        let answer = pair.connection.request("u").content("others").await;
        assert_message(&answer.unwrap(), RESPOND_URI, "u", "others");
        most = most.max(pair.server.metrics().inbound_bytes);
    }
    assert!(most <= WINDOW + 2 * 65_536, "{most}");
    door.open();
    let answer = sending.await.unwrap();
    assert_message(&answer, OK, "slow", "2000000");
}

/// A request whose handler takes it as it comes goes on over another connection, and its handler
/// is called once; so does an answer that is taken as it comes, behind what was taken.
pub async fn a_stream_goes_on_over_another_connection<R: Runtime>() {
    let calls = Counter::default();
    let counting = {
        let calls = calls.clone();
        move |body: BodyStream| {
            calls.add();
            echo(body)
        }
    };
    let server = Server::<R>::builder()
        .long_requests()
        .on((CREATE_URI, "echo"), counting);
    let server = listen(server).await;
    let content = bytes(600_000);
    let message = Message::create("echo", content.clone());
    let mut request = LongRequest::new(message).window(1);
    let mut all = Vec::new();
    for (number, polls) in (1..).step_by(3).enumerate() {
        let (client, connection) = connect(Client::builder(), &server).await;
        let sending = std::pin::pin!(async {
            let mut answer = request.send_for_stream(&connection).await.unwrap();
            while let Some(chunk) = answer.next().await {
                all.extend_from_slice(&chunk.unwrap());
            }
        });
        let sent = poll_times(sending, polls, GiveUp::Woken).await;
        client.close().await;
        if sent.is_some() {
            assert!(number > 1, "it was cut off");
            break;
        }
    }
    assert!(all == content && calls.get() == 1);
}

/// A handler that answers before it has all ends the sending; one that takes too long is cancelled,
/// and one that panics is an error.
pub async fn a_handler_may_end_before_its_stream<R: Runtime>() {
    let server = Server::<R>::builder()
        .long_requests()
        .on((CREATE_URI, "early"), |_: BodyStream| async {
            Reply::error("enough")
        })
        .on((CREATE_URI, "at once"), |body: BodyStream| {
            body.len().to_string()
        })
        .on((CREATE_URI, "panics"), |_: BodyStream| async {
            if true {
                panic!("as it has to");
            }
        })
        .on((CREATE_URI, "never"), |_: BodyStream| {
            std::future::pending::<()>()
        })
        .route_options(CallOptions::new().with_timeout(Some(Duration::from_millis(20))));
    let pair = plain_pair(server).await;
    for (uri, message_type, text) in [
        ("early", ERROR, "enough"),
        ("at once", OK, "3000000"),
        ("panics", ERROR, "the handler failed"),
        ("never", ERROR, "the handler took too long"),
    ] {
        let mut request = LongRequest::new(Message::create(uri, bytes(3_000_000)));
        let answer = request.send(&pair.connection).await.unwrap();
        assert_message(&answer, message_type, uri, text);
    }
    assert_eq!(pair.server.metrics().inbound_bytes, 0);
}

/// Tells when it is dropped.
struct Told(async_channel::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

/// A handler whose content does not come any more ends with its server.
pub async fn a_stop_ends_handlers_that_wait_for_more<R: Runtime>() {
    let (begun, has_begun) = async_channel::bounded(1);
    let (ended, has_ended) = async_channel::bounded(1);
    let waits = move |mut body: BodyStream| {
        let (begun, told) = (begun.clone(), Told(ended.clone()));
        async move {
            let _told = told;
            begun.send(()).await.unwrap();
            while body.next().await.is_some() {}
        }
    };
    let server = Server::<R>::builder()
        .long_requests()
        .on((CREATE_URI, "waits"), waits);
    let pair = plain_pair(server).await;
    let mut request = LongRequest::new(Message::create("waits", bytes(3_000_000)));
    let mut sending = std::pin::pin!(request.send(&pair.connection));
    for polls in 1.. {
        if has_begun.try_recv().is_ok() {
            break;
        }
        let sent = poll_times(sending.as_mut(), polls.min(2), GiveUp::Woken).await;
        assert!(sent.is_none());
    }
    pair.server.stop().await;
    has_ended.recv().await.unwrap();
}
