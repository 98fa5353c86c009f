//! The connections of a server.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use netaio_core::plugin::Direction;
use netaio_core::{Delivery, Fate, LinkId, Message, SealError, SendError, SendOptions, SharedNode};

use crate::connection::Connection;
use crate::fanout::FrameSealer;
use crate::futures::race;
use crate::logging::limited;
use crate::mailbox::{Command, Urgent};
use crate::options::Omitted;
use crate::service::Service;
use crate::sync::{Mutex, lock};

/// The connections of a server, the oldest first.
pub(crate) struct Roster {
    pub(crate) service: Arc<Service>,
    connections: Mutex<Connections>,
    sealer: FrameSealer,
}

#[derive(Default)]
struct Connections {
    /// Those that may still send something.
    open: BTreeMap<LinkId, Connection>,
    /// Those of remotes that are gone, or may be, while handlers run for them.
    leaving: BTreeMap<LinkId, Connection>,
}

impl Connections {
    fn get(&self, link: LinkId) -> Option<&Connection> {
        self.open.get(&link).or_else(|| self.leaving.get(&link))
    }
}

/// The sets of plugins that the connections omit, each once. If there are no
/// connections, the default.
fn omitted_by(receivers: &[Connection]) -> Vec<Omitted> {
    let mut sets = Vec::new();
    for receiver in receivers {
        if !sets.contains(&receiver.shared.omitted) {
            sets.push(receiver.shared.omitted);
        }
    }
    if sets.is_empty() {
        sets.push(Omitted::default());
    }
    sets
}

impl Roster {
    /// # Errors
    /// The operating system has no randomness to give.
    pub(crate) fn new(service: Arc<Service>) -> io::Result<Arc<Self>> {
        let sealer = FrameSealer::new(service.context.clone(), Direction::ToClient)?;
        Ok(Arc::new(Self {
            service,
            connections: Mutex::default(),
            sealer,
        }))
    }

    /// Whether a connection is one of these.
    pub(crate) fn contains(&self, connection: &Connection) -> bool {
        let connections = lock(&self.connections);
        let ours = connections.get(connection.shared.link);
        ours.is_some_and(|ours| ours.is(connection))
    }

    /// The connections that are subscribed to a key.
    pub(crate) fn subscribed(&self, key: &[u8]) -> Vec<Connection> {
        let places: Vec<_> = self.service.node().subscribers(key).collect();
        let connections = lock(&self.connections);
        let links = places.iter().filter_map(|place| place.link());
        links
            .filter_map(|link| connections.open.get(&link).cloned())
            .collect()
    }

    /// The connections of the server whose remotes are there, the oldest first.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        lock(&self.connections).open.values().cloned().collect()
    }

    /// Seals the message, once for all that omit the same plugins unless one is
    /// peer-specific, and queues it for each connection.
    pub(crate) fn deliver(
        &self,
        receivers: &[Connection],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        // All before the first is queued: a message that cannot be sealed
        // is sent to no receiver.
        let mut frames = Vec::new();
        for omitted in omitted_by(receivers) {
            let frame = self.sealer.seal(omitted, message, options)?;
            let share = |frame| {
                self.service
                    .change(|node| node.share_message(frame, message, options))
            };
            frames.push((omitted, frame.map(share)));
        }
        let mut delivery = Delivery::default();
        for connection in receivers {
            let omitted = connection.shared.omitted;
            let frame = frames.iter().find(|(of, _)| *of == omitted);
            let command = match frame {
                Some((_, Some(frame))) => Command::frame(frame.clone()),
                _ => Command::Notify {
                    message: message.clone(),
                    options: options.clone(),
                    lost: 0,
                },
            };
            match connection.shared.mailbox.push_news(command) {
                Ok((fate, pressure)) => {
                    delivery.count(1, fate);
                    if !pressure.is_none() {
                        (&mut &*self.service).pressure(pressure);
                    }
                }
                Err(error) => {
                    delivery.count(1, Fate::Cut);
                    if matches!(error, SendError::QueueFull { .. }) {
                        let (logs, remote) = (connection.logs(), connection.remote());
                        limited!(logs, WARN, "cut off as a slow consumer", ?remote);
                        connection.shared.mailbox.urge(Urgent::Cut);
                    }
                }
            }
        }
        Ok(delivery)
    }

    /// Waits for room at these connections, for
    /// [`Limits::publish_wait`](netaio_core::Limits::publish_wait) at most. One that has
    /// none by then is not waited for again before it has. Says whether it waited.
    /// Cancel-safe.
    pub(crate) async fn wait_for_room(&self, receivers: &[Connection]) -> bool {
        let context = &self.service.context;
        let wait = context.limits().publish_wait();
        let full = receivers.iter();
        let full = full.filter(|connection| connection.shared.mailbox.is_waited_for());
        let full: Vec<_> = full.collect();
        if full.is_empty() || wait.is_zero() {
            return false;
        }
        let late = (context.sleep_until)(context.time().instant_after(wait));
        let room = async {
            for connection in &full {
                connection.shared.mailbox.room().await;
            }
        };
        race(room, late).await;
        for connection in full {
            let mailbox = &connection.shared.mailbox;
            if mailbox.is_waited_for() {
                let (logs, remote) = (connection.logs(), connection.remote());
                limited!(logs, DEBUG, "publishers wait for it no longer", ?remote);
                mailbox.give_up();
            }
        }
        true
    }

    /// Adds the connection that `make` makes, under the lock.
    pub(crate) fn enter<T, E>(
        &self,
        make: impl FnOnce() -> Result<(Connection, T), E>,
    ) -> Result<(Connection, T), E> {
        let mut connections = lock(&self.connections);
        let (connection, with) = make()?;
        connections
            .open
            .insert(connection.shared.link, connection.clone());
        Ok((connection, with))
    }

    /// Lists a connection no more, whose remote is gone: it only waits for its handlers.
    pub(crate) fn retire(&self, link: LinkId) {
        let mut connections = lock(&self.connections);
        if let Some(connection) = connections.open.remove(&link) {
            connections.leaving.insert(link, connection);
        }
    }

    /// Removes a connection.
    pub(crate) fn leave(&self, link: LinkId) {
        let mut connections = lock(&self.connections);
        let removed = connections.open.remove(&link);
        let removed = removed.or_else(|| connections.leaving.remove(&link));
        drop(connections);
        // Not under the lock.
        drop(removed);
    }

    /// The number of connections whose remotes are there.
    pub(crate) fn len(&self) -> usize {
        lock(&self.connections).open.len()
    }

    /// Whether there are none, and no handlers of others run.
    pub(crate) fn is_empty(&self) -> bool {
        let connections = lock(&self.connections);
        connections.open.is_empty() && connections.leaving.is_empty()
    }

    /// Gives a connection a command.
    pub(crate) fn command(&self, link: LinkId, command: Command) {
        if let Some(connection) = lock(&self.connections).get(link) {
            connection.command(command);
        }
    }

    /// Does something with every connection, and those whose remotes are gone.
    pub(crate) fn for_each(&self, act: impl Fn(&Connection)) {
        let connections = lock(&self.connections);
        let all = connections
            .open
            .values()
            .chain(connections.leaving.values());
        all.for_each(act);
    }
}
