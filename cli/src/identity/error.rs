//! Why there is no identity, of one's own or of a server, that can be used.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::public_key::PublicKey;

#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// A file of public keys cannot be read.
    #[error("cannot read the public keys in {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// It has something else in it.
    #[error("line {line} of {} is not {what}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        what: &'static str,
    },
    /// It has two keys for a server.
    #[error("line {line} of {} has another key for the address of line {first}", path.display())]
    Twice {
        path: PathBuf,
        line: usize,
        /// The line above it.
        first: usize,
    },
    /// A key cannot be kept.
    #[error("cannot keep the server's key in {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    /// The keys of peers cannot be kept.
    #[error("cannot keep the peers' keys in {}: {error}", path.display())]
    KeepPeers { path: PathBuf, error: io::Error },
    /// There is no other server at the address, or somebody is in between.
    #[error(
        "the server at {address} has the key {key}, and another one by line {line} of {}", path.display()
    )]
    Changed {
        address: String,
        key: PublicKey,
        path: PathBuf,
        line: usize,
    },
    /// The same, and this process has spoken with another key.
    #[error("the server at {address} has the key {key}, and had {seen} before")]
    Other {
        address: String,
        key: PublicKey,
        seen: PublicKey,
    },
    /// The server is not one of those that were named.
    #[error("the server at {address} has the key {key}, which --server-key does not name")]
    NotPinned { address: String, key: PublicKey },
    /// The server does not introduce itself, or without a key, where it is known to have one.
    #[error("the server at {address} has no identity for X25519, though {known}")]
    Missing { address: String, known: Source },
    /// The same of a server that is not known.
    #[error("the server at {0} has no identity for X25519")]
    None(String),
}

/// Where a server's key is known from.
#[derive(Debug)]
pub(crate) enum Source {
    Option,
    Line {
        path: PathBuf,
        line: usize,
    },
    /// This process has spoken with it.
    Before,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => f.write_str("--server-key names its key"),
            Self::Line { path, line } => {
                write!(f, "line {line} of {} has its key", path.display())
            }
            Self::Before => f.write_str("it had one before"),
        }
    }
}

impl IdentityError {
    /// What a person may try.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            // Of servers no file is missed.
            Self::Read { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                "it is made by hand: `netaio keygen public` prints a client's line for it"
            }
            Self::Read { .. } | Self::Line { .. } => return None,
            Self::Twice { .. } => {
                "one of them is wrong: `netaio serve` says its key when it starts"
            }
            Self::KeepPeers { .. } => "--known-peers names another file",
            Self::Write { .. } => "--known-servers names another file; --server-key needs none",
            Self::Changed { .. } => {
                "somebody may pose as the server; where it has a new key, remove that line, and the new one is trusted"
            }
            Self::Other { .. } => {
                "somebody may pose as the server: ask whoever runs it before you start this again"
            }
            Self::NotPinned { .. } => {
                "somebody may pose as the server; `netaio serve` says its key when it starts"
            }
            Self::Missing { .. } => {
                "somebody may pose as the server, who would read all that is sent: ask whoever runs it"
            }
            Self::None(_) => {
                "`netaio serve` has one with --identity-file; without that option here it is asked without X25519"
            }
        })
    }

    /// Whether it was the user's to say something else.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Read { .. } | Self::Line { .. } | Self::Twice { .. } | Self::Write { .. }
        )
    }
}
