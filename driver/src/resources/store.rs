//! What keeps resources.

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use netaio_core::{Change, Message};

use crate::handler::{IntoErrorReply, IntoReply, Reply, Request};

/// What keeps resources: the content of each uri. Both are any bytes, and a uri may be empty.
///
/// A change that is answered with `Ok` is kept as long as the store promises: until the process ends,
/// or whatever becomes of it. It is in every [`read`](Self::read) that begins after that. All changes of
/// one uri have an order, and whoever asked to hear of them ([`OnChange`]) is called in this order, once they
/// are kept: for each of them before its own future is ready or, where others change things too, as soon
/// as this server knows of it.
///
/// A future that is dropped before it is ready may have changed something or not. An engine calls nobody
/// else's code while it waits, and bounds what waits in it.
pub trait Store: Send + Sync + 'static {
    /// The content of a uri.
    ///
    /// # Errors
    /// There is none: [`StoreError::NotFound`]; or the store cannot be reached.
    fn read(&self, uri: &[u8]) -> impl Future<Output = Result<Bytes, StoreError>> + Send;

    /// Gives a uri its first content. Of two that do so at once one succeeds, on whatever servers.
    ///
    /// # Errors
    /// It has one: [`StoreError::Exists`]; or a limit is reached, or the store cannot be reached.
    fn create(
        &self,
        uri: Bytes,
        content: Bytes,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replaces the content of a uri.
    ///
    /// # Errors
    /// There is none: [`StoreError::NotFound`]; or a limit is reached, or the store cannot be reached.
    fn update(
        &self,
        uri: Bytes,
        content: Bytes,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a uri and its content.
    ///
    /// # Errors
    /// There is none: [`StoreError::NotFound`]; or the store cannot be reached.
    fn delete(&self, uri: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What is called for every change of a store, in the order of the changes: usually
/// [`LocalBus::tell`](super::LocalBus::tell). It is not to wait, nor to ask the store.
pub type OnChange = Box<dyn Fn(Changed) + Send + Sync>;

/// A change of a resource.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// Which one.
    pub uri: Bytes,
    /// Its content now, empty where it was deleted.
    pub content: Bytes,
    /// What has happened to it.
    pub change: Change,
}

impl Changed {
    /// A change of a uri to a content, which of one that was deleted is empty.
    #[must_use]
    pub fn new(uri: Bytes, content: Bytes, change: Change) -> Self {
        Self {
            uri,
            content,
            change,
        }
    }
}

impl fmt::Debug for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed")
            .field("uri", &self.uri)
            .field("content_len", &self.content.len())
            .field("change", &self.change)
            .finish()
    }
}

/// What a store may hold, since others decide what is put into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// The most resources: 65,536 unless set.
    pub resources: u64,
    /// The most bytes of all of them, as [`size`](Self::size) counts them: 256 MiB unless set.
    pub bytes: u64,
    /// The most bytes of one content: as many as a message carries unless set.
    pub content: usize,
}

impl StoreLimits {
    /// Bytes that a resource counts besides its uri and its content. In memory that is an entry of a table
    /// that is half empty, two allocations, and two counters of references.
    pub const RESOURCE: usize = 256;

    /// The bytes that a resource counts.
    #[must_use]
    pub fn size(uri: &[u8], content: &[u8]) -> u64 {
        let texts = uri.len().saturating_add(content.len());
        texts.saturating_add(Self::RESOURCE) as u64
    }

    /// Whether a content is short enough.
    ///
    /// # Errors
    /// It is not.
    pub fn check_content(&self, content: &[u8]) -> Result<(), StoreError> {
        let (len, max) = (content.len(), self.content);
        match len <= max {
            true => Ok(()),
            false => Err(StoreError::TooLong { len, max }),
        }
    }

    /// Whether there may be one resource more where there are so many.
    ///
    /// # Errors
    /// There may not.
    pub fn check_number(&self, resources: u64) -> Result<(), StoreError> {
        match resources < self.resources {
            true => Ok(()),
            false => Err(StoreError::TooMany(self.resources)),
        }
    }

    /// Whether there may be so many bytes.
    ///
    /// # Errors
    /// There may not.
    pub fn check_bytes(&self, bytes: u64) -> Result<(), StoreError> {
        match bytes <= self.bytes {
            true => Ok(()),
            false => Err(StoreError::Full(self.bytes)),
        }
    }
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            resources: 65_536,
            bytes: 256 << 20,
            content: usize::MAX,
        }
    }
}

/// Why a store does not do what it is asked. As the error of a handler it is an answer: `NOT_FOUND` for
/// [`NotFound`](Self::NotFound), `ERROR` with the text for all others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What is to be created is there.
    #[error("cannot overwrite")]
    Exists,
    /// What is asked for is not there.
    #[error("not found")]
    NotFound,
    /// There are as many resources as there may be.
    #[error("the store is full: at most {0} resources")]
    TooMany(u64),
    /// There would be more bytes than there may be.
    #[error("the store is full: at most {0} bytes")]
    Full(u64),
    /// The content is longer than one may be.
    #[error("a content of {len} bytes; at most {max} are kept")]
    TooLong {
        /// Its length, in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The disk has no room, and nothing was changed.
    #[error("the store is full: its disk has no room left")]
    DiskFull,
    /// The engine cannot take it, for a reason that whoever asked may know: a uri that is too long, say.
    #[error("{0}")]
    Refused(String),
    /// The store cannot be reached, or does not work. Nobody knows whether something was changed. Why is
    /// not for the one who asked: the engine logs it.
    #[error("unavailable")]
    Unavailable,
}

impl IntoErrorReply for StoreError {
    fn into_error_reply(self, request: &mut Request) -> Option<Message> {
        let text = self.to_string();
        let reply = match self {
            Self::NotFound => Reply::not_found(text),
            _ => Reply::error(text),
        };
        reply.into_reply(request)
    }
}
