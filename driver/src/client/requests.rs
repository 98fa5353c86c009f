//! Requests to the default server of a client.

use std::sync::Arc;

use bytes::Bytes;
use netaio_core::{Message, RequestOptions, SendError, SendOptions};

use super::Client;
use crate::connection::Reach;
use crate::request::RequestBuilder;
use crate::runtime::Runtime;
use crate::subscriptions::SubscribeBuilder;

/// These go to the [default server](Self::set_default_server).
impl<R: Runtime> Client<R> {
    crate::methods::request_methods!();

    /// Subscribes to a uri of the [default server](Self::set_default_server): awaited, it is a
    /// [`Subscription`](crate::Subscription), the stream of the uri's notifications.
    ///
    /// ```
    /// use netaio_driver::{Client, Missed, Runtime};
    ///
    /// # async fn read<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut news = client.subscribe("news/*").await?;
    /// while let Some(next) = news.next().await {
    ///     match next {
    ///         Ok(news) => println!("{:?}: {:?}", news.message.uri, news.message.content),
    ///         Err(Missed::Lagged(lagged)) => eprintln!("{lagged}"),
    ///         Err(missed) => eprintln!("some may be missing: {missed}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A uri that is a wildcard, as `sensors/*/readings` and `sensors/**` are
    /// ([`Wildcards`](netaio_core::Wildcards)), is for the server to grant, as servers of this
    /// implementation do by
    /// [`Publisher::subscribe_wildcard`](crate::Publisher::subscribe_wildcard). The stream then has
    /// the notifications of all uris that match.
    ///
    /// [`SubscribeBuilder::request`] is the bare request, as netaio's `subscribe` is, for those
    /// whose handlers or [`messages`](Self::messages) take what the server notifies of.
    pub fn subscribe(&self, uri: impl Into<Bytes>) -> SubscribeBuilder {
        match self.preferred() {
            Some(connection) => connection.subscribe(uri),
            None => SubscribeBuilder::not_connected(self.shared.clone(), Message::subscribe(uri)),
        }
    }

    /// Unsubscribes from a uri; the answer is a `CONFIRM_UNSUBSCRIBE`. A
    /// [`Subscription`](crate::Subscription) unsubscribes by itself.
    pub fn unsubscribe(&self, uri: impl Into<Bytes>) -> RequestBuilder {
        self.request_message(Message::unsubscribe(uri))
    }

    /// As [`Connection::request_message`](crate::Connection::request_message). Where there is no
    /// connection it is an error at once, or waits within its timeout, as
    /// [`AutoReconnect::hold_requests`](crate::AutoReconnect::hold_requests) says.
    pub fn request_message(&self, message: Message) -> RequestBuilder {
        match self.preferred() {
            Some(connection) => RequestBuilder::of_client(connection, message),
            None => RequestBuilder::not_connected(self.shared.clone(), message),
        }
    }

    /// As [`Connection::send`](crate::Connection::send), and cancel-safe in the same way. Where
    /// there is no connection it is an error at once, or waits for one, up to 10 s, as
    /// [`AutoReconnect::hold_requests`](crate::AutoReconnect::hold_requests) says.
    ///
    /// # Errors
    /// The message was not sent; where the client has no open connection, and none in time,
    /// [`SendError::NotConnected`].
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        self.send_with(message, SendOptions::new()).await
    }

    /// As [`Connection::send_with`](crate::Connection::send_with), and cancel-safe in the same way.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_with(&self, message: Message, options: SendOptions) -> Result<(), SendError> {
        let connection = match self.preferred() {
            Some(connection) => connection,
            None => {
                let client: Arc<dyn Reach> = self.shared.clone();
                let reached = client.reached(RequestOptions::DEFAULT_TIMEOUT).await;
                reached.map_err(|_| SendError::NotConnected)?.0
            }
        };
        connection.send_with(message, options).await
    }
}
