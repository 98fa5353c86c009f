//! What one link holds.

use core::net::SocketAddr;

use crate::sync::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// What one link holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Bytes received, until their handlers have answered.
    pub(crate) inbound: usize,
    /// The memory of what waits to be written, in bytes.
    pub(crate) outbound: usize,
    /// Bytes that wait to be written, those included whose memory is shared.
    pub(crate) queued: usize,
    /// Handlers that run.
    pub(crate) calls: usize,
    /// Those that run besides, for askers that are gone.
    pub(crate) abandoned: usize,
}

/// Why a link is to be closed for the sake of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its remote reads too slowly.
    Slow,
    /// The room that its unfinished frame takes is needed.
    NoRoom,
    /// Its place is another's.
    Displaced,
}

/// What one link holds, as it published last, and what else others know of it.
#[derive(Debug, Default)]
pub(crate) struct Account {
    inbound: AtomicUsize,
    outbound: AtomicUsize,
    queued: AtomicUsize,
    calls: AtomicUsize,
    abandoned: AtomicUsize,
    /// What waits for it elsewhere, as `outbound` and as `queued`.
    mailbox: AtomicUsize,
    mailbox_queued: AtomicUsize,
    /// A message has passed the link's outer layer.
    verified: AtomicBool,
    /// A number that is the larger the later its unfinished frame began; 0 without one.
    unfinished: AtomicUsize,
    /// Whether it is to be closed, and why: a number of [`Self::CUTS`].
    cut: AtomicU8,
    /// The address of the other end, if the transport has addresses. Here, as the link, its node
    /// and its driver all name it.
    remote: Option<SocketAddr>,
}

impl Account {
    const CUTS: [Option<Cut>; 4] = [
        None,
        Some(Cut::Slow),
        Some(Cut::NoRoom),
        Some(Cut::Displaced),
    ];

    /// That of a link that leads there.
    pub(crate) fn of(remote: Option<SocketAddr>) -> Self {
        Self {
            remote,
            ..Self::default()
        }
    }

    /// The address of the other end, if there is one.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// The number of a mark.
    fn number(cut: Cut) -> u8 {
        let number = Self::CUTS.iter().position(|known| *known == Some(cut));
        number
            .and_then(|number| u8::try_from(number).ok())
            .unwrap_or(0)
    }

    /// Why the link is to be closed, if it is.
    pub(crate) fn cut(&self) -> Option<Cut> {
        let number = self.cut.load(Ordering::SeqCst);
        Self::CUTS.get(usize::from(number)).copied().flatten()
    }

    /// Takes the mark of one that reads too slowly off: it has let go of what it could.
    pub(crate) fn spare(&self) {
        let number = Self::number(Cut::Slow);
        let (success, failure) = (Ordering::SeqCst, Ordering::SeqCst);
        // Unless its place is another's by now.
        let _ = self.cut.compare_exchange(number, 0, success, failure);
    }

    pub(crate) fn set_cut(&self, cut: Cut) {
        self.cut.store(Self::number(cut), Ordering::SeqCst);
    }

    /// Handlers that run, as was published last.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Handlers that run for askers that are gone, among those in all.
    pub(crate) fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::SeqCst)
    }

    pub(super) fn set_abandoned(&self, calls: usize) {
        self.abandoned.store(calls, Ordering::SeqCst);
    }

    /// Notes that a message has passed the link's outer layer.
    pub(crate) fn verify(&self) {
        // The plain load comes first, as it is all that there is to do as a rule.
        if !self.is_verified() {
            self.verified.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Relaxed)
    }

    /// Whether the link is to close for another.
    pub(crate) fn is_displaced(&self) -> bool {
        self.cut() == Some(Cut::Displaced)
    }

    /// The number of its unfinished frame, if it has one.
    pub(super) fn unfinished(&self) -> Option<usize> {
        Some(self.unfinished.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }

    /// Sets it; 0 says that there is none.
    pub(super) fn set_unfinished(&self, number: usize) {
        self.unfinished.store(number, Ordering::Relaxed);
    }

    /// What the link holds, without what waits for it elsewhere.
    pub(super) fn held(&self) -> Held {
        Held {
            inbound: self.inbound.load(Ordering::SeqCst),
            outbound: self.outbound.load(Ordering::SeqCst),
            queued: self.queued.load(Ordering::SeqCst),
            calls: self.calls.load(Ordering::SeqCst),
            abandoned: self.abandoned(),
        }
    }

    pub(super) fn set_held(&self, held: Held) {
        self.inbound.store(held.inbound, Ordering::SeqCst);
        self.outbound.store(held.outbound, Ordering::SeqCst);
        self.queued.store(held.queued, Ordering::SeqCst);
        self.calls.store(held.calls, Ordering::SeqCst);
        self.set_abandoned(held.abandoned);
    }

    /// Sets the memory of what waits elsewhere, and its bytes; returns what the memory was.
    pub(super) fn set_mailbox(&self, held: usize, queued: usize) -> usize {
        self.mailbox_queued.store(queued, Ordering::SeqCst);
        self.mailbox.swap(held, Ordering::SeqCst)
    }

    /// The memory of all that waits to be written, here and elsewhere.
    pub(super) fn outbound(&self) -> usize {
        let link = self.outbound.load(Ordering::SeqCst);
        link.saturating_add(self.mailbox.load(Ordering::SeqCst))
    }

    /// The bytes of it, those included whose memory is shared.
    pub(super) fn queued(&self) -> usize {
        let link = self.queued.load(Ordering::SeqCst);
        link.saturating_add(self.mailbox_queued.load(Ordering::SeqCst))
    }
}
