//! UDP nodes.

mod builder;
mod events;
mod open;
mod own;
mod shared;
mod task;
mod timeouts;

use std::fmt;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{
    Key, ManagementConfig, Message, PeerManagementError, RouteError, SealError, SendError,
    SendOptions,
};

pub use self::builder::UdpNodeBuilder;
pub use self::events::{UdpEvent, UdpEvents};

use self::shared::Shared;
use crate::address::destination;
use crate::error::TaskPanicked;
use crate::futures::{race, wait_for};
use crate::handler::{Handler, RouteOptions};
use crate::metrics::Metrics;
use crate::peers::Peers;
use crate::publisher::Publisher;
use crate::remote::{Kind, Remote};
use crate::request::RequestBuilder;
use crate::runtime::Runtime;
use crate::service::Service;
use crate::subscriptions::SubscribeBuilder;
use crate::sync::lock;
use crate::udp_handle::{self, Command, UdpHandle};

/// How long a node that is being stopped has, past that time, to send its last datagrams.
const LAST_DATAGRAMS: Duration = Duration::from_secs(1);

/// A node on a UDP socket: netaio's `UDPNode`. It is server and client at once:
/// it calls handlers for what it receives, and sends, requests and publishes.
///
/// It runs from [`bind`](UdpNodeBuilder::bind) until [`stop`](Self::stop), or
/// until its last handle is dropped. Cloning it copies a pointer.
///
/// Handlers run side by side. What one does before it waits for something is done by the task
/// that receives and sends, and a future that is ready by then needs no other: what keeps a
/// processor busy for long belongs in a task or a thread of its own.
///
/// Datagrams may be lost, and their senders forged. What goes to those who have not shown that
/// they receive at their address stays within budgets: what the node answers by itself
/// (errors, `NOT_FOUND`, introductions,
/// [`Limits::unverified_replies`](netaio_core::Limits::unverified_replies)), and what
/// handlers return and is published
/// ([`Limits::unvalidated_burst`](netaio_core::Limits::unvalidated_burst)). Nodes of this
/// implementation show it by themselves; plain netaio peers need no more than the
/// budgets, as a rule.
pub struct UdpNode<R: Runtime> {
    handle: UdpHandle,
    shared: Arc<Shared>,
    publisher: Publisher,
    /// Stops the node when the last handle is dropped. The handles that callbacks get
    /// have none, and do not keep the node alive.
    guard: Option<Arc<Guard>>,
    runtime: PhantomData<fn() -> R>,
}

struct Guard {
    handle: UdpHandle,
    shared: Arc<Shared>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.background.shut_down();
        self.handle.0.abort();
    }
}

impl<R: Runtime> UdpNode<R> {
    fn new(handle: UdpHandle, shared: Arc<Shared>, publisher: Publisher) -> Self {
        let guard = Guard {
            handle: handle.clone(),
            shared: shared.clone(),
        };
        Self {
            guard: Some(Arc::new(guard)),
            ..Self::without_guard(handle, shared, publisher)
        }
    }

    /// A handle that does not keep the node alive.
    fn without_guard(handle: UdpHandle, shared: Arc<Shared>, publisher: Publisher) -> Self {
        Self {
            handle,
            shared,
            publisher,
            guard: None,
            runtime: PhantomData,
        }
    }

    /// The address that it is bound to, the first where they are several.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        let first = self.shared.local.first().copied();
        first.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// The addresses that it is bound to: those of the name that it was
    /// [bound](UdpNodeBuilder::bind) to.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.shared.local
    }

    /// Where [`multicast`](Self::multicast) sends to: the group, at this node's
    /// own port. `None` if the node has no group.
    #[must_use]
    pub fn group(&self) -> Option<SocketAddr> {
        self.shared.group
    }

    /// The remote with an address. One of IPv4 that is mapped into IPv6 is the IPv4 address, and
    /// the wildcard address is that of the loopback interface, from which this machine answers.
    #[must_use]
    pub fn remote(&self, address: SocketAddr) -> Remote {
        Remote(Kind::Datagram(self.handle.clone(), destination(address)))
    }

    /// Sends a message. It is ready once the message is sealed and queued.
    /// Cancel-safe: a message is sent whole or not at all.
    ///
    /// # Errors
    /// The message was not sent.
    pub async fn send(&self, to: SocketAddr, message: Message) -> Result<(), SendError> {
        self.send_with(to, message, SendOptions::new()).await
    }

    /// As [`send`](Self::send), with an inner layer, or without an outer plugin.
    ///
    /// # Errors
    /// The message was not sent.
    pub async fn send_with(
        &self,
        to: SocketAddr,
        message: Message,
        options: SendOptions,
    ) -> Result<(), SendError> {
        self.handle.send(to, message, options).await
    }

    /// Sends a message to the group.
    ///
    /// # Errors
    /// The message was not sent: [`SendError::Seal`] with
    /// [`SealError::Plugin`] where the node has no group.
    pub async fn multicast(&self, message: Message) -> Result<(), SendError> {
        self.multicast_with(None, message, SendOptions::new()).await
    }

    /// As [`multicast`](Self::multicast), to another port of the group, with an
    /// inner layer, or without an outer plugin.
    ///
    /// # Errors
    /// As [`multicast`](Self::multicast).
    pub async fn multicast_with(
        &self,
        port: Option<u16>,
        message: Message,
        options: SendOptions,
    ) -> Result<(), SendError> {
        let no_group =
            SealError::Plugin("the node has no multicast group; give it one with `group`");
        let mut to = self.group().ok_or(no_group)?;
        to.set_port(port.unwrap_or(to.port()));
        self.handle.send(to, message, options).await
    }

    crate::methods::request_methods!(to: SocketAddr);

    /// Subscribes to a uri of another node: awaited, it is a
    /// [`Subscription`](crate::Subscription), the stream of the uri's notifications from there, or,
    /// of a wildcard, of those of all uris that match.
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use netaio_driver::{Runtime, UdpNode};
    ///
    /// # async fn read<R: Runtime>(
    /// #     node: UdpNode<R>,
    /// #     station: SocketAddr,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut readings = node.subscribe(station, "sensors/*/readings").await?;
    /// while let Some(next) = readings.next().await {
    ///     match next {
    ///         Ok(news) => println!("{:?} at {:?}", news.message.uri, news.remote.addr()),
    ///         Err(missed) => eprintln!("some may be missing: {missed}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What is granted has this node's [lease](UdpNodeBuilder::lease), and is renewed. A
    /// notification that a handler is for goes there; a
    /// [default handler](UdpNodeBuilder::default_handler) has none that a stream has.
    /// [`SubscribeBuilder::request`] is the bare request, as netaio's `subscribe` is, for those
    /// whose handlers take all.
    pub fn subscribe(&self, to: SocketAddr, uri: impl Into<Bytes>) -> SubscribeBuilder {
        self.remote(to).subscribe(uri)
    }

    /// Unsubscribes from a uri; the answer is a `CONFIRM_UNSUBSCRIBE`. A
    /// [`Subscription`](crate::Subscription) unsubscribes by itself.
    pub fn unsubscribe(&self, to: SocketAddr, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(to, Message::unsubscribe(uri))
    }

    /// Sends any message as a request: whatever answers its uri, from the same
    /// address, ends it. A datagram that is lost is not sent again.
    ///
    /// Who has another secret is not told so by an answer, as anybody could forge that one: the
    /// request times out, and [`UdpEvent::Refused`](crate::UdpEvent::Refused) tells of it.
    pub fn request_message(&self, to: SocketAddr, message: Message) -> RequestBuilder {
        self.remote(to).request_message(message)
    }

    /// The publisher to its subscribers and peers.
    #[must_use]
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// The known peers.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.shared.peers
    }

    /// Manages peers from now on: this node advertises itself to the group, lists those
    /// that do, and removes those that are silent for too long. Every member of the
    /// group receives the advertisements; only the layers prove who sent one.
    ///
    /// # Errors
    /// The local peer cannot be introduced, the app id is managed already, or the
    /// inner layer does not go with the outer one.
    pub fn manage_peers(&self, config: ManagementConfig) -> Result<(), PeerManagementError> {
        self.service().manage_peers(config)
    }

    /// Introduces this node to another one, where no multicast has to lead: by each app id whose
    /// peers it [manages](Self::manage_peers), now and with each round of advertisements, until it
    /// stops. Where the same app id is managed there, this node is known from then on, and
    /// [knows](Peers::of) the other one once that has answered, which an
    /// [event](Peers::events) tells. Cancel-safe.
    ///
    /// Ready once it is queued: a datagram may be lost. Who waits for the other one introduces the
    /// node again.
    ///
    /// # Errors
    /// The node is not introduced: the queue is full, or it has ended.
    pub async fn introduce(&self, to: SocketAddr) -> Result<(), SendError> {
        self.handle.introduce(to).await
    }

    /// Stops managing the peers of an app id, and sends the group, and all that this node was
    /// [introduced](Self::introduce) to, a farewell. Returns whether they were managed. The peers
    /// stay listed.
    pub async fn stop_peer_management(&self, app_id: impl AsRef<[u8]>) -> bool {
        let app_id = app_id.as_ref();
        let farewell = self.service().stop_peer_management(app_id);
        let Some(farewell) = farewell else {
            return false;
        };
        // If it is lost, the peers time out; a node that has ended has said it.
        let announce = Command::Announce(Box::new(farewell));
        let _ = self.handle.0.commands.send(announce).await;
        true
    }

    /// What it has counted, and what it holds.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let datagrams = *lock(&self.shared.counters);
        let mut metrics = Metrics::of(self.service());
        let lost = self.shared.events.lost();
        metrics.lost_events = metrics.lost_events.saturating_add(lost);
        metrics.timed_out_requests = self.shared.timed_out.get();
        metrics.lagged_messages = self.shared.lagged.get();
        metrics.datagrams = datagrams;
        metrics
    }

    /// The events from now on, one for each datagram that is refused, suppressed or lost:
    /// for an application that bans senders, for example. A listener that does not take
    /// them loses the oldest when more wait than may; [`metrics`](Self::metrics) are
    /// complete at any time.
    #[must_use]
    pub fn events(&self) -> UdpEvents {
        self.shared.events.listen()
    }

    crate::methods::handler_methods!();

    fn service(&self) -> &Service {
        &self.shared.service
    }

    /// Stops within [`Limits::shutdown_grace`](netaio_core::Limits::shutdown_grace);
    /// see [`stop_within`](Self::stop_within).
    pub async fn stop(&self) {
        let grace = self.handle.0.limits().shutdown_grace();
        self.stop_within(grace).await;
    }

    /// Stops: handlers that run are waited for and
    /// their answers sent, requests fail at once, those of handlers too, and the
    /// peers get a farewell. Requests that come meanwhile, and those that are not begun after
    /// `grace`, are answered with an `ERROR` that [says so](netaio_core::NotHandled), so that their
    /// askers [may ask again](crate::RequestError::was_surely_not_handled) elsewhere. Then the rest
    /// is aborted, and handlers of timeouts are cancelled. The last datagrams have a second more, and no
    /// longer than `grace`. When this is ready the address is free.
    ///
    /// Cancel-safe: once the stop is queued, the node stops receiving; if the future is
    /// dropped then, handlers go on until they have completed.
    pub async fn stop_within(&self, grace: Duration) {
        // The task ends by itself when the grace is over, with its last datagrams.
        let last = grace.saturating_add(grace.min(LAST_DATAGRAMS));
        let until = self.service().context.time().instant_after(last);
        let drained = async {
            // An error means that the node has ended already.
            let _ = self.handle.0.commands.send(Command::Drain(grace)).await;
            self.has_ended().await;
        };
        race(drained, R::sleep_until(until)).await;
        self.handle.0.abort();
        self.has_ended().await;
        self.shared.background.shut_down();
        self.cancel_timeout_handlers().await;
    }

    /// Is ready when the node has ended: it was stopped, or its task panicked. Cancel-safe.
    ///
    /// # Errors
    /// What the application plugged in, a plugin or a codec say, has panicked. Nothing is
    /// received any more, and whoever still waits is told that the node is closed; another
    /// node may take its place, as the address is free.
    pub async fn ended(&self) -> Result<(), TaskPanicked> {
        self.has_ended().await;
        match &*lock(&self.shared.panicked) {
            Some(panicked) => Err(panicked.clone()),
            None => Ok(()),
        }
    }

    async fn has_ended(&self) {
        let udp_handle::Shared {
            commands, ended, ..
        } = &*self.handle.0;
        wait_for(ended, || commands.is_closed().then_some(())).await;
    }
}

impl<R: Runtime> Clone for UdpNode<R> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            shared: self.shared.clone(),
            publisher: self.publisher.clone(),
            guard: self.guard.clone(),
            runtime: PhantomData,
        }
    }
}

impl<R: Runtime> fmt::Debug for UdpNode<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpNode")
            .field("local_addr", &self.local_addr())
            .field("group", &self.group())
            .field("peers", &self.shared.peers.len())
            .finish()
    }
}
