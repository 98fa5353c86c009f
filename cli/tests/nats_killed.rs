//! Two servers of the command in front of one NATS, of which one is killed under load: its clients go
//! on at the other one.
#![cfg(feature = "nats")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::nats::Nats;
use common::server::Server;
use netaio_core::{Gap, Message};
use netaio_driver::Missed;
use netaio_tokio::types::OK;
use netaio_tokio::{Client, Subscription};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many clients of a kind are at each server to begin with.
const EACH: usize = 2;
/// How much of each kind each client does before the kill, and again after it.
const WORK: usize = 30;

/// A client that stays connected to one of several servers, and to begin with to this one.
async fn client(servers: &str, first: SocketAddr) -> Client {
    loop {
        let client = Client::builder().build().unwrap();
        let connection = client.connect_persistent(servers).await.unwrap();
        // Which one it is chance decides.
        if connection.remote() == Some(first) {
            return client;
        }
    }
}

/// What one client has done so far, which the test waits for.
#[derive(Default)]
struct Done {
    /// How often it was told that it is done.
    acknowledged: watch::Sender<usize>,
    over: AtomicBool,
}

impl Done {
    fn add(&self) {
        self.acknowledged.send_modify(|number| *number += 1);
    }

    /// Waits until a client has done some more.
    async fn more(&self) {
        let mut now = self.acknowledged.subscribe();
        let until = *now.borrow() + WORK;
        now.wait_for(|number| *number >= until).await.unwrap();
    }
}

/// Publishes numbers, one after the other, and returns those that were acknowledged.
fn publish(client: Client, publisher: usize, done: Arc<Done>) -> JoinHandle<Vec<u64>> {
    tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            if done.over.load(Ordering::Acquire) {
                break;
            }
            let news = Message::publish("news", format!("{publisher} {number}"));
            // Without an answer it is not known: it is not made again.
            if let Ok(answer) = client.request_message(news).await {
                assert_eq!(answer.message_type, OK, "{:?}", answer.content);
                acknowledged.push(number);
                done.add();
            }
        }
        acknowledged
    })
}

/// Creates resources and updates one, one after the other, and returns the numbers of those that were
/// acknowledged.
fn change(client: Client, owner: usize, done: Arc<Done>) -> JoinHandle<Vec<u64>> {
    tokio::spawn(async move {
        let counter = format!("counter/{owner}");
        let mut acknowledged = Vec::new();
        for number in 0.. {
            if done.over.load(Ordering::Acquire) {
                break;
            }
            let (uri, content) = (format!("r/{owner}/{number}"), number.to_string());
            let created = client.create(uri, content.clone()).await;
            let counted = match number {
                0 => client.create(counter.clone(), content).await,
                _ => client.update(counter.clone(), content).await,
            };
            let answers = created.and_then(|created| Ok([created, counted?]));
            if let Ok(answers) = answers {
                for answer in answers {
                    assert_eq!(answer.message_type, OK, "{:?}", answer.content);
                }
                acknowledged.push(number);
                done.add();
            }
        }
        acknowledged
    })
}

/// What came of each publisher, in the parts that the subscriber was told to have a gap between.
type Heard = Vec<BTreeMap<usize, Vec<u64>>>;

fn listen(mut news: Subscription) -> JoinHandle<Heard> {
    tokio::spawn(async move {
        let mut heard = Heard::from([BTreeMap::new()]);
        loop {
            let message = match news.next().await.unwrap() {
                Ok(notification) => notification.message,
                Err(missed) => {
                    assert_eq!(missed, Missed::Resubscribed);
                    heard.push(BTreeMap::new());
                    continue;
                }
            };
            assert_eq!(Gap::of(&message), None);
            let text = String::from_utf8(message.content.to_vec()).unwrap();
            let Some((publisher, number)) = text.split_once(' ') else {
                assert_eq!(text, "last");
                return heard;
            };
            let part = heard.last_mut().unwrap();
            let part = part.entry(publisher.parse().unwrap()).or_default();
            part.push(number.parse().unwrap());
        }
    })
}

/// Of what was acknowledged between the first and the last that came, all came, each once and in
/// order.
fn assert_whole(part: &[u64], acknowledged: &[u64]) {
    assert!(part.is_sorted_by(|one, next| one < next), "{part:?}");
    let (first, last) = (part.first().unwrap(), part.last().unwrap());
    for number in acknowledged {
        let is_here = part.binary_search(number).is_ok();
        assert!(
            is_here || number < first || number > last,
            "{number} is lost"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_of_a_killed_server_go_on_at_another_and_nothing_acknowledged_is_lost() {
    let Some(nats) = Nats::start() else {
        return;
    };
    let servers = [(); 2].map(|()| Server::start(&["--nats", &nats.url]));
    let addresses = servers.each_ref().map(|server| server.addr);
    let list = addresses.map(|address| address.to_string()).join(",");
    let (mut done, mut heard) = (Vec::new(), [Vec::new(), Vec::new()]);
    let (mut publishers, mut owners) = (Vec::new(), Vec::new());
    for (index, address) in addresses.into_iter().enumerate() {
        for _ in 0..EACH {
            let subscriber = client(&list, address).await;
            let news = subscriber.subscribe("news").await.unwrap();
            heard[index].push((subscriber, listen(news)));
        }
    }
    for address in addresses {
        for _ in 0..EACH {
            let doing = [(); 2].map(|()| Arc::<Done>::default());
            let clients = [client(&list, address).await, client(&list, address).await];
            let [publisher, owner] = clients;
            let number = publishers.len();
            publishers.push(publish(publisher, number, doing[0].clone()));
            owners.push(change(owner, number, doing[1].clone()));
            done.extend(doing);
        }
    }
    for done in &done {
        done.more().await;
    }
    let [killed, other] = servers;
    killed.kill("-KILL");
    for done in &done {
        done.more().await;
    }
    for done in &done {
        done.over.store(true, Ordering::Release);
    }
    let mut published = Vec::new();
    for publisher in publishers {
        published.push(publisher.await.unwrap());
    }
    let check = Client::builder().build().unwrap();
    check.connect(other.addr).await.unwrap();
    let last = check.request_message(Message::publish("news", "last"));
    // All subscribers are at the other one now.
    assert_eq!(last.await.unwrap().content, (2 * EACH).to_string());
    for (index, subscribers) in heard.into_iter().enumerate() {
        for (subscriber, heard) in subscribers {
            let heard = heard.await.unwrap();
            // Those of the killed one know of a gap, and those of the other one have none.
            assert_eq!(heard.len(), 2 - index);
            for (publisher, acknowledged) in published.iter().enumerate() {
                for part in &heard {
                    assert_whole(&part[&publisher], acknowledged);
                }
                let first = heard[0][&publisher].first();
                let last = heard[heard.len() - 1][&publisher].last();
                assert_eq!(first, Some(&0));
                assert!(last >= acknowledged.last());
            }
            let connections = subscriber.connections();
            assert_eq!(connections[0].1.remote(), Some(other.addr));
        }
    }
    for (owner, changes) in owners.into_iter().enumerate() {
        let changes = changes.await.unwrap();
        for number in &changes {
            let content = check.request(format!("r/{owner}/{number}")).await.unwrap();
            assert_eq!(content.content, number.to_string());
        }
        let counter = check.request(format!("counter/{owner}")).await.unwrap();
        let counter = String::from_utf8(counter.content.to_vec()).unwrap();
        let counter: u64 = counter.parse().unwrap();
        assert!(counter >= *changes.last().unwrap());
    }
    drop(killed);
}
