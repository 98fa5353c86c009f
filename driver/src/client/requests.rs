//! Requests to the default server of a client.

use bytes::Bytes;
use netaio_core::{CloseReason, Message, SendError, SendOptions};

use super::Client;
use crate::request::RequestBuilder;
use crate::runtime::Runtime;

/// These go to the [default server](Self::set_default_server).
impl<R: Runtime> Client<R> {
    crate::methods::request_methods!();

    /// As [`Connection::request_message`](crate::Connection::request_message). Where there is no
    /// connection it is an error at once, or waits within its timeout, as
    /// [`AutoReconnect::hold_requests`](crate::AutoReconnect::hold_requests) says.
    pub fn request_message(&self, message: Message) -> RequestBuilder {
        match self.preferred() {
            Some(connection) => RequestBuilder::of_client(connection, message),
            None => RequestBuilder::not_connected(self.shared.clone(), message),
        }
    }

    /// As [`Connection::send`](crate::Connection::send), and cancel-safe in the same way.
    ///
    /// # Errors
    /// The message was not sent, or the client has no open connection.
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        self.send_with(message, SendOptions::new()).await
    }

    /// As [`Connection::send_with`](crate::Connection::send_with), and cancel-safe in the same way.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_with(&self, message: Message, options: SendOptions) -> Result<(), SendError> {
        match self.preferred() {
            Some(connection) => connection.send_with(message, options).await,
            None => Err(SendError::Closed(CloseReason::Local)),
        }
    }
}
