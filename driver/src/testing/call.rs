//! One message to a server, without a connection of one's own.

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{CloseReason, Layer, Message, RequestOptions};

use super::ends::join;
use super::pipe;
use crate::client::ClientBuilder;
use crate::error::RequestError;
use crate::futures::BoxFuture;
use crate::options::ConnectionOptions;
use crate::request::Response;
use crate::runtime::Runtime;
use crate::server::Server;

/// A message to a server, which is handled when this is awaited.
#[must_use = "a message is handled when the call is awaited"]
pub struct Call<R: Runtime> {
    server: Server<R>,
    message: Message,
    options: RequestOptions,
    from: Option<SocketAddr>,
}

impl<R: Runtime> Server<R> {
    /// Hands the server one message, as if a client had sent it over a connection of its own, and
    /// returns what answers it. With the cargo feature `testing`.
    ///
    /// The message takes the usual way, through a pipe in memory: it is found a handler,
    /// inner layers are checked, and limits hold. The outer layer is left out, as
    /// [`ConnectionOptions`] can. A server made by [`build`](crate::ServerBuilder::build) has no
    /// socket at all.
    ///
    /// A message that was handled without an answer is [`RequestError::Unanswered`] at once: its
    /// handler has returned [`NoReply`](crate::NoReply), or nothing for a message that asks for
    /// nothing, such as a notification. What is sent later, by other means than the handler's
    /// return, is lost. A handler that does not end is [`RequestError::TimedOut`], after 10 s
    /// unless [set](Call::timeout).
    ///
    /// ```
    /// use netaio_driver::core::Message;
    /// use netaio_driver::core::types::{NOT_FOUND, REQUEST_URI};
    /// use netaio_driver::{Content, Runtime, Server};
    ///
    /// async fn it_echoes<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
    ///     let server = Server::<R>::builder()
    ///         .on((REQUEST_URI, "echo"), |content: Content| async { content })
    ///         .build()?;
    ///     let answer = server.call(Message::request("echo")).content("hi").await?.into_result()?;
    ///     assert_eq!(&answer.content[..], b"hi");
    ///     let answer = server.call(Message::request("other")).content("hi").await?;
    ///     assert_eq!(answer.message_type, NOT_FOUND);
    ///     Ok(())
    /// }
    /// ```
    pub fn call(&self, message: Message) -> Call<R> {
        Call {
            server: self.clone(),
            message,
            options: RequestOptions::new(),
            from: None,
        }
    }
}

impl<R: Runtime> Call<R> {
    /// The address that the handler sees; none unless set.
    pub fn from(mut self, address: SocketAddr) -> Self {
        self.from = Some(address);
        self
    }

    crate::methods::request_options! {
        /// The time to the answer; 10 s unless set.
    }

    /// Replaces how the message is sent.
    pub fn options(mut self, options: RequestOptions) -> Self {
        self.options = options;
        self
    }

    async fn run(self) -> Result<Response, RequestError> {
        let failed = |error: io::Error| {
            let reason = CloseReason::Failed(error.to_string());
            RequestError::Closed(reason)
        };
        let client = ClientBuilder::<R>::asking(self.server.context());
        let client = client
            .build()
            .map_err(|error| failed(io::Error::other(error)))?;
        let options = ConnectionOptions::new().without_auth().without_cipher();
        let mut single = options.clone();
        single.single = true;
        let addresses = (self.from, None);
        let ends = join(
            &client,
            &self.server,
            pipe::streams(None),
            addresses,
            [single, options],
        );
        let ends = ends.map_err(failed)?;
        let request = ends.client.request_message(self.message);
        let answer = match request.options(self.options).await {
            Err(RequestError::Closed(_)) if ends.server.shared.is_unanswered() => {
                Err(RequestError::Unanswered)
            }
            answer => answer,
        };
        ends.client.close().await;
        if matches!(answer, Ok(_) | Err(RequestError::Unanswered)) {
            // Nothing runs for it any more, and it counts no longer.
            ends.server.closed().await;
        }
        answer
    }
}

impl<R: Runtime> IntoFuture for Call<R> {
    type Output = Result<Response, RequestError>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<R: Runtime> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("message", &self.message)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}
