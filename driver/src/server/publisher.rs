//! Publish and subscribe: one message for many connections.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use bytes::Bytes;
use futures_channel::oneshot;
use netaio_core::plugin::SealContext;
use netaio_core::{
    Layer, Message, SealError, Sealer, SendError, SendOptions, SubscribeError, Subscriptions,
};
use rand_core::CryptoRng;

use crate::clock;
use crate::connection::Connection;
use crate::handler::{FromRequest, Reply, Request};
use crate::mailbox::Command;
use crate::options::LeftOut;
use crate::random;
use crate::service::Service;

/// The connections of a server, and what they are subscribed to.
///
/// Handlers take it as an argument, and other tasks from
/// [`Server::publisher`](crate::Server::publisher). netaio's messages subscribe
/// nobody by themselves: that is what handlers are for.
///
/// ```
/// use netaio_driver::{Connection, Content, Publisher, Reply, Uri};
/// # use netaio_driver::Handler;
/// # use netaio_driver::core::Message;
/// # fn takes<M>(_: impl Handler<M>) {}
///
/// // For SUBSCRIBE_URI: answered with CONFIRM_SUBSCRIBE.
/// takes(|uri: Uri, who: Connection, publisher: Publisher| {
///     match publisher.subscribe(uri.0, &who) {
///         Ok(_) => Ok(""),
///         Err(error) => Err(Reply::error(error.to_string())),
///     }
/// });
/// // For PUBLISH_URI: answered with the number of those who are told.
/// takes(|uri: Uri, content: Content, publisher: Publisher| {
///     let news = Message::notify(uri.0.clone(), content.0);
///     match publisher.notify(&uri, &news) {
///         Ok(delivery) => Ok(delivery.sent.to_string()),
///         Err(error) => Err(Reply::error(error.to_string())),
///     }
/// });
/// ```
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    service: Arc<Service>,
    members: Mutex<Members>,
    /// Seeds a generator for each message that is sealed.
    seeds: Mutex<Box<dyn CryptoRng + Send>>,
}

/// Where handlers find the publisher of their server, among what they share.
/// It must not keep the server alive.
#[derive(Default)]
pub(super) struct Place(OnceLock<Weak<Shared>>);

#[derive(Default)]
struct Members {
    /// By their numbers, and so in the order of their coming.
    connections: BTreeMap<u64, Connection>,
    subscriptions: Subscriptions<u64>,
    next: u64,
}

/// What the connections do without, each kind once. Where there are none, what
/// most do.
fn kinds(receivers: &[Connection]) -> Vec<LeftOut> {
    let mut kinds = Vec::new();
    for receiver in receivers {
        if !kinds.contains(&receiver.shared.left_out) {
            kinds.push(receiver.shared.left_out);
        }
    }
    if kinds.is_empty() {
        kinds.push(LeftOut::default());
    }
    kinds
}

/// A message on its way to many.
enum Parcel {
    /// Sealed, and the same for all.
    Frame(Bytes),
    /// To be sealed for each of them.
    Message,
}

/// How far a message got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Connections that it was queued for.
    pub sent: usize,
    /// Connections that could not take it: they are closed, or read so slowly
    /// that they are cut off now.
    pub failed: usize,
}

/// Why somebody was not subscribed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// A limit is reached.
    #[error(transparent)]
    Limit(#[from] SubscribeError),
    /// The connection has ended, or is none of this server's.
    #[error("the connection is none of this server's, or has ended")]
    NotConnected,
}

impl Publisher {
    pub(super) fn new(service: Arc<Service>) -> io::Result<Self> {
        let shared = Shared {
            service,
            members: Mutex::default(),
            seeds: Mutex::new(random::generator()?),
        };
        let shared = Arc::new(shared);
        if let Some(place) = shared.service.states.get::<Place>() {
            let _ = place.0.set(Arc::downgrade(&shared));
        }
        Ok(Self { shared })
    }

    /// Subscribes a connection to a key, and says whether that was new. A
    /// connection that ends loses its subscriptions.
    ///
    /// # Errors
    /// The connection is gone, or a limit is reached.
    pub fn subscribe(
        &self,
        key: impl Into<Bytes>,
        connection: &Connection,
    ) -> Result<bool, SubscriptionError> {
        let limits = &self.shared.service.config.wire.limits;
        let mut members = self.members();
        let number = connection.shared.number;
        let ours = members.connections.get(&number);
        if !ours.is_some_and(|ours| Arc::ptr_eq(&ours.shared, &connection.shared)) {
            return Err(SubscriptionError::NotConnected);
        }
        Ok(members.subscriptions.subscribe(key, number, limits)?)
    }

    /// Takes a subscription back, and says whether there was one.
    pub fn unsubscribe(&self, key: impl AsRef<[u8]>, connection: &Connection) -> bool {
        let number = connection.shared.number;
        self.members()
            .subscriptions
            .unsubscribe(key.as_ref(), number)
    }

    /// How many connections are subscribed to a key.
    #[must_use]
    pub fn subscribers(&self, key: impl AsRef<[u8]>) -> usize {
        self.members().subscriptions.subscribers(key.as_ref()).len()
    }

    /// The connections that are subscribed to a key, in the order of their
    /// subscribing.
    #[must_use]
    pub fn subscribed(&self, key: impl AsRef<[u8]>) -> Vec<Connection> {
        let members = self.members();
        let numbers = members.subscriptions.subscribers(key.as_ref()).iter();
        numbers
            .filter_map(|number| members.connections.get(number).cloned())
            .collect()
    }

    /// The connections of the server, in the order of their coming.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.members().connections.values().cloned().collect()
    }

    /// Sends a message to the subscribers of a key. It waits for none of them:
    /// one that does not read is cut off, and keeps nobody up.
    ///
    /// # Errors
    /// The message cannot be sealed; nobody got it.
    pub fn notify(&self, key: impl AsRef<[u8]>, message: &Message) -> Result<Delivery, SealError> {
        self.notify_with(key, message, SendOptions::new())
    }

    /// As [`notify`](Self::notify), with an inner layer, or without an outer
    /// plugin.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn notify_with(
        &self,
        key: impl AsRef<[u8]>,
        message: &Message,
        options: SendOptions,
    ) -> Result<Delivery, SealError> {
        self.deliver(&self.subscribed(key), message, &options)
    }

    /// Sends a message to every connection, as [`notify`](Self::notify) does.
    ///
    /// # Errors
    /// The message cannot be sealed; nobody got it.
    pub fn broadcast(&self, message: &Message) -> Result<Delivery, SealError> {
        self.broadcast_with(message, SendOptions::new())
    }

    /// As [`broadcast`](Self::broadcast), with an inner layer, or without an
    /// outer plugin.
    ///
    /// # Errors
    /// As [`broadcast`](Self::broadcast).
    pub fn broadcast_with(
        &self,
        message: &Message,
        options: SendOptions,
    ) -> Result<Delivery, SealError> {
        self.deliver(&self.connections(), message, &options)
    }

    /// Seals the message, once for all that do without the same plugins unless
    /// one wants to know for whom, and queues it.
    fn deliver(
        &self,
        receivers: &[Connection],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let config = &self.shared.service.config;
        config.check_inner(options.inner())?;
        // All before the first is queued: a message that cannot be sealed
        // reaches nobody.
        let mut parcels = Vec::new();
        for left_out in kinds(receivers) {
            let outer = options.outer(&left_out.outer(&config.outer));
            parcels.push((left_out, self.pack(&outer, options.inner(), message)?));
        }
        let mut delivery = Delivery::default();
        for connection in receivers {
            let left_out = connection.shared.left_out;
            let parcel = parcels.iter().find(|(of, _)| *of == left_out);
            let command = match parcel {
                Some((_, Parcel::Frame(frame))) => Command::Frame(frame.clone()),
                _ => Command::Send {
                    message: message.clone(),
                    options: options.clone(),
                    done: oneshot::channel().0,
                },
            };
            match connection.shared.mailbox.push(command) {
                Ok(()) => delivery.sent = delivery.sent.saturating_add(1),
                Err(error) => {
                    delivery.failed = delivery.failed.saturating_add(1);
                    if matches!(error, SendError::QueueFull { .. }) {
                        tracing::warn!(remote = ?connection.remote(), "cut off: it reads too slowly");
                        // It is closed, or is told to be.
                        let _ = connection.shared.mailbox.push(Command::Abort);
                    }
                }
            }
        }
        Ok(delivery)
    }

    fn pack(&self, outer: &Layer, inner: &Layer, message: &Message) -> Result<Parcel, SealError> {
        if outer.is_peer_specific() || inner.is_peer_specific() {
            return Ok(Parcel::Message);
        }
        self.seal(outer, inner, message).map(Parcel::Frame)
    }

    fn seal(&self, outer: &Layer, inner: &Layer, message: &Message) -> Result<Bytes, SealError> {
        let mut rng = {
            let seeds = self.shared.seeds.lock();
            random::fork(&mut **seeds.unwrap_or_else(PoisonError::into_inner))
        };
        let mut context = SealContext {
            now: clock::now(),
            rng: &mut rng,
            peers: Default::default(),
        };
        let (wire, mut frame) = (&self.shared.service.config.wire, Vec::new());
        Sealer::new().seal(wire, outer, inner, message, &mut context, &mut frame)?;
        Ok(frame.into())
    }

    /// Takes a connection in, if `admit` says so of the number there are.
    pub(super) fn enter(
        &self,
        admit: impl FnOnce(usize) -> io::Result<()>,
        make: impl FnOnce(u64) -> Connection,
    ) -> io::Result<Connection> {
        let mut members = self.members();
        admit(members.connections.len())?;
        let number = members.next;
        members.next = number.wrapping_add(1);
        let connection = make(number);
        members.connections.insert(number, connection.clone());
        Ok(connection)
    }

    /// Lets a connection go, with its subscriptions.
    pub(super) fn leave(&self, number: u64) {
        let mut members = self.members();
        members.subscriptions.remove(number);
        let _gone = members.connections.remove(&number);
    }

    /// Number of connections.
    pub(super) fn len(&self) -> usize {
        self.members().connections.len()
    }

    /// Gives every connection a command.
    pub(super) fn tell_all(&self, command: impl Fn() -> Command) {
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

/// A client has none: its handlers answer with an `ERROR`.
impl FromRequest for Publisher {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        let place = request.connection.shared.states.get::<Place>();
        let shared = place.and_then(|place| place.0.get()?.upgrade());
        let shared = shared.ok_or_else(|| Reply::error("this is no server"))?;
        Ok(Self { shared })
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let members = self.members();
        f.debug_struct("Publisher")
            .field("connections", &members.connections.len())
            .field("keys", &members.subscriptions.len())
            .finish()
    }
}
