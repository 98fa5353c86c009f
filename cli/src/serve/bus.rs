//! Where publications go.

use std::sync::Arc;

use bytes::Bytes;
use netaio_driver::resources::{Bus, BusError, LocalBus};
use netaio_driver::{Publisher, Remote};

/// What takes publications to subscribers.
pub(super) enum AnyBus {
    Local(Arc<LocalBus>),
    #[cfg(feature = "nats")]
    Nats(netaio_gateway::Gateway),
}

/// The same call of whichever it is.
macro_rules! each {
    ($any:expr, $bus:ident => $call:expr) => {
        match $any {
            AnyBus::Local($bus) => $call.await,
            #[cfg(feature = "nats")]
            AnyBus::Nats($bus) => $call.await,
        }
    };
}

impl Bus for AnyBus {
    async fn subscribe(
        &self,
        uri: &[u8],
        who: Remote,
        publisher: &Publisher,
    ) -> Result<(), BusError> {
        each!(self, bus => bus.subscribe(uri, who, publisher))
    }

    async fn subscribe_wildcard(
        &self,
        pattern: &[u8],
        who: Remote,
        publisher: &Publisher,
    ) -> Result<(), BusError> {
        each!(self, bus => bus.subscribe_wildcard(pattern, who, publisher))
    }

    async fn wait_for_room(&self, uri: &[u8]) {
        each!(self, bus => bus.wait_for_room(uri));
    }

    async fn publish(
        &self,
        uri: &[u8],
        content: Bytes,
        from: Option<&Remote>,
    ) -> Result<usize, BusError> {
        each!(self, bus => bus.publish(uri, content, from))
    }
}
