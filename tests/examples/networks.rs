//! The figures of docs/reliability.md on networks: how a thousand nodes find
//! each other while datagrams are lost, what jitter does for the buffers of
//! hundreds, and what a million spoofed advertisements do to one.
//!
//! ```sh
//! cargo run --release -p netaio-tests --example networks            # some minutes
//! cargo run --release -p netaio-tests --example networks 50 10000   # fewer nodes and advertisements
//! ```
use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::plugin::{DefaultPeerPlugin, PeerPlugin, SealContext};
use netaio_core::{Layer, ManagementConfig, Message, Now, Peer, Sealer, Wire, types};
use netaio_tests::network::{Buffer, Faults, Network, Setup};
use rand_core::SeedableRng;

const PERIOD: Duration = Duration::from_secs(20);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let nodes = arguments.next().transpose()?.unwrap_or(1000);
    let spoofed = arguments.next().transpose()?.unwrap_or(1_000_000);
    curves(usize::try_from(nodes)?);
    overflows();
    spoofing(spoofed)
}

/// Known pairs at the end of each period, in percent.
fn curves(nodes: usize) {
    const LOSSES: [u64; 3] = [0, 10, 30];
    println!("{nodes} nodes start within 20 s, advertise every 20 s, and forget after 60 s");
    println!("| after | 0 % lost | 10 % lost | 30 % lost |");
    println!("| --- | --- | --- | --- |");
    let mut networks = LOSSES.map(|loss| {
        let mut network = Network::new(&Setup::new(nodes));
        network.set_faults(Faults::losing(loss));
        network
    });
    for quarter in 1..=20 {
        let known = networks.each_mut().map(|network| {
            network.run_for(PERIOD / 4);
            format!("{:.2} %", network.known() * 100.0)
        });
        println!("| {} s | {} |", quarter * 5, known.join(" | "));
    }
    let delivered = networks.map(|network| network.delivered().to_string());
    println!("| datagrams delivered | {} |", delivered.join(" | "));
}

/// Datagrams that overflow the buffers of sockets within three periods, by the number of nodes in
/// one room, without jitter and with it.
fn overflows() {
    println!();
    println!(
        "nodes in one room, each with a buffer for 277 datagrams, of which it handles 50,000 a second"
    );
    println!(
        "| nodes | datagrams | lost without jitter | pairs known after 21 s | lost with jitter | pairs known after 21 s |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for nodes in [200, 400, 800] {
        let runs = [false, true].map(|jitter| {
            let mut network = Network::new(&Setup {
                management: ManagementConfig::new().with_jitter(jitter),
                ..Setup::new(nodes)
            });
            network.set_faults(Faults {
                delay: (Duration::from_micros(100), Duration::from_micros(300)),
                ..Faults::none()
            });
            network.set_buffer(Some(Buffer {
                datagrams: 277,
                each: Duration::from_micros(20),
            }));
            network.run_for(PERIOD + Duration::from_secs(1));
            let known = format!("{:.2} %", network.known() * 100.0);
            network.run_for(PERIOD * 2);
            (network.delivered(), network.overflowed(), known)
        });
        let [(delivered, lost, known), (_, lost_with, known_with)] = runs;
        println!("| {nodes} | {delivered} | {lost} | {known} | {lost_with} | {known_with} |");
    }
}

/// What is left of 100 peers, and of the table, under spoofed advertisements
/// from as many addresses, each with an id of its own.
fn spoofing(count: u32) -> Result<(), Box<dyn std::error::Error>> {
    let mut network = Network::new(&Setup::new(101));
    network.run_for(PERIOD * 2);
    let mut rng = chacha20::ChaCha8Rng::seed_from_u64(1);
    let (wire, none) = (Wire::default(), Layer::new());
    for number in 0..count {
        let peer = Peer::new(format!("spoofed {number}")).with_data("");
        let packed = DefaultPeerPlugin.pack(&peer)?;
        let message = Message::new(types::ADVERTISE_PEER, "netaio", packed);
        let mut context = SealContext {
            now: Now::default(),
            rng: &mut rng,
            peers: Default::default(),
        };
        let mut datagram = Vec::new();
        Sealer::new().seal(&wire, &none, &none, &message, &mut context, &mut datagram)?;
        let [_, b, c, d] = number.to_be_bytes();
        let from = SocketAddr::from(([172, b, c, d], 8888));
        network.inject(from, 0, datagram);
        // All of them within 100 s of virtual time: a flood.
        if number % 1000 == 0 {
            network.run_for(Duration::from_millis(100));
        }
    }
    network.run_for(Duration::from_secs(1));
    let host = &network.hosts()[0];
    let real = (1..=100).filter(|number| {
        let id = format!("node {number}");
        host.peers().get(id.as_bytes()).is_some()
    });
    println!();
    println!(
        "{count} spoofed advertisements to one of 101 nodes: it knows {} peers, {} of the 100 real ones",
        host.peers().len(),
        real.count()
    );
    let suppressed = host.link().counters().suppressed;
    println!("answers that it did not send: {suppressed:?}");
    Ok(())
}
