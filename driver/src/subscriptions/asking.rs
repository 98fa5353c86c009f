//! Subscribing.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{Layer, Message, RequestOptions};

use super::stream::{Registration, Subscription};
use super::{Source, Subscriptions};
use crate::bounded_queue::Bounds;
use crate::connection::{Connection, Reach};
use crate::error::{ErrorResponse, RequestError};
use crate::futures::BoxFuture;
use crate::remote::Remote;
use crate::request::{RequestBuilder, Response};

impl Connection {
    /// As [`Client::subscribe`](crate::Client::subscribe), at the server of this connection, and
    /// of those that replace it. A server's connection has the bare
    /// [request](SubscribeBuilder::request) only.
    pub fn subscribe(&self, uri: impl Into<Bytes>) -> SubscribeBuilder {
        Remote::from(self).subscribe(uri)
    }

    /// Unsubscribes from a uri; the answer is a `CONFIRM_UNSUBSCRIBE`. A [`Subscription`]
    /// unsubscribes by itself.
    pub fn unsubscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::unsubscribe(uri))
    }
}

impl Remote {
    /// As [`Connection::subscribe`], or [`UdpNode::subscribe`](crate::UdpNode::subscribe).
    pub fn subscribe(&self, uri: impl Into<Bytes>) -> SubscribeBuilder {
        SubscribeBuilder::new(To::Remote(self.clone()), Message::subscribe(uri))
    }

    /// Unsubscribes from a uri; the answer is a `CONFIRM_UNSUBSCRIBE`. A [`Subscription`]
    /// unsubscribes by itself.
    pub fn unsubscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::unsubscribe(uri))
    }
}

/// A subscription that is asked for when it is awaited. What it carries goes for the request
/// that unsubscribes, too.
///
/// Cancel-safe: dropped early, there is none.
#[must_use = "nothing is subscribed to before this is awaited"]
pub struct SubscribeBuilder {
    to: To,
    message: Message,
    options: RequestOptions,
    bounds: Bounds,
}

enum To {
    Remote(Remote),
    /// Where the client's own requests go to, which is not connected.
    Absent(Arc<dyn Reach>),
}

/// Why there is no subscription.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSubscribed {
    /// There was no answer.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server refuses.
    #[error(transparent)]
    Refused(#[from] ErrorResponse),
    /// The connection is a server's, which takes notifications by handlers only.
    #[error("a server has no streams of notifications: take them by a handler")]
    NoClient,
}

impl SubscribeBuilder {
    fn new(to: To, message: Message) -> Self {
        Self {
            to,
            message,
            options: RequestOptions::new(),
            bounds: Bounds::default(),
        }
    }

    /// A subscription of a client that has no connection now.
    pub(crate) fn not_connected(client: Arc<dyn Reach>, message: Message) -> Self {
        Self::new(To::Absent(client), message)
    }

    crate::methods::request_options! {
        /// The time from now to the answer, with any [wait](crate::AutoReconnect::hold_requests)
        /// for a connection; 10 s unless set, as it is when the server of a stream is asked again.
    }

    /// Sets how many notifications wait until they are read, and how many bytes of memory they
    /// keep; 4,096 and 4 MiB unless set. Of more the oldest are dropped, and the stream
    /// [says so](crate::Missed::Lagged). The last one is kept, however long.
    pub fn queue(mut self, notifications: usize, bytes: usize) -> Self {
        self.bounds = Bounds {
            items: notifications,
            bytes,
        };
        self
    }

    /// The bare request, whose answer is a `CONFIRM_SUBSCRIBE`: netaio's `subscribe`. There is
    /// no stream: handlers have what comes, or [`Client::messages`](crate::Client::messages). It
    /// ends with the connection, and is not asked for again.
    ///
    /// ```
    /// use netaio_driver::core::types::NOTIFY_URI;
    /// use netaio_driver::{Client, Content, NoReply, Runtime};
    ///
    /// # async fn listen<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::<R>::builder()
    ///     .on((NOTIFY_URI, "news"), |news: Content| {
    ///         println!("{news:?}");
    ///         NoReply
    ///     })
    ///     .build()?;
    /// client.connect("localhost:8888").await?;
    /// client.subscribe("news").request().await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn request(self) -> RequestBuilder {
        let request = match self.to {
            To::Remote(remote) => remote.request_message(self.message),
            To::Absent(client) => RequestBuilder::not_connected(client, self.message),
        };
        request.options(self.options)
    }

    async fn subscribe(self) -> Result<Subscription, NotSubscribed> {
        let timeout = self.options.timeout();
        let (remote, left) = match self.to {
            To::Remote(remote) => (remote, timeout),
            To::Absent(client) => {
                let (connection, left) = client.reached(timeout).await?;
                (connection.into(), left)
            }
        };
        let subscriptions: Option<Arc<Subscriptions>> = remote.states().get();
        let subscriptions = subscriptions.ok_or(NotSubscribed::NoClient)?;
        let server = Source::of(&remote).ok_or(NotSubscribed::NoClient)?;
        let (message, options) = (self.message, self.options.with_timeout(left));
        let (registered, sent) = subscriptions.add(
            &remote,
            server,
            message.clone(),
            options.clone(),
            self.bounds,
        )?;
        let at = (remote.clone(), server);
        let uri = message.uri.clone();
        let mut registration = Registration::new(&subscriptions, at, uri, &registered);
        let subscriptions = Arc::downgrade(&subscriptions);
        let answer = remote.finish_request(sent).await;
        let answer = Response::from(answer.map_err(|error| match error {
            RequestError::TimedOut(_) => RequestError::TimedOut(timeout),
            error => error,
        })?);
        if answer.is_error() {
            // The server need not be told.
            registration.end(|_, _, _| Some(()));
        }
        let confirmation = answer.into_result()?;
        if let Some(subscriptions) = subscriptions.upgrade() {
            subscriptions.confirmed(server, registered.id, message, options);
        }
        Ok(Subscription::new(confirmation, registered, registration))
    }
}

impl fmt::Debug for SubscribeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remote = match &self.to {
            To::Remote(remote) => Some(remote),
            To::Absent(_) => None,
        };
        f.debug_struct("SubscribeBuilder")
            .field("remote", &remote)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl IntoFuture for SubscribeBuilder {
    type Output = Result<Subscription, NotSubscribed>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.subscribe())
    }
}
