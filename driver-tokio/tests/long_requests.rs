//! Contents longer than a frame that are never whole are let go in time, in paused time.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use netaio_tokio::config::TokioClock;
use netaio_tokio::error::LongRequestError;
use netaio_tokio::testing::{self, Conditions, Network};
use netaio_tokio::types::CREATE_URI;
use netaio_tokio::{
    BodyStream, Client, Content, Failure, LongRequest, Message, Remote, Server, Tokio, UdpNode,
};
use tokio::time::{Instant, sleep};

/// Sends some of a content, and gives up while it is on its way.
async fn begin(to: Remote) {
    let mut request = LongRequest::new(Message::create("u", vec![0; 10_000_000]));
    for polls in 1.. {
        let mut sending = Box::pin(request.send(&to));
        for _ in 0..polls {
            let polled = poll_fn(|context| Poll::Ready(sending.as_mut().poll(context)));
            assert!(polled.await.is_pending());
            sleep(Duration::from_millis(1)).await;
        }
        drop(sending);
        if request.sent() > 500_000 {
            return;
        }
    }
}

/// Waits until less than a frame is held, and says for how long.
async fn forgotten(held: impl Fn() -> usize) -> Duration {
    let begun = Instant::now();
    assert!(held() > 500_000);
    while held() > 500_000 {
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(held(), 0);
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn what_is_never_whole_is_forgotten_in_time() {
    let clock = TokioClock::new();
    let minute = Duration::from_secs(60);
    let server = Server::builder().clock(clock).long_requests();
    let server = server.on(CREATE_URI, |content: Content| content);
    let server = server.build().unwrap();
    let client = Client::builder().clock(clock).build().unwrap();
    let ends = testing::connect(&client, &server).unwrap();
    begin(Remote::from(&ends.client)).await;
    // Whoever sent it is gone, and nobody else comes.
    client.close().await;
    let after = forgotten(|| server.metrics().inbound_bytes).await;
    assert!(after >= minute && after < 2 * minute, "{after:?}");

    let network = Network::with_clock::<Tokio>(7, clock);
    let bind = |number| network.bind(([10, 0, 0, number], 8888).into()).unwrap();
    let node = UdpNode::builder().clock(clock).long_requests();
    let node = node.on(CREATE_URI, |content: Content| content);
    let node = node.bind_socket(bind(1)).unwrap();
    let asking = UdpNode::builder().clock(clock);
    let asking = asking.bind_socket(bind(2)).unwrap();
    begin(asking.remote(node.local_addr())).await;
    let after = forgotten(|| node.metrics().inbound_bytes).await;
    assert!(after >= minute && after < 2 * minute, "{after:?}");
}

/// Whatever a network does to datagrams: parts are lost, doubled, and overtake one another.
#[tokio::test(start_paused = true)]
async fn a_bad_network_delivers_contents_and_answers_whole_and_once() {
    let clock = TokioClock::new();
    for seed in 0..10 {
        let network = Network::with_clock::<Tokio>(seed, clock);
        let delay = Duration::from_millis(1)..=Duration::from_millis(300);
        let bad = Conditions::new().with_loss(0.1).with_duplicates(0.1);
        network.set_conditions(bad.with_delay(delay));
        let bind = |number| network.bind(([10, 0, 0, number], 8888).into()).unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let node = UdpNode::builder().clock(clock).long_requests();
        let whole = node.on((CREATE_URI, "whole"), move |content: Content| {
            count.fetch_add(1, Ordering::Relaxed);
            content
        });
        let count = calls.clone();
        let node = whole.on((CREATE_URI, "stream"), move |mut body: BodyStream| {
            count.fetch_add(1, Ordering::Relaxed);
            async move {
                let mut all = Vec::new();
                while let Some(chunk) = body.next().await.transpose()? {
                    all.extend_from_slice(&chunk);
                }
                Ok::<_, Failure>(all)
            }
        });
        let node = node.bind_socket(bind(1)).unwrap();
        let asking = UdpNode::builder().clock(clock);
        let asking = asking.bind_socket(bind(2)).unwrap();
        let content: Vec<_> = (0..700_000).map(|at| (at * 7 % 251) as u8).collect();
        for uri in ["whole", "stream"] {
            let before = calls.load(Ordering::Relaxed);
            let mut request = LongRequest::new(Message::create(uri, content.clone()));
            let answer = loop {
                // Four datagrams in a row may be lost, and then it goes on.
                match request.send(asking.remote(node.local_addr())).await {
                    Ok(answer) => break answer,
                    Err(error) => assert!(matches!(error, LongRequestError::Request(_)), "{error}"),
                }
            };
            assert_eq!(answer.content, content);
            assert_eq!(calls.load(Ordering::Relaxed), before + 1);
        }
    }
}
