//! What calls need that are under way.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use slab::Slab;

use super::buffers::Buffers;
use super::in_flight::InFlight;
use super::token::AnyDropped;
use crate::sync::AtomicBool;

/// On the heap, from the first call until there is nothing more to call.
#[derive(Debug)]
pub(super) struct Active<A> {
    pub(super) in_flight: Slab<Box<InFlight<A>>>,
    /// What the requests in flight hold.
    pub(super) buffers: Buffers,
    /// The one in flight carries no id, so that its answer keeps its place.
    pub(super) in_order: bool,
    pub(super) dropped: Arc<AnyDropped>,
    /// Of calls that have ended, for later ones. They are filled where they are: to move what was
    /// just written makes the processor wait for it.
    pub(super) spares: Vec<Box<InFlight<A>>>,
}

impl<A> Active<A> {
    /// None yet. `dropped` is set when a call is dropped without a reply.
    // Once for many messages, each of which asks whether there is one.
    #[cold]
    pub(super) fn begin(dropped: &Arc<AtomicBool>) -> Box<Self> {
        Box::new(Self {
            in_flight: Slab::new(),
            buffers: Buffers::default(),
            in_order: false,
            dropped: Arc::new(AnyDropped {
                of_link: AtomicBool::new(false),
                of_node: dropped.clone(),
            }),
            spares: Vec::new(),
        })
    }

    /// Gives up what is in flight, and what was kept.
    pub(super) fn clear(&mut self) {
        self.in_flight = Slab::new();
        self.buffers = Buffers::default();
        self.spares = Vec::new();
    }

    /// Whether a call that was given up may still be dropped, or replied to.
    pub(super) fn is_known(&self) -> bool {
        Arc::strong_count(&self.dropped) > 1
    }
}
