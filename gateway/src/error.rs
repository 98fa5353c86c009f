//! What can fail.

use std::fmt;

use crate::subject::UriTooLong;

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// An option cannot work.
    #[error("{0}")]
    Options(String),
    /// The file of credentials cannot be read, or has none.
    #[error("the credentials of NATS cannot be read: {0}")]
    Credentials(std::io::Error),
    /// No server of NATS was reached, or none took the credentials.
    #[error("no NATS server can be used: {0}")]
    Nats(#[from] async_nats::ConnectError),
    /// The bucket that keeps the resources cannot be opened or made.
    #[error("the bucket {bucket} of NATS cannot be used (is JetStream enabled?): {reason}")]
    Bucket {
        /// Its name.
        bucket: String,
        /// What NATS says.
        reason: String,
    },
}

/// Why something was not done by NATS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// NATS did not answer in time, or cannot be reached. Whether it was done is not known.
    #[error("unavailable")]
    Unavailable,
    /// NATS does not take it.
    #[error("{0}")]
    Refused(String),
}

/// Why a message is not sent to a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// No gateway has it, or the one that had it is gone: the message was sent to nobody.
    #[error("the peer is connected to no gateway")]
    Nowhere,
    /// NATS did not do it.
    #[error(transparent)]
    Nats(#[from] NatsError),
}

impl NatsError {
    pub(crate) fn refused(reason: impl fmt::Display) -> Self {
        Self::Refused(reason.to_string())
    }
}

impl From<UriTooLong> for NatsError {
    fn from(error: UriTooLong) -> Self {
        Self::refused(error)
    }
}
