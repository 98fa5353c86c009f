//! One node of a simulated network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chacha20::ChaCha8Rng;
use netaio_core::plugin::DefaultPeerPlugin;
use netaio_core::{
    DatagramEvent, DatagramLink, Discovery, Dispatched, LinkConfig, ManagementConfig, Node, Now,
    Peer, PeerEvent, PeerMessage, Peers, SendOptions, Transmits,
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

/// A node, as an event loop of its own would have it: netaio's default handler,
/// and peers that are managed.
pub struct Host {
    link: DatagramLink,
    routes: Node<()>,
    discovery: Discovery<SocketAddr>,
    management: ManagementConfig,
    events: Vec<PeerEvent<SocketAddr>>,
    /// Messages that came to no handler, answered or not.
    unrouted: u64,
    /// How far its Unix clock is off, in seconds.
    clock_error: i64,
    alarm: Option<Duration>,
}

impl Host {
    pub(super) fn new(
        number: usize,
        config: Arc<LinkConfig>,
        management: ManagementConfig,
        seed: u64,
    ) -> Self {
        let mut discovery = Discovery::new(config.wire.clone(), Arc::new(DefaultPeerPlugin));
        let local = Peer::new(format!("node {number}"));
        discovery
            .set_local(Some(local))
            .expect("nothing is managed yet");
        let rng = Box::new(ChaCha8Rng::seed_from_u64(seed));
        Self {
            link: DatagramLink::new(Now::default(), config, rng),
            routes: Node::new(),
            discovery,
            management,
            events: Vec::new(),
            unrouted: 0,
            clock_error: 0,
            alarm: None,
        }
    }

    /// The peers that it knows.
    #[must_use]
    pub fn peers(&self) -> &Peers<SocketAddr> {
        self.discovery.peers()
    }

    /// The protocol's part of it.
    #[must_use]
    pub fn link(&self) -> &DatagramLink {
        &self.link
    }

    /// Messages that came to no handler.
    #[must_use]
    pub fn unrouted(&self) -> u64 {
        self.unrouted
    }

    /// What happened to its peers since the last call.
    pub fn take_events(&mut self) -> Vec<PeerEvent<SocketAddr>> {
        std::mem::take(&mut self.events)
    }

    /// Sets its Unix clock, so many seconds fast.
    pub fn set_clock_error(&mut self, seconds: i64) {
        self.clock_error = seconds;
    }

    fn now(&self, now: Now) -> Now {
        Now::new(
            now.monotonic,
            now.unix.saturating_add_signed(self.clock_error),
        )
    }

    pub(super) fn start(&mut self, now: Now) {
        let config = self.management.clone();
        for key in Discovery::<SocketAddr>::keys(config.app_id().clone()) {
            self.routes.on(key, (), config.inner().clone());
        }
        let begun = self.discovery.begin(self.now(now), config);
        begun.expect("the peer can be introduced");
        self.turn(now);
    }

    pub(super) fn wake(&mut self, now: Now) {
        self.turn(now);
    }

    pub(super) fn receive(&mut self, now: Now, from: SocketAddr, datagram: &Bytes) {
        let local = self.now(now);
        self.link.receive(local, from, datagram[..].into());
        self.turn(now);
    }

    fn turn(&mut self, now: Now) {
        let now = self.now(now);
        self.link.handle_timeout(now);
        self.discovery.handle_timeout(now);
        while let Some(event) = self.link.poll_event() {
            if let DatagramEvent::Message(inbound) = event {
                self.handle(now, inbound);
            }
        }
        while let Some(event) = self.discovery.poll_event() {
            self.events.push(event);
        }
        while let Some(PeerMessage { message, inner }) = self.discovery.poll_advertisement() {
            let options = SendOptions::new().with_inner(inner);
            let sent = self.link.send(now, GROUP, &message, &options);
            sent.expect("there is room for an advertisement");
        }
    }

    fn handle(&mut self, now: Now, inbound: netaio_core::Inbound) {
        match self.link.dispatch(now, inbound, &mut self.routes) {
            Dispatched::Call { message, reply, .. } => {
                let Some(from) = reply.remote() else { return };
                self.discovery.heard(now, from);
                if let Some(answer) = self.discovery.handle(now, from, &message) {
                    let sent = self.link.answer(now, &reply, &answer);
                    sent.expect("there is room for an answer");
                }
            }
            Dispatched::Unrouted { message, reply } => {
                self.unrouted = self.unrouted.saturating_add(1);
                if let Some(answer) = Node::<()>::default_datagram_answer(message.message_type) {
                    let sent = self.link.answer(now, &reply, &answer);
                    sent.expect("there is room for an answer");
                }
            }
            Dispatched::Refused => {}
        }
    }

    pub(super) fn take_sent(&mut self) -> Vec<(SocketAddr, Bytes)> {
        let mut out = Transmits::new();
        self.link.poll_outbound(&mut out);
        let copy = |(to, datagram)| (to, Bytes::copy_from_slice(datagram));
        let sent = out.iter().map(copy).collect();
        out = Transmits::new();
        // They have been sent.
        self.link.poll_outbound(&mut out);
        sent
    }

    /// When it is to be woken, unless it will be already.
    pub(super) fn alarm(&mut self, now: Now) -> Option<Duration> {
        let link = self.link.poll_deadline().map(|deadline| deadline.at);
        let next = link
            .into_iter()
            .chain(self.discovery.poll_deadline())
            .min()?;
        if self
            .alarm
            .is_some_and(|set| set > now.monotonic && set <= next)
        {
            return None;
        }
        self.alarm = Some(next);
        Some(next)
    }
}
