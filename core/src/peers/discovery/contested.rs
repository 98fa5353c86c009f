//! Addresses that more than one peer says it has.

use alloc::collections::VecDeque;
use core::time::Duration;

use bytes::Bytes;

use crate::network::Origin;
use crate::plugin::Peer;

/// Addresses where a peer is known and another one has introduced itself a moment ago: a node
/// that crashed and is back with a new id, two nodes that share a port, or a forger.
///
/// The peer that is known is asked, and gives way if it does not answer. Who is asked and
/// answers is left alone for a while.
#[derive(Debug)]
pub(super) struct Contested<A> {
    /// The oldest first.
    entries: VecDeque<Entry<A>>,
}

#[derive(Debug)]
struct Entry<A> {
    address: A,
    /// The beginning of its state, or the last question.
    since: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The peer that is known there is being asked.
    Asked {
        app_id: Bytes,
        known: Bytes,
        newcomer: Peer,
        origin: Origin,
        asked: u32,
    },
    /// It has answered: nobody else is listened to for a while.
    Answered,
    /// A newcomer that is vouched for has taken the place of this one, which may be alive.
    Taken { from: Bytes },
    /// The address has changed hands: the next one who wants it has to wait for an answer.
    Changed,
}

impl<A: Copy + Eq> Contested<A> {
    /// Addresses that are remembered. A newcomer's id and data are kept for each.
    pub(super) const ENTRIES: usize = 64;
    /// How often a peer is asked before it gives way: datagrams are lost.
    pub(super) const QUESTIONS: u32 = 3;
    /// The time between two questions, and from the last one to the end of the wait. Nodes
    /// answer [within a second](super::jitter::Jitter::LONGEST).
    pub(super) const INTERVAL: Duration = Duration::from_secs(1);
    /// For how long an address is left alone once it is settled who has it.
    pub(super) const QUIET: Duration = Duration::from_secs(60);

    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
        }
    }

    /// Whether a newcomer that is vouched for may take an address at once: where nothing of
    /// the kind has happened a moment ago, or where it was taken from this one.
    pub(super) fn may_take(&mut self, address: A, id: &[u8], now: Duration) -> bool {
        self.forget(now);
        match self.find(address).map(|entry| &entry.state) {
            None => true,
            Some(State::Taken { from }) => from == id,
            Some(_) => false,
        }
    }

    /// Notes that an address was taken from a peer.
    pub(super) fn taken(&mut self, address: A, from: Bytes, now: Duration) {
        let state = match self.find(address).is_some() {
            true => State::Changed,
            false => State::Taken {
                from: Bytes::copy_from_slice(&from),
            },
        };
        self.remove(address);
        self.push(address, state, now);
    }

    /// Begins to ask the peer that is known at an address. Nobody is asked twice at a time, nor
    /// where an answer came a moment ago.
    pub(super) fn begin(
        &mut self,
        address: A,
        app_id: Bytes,
        known: Bytes,
        (newcomer, origin): (Peer, Origin),
        now: Duration,
    ) {
        self.forget(now);
        if let Some(entry) = self.find(address)
            && matches!(entry.state, State::Asked { .. } | State::Answered)
        {
            return;
        }
        self.remove(address);
        let state = State::Asked {
            app_id,
            known,
            newcomer: newcomer.into_owned(),
            origin,
            asked: 0,
        };
        self.push(address, state, now);
    }

    /// Notes that a peer could not be asked: then it does not give way.
    pub(super) fn not_asked(&mut self, address: A) {
        self.remove(address);
    }

    /// Notes that a peer introduced itself from an address where it is known.
    pub(super) fn answered(&mut self, address: A, id: &[u8], now: Duration) {
        let mut entries = self.entries.iter_mut();
        let entry = entries.find(|entry| entry.address == address);
        if let Some(entry) = entry
            && matches!(&entry.state, State::Asked { known, .. } if known == id)
        {
            entry.state = State::Answered;
            entry.since = now;
        }
    }

    /// The next address that is to be asked again, and for which app id.
    pub(super) fn next_question(&mut self, now: Duration) -> Option<(A, Bytes)> {
        self.entries.iter_mut().find_map(|entry| {
            let due = entry.due()?;
            let State::Asked { app_id, asked, .. } = &mut entry.state else {
                return None;
            };
            if due > now || *asked >= Self::QUESTIONS {
                return None;
            }
            *asked = asked.saturating_add(1);
            // The full time for an answer, also where it is asked late.
            entry.since = now;
            Some((entry.address, app_id.clone()))
        })
    }

    /// The next address whose peer has not answered, and who is there instead.
    pub(super) fn next_unanswered(&mut self, now: Duration) -> Option<(A, Peer, Origin)> {
        self.entries.iter_mut().find_map(|entry| {
            let due = entry.due().filter(|due| *due <= now);
            let is_last =
                matches!(entry.state, State::Asked { asked, .. } if asked >= Self::QUESTIONS);
            if due.is_none() || !is_last {
                return None;
            }
            entry.since = now;
            match core::mem::replace(&mut entry.state, State::Changed) {
                State::Asked {
                    newcomer, origin, ..
                } => Some((entry.address, newcomer, origin)),
                _ => None,
            }
        })
    }

    /// When the next question, or the end of a wait, is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.entries.iter().filter_map(Entry::due).min()
    }

    /// Asks no more for an app id.
    pub(super) fn stop(&mut self, stopped: &[u8]) {
        self.entries.retain(
            |entry| !matches!(&entry.state, State::Asked { app_id, .. } if app_id == stopped),
        );
    }

    /// Notes the time. After a clock went back, what was begun in the future begins now.
    pub(super) fn observe(&mut self, now: Duration) {
        for entry in &mut self.entries {
            entry.since = entry.since.min(now);
        }
    }

    fn find(&self, address: A) -> Option<&Entry<A>> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.address == address)
    }

    fn remove(&mut self, address: A) {
        self.entries.retain(|entry| entry.address != address);
    }

    /// Adds an entry, if there is room, or one that nobody is being asked about makes room.
    fn push(&mut self, address: A, state: State, since: Duration) {
        if self.entries.len() >= Self::ENTRIES {
            let mut entries = self.entries.iter();
            let Some(quiet) = entries.position(|entry| entry.due().is_none()) else {
                return;
            };
            self.entries.remove(quiet);
        }
        self.entries.push_back(Entry {
            address,
            since,
            state,
        });
    }

    fn forget(&mut self, now: Duration) {
        self.entries
            .retain(|entry| entry.due().is_some() || now.saturating_sub(entry.since) < Self::QUIET);
    }
}

impl<A: Copy + Eq> Entry<A> {
    /// When something is to be done about it.
    fn due(&self) -> Option<Duration> {
        let State::Asked { asked, .. } = self.state else {
            return None;
        };
        let wait = match asked {
            0 => Duration::ZERO,
            _ => Contested::<A>::INTERVAL,
        };
        Some(self.since.saturating_add(wait))
    }
}
