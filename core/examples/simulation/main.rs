//! A thousand nodes in virtual time: a discrete-event simulation of a lossy network, in
//! which only the core is real. The nodes find one another, ask the first peer that they
//! come to know for something, and subscribe to its news. `host.rs` has the loop of a node.
//!
//! ```sh
//! cargo run --release -p netaio-core --example simulation         # 1,000 nodes
//! cargo run --release -p netaio-core --example simulation 200 30  # 200, 30 % of datagrams lost
//! ```

mod host;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use chacha20::ChaCha8Rng;
use netaio_core::Now;
use rand_core::{Rng, SeedableRng};

pub(crate) use self::host::{Failure, Host};

const GROUP: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 1), 8888));

/// A datagram on its way to a node, or a node's own deadline: in the order of time, and
/// then of their making.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Duration,
    serial: u64,
    to: usize,
    datagram: Option<Datagram>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    from: SocketAddr,
    bytes: Bytes,
}

pub(crate) struct Network {
    pub(crate) hosts: Vec<Host>,
    queue: BinaryHeap<Reverse<Event>>,
    serial: u64,
    /// Datagrams lost, of 100.
    loss: u64,
    rng: ChaCha8Rng,
}

/// A node's number is its port.
pub(crate) fn address(number: usize) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    ([10, 0, high, low], number as u16).into()
}

fn time(monotonic: Duration) -> Now {
    Now::new(monotonic, 1_700_000_000 + monotonic.as_secs())
}

impl Network {
    pub(crate) fn new(loss: u64) -> Self {
        Self {
            hosts: Vec::new(),
            queue: BinaryHeap::new(),
            serial: 0,
            loss,
            rng: ChaCha8Rng::seed_from_u64(1),
        }
    }

    pub(crate) fn add_host(&mut self) -> Result<(), Failure> {
        let number = self.hosts.len();
        let start = Duration::from_millis(self.rng.next_u64() % 20_000);
        let mut seeds = ChaCha8Rng::from_rng(&mut self.rng);
        let make_rng = || ChaCha8Rng::from_rng(&mut seeds);
        self.hosts.push(Host::new(GROUP, make_rng)?);
        self.schedule(start, number, None);
        Ok(())
    }

    fn schedule(&mut self, at: Duration, to: usize, datagram: Option<Datagram>) {
        self.serial += 1;
        let serial = self.serial;
        self.queue.push(Reverse(Event {
            at,
            serial,
            to,
            datagram,
        }));
    }

    /// Puts a datagram on its way, to one node or to the whole group.
    pub(crate) fn send(&mut self, now: Duration, from: usize, to: SocketAddr, bytes: &Bytes) {
        let receivers = match to == GROUP {
            true => 0..self.hosts.len(),
            false => to.port().into()..usize::from(to.port()) + 1,
        };
        for receiver in receivers.filter(|receiver| *receiver != from) {
            if self.rng.next_u64() % 100 < self.loss {
                continue;
            }
            let delay = Duration::from_micros(1000 + self.rng.next_u64() % 49_000);
            let from = address(from);
            let bytes = bytes.clone();
            self.schedule(now + delay, receiver, Some(Datagram { from, bytes }));
        }
    }

    /// Lets everything happen that happens before a time.
    pub(crate) fn run(&mut self, until: Duration) -> Result<(), Failure> {
        while self.queue.peek().is_some_and(|next| next.0.at < until)
            && let Some(Reverse(event)) = self.queue.pop()
        {
            let (now, host) = (time(event.at), &mut self.hosts[event.to]);
            match event.datagram {
                Some(_) if !host.is_started() => continue,
                Some(Datagram { from, bytes }) => host.receive(now, from, &bytes),
                None if !host.is_started() => host.start(now, event.to)?,
                None => {}
            }
            self.turn(event.at, event.to)?;
        }
        Ok(())
    }

    /// Lets a node do what there is to do, sends what it sends, and notes its deadline.
    fn turn(&mut self, now: Duration, number: usize) -> Result<(), Failure> {
        let host = &mut self.hosts[number];
        let mut sent = Vec::new();
        host.turn(time(now), &mut sent)?;
        if let Some(at) = host.take_alarm(now) {
            self.schedule(at, number, None);
        }
        for (to, bytes) in sent {
            self.send(now, number, to, &bytes);
        }
        Ok(())
    }

    fn publish(&mut self, now: Duration) -> Result<(), Failure> {
        for number in 0..self.hosts.len() {
            self.hosts[number].publish(time(now))?;
            self.turn(now, number)?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let nodes = arguments.next().transpose()?.unwrap_or(1000).clamp(2, 4000) as usize;
    let loss = arguments.next().transpose()?.unwrap_or(0);
    let mut network = Network::new(loss);
    for _ in 0..nodes {
        network.add_host()?;
    }
    println!("{nodes} nodes start within 20 s, and advertise every 20 s");
    for second in 1..=60 {
        network.run(Duration::from_secs(second))?;
        if second == 50 {
            network.publish(Duration::from_secs(second))?;
        }
        let peers: usize = network.hosts.iter().map(Host::peers).sum();
        let share = peers as f64 / (nodes * (nodes - 1)) as f64;
        let bar = "#".repeat((share * 50.0) as usize);
        println!("{second:3} s {:6.2} % {bar}", share * 100.0);
    }
    let count = |of: fn(&Host) -> usize| network.hosts.iter().map(of).sum::<usize>();
    let answered = count(|host| host.answered);
    let failed = count(|host| host.failed);
    let notified = count(|host| host.notified);
    println!("{answered} requests were answered, {failed} failed and were sent again;");
    println!(
        "{notified} nodes were notified of news; {} events",
        network.serial
    );
    assert!(answered <= 2 * nodes && notified <= nodes);
    if loss == 0 {
        assert_eq!((answered, failed, notified), (2 * nodes, 0, nodes));
    }
    Ok(())
}
