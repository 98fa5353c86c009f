//! UDP nodes.

mod builder;
mod events;
mod own;
mod task;
mod timeouts;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{
    DatagramCounters, Key, Layer, LayerError, LinkId, ManagementConfig, Message,
    PeerManagementError, SealError, SendError, SendOptions,
};

pub use self::builder::UdpNodeBuilder;
pub use self::events::{UdpEvent, UdpEvents};

use self::timeouts::Timeouts;
use crate::events::Listeners;
use crate::futures::race;
use crate::handler::Handler;
use crate::peers::Peers;
use crate::publisher::Publisher;
use crate::remote::{Kind, Remote};
use crate::request::RequestBuilder;
use crate::runtime::Runtime;
use crate::service::{Owner, Service};
use crate::udp_handle::{self, Command, UdpHandle};

/// A node on a UDP socket: netaio's `UDPNode`. It is server and client at once:
/// it calls handlers for what it receives, and sends, asks and publishes.
///
/// It runs from [`bind`](UdpNodeBuilder::bind) until [`stop`](Self::stop), or
/// until its last handle is dropped. Cloning it copies a pointer.
///
/// Datagrams may be lost, and their senders forged. What the node answers by
/// itself (errors, `NOT_FOUND`, introductions) to senders that no auth plugin
/// vouches for stays within a budget
/// ([`Limits::unverified_replies`](netaio_core::Limits::unverified_replies)); what
/// handlers return does not.
pub struct UdpNode<R: Runtime> {
    handle: UdpHandle,
    shared: Arc<Shared>,
    publisher: Publisher,
    peers: Peers,
    timeouts: Arc<Timeouts<R>>,
    /// Stops the node when the last handle goes. Those that callbacks get are
    /// without: they keep nothing alive.
    guard: Option<Arc<Guard<R>>>,
}

/// What the handles of a node share with its task.
struct Shared {
    service: Arc<Service>,
    local: SocketAddr,
    /// Where multicasts go.
    group: Option<SocketAddr>,
    counters: Mutex<DatagramCounters>,
    events: Listeners<UdpEvent>,
}

struct Guard<R: Runtime> {
    handle: UdpHandle,
    timeouts: Arc<Timeouts<R>>,
}

impl<R: Runtime> Drop for Guard<R> {
    fn drop(&mut self) {
        self.timeouts.end();
        self.handle.0.abort();
    }
}

impl<R: Runtime> UdpNode<R> {
    /// A node to be configured.
    pub fn builder() -> UdpNodeBuilder<R> {
        UdpNodeBuilder::new()
    }

    fn new(
        handle: UdpHandle,
        shared: Arc<Shared>,
        publisher: Publisher,
        timeouts: Arc<Timeouts<R>>,
    ) -> Self {
        let guard = Guard {
            handle: handle.clone(),
            timeouts: timeouts.clone(),
        };
        Self {
            guard: Some(Arc::new(guard)),
            ..Self::without_guard(handle, shared, publisher, timeouts)
        }
    }

    /// A handle that does not keep the node alive.
    fn without_guard(
        handle: UdpHandle,
        shared: Arc<Shared>,
        publisher: Publisher,
        timeouts: Arc<Timeouts<R>>,
    ) -> Self {
        Self {
            publisher,
            peers: Peers {
                service: shared.service.clone(),
            },
            handle,
            shared,
            timeouts,
            guard: None,
        }
    }

    /// The address that it is bound to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local
    }

    /// Where [`multicast`](Self::multicast) sends to: the group, at this node's
    /// own port. None where the node has no group.
    #[must_use]
    pub fn group(&self) -> Option<SocketAddr> {
        self.shared.group
    }

    /// Whoever is at an address.
    #[must_use]
    pub fn remote(&self, address: SocketAddr) -> Remote {
        Remote(Kind::Datagram(self.handle.clone(), address))
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

    /// Asks somebody for the content of a uri. A datagram that is lost is not
    /// sent again.
    pub fn request(&self, to: SocketAddr, uri: impl Into<Bytes>) -> RequestBuilder {
        self.remote(to).request(uri)
    }

    /// Creates a uri with a content.
    pub fn create(
        &self,
        to: SocketAddr,
        uri: impl Into<Bytes>,
        content: impl Into<Bytes>,
    ) -> RequestBuilder {
        self.remote(to).create(uri, content)
    }

    /// Replaces the content of a uri.
    pub fn update(
        &self,
        to: SocketAddr,
        uri: impl Into<Bytes>,
        content: impl Into<Bytes>,
    ) -> RequestBuilder {
        self.remote(to).update(uri, content)
    }

    /// Deletes a uri.
    pub fn delete(&self, to: SocketAddr, uri: impl Into<Bytes>) -> RequestBuilder {
        self.remote(to).delete(uri)
    }

    /// Asks to be notified about a uri; the answer is a `CONFIRM_SUBSCRIBE`.
    pub fn subscribe(&self, to: SocketAddr, uri: impl Into<Bytes>) -> RequestBuilder {
        self.remote(to).subscribe(uri)
    }

    /// Asks to be notified no more; the answer is a `CONFIRM_UNSUBSCRIBE`.
    pub fn unsubscribe(&self, to: SocketAddr, uri: impl Into<Bytes>) -> RequestBuilder {
        self.remote(to).unsubscribe(uri)
    }

    /// Sends any message as a request: whatever answers its uri, from the same
    /// address, ends it.
    pub fn request_message(&self, to: SocketAddr, message: Message) -> RequestBuilder {
        self.remote(to).request_message(message)
    }

    /// What publishes to subscribers and peers.
    #[must_use]
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// The peers that are known.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Manages peers from now on: this node advertises itself to the group, lists
    /// those that do, and drops those that fall silent. Datagrams reach whoever
    /// is in the group; whom they come from is as sure as the layers make it.
    ///
    /// # Errors
    /// The local peer cannot be introduced, the app id is managed already, or the
    /// inner layer does not go with the outer one.
    pub fn manage_peers(&self, config: ManagementConfig) -> Result<(), PeerManagementError> {
        self.service().manage_peers(config)
    }

    /// Manages the peers of an app id no more: the group is told that this node
    /// leaves. Says whether they were managed. The peers stay listed.
    pub async fn stop_peer_management(&self, app_id: impl AsRef<[u8]>) -> bool {
        let app_id = app_id.as_ref();
        let farewell = self.service().stop_peer_management(app_id);
        let Some(farewell) = farewell else {
            return false;
        };
        if let Some(to) = self.group() {
            let options = SendOptions::new().with_inner(farewell.inner);
            // Who is not told will notice the silence.
            let _ = self.handle.send(to, farewell.message, options).await;
        }
        true
    }

    /// What was received so far, and what became of it.
    #[must_use]
    pub fn counters(&self) -> DatagramCounters {
        let counters = self.shared.counters.lock();
        *counters.unwrap_or_else(PoisonError::into_inner)
    }

    /// How many log lines were not written so far, for there was one like it just
    /// before; see [`Limits::log_interval`](netaio_core::Limits::log_interval).
    #[must_use]
    pub fn suppressed_log_lines(&self) -> u64 {
        self.service().context.logs.suppressed()
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

    /// Stops: nothing more is received, handlers that run are waited for and
    /// their answers sent, requests fail at once, those of handlers too, and the
    /// peers are told. After `grace` what is not done is given up, and handlers of
    /// timeouts are cancelled. When it is ready the address is free.
    ///
    /// Cancel-safe: once called, the node stops receiving; dropped early, the
    /// handlers that are not done go on until they are.
    pub async fn stop_within(&self, grace: Duration) {
        let until = self.service().context.time().instant_after(grace);
        let drained = async {
            // One that has ended needs no telling.
            let _ = self.handle.0.commands.send(Command::Drain(grace)).await;
            self.ended().await;
        };
        race(drained, R::sleep_until(until)).await;
        self.handle.0.abort();
        self.ended().await;
        self.timeouts.end();
        self.cancel_timeout_handlers().await;
    }

    /// Is ready when the node has ended. Cancel-safe.
    async fn ended(&self) {
        loop {
            let ended = self.handle.0.ended.listen();
            if self.handle.0.commands.is_closed() {
                return;
            }
            ended.await;
        }
    }
}

impl<R: Runtime> Clone for UdpNode<R> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            shared: self.shared.clone(),
            publisher: self.publisher.clone(),
            peers: self.peers.clone(),
            timeouts: self.timeouts.clone(),
            guard: self.guard.clone(),
        }
    }
}

impl<R: Runtime> fmt::Debug for UdpNode<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpNode")
            .field("local_addr", &self.local_addr())
            .field("group", &self.group())
            .field("peers", &self.peers.len())
            .finish()
    }
}

impl Owner for udp_handle::Shared {
    // The one link of a node is looked at with the peers.
    fn wake(&self, _: LinkId) {
        self.peers_changed();
    }

    fn peers_changed(&self) {
        // Where the queue is full, the task looks at everything soon.
        let _ = self.commands.try_send(Command::CheckPeers);
    }
}
