//! Subscribing, and the streams that come of it.

use std::any::Any;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use netaio_core::{Layer, Message, RequestOptions};

use super::Client;
use super::shared::Shared;
use super::subscriptions::{Notice, Registered};
use super::unsolicited::{Lagged, Unsolicited};
use crate::bounded_queue::{Bounds, Items};
use crate::connection::Connection;
use crate::error::{ErrorAnswer, RequestError};
use crate::futures::BoxFuture;
use crate::request::{RequestBuilder, Response};
use crate::runtime::Runtime;

impl<R: Runtime> Client<R> {
    /// Subscribes to a uri of the [default server](Self::set_default_server): awaited, it is a
    /// [`Subscription`], the stream of the uri's notifications.
    ///
    /// ```
    /// use netaio_driver::{Client, Missed, Runtime};
    ///
    /// # async fn read<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut news = client.subscribe("news").await?;
    /// while let Some(next) = news.next().await {
    ///     match next {
    ///         Ok(news) => println!("{:?}", news.message.content),
    ///         Err(Missed::Lagged(lagged)) => eprintln!("{lagged}"),
    ///         Err(missed) => eprintln!("some may be missing: {missed}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A stream has what has its very uri. Where a server grants patterns, such as `sensors/*`,
    /// what it notifies of then has the uris that match: handlers and
    /// [`messages`](Self::messages) have that.
    ///
    /// [`SubscribeBuilder::request`] is the bare request, as netaio's `subscribe` is, for those
    /// whose handlers or [`messages`](Self::messages) take what the server notifies of.
    pub fn subscribe(&self, uri: impl Into<Bytes>) -> SubscribeBuilder {
        let target = self.preferred().ok_or_else(|| self.shared.clone());
        SubscribeBuilder::new(target, Message::subscribe(uri))
    }

    /// Unsubscribes from a uri; the answer is a `CONFIRM_UNSUBSCRIBE`. A [`Subscription`]
    /// unsubscribes by itself.
    pub fn unsubscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::unsubscribe(uri))
    }
}

impl Connection {
    /// As [`Client::subscribe`], at the server of this connection, and of those that replace it.
    /// A server's connection has the bare [request](SubscribeBuilder::request) only.
    pub fn subscribe(&self, uri: impl Into<Bytes>) -> SubscribeBuilder {
        SubscribeBuilder::new(Ok(self.clone()), Message::subscribe(uri))
    }

    /// Unsubscribes from a uri; the answer is a `CONFIRM_UNSUBSCRIBE`. A [`Subscription`]
    /// unsubscribes by itself.
    pub fn unsubscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::unsubscribe(uri))
    }

    /// The client that has made it.
    fn client(&self) -> Option<(Arc<Shared>, u64)> {
        let origin = self.shared.origin.as_ref()?;
        let client: Arc<dyn Any + Send + Sync> = origin.observer.upgrade()?;
        Some((client.downcast().ok()?, origin.server_id))
    }
}

/// A subscription that is asked for when it is awaited. What it carries goes for the request
/// that unsubscribes, too.
///
/// Cancel-safe: dropped early, there is none.
#[must_use = "nothing is subscribed to before this is awaited"]
pub struct SubscribeBuilder {
    /// The client, where it is not connected.
    to: Result<Connection, Arc<Shared>>,
    message: Message,
    options: RequestOptions,
    bounds: Bounds,
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
    Refused(#[from] ErrorAnswer),
    /// The connection is a server's, which takes notifications by handlers only.
    #[error("a server has no streams of notifications: take them by a handler")]
    NoClient,
}

impl SubscribeBuilder {
    fn new(to: Result<Connection, Arc<Shared>>, message: Message) -> Self {
        Self {
            to,
            message,
            options: RequestOptions::new(),
            bounds: Bounds::default(),
        }
    }

    crate::methods::request_options! {
        /// The time from now to the answer, with any [wait](crate::AutoReconnect::hold_requests)
        /// for a connection; 10 s unless set, as it is when the server of a stream is asked again.
    }

    /// Sets how many notifications wait until they are read, and how many bytes of memory they
    /// keep; 4,096 and 4 MiB unless set. Of more the oldest are dropped, and the stream
    /// [says so](Missed::Lagged). The last one is kept, however long.
    pub fn queue(mut self, notifications: usize, bytes: usize) -> Self {
        self.bounds = Bounds {
            items: notifications,
            bytes,
        };
        self
    }

    /// The bare request, whose answer is a `CONFIRM_SUBSCRIBE`: netaio's `subscribe`. There is
    /// no stream: handlers have what comes, or [`Client::messages`]. It ends with the
    /// connection, and is not asked for again.
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
    /// client.subscribe("news").request().await?.ok()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn request(self) -> RequestBuilder {
        let request = match self.to {
            Ok(connection) => connection.request_message(self.message),
            Err(client) => RequestBuilder::not_connected(client, self.message),
        };
        request.options(self.options)
    }

    async fn subscribe(self) -> Result<Subscription, NotSubscribed> {
        let timeout = self.options.timeout();
        let (connection, left) = match self.to {
            Ok(connection) => (connection, timeout),
            Err(client) => client.reached(timeout).await?,
        };
        let (client, server) = connection.client().ok_or(NotSubscribed::NoClient)?;
        let (message, options) = (self.message, self.options.with_timeout(left));
        let uri = message.uri.clone();
        let (registered, sent) = client.subscriptions.add(
            &connection,
            server,
            message.clone(),
            options.clone(),
            self.bounds,
        )?;
        let Registered { id, items, lagging } = registered;
        let mut registration = Registration {
            client: Arc::downgrade(&client),
            server,
            uri,
            id: Some(id),
        };
        drop(client);
        let answer = connection.finish_request(sent).await;
        let answer = Response::from(answer.map_err(|error| match error {
            RequestError::TimedOut(_) => RequestError::TimedOut(timeout),
            error => error,
        })?);
        if answer.is_error() {
            // The server need not be told.
            registration.end(|_, _, _| Some(()));
        }
        let confirmation = answer.ok()?;
        if let Some(client) = registration.client.upgrade() {
            client.subscriptions.confirmed(server, id, message, options);
        }
        Ok(Subscription {
            confirmation,
            items,
            behind: None,
            lagging,
            registration,
        })
    }
}

impl fmt::Debug for SubscribeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribeBuilder")
            .field("connection", &self.to.as_ref().ok())
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

/// The stream of the notifications of a uri: see [`Client::subscribe`].
///
/// - It has every `NOTIFY_URI` message of its uri that comes from its server and has no handler;
///   those are none of [`Client::messages`] then. Several streams of one uri have each of them.
/// - It keeps nobody waiting: of more than its [bound](SubscribeBuilder::queue) the oldest are
///   dropped, and it says how many.
/// - When its server is connected to anew, by
///   [`AutoReconnect`](crate::ClientBuilder::auto_reconnect) or by hand, the server is asked again
///   before anything else is sent, as it was by the last stream of the uri that it has confirmed.
///   Once it notifies again, the stream says that some [may be missing](Missed::Reconnected).
/// - It ends when the server is gone for good: the application closed the connection, or it was
///   lost and is not reconnected; and with the client.
/// - Dropping it unsubscribes, without waiting, where it is the last one of its uri.
#[must_use = "dropping it unsubscribes; `request` leaves notifications to handlers"]
pub struct Subscription {
    confirmation: Message,
    items: Items<Notice>,
    /// What is behind those whose loss was told.
    behind: Option<Notice>,
    lagging: Arc<AtomicBool>,
    registration: Registration,
}

/// Notifications may be missing before the next one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missed {
    /// The stream was not read fast enough.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The connection was lost and is there again, and the server has confirmed that it notifies,
    /// or has. Whatever was published meanwhile is missing; what changes from now on is not, so
    /// that this is the time to read a state anew.
    #[error("the connection was lost, and is there again")]
    Reconnected,
    /// The connection was lost and is there again, but the server does not notify any more. It is
    /// asked again with the next connection.
    #[error("the server does not notify any more: {0}")]
    NotResubscribed(Arc<str>),
}

impl Subscription {
    /// The next notification, or what may be missing before it; `None` at the end.
    /// Cancel-safe.
    ///
    /// # Errors
    /// Some may be missing. The next call goes on behind them.
    pub async fn next(&mut self) -> Option<Result<Unsolicited, Missed>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Its uri.
    #[must_use]
    pub fn uri(&self) -> &Bytes {
        &self.registration.uri
    }

    /// What the server has answered.
    #[must_use]
    pub fn confirmation(&self) -> &Message {
        &self.confirmation
    }

    /// Ends it, and waits for the server's answer where it is the last one of its uri.
    ///
    /// Cancel-safe: dropped early, it has ended.
    ///
    /// # Errors
    /// There was no answer; it has ended all the same.
    pub async fn unsubscribe(mut self) -> Result<(), RequestError> {
        let asked = self.registration.end(|connection, message, options| {
            let sent = connection.begin_request(message, options);
            Some((connection.clone(), sent))
        });
        match asked {
            Some((connection, sent)) => connection.finish_request(sent?).await.map(drop),
            None => Ok(()),
        }
    }
}

impl Stream for Subscription {
    type Item = Result<Unsolicited, Missed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let notice = match self.behind.take() {
            Some(notice) => notice,
            None => {
                let Some(taken) = ready!(self.items.poll_next(context)) else {
                    return Poll::Ready(None);
                };
                if taken.lost > 0 {
                    self.behind = Some(taken.item);
                    self.lagging.store(false, Ordering::Relaxed);
                    let messages = taken.lost;
                    return Poll::Ready(Some(Err(Lagged { messages }.into())));
                }
                taken.item
            }
        };
        Poll::Ready(Some(match notice {
            Notice::Message(message) => Ok(message),
            Notice::Reconnected => Err(Missed::Reconnected),
            Notice::NotResubscribed(why) => Err(Missed::NotResubscribed(why)),
        }))
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("uri", &self.registration.uri)
            .field("waiting", &self.items.len())
            .finish_non_exhaustive()
    }
}

/// The place of a stream among its client's, which it leaves on drop.
struct Registration {
    client: Weak<Shared>,
    server: u64,
    uri: Bytes,
    /// `None` once it has left.
    id: Option<u64>,
}

impl Registration {
    /// Leaves; with the last stream of its uri `ask` asks the server to notify no more.
    fn end<T>(
        &mut self,
        ask: impl FnOnce(&Connection, Message, RequestOptions) -> Option<T>,
    ) -> Option<T> {
        let id = self.id.take()?;
        let client = self.client.upgrade()?;
        let connection = client.servers().with_id(self.server).cloned();
        let subscriptions = &client.subscriptions;
        subscriptions.remove(self.server, &self.uri, id, |message, options| {
            ask(connection.as_ref()?, message, options)
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end(|connection, message, options| {
            connection.request_unawaited(message, options);
            Some(())
        });
    }
}
