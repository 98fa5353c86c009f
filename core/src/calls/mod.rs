//! Handlers that were called and have not answered, and messages that wait for
//! them.

mod active;
mod buffers;
mod cancelled;
mod in_flight;
mod rare;
mod reply;
#[cfg(test)]
mod tests;
mod token;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;

pub(crate) use self::buffers::Buffer;
pub(crate) use self::cancelled::Cancelled;
pub(crate) use self::in_flight::InFlight;
pub(crate) use self::rare::Waiting;
pub(crate) use self::reply::{ReplyAddress, send_or_replace};
pub use self::token::{Call, CallId, ReplyError};

use self::active::Active;
use self::rare::Rare;
use crate::options::CallOptions;
use crate::place::Place;
use crate::sync::{AtomicBool, Ordering};

/// The calls of one link.
#[derive(Debug)]
pub(crate) struct Calls<A> {
    active: Option<Box<Active<A>>>,
    /// The id of the last one.
    last_id: usize,
    rare: Option<Box<Rare<A>>>,
    /// Set when a call of any link is dropped without a reply.
    dropped: Arc<AtomicBool>,
}

impl<A> Calls<A> {
    /// The memory of a message that waits, besides its bytes.
    pub(crate) const WAITING_BYTES: usize = size_of::<Waiting<A>>();

    /// Those that are kept for later calls.
    const KEEP: usize = 16;

    /// None yet. `dropped` is set when a call is dropped without a reply.
    pub(crate) fn new(options: CallOptions, dropped: Arc<AtomicBool>) -> Self {
        Self {
            active: None,
            last_id: 0,
            rare: (options != CallOptions::new()).then(|| Box::new(Rare::new(options))),
            dropped,
        }
    }

    /// What is set for each call that is not told otherwise.
    fn options(&self) -> CallOptions {
        let rare = self.rare.as_ref();
        rare.map_or(CallOptions::new(), |rare| rare.options)
    }

    fn rare(&mut self) -> &mut Rare<A> {
        self.rare
            .get_or_insert_with(|| Box::new(Rare::new(CallOptions::new())))
    }

    #[inline]
    fn active(&mut self) -> &mut Active<A> {
        let dropped = &self.dropped;
        self.active.get_or_insert_with(|| Active::begin(dropped))
    }

    /// Calls in flight.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let active = self.active.as_ref();
        active.map_or(0, |active| active.in_flight.len())
    }

    fn entry(&self, slot: usize) -> Option<&InFlight<A>> {
        let active = self.active.as_ref()?;
        active.in_flight.get(slot).map(|entry| &**entry)
    }

    fn entries(&self) -> impl Iterator<Item = (usize, &InFlight<A>)> {
        let active = self.active.iter();
        let entries = active.flat_map(|active| active.in_flight.iter());
        entries.map(|(slot, entry)| (slot, &**entry))
    }

    /// Whether nothing is in flight and nothing waits.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.len() == 0 && self.first_waiting().is_none()
    }

    /// The memory that requests in flight and messages that wait hold, in bytes, with
    /// that of the buffer that bytes are received into.
    pub(crate) fn held_with(&self, received: Buffer) -> usize {
        let active = self.active.as_ref();
        let held = active.map_or(received.size, |active| active.buffers.held_with(received));
        held.saturating_add(self.waiting().1)
    }

    /// Whether a handler may be called besides those in flight, of `max` in all: not
    /// beside one whose answer keeps its place.
    #[inline]
    pub(crate) fn has_room(&self, max: usize) -> bool {
        let active = self.active.as_ref();
        active.is_none_or(|active| {
            active.in_flight.is_empty() || (!active.in_order && active.in_flight.len() < max)
        })
    }

    /// One whose address is to be filled.
    #[inline]
    pub(crate) fn spare(&mut self, to: A) -> Box<InFlight<A>> {
        match self.active().spares.pop() {
            Some(mut spare) => {
                spare.address.to = to;
                spare
            }
            None => Box::new(InFlight {
                address: ReplyAddress::new(to),
                token: None,
                spare: None,
                buffer: Buffer::default(),
                options: CallOptions::new(),
                deadline: None,
            }),
        }
    }

    /// Keeps one for a later call, once nothing is sent to its address any more.
    #[inline]
    pub(crate) fn keep(&mut self, mut ended: Box<InFlight<A>>) {
        let spares = &mut self.active().spares;
        if spares.len() < Self::KEEP {
            if spares.is_empty() {
                spares.reserve_exact(1);
            }
            ended.address.release();
            spares.push(ended);
        }
    }

    /// Whether memory is kept that only the next calls need.
    pub(crate) fn has_spares(&self) -> bool {
        self.active.is_some() && self.is_idle()
    }

    /// Gives it back, if there is none to call or to wait for.
    pub(crate) fn release_spares(&mut self) {
        if self.is_idle() {
            self.clear();
            self.active.take_if(|active| !active.is_known());
        }
    }

    /// Notes that a handler is called for a message from `place`.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        place: Place,
        mut begun: Box<InFlight<A>>,
        buffer: Buffer,
    ) -> Call {
        let id = self.last_id.wrapping_add(1);
        self.last_id = id;
        let active = self.active();
        if active.in_flight.capacity() == 0 {
            // Most connections ask one thing at a time.
            active.in_flight.reserve_exact(1);
        }
        let token = begun.own_token(place, &active.dropped);
        token.id.store(id, Ordering::Relaxed);
        active.buffers.hold(buffer);
        active.in_order = begun.id.is_empty();
        let slot = active.in_flight.vacant_key();
        begun.buffer = buffer;
        match self.rare.is_some() {
            false => (begun.options, begun.deadline) = (CallOptions::new(), None),
            true => {
                begun.options = self.options();
                begun.deadline = self.expect(now, slot, begun.options);
            }
        }
        let call = Call {
            slot,
            request: begun.request,
            verified: begun.verified,
            token,
        };
        self.active().in_flight.insert(begun);
        call
    }

    /// Whether a call is this link's.
    #[inline]
    pub(crate) fn owns(&self, call: &Call) -> bool {
        let active = self.active.as_ref();
        active.is_some_and(|active| Arc::ptr_eq(&call.token.any_dropped, &active.dropped))
    }

    /// The uri of a call's request, until it ends.
    pub(crate) fn uri(&self, call: &Call) -> Option<Bytes> {
        let entry = self.entry(call.slot)?;
        entry.is_of(&call.token).then(|| entry.uri.to_bytes())
    }

    /// Ends a call, and says whom its reply goes to; nobody once the link has ended.
    #[inline]
    pub(crate) fn end(&mut self, call: Call) -> Option<Box<InFlight<A>>> {
        let Call { slot, token, .. } = call;
        token.answered.store(true, Ordering::Relaxed);
        if !self.entry(slot)?.is_of(&token) {
            return None;
        }
        let mut ended = self.take(slot)?;
        // It may serve another call now.
        ended.spare = Some(token);
        Some(ended)
    }

    /// Takes out a call that somebody may still have, who knows it by its token.
    fn remove(&mut self, slot: usize) -> Option<Box<InFlight<A>>> {
        let mut ended = self.take(slot)?;
        let token = ended.token.as_ref();
        if token.is_some_and(|token| Arc::strong_count(token) > 1) {
            ended.token = None;
        }
        Some(ended)
    }

    #[inline]
    fn take(&mut self, slot: usize) -> Option<Box<InFlight<A>>> {
        let active = self.active.as_mut()?;
        let ended = active.in_flight.try_remove(slot)?;
        active.buffers.release(ended.buffer);
        if let Some(deadline) = ended.deadline {
            self.forget(deadline, slot);
        }
        Some(ended)
    }

    /// Whether a call may have been dropped without a reply.
    #[inline]
    pub(crate) fn has_dropped(&self) -> bool {
        let active = self.active.as_ref();
        active.is_some_and(|active| active.dropped.of_link.load(Ordering::Acquire))
    }

    /// Ends a call that was dropped without a reply, if one was.
    pub(crate) fn take_dropped(&mut self) -> Option<Box<InFlight<A>>> {
        // The plain load comes first, as it is all that there is to do as a rule.
        if !self.has_dropped() {
            return None;
        }
        let dropped = &self.active.as_ref()?.dropped.of_link;
        if !dropped.swap(false, Ordering::AcqRel) {
            return None;
        }
        let slot = self.entries().find_map(|(slot, entry)| {
            let token = entry.token.as_ref()?;
            token.take_dropped().then_some(slot)
        })?;
        // There may be more of them.
        dropped.store(true, Ordering::Release);
        self.remove(slot)
    }

    /// Lets a message wait behind those that do.
    pub(crate) fn wait(&mut self, waiting: Waiting<A>) {
        let bytes = waiting.bytes.saturating_add(Self::WAITING_BYTES);
        let rare = self.rare();
        rare.waiting_bytes = rare.waiting_bytes.saturating_add(bytes);
        rare.waiting.push_back(waiting);
    }

    /// Messages that wait, and the memory that they hold, in bytes.
    #[inline]
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let rare = self.rare.as_ref();
        rare.map_or((0, 0), |rare| (rare.waiting.len(), rare.waiting_bytes))
    }

    /// The message that has waited longest.
    #[inline]
    pub(crate) fn first_waiting(&self) -> Option<&Waiting<A>> {
        self.rare.as_ref()?.waiting.front()
    }

    /// Takes it out.
    pub(crate) fn pop_waiting(&mut self) -> Option<Waiting<A>> {
        let rare = self.rare.as_mut()?;
        let waiting = rare.waiting.pop_front()?;
        let bytes = waiting.bytes.saturating_add(Self::WAITING_BYTES);
        rare.waiting_bytes = rare.waiting_bytes.saturating_sub(bytes);
        if rare.waiting.is_empty() && rare.waiting.capacity() > Self::KEEP {
            rare.waiting = VecDeque::new();
        }
        Some(waiting)
    }

    /// Gives all of them up.
    pub(crate) fn clear(&mut self) {
        if let Some(active) = &mut self.active {
            active.clear();
        }
        let options = self.options();
        self.rare = (options != CallOptions::new()).then(|| Box::new(Rare::new(options)));
    }

    /// Gives those up that wait.
    pub(crate) fn clear_waiting(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.waiting_bytes = 0;
            rare.waiting = VecDeque::new();
        }
    }
}
