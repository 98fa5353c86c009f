//! A run in a network in memory and in paused time follows from its seeds.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use netaio_driver::DatagramSocket;
use netaio_tokio::config::{ManagementConfig, TokioClock};
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::testing::{Conditions, Network};
use netaio_tokio::{Peer, Tokio, UdpNode};
use tokio::runtime::Builder;
use tokio::time::{Instant, timeout};

const NODES: u8 = 5;

/// When something came, from whom, and what.
type Log = Vec<(Duration, SocketAddr, Vec<u8>)>;

async fn run(seed: u8) -> Log {
    let clock = TokioClock::starting_at(1_700_000_000);
    let started = Instant::now();
    let network = Network::with_clock::<Tokio>(seed.into(), clock);
    let delay = Duration::from_millis(5)..=Duration::from_millis(500);
    let bad = Conditions::new().with_loss(0.2).with_duplicates(0.1);
    network.set_conditions(bad.with_delay(delay));
    let mut nodes = Vec::new();
    for number in 1..=NODES {
        let socket = network.bind(([10, 0, 0, number], 8888).into()).unwrap();
        let builder = UdpNode::builder()
            .clock(clock)
            .auth(HmacAuth::new("secret"))
            .predictable_nonces([number; 32])
            .local_peer(Peer::new(number.to_string()))
            .manage_peers(ManagementConfig::new());
        nodes.push(builder.bind_socket(socket).unwrap());
    }
    let listener = network.bind(([10, 0, 0, 100], 8888).into()).unwrap();
    let (mut log, mut buffer) = (Log::new(), BytesMut::new());
    let listen = async {
        loop {
            let received = listener.receive(&mut buffer).await.unwrap();
            let datagram = buffer.split_to(received.len).to_vec();
            log.push((started.elapsed(), received.from, datagram));
        }
    };
    let minutes = Duration::from_secs(120);
    let _: Result<(), _> = timeout(minutes, listen).await;
    assert!(nodes.iter().all(|node| node.peers().len() >= 3));
    log
}

fn repeat(seed: u8) -> Log {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(seed))
}

#[test]
fn a_seed_repeats_a_run_to_the_byte() {
    let first = repeat(1);
    assert!(first.len() > 10, "{first:?}");
    assert_eq!(repeat(1), first);
    assert_ne!(repeat(2), first);
}
