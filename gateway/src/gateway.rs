//! The gateway: a store and a bus for handlers, and services.

use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;
use netaio_driver::core::Message;
use netaio_driver::resources::{self, BusError, LocalBus, Store, StoreError};
use netaio_driver::{Publisher, Remote, Reply, Runtime, Server};

use crate::bus::Bus;
use crate::error::{ConnectError, NatsError, PeerError};
use crate::headers;
use crate::interest::Topic;
use crate::nats::Nats;
use crate::options::GatewayOptions;
use crate::presence::Presence;
use crate::resources::{Outcome, Resources};
use crate::service::{self, Service, ServiceRequest};
use crate::sharing::{self, SharedPeers};
use crate::subject;

/// A connection to NATS that makes this server and all others with one prefix behave as one. See
/// [the crate](crate). Cloning it copies a pointer.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    nats: Nats,
    bus: Arc<Bus>,
    resources: Resources,
    presence: Option<Presence>,
}

impl Gateway {
    /// Connects. The bus is told of the publishers of the servers and nodes here, and takes to their
    /// subscribers what comes.
    ///
    /// # Errors
    /// No server of NATS can be used, or it has no JetStream. Afterwards the connection is made again by
    /// itself for as long as it takes.
    pub async fn connect(
        options: GatewayOptions,
        local: Arc<LocalBus>,
    ) -> Result<Self, ConnectError> {
        let nats = Nats::connect(&options).await?;
        let resources = Resources::open(&nats, &options).await?;
        let presence = match options.presence {
            Some(time) => Some(Presence::open(&nats, &options, time).await?),
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            presence,
            bus: Bus::new(nats.clone(), local),
            nats,
            resources,
        })))
    }

    /// Answers requests for a uri in this process, or for all uris that a pattern matches where it has
    /// a `*` (as of [`Publisher::subscribe_wildcard`]): requests that clients of all gateways
    /// [ask](Self::ask) for, and those of NATS programs to the subject `PREFIX.service.TOKENS`
    /// (see [`subject`]). Processes that answer the same uri share its requests. At most 256 run at
    /// once in each; a handler that panics is answered with an `ERROR`, and one that is slower than
    /// whoever asked will wait is dropped.
    ///
    /// ```no_run
    /// use netaio_driver::Reply;
    ///
    /// # async fn run(gateway: netaio_gateway::Gateway) -> Result<(), netaio_gateway::NatsError> {
    /// let service = gateway
    ///     .service("sum", async |request| {
    ///         let sum: u64 = request.content.iter().map(|byte| u64::from(*byte)).sum();
    ///         Reply::ok(sum.to_string())
    ///     })
    ///     .await?;
    /// // Later: no more requests, and the answers to those that are here.
    /// service.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// NATS cannot be reached, or the uri is too long.
    pub async fn service<F, Fut>(
        &self,
        uri: impl AsRef<[u8]>,
        handler: F,
    ) -> Result<Service, NatsError>
    where
        F: Fn(ServiceRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let tokens = subject::wildcard(uri.as_ref())?;
        service::serve(self.0.nats.clone(), tokens, handler).await
    }

    /// Makes the peers of a server here known to all gateways, until what is returned is dropped, and takes
    /// [messages](Self::send_to) to them. Call it before clients connect: those that are
    /// connected already are listed, and cannot be reached.
    ///
    /// # Errors
    /// NATS cannot be reached, or there is [no presence](GatewayOptions::with_presence).
    pub async fn share_peers<R: Runtime>(
        &self,
        server: &Server<R>,
    ) -> Result<SharedPeers, NatsError> {
        sharing::share(self.presence()?, server).await
    }

    /// The ids of the peers of all gateways, at most so many, in no order. One that has left is listed
    /// until its gateway has said so, or for its time to live.
    ///
    /// # Errors
    /// As [`share_peers`](Self::share_peers).
    pub async fn peers(&self, most: usize) -> Result<Vec<Bytes>, NatsError> {
        self.presence()?.list(most).await
    }

    /// Sends a message to a peer, wherever it is connected: it comes to its client's handlers, or as a
    /// [`Client::messages`](netaio_driver::Client::messages). Ready means that the gateway that has
    /// it has queued the message. Peers are who they say that they are, as in
    /// [`Peers`](netaio_driver::Peers).
    ///
    /// # Errors
    /// It is nowhere, or as [`share_peers`](Self::share_peers).
    pub async fn send_to(
        &self,
        peer: impl AsRef<[u8]>,
        message: &Message,
    ) -> Result<(), PeerError> {
        self.presence()?.send(peer.as_ref(), message).await
    }

    /// The headers of what this gateway says by itself.
    fn own(&self) -> HeaderMap {
        headers::of_sender(&self.0.nats.id, None)
    }

    fn presence(&self) -> Result<&Presence, NatsError> {
        let missing =
            || NatsError::refused("the gateway knows no peers: GatewayOptions::with_presence");
        self.0.presence.as_ref().ok_or_else(missing)
    }

    /// Whether there is a connection to NATS at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.nats.link().connected
    }

    /// How often messages of other gateways may have been lost: the connection was away, or a
    /// subscription was too slow; and how many [found no room](GatewayOptions::with_queue_bytes) here.
    #[must_use]
    pub fn losses(&self) -> u64 {
        let nats = &self.0.nats;
        nats.link().losses.saturating_add(nats.refused())
    }

    /// How many reads were answered from the [cache](GatewayOptions::with_cached_reads).
    #[must_use]
    pub fn cached_reads(&self) -> u64 {
        self.0.resources.cached_reads()
    }

    /// Asks a service, for a client of this gateway: the answer is that of the service, `NOT_FOUND` at
    /// once where no process answers the uri, or an `ERROR`. The service hears who asks, and how long
    /// it will wait.
    pub async fn ask(&self, message: &Message, from: Option<&Remote>) -> Reply {
        service::ask(&self.0.nats, message, from).await
    }
}

impl Store for Gateway {
    async fn read(&self, uri: &[u8]) -> Result<Bytes, StoreError> {
        let content = self.0.resources.read(uri).await.map_err(failed)?;
        content.ok_or(StoreError::NotFound)
    }

    async fn create(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        done(self.0.resources.create(&uri, &content, &self.own()).await)
    }

    async fn update(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        done(self.0.resources.update(&uri, &content, &self.own()).await)
    }

    async fn delete(&self, uri: Bytes) -> Result<(), StoreError> {
        done(self.0.resources.delete(&uri, &self.own()).await)
    }
}

/// The store's answer.
fn done(outcome: Result<Outcome, NatsError>) -> Result<(), StoreError> {
    match outcome.map_err(failed)? {
        Outcome::Done => Ok(()),
        Outcome::Exists => Err(StoreError::Exists),
        Outcome::NotFound => Err(StoreError::NotFound),
    }
}

fn failed(error: NatsError) -> StoreError {
    match error {
        NatsError::Unavailable => StoreError::Unavailable,
        NatsError::Refused(reason) => StoreError::Refused(reason),
    }
}

impl resources::Bus for Gateway {
    async fn subscribe(
        &self,
        uri: &[u8],
        who: Remote,
        publisher: &Publisher,
    ) -> Result<(), BusError> {
        let is_new = publisher.subscribe(uri, &who)?;
        let subscribed = self
            .0
            .bus
            .subscribe(Topic::Uri(Bytes::copy_from_slice(uri)))
            .await;
        if subscribed.is_err() && is_new {
            publisher.unsubscribe(uri, who);
        }
        subscribed
    }

    async fn subscribe_wildcard(
        &self,
        pattern: &[u8],
        who: Remote,
        publisher: &Publisher,
    ) -> Result<(), BusError> {
        let is_new = publisher.subscribe_wildcard(pattern, &who)?;
        let topic = Topic::Pattern(Bytes::copy_from_slice(pattern));
        let subscribed = self.0.bus.subscribe(topic).await;
        if subscribed.is_err() && is_new {
            publisher.unsubscribe_wildcard(pattern, who);
        }
        subscribed
    }

    async fn wait_for_room(&self, uri: &[u8]) {
        self.0.bus.local.wait_for_room(uri).await;
    }

    async fn publish(
        &self,
        uri: &[u8],
        content: Bytes,
        from: Option<&Remote>,
    ) -> Result<usize, BusError> {
        let from = headers::of_sender(&self.0.nats.id, from);
        self.0.bus.publish(uri, content, from).await
    }
}
