//! The connections of a server.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use bytes::Bytes;
use netaio_core::{LinkConfig, Message, SealError, SendError, SendOptions, Subscriptions};

use crate::connection::Connection;
use crate::error::{RefusedConnection, SubscriptionError};
use crate::fanout::{Delivery, FrameSealer, Sealed};
use crate::logging::limited;
use crate::mailbox::Command;
use crate::options::Omitted;
use crate::sources::Sources;
use crate::states::States;

/// The connections of a server, and what they are subscribed to.
#[derive(Clone)]
pub(crate) struct Roster {
    shared: Arc<Shared>,
}

struct Shared {
    config: Arc<LinkConfig>,
    members: Mutex<Members>,
    sealer: FrameSealer,
}

/// Where handlers find the publisher of their server, among what they share.
/// It must not keep the server alive.
#[derive(Default)]
pub(crate) struct WeakRoster(OnceLock<Weak<Shared>>);

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
    /// The connections of the server, if it is still there.
    pub(crate) fn roster(&self) -> Option<Roster> {
        let shared = self.0.get()?.upgrade()?;
        Some(Roster { shared })
    }
}

#[derive(Default)]
struct Members {
    /// By their numbers, and so in the order of their coming.
    connections: BTreeMap<u64, Connection>,
    subscriptions: Subscriptions<u64>,
    next: u64,
}

impl Roster {
    /// A roster that handlers find by the [`WeakRoster`] among their states.
    pub(crate) fn new(
        config: Arc<LinkConfig>,
        states: &States,
        sources: &Sources,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            config,
            members: Mutex::default(),
            sealer: FrameSealer::new(sources)?,
        });
        if let Some(place) = states.get::<WeakRoster>() {
            let _ = place.0.set(Arc::downgrade(&shared));
        }
        Ok(Self { shared })
    }

    /// The connection that has this number.
    fn entry(members: &Members, connection: &Connection) -> Option<u64> {
        let number = connection.shared.number;
        let ours = members.connections.get(&number)?;
        ours.is(connection).then_some(number)
    }

    /// Subscribes a connection to a key, and says whether that was new.
    pub(crate) fn subscribe(
        &self,
        key: Bytes,
        connection: &Connection,
    ) -> Result<bool, SubscriptionError> {
        let limits = &self.shared.config.wire.limits;
        let mut members = self.members();
        let number = Self::entry(&members, connection).ok_or(SubscriptionError::NotConnected)?;
        Ok(members.subscriptions.subscribe(key, number, limits)?)
    }

    /// Takes a subscription back, and says whether there was one.
    pub(crate) fn unsubscribe(&self, key: &[u8], connection: &Connection) -> bool {
        let mut members = self.members();
        let number = Self::entry(&members, connection);
        number.is_some_and(|number| members.subscriptions.unsubscribe(key, number))
    }

    /// Takes all subscriptions of a connection back.
    pub(crate) fn unsubscribe_all(&self, number: u64) {
        self.members().subscriptions.remove(number);
    }

    /// The connections that are subscribed to a key.
    pub(crate) fn subscribed(&self, key: &[u8]) -> Vec<Connection> {
        let members = self.members();
        let numbers = members.subscriptions.subscribers(key).iter();
        numbers
            .filter_map(|number| members.connections.get(number).cloned())
            .collect()
    }

    /// The connections of the server, in the order of their coming.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.members().connections.values().cloned().collect()
    }

    /// Seals the message, once for all that do without the same plugins unless
    /// one wants to know for whom, and queues it.
    pub(crate) fn deliver(
        &self,
        receivers: &[Connection],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let config = &self.shared.config;
        config.check_inner(options.inner())?;
        // All before the first is queued: a message that cannot be sealed
        // reaches nobody.
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
                        limited!(logs, WARN, "cut off: it reads too slowly", ?remote);
                        // It is closed, or is told to be.
                        let _ = connection.shared.mailbox.push(Command::Cut);
                    }
                }
            }
        }
        Ok(delivery)
    }

    /// Takes a connection in, if `admit` says so of the number there are.
    pub(crate) fn enter(
        &self,
        admit: impl FnOnce(usize) -> Result<(), RefusedConnection>,
        make: impl FnOnce(u64) -> Connection,
    ) -> Result<Connection, RefusedConnection> {
        let mut members = self.members();
        admit(members.connections.len())?;
        let number = members.next;
        members.next = number.wrapping_add(1);
        let connection = make(number);
        members.connections.insert(number, connection.clone());
        Ok(connection)
    }

    /// Lets a connection go, with its subscriptions.
    pub(crate) fn leave(&self, number: u64) {
        let mut members = self.members();
        members.subscriptions.remove(number);
        let _gone = members.connections.remove(&number);
    }

    /// Number of connections.
    pub(crate) fn len(&self) -> usize {
        self.members().connections.len()
    }

    /// Gives every connection a command.
    pub(crate) fn command_all(&self, command: impl Fn() -> Command) {
        for connection in self.members().connections.values() {
            // One that is closed needs no telling.
            let _ = connection.shared.mailbox.push(command());
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        // Every change is made of steps that leave the members whole.
        self.shared
            .members
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
