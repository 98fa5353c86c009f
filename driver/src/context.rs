//! What the handles, tasks and handlers of one server, client or node share.

use std::sync::Arc;
use std::time::Duration;

use netaio_core::{Limits, LinkConfig};

use crate::bounded_queue::Bounds;
use crate::clock::Time;
use crate::logging::Logs;
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
}

impl Context {
    /// Of log lines of one kind, one is written in each `log_interval`.
    pub(crate) fn new(
        config: Arc<LinkConfig>,
        states: States,
        sources: Sources,
        log_interval: Duration,
        event_bounds: Bounds,
    ) -> Arc<Self> {
        let logs = Arc::new(Logs::new(log_interval, sources.time.clone()));
        Arc::new(Self {
            config,
            states,
            sources,
            logs,
            event_bounds,
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.config.limits()
    }

    pub(crate) fn time(&self) -> &Time {
        &self.sources.time
    }
}
