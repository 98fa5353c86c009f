//! What holds the place of a request whose caller waits no more.
//!
//! A peer that repeats no ids names only the uri in its answers. One that comes late would be
//! taken for that of the next request, with another's data: a placeholder takes it instead,
//! for a time. The price is paid where no answer comes any more: then the placeholder takes
//! that of the next request, which times out, and leaves one in turn. So that this ends, the
//! doubt goes on with the queue and has an end.

use core::hash::Hash;
use core::time::Duration;

use super::{RequestId, Table};
use crate::options::RequestOptions;

/// For how long requests for one uri may leave placeholders, one because of another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doubt {
    /// Over a stream no answer is lost: a minute from the first.
    Minute,
    /// Datagrams are lost: as long as the first one stays.
    First,
}

impl<A: Copy + Eq + Hash> Table<A> {
    /// The least time for which a placeholder stays behind the deadline of its request.
    pub(super) const LEAST: Duration = RequestOptions::DEFAULT_TIMEOUT;
    /// The longest time.
    pub(super) const MOST: Duration = Duration::from_secs(60);
    /// The most bytes of the uris of placeholders, unless there is only one.
    pub(super) const BYTES: usize = 256 * 1024;

    /// Leaves a placeholder of a request whose caller waits no more: as long again as its
    /// timeout behind its deadline, at least 10 s and at most 60 s. Of more than `max`, or
    /// of those with too many bytes, the oldest give way.
    pub(crate) fn leave_placeholder(&mut self, now: Duration, id: RequestId, max: usize) {
        let doubt = self.doubt;
        let Some(waiting) = self.waiting.get_mut(id.slot) else {
            return;
        };
        if waiting.id != id || waiting.abandoned {
            return;
        }
        if waiting.parked.is_some() {
            self.remove(id);
            return;
        }
        let stays = waiting.timeout.clamp(Self::LEAST, Self::MOST);
        let until = waiting.until.saturating_add(stays);
        let doubted = waiting.doubted.unwrap_or(match doubt {
            Doubt::First => until,
            Doubt::Minute => until.max(now.saturating_add(Self::MOST)),
        });
        let until = until.min(doubted);
        if until <= now {
            self.remove(id);
            return;
        }
        waiting.abandoned = true;
        waiting.until = until;
        waiting.doubted = Some(doubted);
        let (repeat, bytes) = (waiting.repeat.take(), waiting.key.uri.len());
        self.forget_repeat(repeat.as_deref());
        self.wanted = self.wanted.saturating_sub(1);
        self.placeholder_bytes = self.placeholder_bytes.saturating_add(bytes);
        self.wake_at(until, id);
        while self.placeholders() > max
            || self.placeholder_bytes > Self::BYTES && self.placeholders() > 1
        {
            let placeholders = self.waiting.iter().map(|(_, waiting)| waiting);
            let placeholders = placeholders.filter(|waiting| waiting.abandoned);
            let Some(oldest) = placeholders.map(|waiting| waiting.id).min() else {
                break;
            };
            self.remove(oldest);
        }
    }

    pub(super) fn placeholders(&self) -> usize {
        self.waiting.len().saturating_sub(self.wanted)
    }

    /// Notes that the answer to a request came without its id: what is in doubt of it is so
    /// of the next one in its queue.
    pub(crate) fn pass_doubt(&mut self, id: RequestId) {
        let Some(waiting) = self.get(id) else {
            return;
        };
        let (doubted, next) = (waiting.doubted, waiting.next);
        let next = next.and_then(|slot| self.waiting.get_mut(slot));
        if let Some((next, doubted)) = next.zip(doubted) {
            next.doubted = Some(next.doubted.map_or(doubted, |other| other.min(doubted)));
        }
    }

    /// Removes the placeholders of requests with ids: `remote` repeats them.
    pub(crate) fn remove_correlated_placeholders(&mut self, remote: A) {
        if self.placeholders() == 0 {
            return;
        }
        let all = self.waiting.iter().map(|(_, waiting)| waiting);
        let known = all.filter(|it| it.abandoned && it.correlated && it.key.remote == remote);
        let known: alloc::vec::Vec<_> = known.map(|waiting| waiting.id).collect();
        for id in known {
            self.remove(id);
        }
    }
}
