//! Publish and subscribe: one message for many.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use netaio_core::plugin::SealContext;
use netaio_core::{Layer, LinkConfig, Message, SealError, Sealer, SendOptions, SubscribeError};
use rand_core::CryptoRng;

use crate::clock::Time;
use crate::connection::Connection;
use crate::handler::{FromRequest, Reply, Request};
use crate::random::{self, Seed};
use crate::remote::{Kind, Remote};
use crate::server::{Roster, RosterPlace};
use crate::sources::Sources;
use crate::udp;

/// What publishes: it sends one message to many, and knows who is subscribed to
/// what.
///
/// Handlers take it as an argument, and other tasks from
/// [`Server::publisher`](crate::Server::publisher) or
/// [`UdpNode::publisher`](crate::UdpNode::publisher). netaio's messages subscribe
/// nobody by themselves: that is what handlers are for.
///
/// ```
/// use netaio_driver::{Content, Publisher, Remote, Reply, Uri};
/// # use netaio_driver::Handler;
/// # use netaio_driver::core::Message;
/// # fn takes<M>(_: impl Handler<M>) {}
///
/// // For SUBSCRIBE_URI: answered with CONFIRM_SUBSCRIBE.
/// takes(|uri: Uri, who: Remote, publisher: Publisher| {
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
pub struct Publisher(Receivers);

/// Whom a publisher reaches.
#[derive(Clone)]
enum Receivers {
    Connections(Roster),
    Addresses(udp::Handle),
}

/// How far a message got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Receivers that it was queued for. One that reads too slowly may lose it
    /// yet, where [`Limits::slow_consumer`](netaio_core::Limits::slow_consumer)
    /// says so.
    pub sent: usize,
    /// Receivers that it was not queued for: connections that are closed, or read
    /// so slowly that they are cut off now; or the node has too much to send.
    pub failed: usize,
}

/// Why somebody was not subscribed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// A limit is reached.
    #[error(transparent)]
    Limit(#[from] SubscribeError),
    /// It is no receiver of this publisher's: a connection that has ended, or is
    /// none of this server's; an address that another node hears from.
    #[error("it is none of this publisher's receivers, or has ended")]
    NotConnected,
}

impl Delivery {
    pub(crate) fn count(&mut self, receivers: usize, sent: bool) {
        let counter = match sent {
            true => &mut self.sent,
            false => &mut self.failed,
        };
        *counter = counter.saturating_add(receivers);
    }
}

impl Publisher {
    pub(crate) fn connections_of(roster: Roster) -> Self {
        Self(Receivers::Connections(roster))
    }

    pub(crate) fn datagrams(node: udp::Handle) -> Self {
        Self(Receivers::Addresses(node))
    }

    /// Subscribes a receiver to a key, and says whether that was new. A
    /// connection that ends loses its subscriptions, and so does an address whose
    /// peer goes; any other address keeps them until it unsubscribes.
    ///
    /// # Errors
    /// The receiver is gone, or a limit is reached.
    pub fn subscribe(
        &self,
        key: impl Into<Bytes>,
        who: impl Into<Remote>,
    ) -> Result<bool, SubscriptionError> {
        match (&self.0, &who.into().0) {
            (Receivers::Connections(roster), Kind::Connection(connection)) => {
                roster.subscribe(key.into(), connection)
            }
            (Receivers::Addresses(node), Kind::Datagram(of, address)) if node.is(of) => {
                node.subscribe(key.into(), *address)
            }
            _ => Err(SubscriptionError::NotConnected),
        }
    }

    /// Takes a subscription back, and says whether there was one.
    pub fn unsubscribe(&self, key: impl AsRef<[u8]>, who: impl Into<Remote>) -> bool {
        match (&self.0, &who.into().0) {
            (Receivers::Connections(roster), Kind::Connection(connection)) => {
                roster.unsubscribe(key.as_ref(), connection)
            }
            (Receivers::Addresses(node), Kind::Datagram(of, address)) if node.is(of) => {
                node.unsubscribe(key.as_ref(), *address)
            }
            _ => false,
        }
    }

    /// How many are subscribed to a key.
    #[must_use]
    pub fn subscribers(&self, key: impl AsRef<[u8]>) -> usize {
        self.subscribed(key).len()
    }

    /// Those that are subscribed to a key, in the order of their subscribing.
    #[must_use]
    pub fn subscribed(&self, key: impl AsRef<[u8]>) -> Vec<Remote> {
        match &self.0 {
            Receivers::Connections(roster) => {
                let connections = roster.subscribed(key.as_ref()).into_iter();
                connections.map(Remote::from).collect()
            }
            Receivers::Addresses(node) => {
                let addresses = node.subscribers(key.as_ref()).into_iter();
                let remote = |address| Remote(Kind::Datagram(node.clone(), address));
                addresses.map(remote).collect()
            }
        }
    }

    /// The connections of a server, in the order of their coming; a UDP node has
    /// none.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        match &self.0 {
            Receivers::Connections(roster) => roster.connections(),
            Receivers::Addresses(_) => Vec::new(),
        }
    }

    /// Sends a message to the subscribers of a key. It waits for none of them:
    /// one that does not read keeps nobody up, and is cut off, or not told of
    /// everything where
    /// [`Limits::slow_consumer`](netaio_core::Limits::slow_consumer) says so.
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
        match &self.0 {
            Receivers::Connections(roster) => {
                roster.deliver(&roster.subscribed(key.as_ref()), message, &options)
            }
            Receivers::Addresses(node) => {
                node.deliver(node.subscribers(key.as_ref()), message, &options)
            }
        }
    }

    /// Sends a message to every connection of a server, or to every known peer
    /// of a UDP node, as [`notify`](Self::notify) does.
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
        match &self.0 {
            Receivers::Connections(roster) => {
                roster.deliver(&roster.connections(), message, &options)
            }
            Receivers::Addresses(node) => {
                node.deliver(node.table().first_addresses(), message, &options)
            }
        }
    }
}

/// A client has none: its handlers answer with an `ERROR`.
impl FromRequest for Publisher {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        if let Kind::Datagram(node, _) = &request.remote.0 {
            return Ok(Self::datagrams(node.clone()));
        }
        let place = request.remote.states().get::<RosterPlace>();
        let roster = place.and_then(|place| place.roster());
        let roster = roster.ok_or_else(|| Reply::error("this is no server"))?;
        Ok(Self::connections_of(roster))
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Receivers::Connections(_) => "Publisher(Connections)",
            Receivers::Addresses(_) => "Publisher(Addresses)",
        })
    }
}

/// A message on its way to many.
pub(crate) enum Parcel {
    /// Sealed, and the same for all.
    Frame(Bytes),
    /// To be sealed for each of them.
    Message,
}

/// Seals messages that many get.
pub(crate) struct FrameSealer {
    /// Seeds a generator for each of them: no lock is held while one is sealed.
    seeds: Mutex<Box<dyn CryptoRng + Send>>,
    time: Time,
}

impl FrameSealer {
    pub(crate) fn new(sources: &Sources) -> io::Result<Self> {
        let seed = sources.seeds.seed()?;
        Ok(Self {
            seeds: Mutex::new(seed.generator(Seed::PUBLICATIONS)),
            time: sources.time.clone(),
        })
    }

    /// Seals the message, unless a plugin wants to know for whom.
    pub(crate) fn pack(
        &self,
        config: &LinkConfig,
        outer: &Layer,
        inner: &Layer,
        message: &Message,
    ) -> Result<Parcel, SealError> {
        if outer.is_peer_specific() || inner.is_peer_specific() {
            return Ok(Parcel::Message);
        }
        let mut rng = {
            let seeds = self.seeds.lock();
            random::fork(&mut **seeds.unwrap_or_else(PoisonError::into_inner))
        };
        let mut context = SealContext {
            now: self.time.now(),
            rng: &mut rng,
            peers: Default::default(),
        };
        let mut frame = Vec::new();
        Sealer::new().seal(
            &config.wire,
            outer,
            inner,
            message,
            &mut context,
            &mut frame,
        )?;
        Ok(Parcel::Frame(frame.into()))
    }
}
