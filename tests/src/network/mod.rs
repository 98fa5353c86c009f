//! A network in virtual time, over the pure core: datagrams are lost, delayed,
//! doubled and overtaken, the network falls apart and heals, and clocks jump.
//!
//! Everything follows from the seed: the same network gives the same run.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "these are tests, although not in a test target: they fail by panicking"
)]

mod faults;
mod host;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use chacha20::ChaCha8Rng;
use netaio_core::{Layer, Limits, LinkConfig, ManagementConfig, Now};
use rand_core::{Rng, SeedableRng};

pub use self::faults::Faults;
pub use self::host::{GROUP, Host, address};

/// The Unix time at which every run begins.
const EPOCH: u64 = 1_700_000_000;

/// Nodes, and what is on its way between them.
pub struct Network {
    hosts: Vec<Host>,
    queue: BinaryHeap<Reverse<Happening>>,
    made: u64,
    now: Duration,
    faults: Faults,
    rng: ChaCha8Rng,
    delivered: u64,
    buffer: Option<Buffer>,
    /// Until when each node handles what is in its buffer.
    busy: Vec<Duration>,
    overflowed: u64,
}

/// The receive buffer of a node's socket: what does not fit is lost.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Datagrams that it holds. Linux has room for some 277 of 100 bytes by default: each
    /// takes 768 of 212,992.
    pub datagrams: u32,
    /// The time that a node takes for each of them.
    pub each: Duration,
}

/// By time, then in the order of its making: to whom, and what.
type Happening = (Duration, u64, usize, What);

/// What happens to a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// It starts to manage its peers.
    Start,
    /// A deadline of its own has come.
    Alarm,
    /// A datagram comes to its socket.
    Arrival(SocketAddr, Bytes),
    /// It takes a datagram from its socket.
    Datagram(SocketAddr, Bytes),
}

/// How the nodes of a network are made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many there are.
    pub nodes: usize,
    /// Their outer layer.
    pub outer: Layer,
    /// Their limits.
    pub limits: Limits,
    /// How they manage their peers.
    pub management: ManagementConfig,
    /// The time within which they start, one after the other by chance.
    pub starts: Duration,
    /// What the run follows from.
    pub seed: u64,
}

impl Setup {
    /// Nodes with netaio's defaults, which start within one period.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            nodes,
            outer: Layer::new(),
            limits: Limits::default(),
            management: ManagementConfig::new(),
            starts: Duration::from_secs(20),
            seed: 1,
        }
    }
}

impl Network {
    /// A network in which nothing has happened.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        Self::with_layers(setup, |_| setup.outer.clone())
    }

    /// The same, with an outer layer for every node.
    #[must_use]
    pub fn with_layers(setup: &Setup, outer: impl Fn(usize) -> Layer) -> Self {
        let mut network = Self {
            hosts: Vec::new(),
            queue: BinaryHeap::new(),
            made: 0,
            now: Duration::ZERO,
            faults: Faults::none(),
            rng: ChaCha8Rng::seed_from_u64(setup.seed),
            delivered: 0,
            buffer: None,
            busy: vec![Duration::ZERO; setup.nodes],
            overflowed: 0,
        };
        for number in 0..setup.nodes {
            let seed = network.rng.next_u64();
            let config = LinkConfig::new().with_limits(setup.limits.clone());
            let config = config.with_outer(outer(number));
            let host = Host::new(number, config, setup.management.clone(), seed);
            network.hosts.push(host);
            let within = u64::try_from(setup.starts.as_micros()).unwrap_or(u64::MAX);
            let start = Duration::from_micros(network.rng.next_u64() % within.max(1));
            network.happen(start, number, What::Start);
        }
        network
    }

    /// What befalls datagrams from now on.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Gives the nodes' sockets buffers; without any they hold whatever comes.
    pub fn set_buffer(&mut self, buffer: Option<Buffer>) {
        self.buffer = buffer;
    }

    /// Datagrams that were lost since a buffer was full.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// The nodes.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// One node, to be changed: its clock, its handlers.
    pub fn host_mut(&mut self, number: usize) -> Option<&mut Host> {
        self.hosts.get_mut(number)
    }

    /// How much time has passed.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Datagrams that have reached somebody.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The share of all pairs that know each other, 0 to 1: of `n` nodes, each
    /// can know `n - 1`.
    #[must_use]
    pub fn known(&self) -> f64 {
        let known: usize = self.hosts.iter().map(|host| host.peers().len()).sum();
        let pairs = self
            .hosts
            .len()
            .saturating_mul(self.hosts.len().saturating_sub(1));
        known as f64 / pairs.max(1) as f64
    }

    /// Puts a datagram onto the network that claims to come from an address.
    pub fn inject(&mut self, from: SocketAddr, to: usize, datagram: impl Into<Bytes>) {
        self.happen(self.now, to, What::Datagram(from, datagram.into()));
    }

    /// Lets everything happen that happens until a time.
    pub fn run_until(&mut self, until: Duration) {
        while let Some(Reverse((at, ..))) = self.queue.peek()
            && *at <= until
            && let Some(Reverse((at, _, number, what))) = self.queue.pop()
        {
            self.now = at;
            self.step(number, what);
        }
        self.now = until;
    }

    /// As [`run_until`](Self::run_until), from now on.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now.saturating_add(time));
    }

    /// Puts a datagram into the buffer of a socket, unless that is full.
    fn arrive(&mut self, number: usize, from: SocketAddr, datagram: Bytes) {
        let datagram = What::Datagram(from, datagram);
        let (Some(buffer), Some(busy)) = (self.buffer, self.busy.get_mut(number)) else {
            return self.happen(self.now, number, datagram);
        };
        let handled = (*busy).max(self.now) + buffer.each;
        if handled - self.now > buffer.each * buffer.datagrams {
            self.overflowed += 1;
            return;
        }
        *busy = handled;
        self.happen(handled, number, datagram);
    }

    fn step(&mut self, number: usize, what: What) {
        if let What::Arrival(from, datagram) = what {
            return self.arrive(number, from, datagram);
        }
        let Some(host) = self.hosts.get_mut(number) else {
            return;
        };
        let now = Now::new(self.now, EPOCH.saturating_add(self.now.as_secs()));
        match what {
            What::Start => host.start(now),
            What::Alarm | What::Arrival(..) => {}
            What::Datagram(from, datagram) => {
                self.delivered = self.delivered.saturating_add(1);
                host.receive(now, from, &datagram);
            }
        }
        let sent = host.poll(now);
        if let Some(alarm) = host.alarm(now) {
            self.happen(alarm, number, What::Alarm);
        }
        for (to, datagram) in sent {
            let receivers = match host::number(to) {
                _ if to == GROUP => 0..self.hosts.len(),
                Some(to) => to..to.saturating_add(1),
                None => 0..0,
            };
            for to in receivers.filter(|to| *to != number) {
                for delay in self.faults.fate(&mut self.rng, (number, to)) {
                    let at = self.now.saturating_add(delay);
                    let datagram = What::Arrival(address(number), datagram.clone());
                    self.happen(at, to, datagram);
                }
            }
        }
    }

    fn happen(&mut self, at: Duration, to: usize, what: What) {
        self.made = self.made.wrapping_add(1);
        self.queue.push(Reverse((at, self.made, to, what)));
    }
}
