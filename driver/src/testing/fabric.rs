//! What is between the sockets and the streams of a network in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_listener::{Event, EventListener};

use super::conditions::{Chance, Conditions};
use super::inbox::Inbox;
use crate::clock::Time;
use crate::context::Sleep;
use crate::sync::{Mutex, lock};

/// What the parts of a network share.
pub(super) struct Fabric {
    pub(super) time: Time,
    pub(super) sleep: Sleep,
    pub(super) seed: u64,
    pub(super) state: Mutex<State>,
    /// Hosts are isolated, or no longer.
    pub(super) changed: Event,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) conditions: Conditions,
    /// Those from one host to another.
    pub(super) between: BTreeMap<(IpAddr, IpAddr), Conditions>,
    pub(super) isolated: BTreeSet<IpAddr>,
    pub(super) sockets: BTreeMap<SocketAddr, Arc<Inbox>>,
    /// That of datagrams from one socket to another.
    chances: BTreeMap<(SocketAddr, SocketAddr), Chance>,
    /// Streams so far.
    streams: u64,
    /// How often the streams of a host were cut.
    cuts: BTreeMap<IpAddr, u64>,
    pub(super) counters: NetworkCounters,
}

/// The datagrams of a [`Network`](super::Network) so far, counted for each receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkCounters {
    /// Sent to a socket that is there.
    pub sent: u64,
    /// Those of them that were lost: by the conditions, on the way from or to an isolated host,
    /// or since 4 MiB wait for the receiver.
    pub lost: u64,
    /// Those that come twice.
    pub doubled: u64,
}

impl State {
    fn way(&self, from: IpAddr, to: IpAddr) -> &Conditions {
        self.between.get(&(from, to)).unwrap_or(&self.conditions)
    }

    fn is_open(&self, from: IpAddr, to: IpAddr) -> bool {
        let ends = [from, to];
        from == to || !ends.iter().any(|host| self.isolated.contains(host))
    }
}

impl Fabric {
    /// The number of a stream, from 1: 0 is that of datagrams.
    pub(super) fn next_stream(&self) -> u64 {
        let streams = &mut lock(&self.state).streams;
        *streams = streams.wrapping_add(1);
        *streams
    }

    /// A port for whoever connects.
    pub(super) fn next_port(&self) -> u16 {
        const FIRST: u16 = 49_152;
        const PORTS: u64 = 16_384;
        let made = lock(&self.state).streams % PORTS;
        FIRST.saturating_add(u16::try_from(made).unwrap_or_default())
    }

    /// Cuts all streams of a host.
    pub(super) fn cut(&self, host: IpAddr) {
        let cuts = &mut lock(&self.state).cuts;
        let count = cuts.entry(host).or_default();
        *count = count.wrapping_add(1);
        self.changed.notify(usize::MAX);
    }

    /// Whether anything comes from one host to another.
    pub(super) fn is_open(&self, from: IpAddr, to: IpAddr) -> bool {
        lock(&self.state).is_open(from, to)
    }

    /// How often the streams of either were cut.
    fn cuts(&self, from: IpAddr, to: IpAddr) -> u64 {
        let cuts = &lock(&self.state).cuts;
        let count = |host| cuts.get(&host).copied().unwrap_or_default();
        count(from).wrapping_add(count(to))
    }

    /// Sends a datagram, to one socket or to all of a group.
    pub(super) fn send(&self, from: SocketAddr, to: SocketAddr, datagram: &Bytes) {
        let now = self.now();
        let state = &mut *lock(&self.state);
        let is_group = to.ip().is_multicast();
        let receivers = state.sockets.iter().filter(|(address, _)| match is_group {
            true => address.port() == to.port() && address.is_ipv4() == to.is_ipv4(),
            false => **address == to,
        });
        for (receiver, inbox) in receivers {
            state.counters.sent = state.counters.sent.saturating_add(1);
            // Within a host nothing is lost or late.
            if from.ip() == receiver.ip() {
                let _ = inbox.put(now, from, datagram.clone());
                continue;
            }
            let seed = self.seed;
            let chance = state.chances.entry((from, *receiver));
            let chance = chance.or_insert_with(|| Chance::of(seed, from, *receiver, 0));
            let way = (from.ip(), receiver.ip());
            let conditions = state.between.get(&way).unwrap_or(&state.conditions);
            let copies = conditions.datagram(chance);
            let cut = [way.0, way.1].iter().any(|it| state.isolated.contains(it));
            let mut arrived = 0_u64;
            for delay in copies.filter(|_| !cut) {
                if inbox.put(now.saturating_add(delay), from, datagram.clone()) {
                    arrived = arrived.saturating_add(1);
                }
            }
            let counted = match arrived {
                0 => &mut state.counters.lost,
                1 => continue,
                _ => &mut state.counters.doubled,
            };
            *counted = counted.saturating_add(1);
        }
    }

    /// Frees the address of a socket.
    pub(super) fn forget(&self, address: SocketAddr) {
        lock(&self.state).sockets.remove(&address);
    }

    pub(super) fn now(&self) -> Duration {
        self.time.monotonic()
    }

    pub(super) async fn sleep(&self, until: Duration) {
        (self.sleep)(self.time.instant(until)).await;
    }
}

/// The way of a stream through a network, in one direction.
pub(super) struct Road {
    fabric: Arc<Fabric>,
    from: SocketAddr,
    to: SocketAddr,
    chance: Mutex<Chance>,
    /// How often its hosts' streams were cut before.
    cuts: u64,
}

impl Road {
    pub(super) fn new(fabric: Arc<Fabric>, from: SocketAddr, to: SocketAddr, stream: u64) -> Self {
        let chance = Chance::of(fabric.seed, from, to, stream);
        let cuts = fabric.cuts(from.ip(), to.ip());
        Self {
            cuts,
            fabric,
            from,
            to,
            chance: Mutex::new(chance),
        }
    }

    /// When something arrives that is sent now.
    pub(super) fn arrival(&self) -> Duration {
        let state = lock(&self.fabric.state);
        let way = state.way(self.from.ip(), self.to.ip());
        let delay = way.part(&mut lock(&self.chance));
        self.now().saturating_add(delay)
    }

    /// Whether it was cut.
    pub(super) fn is_cut(&self) -> bool {
        self.fabric.cuts(self.from.ip(), self.to.ip()) != self.cuts
    }

    /// Whether anything arrives at all.
    pub(super) fn is_open(&self) -> bool {
        self.fabric.is_open(self.from.ip(), self.to.ip())
    }

    /// Is ready when that may have changed.
    pub(super) fn changes(&self) -> EventListener {
        self.fabric.changed.listen()
    }

    pub(super) fn now(&self) -> Duration {
        self.fabric.now()
    }

    pub(super) async fn sleep(&self, until: Duration) {
        self.fabric.sleep(until).await;
    }
}
