//! What a node sends to those who have not shown that they receive, and what it may.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use netaio_core::types::{ERROR, SUBSCRIBE_URI};
use netaio_core::{DatagramLink, Frame, SealedMessage, Wire};

use super::config::Rates;
use crate::meter::Meter;
use crate::traffic::asks;

/// Why something was queued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The node did it by itself.
    Own,
    /// The application sent it, or asked.
    Sent,
    /// A handler answered, or something was published.
    Made,
}

/// The answers of one node, as they are seen from outside.
pub(super) struct Answers {
    rates: Rates,
    /// What was queued, in this order.
    queued: VecDeque<Segment>,
    all: Meter,
    senders: BTreeMap<IpAddr, Sender>,
    /// Addresses that have repeated a cookie, or tried to.
    shown: BTreeSet<SocketAddr>,
}

/// Bytes that were queued by one call.
struct Segment {
    cause: Cause,
    at: Duration,
    bytes: usize,
}

struct Sender {
    received: usize,
    answered: usize,
    /// It was told of handlers that gave no answer, which the node may at any time.
    exempt: bool,
    meter: Meter,
    /// What handlers answered and was published, in a bucket that leaks.
    made: usize,
    made_at: Duration,
}

impl Answers {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            all: Meter::new(rates.all),
            rates,
            queued: VecDeque::new(),
            senders: BTreeMap::new(),
            shown: BTreeSet::new(),
        }
    }

    fn sender(&mut self, address: SocketAddr) -> &mut Sender {
        let meter = Meter::new(self.rates.per_ip);
        self.senders.entry(sender(address)).or_insert(Sender {
            received: 0,
            answered: 0,
            exempt: false,
            meter,
            made: 0,
            made_at: Duration::ZERO,
        })
    }

    /// A datagram was handled.
    pub(super) fn received(&mut self, wire: &Wire, from: SocketAddr, datagram: &[u8]) {
        self.sender(from).received += datagram.len();
        if open(wire, datagram).is_some_and(|it| it.auth().get("ck").is_some()) {
            self.shown.insert(from);
        }
    }

    /// A handler gave no answer, and the asker was told.
    pub(super) fn unanswered(&mut self, to: SocketAddr) {
        self.sender(to).exempt = true;
    }

    /// So many bytes were queued.
    pub(super) fn queued(&mut self, cause: Cause, at: Duration, bytes: usize) {
        if bytes > 0 {
            self.queued.push_back(Segment { cause, at, bytes });
        }
    }

    /// A datagram leaves, the next of those that were queued.
    pub(super) fn sent(&mut self, wire: &Wire, to: SocketAddr, datagram: &[u8]) {
        let segment = self.queued.front_mut().expect("it was queued");
        let (cause, at) = (segment.cause, segment.at);
        segment.bytes = segment
            .bytes
            .checked_sub(datagram.len())
            .expect("all of it");
        if segment.bytes == 0 {
            self.queued.pop_front();
        }
        if cause == Cause::Sent || to.ip().is_multicast() || self.shown.contains(&to) {
            return;
        }
        let message = open(wire, datagram).expect("what a node sends is a frame");
        // A cookie instead of an answer: it counts as bytes.
        let given = message.auth().get("sck").and_then(|it| it.as_bytes());
        let asks_again = message.message_type() == ERROR && given.is_some_and(|it| it[0] == 1);
        if cause == Cause::Made && !asks_again {
            return self.made(at, to, datagram.len());
        }
        // A request that is sent again.
        let is_repeated = message.auth().get("ck").is_some() && asks(message.message_type());
        // The application has asked for what is renewed.
        let is_renewal = message.message_type() == SUBSCRIBE_URI;
        if is_repeated || is_renewal || self.sender(to).exempt {
            return;
        }
        let amplification = self.rates.amplification;
        let sender = self.sender(to);
        sender.answered += datagram.len();
        let most = sender.received * amplification;
        assert!(sender.answered <= most, "{to} is flooded");
        if !asks_again {
            sender.meter.allowed(at);
            self.all.allowed(at);
        }
    }

    /// An answer of a handler's, or a notification, leaves.
    pub(super) fn made(&mut self, at: Duration, to: SocketAddr, bytes: usize) {
        let Rates {
            burst, a_second, ..
        } = self.rates;
        let sender = self.sender(to);
        let elapsed = usize::try_from((at - sender.made_at).as_millis()).expect("a short time");
        // A millisecond may have begun.
        let leaked = (elapsed + 1) * a_second / 1000 + 1;
        sender.made = sender.made.saturating_sub(leaked) + bytes;
        sender.made_at = at;
        // One answer may be of any length where that is more than a quarter.
        let most = burst + DatagramLink::MAX_DATAGRAM * usize::from(burst < 4 << 16);
        assert!(sender.made <= most, "{to} is flooded by handlers");
    }

    /// Whether an address has no budget any more.
    pub(super) fn has_shown(&self, address: SocketAddr) -> bool {
        self.shown.contains(&address)
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

fn open(wire: &Wire, datagram: &[u8]) -> Option<SealedMessage> {
    let frame = Frame::from_datagram(wire, BytesMut::from(datagram)).ok()?;
    frame.decode(wire).ok()
}

/// As whom an address counts.
fn sender(address: SocketAddr) -> IpAddr {
    match address.ip() {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
        ip => ip,
    }
}
