//! What the handles, tasks and handlers of one server, client or node share.

use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use netaio_core::{Limits, LinkConfig, Peer, Place};

use crate::bounded_queue::Bounds;
use crate::clock::Time;
use crate::futures::BoxFuture;
use crate::histogram::Times;
use crate::logging::Logs;
use crate::runtime::Runtime;
use crate::sources::Sources;
use crate::states::States;
use crate::traffic::Traffic;

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
    /// Starts a task on the runtime, from within it.
    pub(crate) spawn: Spawn,
    peers: OnceLock<Weak<dyn FindPeer>>,
    /// What goes in and out.
    pub(crate) traffic: Arc<Traffic>,
    /// How long handlers and requests take, where that is measured.
    pub(crate) times: Option<Arc<MeasuredTimes>>,
}

/// Finds peers by where they are.
pub(crate) trait FindPeer: Send + Sync {
    fn peer_at(&self, place: Place) -> Option<PeerAt>;
}

/// A peer, and whether its introduction has passed an auth plugin.
pub(crate) struct PeerAt {
    pub(crate) peer: Peer,
    pub(crate) is_vouched: bool,
}

/// How long handlers take, and requests until they are answered.
#[derive(Default)]
pub(crate) struct MeasuredTimes {
    pub(crate) handlers: Times,
    pub(crate) requests: Times,
}

/// Is ready at a time, or soon after.
pub(crate) type Sleep = fn(Instant) -> BoxFuture<()>;

/// Starts a task.
pub(crate) type Spawn = fn(BoxFuture<()>);

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
        (sleep_until, spawn): (Sleep, Spawn),
        measured: bool,
    ) -> Arc<Self> {
        let logs = Arc::new(Logs::new(log_interval, sources.time.clone()));
        Arc::new(Self {
            config,
            states,
            sources,
            logs,
            event_bounds,
            sleep_until,
            spawn,
            peers: OnceLock::new(),
            traffic: Arc::default(),
            times: measured.then(Arc::default),
        })
    }

    /// Sets who knows the peers, once.
    pub(crate) fn set_peers(&self, peers: Weak<dyn FindPeer>) {
        let _ = self.peers.set(peers);
    }

    /// The peer at a place.
    pub(crate) fn peer_at(&self, place: Place) -> Option<PeerAt> {
        self.peers.get()?.upgrade()?.peer_at(place)
    }

    /// Measures a request that was answered, where that is wanted.
    pub(crate) fn note_round_trip(&self, begun: Duration) {
        if let Some(times) = &self.times {
            let now = self.time().monotonic();
            times.requests.add(now.saturating_sub(begun));
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.config.limits()
    }

    pub(crate) fn time(&self) -> &Time {
        &self.sources.time
    }
}
