//! What the handles of a UDP node share with its task.

use std::net::SocketAddr;
use std::sync::Arc;

use netaio_core::{DatagramCounters, LinkId};

use super::events::UdpEvent;
use crate::background::BackgroundTasks;
use crate::count::Count;
use crate::error::TaskPanicked;
use crate::events::Listeners;
use crate::peers::Peers;
use crate::remote::Remote;
use crate::service::{Owner, Service};
use crate::subscriptions::{Subscriptions, Watch};
use crate::sync::Mutex;
use crate::timeouts::{TimedOut, TimeoutHandler, TimeoutObserver};
use crate::udp_handle::{self, Command};

/// What the handles of a UDP node share with its task.
pub(super) struct Shared {
    pub(super) service: Arc<Service>,
    pub(super) peers: Peers,
    /// Where it is bound, in the order of the name's addresses.
    pub(super) local: Vec<SocketAddr>,
    /// Where multicasts go.
    pub(super) group: Option<SocketAddr>,
    pub(super) counters: Mutex<DatagramCounters>,
    pub(super) timed_out: Count,
    /// Notifications that streams lost.
    pub(super) lagged: Count,
    pub(super) subscriptions: Arc<Subscriptions>,
    pub(super) events: Listeners<UdpEvent>,
    /// Why the node has ended, if not by a stop.
    pub(super) panicked: Mutex<Option<TaskPanicked>>,
    pub(super) on_timeout: TimeoutHandler<SocketAddr>,
    /// Handlers of timeouts, one at a time for each address.
    pub(super) background: Arc<BackgroundTasks<SocketAddr>>,
}

impl Shared {
    /// At most [`Limits::handlers`](netaio_core::Limits::handlers) handlers of timeouts
    /// run at once.
    pub(super) fn new(
        service: Arc<Service>,
        local: Vec<SocketAddr>,
        group: Option<SocketAddr>,
    ) -> Arc<Self> {
        Arc::new(Self {
            background: BackgroundTasks::new(
                service.context.limits().handlers(),
                service.context.logs.clone(),
            ),
            peers: Peers {
                service: service.clone(),
            },
            local,
            group,
            counters: Mutex::default(),
            timed_out: Count::default(),
            lagged: Count::default(),
            // Its builder has set them.
            subscriptions: service.context.states.get().unwrap_or_default(),
            events: Listeners::new(service.context.event_bounds),
            panicked: Mutex::default(),
            service,
            on_timeout: TimeoutHandler::default(),
        })
    }
}

impl Watch for Shared {
    fn lagged(&self, from: &Remote, lost: usize, first: bool) {
        self.lagged.add(u64::try_from(lost).unwrap_or(u64::MAX));
        if let Some(remote) = from.addr()
            && first
        {
            self.events.emit(|| UdpEvent::Lagged { remote });
        }
    }
}

impl TimeoutObserver<SocketAddr> for Shared {
    fn timed_out(self: Arc<Self>, request: TimedOut<SocketAddr>) {
        self.timed_out.add(1);
        let (background, logs) = (&self.background, &self.service.context.logs);
        let address = request.to;
        self.on_timeout.start(background, address, request, logs);
    }
}

impl Owner for udp_handle::Shared {
    // A node has one link, which is polled with the peers.
    fn wake(&self, _: LinkId) {
        self.peers_changed();
    }

    fn peers_changed(&self) {
        // If the queue is full, the task runs soon anyway, and checks the peers.
        let _ = self.commands.try_send(Command::CheckPeers);
    }
}
