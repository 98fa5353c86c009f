//! Peers that have just left.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::plugin::Peer;

/// Peers that sent `DISCONNECT` a moment ago, each with the address that it came
/// from.
///
/// Datagrams overtake one another. An introduction that was sent before the
/// `DISCONNECT` and comes after it would bring the peer back for a whole timeout,
/// so the same introduction from the same address is not believed for a while: an
/// advertisement is sent back, which only a node that was restarted answers.
#[derive(Debug)]
pub(super) struct Departed<A> {
    /// In the order of their leaving.
    entries: VecDeque<Entry<A>>,
}

#[derive(Debug)]
struct Entry<A> {
    peer: Peer,
    address: A,
    since: Duration,
    /// An advertisement was sent to it since.
    asked: bool,
}

/// What to do with an introduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Accept,
    /// Ignore it, and send an advertisement back.
    Ask,
    Ignore,
}

impl<A: Copy + Eq> Departed<A> {
    /// For how long an introduction is not believed. Datagrams on different paths are
    /// apart by the difference of their delays, some 100 ms at most; multicast DNS
    /// keeps a record for one second after its goodbye too (RFC 6762, 10.1).
    pub(super) const HOLD: Duration = Duration::from_secs(1);
    /// Peers that are remembered; the first to leave make room.
    pub(super) const ENTRIES: usize = 64;

    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
        }
    }

    /// Notes that a peer left an address.
    pub(super) fn insert(&mut self, peer: Peer, address: A, now: Duration) {
        self.forget(now);
        self.remove(&peer.id, address);
        if self.entries.len() >= Self::ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            peer,
            address,
            since: now,
            asked: false,
        });
    }

    /// Decides on an introduction, which is a `PEER_DISCOVERED` if it `answers` an
    /// advertisement. One advertisement is sent for a `DISCONNECT`: two nodes that
    /// do not believe each other must not go on asking.
    pub(super) fn decide(
        &mut self,
        peer: &Peer,
        address: A,
        answers: bool,
        now: Duration,
    ) -> Decision {
        self.forget(now);
        let mut entries = self.entries.iter_mut();
        let entry = entries.find(|entry| entry.address == address && entry.peer == *peer);
        match entry {
            None => Decision::Accept,
            Some(entry) if !entry.asked => {
                entry.asked = true;
                Decision::Ask
            }
            Some(_) if answers => Decision::Accept,
            Some(_) => Decision::Ignore,
        }
    }

    /// Forgets a peer that is known at this address.
    pub(super) fn remove(&mut self, id: &[u8], address: A) {
        self.entries
            .retain(|entry| entry.address != address || entry.peer.id != id);
    }

    /// Forgets those that did not leave just now. After a clock went back, that is
    /// in what is the future to it.
    fn forget(&mut self, now: Duration) {
        self.entries
            .retain(|entry| now.abs_diff(entry.since) < Self::HOLD);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
