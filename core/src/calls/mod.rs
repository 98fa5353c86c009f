//! Handlers that were called and have not answered, and messages that wait for
//! them.

mod buffers;
mod cancelled;
#[cfg(test)]
mod tests;
mod token;

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use bytes::Bytes;
use slab::Slab;

pub(crate) use self::buffers::Buffer;
pub(crate) use self::cancelled::Cancelled;
pub use self::token::{Call, CallId, ReplyError};

use self::buffers::Buffers;
use self::token::{AnyDropped, Token};
use crate::error::{SealError, SendError};
use crate::frame::SealedMessage;
use crate::message::{Message, MessageType};
use crate::options::CallOptions;
use crate::place::Place;
use crate::plugin::Layer;
use crate::small_bytes::SmallBytes;
use crate::sync::{AtomicBool, Ordering};

/// Whom a reply goes to, and how it is sealed. `A` tells the remotes of one link apart.
#[derive(Clone, Debug)]
pub(crate) struct ReplyAddress<A> {
    pub(crate) to: A,
    pub(crate) request: MessageType,
    pub(crate) uri: SmallBytes,
    pub(crate) inner: Layer,
    /// An auth plugin vouched for the request.
    pub(crate) verified: bool,
    /// The correlation id of the request, packed; empty if it has none.
    pub(crate) id: SmallBytes,
    /// The answer is the node's own: no handler was asked.
    pub(crate) unprompted: bool,
    /// Room for it is kept in the budget of its receiver.
    pub(crate) has_room: bool,
    /// The seconds for which the request asks to be subscribed; zero if it names none.
    pub(crate) lease: u32,
    /// The address of this node that the request came to, where the link has several.
    pub(crate) local: Option<IpAddr>,
}

impl<A> ReplyAddress<A> {
    /// One that is still to be filled.
    fn new(to: A) -> Self {
        Self {
            to,
            request: MessageType::new(0),
            uri: SmallBytes::new(),
            inner: Layer::new(),
            verified: false,
            id: SmallBytes::new(),
            unprompted: false,
            has_room: false,
            lease: 0,
            local: None,
        }
    }

    /// Lets go of what others share with it.
    fn release(&mut self) {
        self.uri.clear();
        self.inner = Layer::new();
        self.id.clear();
    }
}

/// Sends a reply with `send`, or an `ERROR` in its place, and says what became of it.
pub(crate) fn send_or_replace<A>(
    address: &ReplyAddress<A>,
    answer: &Message,
    mut send: impl FnMut(&Message) -> Result<(), SendError>,
) -> Result<(), ReplyError> {
    let error = match send(answer) {
        Ok(()) => return Ok(()),
        Err(SendError::Closed(reason)) => return Err(ReplyError::Closed(reason)),
        Err(error) => error,
    };
    let mut substitutes = substitutes(address, &error).into_iter();
    Err(match substitutes.any(|it| send(&it).is_ok()) {
        true => ReplyError::Replaced(error),
        false => ReplyError::NotSent(error),
    })
}

/// What is sent in the place of a reply that cannot be, the better one first: a uri
/// may be so long that an `ERROR` has no room for a text beside it but a brief one, for none, or
/// none for the uri.
fn substitutes<A>(address: &ReplyAddress<A>, error: &SendError) -> [Message; 4] {
    let text = Bytes::from(format!("the reply could not be sent: {error}"));
    let brief = match error {
        SendError::Seal(SealError::BodyTooLong { .. } | SealError::DatagramTooLong { .. }) => {
            "too long"
        }
        _ => "not sent",
    };
    let uri = address.uri.to_bytes();
    [
        Message::error(uri.clone(), text.clone()),
        Message::error(uri.clone(), brief),
        Message::error(uri, Bytes::new()),
        Message::error(Bytes::new(), text),
    ]
}

/// The calls of one link.
#[derive(Debug)]
pub(crate) struct Calls<A> {
    in_flight: Slab<InFlight<A>>,
    /// What the requests in flight hold.
    buffers: Buffers,
    /// The one in flight carries no id, so that its answer keeps its place.
    in_order: bool,
    /// What is set for each call that is not told otherwise.
    options: CallOptions,
    /// When calls time out, with their slots.
    deadlines: BTreeSet<(Duration, usize)>,
    /// The id of the last one.
    last_id: usize,
    waiting: VecDeque<Waiting<A>>,
    waiting_bytes: usize,
    dropped: Arc<AnyDropped>,
    /// Of calls that have ended, for later ones.
    tokens: Vec<Arc<Token>>,
    /// The same of addresses: they are filled where they are, as moving what was just written
    /// makes the processor wait for it.
    addresses: Vec<Box<ReplyAddress<A>>>,
}

#[derive(Debug)]
struct InFlight<A> {
    token: Arc<Token>,
    address: Box<ReplyAddress<A>>,
    buffer: Buffer,
    options: CallOptions,
    deadline: Option<Duration>,
}

/// A message that passed the outer layer and waits for its turn.
#[derive(Debug)]
pub(crate) struct Waiting<A> {
    pub(crate) sealed: SealedMessage,
    pub(crate) from: A,
    /// Bytes of its frame.
    pub(crate) bytes: usize,
    /// The address of this node that it came to, where the link has several.
    pub(crate) local: Option<IpAddr>,
    /// It came when the link was drained already.
    pub(crate) late: bool,
}

impl<A> Calls<A> {
    /// The memory of a message that waits, besides its bytes.
    pub(crate) const WAITING_BYTES: usize = size_of::<Waiting<A>>();

    /// Tokens, and addresses, that are kept for later calls.
    const KEEP: usize = 16;

    /// None yet. `dropped` is set when a call is dropped without a reply.
    pub(crate) fn new(options: CallOptions, dropped: Arc<AtomicBool>) -> Self {
        Self {
            in_flight: Slab::new(),
            buffers: Buffers::default(),
            in_order: false,
            options,
            deadlines: BTreeSet::new(),
            last_id: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            dropped: Arc::new(AnyDropped {
                of_link: AtomicBool::new(false),
                of_node: dropped,
            }),
            tokens: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// Calls in flight.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether nothing is in flight and nothing waits.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_empty()
    }

    /// The memory that requests in flight and messages that wait hold, in bytes, with
    /// that of the buffer that bytes are received into.
    pub(crate) fn held_with(&self, received: Buffer) -> usize {
        let held = self.buffers.held_with(received);
        held.saturating_add(self.waiting_bytes)
    }

    /// Whether a handler may be called besides those in flight, of `max` in all: not
    /// beside one whose answer keeps its place.
    #[inline]
    pub(crate) fn has_room(&self, max: usize) -> bool {
        self.in_flight.is_empty() || (!self.in_order && self.in_flight.len() < max)
    }

    /// An address to be filled; a used one where there is one.
    #[inline]
    pub(crate) fn address(&mut self, to: A) -> Box<ReplyAddress<A>> {
        match self.addresses.pop() {
            Some(mut address) => {
                address.to = to;
                address
            }
            None => Box::new(ReplyAddress::new(to)),
        }
    }

    /// Keeps an address that nothing is sent to any more for a later call.
    #[inline]
    pub(crate) fn keep(&mut self, mut address: Box<ReplyAddress<A>>) {
        if self.addresses.len() < Self::KEEP {
            if self.addresses.is_empty() {
                self.addresses.reserve_exact(1);
            }
            address.release();
            self.addresses.push(address);
        }
    }

    /// Notes that a handler is called for a message from `place`.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        place: Place,
        address: Box<ReplyAddress<A>>,
        buffer: Buffer,
    ) -> Call {
        if self.in_flight.capacity() == 0 {
            // Most connections ask one thing at a time.
            self.in_flight.reserve_exact(1);
        }
        let token = self.token(place);
        self.last_id = self.last_id.wrapping_add(1);
        token.id.store(self.last_id, Ordering::Relaxed);
        let (slot, options) = (self.in_flight.vacant_key(), self.options);
        let deadline = self.expect(now, slot, options);
        self.buffers.hold(buffer);
        self.in_order = address.id.is_empty();
        let call = Call {
            slot,
            request: address.request,
            verified: address.verified,
            token: token.clone(),
        };
        self.in_flight.insert(InFlight {
            token,
            address,
            buffer,
            options,
            deadline,
        });
        call
    }

    /// A token that no other call has; a used one where there is one.
    #[inline]
    fn token(&mut self, place: Place) -> Arc<Token> {
        if let Some(mut token) = self.tokens.pop() {
            token.answered.store(false, Ordering::Relaxed);
            if token.place == place {
                return token;
            }
            if let Some(token_mut) = Arc::get_mut(&mut token) {
                token_mut.place = place;
                return token;
            }
        }
        Arc::new(Token::new(place, self.dropped.clone()))
    }

    /// Whether a call is this link's.
    #[inline]
    pub(crate) fn owns(&self, call: &Call) -> bool {
        Arc::ptr_eq(&call.token.any_dropped, &self.dropped)
    }

    /// The uri of a call's request, until it ends.
    pub(crate) fn uri(&self, call: &Call) -> Option<Bytes> {
        let entry = self.in_flight.get(call.slot)?;
        Arc::ptr_eq(&entry.token, &call.token).then(|| entry.address.uri.to_bytes())
    }

    /// Ends a call, and says whom its reply goes to; nobody once the link has ended.
    #[inline]
    pub(crate) fn end(&mut self, call: Call) -> Option<Box<ReplyAddress<A>>> {
        call.token.answered.store(true, Ordering::Relaxed);
        let (entry, slot) = (self.in_flight.get(call.slot)?, call.slot);
        let in_flight = Arc::ptr_eq(&entry.token, &call.token);
        // Its token may serve another one now.
        drop(call);
        in_flight.then(|| self.remove(slot))?
    }

    #[inline]
    fn remove(&mut self, slot: usize) -> Option<Box<ReplyAddress<A>>> {
        let entry = self.in_flight.try_remove(slot)?;
        self.buffers.release(entry.buffer);
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, slot));
        }
        if self.tokens.len() < Self::KEEP && Arc::strong_count(&entry.token) == 1 {
            if self.tokens.is_empty() {
                self.tokens.reserve_exact(1);
            }
            self.tokens.push(entry.token);
        }
        Some(entry.address)
    }

    /// Whether a call may have been dropped without a reply.
    #[inline]
    pub(crate) fn has_dropped(&self) -> bool {
        self.dropped.of_link.load(Ordering::Acquire)
    }

    /// Ends a call that was dropped without a reply, if one was.
    pub(crate) fn take_dropped(&mut self) -> Option<Box<ReplyAddress<A>>> {
        // The plain load comes first, as it is all that there is to do as a rule.
        if !self.has_dropped() || !self.dropped.of_link.swap(false, Ordering::AcqRel) {
            return None;
        }
        let mut entries = self.in_flight.iter();
        let slot = entries.find_map(|(slot, entry)| entry.token.take_dropped().then_some(slot))?;
        // There may be more of them.
        self.dropped.of_link.store(true, Ordering::Release);
        self.remove(slot)
    }

    /// Lets a message wait behind those that do.
    pub(crate) fn wait(&mut self, waiting: Waiting<A>) {
        let bytes = waiting.bytes.saturating_add(Self::WAITING_BYTES);
        self.waiting_bytes = self.waiting_bytes.saturating_add(bytes);
        self.waiting.push_back(waiting);
    }

    /// Messages that wait, and the memory that they hold, in bytes.
    #[inline]
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.waiting.len(), self.waiting_bytes)
    }

    /// The message that has waited longest.
    #[inline]
    pub(crate) fn first_waiting(&self) -> Option<&Waiting<A>> {
        self.waiting.front()
    }

    /// Takes it out.
    pub(crate) fn pop_waiting(&mut self) -> Option<Waiting<A>> {
        let waiting = self.waiting.pop_front()?;
        let bytes = waiting.bytes.saturating_add(Self::WAITING_BYTES);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        if self.waiting.is_empty() && self.waiting.capacity() > Self::KEEP {
            self.waiting = VecDeque::new();
        }
        Some(waiting)
    }

    /// Gives all of them up.
    pub(crate) fn clear(&mut self) {
        self.buffers = Buffers::default();
        self.in_flight = Slab::new();
        self.deadlines = BTreeSet::new();
        self.clear_waiting();
    }

    /// Gives those up that wait.
    pub(crate) fn clear_waiting(&mut self) {
        self.waiting_bytes = 0;
        self.waiting = VecDeque::new();
    }
}
