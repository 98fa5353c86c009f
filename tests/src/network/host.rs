//! One node of a simulated network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use chacha20::ChaCha8Rng;
use netaio_core::{
    DatagramHub, DatagramHubEvent, DatagramLink, DatagramOutput, LinkConfig, ManagementConfig,
    Node, Now, Peer, PeerEvent, PeerTable, Place,
};
use rand_core::SeedableRng;

const PORT: u16 = 8888;

/// Where all nodes listen.
pub const GROUP: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 1), PORT));

/// Where a node is.
#[must_use]
pub fn address(number: usize) -> SocketAddr {
    let [_, b, c, d] = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    SocketAddr::from(([10, b, c, d], PORT))
}

/// Which node is there.
pub(super) fn number(address: SocketAddr) -> Option<usize> {
    match (address.ip(), address.port()) {
        (IpAddr::V4(ip), PORT) if ip.octets()[0] == 10 => {
            Some((ip.to_bits() & 0x00ff_ffff) as usize)
        }
        _ => None,
    }
}

/// A node, as an event loop of its own would have it: without handlers, and with peers
/// that are managed.
pub struct Host {
    hub: DatagramHub<()>,
    management: ManagementConfig,
    events: Vec<PeerEvent<Place>>,
    /// How far its Unix clock is off, in seconds.
    clock_error: i64,
    alarm: Option<Duration>,
}

impl Host {
    pub(super) fn new(
        number: usize,
        config: LinkConfig,
        management: ManagementConfig,
        seed: u64,
    ) -> Self {
        let mut node = Node::for_datagrams(config);
        let set = node.set_local_peer(Peer::new(format!("node {number}")));
        set.expect("nothing is managed yet");
        let mut seeds = seed..;
        let make_rng = || {
            let seed = seeds.next().unwrap_or(seed);
            ChaCha8Rng::seed_from_u64(seed)
        };
        Self {
            hub: DatagramHub::new(Now::default(), node, Some(GROUP), make_rng),
            management,
            events: Vec::new(),
            clock_error: 0,
            alarm: None,
        }
    }

    /// The peers that it knows.
    #[must_use]
    pub fn peers(&self) -> &PeerTable<Place> {
        self.hub.node().peers()
    }

    /// The protocol's part of it.
    #[must_use]
    pub fn link(&self) -> &DatagramLink {
        self.hub.link()
    }

    /// What happened to its peers since the last call.
    pub fn take_events(&mut self) -> Vec<PeerEvent<Place>> {
        std::mem::take(&mut self.events)
    }

    /// Sets its Unix clock, so many seconds fast.
    pub fn set_clock_error(&mut self, seconds: i64) {
        self.clock_error = seconds;
    }

    fn now(&self, now: Now) -> Now {
        let unix = now.unix.saturating_add_signed(self.clock_error);
        Now::new(now.monotonic, unix)
    }

    pub(super) fn start(&mut self, now: Now) {
        let now = self.now(now);
        let node = self.hub.node_mut();
        let managed = node.manage_peers(now, self.management.clone());
        managed.expect("the peer can be introduced");
    }

    pub(super) fn receive(&mut self, now: Now, from: SocketAddr, datagram: &[u8]) {
        let received = self.hub.receive(self.now(now), from, datagram);
        received.expect("all that came before is handled");
    }

    /// Does what there is to be done, and returns what it sends.
    pub(super) fn poll(&mut self, now: Now) -> Vec<(SocketAddr, Bytes)> {
        let (now, mut sent) = (self.now(now), Vec::new());
        while let Some(output) = self.hub.poll(now) {
            match output {
                DatagramOutput::Transmit { to, bytes, .. } => {
                    sent.push((to, Bytes::copy_from_slice(bytes)));
                }
                DatagramOutput::Event(DatagramHubEvent::Peer(event)) => self.events.push(event),
                _ => {}
            }
        }
        sent
    }

    /// When it is to be woken, unless it will be already.
    pub(super) fn alarm(&mut self, now: Now) -> Option<Duration> {
        let next = self.hub.deadline()?;
        let is_set = |set| set > now.monotonic && set <= next;
        if self.alarm.is_some_and(is_set) {
            return None;
        }
        self.alarm = Some(next);
        Some(next)
    }
}
