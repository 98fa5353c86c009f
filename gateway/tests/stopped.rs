//! NATS that stands still, its connections open.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::time::Duration;

use common::nats::NatsServer;
use common::process::{self, GatewayProcess};
use common::{Site, patient};
use netaio_tokio::types::{ERROR, OK};
use netaio_tokio::{Client, Message};

/// The bytes that may be on their way to NATS.
const QUEUE: u32 = 2 * 1024 * 1024;
/// What is published in each message, by each client, how often.
const CONTENT: usize = 60_000;
const CLIENTS: usize = 48;
const ROUNDS: usize = 32;
/// What allocators and sockets may take besides.
const SLACK: u64 = 24 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "this is what the other starts as a process"]
async fn a_gateway() {
    process::serve(|servers| {
        let options = patient(servers).with_queue_bytes(QUEUE).unwrap();
        options.with_timeout(Duration::from_millis(200)).unwrap()
    })
    .await;
}

/// Publishes, and says what was answered.
async fn publish(client: &Client, content: Vec<u8>) -> (bool, String) {
    let news = client.request_message(Message::publish("news", content));
    let answer = news.await.unwrap();
    let is_done = answer.message_type == OK;
    assert!(is_done || answer.message_type == ERROR);
    let text = String::from_utf8_lossy(&answer.content).into_owned();
    (is_done, text)
}

/// Each of the clients publishes some times: the answers.
async fn publish_all(clients: &[Client], rounds: usize) -> Vec<(bool, String)> {
    let publishing = clients.iter().cloned().map(|client| {
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..rounds {
                answers.push(publish(&client, vec![b'x'; CONTENT]).await);
            }
            answers
        })
    });
    let mut answers = Vec::new();
    for publishing in publishing.collect::<Vec<_>>() {
        answers.extend(publishing.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishers_are_answered_and_memory_is_bounded_while_nats_stands_still() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let gateway = GatewayProcess::start("a_gateway", &nats.url());
    let there = Site::start(&nats.url()).await;
    let subscriber = there.client().await;
    let mut news = subscriber.subscribe("news").await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let client = Client::builder().build().unwrap();
        client.connect(gateway.address).await.unwrap();
        clients.push(client);
    }
    // It has the memory that it takes while all goes well.
    publish_all(&clients, 4).await;
    let before = gateway.resident();
    nats.stop();
    for (is_done, text) in publish_all(&clients, ROUNDS).await {
        assert_eq!((is_done, &*text), (false, "unavailable"));
    }
    let grown = gateway.resident().saturating_sub(before);
    let offered = CLIENTS * ROUNDS * CONTENT;
    println!("{offered} bytes were published, and memory grew by {grown}");
    assert!(grown < u64::from(QUEUE) + SLACK, "{grown} of {offered}");
    nats.go_on();
    while !publish(&clients[0], b"after".to_vec()).await.0 {}
    for client in &clients {
        while !publish(client, b"more".to_vec()).await.0 {}
    }
    // What came late has come, and what is said to be published comes.
    let mut more = 0;
    while more < CLIENTS {
        let content = news.next().await.unwrap().map(|news| news.message.content);
        more += usize::from(content.is_ok_and(|content| content == "more"));
    }
}
