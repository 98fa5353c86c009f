//! What the handles of a server and the tasks of its connections share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use event_listener::Event;
use netaio_core::{CloseReason, Dropped, LinkId, Node, PeerMessage, Refusal, SendOptions};

use super::events::ServerEvent;
use crate::connection::Connection;
use crate::events::Listeners;
use crate::futures::wait_for;
use crate::logging::limited;
use crate::mailbox::Command;
use crate::metrics::Counts;
use crate::peers::Peers;
use crate::publisher::Publisher;
use crate::roster::Roster;
use crate::runtime::Keepalive;
use crate::service::{Owner, Service};
use crate::task::ConnectionObserver;

/// What the handles of a server share with the tasks of its connections.
pub(super) struct Shared {
    pub(super) service: Arc<Service>,
    /// Where it listens, in the order of the name's addresses.
    pub(super) local: Vec<SocketAddr>,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) roster: Arc<Roster>,
    pub(super) publisher: Publisher,
    pub(super) peers: Peers,
    pub(super) events: Listeners<ServerEvent>,
    pub(super) counts: Counts,
    /// The listening sockets that are open.
    pub(super) listening: AtomicUsize,
    /// Notified when a connection has ended, or a listening socket is closed.
    pub(super) ended: Event,
    pub(super) stopping: AtomicBool,
    pub(super) stop: Event,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close_streams();
    }
}

impl Shared {
    /// Ends the streams of events.
    pub(super) fn close_streams(&self) {
        self.service.close();
        self.events.close();
    }

    pub(super) fn begin_stop(&self, stop: impl Fn(&Connection)) {
        self.stopping.store(true, Ordering::Release);
        self.stop.notify(usize::MAX);
        // Where nothing is left that would notify of its end.
        self.ended.notify(usize::MAX);
        self.roster.for_each(stop);
    }

    /// Is ready when no connection is left, and no more are accepted.
    pub(super) async fn empty(&self) {
        let is_empty = || self.roster.is_empty() && self.listening.load(Ordering::Acquire) == 0;
        wait_for(&self.ended, || is_empty().then_some(())).await;
    }

    /// Is ready when the server was stopped, and nothing of it is left.
    pub(super) async fn has_stopped(&self) {
        let is_over = || {
            let stopping = self.stopping.load(Ordering::Acquire);
            stopping && self.roster.is_empty() && self.listening.load(Ordering::Acquire) == 0
        };
        wait_for(&self.ended, || is_over().then_some(())).await;
    }

    /// Sends a message about peers to every connection.
    pub(super) fn send_peer_message(&self, PeerMessage { message, inner }: &PeerMessage) {
        let options = SendOptions::new().with_inner(inner.clone());
        let receivers = self.roster.connections();
        if let Err(error) = self.roster.deliver(&receivers, message, &options) {
            let logs = &self.service.context.logs;
            limited!(logs, WARN, "a message about peers was not sent", %error);
        }
    }

    /// Stops managing peers, and sends the farewells.
    pub(super) fn send_farewells(&self) {
        let farewells = self.service.change(Node::stop_all_peer_management);
        for farewell in &farewells {
            self.send_peer_message(farewell);
        }
    }
}

impl Owner for Shared {
    fn wake(&self, link: LinkId) {
        self.roster.command(link, Command::Wake);
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

impl ConnectionObserver for Shared {
    fn refused(&self, connection: &Connection, reason: Refusal) {
        self.counts.refused(&reason);
        self.events.emit(|| ServerEvent::MessageRefused {
            connection: connection.clone(),
            reason,
        });
    }

    fn dropped(&self, connection: &Connection, dropped: Dropped) {
        self.counts.dropped_messages.add(dropped.messages);
        self.events.emit(|| ServerEvent::Dropped {
            connection: connection.clone(),
            dropped,
        });
    }

    fn unwritten(&self, connection: &Connection, bytes: usize) {
        self.counts.unwritten_bytes.add(bytes as u64);
        self.events.emit(|| ServerEvent::Unwritten {
            connection: connection.clone(),
            bytes,
        });
    }

    fn half_closed(&self, connection: &Connection, reason: CloseReason) {
        self.roster.retire(connection.shared.link);
        self.events.emit(|| ServerEvent::HalfClosed {
            connection: connection.clone(),
            reason,
        });
    }

    fn closed(&self, connection: &Connection) {
        let reason = connection.close_reason().unwrap_or(CloseReason::Local);
        // Whoever sees that there is none any more finds it counted.
        self.counts.closed(&reason);
        self.roster.retire(connection.shared.link);
        self.events.emit(|| ServerEvent::Closed {
            connection: connection.clone(),
            reason,
        });
    }

    fn ended(&self, connection: &Connection) {
        self.roster.leave(connection.shared.link);
        self.ended.notify(usize::MAX);
    }
}
