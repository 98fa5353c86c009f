//! A cluster of three NATS servers and two gateways, of which any are gone now and then.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::Site;
use common::linear::{self, Answered, Asked, Operation};
use common::nats::NatsServer;
use netaio_gateway::{Gateway, GatewayOptions};
use netaio_tokio::Client;
use netaio_tokio::config::RequestBuilder;
use netaio_tokio::types::{NOT_FOUND, OK, RESPOND_URI};
use tokio::sync::mpsc;

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

/// A gateway, as soon as the cluster can have one.
async fn site(urls: &str) -> Site {
    let options = || {
        let options = GatewayOptions::new(urls).unwrap().with_replicas(3).unwrap();
        options.with_timeout(Duration::from_secs(4)).unwrap()
    };
    loop {
        match Gateway::connect(options(), Arc::default()).await {
            Ok(_) => return Site::start_with(options()).await,
            Err(error) => eprintln!("not yet: {error}"),
        }
    }
}

/// `NETAIO_FAULTS` is how many seconds it takes: 20 unless set.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_no_two_create_the_same() {
    let seconds = std::env::var("NETAIO_FAULTS").map_or(20, |text| text.parse().unwrap());
    let Some(mut cluster) = NatsServer::cluster() else {
        return;
    };
    let urls = cluster.each_ref().map(NatsServer::url).join(",");
    let sites = [site(&urls).await, site(&urls).await];
    let (histories, over) = (Histories::default(), Arc::new(AtomicBool::new(false)));
    let uses = Arc::new(AtomicU64::new(0));
    let mut asking = Vec::new();
    for number in 0..CLIENTS {
        let client = sites[usize::try_from(number % 2).unwrap()].client().await;
        let (uses, histories) = (uses.clone(), histories.clone());
        asking.push(tokio::spawn(ask(
            client,
            77 + number,
            uses,
            histories,
            over.clone(),
        )));
    }
    // Servers go and come on a thread of their own, in real time: this is what real time is for.
    let (ended, mut end) = mpsc::channel::<[NatsServer; 3]>(1);
    let faults = std::thread::spawn(move || {
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut random = Random(5);
        let mut kills = 0_u32;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1_000 + random.below(2_000)));
            let gone: &mut [NatsServer] = match random.below(4) {
                0 => &mut cluster,
                index => &mut cluster[usize::try_from(index - 1).unwrap()..][..1],
            };
            gone.iter_mut().for_each(NatsServer::kill);
            std::thread::sleep(Duration::from_millis(random.below(3_000)));
            for server in gone {
                assert!(server.restart());
                kills += 1;
            }
        }
        let _ = ended.blocking_send(cluster);
        kills
    });
    let _cluster = end.recv().await.unwrap();
    let kills = faults.join().unwrap();
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
        "{kills} kills, {all} operations on {} resources, {unknown} unknown",
        histories.len()
    );
    assert!(
        all - unknown > 100,
        "{all} operations, {unknown} of them unknown"
    );
}
