//! Publish and subscribe.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use netaio_core::{Delivery, Message, Place, SealError, SendOptions, SubscribeError};

use crate::address_book::AddressBook;
use crate::connection::Connection;
use crate::handler::{FromRequest, Reply, Request};
use crate::logging::Logs;
use crate::remote::{Kind, Remote};
use crate::roster::Roster;
use crate::service::Service;
use crate::states::States;

/// Sends messages to subscribers, and keeps the subscriptions.
///
/// Handlers take it as an argument, and other tasks from
/// [`Server::publisher`](crate::Server::publisher) or
/// [`UdpNode::publisher`](crate::UdpNode::publisher). A `SUBSCRIBE_URI`
/// subscribes its sender only if a handler does so.
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
/// // For PUBLISH_URI: answered with the number of receivers. Who publishes faster than the
/// // subscribers read is slowed down.
/// takes(|uri: Uri, content: Content, publisher: Publisher| async move {
///     let news = Message::notify(uri.0.clone(), content.0);
///     match publisher.publish(&uri, &news).await {
///         Ok(delivery) => Ok(delivery.accepted().to_string()),
///         Err(error) => Err(Reply::error(error.to_string())),
///     }
/// });
/// ```
#[derive(Clone)]
pub struct Publisher(Arc<Receivers>);

/// The receivers of a publisher.
enum Receivers {
    Connections(Arc<Roster>),
    Addresses(AddressBook),
}

/// The publisher of a server or a node, where handlers find it among the values that
/// they share. It does not keep the server or the node alive.
#[derive(Default)]
pub(crate) struct WeakPublisher(OnceLock<Weak<Receivers>>);

impl Publisher {
    /// The publisher of a server.
    pub(crate) fn for_connections(roster: Arc<Roster>) -> Self {
        Self::new(Receivers::Connections(roster))
    }

    /// The publisher of a UDP node.
    pub(crate) fn for_addresses(book: AddressBook) -> Self {
        Self::new(Receivers::Addresses(book))
    }

    fn new(receivers: Receivers) -> Self {
        let publisher = Self(Arc::new(receivers));
        let states = &publisher.service().context.states;
        if let Some(weak) = states.get::<WeakPublisher>() {
            let _ = weak.0.set(Arc::downgrade(&publisher.0));
        }
        publisher
    }

    /// That of the server or the node whose handlers share these values.
    pub(crate) fn of(states: &States) -> Option<Self> {
        let weak = states.get::<WeakPublisher>()?;
        weak.0.get()?.upgrade().map(Self)
    }

    /// Subscribes a receiver to a key, and returns whether it was not subscribed
    /// before. A connection that ends loses its subscriptions, and so does an address
    /// whose peer is removed; any other address keeps them until it unsubscribes, or has to
    /// [give way](netaio_core::Limits::subscribers) to others.
    ///
    /// # Errors
    /// The receiver has ended or is not one of this publisher, or a limit is reached.
    pub fn subscribe(
        &self,
        key: impl AsRef<[u8]>,
        who: impl Into<Remote>,
    ) -> Result<bool, SubscribeError> {
        let place = self.place(&who.into());
        let place = place.ok_or(SubscribeError::NotConnected)?;
        self.service().node().subscribe(key.as_ref(), place)
    }

    /// Removes a subscription, and returns whether there was one.
    pub fn unsubscribe(&self, key: impl AsRef<[u8]>, who: impl Into<Remote>) -> bool {
        let remove = |place| self.service().node().unsubscribe(key.as_ref(), place);
        self.place(&who.into()).is_some_and(remove)
    }

    /// Subscribes a receiver to all keys that match a wildcard, and returns whether it was
    /// not before: `sensors/*/readings`, where `*` is one segment, or `sensors/**`, all that
    /// follows. Wildcards are for the application alone to grant, in its handler of
    /// `SUBSCRIBE_URI`, say: [`subscribe`](Self::subscribe) takes a key as it is.
    ///
    /// Whoever is subscribed to a key several times gets a message once. See
    /// [`Node::subscribe_wildcard`](netaio_core::Node::subscribe_wildcard).
    ///
    /// ```
    /// use netaio_driver::{Handler, Publisher, Remote, Reply, Uri};
    ///
    /// fn takes<M>(_: impl Handler<M>) {}
    ///
    /// // For SUBSCRIBE_URI.
    /// takes(|uri: Uri, who: Remote, publisher: Publisher| {
    ///     let subscribed = match uri.contains(&b'*') {
    ///         true => publisher.subscribe_wildcard(&uri, who),
    ///         false => publisher.subscribe(&uri, who),
    ///     };
    ///     subscribed.map(|_| ()).map_err(|error| error.to_string())
    /// });
    /// // For UNSUBSCRIBE_URI.
    /// takes(|uri: Uri, who: Remote, publisher: Publisher| {
    ///     match uri.contains(&b'*') {
    ///         true => publisher.unsubscribe_wildcard(&uri, who),
    ///         false => publisher.unsubscribe(&uri, who),
    ///     };
    /// });
    /// ```
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), or it is no wildcard.
    pub fn subscribe_wildcard(
        &self,
        wildcard: impl AsRef<[u8]>,
        who: impl Into<Remote>,
    ) -> Result<bool, SubscribeError> {
        let place = self.place(&who.into());
        let place = place.ok_or(SubscribeError::NotConnected)?;
        let mut node = self.service().node();
        node.subscribe_wildcard(wildcard.as_ref(), place)
    }

    /// Removes a subscription to a wildcard, and returns whether there was one.
    pub fn unsubscribe_wildcard(&self, wildcard: impl AsRef<[u8]>, who: impl Into<Remote>) -> bool {
        let wildcard = wildcard.as_ref();
        let remove = |place| self.service().node().unsubscribe_wildcard(wildcard, place);
        self.place(&who.into()).is_some_and(remove)
    }

    /// Where a receiver is, if it is one of this publisher.
    fn place(&self, who: &Remote) -> Option<Place> {
        let is_here = match (&*self.0, &who.0) {
            (Receivers::Connections(roster), Kind::Connection(connection)) => {
                roster.contains(connection)
            }
            (Receivers::Addresses(book), Kind::Datagram(node, _)) => book.is_of(node),
            _ => false,
        };
        is_here.then(|| who.place())
    }

    fn service(&self) -> &Service {
        match &*self.0 {
            Receivers::Connections(roster) => &roster.service,
            Receivers::Addresses(book) => &book.service,
        }
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.service().context.logs
    }

    /// The number of subscribers of a key.
    #[must_use]
    pub fn subscribers(&self, key: impl AsRef<[u8]>) -> usize {
        self.service().node().subscribers(key.as_ref()).len()
    }

    /// The number of those that are [subscribed to a pattern](Self::subscribe_wildcard).
    #[must_use]
    pub fn wildcard_subscribers(&self, pattern: impl AsRef<[u8]>) -> usize {
        self.service().node().wildcard_subscribers(pattern.as_ref())
    }

    /// The subscribers of a key, in the order in which they subscribed.
    #[must_use]
    pub fn subscribed(&self, key: impl AsRef<[u8]>) -> Vec<Remote> {
        match &*self.0 {
            Receivers::Connections(roster) => {
                let subscribed = roster.subscribed(key.as_ref());
                subscribed.connections().iter().map(Remote::from).collect()
            }
            Receivers::Addresses(book) => {
                let addresses = book.subscribed(key.as_ref()).into_iter();
                addresses.map(|address| book.remote(address)).collect()
            }
        }
    }

    /// The connections of a server, the oldest first; a UDP node has none.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        match &*self.0 {
            Receivers::Connections(roster) => roster.connections().connections().to_vec(),
            Receivers::Addresses(_) => Vec::new(),
        }
    }

    /// Sends a message to the subscribers of a key, without waiting for any of them: a
    /// slow consumer is cut off, or messages to it are dropped, as
    /// [`Limits::slow_consumer`](netaio_core::Limits::slow_consumer) says. A UDP node sends
    /// one message to all of its receivers after the other. It refuses one that would be too
    /// much besides those that wait, by length times receivers
    /// ([`Limits::outbound_total`](netaio_core::Limits::outbound_total)): then
    /// [`Delivery::dropped`] counts all receivers. Those that have not shown that they receive at
    /// their address count as [`Delivery::queued`], also where their budget
    /// ([`Limits::unvalidated_burst`](netaio_core::Limits::unvalidated_burst)) then keeps it from
    /// them: [`UdpEvent::Suppressed`](crate::UdpEvent::Suppressed) and the counter
    /// [`unvalidated`](netaio_core::DatagramCounters::unvalidated) tell.
    ///
    /// [`publish`](Self::publish) waits for receivers that are slower than the publisher.
    ///
    /// # Errors
    /// The message cannot be sealed; it was sent to no receiver.
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
        match &*self.0 {
            Receivers::Connections(roster) => {
                roster.deliver(&roster.subscribed(key.as_ref()), message, &options)
            }
            Receivers::Addresses(book) => book.notify(key.as_ref(), message, &options),
        }
    }

    /// Waits until the subscribers of a key have [room](Self::wait_for_room), then sends them
    /// a message as [`notify`](Self::notify) does: a publisher that is faster than its
    /// subscribers is slowed down to them, and nothing is lost. Whoever publishes one message
    /// after the other lets other tasks run in between.
    ///
    /// Cancel-safe: the message is sent to all of them or, if this is dropped before it is
    /// ready, to none.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub async fn publish(
        &self,
        key: impl AsRef<[u8]>,
        message: &Message,
    ) -> Result<Delivery, SealError> {
        self.publish_with(key, message, SendOptions::new()).await
    }

    /// As [`publish`](Self::publish), with an inner layer, or without an outer plugin.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub async fn publish_with(
        &self,
        key: impl AsRef<[u8]>,
        message: &Message,
        options: SendOptions,
    ) -> Result<Delivery, SealError> {
        let key = key.as_ref();
        match &*self.0 {
            Receivers::Connections(roster) => {
                roster.take_turn().await;
                let mut receivers = roster.subscribed(key);
                if roster.wait_for_room(&receivers).await {
                    // Some may have come or gone.
                    receivers = roster.subscribed(key);
                }
                roster.deliver(&receivers, message, &options)
            }
            Receivers::Addresses(book) => {
                book.wait_for_room().await;
                book.notify(key, message, &options)
            }
        }
    }

    /// Waits until the subscribers of a key have room for one more message: until the bytes
    /// that wait for each are [few](netaio_core::Link::has_room), or until half of what a
    /// UDP node may have to send is sent, for
    /// [`Limits::publish_wait`](netaio_core::Limits::publish_wait) at most. Who has none by
    /// then is left to the [policy](netaio_core::Limits::slow_consumer), and is not waited
    /// for again before it has: a subscriber that never reads delays others once.
    ///
    /// For whoever has something to do at the same moment as [`notify`](Self::notify), such
    /// as to change what it tells of; [`publish`](Self::publish) for all others. Cancel-safe.
    pub async fn wait_for_room(&self, key: impl AsRef<[u8]>) {
        match &*self.0 {
            Receivers::Connections(roster) => {
                roster.wait_for_room(&roster.subscribed(key.as_ref())).await;
            }
            Receivers::Addresses(book) => book.wait_for_room().await,
        }
    }

    /// Sends a message to every connection of a server, or to every known peer
    /// of a UDP node, as [`notify`](Self::notify) does.
    ///
    /// # Errors
    /// The message cannot be sealed; it was sent to no receiver.
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
        match &*self.0 {
            Receivers::Connections(roster) => {
                roster.deliver(&roster.connections(), message, &options)
            }
            Receivers::Addresses(book) => book.broadcast(message, &options),
        }
    }
}

/// A client has no publisher: the request is answered with an `ERROR`.
impl FromRequest for Publisher {
    fn from_request(request: &Request) -> Result<Self, Reply> {
        let publisher = Self::of(request.remote.states());
        publisher.ok_or_else(|| Reply::error("this is no server"))
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Receivers::Connections(_) => "Publisher(Connections)",
            Receivers::Addresses(_) => "Publisher(Addresses)",
        })
    }
}
