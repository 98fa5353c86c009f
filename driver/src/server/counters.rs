//! What a server counts.

use crate::service::Service;

/// What a server holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounters {
    /// Bytes received and not yet handled, of all connections; see
    /// [`Limits::inbound_total`](netaio_core::Limits::inbound_total).
    pub inbound_bytes: usize,
    /// Bytes waiting to be written, to all connections; see
    /// [`Limits::outbound_total`](netaio_core::Limits::outbound_total).
    pub outbound_bytes: usize,
}

impl ServerCounters {
    pub(super) fn of(service: &Service) -> Self {
        let (inbound_bytes, outbound_bytes) = service.budget.held();
        Self {
            inbound_bytes,
            outbound_bytes,
        }
    }
}
