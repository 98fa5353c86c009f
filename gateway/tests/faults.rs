//! A cluster of three NATS servers and two gateways before it, of which any are killed now and then.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::linear::{self, Answered, Asked, Operation};
use common::nats::NatsServer;
use common::patient;
use common::process::{self, GatewayProcess};
use netaio_tokio::Client;
use netaio_tokio::config::RequestBuilder;
use netaio_tokio::types::{NOT_FOUND, OK, RESPOND_URI};
use tokio::sync::oneshot;

/// How many clients ask at once, and how many resources they use at a time.
const CLIENTS: u64 = 6;
const RESOURCES: u64 = 3;
/// How often one resource is used before another takes its place.
const USES: u64 = 60;

type Histories = Arc<Mutex<BTreeMap<u64, Vec<Operation>>>>;

#[test]
fn the_checker_finds_what_cannot_have_happened() {
    linear::check_the_checker();
}

/// Numbers that are the same for the same seed: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Asks for one thing after the other until it is over.
async fn ask(
    client: Client,
    seed: u64,
    uses: Arc<AtomicU64>,
    histories: Histories,
    over: Arc<AtomicBool>,
) {
    let mut random = Random(seed);
    while !over.load(Ordering::Relaxed) {
        let used = uses.fetch_add(1, Ordering::Relaxed);
        let resource = used / (USES * RESOURCES) * RESOURCES + used % RESOURCES;
        let uri = format!("r/{resource}");
        let number = u32::try_from(used).unwrap();
        let (asked, request) = match random.below(8) {
            0..2 => (
                Asked::Create(number),
                client.create(uri, number.to_string()),
            ),
            2..4 => (
                Asked::Update(number),
                client.update(uri, number.to_string()),
            ),
            4 => (Asked::Delete, client.delete(uri)),
            _ => (Asked::Read, client.request(uri)),
        };
        let from = Instant::now();
        let answered = answer(request).await;
        let operation = Operation {
            asked,
            answered,
            from,
            to: Instant::now(),
        };
        histories
            .lock()
            .unwrap()
            .entry(resource)
            .or_default()
            .push(operation);
    }
}

async fn answer(request: RequestBuilder) -> Answered {
    let Ok(answer) = request.await else {
        return Answered::Unknown;
    };
    let text = String::from_utf8_lossy(&answer.content);
    match answer.message_type {
        OK => Answered::Done,
        NOT_FOUND => Answered::NotFound,
        RESPOND_URI => Answered::Content(text.parse().unwrap()),
        _ if text == "cannot overwrite" => Answered::Exists,
        _ if text == "unavailable" => Answered::Unknown,
        // Nothing was done by one that came too often too late.
        _ => {
            assert!(text.contains("too many at once"), "{text}");
            Answered::Unknown
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "this is what the others start as a process"]
async fn a_gateway() {
    process::serve(|servers| patient(servers).with_replicas(3).unwrap()).await;
}

/// A client that stays connected to one of the gateways.
async fn client(gateways: &str) -> Client {
    let client = Client::builder().build().unwrap();
    client.connect_persistent(gateways).await.unwrap();
    client
}

/// What is killed, and started again.
struct Killed {
    nats: [NatsServer; 3],
    gateways: [GatewayProcess; 2],
}

/// How often what was killed.
#[derive(Default)]
struct Kills {
    nats: u32,
    gateways: u32,
}

impl Killed {
    /// Kills one or all at random, and starts them again, until it is over.
    fn run(&mut self, end: Instant) -> Kills {
        let mut random = Random(5);
        let mut kills = Kills::default();
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1_000 + random.below(2_000)));
            let away = Duration::from_millis(random.below(3_000));
            let gone: &mut [NatsServer] = match random.below(6) {
                0 => &mut self.nats,
                index @ 1..4 => &mut self.nats[usize::try_from(index - 1).unwrap()..][..1],
                index => {
                    let gateway = &mut self.gateways[usize::try_from(index - 4).unwrap()];
                    gateway.kill();
                    kills.gateways += 1;
                    std::thread::sleep(away);
                    gateway.restart();
                    continue;
                }
            };
            gone.iter_mut().for_each(NatsServer::kill);
            std::thread::sleep(away);
            for server in gone {
                assert!(server.restart());
                kills.nats += 1;
            }
        }
        kills
    }
}

/// `NETAIO_FAULTS` is how many seconds it takes: 20 unless set.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_no_two_create_the_same() {
    let seconds = std::env::var("NETAIO_FAULTS").map_or(20, |text| text.parse().unwrap());
    let Some(nats) = NatsServer::cluster() else {
        return;
    };
    let urls = nats.each_ref().map(NatsServer::url).join(",");
    let start = || GatewayProcess::start("a_gateway", &urls);
    let gateways = [start(), start()];
    let list = gateways
        .each_ref()
        .map(|gateway| gateway.address.to_string())
        .join(",");
    let (histories, over) = (Histories::default(), Arc::new(AtomicBool::new(false)));
    let uses = Arc::new(AtomicU64::new(0));
    let mut asking = Vec::new();
    for number in 0..CLIENTS {
        let (uses, histories) = (uses.clone(), histories.clone());
        let client = client(&list).await;
        let asking_of_one = ask(client, 77 + number, uses, histories, over.clone());
        asking.push(tokio::spawn(asking_of_one));
    }
    // They go and come on a thread of their own, in real time: this is what real time is for.
    let mut killed = Killed { nats, gateways };
    let (ended, end) = oneshot::channel();
    let faults = std::thread::spawn(move || {
        let kills = killed.run(Instant::now() + Duration::from_secs(seconds));
        let _ = ended.send(());
        (killed, kills)
    });
    // Without a word it has panicked, which the thread says.
    let _ = end.await;
    let (_killed, kills) = faults.join().unwrap();
    over.store(true, Ordering::Relaxed);
    for asking in asking {
        asking.await.unwrap();
    }
    let histories = std::mem::take(&mut *histories.lock().unwrap());
    let (mut all, mut unknown) = (0, 0);
    for (resource, history) in &histories {
        all += history.len();
        let is_unknown = |operation: &&Operation| operation.answered == Answered::Unknown;
        unknown += history.iter().filter(is_unknown).count();
        if !linear::is_linearizable(history) {
            let zero = history
                .iter()
                .map(|operation| operation.from)
                .min()
                .unwrap();
            for operation in history {
                let times = [operation.from, operation.to].map(|at| at - zero);
                println!("{times:?} {:?} {:?}", operation.asked, operation.answered);
            }
            panic!("r/{resource} cannot have had these answers");
        }
    }
    println!(
        "{} kills of NATS servers and {} of gateways, {all} operations on {} resources, {unknown} unknown",
        kills.nats,
        kills.gateways,
        histories.len()
    );
    assert!(
        all - unknown > 100,
        "{all} operations, {unknown} of them unknown"
    );
}
