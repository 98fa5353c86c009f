//! What the handles, tasks and handlers of one server, client or node share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use netaio_core::{Limits, LinkConfig};

use crate::bounded_queue::Bounds;
use crate::clock::Time;
use crate::futures::BoxFuture;
use crate::logging::Logs;
use crate::runtime::Runtime;
use crate::sources::Sources;
use crate::states::States;

/// Configuration, clock, log and shared values of one server, client or node.
pub(crate) struct Context {
    pub(crate) config: Arc<LinkConfig>,
    pub(crate) states: States,
    pub(crate) sources: Sources,
    pub(crate) logs: Arc<Logs>,
    /// Those of streams of events.
    pub(crate) event_bounds: Bounds,
    /// The runtime's timer.
    pub(crate) sleep_until: Sleep,
}

/// Is ready at a time, or soon after.
pub(crate) type Sleep = fn(Instant) -> BoxFuture<()>;

/// The timer of a runtime.
pub(crate) fn sleep_until<R: Runtime>(at: Instant) -> BoxFuture<()> {
    Box::pin(R::sleep_until(at))
}

impl Context {
    /// Of log lines of one kind, one is written in each `log_interval`.
    pub(crate) fn new(
        config: Arc<LinkConfig>,
        states: States,
        sources: Sources,
        log_interval: Duration,
        event_bounds: Bounds,
        sleep_until: Sleep,
    ) -> Arc<Self> {
        let logs = Arc::new(Logs::new(log_interval, sources.time.clone()));
        Arc::new(Self {
            config,
            states,
            sources,
            logs,
            event_bounds,
            sleep_until,
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.config.limits()
    }

    pub(crate) fn time(&self) -> &Time {
        &self.sources.time
    }
}
