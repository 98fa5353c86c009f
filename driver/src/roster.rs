//! The connections of a server.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use netaio_core::{LinkId, Message, SealError, SendError, SendOptions};

use crate::connection::Connection;
use crate::error::SubscriptionError;
use crate::fanout::{Delivery, FrameSealer, Sealed};
use crate::logging::limited;
use crate::mailbox::Command;
use crate::options::Omitted;
use crate::service::Service;

/// The connections of a server, in the order of their coming.
#[derive(Clone)]
pub(crate) struct Roster {
    shared: Arc<Shared>,
}

/// A roster that does not keep its server alive.
#[derive(Clone)]
pub(crate) struct WeakRoster(Weak<Shared>);

struct Shared {
    service: Arc<Service>,
    connections: Mutex<BTreeMap<LinkId, Connection>>,
    sealer: FrameSealer,
}

/// What the connections do without, each kind once. Where there are none, what
/// most do.
fn kinds(receivers: &[Connection]) -> Vec<Omitted> {
    let mut kinds = Vec::new();
    for receiver in receivers {
        if !kinds.contains(&receiver.shared.omitted) {
            kinds.push(receiver.shared.omitted);
        }
    }
    if kinds.is_empty() {
        kinds.push(Omitted::default());
    }
    kinds
}

impl WeakRoster {
    /// The roster, if its server is still there.
    pub(crate) fn upgrade(&self) -> Option<Roster> {
        let shared = self.0.upgrade()?;
        Some(Roster { shared })
    }
}

impl Roster {
    pub(crate) fn new(service: Arc<Service>) -> io::Result<Self> {
        let sealer = FrameSealer::new(&service.context.sources)?;
        let shared = Arc::new(Shared {
            service,
            connections: Mutex::default(),
            sealer,
        });
        Ok(Self { shared })
    }

    pub(crate) fn downgrade(&self) -> WeakRoster {
        WeakRoster(Arc::downgrade(&self.shared))
    }

    /// Whether a connection is one of these.
    fn contains(&self, connection: &Connection) -> bool {
        let connections = self.lock();
        let ours = connections.get(&connection.shared.link);
        ours.is_some_and(|ours| ours.is(connection))
    }

    /// Subscribes a connection to a key, and returns whether it was not subscribed before.
    pub(crate) fn subscribe(
        &self,
        key: &[u8],
        connection: &Connection,
    ) -> Result<bool, SubscriptionError> {
        if !self.contains(connection) {
            return Err(SubscriptionError::NotConnected);
        }
        let place = connection.place();
        Ok(self.shared.service.node().subscribe(key, place)?)
    }

    /// Removes a subscription, and returns whether there was one.
    pub(crate) fn unsubscribe(&self, key: &[u8], connection: &Connection) -> bool {
        let place = connection.place();
        self.contains(connection) && self.shared.service.node().unsubscribe(key, place)
    }

    /// How many connections are subscribed to a key.
    pub(crate) fn subscribers(&self, key: &[u8]) -> usize {
        self.shared.service.node().subscribers(key).len()
    }

    /// The connections that are subscribed to a key.
    pub(crate) fn subscribed(&self, key: &[u8]) -> Vec<Connection> {
        let places: Vec<_> = self.shared.service.node().subscribers(key).collect();
        let connections = self.lock();
        let links = places.iter().filter_map(|place| place.link());
        links
            .filter_map(|link| connections.get(&link).cloned())
            .collect()
    }

    /// The connections of the server, in the order of their coming.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.lock().values().cloned().collect()
    }

    /// Seals the message, once for all that do without the same plugins unless
    /// one wants to know for whom, and queues it.
    pub(crate) fn deliver(
        &self,
        receivers: &[Connection],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let config = &self.shared.service.context.config;
        config.outer.check_clash(options.inner())?;
        // All before the first is queued: a message that cannot be sealed
        // is sent to no receiver.
        let mut parcels = Vec::new();
        for omitted in kinds(receivers) {
            let outer = options.outer(&omitted.outer(&config.outer));
            let sealer = &self.shared.sealer;
            parcels.push((
                omitted,
                sealer.seal(config, &outer, options.inner(), message)?,
            ));
        }
        let mut delivery = Delivery::default();
        for connection in receivers {
            let omitted = connection.shared.omitted;
            let parcel = parcels.iter().find(|(of, _)| *of == omitted);
            let command = match parcel {
                Some((_, Sealed::Once(frame))) => Command::Frame(frame.clone()),
                _ => Command::Notify {
                    message: message.clone(),
                    options: options.clone(),
                },
            };
            match connection.shared.mailbox.push(command) {
                Ok(()) => delivery.count(1, true),
                Err(error) => {
                    delivery.count(1, false);
                    if matches!(error, SendError::QueueFull { .. }) {
                        let (logs, remote) = (connection.logs(), connection.remote());
                        limited!(logs, WARN, "cut off as a slow consumer", ?remote);
                        // An error means that it is closed already.
                        let _ = connection.shared.mailbox.push(Command::Cut);
                    }
                }
            }
        }
        Ok(delivery)
    }

    /// Takes a connection in that `make` makes, while nobody else looks.
    pub(crate) fn enter<T, E>(
        &self,
        make: impl FnOnce() -> Result<(Connection, T), E>,
    ) -> Result<(Connection, T), E> {
        let mut connections = self.lock();
        let (connection, with) = make()?;
        connections.insert(connection.shared.link, connection.clone());
        Ok((connection, with))
    }

    /// Lets a connection go.
    pub(crate) fn leave(&self, link: LinkId) {
        let gone = self.lock().remove(&link);
        drop(gone);
    }

    /// Number of connections.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Gives a connection a command.
    pub(crate) fn command(&self, link: LinkId, command: Command) {
        if let Some(connection) = self.lock().get(&link) {
            // One that is closed needs none.
            let _ = connection.shared.mailbox.push(command);
        }
    }

    /// Gives every connection a command.
    pub(crate) fn command_all(&self, command: impl Fn() -> Command) {
        for connection in self.lock().values() {
            // One that is closed needs none.
            let _ = connection.shared.mailbox.push(command());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkId, Connection>> {
        // The map is consistent between two calls: poison does not matter.
        let connections = self.shared.connections.lock();
        connections.unwrap_or_else(PoisonError::into_inner)
    }
}
