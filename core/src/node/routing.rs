//! Where messages go.

use alloc::sync::Arc;
use core::fmt;

use super::target::Target;
use crate::message::MessageType;
use crate::place::Place;
use crate::routes::{KeyExtractor, Route, Routes};
use crate::shared::{Destination, Unrouted};
use crate::sync::{AtomicBool, Ordering};

/// The handlers of a [`Node`](crate::Node), as they were when it was
/// [asked](crate::Node::routing) for them: for look-ups beside the lock that the node is
/// behind.
pub struct Routing<H> {
    /// The node has others by now.
    is_stale: AtomicBool,
    pub(super) routes: Routes<Target<H>>,
    pub(super) extract: Option<KeyExtractor>,
    pub(super) unrouted: Unrouted<H>,
}

impl<H> Routing<H> {
    pub(super) fn new() -> Self {
        Self {
            is_stale: AtomicBool::new(false),
            routes: Routes::new(),
            extract: None,
            unrouted: Unrouted::NotFound,
        }
    }

    /// Whether the node's handlers have changed since.
    #[inline]
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Acquire)
    }

    /// Whether equal messages of one sender all go to the same place.
    pub(super) fn is_fixed(&self) -> bool {
        self.extract.is_none()
    }

    /// Where a message goes: as [`SharedNode::route`](crate::SharedNode::route), and clones
    /// no handler.
    #[inline]
    pub fn route(&self, message_type: MessageType, uri: &[u8], from: Place) -> Destination<&H> {
        let route = match &self.extract {
            None => self.routes.find(message_type, uri, from.address()),
            Some(extract) => {
                let keys = extract(message_type, uri, from.address());
                keys.iter().find_map(|key| self.routes.get(key))
            }
        };
        let Some(route) = route else {
            return Destination::Unrouted(self.unrouted.as_ref());
        };
        match &route.handler {
            Target::Handler(handler) => Destination::Handler(Route {
                handler,
                inner: route.inner.clone(),
                one_time: route.one_time,
            }),
            Target::Node => Destination::Node {
                inner: route.inner.clone(),
            },
        }
    }
}

impl<H> Routing<H> {
    /// Fetches from memory what [`route`](Self::route) needs for several messages, where there is so
    /// much that no cache of the processor has it: the processor waits for all of it at once.
    /// `touch` is to read of a handler what calling it reads.
    pub fn expect(
        &self,
        messages: &mut dyn Iterator<Item = (MessageType, &[u8])>,
        touch: impl Fn(&H),
    ) {
        if self.extract.is_none() && !self.routes.is_in_caches() {
            self.routes.expect(messages, |target| match target {
                Target::Handler(handler) => touch(handler),
                Target::Node => {}
            });
        }
    }
}

impl<H: Clone> Routing<H> {
    /// For a change. Where somebody has it besides the node it is copied, and they are told.
    pub(super) fn change(this: &mut Arc<Self>) -> &mut Self {
        if Arc::get_mut(this).is_none() {
            this.is_stale.store(true, Ordering::Release);
        }
        let changed = Arc::make_mut(this);
        // It was the node's alone after all.
        changed.is_stale.store(false, Ordering::Relaxed);
        changed
    }
}

/// A copy is not stale.
impl<H: Clone> Clone for Routing<H> {
    fn clone(&self) -> Self {
        Self {
            is_stale: AtomicBool::new(false),
            routes: self.routes.clone(),
            extract: self.extract.clone(),
            unrouted: self.unrouted.clone(),
        }
    }
}

impl<H> fmt::Debug for Routing<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routing")
            .field("keys", &self.routes.len())
            .finish_non_exhaustive()
    }
}
