//! Resources that are read or updated.

use std::time::{Duration, Instant};

use bytes::Bytes;
use netaio_core::Message;
use netaio_core::types::{CREATE_URI, DELETE_URI, REQUEST_URI, UPDATE_URI};
use netaio_driver::{Remote, Runtime};

use super::load::{Ask, content};
use crate::args::Asking;
use crate::asked::Asked;
use crate::error::CliError;

/// Asks for a resource, or to update it.
#[derive(Clone)]
pub(super) struct Resource {
    server: Remote,
    uri: Bytes,
    content: &'static [u8],
    timeout: Duration,
    asking: Asking,
}

impl Resource {
    /// That of the connection with this number.
    pub(super) fn of<R: Runtime>(
        (number, asked): (usize, &Asked<R>),
        uri: &str,
        content: &'static [u8],
        timeout: Duration,
        asking: Asking,
    ) -> Self {
        Self {
            server: asked.remote(),
            uri: format!("{uri}/{number}").into(),
            content,
            timeout,
            asking,
        }
    }

    /// Creates it.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub(super) async fn create(&self) -> Result<(), CliError> {
        let message = Message::new(CREATE_URI, self.uri.clone(), self.content);
        self.send(message).await.map(drop)
    }

    /// Deletes it, if it can be.
    pub(super) async fn delete(&self) {
        let message = Message::new(DELETE_URI, self.uri.clone(), Bytes::new());
        if let Err(error) = self.send(message).await {
            tracing::info!(%error, "a resource of the measurement is left");
        }
    }

    async fn send(&self, message: Message) -> Result<Message, CliError> {
        let request = self.server.request_message(message).timeout(self.timeout);
        content(request.await?)
    }
}

impl Ask for Resource {
    async fn ask(&self, _: Instant) -> Result<(), CliError> {
        let is_read = self.asking == Asking::Read;
        let message = match is_read {
            true => Message::new(REQUEST_URI, self.uri.clone(), Bytes::new()),
            false => Message::new(UPDATE_URI, self.uri.clone(), self.content),
        };
        let answer = self.send(message).await?;
        match is_read && answer.content != self.content {
            true => Err(CliError::Strange),
            false => Ok(()),
        }
    }
}
