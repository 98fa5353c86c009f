//! What a node answers by itself to those who have proved nothing, and what it may.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use netaio_core::{Frame, Wire};

use super::config::Rates;
use crate::mac::QuickMac;
use crate::meter::Meter;

/// The answers of one node, as they are seen from outside.
pub(super) struct Answers {
    rates: Rates,
    /// Whose answers it may seal, it verifies too.
    has_auth: bool,
    /// What was queued, in this order.
    queued: VecDeque<Segment>,
    all: Meter,
    senders: BTreeMap<IpAddr, Sender>,
}

/// Bytes that were queued by one call.
struct Segment {
    /// No command asked for them.
    own: bool,
    at: Duration,
    bytes: usize,
}

struct Sender {
    received: usize,
    answered: usize,
    /// It was told of handlers that gave no answer, which the node may at any time.
    exempt: bool,
    meter: Meter,
}

impl Answers {
    pub(super) fn new(rates: Rates, has_auth: bool) -> Self {
        Self {
            all: Meter::new(rates.all),
            rates,
            has_auth,
            queued: VecDeque::new(),
            senders: BTreeMap::new(),
        }
    }

    fn sender(&mut self, address: SocketAddr) -> &mut Sender {
        let meter = Meter::new(self.rates.per_ip);
        self.senders.entry(sender(address)).or_insert(Sender {
            received: 0,
            answered: 0,
            exempt: false,
            meter,
        })
    }

    /// A datagram was handled.
    pub(super) fn received(&mut self, from: SocketAddr, bytes: usize) {
        self.sender(from).received += bytes;
    }

    /// A handler gave no answer, and the asker was told.
    pub(super) fn unanswered(&mut self, to: SocketAddr) {
        self.sender(to).exempt = true;
    }

    /// So many bytes were queued, by a command or not.
    pub(super) fn queued(&mut self, own: bool, at: Duration, bytes: usize) {
        if bytes > 0 {
            self.queued.push_back(Segment { own, at, bytes });
        }
    }

    /// A datagram leaves, the next of those that were queued.
    pub(super) fn sent(&mut self, wire: &Wire, to: SocketAddr, datagram: &[u8]) {
        let segment = self.queued.front_mut().expect("it was queued");
        let (own, at) = (segment.own, segment.at);
        segment.bytes = segment
            .bytes
            .checked_sub(datagram.len())
            .expect("all of it");
        if segment.bytes == 0 {
            self.queued.pop_front();
        }
        let sealed = self.has_auth && has_mac(wire, datagram);
        if !own || sealed || to.ip().is_multicast() || self.sender(to).exempt {
            return;
        }
        let amplification = self.rates.amplification;
        let sender = self.sender(to);
        sender.answered += datagram.len();
        let most = sender.received * amplification;
        assert!(sender.answered <= most, "{to} is flooded");
        sender.meter.allowed(at);
        self.all.allowed(at);
    }

    /// What was queued is not sent any more.
    pub(super) fn dropped(&mut self) {
        self.queued.clear();
    }

    /// All that was queued has left.
    pub(super) fn check_empty(&self) {
        assert!(self.queued.is_empty());
    }
}

fn has_mac(wire: &Wire, datagram: &[u8]) -> bool {
    let frame = Frame::from_datagram(wire, BytesMut::from(datagram));
    let sealed = frame.and_then(|frame| frame.decode(wire));
    let sealed = sealed.expect("what a node sends is a frame");
    sealed.auth().get(QuickMac::FIELD).is_some()
}

/// As whom an address counts.
fn sender(address: SocketAddr) -> IpAddr {
    match address.ip() {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
        ip => ip,
    }
}
