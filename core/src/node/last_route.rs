//! The route of one message, for the next.

use core::fmt;

use super::routing::Routing;
use crate::message::MessageType;
use crate::place::Place;
use crate::plugin::Layer;
use crate::routes::Route;
use crate::shared::Destination;
use crate::small_bytes::SmallBytes;

/// Look-ups in one [`Routing`] for messages that come from one place one after another: most are for
/// the same handler as the one before, which is found by comparing a few bytes.
///
/// It is of one turn, as it borrows the routing: whoever implements a [`SharedNode`](crate::SharedNode) by it
/// asks whether that [is stale](Routing::is_stale) before each look-up, and asks the node where it is.
pub struct LastRoute<'r, H> {
    routing: &'r Routing<H>,
    last: Option<Last<'r, H>>,
}

struct Last<'r, H> {
    message_type: MessageType,
    uri: SmallBytes,
    handler: &'r H,
}

impl<'r, H> LastRoute<'r, H> {
    /// None yet.
    #[must_use]
    pub fn new(routing: &'r Routing<H>) -> Self {
        Self {
            routing,
            last: None,
        }
    }

    /// What is looked up in.
    #[must_use]
    pub fn routing(&self) -> &'r Routing<H> {
        self.routing
    }

    /// Where a message goes: as [`Routing::route`]. All are to come `from` the same place.
    // Not handed on through memory: right after it was written it would be read in other pieces, for
    // which processors wait.
    #[inline(always)]
    pub fn route(
        &mut self,
        message_type: MessageType,
        uri: &[u8],
        from: Place,
    ) -> Destination<&'r H> {
        match &self.last {
            Some(last) if last.message_type == message_type && last.uri[..] == *uri => {
                Destination::Handler(Route {
                    handler: last.handler,
                    inner: Layer::new(),
                    one_time: None,
                })
            }
            _ => self.look_up(message_type, uri, from),
        }
    }

    #[inline(never)]
    fn look_up(
        &mut self,
        message_type: MessageType,
        uri: &[u8],
        from: Place,
    ) -> Destination<&'r H> {
        let found = self.routing.route(message_type, uri, from);
        // What a program's own function makes of a message may be something else the next time.
        if let Destination::Handler(Route {
            handler,
            inner,
            one_time: None,
        }) = &found
            && inner.is_empty()
            && self.routing.is_fixed()
            && let Some(uri) = SmallBytes::few(uri)
        {
            self.last = Some(Last {
                message_type,
                uri,
                handler,
            });
        }
        found
    }
}

impl<H> fmt::Debug for LastRoute<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.last.as_ref();
        f.debug_struct("LastRoute")
            .field("uri", &last.map(|last| &last.uri))
            .finish_non_exhaustive()
    }
}
