//! Resources that are read or updated.

use std::time::Instant;

use bytes::Bytes;
use netaio_core::Message;
use netaio_core::types::{CREATE_URI, DELETE_URI, REQUEST_URI, UPDATE_URI};

use super::load::{Ask, Server};
use crate::args::Asking;
use crate::error::CliError;

/// Asks for a resource, or to update it.
#[derive(Clone)]
pub(super) struct Resource {
    server: Server,
    uri: Bytes,
    content: &'static [u8],
    asking: Asking,
}

impl Resource {
    /// One that is not created.
    pub(super) fn new(server: Server, uri: String, content: &'static [u8], asking: Asking) -> Self {
        Self {
            server,
            uri: uri.into(),
            content,
            asking,
        }
    }

    /// Creates it.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub(super) async fn create(&self) -> Result<(), CliError> {
        let message = Message::new(CREATE_URI, self.uri.clone(), self.content);
        self.server.ask(message).await.map(drop)
    }

    /// Deletes it, if it can be.
    pub(super) async fn delete(&self) {
        let message = Message::new(DELETE_URI, self.uri.clone(), Bytes::new());
        if let Err(error) = self.server.ask(message).await {
            tracing::info!(%error, "a resource of the measurement is left");
        }
    }
}

impl Ask for Resource {
    async fn ask(&self, _: Instant) -> Result<(), CliError> {
        let is_read = self.asking == Asking::Read;
        let message = match is_read {
            true => Message::new(REQUEST_URI, self.uri.clone(), Bytes::new()),
            false => Message::new(UPDATE_URI, self.uri.clone(), self.content),
        };
        let answer = self.server.ask(message).await?;
        match is_read && answer.content != self.content {
            true => Err(CliError::Strange),
            false => Ok(()),
        }
    }
}
