//! Short frames that many connections get, one behind the other in one buffer.

use std::sync::Arc;

use netaio_core::{MailboxAccount, Pressure, SharedFrame};

use crate::sync::{Mutex, lock};

/// Short frames, to be sent to the same connections. Each mailbox notes which of them it has, and
/// not their bytes: a list of receivers has one run after the other.
#[derive(Default)]
pub(crate) struct Run(Mutex<State>);

enum State {
    Open(Vec<u8>),
    /// It has as many as it may.
    Full(SharedFrame),
}

impl Default for State {
    fn default() -> Self {
        Self::Open(Vec::new())
    }
}

/// Frames of a run, one behind the other.
pub(crate) struct Stretch {
    run: Arc<Run>,
    from: usize,
    to: usize,
    /// How many there are.
    count: u64,
}

impl Run {
    /// The most bytes of one.
    pub(super) const LEN: usize = 64 * 1024;

    /// Appends a frame, if there is room for it.
    pub(crate) fn append(self: &Arc<Self>, frame: &[u8]) -> Option<Stretch> {
        let mut state = lock(&self.0);
        let State::Open(bytes) = &mut *state else {
            return None;
        };
        let from = bytes.len();
        if from.saturating_add(frame.len()) > Self::LEN {
            return None;
        }
        bytes.extend_from_slice(frame);
        let to = bytes.len();
        drop(state);
        let run = self.clone();
        Some(Stretch {
            run,
            from,
            to,
            count: 1,
        })
    }

    /// Says that nothing more is appended, and what it means for all connections that its
    /// bytes count from now on, once for all that have some of it: the account is that of
    /// any of them.
    pub(crate) fn close(&self, account: &MailboxAccount) -> Pressure {
        let mut state = lock(&self.0);
        let State::Open(bytes) = &mut *state else {
            return Pressure::default();
        };
        let (frames, pressure) = SharedFrame::gather(std::mem::take(bytes), account);
        *state = State::Full(frames);
        pressure
    }
}

impl Stretch {
    pub(super) fn len(&self) -> usize {
        self.to.saturating_sub(self.from)
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The same frames.
    pub(super) fn again(&self) -> Self {
        Self {
            run: self.run.clone(),
            ..*self
        }
    }

    /// Takes those of another in, if they are right behind these.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        let joins = self.to == next.from && Arc::ptr_eq(&self.run, &next.run);
        if joins {
            self.to = next.to;
            self.count = self.count.saturating_add(next.count);
        }
        joins
    }

    /// The frames as a part of a run that is full, unless they are so few that a copy is cheaper
    /// than to keep all of it.
    pub(super) fn shared(&self) -> Option<SharedFrame> {
        if self.len() < SharedFrame::SHARED_FROM {
            return None;
        }
        match &*lock(&self.run.0) {
            State::Open(_) => None,
            State::Full(frames) => Some(frames.slice(self.from..self.to)),
        }
    }

    /// Copies the frames.
    pub(super) fn copy_into(&self, out: &mut Vec<u8>) {
        let state = lock(&self.run.0);
        let bytes = match &*state {
            State::Open(bytes) => bytes,
            State::Full(frames) => &**frames,
        };
        out.extend_from_slice(bytes.get(self.from..self.to).unwrap_or_default());
    }
}
