//! The budget of answers to those who proved nothing, beside a plain model of it.

use std::net::IpAddr;
use std::time::Duration;

use netaio_core::{Limits, Now, ReplyBudget, SuppressedReplies};

use crate::heap::Bound;
use crate::input::Input;
use crate::meter::Meter;

/// Six senders, and what the model keeps of them.
const HEAP: Bound = Bound(0, 16 << 10);
const MEMORY: Duration = Duration::from_secs(10);
const MAX_CREDITED: u64 = 65_535;
/// Addresses, and as whose they count.
const ADDRESSES: [(&str, usize); 8] = [
    ("192.0.2.1", 0),
    ("::ffff:192.0.2.1", 0),
    ("192.0.2.2", 1),
    ("192.0.2.3", 2),
    ("2001:db8::1", 3),
    ("2001:db8::ffff:0:0:2", 3),
    ("2001:db8:0:1::1", 4),
    ("::1", 5),
];
const SENDERS: usize = 6;

/// Plays a script of datagrams received, answers asked for, and a clock that may go
/// back.
pub fn budget(data: &[u8]) {
    HEAP.hold("all", data.len(), || {
        let mut script = Input::new(data);
        let mut play = Play::new(&mut script);
        while !script.is_empty() {
            play.operation(&mut script);
        }
    });
}

struct Play {
    budget: ReplyBudget,
    max_senders: usize,
    amplification: u64,
    /// What the budget is told.
    clock: Duration,
    /// All time that passed forwards.
    now: Duration,
    went_back: bool,
    all: Meter,
    senders: [Sender; SENDERS],
}

struct Sender {
    /// It is remembered, unless that is too long ago.
    admitted: bool,
    heard: Duration,
    /// The bounds of its credit, if it is remembered.
    least: u64,
    most: u64,
    /// What was answered and received, and the most that may be.
    answered: u64,
    received: u64,
    meter: Meter,
}

impl Play {
    fn new(script: &mut Input<'_>) -> Self {
        let (per_ip, all) = (script.byte() % 8, script.byte() % 16);
        let (amplification, max_senders) = (script.byte() % 5, 1 + script.byte() % 6);
        let limits = Limits::default()
            .with_unverified_replies_per_ip(per_ip.into())
            .and_then(|limits| limits.with_unverified_replies(all.into()))
            .and_then(|limits| limits.with_amplification(amplification.into()))
            .and_then(|limits| limits.with_unverified_senders(max_senders.into()))
            .expect("limits that can work");
        Self {
            budget: ReplyBudget::new(&limits),
            max_senders: max_senders.into(),
            amplification: amplification.into(),
            clock: Duration::from_secs(1000),
            now: Duration::from_secs(1000),
            went_back: false,
            all: Meter::new(all.into()),
            senders: std::array::from_fn(|_| Sender {
                admitted: false,
                heard: Duration::ZERO,
                least: 0,
                most: 0,
                answered: 0,
                received: 0,
                meter: Meter::new(per_ip.into()),
            }),
        }
    }

    fn operation(&mut self, script: &mut Input<'_>) {
        let (choice, how) = (script.below(10), script.byte());
        let (address, who) = ADDRESSES[usize::from(how & 7)];
        let ip = address.parse().expect("an address");
        // Up to 31 bytes, or up to the longest datagram and beyond.
        let bytes = usize::from(how >> 3) * script.pick(&[1, 1, 16, 4096]);
        match choice {
            0..=2 => self.receive(ip, who, bytes),
            3..=5 => self.ask(ip, who, Some(bytes)),
            6 => self.ask(ip, who, None),
            7..=8 => self.forward(usize::from(how) * script.pick(&[1, 10, 100])),
            _ => self.back(usize::from(how) * script.pick(&[1, 100, 10_000])),
        }
        assert!(self.budget.senders() <= self.max_senders);
    }

    fn at(&self) -> Now {
        Now::new(self.clock, 0)
    }

    fn receive(&mut self, ip: IpAddr, who: usize, bytes: usize) {
        let known = self.is_known(who);
        let before = self.budget.senders();
        self.budget.received(self.at(), ip, bytes);
        let after = self.budget.senders();
        let most = MAX_CREDITED * self.amplification;
        let sender = &mut self.senders[who];
        let added = bytes as u64 * self.amplification;
        sender.received += added;
        let least = if known { sender.least } else { 0 };
        sender.least = (least + added).min(most);
        sender.most = (sender.most + added).min(most);
        sender.heard = self.now;
        sender.admitted = known || after < self.max_senders || after > before;
    }

    fn is_known(&self, who: usize) -> bool {
        let sender = &self.senders[who];
        sender.admitted && self.now - sender.heard < MEMORY
    }

    /// Asks for an answer of so many bytes, or whether there may be one at all.
    fn ask(&mut self, ip: IpAddr, who: usize, bytes: Option<usize>) {
        let before = self.budget.suppressed();
        let at = self.at();
        let allowed = match bytes {
            Some(bytes) => self.budget.allow(at, ip, bytes),
            None => self.budget.may_allow(at, ip),
        };
        let reason = reason(before, self.budget.suppressed());
        let (known, now, exact) = (self.is_known(who), self.now, !self.went_back);
        let wanted = bytes.map_or(1, |bytes| bytes as u64);
        assert_eq!(allowed, reason.is_none());
        let sender = &mut self.senders[who];
        match reason {
            None => {
                assert!(wanted <= sender.most);
                assert!(self.all.has_room(now), "too many in all");
                assert!(sender.meter.has_room(now), "too many to one");
                if bytes.is_some() {
                    sender.most -= wanted;
                    sender.least = sender.least.saturating_sub(wanted);
                    sender.answered += wanted;
                    assert!(sender.answered <= sender.received, "amplified");
                    sender.meter.allowed(now);
                    self.all.allowed(now);
                }
            }
            Some(Reason::Unknown) => {
                assert!(!known);
                sender.admitted = false;
                (sender.least, sender.most) = (0, 0);
            }
            Some(Reason::Amplified) => assert!(!known || wanted > sender.least),
            Some(Reason::PerIp) => {
                assert!(!(exact && sender.meter.has_room(now)));
                sender.meter.refused(now);
            }
            Some(Reason::All) => {
                assert!(!(exact && self.all.has_room(now)));
                self.all.refused(now);
            }
        }
    }

    fn forward(&mut self, milliseconds: usize) {
        let time = Duration::from_millis(milliseconds as u64);
        self.clock += time;
        self.now += time;
    }

    fn back(&mut self, milliseconds: usize) {
        let time = Duration::from_millis(milliseconds as u64);
        self.clock = self.clock.saturating_sub(time);
        self.went_back |= milliseconds > 0;
        self.all.went_back();
        for sender in &mut self.senders {
            sender.meter.went_back();
        }
    }
}

/// Why an answer was refused.
enum Reason {
    Unknown,
    Amplified,
    PerIp,
    All,
}

/// The counter that counted, one of them and once.
fn reason(before: SuppressedReplies, after: SuppressedReplies) -> Option<Reason> {
    let counted = [
        after.unknown_sender - before.unknown_sender,
        after.amplified - before.amplified,
        after.per_ip - before.per_ip,
        after.all - before.all,
    ];
    match counted {
        [0, 0, 0, 0] => None,
        [1, 0, 0, 0] => Some(Reason::Unknown),
        [0, 1, 0, 0] => Some(Reason::Amplified),
        [0, 0, 1, 0] => Some(Reason::PerIp),
        [0, 0, 0, 1] => Some(Reason::All),
        _ => panic!("not counted once: {counted:?}"),
    }
}
