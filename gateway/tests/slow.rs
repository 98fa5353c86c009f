//! What comes faster from NATS than it is taken: bounded in bytes, and whoever loses something is told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use common::nats::NatsServer;
use common::{Site, patient};
use netaio_driver::core::{Deframer, Gap, Layer, Wire};
use netaio_gateway::{Bus, Gateway};
use netaio_tests::plain;
use netaio_tokio::types::{CONFIRM_SUBSCRIBE, ERROR, NOTIFY_URI, REQUEST_URI};
use netaio_tokio::{Message, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The bytes that may wait at the gateway.
const QUEUE: u32 = 256 * 1024;
const CONTENT: usize = 60_000;
/// What is published to each uri, how often, while the subscriber reads nothing: less than what it is cut
/// off for.
const ROUNDS: u64 = 60;
const URIS: usize = 8;

async fn narrow(nats: &NatsServer) -> Site {
    let options = patient(&nats.url()).with_queue_bytes(QUEUE).unwrap();
    Site::start_at(options, "127.0.0.1:0").await
}

/// A subscriber that reads when it is told to, and what it has got.
struct Subscriber {
    stream: TcpStream,
    deframer: Deframer,
    wire: Arc<Wire>,
    read: BytesMut,
    /// The next number of each uri.
    next: BTreeMap<Bytes, u64>,
    lost: u64,
}

impl Subscriber {
    async fn connect(to: &Site) -> Self {
        let wire = Arc::new(Wire::default());
        Self {
            stream: TcpStream::connect(to.server.local_addr()).await.unwrap(),
            deframer: Deframer::new(wire.clone()),
            wire,
            read: BytesMut::new(),
            next: BTreeMap::new(),
            lost: 0,
        }
    }

    async fn subscribe(&mut self, uri: String) {
        let frame = plain::sealed(&Layer::new(), &Message::subscribe(uri)).unwrap();
        self.stream.write_all(&frame).await.unwrap();
        assert_eq!(self.next().await.message_type, CONFIRM_SUBSCRIBE);
    }

    /// Takes a notification: all before it have come, or it is told that some are lost.
    async fn take(&mut self) {
        let news = self.next().await;
        assert_eq!(news.message_type, NOTIFY_URI);
        let number = u64::from_be_bytes(*news.content.first_chunk().unwrap());
        let next = self.next.entry(news.uri.clone()).or_default();
        if number != *next {
            let is_told = Gap::of(&news).is_some();
            assert!(number > *next && is_told, "{number} {next} {is_told}");
            self.lost += number - *next;
        }
        *next = number + 1;
    }

    async fn next(&mut self) -> Message {
        loop {
            if let Some(frame) = self.deframer.next(&mut self.read).unwrap() {
                return frame.decode(&self.wire).unwrap().into_message();
            }
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0);
        }
    }
}

fn slow_uri(index: usize) -> String {
    format!("slow/{index}")
}

/// Publishes a number to each of the uris.
async fn publish(by: &Gateway, number: u64) {
    let mut content = number.to_be_bytes().to_vec();
    content.resize(CONTENT, b'x');
    for index in 0..URIS {
        let content = Bytes::from(content.clone());
        let told = by.publish(slow_uri(index).as_bytes(), content, None).await;
        told.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_reads_nothing_loses_some_hears_of_it_and_holds_up_nobody() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let (here, there) = (narrow(&nats).await, Site::start(&nats.url()).await.gateway);
    let mut slow = Subscriber::connect(&here).await;
    for index in 0..URIS {
        slow.subscribe(slow_uri(index)).await;
    }
    let quick = here.client().await;
    let mut quick = quick.subscribe("quick").await.unwrap();
    for number in 0..ROUNDS {
        publish(&there, number).await;
        let number = Bytes::from(number.to_string());
        let told = there.publish(b"quick", number.clone(), None).await;
        told.unwrap();
        let news = quick.next().await.unwrap().unwrap().message;
        assert_eq!((news.content.clone(), Gap::of(&news)), (number, None));
    }

    // It reads, and all comes that is published when there is room again, or it is told.
    let publishing = tokio::spawn(async move {
        for number in ROUNDS.. {
            publish(&there, number).await;
        }
    });
    while slow.next.len() < URIS || slow.next.values().any(|next| *next <= ROUNDS) {
        slow.take().await;
    }
    publishing.abort();
    println!("{} were lost, and it was told", slow.lost);
    assert!(slow.lost > 0 && slow.lost <= here.gateway.losses());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_find_no_room_are_answered_at_once() {
    /// Requests of a service that run at once.
    const RUNNING: usize = 256;
    const MORE: usize = 32;
    const LEN: usize = 30_000;
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let (here, there) = (narrow(&nats).await.gateway, Site::start(&nats.url()).await);
    let (go, wait) = tokio::sync::watch::channel(false);
    let work = move |_| {
        let mut wait = wait.clone();
        async move {
            let _ = wait.wait_for(|go| *go).await;
            Reply::ok("done")
        }
    };
    let service = here.service("work", work).await.unwrap();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..RUNNING + MORE {
        let gateway = there.gateway.clone();
        asking.spawn(async move {
            let request = Message::new(REQUEST_URI, "work", vec![b'x'; LEN]);
            gateway.ask(&request, None).await
        });
    }
    // Few of those that do not run fit.
    let fitting = QUEUE as usize / LEN;
    for _ in fitting..MORE {
        let reply = asking.join_next().await.unwrap().unwrap();
        let content = String::from_utf8_lossy(reply.content()).into_owned();
        assert_eq!((reply.message_type(), &*content), (ERROR, "unavailable"));
    }
    assert_eq!(here.losses(), (MORE - fitting) as u64);
    go.send_replace(true);
    while let Some(reply) = asking.join_next().await {
        assert_eq!(reply.unwrap().content(), "done");
    }
    service.stop().await;
}
