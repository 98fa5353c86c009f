//! What the handles of a client and the tasks of its connections share.

use std::sync::Arc;
use std::time::Duration;

use netaio_core::{LinkId, PeerMessage};

use super::messages::Inbox;
use super::monitor::Monitor;
use super::servers::Servers;
use super::subscriptions::Subscriptions;
use crate::background::BackgroundTasks;
use crate::connection::Connection;
use crate::mailbox::Command;
use crate::runtime::Keepalive;
use crate::service::{Owner, Service};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::timeouts::{TimedOut, TimeoutHandler, TimeoutObserver};

/// What the handles of a client share with the tasks of its connections.
pub(super) struct Shared {
    pub(super) service: Arc<Service>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) subscriptions: Arc<Subscriptions>,
    pub(super) monitor: Arc<Monitor>,
    pub(super) connect_timeout: Duration,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) servers: Mutex<Servers>,
    pub(super) on_timeout: TimeoutHandler<Connection>,
    pub(super) reconnect: Option<Arc<dyn Reconnect>>,
    pub(super) background: Arc<BackgroundTasks<Subject>>,
}

/// Reconnects servers, where that is configured.
pub(super) trait Reconnect: Send + Sync {
    /// Reconnects a server on which a request timed out.
    fn timed_out(self: Arc<Self>, client: &Arc<Shared>, connection: &Connection);

    /// Reconnects a server that has left, while handlers run for it.
    fn left(self: Arc<Self>, client: &Arc<Shared>, connection: &Connection);

    /// Reconnects a server whose connection has ended, and returns whether the
    /// connection stays listed until it is replaced.
    fn ended(self: Arc<Self>, client: &Arc<Shared>, connection: &Connection) -> bool;
}

/// The subject of a background task, with the id of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Timeout(u64),
    Reconnect(u64),
}

impl Shared {
    pub(super) fn servers(&self) -> MutexGuard<'_, Servers> {
        lock(&self.servers)
    }

    /// Whether background tasks may have to be started.
    pub(super) fn wants_background(&self) -> bool {
        self.reconnect.is_some() || self.on_timeout.is_set()
    }

    /// Asks a server that has left nothing more, has that told, and reconnects it.
    pub(super) fn left(self: &Arc<Self>, connection: &Connection, tell: impl FnOnce()) {
        {
            // Who is told does not find it among the open ones any more, and nobody who does
            // not reconnects it before that is told.
            let mut servers = self.servers();
            servers.set_left(connection, false);
            tell();
        }
        if let Some(reconnect) = self.reconnect.clone() {
            reconnect.left(self, connection);
        }
    }

    /// Removes a connection that has ended from the list, or reconnects it.
    pub(super) fn ended(self: &Arc<Self>, connection: &Connection) {
        let reconnect = self.reconnect.clone();
        if !reconnect.is_some_and(|reconnect| reconnect.ended(self, connection)) {
            self.remove(connection);
        }
    }

    /// Removes a connection from the list, and ends what was subscribed to by it where no other
    /// leads to its server.
    pub(super) fn remove(&self, connection: &Connection) {
        let gone = {
            let mut servers = self.servers();
            servers.remove(connection);
            let server = connection.server_id();
            server.filter(|server| servers.with_id(*server).is_none())
        };
        if let Some(server) = gone {
            self.subscriptions.end(server);
        }
    }

    /// Sends a message about peers to every server.
    pub(super) fn send_peer_message(&self, message: &PeerMessage) {
        for connection in self.servers().open() {
            connection.send_peer_message(message);
        }
    }
}

impl Owner for Shared {
    fn wake(&self, link: LinkId) {
        for connection in self.servers().all() {
            if connection.shared.link == link {
                connection.command(Command::Wake);
            }
        }
    }

    fn peers_changed(&self) {
        loop {
            let advertisement = self.service.node().poll_advertisement();
            let Some(advertisement) = advertisement else {
                return;
            };
            self.send_peer_message(&advertisement);
        }
    }
}

impl TimeoutObserver<Connection> for Shared {
    fn timed_out(self: Arc<Self>, request: TimedOut<Connection>) {
        self.monitor.timed_out(&request);
        let connection = request.to.clone();
        let Some(server) = connection.server_id() else {
            return;
        };
        let (background, logs) = (&self.background, &self.service.context.logs);
        let subject = Subject::Timeout(server);
        self.on_timeout.start(background, subject, request, logs);
        if let Some(reconnect) = self.reconnect.clone() {
            reconnect.timed_out(&self, &connection);
        }
    }
}
