//! Messages for many receivers.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use bytes::Bytes;

use crate::error::{SealError, SendError};
use crate::limits::Limits;
use crate::message::Message;
use crate::options::SendOptions;
use crate::place::Place;
use crate::sync::{AtomicUsize, Ordering};

/// What all publications of a node hold, and have to send.
#[derive(Debug)]
pub(crate) struct Publications {
    held: Counter,
    unsent: Counter,
}

/// Bytes, and the most of them.
#[derive(Debug)]
struct Counter {
    bytes: AtomicUsize,
    max: usize,
}

impl Counter {
    fn new(max: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            max,
        }
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    fn is_half_free(&self) -> bool {
        self.bytes() < self.max / 2
    }

    /// Adds bytes where `fits` says of those before and of the maximum that they do.
    fn add(&self, bytes: usize, fits: impl Fn(usize, usize) -> bool) -> Result<(), SendError> {
        let queued = self.bytes.fetch_add(bytes, Ordering::SeqCst);
        if fits(queued, self.max) {
            return Ok(());
        }
        self.remove(bytes);
        let max = self.max;
        Err(SendError::QueueFull { queued, max })
    }

    fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
    }
}

impl Publications {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            held: Counter::new(limits.outbound_queue()),
            unsent: Counter::new(limits.outbound_total()),
        })
    }

    /// Whether less than half of what may be held, and of what may still have to be sent, is:
    /// so that there is room for a publication that is not longer than the other half.
    pub(crate) fn has_room(&self) -> bool {
        self.held.is_half_free() && self.unsent.is_half_free()
    }

    /// Whether anything has still to be sent.
    pub(crate) fn is_busy(&self) -> bool {
        self.unsent.bytes() > 0
    }

    /// Bytes that lists and messages take.
    pub(super) fn held(&self) -> usize {
        self.held.bytes()
    }

    /// A list of receivers.
    pub(crate) fn list(self: &Arc<Self>, mut places: Vec<Place>) -> Result<Receivers, SendError> {
        places.shrink_to_fit();
        let bytes = size_of_val(&places[..]);
        let held = Held::new(self, bytes)?;
        Ok(Receivers(Arc::new(List { places, held })))
    }
}

/// Bytes that are counted while they are held.
#[derive(Debug)]
struct Held {
    publications: Arc<Publications>,
    bytes: usize,
}

impl Held {
    /// As with a queue, one more fits while there is any room at all.
    fn new(publications: &Arc<Publications>, bytes: usize) -> Result<Self, SendError> {
        publications.held.add(bytes, |held, max| held < max)?;
        Ok(Self {
            publications: publications.clone(),
            bytes,
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.publications.held.remove(self.bytes);
    }
}

/// Addresses that something is published to. All publications to the same subscribers share one
/// list, for as long as one of them has to be sent; cloning it copies a pointer.
#[derive(Clone, Debug)]
pub struct Receivers(Arc<List>);

#[derive(Debug)]
struct List {
    places: Vec<Place>,
    held: Held,
}

impl Receivers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.places.is_empty()
    }

    /// Whether it is the same list.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.0.held.bytes
    }

    /// The addresses, in the order in which they are sent to.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.places.iter().filter_map(Place::address)
    }
}

/// The lists that were made last, by the state of the subscriptions that they are of.
#[derive(Debug, Default)]
pub(crate) struct Lists(VecDeque<(u64, Weak<List>)>);

impl Lists {
    /// Lists that are found again.
    const KEEP: usize = 16;

    /// The list of this state, or one that `make` makes.
    pub(crate) fn get(
        &mut self,
        stamp: u64,
        make: impl FnOnce() -> Result<Receivers, SendError>,
    ) -> Result<Receivers, SendError> {
        let known = self.0.iter().find(|(of, _)| *of == stamp);
        if let Some(list) = known.and_then(|(_, list)| list.upgrade()) {
            return Ok(Receivers(list));
        }
        let list = make()?;
        self.0
            .retain(|(of, list)| *of != stamp && list.strong_count() > 0);
        self.0.truncate(Self::KEEP - 1);
        self.0.push_front((stamp, Arc::downgrade(&list.0)));
        Ok(list)
    }
}

/// A message for many receivers, which [`DatagramLink::forward`](crate::DatagramLink::forward)
/// sends: made by [`Node::fan_out`](crate::Node::fan_out). What it holds, and what it has still
/// to send, counts until it is dropped.
#[must_use = "a message for many is sent by `DatagramLink::forward`"]
pub struct FanOut {
    /// The frame, where it is the same for all.
    frame: Option<Bytes>,
    /// What is sealed for one of them: a copy, which keeps no receive buffer alive.
    pub(super) message: Message,
    pub(super) options: SendOptions,
    to: Receivers,
    /// Receivers of others before it, which were refused, and how many these were.
    refused: Vec<(Receivers, u64)>,
    /// Receivers that had it.
    sent: usize,
    /// Bytes that count for each receiver.
    each: usize,
    held: Held,
}

impl FanOut {
    /// Bytes that count for a receiver besides the message.
    const ENTRY: usize = size_of::<Place>();

    /// # Errors
    /// The frame is too long for a datagram, or too much is published already.
    pub(crate) fn new(
        publications: &Arc<Publications>,
        to: Receivers,
        frame: Option<Bytes>,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Self, SendError> {
        let max = super::MAX_DATAGRAM;
        let frame_len = frame.as_ref().map_or(0, Bytes::len);
        if frame_len > max {
            let len = frame_len;
            return Err(SealError::DatagramTooLong { len, max }.into());
        }
        let message_len = message.uri.len().saturating_add(message.content.len());
        let each = frame_len.max(message_len).saturating_add(Self::ENTRY);
        let held = Held::new(publications, frame_len.saturating_add(message_len))?;
        let unsent = each.saturating_mul(to.len());
        let fits = |queued: usize, max| queued.saturating_add(unsent) <= max;
        publications.unsent.add(unsent, fits)?;
        Ok(Self {
            frame,
            message: Message {
                uri: Bytes::copy_from_slice(&message.uri),
                content: Bytes::copy_from_slice(&message.content),
                auth: message.auth.clone().into_owned(),
                ..*message
            },
            options: options.clone(),
            to,
            refused: Vec::new(),
            sent: 0,
            each,
            held,
        })
    }

    /// Says that others were refused before it.
    pub(crate) fn set_refused(&mut self, refused: Vec<(Receivers, u64)>) {
        self.refused = refused;
    }

    /// Receivers of others that were refused before it, and how many these were; once.
    pub(crate) fn take_refused(&mut self) -> Vec<(Receivers, u64)> {
        core::mem::take(&mut self.refused)
    }

    /// Whom it is for.
    pub(crate) fn to(&self) -> &Receivers {
        &self.to
    }

    /// Receivers that did not have it yet.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.to.len().saturating_sub(self.sent)
    }

    /// The frame, where it is the same for all.
    pub(super) fn frame(&self) -> Option<&Bytes> {
        self.frame.as_ref()
    }

    /// The next receiver.
    pub(super) fn next(&mut self) -> Option<SocketAddr> {
        loop {
            let place = self.to.0.places.get(self.sent)?;
            self.sent = self.sent.saturating_add(1);
            self.held.publications.unsent.remove(self.each);
            if let Some(address) = place.address() {
                return Some(address);
            }
        }
    }
}

impl Drop for FanOut {
    fn drop(&mut self) {
        let unsent = self.each.saturating_mul(self.unsent());
        self.held.publications.unsent.remove(unsent);
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut")
            .field("unsent", &self.unsent())
            .field("each", &self.each)
            .finish_non_exhaustive()
    }
}
